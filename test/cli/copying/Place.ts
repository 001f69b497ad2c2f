/**
 * Where the projects of these tests keep their events: what the test says, or the database that `DATABASE_URL` names.
 */
import type { Project } from "@varve/cli"
import { Postgres } from "@varve/postgres"
import { Layer, Redacted } from "effect"

interface Held {
  store?: Layer.Layer<Project.Services, unknown>
  merge?: (origins: ReadonlyArray<unknown>) => unknown
}

// One for all modules, however they are loaded.
const key = Symbol.for("@varve/test/copying/Place")
const held: Held = (globalThis as { [key]?: Held })[key] ??= {}

/** Opens the store that was set last. */
export const store = (opening: Project.Opening): Layer.Layer<Project.Services, unknown> => {
  if (held.store !== undefined) return held.store
  const url = process.env["DATABASE_URL"]
  if (url === undefined) throw new Error("neither a store nor DATABASE_URL is set")
  return Postgres.layerPool({ url: Redacted.make(url), ...opening })
}

export const set = (store: Layer.Layer<Project.Services, unknown>): void => {
  held.store = store
}

/** Merges as the test says that was set last. */
export const merge = (origins: ReadonlyArray<unknown>): unknown => held.merge!(origins)

export const setMerge = (merge: (origins: ReadonlyArray<unknown>) => unknown): void => {
  held.merge = merge
}
