import { EventStore } from "@varve/core"
import { memoryLacks } from "./judge.ts"
import { runRowContract } from "./runRowContract.ts"

runRowContract("memory", EventStore.layerMemory, { lacks: memoryLacks })
