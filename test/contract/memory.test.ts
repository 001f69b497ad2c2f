import { EventStore } from "@varve/core"
import { runContract } from "./runContract.ts"

runContract("memory", EventStore.layerMemory)
