import { EventStore } from "@varve/core"
import { runProgramContract } from "./runProgramContract.ts"

runProgramContract("memory", EventStore.layerMemory)
