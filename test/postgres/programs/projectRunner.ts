/**
 * Runs projections, or a subscription, on a database, and says in lines what it does:
 *
 * - `running` when it begins, `opened` for each entry that it has made or found
 * - `owns <partitions>` whenever it has asked for leases and has some, or has none any more
 * - `committed <number>` after each batch, 0 for one without events, `answered <outcome>` for one that was not taken
 * - `delivered <position>` after each event of the subscription
 * - `stopped` where it was told to stop: from there it waits for a line
 *
 * Arguments: the URL of the database, and `Orders` as JSON.
 */
import { PgClient } from "@effect/sql-pg"
import { Projection, RowStore, Upcaster } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Layer, Logger, Redacted } from "effect"
import { once } from "node:events"
import { Chains, Journal, Steps } from "./projectDefinitions.ts"

/** What the program is told. */
export interface Orders {
  readonly run: "projections" | "subscription"
  readonly options: Projection.RunOptions
  /**
   * Where it stops: at which batch (counted from 1, by all that it runs) or, for the subscription, at which delivery.
   * `within` is inside of the transaction, after everything that is written in it but the batch itself; `twice` is before
   * it and within.
   */
  readonly stop?: { readonly at: number; readonly when: "before" | "within" | "twice" | "after" } | undefined
}

const say = (line: string) => Effect.sync(() => void process.stdout.write(`${line}\n`))

/** Waits for a line. Nothing else of the process waits. */
const stopHere = Effect.andThen(say("stopped"), Effect.promise(() => once(process.stdin, "data")))

const watched = (rows: RowStore.RowStore["Service"], stop: Orders["stop"]): RowStore.RowStore["Service"] => {
  let batches = 0
  const commit: RowStore.RowStore["Service"]["commit"] = (batch, within) =>
    Effect.gen(function*() {
      // A batch without events is none to be stopped in.
      const empty = batch.rows.length === 0 && within === undefined
      const number = empty ? 0 : ++batches
      const at = number > 0 && number === stop?.at ? stop.when : undefined
      if (at === "before" || at === "twice") yield* stopHere
      const outcome = yield* at === "within" || at === "twice"
        ? rows.commit(batch, Effect.andThen(within ?? Effect.void, stopHere))
        : rows.commit(batch, within)
      if (at === "after") yield* stopHere
      yield* say(outcome === "Committed" ? `committed ${number}` : `answered ${outcome}`)
      return outcome
    })
  const owned = new Map<string, number>()
  const acquire: RowStore.RowStore["Service"]["acquire"] = (request) =>
    Effect.tap(rows.acquire(request), ({ leases }) => {
      const { name } = request.target
      if (leases.length === 0 && owned.get(name) === 0) return Effect.void
      owned.set(name, leases.length)
      return say(`owns ${leases.length}`)
    })
  const open: RowStore.RowStore["Service"]["open"] = (request) => Effect.tap(rows.open(request), say("opened"))
  return { ...rows, commit, acquire, open }
}

/** Writes each delivery down, outside of any transaction of the store. */
const deliver = (stop: Orders["stop"]) => {
  let deliveries = 0
  return Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    return Steps.run({
      Stepped: (_, { key, position }) =>
        Effect.gen(function*() {
          deliveries++
          if (deliveries === stop?.at) yield* stopHere
          yield* sql`INSERT INTO deliveries (position, key, process) VALUES (${`${position}`}, ${key}, ${process.pid})`
          yield* say(`delivered ${position}`)
        })
    }, { ...orders.options })
  }).pipe(Effect.flatten)
}

// What a test has written.
const orders = JSON.parse(process.argv[3]!) as Orders

const program = Effect.gen(function*() {
  yield* say("running")
  return yield* orders.run === "projections"
    ? Projection.run([Chains, Journal], orders.options)
    : deliver(orders.stop)
})

const watchedRows = Layer.effect(
  RowStore.RowStore,
  Effect.map(RowStore.RowStore, (rows) => watched(rows, orders.run === "projections" ? orders.stop : undefined))
)

await Effect.runPromise(
  program.pipe(
    Effect.provide(
      watchedRows.pipe(
        Layer.provideMerge([Postgres.layerPool({ url: Redacted.make(process.argv[2]!) }), Upcaster.layer()])
      )
    ),
    // Lines are what the test reads.
    Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]))
  )
)
