/** Runs the command on a store in memory that the test has filled. */
import type { Project } from "@varve/cli"
import { EventStore, StreamName, Upcaster } from "@varve/core"
import { DateTime, Effect, Layer } from "effect"
import type { TerminalCapabilities } from "effect/cli"
import { join } from "node:path"
import * as Cli from "../../support/Cli.ts"
import { hold } from "./Held.ts"
import { options } from "./Lamps.ts"

const config = join(import.meta.dirname, "varve.config.ts")

export const args = (line: ReadonlyArray<string>): ReadonlyArray<string> => [...line, "--config", config]

/** `varve`, with a configuration whose store is that of the test. */
export const varve = Effect.fnUntraced(function*(
  line: ReadonlyArray<string>,
  capabilities?: Partial<TerminalCapabilities.TerminalCapabilities>
) {
  yield* hold
  return yield* Cli.run(args(line), capabilities)
})

/** What it answers to a program, when all is well. */
export const json = Effect.fnUntraced(function*(line: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* varve([...line, "--json"])
  if (code === 2) return yield* Effect.die(new Error(stderr))
  const value: unknown = JSON.parse(stdout)
  return value
})

export const layer: Layer.Layer<Project.Services | Upcaster.Upcaster> = Layer.merge(
  EventStore.layerMemory,
  Upcaster.layer(options)
)

export interface Written {
  readonly id: string
  readonly type: string
  readonly revision?: number
  readonly payload?: Record<string, string | number>
  readonly tenant?: string
  readonly category?: string
  readonly occurredAt?: string
}

/** Writes events, a commit each. */
export const write = Effect.fnUntraced(function*(...events: ReadonlyArray<Written>) {
  const store = yield* EventStore.EventStore
  for (const { category = "Light", id, occurredAt, payload = {}, revision = 1, tenant, type } of events) {
    const stream = StreamName.make(category, id, tenant)
    const at = occurredAt === undefined ? {} : { occurredAt: DateTime.makeUnsafe(occurredAt) }
    yield* store.append({ writes: [{ stream, expected: "any", events: [{ type, revision, payload, ...at }] }] })
  }
})

/** The cells of a table, without its head. */
export const rowsOf = (table: string): ReadonlyArray<ReadonlyArray<string>> =>
  table.trimEnd().split("\n").slice(1).map((line) => line.trim().split(/ {2,}/))
