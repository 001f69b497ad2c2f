/** A new revision beside the old one: built, compared, switched to, rolled back, dropped. */
import { assert, describe, it } from "@effect/vitest"
import { Projection, Rebuild, RowStore } from "@varve/core"
import { Duration, Effect, Fiber, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  allRows,
  base,
  caughtUp,
  cents,
  forget,
  Forgotten,
  place,
  Placed,
  Row,
  totals,
  until,
  withRows
} from "./Running.ts"

const run = Effect.provide(base)

const statusOf = (projection: Projection.Runnable) =>
  Effect.map(Projection.status(projection), (status) => Option.getOrThrow(status))

const built = (projection: Projection.Any, options?: Rebuild.Options) =>
  Effect.map(Stream.runCollect(Rebuild.build(projection, options)), (progress) => progress.at(-1)!)

/** Lets time pass until a fiber has ended. */
const ended = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.andThen(until("it has ended", Effect.sync(() => fiber.pollUnsafe() !== undefined)), Fiber.join(fiber))

const visits = Effect.gen(function*() {
  for (let i = 0; i < 60; i++) yield* place(`c${i % 17}`, i)
  yield* forget("c5")
})

describe("Rebuild", () => {
  it.effect("builds in parts, beside the revision that serves, and tells its progress", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ revision: 2, step: 10 })]
      yield* visits
      yield* built(one)
      const before = yield* allRows()
      const progress = yield* Stream.runCollect(Rebuild.build(two, { pageSize: 5 }))
      const last = progress.at(-1)!
      assert.deepInclude(last, { position: 61, head: 61, events: 61 })
      assert.strictEqual(last.partitions.length, 4)
      assert.isTrue(last.partitions.every(({ owner }) => Option.isNone(owner)))
      assert.deepStrictEqual(yield* allRows(), before)
      assert.strictEqual((yield* allRows({ revision: 2 })).length, before.length)
      assert.isFalse((yield* statusOf(two)).serving)
      yield* Rebuild.switchTo(two)
      assert.deepInclude(yield* statusOf(two), { serving: true })
      assert.strictEqual((yield* statusOf(two)).partitions.length, 1)
      assert.notDeepEqual(yield* allRows(), before)
      yield* place("c1", 5)
      yield* Effect.forkScoped(Projection.run([two]))
      yield* caughtUp(two)
    }).pipe(run))

  it.effect("ends over no events, and at once when everything is built", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ revision: 2 })]
      assert.deepInclude(yield* built(one), { position: 0, head: 0, events: 0 })
      assert.deepInclude(yield* built(two), { position: 0, head: 0 })
      yield* visits
      yield* built(two)
      assert.deepInclude(yield* built(two), { position: 61, events: 0 })
      assert.strictEqual((yield* statusOf(two)).partitions.length, 4)
    }).pipe(run))

  it.effect("removes rows that the replay does not make", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ revision: 2 })]
      yield* place("ada", 1)
      yield* built(one)
      const target = { kind: "projection", name: "Totals", revision: 1 } as const
      // Somebody has put a row there that no event has made.
      yield* RowStore.RowStore.use((rows) =>
        rows.commit({
          target,
          partition: 0,
          fence: undefined,
          from: 1,
          to: 1,
          rows: [{ tenant: "", key: "ghost", value: "{\"orders\":1,\"cents\":1}", position: 1, index: 0, sorts: [] }],
          park: [],
          unpark: [],
          rate: 0,
          lease: Duration.zero
        })
      )
      yield* built(two)
      const { differing } = yield* Rebuild.compare(two)
      assert.deepStrictEqual(differing.map(({ key, right }) => [key, Option.isNone(right)]), [["ghost", true]])
      yield* Rebuild.switchTo(two)
      assert.deepStrictEqual((yield* allRows()).map(([key]) => key), ["ada"])
    }).pipe(run))

  it.effect("resumes what was interrupted, and leaves the readers what they have meanwhile", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ revision: 2, step: 10 })]
      yield* visits
      yield* built(one)
      const before = yield* allRows()
      let commits = 0
      const fiber = yield* Effect.forkChild(built(two, { pageSize: 5 })).pipe(withRows((rows) => ({
        commit: (batch, within) => ++commits > 20 ? Effect.never : rows.commit(batch, within)
      })))
      yield* until("it is under way", Effect.sync(() => commits > 20))
      yield* Fiber.interrupt(fiber)
      const { owners, position, serving } = yield* statusOf(two)
      assert.deepStrictEqual([owners, serving], [[], false])
      assert.isAbove(position, 0)
      assert.isBelow(position, 61)
      assert.deepStrictEqual(yield* allRows(), before)
      const { events } = yield* built(two, { pageSize: 5 })
      assert.isAbove(events, 0)
      assert.isBelow(events, 61)
      const Whole = totals({ name: "Whole", step: 10 })
      yield* built(Whole, { partitions: 1 })
      assert.deepStrictEqual(yield* allRows({ revision: 2 }), yield* allRows({ name: "Whole" }))
    }).pipe(run))

  it.effect("shares the work with others, and takes over what they leave undone", () =>
    Effect.gen(function*() {
      const two = totals({ revision: 2 })
      yield* visits
      const target = { kind: "projection", name: "Totals", revision: 2 } as const
      yield* RowStore.RowStore.use((rows) =>
        Effect.gen(function*() {
          yield* rows.open({ target, mode: "async", partitions: 4 })
          yield* rows.acquire({ target, owner: "somebody else", lease: Duration.seconds(30), most: 2 })
        })
      )
      const fiber = yield* Effect.forkChild(built(two))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* statusOf(two)).position, 0)
      const { partitions, position } = yield* ended(fiber)
      assert.strictEqual(position, 61)
      assert.strictEqual(partitions.length, 4)
    }).pipe(run))

  it.effect("fails when the projection halts, or is paused", () =>
    Effect.gen(function*() {
      const Totals = totals({ onFailure: "halt" })
      yield* place("ada", -5)
      const error = yield* Effect.flip(built(Totals))
      assert.include(error.message, "state of Totals: expected running, got halted: cents: -5")
      yield* Projection.pause(Totals)
      assert.include((yield* Effect.flip(built(Totals))).message, "got paused")
      const refused = yield* Effect.flip(built(Totals, { pageSize: 0 }))
      assert.strictEqual(refused.reason._tag, "Refused")
    }).pipe(run))

  it.effect("reaches the head under appends", () =>
    Effect.gen(function*() {
      const two = totals({ revision: 2 })
      yield* visits
      const writer = yield* Effect.forkChild(Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => Effect.andThen(place(`c${i % 17}`, 1), Effect.yieldNow)
      ))
      yield* built(two, { pageSize: 3 })
      yield* Fiber.join(writer)
      yield* built(two)
      const Whole = totals({ name: "Whole" })
      yield* built(Whole)
      assert.deepStrictEqual(yield* allRows({ name: "Totals" }), yield* allRows({ name: "Whole" }))
    }).pipe(run))
})

