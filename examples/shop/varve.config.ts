/**
 * What the `varve` command works on here: the shop, and the store that keeps its events.
 */
import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { Embedded, Postgres } from "@varve/postgres"
import { Redacted } from "effect"
import { join } from "node:path"
import { Shop } from "./src/domain/Shop.ts"

const url = process.env["DATABASE_URL"]

export default Project.make({
  domains: [Shop],
  upcaster: Upcaster.layer(),
  // The place of `npm run shop -- --data .varve/shop`, wherever the command runs, unless a server is named.
  store: (opening) =>
    url === undefined || url === ""
      ? Embedded.layer({ dataDir: join(import.meta.dirname, "../../.varve/shop"), ...opening })
      : Postgres.layerPool({ url: Redacted.make(url), ...opening })
})
