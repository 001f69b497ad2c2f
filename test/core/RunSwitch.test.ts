/** Revisions beside each other, and modes: which rows readers get, and when. */
import { assert, describe, it } from "@effect/vitest"
import { Projection, Rebuild } from "@varve/core"
import { Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { allRows, base, caughtUp, cents, place, totals, until } from "./Running.ts"

const run = Effect.provide(base)

const statusOf = (projection: Projection.Runnable) =>
  Effect.map(Projection.status(projection), (status) => Option.getOrThrow(status))

const running = (projection: Projection.Runnable, options?: Projection.RunOptions) =>
  Effect.forkScoped(Projection.run([projection as Projection.Any], options))

const serves = (projection: Projection.Runnable) =>
  Effect.map(Projection.status(projection), Option.exists(({ serving }) => serving))

describe("a new revision", () => {
  it.effect("is built beside the old one, and serves once it has seen everything", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ revision: 2, step: 10 })]
      for (let i = 0; i < 20; i++) yield* place("ada", 1)
      yield* running(one)
      yield* caughtUp(one)
      yield* Projection.pause(one)
      const fiber = yield* running(two, { pageSize: 1, switch: "manual" })
      yield* caughtUp(two)
      assert.isFalse(yield* serves(two))
      assert.deepStrictEqual(yield* allRows(), [["ada", "{\"orders\":20,\"cents\":20}"]])
      yield* Fiber.interrupt(fiber)
      yield* running(two)
      yield* until("it serves", serves(two))
      assert.isFalse(yield* serves(one))
      assert.deepStrictEqual(yield* allRows(), [["ada", "{\"orders\":200,\"cents\":20}"]])
    }).pipe(run))

  it.effect("is not taken from the readers by an older one that still runs", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ revision: 2, step: 10 })]
      yield* place("ada", 1)
      yield* running(one)
      yield* caughtUp(one)
      yield* running(two)
      yield* until("it serves", serves(two))
      yield* place("ada", 1)
      yield* TestClock.adjust("1 minute")
      assert.isTrue(yield* serves(two))
      assert.strictEqual((yield* statusOf(one)).position, 2)
      // Nor is a rollback undone by the newer one.
      assert.strictEqual(yield* Rebuild.rollback(two), 1)
      yield* place("ada", 1)
      yield* TestClock.adjust("1 minute")
      assert.isTrue(yield* serves(one))
      assert.strictEqual((yield* statusOf(two)).state, "paused")
      assert.deepStrictEqual(yield* allRows(), [["ada", "{\"orders\":3,\"cents\":3}"]])
    }).pipe(run))
})

describe("a projection that rides with the appends", () => {
  it.effect("is caught up with after a time in another mode, and then left alone", () =>
    Effect.gen(function*() {
      const Totals = totals()
      for (let i = 0; i < 20; i++) yield* place("ada", 1)
      yield* running(Totals, { partitions: 3 }).pipe(
        Effect.flatMap((fiber) => Effect.andThen(caughtUp(Totals), Fiber.interrupt(fiber)))
      )
      for (let i = 0; i < 20; i++) yield* place("ada", 1)
      yield* Effect.gen(function*() {
        yield* caughtUp(Totals)
        const { mode, partitions } = yield* statusOf(Totals)
        assert.strictEqual(mode, "inline")
        assert.strictEqual(partitions.length, 1)
        assert.deepStrictEqual(yield* cents(["ada"]), { ada: 40 })
        // Nothing says what version this is decided on, so it goes without rows.
        yield* place("ada", 1)
        yield* caughtUp(Totals)
        assert.deepStrictEqual(yield* cents(["ada"]), { ada: 41 })
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual((yield* statusOf(Totals)).owners, [])
      }).pipe(Effect.provide(Totals.layerInline))
      yield* place("ada", 1)
      yield* Effect.provide(caughtUp(Totals), Totals.layerAsync)
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 42 })
    }).pipe(run))

  it.effect("has its parked keys drained at the head", () =>
    Effect.gen(function*() {
      const bug = { fixed: false }
      const Totals = totals({ bug })
      yield* Effect.gen(function*() {
        yield* place("ada", -1)
        yield* place("ada", 5)
        yield* caughtUp(Totals)
        assert.strictEqual((yield* statusOf(Totals)).parkedEvents, 2)
        bug.fixed = true
        yield* Projection.retry(Totals, "ada")
        yield* until("it is drained", Effect.map(statusOf(Totals), ({ parkedEvents }) => parkedEvents === 0))
        assert.deepStrictEqual(yield* cents(["ada"]), { ada: 4 })
      }).pipe(Effect.provide(Totals.layerInline))
    }).pipe(run))
})
