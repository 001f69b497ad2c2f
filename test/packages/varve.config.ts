/** What a user of the command writes, for the domain of `usage.ts`. */
import { Project } from "@varve/cli"
import { Embedded } from "@varve/postgres"
import { Counting, upcaster } from "./usage.ts"

const { VARVE_CATALOG, VARVE_DATA } = process.env

export default Project.make({
  domains: [Counting],
  upcaster,
  store: (opening) => Embedded.layer({ dataDir: VARVE_DATA ?? "data", ...opening }),
  catalog: VARVE_CATALOG ?? "varve.catalog.json"
})
