import * as TestServer from "../support/TestServer.ts"
import { runRowContract } from "./runRowContract.ts"

runRowContract("embedded", TestServer.layerEmbedded())
