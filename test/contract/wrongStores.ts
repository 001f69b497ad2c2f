/**
 * Stores that are wrong on purpose, each in one way, over the one in memory: what the contract is judged by.
 */
import { wrongAdmins } from "./wrongAdmins.ts"
import { wrongReaders } from "./wrongReaders.ts"
import type { WrongStore } from "./wrongStore.ts"
import { wrongWriters } from "./wrongWriters.ts"

/** The whole shelf. */
export const wrongStores: ReadonlyArray<WrongStore> = [...wrongWriters, ...wrongReaders, ...wrongAdmins]
