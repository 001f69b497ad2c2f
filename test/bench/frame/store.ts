/**
 * Varve as it is measured: callers that append, each waiting for its answer, on any store.
 */
import { EventStore, StreamName } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Redacted } from "effect"
import { latencies, type Sample } from "./measure.ts"

/** About 200 and 60 bytes of JSON. */
export const payload = { owner: "Ada Lovelace", note: "x".repeat(120), amount: 1_234, currency: "EUR" }
export const metadata = { correlationId: "5b1c3e4f-7f1a-4a55-9c1c-0f7f2f6f9d11", actor: "bench" }

/** A store on a server, with the pool that a program gets unless it says otherwise. */
export const layer = (url: string, schema?: string) => Postgres.layerPool({ url: Redacted.make(url), schema })

/**
 * Callers that go on until the time is up, each with its own calls, one after the other. The same as `closedLoop`, in
 * fibers.
 */
export const callers = <E, R>(
  count: number,
  seconds: number,
  caller: (going: () => boolean, record: (from: number) => void) => Effect.Effect<void, E, R>
): Effect.Effect<Required<Sample>, E, R> =>
  Effect.suspend(() => {
    const millis: Array<number> = []
    const from = performance.now()
    const until = from + seconds * 1_000
    const going = () => performance.now() < until
    const record = (since: number) => void millis.push(performance.now() - since)
    return Effect.map(
      Effect.all(Array.from({ length: count }, () => caller(going, record)), {
        concurrency: "unbounded",
        discard: true
      }),
      () => ({ value: millis.length / (performance.now() - from) * 1_000, ...latencies(millis) })
    )
  })

let streams = 0

/** Appends commits to new streams. */
export const append = (options: {
  readonly callers: number
  readonly seconds: number
  readonly events?: number
  /** What tells the streams of this process from those of others. */
  readonly prefix?: string
}): Effect.Effect<Required<Sample>, unknown, EventStore.EventStore> =>
  Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const { events: count = 1, prefix = "s" } = options
    const event = { type: "Happened", revision: 1, payload }
    // At least one.
    const events = Array.from({ length: count }, () => event) as [typeof event, ...Array<typeof event>]
    return yield* callers(options.callers, options.seconds, (going, record) =>
      Effect.gen(function*() {
        while (going()) {
          const stream = StreamName.make("Bench", `${prefix}${streams++}`)
          const from = performance.now()
          yield* store.append({ writes: [{ stream, expected: 0, events }], metadata })
          record(from)
        }
      }))
  })
