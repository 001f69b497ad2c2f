/**
 * Data directories of embedded stores as a first start leaves them, before any migration: making one takes seconds,
 * copying one a fraction of that. What a test is about making one, makes one.
 */
import { Embedded } from "@varve/postgres"
import { Effect, Layer, type Scope } from "effect"
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inject } from "vitest"

/** The one that all are copies of. The first who needs it makes it; the run removes it. */
const template = join(inject("varveFolder"), "embedded")

const made = Effect.gen(function*() {
  if (existsSync(template)) return
  const draft = `${template}.${process.pid}`
  yield* Effect.scoped(Layer.build(Embedded.layer({ dataDir: draft, migrate: "manual" })))
  try {
    renameSync(draft, template)
  } catch (error) {
    // Another worker made it in the meantime.
    if (!existsSync(template)) throw error
    rmSync(draft, { recursive: true })
  }
}).pipe(Effect.orDie)

/** Makes `directory`, for a store to open and migrate. */
export const makeAt = (directory: string): Effect.Effect<void> =>
  Effect.andThen(made, Effect.sync(() => cpSync(template, directory, { recursive: true })))

/** One that is removed with the scope. */
export const make: Effect.Effect<string, never, Scope.Scope> = Effect.tap(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "varve-embedded-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  ),
  makeAt
)
