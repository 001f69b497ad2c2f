/**
 * Readers of projections that another process feeds, with wake-ups and without, and keys that are parked: on a server.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { type Commit, EventStore, Projection, RowStore, Upcaster } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Clock, Context, Effect, Fiber, Layer, Logger, Option, Redacted, Schedule, type Scope } from "effect"
import * as TestServer from "../support/TestServer.ts"
import {
  BuggyChains,
  BuggyJournal,
  Chains,
  chainsOf,
  Journal,
  poison,
  steps,
  taken
} from "./programs/projectDefinitions.ts"

/** A store of its own, as another process has: what it publishes in itself nobody else hears. */
const storeAt = (url: string, options?: Postgres.Options): Layer.Layer<TestServer.Provides | Upcaster.Upcaster> =>
  Layer.merge(Layer.orDie(Postgres.layerPool({ ...options, url: Redacted.make(url) })), Upcaster.layer())

const test = (name: string, body: (url: string) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(
    name,
    () => Effect.flatMap(TestServer.database, body).pipe(Effect.scoped, Effect.timeout("40 seconds")),
    45_000
  )

const patience = "20 seconds"

/** Appends in one process and reads in another. Answers with how long the reader waited, in milliseconds, each time. */
const arrivals = Effect.fnUntraced(function*(url: string, poll: string, listen: boolean, times: number) {
  const writer = yield* Layer.build(Layer.fresh(storeAt(url, { listen })))
  const running = yield* Layer.build(Layer.fresh(Chains.layerAsync.pipe(Layer.provideMerge(storeAt(url, { listen })))))
    .pipe(
      // What can be had as `Duration.Input`.
      Effect.provideService(Projection.RunDefaults, { poll: poll as "1 second" })
    )
  const append = (n: number) => Context.get(writer, EventStore.EventStore).append(steps("walk", [{ lane: "lane", n }]))
  // From here on it waits at the head.
  const read = (after: Pick<Commit.Receipt, "last" | "storeId">) =>
    Effect.provideContext(Chains.get("walk", { after, timeout: patience }), running)
  yield* Effect.provideContext(Chains.whenCaughtUp({ timeout: patience }), running)
  if (listen) yield* listening(url, 2)
  const waited: Array<number> = []
  for (let i = 0; i < times; i++) {
    const receipt = yield* append(i)
    const start = yield* Clock.currentTimeMillis
    const row = yield* read(receipt)
    waited.push((yield* Clock.currentTimeMillis) - start)
    assert.deepStrictEqual(Option.map(row, ({ count }) => count), Option.some(i + 1))
  }
  return waited
})

/** Waits until so many sessions listen. */
const listening = (url: string, count: number) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) =>
      sql`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'`.pipe(
        Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: (rows) => rows.length >= count }),
        Effect.timeout(patience)
      )
  ).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })))

/** What is warned of is what the tests bring about. */
const quiet = Logger.layer([])

