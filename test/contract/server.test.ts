import * as TestServer from "../support/TestServer.ts"
import { runContract } from "./runContract.ts"

runContract("server", TestServer.layer(), { unless: TestServer.skipped })
