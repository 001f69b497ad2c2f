import { Embedded } from "@varve/postgres"
import { runContract } from "./runContract.ts"

runContract("embedded", Embedded.layer({}))