describe.skipIf(TestServer.skipped !== undefined)("readers of projections on a server", () => {
  test("arrive within the poll interval when no wake-up comes", (url) =>
    Effect.gen(function*() {
      const waited = yield* arrivals(url, "200 millis", false, 5)
      // A poll, and the page itself, on a machine that has other things to do.
      const bound = 3 * 200 + 400
      assert.isBelow(Math.max(...waited), bound, `${waited.join(", ")} ms`)
    }))

  test("arrive far sooner than the poll when wake-ups come", (url) =>
    Effect.gen(function*() {
      const waited = yield* arrivals(url, "30 seconds", true, 5)
      assert.isBelow(Math.max(...waited), 5_000, `${waited.join(", ")} ms`)
    }))

  test("a step that fails parks its keys and no other; after the fix they are drained in order", (url) =>
    Effect.gen(function*() {
      const keys = Array.from({ length: 1_000 }, (_, i) => ({ walk: `walk ${i}`, lane: `lane ${i % 10}` }))
      const bad = { walk: "bad walk", lane: "bad lane" }
      const store = yield* EventStore.EventStore
      const round = (numbers: ReadonlyArray<number>) =>
        Effect.forEach(
          [...keys.slice(0, 500), bad, ...keys.slice(500)],
          ({ lane, walk }) => store.append(steps(walk, numbers.map((n) => ({ lane, n: walk === bad.walk ? n : 0 })))),
          { concurrency: "unbounded", discard: true }
        )
      yield* round([1, 2])
      yield* round([3, poison, 4])
      yield* round([5])
      const all = yield* taken
      const options: Projection.RunOptions = { pageSize: 500, partitions: 2, poll: "50 millis" }
      const rowsOf = Effect.gen(function*() {
        const stored = yield* RowStore.RowStore
        // More than a reader's page holds.
        const found = yield* stored.list({
          name: "Chains",
          tenant: "",
          index: undefined,
          backward: false,
          limit: 5_000
        })
        return new Map(Option.getOrThrow(found).rows.map(({ row }) => [row.key, JSON.parse(row.value!)]))
      })
      const journal = Effect.flatMap(PgClient.PgClient, (sql) =>
        Effect.map(
          sql<{ position: string; lane: string }>`
            SELECT position::text, lane FROM ${sql(Journal.table("journal"))} ORDER BY place`,
          (entries) => entries.map(({ lane, position }) => ({ lane, position: Number(position) }))
        ))
      const poisoned = all.find(({ n }) => n === poison)!.position
      const isWaiting = ({ lane, position }: { readonly lane: string; readonly position: number }) =>
        lane === bad.lane && position >= poisoned

      const buggy = yield* Effect.forkScoped(Projection.run([BuggyChains, BuggyJournal], options))
      yield* Projection.whenCaughtUp(Chains, { timeout: patience })
      yield* Projection.whenCaughtUp(Journal, { timeout: patience })
      assert.deepStrictEqual(yield* rowsOf, new Map(chainsOf(all.filter((step) => !isWaiting(step)))))
      const byPosition = (entries: ReadonlyArray<{ readonly position: number }>) =>
        entries.map(({ position }) => position).sort((a, b) => a - b)
      assert.deepStrictEqual(byPosition(yield* journal), byPosition(all.filter((step) => !isWaiting(step))))
      for (const key of [bad.walk, bad.lane]) {
        const parked = yield* Projection.parked(Chains, { key })
        assert.deepStrictEqual(
          parked.map(({ position }) => position),
          all.filter(isWaiting).map(({ position }) => position)
        )
        assert.deepStrictEqual(parked.map(({ attempts }) => attempts), [1, 0, 0])
        assert.include(parked[0]!.cause, "thirteenth")
      }
      const status = Option.getOrThrow(yield* Projection.status(Chains))
      assert.deepInclude(status, { parkedKeys: 2, parkedEvents: 6, state: "running" })

      // The bug is still there: tried again, it fails again, and nothing behind it goes on.
      yield* Projection.retry(Chains, bad.walk)
      const attempts = Effect.map(
        Projection.parked(Chains, { key: bad.walk }),
        (parked) => parked.map((one) => one.attempts)
      )
      yield* attempts.pipe(
        Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: ([first]) => first === 2 }),
        Effect.timeout(patience)
      )
      assert.deepStrictEqual(yield* attempts, [2, 0, 0])
      yield* Fiber.interrupt(buggy)

      yield* Effect.forkScoped(Projection.run([Chains, Journal], options))
      yield* Projection.retry(Chains, bad.walk)
      yield* Projection.retry(Chains, bad.lane)
      yield* Projection.retry(Journal, bad.lane)
      yield* Effect.all([Projection.parked(Chains), Projection.parked(Journal)]).pipe(
        Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: (parked) => parked.flat().length === 0 }),
        Effect.timeout(patience)
      )
      assert.deepStrictEqual(yield* rowsOf, new Map(chainsOf(all)))
      const written = yield* journal
      assert.deepStrictEqual(byPosition(written), byPosition(all), "every step once")
      const ofBad = (steps: ReadonlyArray<{ readonly lane: string; readonly position: number }>) =>
        steps.filter(({ lane }) => lane === bad.lane).map(({ position }) => position)
      assert.deepStrictEqual(ofBad(written), ofBad(all), "in order")
    }).pipe(Effect.provide([storeAt(url), quiet])))
})
