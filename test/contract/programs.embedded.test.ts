import * as TestServer from "../support/TestServer.ts"
import { runProgramContract } from "./runProgramContract.ts"

runProgramContract("embedded", TestServer.layerEmbedded())
