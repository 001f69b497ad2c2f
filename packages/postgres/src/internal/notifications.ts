import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"

/** One channel for all stores of a database: the payload is the schema. */
const channel = "varve"

/**
 * How long a notification waits for more to tell. A NOTIFY takes a lock that all commits of the server take, so in each
 * append it would cost two thirds of the throughput; this way it is one in a while, and outside of the appends.
 */
const debounce = "20 millis"

/** After how long a connection that was lost is opened again. */
const reconnect = Schedule.spaced("1 second")

/**
 * Tells other processes of new events, and publishes what they tell. The result is what to run when events were
 * written. A hint in both directions: what is lost is found by polling.
 */
export const make = (
  client: PgClient.PgClient,
  schema: string,
  publish: Effect.Effect<void>
): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const listen = Effect.scoped(Effect.gen(function*() {
      const notifications = yield* client.listen(channel)
      // What was told while nobody listened.
      yield* publish
      while (true) {
        const { payload } = yield* Queue.take(notifications)
        if (payload === schema) yield* publish
      }
    }))
    yield* Effect.forkScoped(Effect.repeat(Effect.ignoreCause(listen), reconnect))

    let telling = false
    const scope = yield* Effect.scope
    const tell = Effect.gen(function*() {
      yield* Effect.sleep(debounce)
      telling = false
      yield* Effect.ignoreCause(Effect.timeout(client.notify(channel, schema), "5 seconds"))
    })
    return Effect.andThen(
      publish,
      Effect.suspend(() => {
        if (telling) return Effect.void
        telling = true
        return Effect.asVoid(Effect.forkIn(tell, scope))
      })
    )
  })
