/** Custom projections on a database: what a handler writes is there exactly once, or not at all. */
import { assert, describe, it } from "@effect/vitest"
import { Projection, Rebuild, Subscription, Upcaster } from "@varve/core"
import { Effect, Layer, Option, Schedule, Stream } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as TestServer from "../support/TestServer.ts"
import { place, Placed, placed, totals, write } from "./Running.ts"

interface Line {
  readonly position: number
  readonly customer: string
  readonly cents: number
}

const report = (revision: number, broken: () => boolean) =>
  Projection.custom("Report", {
    events: [Placed],
    revision,
    key: { Placed: ({ customer }) => customer },
    retry: Schedule.recurs(1),
    setup: (table) =>
      SqlClient.use((sql) =>
        sql`CREATE TABLE IF NOT EXISTS ${sql(table("orders"))} (position int, customer text, cents int)`
      ),
    drop: (table) => SqlClient.use((sql) => sql`DROP TABLE ${sql(table("orders"))}`),
    handle: {
      Placed: ({ cents, customer }, { position, table }) =>
        Effect.gen(function*() {
          const sql = yield* SqlClient
          yield* sql`INSERT INTO ${sql(table("orders"))} VALUES (${position}, ${customer}, ${cents})`
          // What was written is undone, with all that was written before it in the page.
          if (cents < 0 && broken()) return yield* Effect.fail(new Error(`cents: ${cents}`))
        })
    }
  })

const lines = (table: string) =>
  SqlClient.use((sql) => sql<Line>`SELECT position, customer, cents FROM ${sql(table)} ORDER BY position`).pipe(
    Effect.map((rows) => rows.map(({ cents, customer, position }) => [position, customer, cents]))
  )

/** Waits until something holds, for ten seconds at the most. */
const eventually = <E, R>(holds: Effect.Effect<boolean, E, R>) =>
  Effect.retry(
    Effect.filterOrFail(holds, (held) => held, () => new Error("It never came to it")),
    Schedule.max([Schedule.spaced("20 millis"), Schedule.recurs(500)])
  )

describe("on a database", () => {
  it.live(
    "a custom projection writes each event once, parks what fails, and is rebuilt beside",
    () =>
      Effect.gen(function*() {
        let broken = true
        const Report = report(1, () => broken)
        yield* write("o", placed("ada", 1), placed("bob", 2))
        yield* place("ada", -5)
        yield* place("ada", 3)
        yield* place("bob", 4)
        yield* Effect.forkScoped(Projection.run([Report], { poll: "50 millis" }))
        yield* Projection.whenCaughtUp(Report, { timeout: "10 seconds" })
        assert.deepStrictEqual(yield* lines("orders_1"), [[1, "ada", 1], [2, "bob", 2], [5, "bob", 4]])
        const parked = yield* Projection.parked(Report)
        assert.deepStrictEqual(parked.map(({ attempts, position }) => [position, attempts]), [[3, 2], [4, 0]])
        broken = false
        yield* Projection.retry(Report, "ada")
        yield* eventually(Effect.map(Projection.parked(Report), (parked) => parked.length === 0))
        assert.strictEqual((yield* lines("orders_1")).length, 5)

        const Next = report(2, () => broken)
        yield* Stream.runDrain(Rebuild.build(Next))
        assert.deepStrictEqual(yield* lines("orders_2"), [[1, "ada", 1], [2, "bob", 2], [3, "ada", -5], [4, "ada", 3], [
          5,
          "bob",
          4
        ]])
        yield* Rebuild.switchTo(Next)
        yield* Projection.pause(Report)
        yield* Rebuild.drop(Next, 1)
        assert.strictEqual((yield* Effect.flip(lines("orders_1")))._tag, "SqlError")
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(TestServer.layerEmbedded(), Upcaster.layer()))),
    60_000
  )

  it.live("a pure projection and a subscription run beside each other", () =>
    Effect.gen(function*() {
      const Totals = totals()
      const seen: Array<number> = []
      class Watch extends Subscription.make("Watch", { events: [Placed] }) {}
      yield* Effect.forkScoped(Projection.run([Totals], { partitions: 3, pageSize: 10 }))
      yield* Effect.forkScoped(Watch.run({ Placed: (_, { position }) => Effect.sync(() => seen.push(position)) }))
      yield* Effect.forEach(Array.from({ length: 200 }, (_, i) => i), (i) => place(`c${i % 20}`, 1), {
        concurrency: 20
      })
      yield* Projection.whenCaughtUp(Totals, { timeout: "10 seconds" })
      yield* Watch.whenCaughtUp({ timeout: "10 seconds" })
      assert.deepStrictEqual(seen, Array.from({ length: 200 }, (_, i) => i + 1))
      yield* Stream.runDrain(Rebuild.build(totals({ revision: 2 })))
      const comparison = yield* Rebuild.compare(totals({ revision: 2 }))
      assert.deepInclude(comparison, { examined: 20, equal: 20, different: 0, unsettled: 0 })
      const status = Option.getOrThrow(yield* Projection.status(Totals))
      assert.isAbove(status.rate, 0)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(TestServer.layerEmbedded(), Upcaster.layer()))), 60_000)
})
