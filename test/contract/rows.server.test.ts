import * as TestServer from "../support/TestServer.ts"
import { runRowContract } from "./runRowContract.ts"

runRowContract("server", TestServer.layer(), { unless: TestServer.skipped })
