/** Runs of custom projections on a server that is slow, or that is lost in the wrong moment. */
import { describe, expect, it } from "@effect/vitest"
import { Event, EventStore, Projection, RowStore, StreamName, Upcaster } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Duration, Effect, Layer, Redacted, Schedule, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Proxy from "../support/Proxy.ts"
import * as TestServer from "../support/TestServer.ts"

class Noted extends Event.make("Noted", { n: Schema.Int }) {}

const note = (...numbers: ReadonlyArray<number>) =>
  Effect.forEach(numbers, (n) =>
    EventStore.EventStore.use((store) =>
      store.append({
        writes: [{
          stream: StreamName.make("Notes", `${n}`),
          expected: "any",
          events: [{ type: "Noted", revision: 1, payload: { n } }]
        }]
      })
    ), { discard: true })

const layer = (options?: Omit<Postgres.PoolConfig, "url">) => (url: string) =>
  Layer.mergeAll(Postgres.layerPool({ ...options, url: Redacted.make(url) }), Upcaster.layer()).pipe(Layer.orDie)

const numbers = SqlClient.SqlClient.use((sql) =>
  Effect.map(sql<{ n: number }>`SELECT n FROM notes ORDER BY n`, (rows) => rows.map(({ n }) => n))
)

/** Writes the numbers into a table. `then` comes behind it, in the same transaction. */
const notes = (then: (n: number) => Effect.Effect<unknown, unknown, SqlClient.SqlClient>) =>
  Projection.custom("Notes", {
    events: [Noted],
    retry: Schedule.recurs(0),
    setup: () => SqlClient.SqlClient.use((sql) => sql`CREATE TABLE IF NOT EXISTS notes (n integer)`),
    handle: {
      Noted: ({ n }) => SqlClient.SqlClient.use((sql) => Effect.andThen(sql`INSERT INTO notes VALUES (${n})`, then(n)))
    }
  })

/** Waits until something holds, for ten seconds at the most. */
const eventually = <E, R>(what: string, holds: Effect.Effect<boolean, E, R>) =>
  Effect.retry(
    Effect.filterOrFail(holds, (held) => held, () => new Error(`It never came to it: ${what}`)),
    Schedule.max([Schedule.spaced("20 millis"), Schedule.recurs(500)])
  )

const options = { poll: "50 millis" } as const

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  it.live("a page of handlers that takes longer than the store waits is worked in smaller ones", () =>
    Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* Effect.gen(function*() {
        const Notes = notes(() => Effect.sleep("50 millis"))
        yield* note(...Array.from({ length: 40 }, (_, i) => i))
        yield* Effect.forkScoped(Projection.run([Notes], options))
        yield* eventually(
          "all are there",
          Effect.map(Effect.orElseSucceed(numbers, () => []), ({ length }) => length === 40)
        )
      }).pipe(Effect.provide(layer({ timeout: "1 second" })(url)))
    }).pipe(Effect.scoped))

  it.live("a batch may have more rows than a call has arguments", () =>
    Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* Effect.gen(function*() {
        const rows = yield* RowStore.RowStore
        const target: RowStore.Target = { kind: "projection", name: "Wide", revision: 1 }
        yield* rows.open({ target, mode: "async" })
        const many = Array.from(
          { length: 200_000 },
          (_, i): RowStore.RowWrite => ({ tenant: "", key: `k${i}`, value: "1", position: 1, index: 0, sorts: [] })
        )
        // Of a partition that is not there, so that nothing has to be written.
        const place = { target, partition: 1, fence: undefined, from: 0, to: 1, rate: 0, lease: Duration.zero }
        expect(yield* rows.commit({ ...place, rows: many, park: [], unpark: [] })).toBe("Stopped")
      }).pipe(Effect.provide(layer()(url)))
    }).pipe(Effect.scoped))

  it.live("an event is not parked because its connection was ended", () =>
    Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* Effect.gen(function*() {
        let first = true
        const Notes = notes(() =>
          SqlClient.SqlClient.use((sql) =>
            Effect.suspend((): Effect.Effect<unknown, unknown> => {
              if (!first) return Effect.void
              first = false
              return sql`SELECT pg_terminate_backend(pg_backend_pid())`
            })
          )
        )
        yield* note(1, 2, 3)
        yield* Effect.forkScoped(Projection.run([Notes], options))
        yield* Projection.whenCaughtUp(Notes)
        expect(yield* Projection.parked(Notes)).toEqual([])
        expect(yield* numbers).toEqual([1, 2, 3])
      }).pipe(Effect.provide(layer()(url)))
    }).pipe(Effect.scoped))

  it.live("a parked event has its effect once, also when the connection is lost behind COMMIT", () =>
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const proxy = yield* Proxy.make(url)
      yield* Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        let state: "broken" | "slow" | "done" = "broken"
        const Notes = notes(() =>
          Effect.suspend(() => {
            if (state === "broken") return Effect.fail(new Error("broken"))
            if (state === "done") return Effect.void
            state = "done"
            const committing = sql`SELECT 1 FROM pg_stat_activity
              WHERE datname = current_database() AND state = 'active' AND query = 'COMMIT'`
            const committed = Effect.map(committing, ({ length }) => length === 1)
            return Effect.sync(() => {
              // In no transaction.
              Effect.runFork(Effect.andThen(eventually("COMMIT is under way", committed), proxy.cut))
            })
          })
        )
        yield* sql`CREATE TABLE notes (n integer)`
        yield* sql.unsafe(
          `CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END'`
        )
        yield* sql`CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly()`
        yield* note(1)
        yield* Effect.forkScoped(
          Effect.provide(Projection.run([Notes], options), layer()(proxy.url))
        )
        yield* Projection.whenCaughtUp(Notes)
        expect((yield* Projection.parked(Notes)).length).toBe(1)
        state = "slow"
        yield* Projection.retry(Notes, "1")
        yield* eventually("it is drained", Effect.map(Projection.parked(Notes), ({ length }) => length === 0))
        // What was begun again meanwhile is over before the next event comes.
        yield* note(2)
        yield* Projection.whenCaughtUp(Notes, { timeout: "10 seconds" })
        expect(yield* numbers).toEqual([1, 2])
      }).pipe(Effect.provide(layer()(url)))
    }).pipe(Effect.scoped))
})
