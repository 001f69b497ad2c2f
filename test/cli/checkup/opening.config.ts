import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { open } from "./Opening.ts"
import { options, Shop } from "./Orders.ts"

export default Project.make({ domains: [Shop], upcaster: Upcaster.layer(options), store: open })
