/** What runs a projection: to the head and on, whatever fails around it. */
import { assert, describe, it } from "@effect/vitest"
import { Projection, RowStore, Status } from "@varve/core"
import { Deferred, Duration, Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  allRows,
  base,
  caughtUp,
  cents,
  forget,
  place,
  Placed,
  placed,
  totals,
  unavailable,
  until,
  withRows,
  withStore,
  write
} from "./Running.ts"

const statusOf = (projection: Projection.Runnable) =>
  Effect.map(Projection.status(projection), (status) => Option.getOrThrow(status))

/** Starts a run, which ends with the test. */
const running = (projection: Projection.Runnable, options?: Projection.RunOptions) =>
  Effect.forkScoped(Projection.run([projection as Projection.Any], options))

const run = Effect.provide(base)

describe("Projection.run", () => {
  it.effect("brings a projection to the head, and keeps it there", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* place("ada", 5)
      yield* place("bob", 1)
      yield* running(Totals)
      yield* caughtUp(Totals)
      assert.deepStrictEqual(yield* cents(["ada", "bob"]), { ada: 5, bob: 1 })
      yield* place("ada", 5)
      yield* caughtUp(Totals)
      yield* Projection.whenCaughtUp(Totals)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 10 })
      const { state, mode, serving, owners, lag } = yield* statusOf(Totals)
      assert.deepInclude({ state, mode, serving }, { state: "running", mode: "async", serving: true })
      assert.strictEqual(owners.length, 1)
      assert.strictEqual(lag.events, 0)
    }).pipe(run))

  it.effect("runs several at once, each to the head", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ name: "Doubles", step: 2 })]
      yield* place("ada", 5)
      yield* Effect.forkScoped(Projection.run([one, two]))
      yield* caughtUp(one)
      yield* caughtUp(two)
      assert.deepStrictEqual(yield* allRows({ name: "Doubles" }), [["ada", "{\"orders\":2,\"cents\":5}"]])
      assert.deepStrictEqual(yield* allRows(), [["ada", "{\"orders\":1,\"cents\":5}"]])
    }).pipe(run))

  it.effect("moves on over pages in which nothing matches", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* Effect.forEach(Array.from({ length: 50 }), () => write("other", ["Shipped", {}]))
      yield* running(Totals, { pageSize: 7 })
      yield* caughtUp(Totals)
      assert.strictEqual((yield* statusOf(Totals)).position, 50)
    }).pipe(run))

  it.effect("arrives within the poll when every hint is lost", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* running(Totals, { poll: "400 millis" })
      yield* caughtUp(Totals)
      yield* place("ada", 5)
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* statusOf(Totals)).position, 0)
      yield* TestClock.adjust("400 millis")
      assert.strictEqual((yield* statusOf(Totals)).position, 1)
    }).pipe(withStore(() => ({ wakeUps: Stream.never })), withRows(() => ({ moves: Stream.never })), run))

  it.effect("arrives at once with a hint", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* running(Totals)
      yield* caughtUp(Totals)
      yield* place("ada", 5)
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* statusOf(Totals)).position, 1)
    }).pipe(run))

  it.effect("gives the same rows in any number of partitions, changed from run to run", () =>
    Effect.gen(function*() {
      const Totals = totals()
      for (const partitions of [1, 4, 2]) {
        for (let i = 0; i < 40; i++) yield* place(`c${i % 13}`, i)
        yield* forget("c3")
        const fiber = yield* running(Totals, { partitions, pageSize: 9 })
        yield* until(
          "all partitions are there",
          Effect.map(statusOf(Totals), (s) => s.partitions.length === partitions)
            .pipe(Effect.catchCause(() => Effect.succeed(false)))
        )
        yield* caughtUp(Totals)
        yield* Fiber.interrupt(fiber)
      }
      const Whole = totals({ name: "Whole" })
      yield* running(Whole)
      yield* caughtUp(Whole)
      const rows = yield* allRows()
      assert.isAbove(rows.length, 10)
      assert.deepStrictEqual(rows, yield* allRows({ name: "Whole" }))
    }).pipe(run))

  it.effect("gives its leases back when it is interrupted", () =>
    Effect.gen(function*() {
      const Totals = totals()
      const fiber = yield* running(Totals, { partitions: 3, name: "first" })
      yield* caughtUp(Totals)
      const before = yield* statusOf(Totals)
      assert.match(before.owners[0]!, /^first\//)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual((yield* statusOf(Totals)).owners, [])
    }).pipe(run))

  it.effect("shares partitions with others, up to what it is told to take", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* running(Totals, { partitions: 3, most: 2, name: "a" })
      yield* caughtUp(Totals)
      yield* place("ada", 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* statusOf(Totals)).partitions.filter(({ owner }) => owner !== null).length, 2)
      yield* running(Totals, { name: "b" })
      yield* until("both work", Effect.map(statusOf(Totals), ({ owners }) => owners.length === 2))
      for (let i = 0; i < 20; i++) yield* place(`c${i}`, i)
      yield* caughtUp(Totals)
      assert.strictEqual((yield* allRows()).length, 21)
    }).pipe(run))

  it.effect("refuses options beyond their bounds, and a checkpoint that is ahead of the store", () =>
    Effect.gen(function*() {
      const Totals = totals()
      for (
        const options of [{ partitions: 0 }, { pageSize: 0 }, { most: 65 }, { poll: "2 hours" }, {
          lease: "1 millis"
        }] as const
      ) {
        const error = yield* Effect.flip(Projection.run([Totals], options))
        assert.deepInclude(error, { _tag: "ProjectionError", target: "Totals" })
        assert.strictEqual(error.reason._tag, "Refused")
      }
      yield* RowStore.RowStore.use((rows) =>
        rows.open({ target: { kind: "projection", name: "Totals", revision: 1 }, mode: "async", position: 3 })
      )
      const error = yield* Effect.flip(Projection.run([Totals]))
      assert.include(error.message, "checkpoint of Totals: expected at most 0, the head of the store, got 3")
    }).pipe(run))

  it.effect("refuses a checkpoint of another store", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Projection.run([totals()]))
      assert.include(error.message, "checkpoint of Totals: expected a position of the store")
    }).pipe(
      withRows((rows) => ({
        open: (request) => Effect.map(rows.open(request), (entry) => ({ ...entry, storeId: "x" }))
      })),
      run
    ))

  it.effect("neither skips nor repeats anything when commits fail, before they are stored or after", () =>
    Effect.gen(function*() {
      const Totals = totals()
      for (let i = 0; i < 60; i++) yield* place(`c${i % 7}`, 1)
      let calls = 0
      yield* running(Totals, { pageSize: 5, partitions: 2 }).pipe(withRows((rows) => ({
        commit: (batch, within) => {
          calls++
          if (calls % 5 === 1) return Effect.fail(unavailable)
          if (calls % 5 === 3) return Effect.andThen(rows.commit(batch, within), Effect.fail(unavailable))
          return rows.commit(batch, within)
        }
      })))
      yield* caughtUp(Totals)
      const rows = yield* cents(Array.from({ length: 7 }, (_, i) => `c${i}`))
      assert.strictEqual(Object.values(rows).reduce((sum, one) => sum + one, 0), 60)
      assert.isAbove(calls, 20)
    }).pipe(run))

  it.effect("waits for a store that cannot be reached, also at the start", () =>
    Effect.gen(function*() {
      const Totals = totals()
      let down = true
      yield* place("ada", 5)
      const fiber = yield* running(Totals).pipe(withRows((rows) => ({
        open: (request) => down ? Effect.fail(unavailable) : rows.open(request)
      })))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(fiber.pollUnsafe())
      down = false
      yield* until("it is there", Effect.map(Projection.status(Totals), Option.isSome))
      yield* caughtUp(Totals)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 5 })
    }).pipe(run))

  it.effect("has another take over when the lease has ended, and the first finds out", () =>
    Effect.gen(function*() {
      const Totals = totals()
      const frozen = yield* Deferred.make<void>()
      const [answered, thawed] = [yield* Deferred.make<RowStore.Committed>(), yield* Deferred.make<void>()]
      yield* place("ada", 5)
      // The first one has its batch ready, and then neither it nor its leases show a sign of life.
      let renewals = 0
      yield* running(Totals, { name: "first", lease: "10 seconds" }).pipe(withRows((rows) => ({
        acquire: (request) => renewals++ === 0 ? rows.acquire(request) : Effect.never,
        commit: (batch, within) =>
          Effect.uninterruptible(Effect.gen(function*() {
            yield* Deferred.succeed(frozen, undefined)
            yield* Deferred.await(thawed)
            const committed = yield* rows.commit(batch, within)
            yield* Deferred.succeed(answered, committed)
            return committed
          }))
      })))
      yield* Deferred.await(frozen)
      yield* running(Totals, { name: "second", lease: "10 seconds" })
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* statusOf(Totals)).position, 0)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* statusOf(Totals)).position, 1)
      yield* place("ada", 7)
      yield* caughtUp(Totals)
      yield* Deferred.succeed(thawed, undefined)
      assert.strictEqual(yield* Deferred.await(answered), "Lost")
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 12 })
      assert.match((yield* statusOf(Totals)).owners[0]!, /^second\//)
    }).pipe(run))

  it.effect("keeps its lease while a page takes longer than that", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* place("ada", 5)
      const loading = yield* Deferred.make<void>()
      const slow = yield* Deferred.make<void>()
      yield* running(Totals, { name: "first", lease: "10 seconds" }).pipe(withRows((rows) => ({
        isEmpty: () => Effect.succeed(false),
        load: (target, keys) =>
          Effect.gen(function*() {
            yield* Deferred.succeed(loading, undefined)
            yield* Deferred.await(slow)
            return yield* rows.load(target, keys)
          })
      })))
      yield* Deferred.await(loading)
      yield* running(Totals, { name: "second", lease: "10 seconds" })
      yield* TestClock.adjust("1 minute")
      const { owners, position } = yield* statusOf(Totals)
      assert.match(owners[0]!, /^first\//)
      assert.strictEqual(position, 0)
      yield* Deferred.succeed(slow, undefined)
      yield* caughtUp(Totals)
    }).pipe(run))

  it.effect("stops while it is paused, wherever it runs, and goes on", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* running(Totals)
      yield* caughtUp(Totals)
      yield* Projection.pause(Totals)
      yield* place("ada", 5)
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* statusOf(Totals), { state: "paused", position: 0 })
      const behind = yield* Effect.flip(Projection.whenCaughtUp(Totals, { timeout: 0 }))
      assert.deepInclude(behind.reason, { _tag: "Behind", expected: 1, actual: 0, state: "paused" })
      yield* Projection.resume(Totals)
      yield* caughtUp(Totals)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 5 })
    }).pipe(run))

  it.effect("sweeps tombstones when it has time", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* place("ada", 5)
      yield* forget("ada")
      yield* running(Totals)
      yield* caughtUp(Totals)
      const rows = yield* RowStore.RowStore
      const stored = Effect.map(
        rows.load({ kind: "projection", name: "Totals", revision: 1 }, [{ tenant: "", key: "ada" }]),
        ({ rows }) => rows.length
      )
      assert.strictEqual(yield* stored, 1)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* stored, 0)
    }).pipe(run))

  it.effect("tells how it is doing, as data", () =>
    Effect.gen(function*() {
      const Totals = totals()
      assert.deepStrictEqual(yield* Projection.status(Totals), Option.none())
      yield* running(Totals, { partitions: 2 })
      yield* caughtUp(Totals)
      yield* Projection.pause(Totals)
      yield* write("one", placed("ada", 1), placed("bob", 1))
      yield* TestClock.adjust("90 seconds")
      const status = yield* statusOf(Totals)
      assert.deepInclude(status, {
        kind: "projection",
        name: "Totals",
        revision: 1,
        position: 0,
        head: 2,
        failure: null
      })
      assert.strictEqual(status.lag.events, 2)
      assert.strictEqual(Duration.toMillis(status.lag.time), 90_000)
      const json = Schema.encodeSync(Schema.toCodecJson(Status.Status))(status)
      assert.deepStrictEqual(Schema.decodeSync(Schema.toCodecJson(Status.Status))(json), status)
      assert.deepStrictEqual(yield* Status.all, [status])
      assert.strictEqual(status.partitions.length, 2)
    }).pipe(run))

  it.effect("loads no row that cannot be stored, and all others", () =>
    Effect.gen(function*() {
      const Totals = totals()
      const loaded: Array<string> = []
      const watching = withRows((rows) => ({
        load: (target, keys) => {
          loaded.push(...keys.map(({ key }) => key))
          return rows.load(target, keys)
        }
      }))
      for (const customer of ["ada", "bob", "ada", "cyd"]) yield* place(customer, 1)
      const first = yield* running(Totals, { pageSize: 1 }).pipe(watching)
      yield* caughtUp(Totals)
      yield* place("dan", 1)
      yield* caughtUp(Totals)
      assert.deepStrictEqual(loaded, [])
      // Whoever comes next finds rows there, and does not know which.
      yield* Fiber.interrupt(first)
      yield* running(Totals).pipe(watching)
      yield* place("ada", 1)
      yield* place("eve", 1)
      yield* caughtUp(Totals)
      assert.deepStrictEqual(loaded, ["ada", "eve"])
      assert.deepStrictEqual(yield* cents(["ada", "bob", "cyd", "dan", "eve"]), {
        ada: 3,
        bob: 1,
        cyd: 1,
        dan: 1,
        eve: 1
      })
    }).pipe(run))

  it.effect("gives the same rows when a batch has more of them than are kept in memory", () =>
    Effect.gen(function*() {
      // 30,000 rows, each counted once in every page.
      const Wide = Projection.make("Wide", { row: Schema.Int, events: [Placed] }).fold({
        initial: 0,
        key: { Placed: ({ customer }) => Array.from({ length: 1_000 }, (_, i) => `${customer}-${i}`) },
        on: { Placed: (count) => count + 1 }
      })
      for (let page = 0; page < 3; page++) for (let i = 0; i < 30; i++) yield* place(`c${i}`, 1)
      yield* running(Wide, { pageSize: 30 }).pipe(withRows((rows) => ({
        commit: (batch, within) => Effect.andThen(Effect.sleep("10 millis"), rows.commit(batch, within))
      })))
      yield* caughtUp(Wide)
      const rows = yield* RowStore.RowStore.use((rows) =>
        rows.find({ name: "Wide", tenant: "" }, ["c0-0", "c15-500", "c29-999"])
      )
      assert.deepStrictEqual(Option.getOrThrow(rows).rows.map(({ value }) => value), ["3", "3", "3"])
    }).pipe(run))

  describe("rows that are large", () => {
    const size = 10
    const Large = Projection.make("Large", {
      row: Schema.Struct({ orders: Schema.Int, text: Schema.String }),
      events: [Placed]
    }).fold({
      key: { Placed: ({ customer }) => customer },
      on: { Placed: (row, { cents }) => ({ orders: (row?.orders ?? 0) + 1, text: "x".repeat(cents) }) }
    })
    const page = (customer: (i: number) => string, units: number) =>
      Effect.forEach(Array.from({ length: size }, (_, i) => customer(i)), (customer) => place(customer, units))

    /** Runs it, and answers with how many rows each batch had. All batches but the first are committed slowly. */
    const batchesOf = Effect.gen(function*() {
      const batches: Array<number> = []
      yield* running(Large, { pageSize: size }).pipe(withRows((rows) => ({
        commit: (batch, within) => {
          batches.push(batch.rows.length)
          return Effect.delay(rows.commit(batch, within), batches.length === 1 ? 0 : "5 seconds")
        }
      })))
      yield* caughtUp(Large)
      return batches
    })

    it.effect("are the same when one goes from memory before it is committed", () =>
      Effect.gen(function*() {
        // Pages: one of a row, what is committed meanwhile, the row again, what drives it out of memory, and it again.
        yield* page(() => "ada", 1)
        yield* page((i) => `a-${i}`, 1_000_000)
        yield* page(() => "ada", 1)
        yield* page((i) => `b-${i}`, 1_000_000)
        yield* page(() => "ada", 1)
        assert.deepStrictEqual(yield* batchesOf, [1, size, size + 1, 1])
        const rows = yield* RowStore.RowStore.use((rows) => rows.find({ name: "Large", tenant: "" }, ["ada"]))
        assert.deepStrictEqual(Option.getOrThrow(rows).rows.map(({ value }) => JSON.parse(value!).orders), [3 * size])
      }).pipe(run))

    it.effect("are not gathered without an end while a commit is under way", () =>
      Effect.gen(function*() {
        yield* page(() => "ada", 1)
        yield* Effect.forEach(["a", "b", "c", "d", "e"], (name) => page((i) => `${name}-${i}`, 1_000_000))
        assert.deepStrictEqual(yield* batchesOf, [1, size, 2 * size, 2 * size])
      }).pipe(run))
  })

  it.effect("ends, and takes the others with it, when one cannot go on", () =>
    Effect.gen(function*() {
      const Totals = totals()
      const fiber = yield* Effect.forkScoped(Projection.run([totals({ name: "Other" }), Totals]))
      yield* caughtUp(Totals)
      yield* RowStore.RowStore.use((rows) => rows.drop({ kind: "projection", name: "Totals", revision: 1 }))
      yield* place("ada", 1)
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit))
    }).pipe(run))
})
