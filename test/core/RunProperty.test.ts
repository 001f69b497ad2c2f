/**
 * Random histories, partitions, pages and crashes: a run comes to the rows of a plain fold, and a subscription delivers
 * every event, in the order of each key. A failure prints the smallest case and its seed: `VARVE_RUN_SEED` and
 * `VARVE_RUN_REPLAY` run it again, `VARVE_RUN_RUNS` is how many are tried.
 */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Projection, Subscription, Upcaster } from "@varve/core"
import { Effect, Fiber, Layer, Option, Schedule, Schema } from "effect"
import { allRows, caughtUp, forget, place, Placed, totals, unavailable, until, withRows } from "./Running.ts"

const runs = Number(process.env.VARVE_RUN_RUNS ?? 60)
const { VARVE_RUN_REPLAY: replay, VARVE_RUN_SEED: seed } = process.env
const arbitrary = { runs, replay, seed }
const timeout = 20_000 + runs * 200

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** One event of a customer: 0 forgets, negative amounts are what a handler fails at. */
const Change = Schema.Struct({ customer: between(0, 5), amount: between(-1, 4) })

/** A run that crashes, or does not, in the midst of it. */
const Stretch = Schema.Struct({
  changes: Schema.Array(Change).check(Schema.isMaxLength(20)),
  partitions: between(1, 4),
  pageSize: between(1, 9),
  /** The commit of which number fails, and whether it is stored all the same. 0: none. */
  failing: between(0, 6),
  stored: Schema.Boolean,
  /** It is interrupted at this commit. 0: it is not. */
  interrupted: between(0, 6),
  /** How often others have their turn before a batch is committed. */
  slow: between(0, 30)
})
type Stretch = typeof Stretch.Type

const Plan = Schema.Array(Stretch).check(Schema.isMinLength(1), Schema.isMaxLength(4))

const keyOf = ({ customer }: typeof Change.Type) => `c${customer}`

/** Runs something through a stretch: to the head, or to where it crashes. */
const through = <E, R>(stretch: Stretch, run: Effect.Effect<never, E, R>, level: Effect.Effect<void, never, R>) =>
  Effect.gen(function*() {
    let commits = 0
    let stopped = false
    const fiber = yield* Effect.forkChild(run.pipe(withRows((rows) => ({
      commit: (batch, within) =>
        Effect.suspend(() => {
          commits++
          if (commits === stretch.interrupted) stopped = true
          if (stopped) return Effect.fail(unavailable)
          const turns = Effect.forEach(Array.from({ length: stretch.slow }), () => Effect.yieldNow, { discard: true })
          const committed = Effect.andThen(turns, rows.commit(batch, within))
          if (commits !== stretch.failing) return committed
          return stretch.stored
            ? Effect.andThen(committed, Effect.fail(unavailable))
            : Effect.andThen(turns, Effect.fail(unavailable))
        })
    }))))
    yield* Effect.raceFirst(level, until("it is stopped", Effect.sync(() => stopped)))
    yield* Fiber.interrupt(fiber)
  })

const calm: Stretch = { changes: [], partitions: 1, pageSize: 5, failing: 0, stored: false, interrupted: 0, slow: 0 }

const fresh = Layer.mergeAll(Layer.fresh(EventStore.layerMemory), Upcaster.layer())

describe("any run", () => {
  it.effect.prop(
    "comes to the rows of a plain fold",
    [Plan],
    ([plan]) =>
      Effect.gen(function*() {
        const Totals = totals()
        const expected = new Map<string, { orders: number; cents: number }>()
        const level = Effect.orDie(caughtUp(Totals))
        for (const stretch of plan) {
          for (const change of stretch.changes) {
            const [key, cents] = [keyOf(change), Math.abs(change.amount)]
            yield* cents === 0 ? forget(key) : place(key, cents)
            const row = expected.get(key) ?? { orders: 0, cents: 0 }
            if (cents === 0) expected.delete(key)
            else expected.set(key, { orders: row.orders + 1, cents: row.cents + cents })
          }
          const { pageSize, partitions } = stretch
          yield* through(stretch, Projection.run([Totals], { pageSize, partitions }), level)
        }
        yield* through(calm, Projection.run([Totals]), level)
        assert.deepStrictEqual(
          (yield* allRows()).map(([key, value]) => [key, JSON.parse(value!)]),
          Array.from(expected).toSorted(([a], [b]) => a < b ? -1 : 1)
        )
      }).pipe(Effect.provide(fresh)),
    { timeout, arbitrary }
  )

  it.effect.prop(
    "delivers every event, in the order of its key, and what fails holds up nothing but its key",
    [Plan],
    ([plan]) =>
      Effect.gen(function*() {
        const Orders = Subscription.make("Orders", {
          events: [Placed],
          key: { Placed: ({ customer }) => customer },
          retry: Schedule.recurs(1)
        })
        let broken = true
        const handled: Array<readonly [key: string, position: number]> = []
        const run = (options?: Subscription.RunOptions) =>
          Orders.run({
            Placed: ({ cents }, { key, position }) =>
              Effect.suspend(() => {
                if (broken && cents < 0) return Effect.fail(new Error("broken"))
                handled.push([key, position])
                return Effect.void
              })
          }, options)
        const isLevel = Effect.map(Orders.status, Option.exists(({ head, position }) => position === head))
        const level = Effect.orDie(until("the subscription is at the head", isLevel))
        const expected: Array<readonly [key: string, position: number]> = []
        let crashes = 0
        for (const stretch of plan) {
          for (const change of stretch.changes) {
            const { last } = yield* place(keyOf(change), change.amount)
            expected.push([keyOf(change), last])
          }
          const { failing, interrupted, pageSize, partitions } = stretch
          crashes += failing + interrupted
          yield* through(stretch, run({ pageSize, partitions }), level)
        }
        yield* through(calm, run(), level)
        const firstBroken = new Map<string, number>()
        for (const { key, position } of (yield* Orders.parked({ limit: 1_000 })).toReversed()) {
          firstBroken.set(key, position)
        }
        // What waits is behind the failure of its key, and all that does.
        for (const [key, position] of handled) {
          assert.isBelow(position, firstBroken.get(key) ?? Infinity)
        }
        broken = false
        for (const key of firstBroken.keys()) yield* Orders.retry(key)
        const drained = Effect.map(Orders.parked(), (parked) => parked.length === 0)
        yield* through(calm, run(), Effect.orDie(until("all is drained", drained)))

        const once = new Set<string>()
        const firsts = handled.filter(([key, position]) => {
          const name = `${key} ${position}`
          return once.has(name) ? false : once.add(name)
        })
        if (crashes === 0) assert.strictEqual(handled.length, firsts.length, "nothing crashed, so nothing comes twice")
        const byKey = (list: typeof handled) => Object.fromEntries(Map.groupBy(list, ([key]) => key))
        assert.deepStrictEqual(byKey(firsts), byKey(expected))
      }).pipe(Effect.provide(fresh)),
    { timeout, arbitrary }
  )
})
