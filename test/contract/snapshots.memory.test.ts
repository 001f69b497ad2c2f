import { EventStore } from "@varve/core"
import { runSnapshotContract } from "./runSnapshotContract.ts"

runSnapshotContract("memory", EventStore.layerMemory)
