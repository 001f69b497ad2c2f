import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { RowStore, StoreAdmin } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Context, Deferred, Duration, Effect, Fiber, Layer, Option, Redacted, type Scope, Stream } from "effect"
import * as TestServer from "../support/TestServer.ts"

const target: RowStore.Target = { kind: "projection", name: "Rows", revision: 1 }

const row = (key: string, position: number, value: string | null = "{}"): RowStore.RowWrite => ({
  tenant: "",
  key,
  value,
  position,
  index: 0,
  sorts: value === null ? [] : [key]
})

const batch = (more: Partial<RowStore.Batch> & Pick<RowStore.Batch, "from" | "to">): RowStore.Batch => ({
  target,
  partition: 0,
  fence: undefined,
  rows: [],
  park: [],
  unpark: [],
  rate: 0,
  lease: Duration.minutes(1),
  ...more
})

const suite = (provide: <A, E>(self: Effect.Effect<A, E, TestServer.Provides>) => Effect.Effect<A, E>) => {
  const test = (name: string, body: Effect.Effect<void, unknown, TestServer.Provides | Scope.Scope>) =>
    it.live(name, () => provide(Effect.scoped(body)))

  test(
    "a checkpoint ahead of the events is found",
    Effect.gen(function*() {
      const [rows, admin] = [yield* RowStore.RowStore, yield* StoreAdmin.StoreAdmin]
      yield* rows.open({ target, mode: "async", partitions: 2 })
      expect(yield* admin.verify).toEqual([])
      yield* rows.commit(batch({ partition: 1, from: 0, to: 7 }))
      expect(yield* admin.verify).toEqual([
        { what: "checkpoint of partition 1 of projection Rows, revision 1", expected: "at most 0", actual: "7" }
      ])
    })
  )

  test(
    "a drop that was cut off is finished by the next one, and its rows are nobody's meanwhile",
    Effect.gen(function*() {
      const [rows, sql] = [yield* RowStore.RowStore, yield* PgClient.PgClient]
      const count = Effect.map(
        sql<
          { n: string }
        >`SELECT (SELECT count(*) FROM varve.rows) || ' ' || (SELECT count(*) FROM varve.entries) AS n`,
        ([row]) => row!.n
      )
      yield* rows.open({ target, mode: "async" })
      yield* rows.commit(batch({ from: 0, to: 2, rows: [row("a", 1), row("b", 2)] }))
      expect(yield* sql`SELECT varve.drop_entry_1('projection', 'Rows', 1) AS x`).toEqual([{ x: "dropped" }])
      expect(yield* count).toBe("2 1")
      expect(yield* rows.find({ name: "Rows", tenant: "" }, ["a"])).toEqual(Option.none())
      const opened = yield* rows.open({ target, mode: "async" })
      expect(opened.checkpoints[0].position).toBe(0)
      expect((yield* rows.load(target, [{ tenant: "", key: "a" }])).rows).toEqual([])
      yield* rows.commit(batch({ from: 0, to: 1, rows: [row("a", 1)] }))
      yield* rows.drop(target)
      expect(yield* count).toBe("0 0")
    })
  )

  test(
    "what cannot be a number, a name or an index is refused before it is asked of the database",
    Effect.gen(function*() {
      const rows = yield* RowStore.RowStore
      const list = { name: "Rows", tenant: "", index: undefined, backward: false, limit: 1 }
      const wrong: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        rows.open({ target: { ...target, name: "no name" }, mode: "async" }),
        rows.open({ target: { ...target, revision: 0 }, mode: "async" }),
        rows.open({ target, mode: "async", partitions: 65 }),
        rows.open({ target, mode: "async", position: -1 }),
        rows.list({ ...list, index: 4 }),
        rows.list({ ...list, limit: 0.5 }),
        rows.count({ ...list, index: Number.NaN }),
        rows.parked({ target, limit: -1 }),
        rows.commit(batch({ from: 0, to: Number.NaN })),
        rows.commit(batch({ from: 5, to: 4 })),
        rows.commit(batch({ from: 0, to: 1, partition: -1 })),
        rows.commit(batch({ from: 0, to: 1, rows: [{ ...row("a", 1), sorts: ["", "", "", "", ""] }] }))
      ]
      for (const effect of wrong) {
        expect(yield* Effect.flip(effect)).toMatchObject({ operation: "rows", reason: { _tag: "Refused" } })
      }
    })
  )

  test(
    "parked causes are text that the database can hold",
    Effect.gen(function*() {
      const rows = yield* RowStore.RowStore
      yield* rows.open({ target, mode: "async" })
      const parked: RowStore.Parked = {
        tenant: "",
        key: "a",
        position: 1,
        index: 0,
        eventId: "event",
        type: "Happened",
        attempts: 1,
        cause: "a\u0000b",
        parkedAt: (yield* rows.open({ target, mode: "async" })).checkpoints[0].movedAt,
        due: false
      }
      const failure = { ...parked, at: parked.parkedAt }
      expect(yield* rows.commit(batch({ from: 0, to: 1, park: [parked], failure }))).toBe("Committed")
      const [found] = yield* rows.parked({ target, limit: 10 })
      expect(found).toEqual({ ...parked, cause: "a\uFFFDb" })
      const [entry] = yield* rows.entries({ kind: "projection" })
      expect(entry).toMatchObject({ parkedKeys: 1, parkedEvents: 1 })
      expect(Option.getOrThrow(entry!.failure).cause).toBe("a\u0000b")
    })
  )
}

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  suite((self) =>
    Effect.scoped(Effect.provide(self, TestServer.layer())).pipe(Effect.timeout("15 seconds"), Effect.orDie)
  )

  const process = (url: string, listen = false) =>
    Layer.build(Postgres.layerPool({ url: Redacted.make(url), maxConnections: 4, listen }))

  it.live("processes that listen are told when others move a checkpoint", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      const [one, two] = [yield* process(url, true), yield* process(url, true)]
      const [mine, theirs] = [Context.get(one, RowStore.RowStore), Context.get(two, RowStore.RowStore)]
      yield* mine.open({ target, mode: "async" })
      const position = Effect.map(
        mine.entries({ kind: "projection" }),
        ([entry]) => entry!.checkpoints[0].position
      )
      // The first is for the connection that listens from now on.
      const told = yield* Effect.forkScoped(
        Stream.runHead(Stream.filterEffect(mine.moves, () => Effect.map(position, (position) => position > 0))),
        { startImmediately: true }
      )
      yield* theirs.commit(batch({ from: 0, to: 1 }))
      yield* Fiber.join(told).pipe(Effect.timeout("10 seconds"))
    })))

  it.live("who waits for a batch that is under way sees what has become of it", () =>
    Effect.scoped(
      Effect.gen(function*() {
        const url = yield* TestServer.database
        const [one, two] = [yield* process(url), yield* process(url)]
        const [mine, theirs] = [Context.get(one, RowStore.RowStore), Context.get(two, RowStore.RowStore)]
        yield* mine.open({ target, mode: "async" })
        const { leases: [lease] } = yield* mine.acquire({ target, owner: "me", lease: Duration.minutes(1) })
        const [inside, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const within = Effect.andThen(Deferred.succeed(inside, undefined), Deferred.await(go))
        const committing = yield* Effect.forkScoped(
          mine.commit(batch({ from: 0, to: 1, fence: lease!.fence, rows: [row("a", 1)] }), within)
        )
        yield* Deferred.await(inside)
        // Nobody waits for a lease, and the owner still has his.
        expect((yield* theirs.acquire({ target, owner: "you", lease: Duration.minutes(1) })).leases).toEqual([])
        expect((yield* theirs.acquire({ target, owner: "me", lease: Duration.minutes(1) })).leases).toEqual([lease])
        const others = yield* Effect.forEach(
          [
            theirs.commit(batch({ from: 0, to: 1 })),
            Effect.as(theirs.setState(target, "paused"), "Committed" as const)
          ],
          (effect) => Effect.forkScoped(effect)
        )
        yield* waiting(two, 2)
        yield* Deferred.succeed(go, undefined)
        expect(yield* Fiber.join(committing)).toBe("Committed")
        expect(["Moved", "Stopped"]).toContain(yield* Fiber.join(others[0]!))
        yield* Fiber.join(others[1]!)
        expect(yield* mine.commit(batch({ from: 1, to: 2 }))).toBe("Stopped")
      }).pipe(Effect.timeout("15 seconds"))
    ))

  /** Waits until so many sessions wait for a row. */
  const waiting = (context: Context.Context<PgClient.PgClient>, count: number) =>
    Effect.flatMap(
      PgClient.PgClient,
      (sql) =>
        sql`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`.pipe(
          Effect.repeat({ until: (rows) => rows.length >= count })
        )
    ).pipe(Effect.provide(context))

  it.live("rows and checkpoints that change in place touch no index", () =>
    Effect.scoped(
      Effect.gen(function*() {
        const url = yield* TestServer.database
        const context = yield* process(url)
        const [rows, sql] = [Context.get(context, RowStore.RowStore), Context.get(context, PgClient.PgClient)]
        yield* rows.open({ target, mode: "async" })
        const write = (at: number) =>
          rows.commit(batch({ from: at, to: at + 1, rows: [row("a", at + 1, `{"n":${at}}`), row("b", at + 1)] }))
        for (let at = 0; at < 50; at++) yield* write(at)
        yield* sql`SELECT pg_stat_force_next_flush()::text`
        const moved = sql<{ relname: string; all: number; hot: number }>`
SELECT relname, n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables
WHERE schemaname = 'varve' AND relname IN ('rows', 'checkpoints') ORDER BY relname`
        const found = yield* Effect.repeat(moved, { until: (rows) => rows.every(({ all }) => all >= 40) })
        for (const { all, hot } of found) expect(hot / all).toBeGreaterThan(0.9)
      }).pipe(Effect.timeout("15 seconds"))
    ))
})

describe("embedded", () => {
  const embedded = TestServer.sharedEmbedded()
  suite((self) => Effect.scoped(Effect.provide(self, embedded)).pipe(Effect.timeout("15 seconds"), Effect.orDie))
})