describe("Rebuild.compare", () => {
  it.effect("tells what differs, as JSON, and what does not", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ revision: 2, step: 10 })]
      yield* visits
      yield* built(one)
      yield* built(two)
      const rows = (yield* allRows()).length
      const comparison = yield* Rebuild.compare(two)
      assert.deepInclude(comparison, { examined: rows, equal: 0, different: rows, unsettled: 0 })
      assert.deepStrictEqual(comparison.left, { revision: 1, rows, position: 61 })
      assert.deepStrictEqual(comparison.right, { revision: 2, rows, position: 61 })
      const first = comparison.differing[0]!
      assert.deepStrictEqual(
        [first.key, Option.getOrNull(first.left), Option.getOrNull(first.right)],
        ["c0", { orders: 4, cents: 102 }, { orders: 40, cents: 102 }]
      )
      const three = totals({ revision: 3 })
      yield* built(three)
      assert.deepInclude(yield* Rebuild.compare(three), { examined: rows, equal: rows, different: 0 })
      assert.deepInclude(yield* Rebuild.compare(three, { with: 2 }), { different: rows })
      assert.deepInclude(yield* Rebuild.compare(three, { sample: 5 }), { examined: 5, equal: 5 })
      assert.deepInclude(yield* Rebuild.compare(three, { sample: 1_000 }), { examined: rows, equal: rows })
    }).pipe(run))

  it.effect("tells rows that only one side has", () =>
    Effect.gen(function*() {
      const one = totals()
      // Nobody is ever forgotten by this one.
      const two = Projection.make("Totals", { row: Row, events: [Placed, Forgotten], revision: 2 }).fold({
        key: { Placed: ({ customer }) => customer, Forgotten: () => "nobody" },
        on: { Placed: () => ({ orders: 1, cents: 1 }), Forgotten: () => ({ orders: 1, cents: 1 }) }
      })
      yield* place("ada", 1)
      yield* forget("ada")
      yield* place("bob", 1)
      yield* built(one)
      yield* built(two)
      const { differing, equal } = yield* Rebuild.compare(two)
      assert.strictEqual(equal, 1)
      assert.deepStrictEqual(
        differing.map(({ key, left, right }) => [key, Option.isSome(left), Option.isSome(right)]),
        [["ada", false, true], ["nobody", false, true]]
      )
    }).pipe(run))

  it.effect("is exact while events are appended, and says what it cannot tell", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ revision: 2 })]
      yield* visits
      yield* built(one)
      yield* built(two)
      yield* place("c1", 1)
      // Only one of them has seen it.
      yield* built(two)
      const fiber = yield* Effect.forkChild(Rebuild.compare(two))
      const comparison = yield* ended(fiber)
      assert.deepInclude(comparison, { different: 0, unsettled: 1 })
      const again = yield* Effect.forkChild(Rebuild.compare(two))
      yield* TestClock.adjust("60 millis")
      yield* built(one)
      assert.deepInclude(yield* ended(again), { different: 0, unsettled: 0 })
    }).pipe(run))

  it.effect("refuses to compare a revision with itself, or with nothing", () =>
    Effect.gen(function*() {
      const one = totals()
      assert.include((yield* Effect.flip(Rebuild.compare(one))).message, "expected another revision, got none")
      yield* built(one)
      assert.include((yield* Effect.flip(Rebuild.compare(one))).message, "got revision 1 itself")
      assert.include((yield* Effect.flip(Rebuild.compare(one, { with: 7 }))).message, "Totals, revision 7")
      assert.strictEqual((yield* Effect.flip(Rebuild.compare(one, { sample: 0 }))).reason._tag, "Refused")
    }).pipe(run))
})

