import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { options, Post } from "../../evolution/releases/release5.ts"
import * as Place from "./Place.ts"

export default Project.make({ domains: [Post], upcaster: Upcaster.layer(options), store: Place.store })
