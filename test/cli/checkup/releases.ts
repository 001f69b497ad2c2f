/** The project of each of the five releases. */
import { Project } from "@varve/cli"
import { Upcaster } from "@varve/core"
import { releases } from "../../evolution/releases.ts"
import { layer } from "./Held.ts"

const [first, second, third, fourth, fifth] = releases

const projectOf = ({ domain, options }: typeof releases[number]) =>
  Project.make({ domains: [domain], upcaster: Upcaster.layer(options), store: () => layer })

export const release1 = projectOf(first)
export const release2 = projectOf(second)
export const release3 = projectOf(third)
export const release4 = projectOf(fourth)
export const release5 = projectOf(fifth)
