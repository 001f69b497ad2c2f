/** The database that the command opens itself, by the way it wants it opened. */
import type { Project } from "@varve/cli"
import { Postgres } from "@varve/postgres"
import { Layer, Redacted } from "effect"

// The configuration may be loaded beside the modules of the test.
const place = Symbol.for("varve/test/cli/opening")
const holder = globalThis as { [place]?: string }

export const openAt = (url: string): void => {
  holder[place] = url
}

export const open = (opening: Project.Opening): Layer.Layer<Project.Services, unknown> =>
  Postgres.layerPool({ url: Redacted.make(holder[place]!), maxConnections: 2, ...opening })
