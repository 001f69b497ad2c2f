import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { layer } from "./Held.ts"
import { Counts, Lamps, options } from "./Lamps.ts"

export default Project.make({
  domains: [Lamps],
  projections: [Counts],
  upcaster: Upcaster.layer(options),
  store: () => layer
})
