/** What a run does with events that fail: parked with their key, tried again, given up, or halted at; and with batches. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Projection, RowStore, StreamName } from "@varve/core"
import { Deferred, Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import {
  allRows,
  base,
  type Bug,
  caughtUp,
  cents,
  forget,
  inState,
  place,
  placed,
  totals,
  unavailable,
  until,
  withRows,
  write
} from "./Running.ts"

const run = Effect.provide(base)

const statusOf = (projection: Projection.Runnable) =>
  Effect.map(Projection.status(projection), (status) => Option.getOrThrow(status))

const running = (projection: Projection.Runnable, options?: Projection.RunOptions) =>
  Effect.forkScoped(Projection.run([projection as Projection.Any], options))

const parkedEvents = (projection: Projection.Runnable, count: number) =>
  until(`${count} parked events`, Effect.map(statusOf(projection), (status) => status.parkedEvents === count))

describe("an event that fails", () => {
  it.effect("parks its key while 1,000 others go on, and is drained in order after the fix", () =>
    Effect.gen(function*() {
      const bug: Bug = { fixed: false }
      const Totals = totals({ bug })
      yield* place("ada", 1)
      yield* place("ada", -5)
      yield* place("ada", 100)
      for (let i = 0; i < 1_000; i++) yield* place(`c${i}`, i)
      yield* forget("ada")
      yield* place("ada", 7)
      yield* running(Totals, { partitions: 3 })
      yield* caughtUp(Totals)
      const others = yield* cents(Array.from({ length: 1_000 }, (_, i) => `c${i}`))
      assert.strictEqual(Object.values(others).reduce((sum, one) => sum + one, 0), 499_500)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 1 })
      const status = yield* statusOf(Totals)
      assert.deepInclude(status, { state: "running", parkedKeys: 1, parkedEvents: 4 })
      assert.deepInclude(status.failure, { type: "Placed", key: "ada", position: 2, attempts: 1, cause: "cents: -5" })
      const parked = yield* Projection.parked(Totals)
      assert.deepStrictEqual(
        parked.map(({ attempts, cause, position }) => [position, attempts, cause]),
        [[2, 1, "cents: -5"], [3, 0, ""], [1_004, 0, ""], [1_005, 0, ""]]
      )

      // Not fixed yet: the first fails again, nothing behind it is touched.
      yield* Projection.retry(Totals, "ada")
      yield* until("it was tried", Effect.map(Projection.parked(Totals), ([first]) => first?.attempts === 2))
      assert.deepStrictEqual((yield* Projection.parked(Totals)).map(({ attempts, due }) => [attempts, due]), [
        [2, false],
        [0, false],
        [0, false],
        [0, false]
      ])
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 1 })

      bug.fixed = true
      yield* Projection.retry(Totals, "ada")
      yield* parkedEvents(Totals, 0)
      // In order: what came before the row was forgotten is not in it.
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 7 })
      yield* place("ada", 1)
      yield* caughtUp(Totals)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 8 })
    }).pipe(run))

  it.effect("is given up when it is skipped, and what is behind it goes on up to the next failure", () =>
    Effect.gen(function*() {
      const Totals = totals()
      for (const amount of [1, -5, 10, -6, 100]) yield* place("ada", amount)
      yield* running(Totals)
      yield* caughtUp(Totals)
      assert.strictEqual((yield* statusOf(Totals)).parkedEvents, 4)
      yield* Projection.skip(Totals, "ada")
      yield* until(
        "the next one failed",
        Effect.map(Projection.parked(Totals), ([first]) => first?.position === 4 && first.attempts === 1)
      )
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 11 })
      yield* Projection.skip(Totals, "ada")
      yield* parkedEvents(Totals, 0)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 111 })
    }).pipe(run))

  it.effect("goes on behind a skipped event also when another is parked behind it just then", () =>
    Effect.gen(function*() {
      const Totals = totals()
      const [loaded, skipped] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* place("ada", -5)
      yield* running(Totals).pipe(withRows((rows) => ({
        // The key is found to be parked; before that is acted upon, its only event is skipped.
        load: (target, keys) =>
          Effect.tap(
            rows.load(target, keys),
            ({ parked }) =>
              parked.length === 0
                ? Effect.void
                : Effect.andThen(Deferred.succeed(loaded, undefined), Deferred.await(skipped))
          )
      })))
      yield* caughtUp(Totals)
      yield* place("ada", 10)
      yield* TestClock.adjust("1 second")
      yield* Deferred.await(loaded)
      yield* Projection.skip(Totals, "ada")
      yield* Deferred.succeed(skipped, undefined)
      yield* caughtUp(Totals)
      yield* parkedEvents(Totals, 0)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 10 })
    }).pipe(run))

  it.effect("is parked alone when what was before it, and left no row, comes again", () =>
    Effect.gen(function*() {
      const Totals = totals()
      const own = RowStore.partitionOf({ tenant: "", key: "ada" }, 2)
      // The other partition stays where it is, so that all begin there when their number changes.
      const first = yield* running(Totals, { partitions: 2, pageSize: 1 }).pipe(withRows((rows) => ({
        commit: (batch, within) => batch.partition === own ? rows.commit(batch, within) : Effect.never
      })))
      yield* caughtUp(Totals)
      yield* forget("ada")
      yield* place("ada", -5)
      yield* parkedEvents(Totals, 1)
      yield* Fiber.interrupt(first)
      const parked: Array<number> = []
      yield* running(Totals, { partitions: 1 }).pipe(withRows((rows) => ({
        commit: (batch, within) => {
          parked.push(...batch.park.map(({ position }) => position))
          return rows.commit(batch, within)
        }
      })))
      yield* caughtUp(Totals)
      assert.sameMembers([...new Set(parked)], [2])
    }).pipe(run))

  it.effect("refuses to retry or skip a key that has nothing parked", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* running(Totals)
      yield* caughtUp(Totals)
      for (const ask of [Projection.retry, Projection.skip]) {
        const error = yield* Effect.flip(ask(Totals, "ada"))
        assert.strictEqual(error.message, "Totals: key \"ada\" of Totals: expected a parked event, got none")
      }
    }).pipe(run))

  it.effect("halts the projection where its policy says so, before the whole commit, and goes on when it is resumed", () =>
    Effect.gen(function*() {
      const bug: Bug = { fixed: false }
      const Totals = totals({ bug, onFailure: "halt" })
      yield* place("ada", 1)
      yield* write("both", placed("bob", 2), placed("ada", -5), placed("bob", 3))
      yield* place("eve", 4)
      yield* running(Totals)
      yield* inState(Totals, "halted")
      const status = yield* statusOf(Totals)
      assert.deepInclude(status, { position: 1, parkedEvents: 0 })
      assert.deepInclude(status.failure, { position: 3, key: "ada", cause: "cents: -5" })
      assert.deepStrictEqual(yield* cents(["ada", "bob", "eve"]), { ada: 1 })

      // Still broken: it halts again.
      yield* Projection.resume(Totals)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* statusOf(Totals)).state, "halted")
      bug.fixed = true
      yield* Projection.resume(Totals)
      yield* caughtUp(Totals)
      assert.deepStrictEqual(yield* cents(["ada", "bob", "eve"]), { ada: -4, bob: 5, eve: 4 })
    }).pipe(run))

  it.effect("halts at what cannot be read, and at keys that cannot be told, whatever the policy", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* place("ada", 1)
      yield* write("o", placed("bob", 2), ["Placed", { customer: 7, cents: 1 }])
      yield* running(Totals, { partitions: 2 })
      yield* inState(Totals, "halted")
      const status = yield* statusOf(Totals)
      assert.strictEqual(status.position, 1)
      assert.include(status.failure?.cause, "InvalidPayload")
      assert.strictEqual(status.failure?.key, null)
      assert.deepStrictEqual(yield* cents(["ada", "bob"]), { ada: 1 })

      const Long = totals({ name: "Long" })
      const store = yield* EventStore.EventStore
      yield* store.append({
        writes: [{
          stream: StreamName.make("Order", "long"),
          expected: "any",
          events: [{ type: "Placed", revision: 1, payload: { customer: "x".repeat(600), cents: 1 } }]
        }]
      })
      yield* running(Long)
      yield* inState(Long, "halted")
    }).pipe(run))

  it.effect("is halted at with all before it, also what was folded while a batch was being committed", () =>
    Effect.gen(function*() {
      const Totals = totals()
      for (const customer of ["ada", "bob", "eve", "kim", "lea", "max"]) yield* place(customer, 1)
      // The first of its page: there is nothing left of it to work, and so only what was gathered to commit.
      yield* write("o", ["Placed", { customer: 7, cents: 1 }])
      yield* place("zoe", 1)
      const ends: Array<number> = []
      yield* running(Totals, { pageSize: 2 }).pipe(withRows((rows) => ({
        commit: (batch, within) => {
          ends.push(batch.to)
          // Many steps of `inState`, so that the last page is come to while the first one is being committed.
          return Effect.andThen(Effect.sleep("1 second"), rows.commit(batch, within))
        }
      })))
      yield* inState(Totals, "halted")
      const status = yield* statusOf(Totals)
      assert.strictEqual(status.position, 6)
      assert.strictEqual(status.failure?.position, 7)
      const keys = ["ada", "bob", "eve", "kim", "lea", "max", "zoe"]
      assert.deepStrictEqual(yield* cents(keys), { ada: 1, bob: 1, eve: 1, kim: 1, lea: 1, max: 1 })
      // Two pages were gathered, or this would not be about them.
      assert.deepStrictEqual(ends, [2, 6])
    }).pipe(run))

  it.effect("keeps the row fit for its schema", () =>
    Effect.gen(function*() {
      const Totals = totals()
      yield* place("ada", Number.MAX_SAFE_INTEGER)
      yield* place("ada", Number.MAX_SAFE_INTEGER)
      yield* running(Totals)
      yield* caughtUp(Totals)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: Number.MAX_SAFE_INTEGER })
      assert.strictEqual((yield* statusOf(Totals)).parkedEvents, 1)
    }).pipe(run))

  it.effect("is drained by the owner of its partition, also of a long queue", () =>
    Effect.gen(function*() {
      const bug: Bug = { fixed: false }
      const Totals = totals({ bug })
      yield* place("ada", -1)
      for (let i = 0; i < 2_500; i++) yield* place("ada", 1)
      yield* running(Totals, { partitions: 4, most: 2 })
      yield* TestClock.adjust("1 second")
      yield* running(Totals)
      yield* caughtUp(Totals)
      assert.strictEqual((yield* statusOf(Totals)).parkedEvents, 2_501)
      yield* Projection.retry(Totals, "ada")
      yield* until("it was tried", Effect.map(Projection.parked(Totals), ([first]) => first?.attempts === 2))
      assert.deepStrictEqual(
        yield* RowStore.RowStore.use((rows) =>
          rows.parked({ target: { kind: "projection", name: "Totals", revision: 1 }, due: true, limit: 10 })
        ),
        []
      )
      bug.fixed = true
      yield* Projection.retry(Totals, "ada")
      yield* parkedEvents(Totals, 0)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 2_499 })
    }).pipe(run))
})

describe("a batch that fails", () => {
  it.effect("is not made larger by the pages that are folded while it is tried again", () =>
    Effect.gen(function*() {
      const Totals = totals()
      for (let i = 0; i < 40; i++) yield* place(`c${i}`, 1)
      const sizes: Array<number> = []
      yield* running(Totals, { pageSize: 10 }).pipe(withRows((rows) => ({
        commit: (batch, within) => {
          const first = sizes.push(batch.to - batch.from) === 1
          return Effect.andThen(
            Effect.sleep("1 second"),
            first ? Effect.fail(unavailable) : rows.commit(batch, within)
          )
        }
      })))
      yield* caughtUp(Totals)
      const [failed, ...others] = sizes
      assert.strictEqual(failed, 10)
      assert.isBelow(others[0]!, 10)
      assert.isAtMost(Math.max(...others), 10)
      assert.strictEqual((yield* allRows()).length, 40)
    }).pipe(run))
})
