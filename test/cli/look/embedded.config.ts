/** A store on disk, where the process says. */
import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { Embedded } from "@varve/postgres"
import { Lamps, options } from "./Lamps.ts"

export default Project.make({
  domains: [Lamps],
  upcaster: Upcaster.layer(options),
  store: (opening) => Embedded.layer({ dataDir: process.env["VARVE_TEST_DATA"]!, ...opening })
})
