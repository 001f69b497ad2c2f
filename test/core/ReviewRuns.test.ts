/** Runs whose store, operator, clock or neighbours are in their way. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Projection, RowStore, StreamName, Subscription } from "@varve/core"
import { Clock, DateTime, Deferred, Effect, Fiber, Option, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { base, caughtUp, cents, place, Placed, placed, totals, unavailable, until, withRows, write } from "./Running.ts"

const run = Effect.provide(base)

describe("a run", () => {
  it.effect("pauses longer and longer while commits fail, also where several pages are under way", () =>
    Effect.gen(function*() {
      const Totals = totals()
      for (let i = 0; i < 10; i++) yield* place(`c${i}`, 1)
      let tries = 0
      const failing = withRows(() => ({
        commit: () =>
          Effect.suspend(() => {
            tries++
            return Effect.fail(unavailable)
          })
      }))
      yield* Effect.forkScoped(failing(Projection.run([Totals], { pageSize: 1 })))
      for (let i = 0; i < 600; i++) yield* TestClock.adjust("100 millis")
      assert.isBelow(tries, 30)
    }).pipe(run))

  it.effect("takes less at a time when the store cannot take a page in time", () =>
    Effect.gen(function*() {
      const Totals = totals()
      for (let i = 0; i < 40; i++) yield* place(`c${i}`, 1)
      const slow = withRows((rows) => ({
        commit: (batch, within) => batch.rows.length > 3 ? Effect.fail(unavailable) : rows.commit(batch, within)
      }))
      yield* Effect.forkScoped(slow(Projection.run([Totals])))
      yield* caughtUp(Totals)
    }).pipe(run))

  it.effect("does not park again what is skipped while it is tried", () =>
    Effect.gen(function*() {
      class Mails extends Subscription.make("Mails", {
        events: [Placed],
        key: { Placed: ({ customer }) => customer },
        retry: Schedule.recurs(0)
      }) {}
      const trying = yield* Deferred.make<void>()
      const skipped = yield* Deferred.make<void>()
      const seen: Array<number> = []
      yield* place("ada", -1)
      yield* place("ada", 2)
      yield* Effect.forkScoped(Mails.run({
        Placed: ({ cents }, { attempt }) =>
          Effect.gen(function*() {
            seen.push(cents)
            if (cents > 0) return
            if (attempt > 1) {
              yield* Deferred.succeed(trying, undefined)
              yield* Deferred.await(skipped)
            }
            return yield* Effect.fail(new Error("no"))
          })
      }))
      yield* until("it is at the head", Effect.map(Mails.status, Option.exists(({ position }) => position === 2)))
      yield* Mails.retry("ada")
      yield* until("it is tried", Deferred.isDone(trying))
      yield* Mails.skip("ada")
      yield* Deferred.succeed(skipped, undefined)
      yield* until("the rest is drained", Effect.map(Mails.parked(), ({ length }) => length === 0))
      assert.deepStrictEqual(seen, [-1, -1, 2])
    }).pipe(run))

  it.effect("drains its own keys behind a thousand due events of partitions that nobody runs", () =>
    Effect.gen(function*() {
      const bug = { fixed: false }
      const Totals = totals({ bug })
      const of = (partition: number) => (name: string) =>
        RowStore.partitionOf({ tenant: "", key: name }, 2) === partition
      const names = Array.from({ length: 20 }, (_, i) => `c${i}`)
      const [first] = names.map((name) => `a${name}`).filter(of(1))
      const [own] = names.map((name) => `b${name}`).filter(of(0))
      yield* write("o1", placed(first!, -1), ...Array.from({ length: 998 }, () => placed(first!, 1)))
      yield* write("o2", placed(first!, 1), placed(first!, 1), placed(own!, -1))
      const both = yield* Effect.forkScoped(Projection.run([Totals], { partitions: 2 }))
      yield* caughtUp(Totals)
      yield* Fiber.interrupt(both)
      bug.fixed = true
      yield* Projection.retry(Totals, first!)
      yield* Projection.retry(Totals, own!)
      yield* Effect.forkScoped(Projection.run([Totals], { most: 1 }))
      yield* until("its own key is drained", Effect.map(cents([own!]), (found) => found[own!] === -1))
    }).pipe(run))
})

describe("an append that touches more rows than are read at once", () => {
  it.effect("goes without them, and they come later", () =>
    Effect.gen(function*() {
      const Wide = Projection.make("Wide", { row: Schema.Int, events: [Placed] }).fold({
        initial: 0,
        key: { Placed: ({ customer }) => Array.from({ length: 1_000 }, (_, i) => `${customer}-${i}`) },
        on: { Placed: (row) => row + 1 }
      })
      const occurredAt = DateTime.makeUnsafe(0)
      const append = (id: string, customers: number) =>
        EventStore.EventStore.use((store) => {
          const event = (i: number) => ({
            type: "Placed",
            revision: 1,
            payload: { customer: `${id}-${i}`, cents: 1 },
            occurredAt
          })
          const events = [event(0), ...Array.from({ length: customers - 1 }, (_, i) => event(i + 1))] as const
          return store.append({ writes: [{ stream: StreamName.make("Order", id), expected: 0, events }] })
        })
      const position = Effect.map(Projection.status(Wide), (status) => Option.getOrThrow(status).position)
      yield* Effect.gen(function*() {
        yield* append("few", 10)
        assert.strictEqual(yield* position, 10)
        yield* append("many", 11)
        assert.strictEqual(yield* position, 10)
        yield* caughtUp(Wide)
        assert.strictEqual(yield* Wide.count(), 21_000)
      }).pipe(Effect.provide(Wide.layerInline))
    }).pipe(run))
})

describe("a clock that jumps back", () => {
  /** A clock whose time of day can be set. */
  const settable = Effect.map(Clock.clockWith(Effect.succeed), (clock) => {
    const state = { offset: 0 }
    const jumping: Clock.Clock = Object.create(clock, {
      currentTimeMillisUnsafe: { value: () => clock.currentTimeMillisUnsafe() + state.offset },
      currentTimeMillis: { value: Effect.sync(() => clock.currentTimeMillisUnsafe() + state.offset) }
    })
    return { state, provide: Effect.provideService(Clock.Clock, jumping) }
  })

  it.effect("does not make a reader wait longer than it has said", () =>
    Effect.gen(function*() {
      const Totals = totals()
      const { provide, state } = yield* settable
      yield* TestClock.setTime(10_000_000)
      const reading = yield* Effect.forkChild(
        provide(Effect.flip(Projection.whenCaughtUp(Totals, { after: 5, timeout: "2 seconds" })))
      )
      yield* TestClock.adjust("1 second")
      state.offset = -3_600_000
      yield* TestClock.adjust("2 seconds")
      assert.isDefined(reading.pollUnsafe())
    }).pipe(run))

  it.effect("does not keep a run from what it does now and then", () =>
    Effect.gen(function*() {
      const bug = { fixed: false }
      const Totals = totals({ bug })
      const { provide, state } = yield* settable
      yield* TestClock.setTime(10_000_000)
      yield* place("ada", -1)
      yield* Effect.forkScoped(provide(Projection.run([Totals])))
      yield* caughtUp(Totals)
      yield* TestClock.adjust("2 seconds")
      state.offset = -3_600_000
      bug.fixed = true
      yield* Projection.retry(Totals, "ada")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* cents(["ada"]), { ada: -1 })
    }).pipe(run))
})
