import { Embedded } from "@varve/postgres"
import { runRowContract } from "./runRowContract.ts"

runRowContract("embedded", Embedded.layer({}))
