/**
 * What the `varve` command works on here: the bank, and the store that keeps its events.
 */
import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { Embedded, Postgres } from "@varve/postgres"
import { Redacted } from "effect"
import { join } from "node:path"
import { Bank } from "./src/Bank.ts"

const url = process.env["DATABASE_URL"]

// #region project
export default Project.make({
  domains: [Bank],
  upcaster: Upcaster.layer(),
  // The place that `npm start` uses, wherever the command runs, unless a server is named.
  store: (opening) =>
    url === undefined || url === ""
      ? Embedded.layer({ dataDir: join(import.meta.dirname, "../../.varve/bank"), ...opening })
      : Postgres.layerPool({ url: Redacted.make(url), ...opening })
})
// #endregion
