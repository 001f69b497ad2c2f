/** The store that the command and a test both have, in one process. */
import type { Project } from "@varve/cli"
import { Context, Layer } from "effect"

// The configuration may be loaded beside the modules of the test.
const place = Symbol.for("varve/test/cli/checkup")
const holder = globalThis as { [place]?: Context.Context<Project.Services> }

export const hold = (context: Context.Context<Project.Services>): void => {
  holder[place] = context
}

export const layer: Layer.Layer<Project.Services> = Layer.suspend(() => Layer.succeedContext(holder[place]!))
