import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"

/** One channel for all stores of a database: the payload is the schema, and what has moved in it. */
const channel = "varve"

/**
 * How long a notification waits for more to tell. A NOTIFY takes a lock that all commits of the server take, so in each
 * append it would cost two thirds of the throughput; this way it is one in a while, and outside of the appends.
 */
const debounce = "20 millis"

/** After how long a connection that was lost is opened again. */
const reconnect = Schedule.spaced("1 second")

/** What is published in this process when events were written, and when rows and checkpoints have moved. */
export interface Signals {
  readonly written: Effect.Effect<void>
  readonly moved: Effect.Effect<void>
}

/**
 * Tells other processes of what was written, and publishes what they tell. The result is what to run when something was
 * written. A hint in both directions: what is lost is found by polling.
 */
export const make = (
  client: PgClient.PgClient,
  schema: string,
  publish: Signals
): Effect.Effect<Signals, never, Scope.Scope> =>
  Effect.gen(function*() {
    const rows = `${schema} rows`
    const listen = Effect.scoped(Effect.gen(function*() {
      const notifications = yield* client.listen(channel)
      // What was told while nobody listened.
      yield* publish.written
      yield* publish.moved
      while (true) {
        const { payload } = yield* Queue.take(notifications)
        if (payload === schema) yield* publish.written
        if (payload === rows) yield* publish.moved
      }
    }))
    yield* Effect.forkScoped(Effect.repeat(Effect.ignoreCause(listen), reconnect))

    const scope = yield* Effect.scope
    const telling = (payload: string, publish: Effect.Effect<void>): Effect.Effect<void> => {
      let waiting = false
      const tell = Effect.gen(function*() {
        yield* Effect.sleep(debounce)
        waiting = false
        yield* Effect.ignoreCause(Effect.timeout(client.notify(channel, payload), "5 seconds"))
      })
      return Effect.andThen(
        publish,
        Effect.suspend(() => {
          if (waiting) return Effect.void
          waiting = true
          return Effect.asVoid(Effect.forkIn(tell, scope))
        })
      )
    }
    return { written: telling(schema, publish.written), moved: telling(rows, publish.moved) }
  })