describe("Rebuild.switchTo, rollback and drop", () => {
  it.effect("switches only to what is near the head", () =>
    Effect.gen(function*() {
      const [one, two] = [totals(), totals({ revision: 2, step: 10 })]
      assert.strictEqual((yield* Effect.flip(Rebuild.switchTo(two))).reason._tag, "Refused")
      yield* place("ada", 1)
      yield* built(one)
      yield* built(two)
      yield* visits
      const error = yield* Effect.flip(Rebuild.switchTo(two, { within: 60 }))
      assert.include(error.message, "position of Totals, revision 2: expected at least 2, got 1")
      yield* Rebuild.switchTo(two, { within: 61 })
      yield* Rebuild.switchTo(two)
      assert.isTrue((yield* statusOf(two)).serving)
    }).pipe(run))

  it.effect("goes back to the revision before, as long as it is there", () =>
    Effect.gen(function*() {
      const [one, two, three] = [totals(), totals({ revision: 2, step: 10 }), totals({ revision: 3, step: 100 })]
      yield* place("ada", 1)
      for (const each of [one, two, three]) yield* built(each)
      yield* Rebuild.switchTo(three)
      assert.strictEqual(yield* Rebuild.rollback(three), 2)
      assert.strictEqual((yield* statusOf(three)).state, "paused")
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: 1 })
      assert.strictEqual(yield* Rebuild.rollback(three), 1)
      const error = yield* Effect.flip(Rebuild.rollback(three))
      assert.include(error.message, "expected one before the one that serves, got 1, 2, 3")
      yield* Rebuild.drop(three, 2)
      assert.strictEqual((yield* Effect.flip(Rebuild.drop(three, 1))).reason._tag, "Refused")
      assert.deepStrictEqual(yield* Projection.status(two), Option.none())
      assert.strictEqual((yield* Effect.flip(Rebuild.drop(three, 2))).reason._tag, "Refused")
    }).pipe(run))
})
