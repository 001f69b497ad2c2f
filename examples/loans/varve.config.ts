/**
 * What the `varve` command works on here: the applications for loans, and the store that keeps their events.
 */
import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { Embedded, Postgres } from "@varve/postgres"
import { Redacted } from "effect"
import { Loans } from "./src/Loans.ts"

const url = process.env["DATABASE_URL"]

export default Project.make({
  domains: [Loans],
  upcaster: Upcaster.layer(),
  // The place that the program uses, unless a server is named.
  store: (opening) =>
    url === undefined || url === ""
      ? Embedded.layer({ dataDir: ".varve/loans", ...opening })
      : Postgres.layerPool({ url: Redacted.make(url), timeout: "60 seconds", ...opening })
})
