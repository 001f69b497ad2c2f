/** Projections into tables of the program's own: effects in the transaction of the checkpoint. */
import { assert, describe, it } from "@effect/vitest"
import { Event, type EventStore, Projection, Rebuild, type RowStore, type Upcaster } from "@varve/core"
import { Context, Effect, Fiber, Layer, Option, Schedule, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { base, caughtUp, inState, place, Placed, placed, unavailable, until, withRows, write } from "./Running.ts"

const run = Effect.provide(base)

type Services = EventStore.EventStore | Upcaster.Upcaster | RowStore.RowStore

/** A database for tests: what is written in a transaction that is undone is gone. */
class Tables extends Context.Service<Tables, {
  readonly lines: Array<string>
  readonly log: Array<string>
}>()("test/Tables") {}

const tables = Layer.sync(Tables, () => ({ lines: [], log: [] }))

/** Commits with transactions, as a database would. */
const transactional = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Tables, ({ lines }) =>
    withRows((rows) => ({
      commit: (batch, within) =>
        Effect.suspend(() => {
          const before = lines.slice()
          const undo = () => {
            lines.splice(0, lines.length, ...before)
          }
          return rows.commit(batch, within).pipe(
            Effect.tap((committed) => committed === "Committed" ? Effect.void : Effect.sync(undo)),
            Effect.onError(() => Effect.sync(undo))
          )
        })
    }))(self))

const report = (options: {
  readonly revision?: number
  readonly onFailure?: Projection.OnFailure
  readonly byCustomer?: boolean
  readonly broken?: () => boolean
} = {}) =>
  Projection.custom("Report", {
    events: [Placed],
    revision: options.revision ?? 1,
    onFailure: options.onFailure ?? "park",
    retry: Schedule.recurs(1),
    ...(options.byCustomer === true && { key: { Placed: ({ customer }: { readonly customer: string }) => customer } }),
    setup: (table) => Tables.use(({ log }) => Effect.sync(() => log.push(`create ${table("orders")}`))),
    drop: (table) => Tables.use(({ log }) => Effect.sync(() => log.push(`drop ${table("orders")}`))),
    handle: {
      Placed: ({ cents, customer }, { position, table }) =>
        Tables.use(({ lines, log }) =>
          Effect.suspend(() => {
            log.push(`try ${position}`)
            lines.push(`${table("orders")}: ${position} ${customer} ${cents}`)
            return cents < 0 && options.broken?.() !== false ? Effect.fail(new Error(`cents: ${cents}`)) : Effect.void
          })
        )
    }
  })

const statusOf = (projection: Projection.Runnable) =>
  Effect.map(Projection.status(projection), (status) => Option.getOrThrow(status))

