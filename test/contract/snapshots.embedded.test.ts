import * as TestServer from "../support/TestServer.ts"
import { runSnapshotContract } from "./runSnapshotContract.ts"

runSnapshotContract("embedded", TestServer.layerEmbedded())
