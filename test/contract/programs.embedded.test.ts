import { Embedded } from "@varve/postgres"
import { runProgramContract } from "./runProgramContract.ts"

runProgramContract("embedded", Embedded.layer({}))
