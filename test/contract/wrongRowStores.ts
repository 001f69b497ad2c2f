/**
 * Row stores that are wrong on purpose, each in one way, over the one in memory: what their contract is judged by.
 */
import { wrongBatches } from "./wrongBatches.ts"
import { wrongEntries } from "./wrongEntries.ts"
import { wrongRiders } from "./wrongRiders.ts"
import { wrongRowReaders } from "./wrongRowReaders.ts"
import type { WrongRowStore } from "./wrongRowStore.ts"

/** The whole shelf. */
export const wrongRowStores: ReadonlyArray<WrongRowStore> = [
  ...wrongBatches,
  ...wrongEntries,
  ...wrongRowReaders,
  ...wrongRiders
]
