import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { layer } from "./Held.ts"
import { options, Ratings, Shop } from "./Orders.ts"

export default Project.make({
  domains: [Shop],
  projections: [Ratings],
  upcaster: Upcaster.layer(options),
  store: () => layer
})