describe("Projection.custom", () => {
  it.effect("handles pages of events, once each, in tables that are made before", () =>
    Effect.gen(function*() {
      const Report = report()
      yield* write("o", placed("ada", 1), placed("bob", 2))
      yield* place("ada", 3)
      yield* Effect.forkScoped(Projection.run([Report]))
      yield* caughtUp(Report)
      yield* Projection.whenCaughtUp(Report)
      const { lines, log } = yield* Tables
      assert.deepStrictEqual(lines, ["orders_1: 1 ada 1", "orders_1: 2 bob 2", "orders_1: 3 ada 3"])
      assert.deepStrictEqual(log, ["create orders_1", "try 1", "try 2", "try 3"])
    }).pipe(transactional, Effect.provide(tables), run))

  it.effect("undoes a page in which an event fails, commits what is before it, and parks it with its key", () =>
    Effect.gen(function*() {
      let broken = true
      const Report = report({ byCustomer: true, broken: () => broken })
      for (const [who, cents] of [["ada", 1], ["ada", -5], ["bob", 2], ["ada", 3], ["eve", -6], ["bob", 4]] as const) {
        yield* place(who, cents)
      }
      yield* Effect.forkScoped(Projection.run([Report], { partitions: 2 }))
      yield* caughtUp(Report)
      const { lines } = yield* Tables
      assert.deepStrictEqual(lines.toSorted(), ["orders_1: 1 ada 1", "orders_1: 3 bob 2", "orders_1: 6 bob 4"])
      const status = yield* statusOf(Report)
      assert.deepInclude(status, { state: "running", parkedKeys: 2, parkedEvents: 3, position: 6 })
      const parked = yield* Projection.parked(Report)
      assert.deepStrictEqual(parked.map(({ attempts, cause, key, position }) => [key, position, attempts, cause]), [
        ["ada", 2, 2, "cents: -5"],
        ["ada", 4, 0, ""],
        ["eve", 5, 2, "cents: -6"]
      ])
      broken = false
      yield* Projection.retry(Report, "ada")
      yield* until("ada is drained", Effect.map(statusOf(Report), ({ parkedKeys }) => parkedKeys === 1))
      assert.deepStrictEqual(lines.slice(-2), ["orders_1: 2 ada -5", "orders_1: 4 ada 3"])
      broken = true
      yield* Projection.retry(Report, "eve")
      yield* until("eve was tried", Effect.map(Projection.parked(Report), ([first]) => first?.attempts === 4))
      yield* Projection.skip(Report, "eve")
      yield* until("nothing is parked", Effect.map(statusOf(Report), ({ parkedKeys }) => parkedKeys === 0))
      assert.strictEqual(lines.length, 5)
    }).pipe(transactional, Effect.provide(tables), run))

  it.effect("halts at an event that fails, with what is before it committed", () =>
    Effect.gen(function*() {
      let broken = true
      const Report = report({ onFailure: "halt", broken: () => broken })
      for (const cents of [1, -5, 3]) yield* place("ada", cents)
      yield* Effect.forkScoped(Projection.run([Report]))
      yield* inState(Report, "halted")
      const { lines } = yield* Tables
      assert.deepStrictEqual(lines, ["orders_1: 1 ada 1"])
      assert.deepInclude((yield* statusOf(Report)).failure, { position: 2, attempts: 2, cause: "cents: -5" })
      broken = false
      yield* Projection.resume(Report)
      yield* caughtUp(Report)
      assert.deepStrictEqual(lines, ["orders_1: 1 ada 1", "orders_1: 2 ada -5", "orders_1: 3 ada 3"])
    }).pipe(transactional, Effect.provide(tables), run))

  it.effect("does not take a store that cannot be reached for a failure of the handler", () =>
    Effect.gen(function*() {
      const Report = report()
      for (const cents of [1, 2, 3]) yield* place("ada", cents)
      let calls = 0
      yield* Effect.forkScoped(Projection.run([Report], { pageSize: 1 })).pipe(withRows((rows) => ({
        commit: (batch, within) =>
          Effect.suspend(() => ++calls % 2 === 1 ? Effect.fail(unavailable) : rows.commit(batch, within))
      })))
      yield* caughtUp(Report)
      const { lines } = yield* Tables
      assert.deepStrictEqual(lines, ["orders_1: 1 ada 1", "orders_1: 2 ada 2", "orders_1: 3 ada 3"])
      assert.strictEqual((yield* statusOf(Report)).parkedEvents, 0)
    }).pipe(transactional, Effect.provide(tables), run))

  it.effect("is built beside, switched to and dropped, by revision", () =>
    Effect.gen(function*() {
      const [one, two] = [report(), report({ revision: 2 })]
      yield* place("ada", 1)
      yield* Stream.runDrain(Rebuild.build(one))
      const progress = yield* Stream.runCollect(Rebuild.build(two, { partitions: 1 }))
      assert.deepInclude(progress.at(-1), { position: 1, head: 1 })
      yield* Rebuild.switchTo(two)
      const { lines, log } = yield* Tables
      assert.deepStrictEqual(lines, ["orders_1: 1 ada 1", "orders_2: 1 ada 1"])
      const error = yield* Effect.flip(Rebuild.drop(two, 2))
      assert.strictEqual(error.reason._tag, "Refused")
      assert.notInclude(log, "drop orders_2")
      yield* Rebuild.drop(two, 1)
      assert.strictEqual(log.at(-1), "drop orders_1")
      assert.deepStrictEqual(yield* Projection.status(one), Option.none())
    }).pipe(Effect.provide(tables), run))

  it.effect("handles nothing twice when it is run in another number of partitions that are not level", () =>
    Effect.gen(function*() {
      const Report = report({ byCustomer: true })
      const running = (partitions: number) =>
        Effect.forkScoped(Projection.run([Report], { partitions, pageSize: 3, lease: "10 seconds" }))
      for (let i = 0; i < 40; i++) yield* place(`c${i % 9}`, i)
      // One partition is stuck from its second page on.
      const stuck = yield* running(3).pipe(withRows((rows) => ({
        commit: (batch, within) => batch.partition === 1 && batch.from > 3 ? Effect.never : rows.commit(batch, within)
      })))
      const positions = Effect.map(
        Projection.status(Report),
        (status) =>
          Option.match(status, {
            onNone: () => [],
            onSome: ({ partitions }) => partitions.map(({ position }) => position)
          })
      )
      yield* until("they differ", Effect.map(positions, (all) => new Set(all).size > 1))
      // Another cannot change it meanwhile.
      const other = yield* running(2)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* positions).length, 3)
      yield* Fiber.interrupt(stuck)
      yield* until("there are two", Effect.map(positions, (all) => all.length === 2))
      yield* caughtUp(Report)
      yield* Fiber.interrupt(other)
      for (let i = 40; i < 60; i++) yield* place(`c${i % 9}`, i)
      yield* running(5)
      yield* until("there are five", Effect.map(positions, (all) => all.length === 5))
      yield* caughtUp(Report)
      const { lines } = yield* Tables
      const handled = lines.map((line) => Number(line.split(" ")[1])).toSorted((a, b) => a - b)
      assert.deepStrictEqual(handled, Array.from({ length: 60 }, (_, i) => i + 1))
    }).pipe(transactional, Effect.provide(tables), run))

  it.effect("waits until its tables can be made", () =>
    Effect.gen(function*() {
      let failures = 3
      const seen: Array<number> = []
      const Late = Projection.custom("Late", {
        events: [Placed],
        setup: () => Effect.suspend(() => failures-- > 0 ? Effect.fail(new Error("not yet")) : Effect.void),
        handle: { Placed: (_, { position }) => Effect.sync(() => seen.push(position)) }
      })
      yield* place("ada", 1)
      yield* Effect.forkScoped(Projection.run([Late]))
      yield* caughtUp(Late)
      assert.deepStrictEqual(seen, [1])
      assert.strictEqual(failures, -1)
    }).pipe(run))

  it("has a handler for every event, and is not asked what only a fold can answer", () => {
    // @ts-expect-error Placed has no handler
    const missing = () => Projection.custom("R", { events: [Placed], handle: {} })
    const extra = () =>
      Projection.custom("R", {
        events: [Placed],
        // @ts-expect-error there is no event of that name
        handle: { Placed: () => Effect.void, Sent: () => Effect.void }
      })
    const Report = report()
    // @ts-expect-error it is not folded when it is asked
    assert.isUndefined(Report.layerLive)
    // @ts-expect-error nor asked about the past
    assert.isUndefined(Report.asOf)
    // @ts-expect-error it has no rows to be compared
    const compared = () => Rebuild.compare(Report)
    assert.lengthOf([missing, extra, compared], 3)
    // What its handlers require is required of who runs it.
    const needs: Effect.Effect<never, unknown, Tables | Services> = Projection.run([Report])
    assert.isTrue(Effect.isEffect(needs))
    // @ts-expect-error Tables are missing
    const lacking: Effect.Effect<never, unknown, Services> = Projection.run([Report])
    assert.isTrue(Effect.isEffect(lacking))
  })

  it("names its tables, and nothing that a database could take for something else", () => {
    assert.strictEqual(report({ revision: 2 }).table("orders"), "orders_2")
    assert.throws(() => report().table("orders; drop table x"), "expected a letter")
    assert.throws(() => report().table("x".repeat(58)), "up to 56")
    class Twin extends Event.make("Placed", { x: Schema.Int }) {}
    assert.throws(
      () => Projection.custom("R", { events: [Placed, Twin], handle: { Placed: () => Effect.void } }),
      "two events of the tag Placed"
    )
    assert.throws(() => report({ revision: 0 }), "expected a revision")
  })
})
