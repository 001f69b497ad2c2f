/**
 * Says ready, waits for a line, and appends 64 times at once to the same stream, which all of them expect to be new.
 * Prints how many won, and what became of the others.
 */
import { EventStore, StreamName } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Redacted } from "effect"
import { once } from "node:events"

const commit = {
  writes: [{
    stream: StreamName.make("Race", "1"),
    expected: 0,
    events: [{ type: "Won", revision: 1, payload: { pid: process.pid } }]
  }]
} as const

const race = Effect.gen(function*() {
  const store = yield* EventStore.EventStore
  console.log("ready")
  yield* Effect.promise(() => once(process.stdin, "data"))
  const results = yield* Effect.all(
    Array.from({ length: 64 }, () =>
      Effect.flip(store.append(commit)).pipe(
        Effect.map(({ reason }) => reason._tag === "Conflict" ? `Conflict at ${reason.actual}` : reason._tag),
        Effect.catch(() => Effect.succeed("Won"))
      )),
    { concurrency: "unbounded" }
  )
  console.log(JSON.stringify(results))
})

await Effect.runPromise(Effect.provide(race, Postgres.layerPool({ url: Redacted.make(process.argv[2]!) })))
process.exit()
