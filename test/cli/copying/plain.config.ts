import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { options, Shop } from "./Orders.ts"
import * as Place from "./Place.ts"

export default Project.make({ domains: [Shop], upcaster: Upcaster.layer(options), store: Place.store })
