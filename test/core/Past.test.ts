/** The read model, and an aggregate, in the past: at a point, between two points, and event by event. */
import { assert, describe, it } from "@effect/vitest"
import { Event, EventStore, Metadata, Projection, StreamName, Upcaster } from "@varve/core"
import { DateTime, Effect, JsonPatch, Layer, Option, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Account, Deposit, Id, Open } from "./Account.ts"
import { below, Customers, modes, Orders, write } from "./Orders.ts"

const time = DateTime.makeUnsafe
const keysOf = ({ rows }: { readonly rows: ReadonlyArray<{ readonly key: string }> }) => rows.map(({ key }) => key)
const centsOf = Option.map(({ cents }: typeof Orders.row.Type) => cents)

const refused = <A, E extends { readonly reason: { readonly _tag: string }; readonly message: string }, R>(
  effect: Effect.Effect<A, E, R>
) =>
  Effect.map(Effect.flip(effect), ({ message, reason }) => {
    assert.strictEqual(reason._tag, "Refused")
    return message
  })

/** Five events: recorded a second after the other, the third of them late in telling what happened long before. */
const some = Effect.gen(function*() {
  yield* TestClock.setTime(1_000)
  yield* write("o1", ["Placed", "ada", 5])
  yield* TestClock.setTime(2_000)
  yield* write("o2", ["Placed", "bob", 7])
  yield* TestClock.setTime(3_000)
  yield* write("o1", ["Placed", "ada", 1], { occurredAt: time(500) })
  yield* TestClock.setTime(4_000)
  yield* write("o2", ["Cancelled"])
  yield* TestClock.setTime(5_000)
  yield* write("o3", ["Placed", "ada", 2])
})

for (const [mode, layer] of Object.entries(modes)) {
  const run = Effect.provide(Layer.provideMerge(layer, below))

  describe(`the past of a projection, ${mode}`, () => {
    it.effect("is what the store held up to a position, at a time, or what had happened by then", () =>
      Effect.gen(function*() {
        yield* some
        const at = Effect.fnUntraced(function*(point: Projection.At) {
          const view = yield* Orders.asOf(point)
          const cents = centsOf(yield* view.get("o1"))
          return [cents, keysOf(yield* view.list()), yield* view.count()] as const
        })
        assert.deepStrictEqual(yield* at({ position: 0 }), [Option.none(), [], 0])
        assert.deepStrictEqual(yield* at({ position: 2 }), [Option.some(5), ["o1", "o2"], 2])
        assert.deepStrictEqual(yield* at({ position: 3 }), [Option.some(6), ["o1", "o2"], 2])
        assert.deepStrictEqual(yield* at({ position: 99 }), [Option.some(6), ["o1", "o3"], 2])
        assert.deepStrictEqual(yield* at({ recordedAt: time(999) }), [Option.none(), [], 0])
        assert.deepStrictEqual(yield* at({ recordedAt: time(2_000) }), [Option.some(5), ["o1", "o2"], 2])
        assert.deepStrictEqual(yield* at({ recordedAt: time(4_500) }), [Option.some(6), ["o1"], 1])
        assert.deepStrictEqual(yield* at({ occurredAt: time(999) }), [Option.some(1), ["o1"], 1])
        assert.deepStrictEqual(yield* at({ occurredAt: time(2_000) }), [Option.some(6), ["o1", "o2"], 2])
      }).pipe(run))

    it.effect("answers every question, and keeps its answers while the store goes on", () =>
      Effect.gen(function*() {
        yield* some
        const view = yield* Customers.asOf({ position: 3 })
        assert.deepStrictEqual(Array.from(yield* view.getMany(["ada", "bob", "cy"])), [
          ["ada", { orders: 2, cents: 6 }],
          ["bob", { orders: 1, cents: 7 }]
        ])
        const { next, rows } = yield* view.list({ index: "cents", direction: "backward", limit: 1 })
        assert.deepStrictEqual(rows, [{ key: "bob", row: { orders: 1, cents: 7 } }])
        yield* write("o4", ["Placed", "cy", 6])
        const cursor = Option.getOrThrow(next)
        assert.deepStrictEqual(
          keysOf(yield* view.list({ index: "cents", direction: "backward", limit: 1, cursor })),
          ["ada"]
        )
        assert.strictEqual(yield* view.count({ index: "cents", from: 7 }), 1)
        const acme = Metadata.provide({ tenant: "acme" })
        assert.strictEqual(yield* view.count().pipe(acme), 0)
        // A view is of one point, also where that is not behind us yet: all pages of a list are of it.
        const later = yield* Orders.asOf({ recordedAt: time(1_000_000) })
        const first = yield* later.list({ limit: 1 })
        yield* write("o0", ["Placed", "ada", 1])
        yield* write("o9", ["Placed", "ada", 1])
        const others = yield* later.list({ cursor: Option.getOrThrow(first.next) })
        assert.deepStrictEqual([...keysOf(first), ...keysOf(others)], ["o1", "o3", "o4"])
      }).pipe(run))

    it.effect("is bounded, and tells what it would take", () =>
      Effect.gen(function*() {
        yield* some
        const view = yield* Orders.asOf({ position: 5 }, { limit: 2 })
        const { message, reason } = yield* Effect.flip(view.list())
        assert.deepInclude(reason, { _tag: "TooManyEvents", limit: 2, events: 5 })
        assert.include(message, "Answering takes about 5 events, allowed are 2")
        assert.strictEqual(yield* (yield* Orders.asOf({ position: 2 }, { limit: 2 })).count(), 2)
        assert.include(yield* refused((yield* Orders.asOf({ position: 2 }, { limit: 0 })).count()), "limit of events")
        assert.include(yield* refused((yield* Orders.asOf({ position: -1 })).count()), "position to read at")
        assert.include(yield* refused((yield* Orders.asOf({ position: 1 })).get("")), "key of a row")
      }).pipe(run))

    it.effect("tells every event that touched a row, with the row after each", () =>
      Effect.gen(function*() {
        yield* some
        const touches = yield* Stream.runCollect(Orders.history("o2"))
        assert.deepStrictEqual(
          touches.map(({ event, position, row }) => [event._tag, position, centsOf(row)]),
          [["Placed", 2, Option.some(7)], ["Cancelled", 4, Option.none()]]
        )
        assert.deepInclude(touches[1]!.envelope, { key: "o2", version: 2, stream: StreamName.make("Order", "o2") })
        assert.deepStrictEqual(touches[1]!.recordedAt, time(4_000))
        const customer = yield* Stream.runCollect(Customers.history("ada"))
        assert.deepStrictEqual(customer.map(({ position, row }) => [position, Option.getOrThrow(row).cents]), [
          [1, 5],
          [3, 6],
          [5, 8]
        ])
        assert.deepStrictEqual(yield* Stream.runCollect(Orders.history("nobody")), [])
        const many = yield* Effect.flip(Stream.runDrain(Customers.history("ada", { limit: 2 })))
        assert.strictEqual(many.reason._tag, "TooManyEvents")
        assert.include(yield* refused(Stream.runDrain(Orders.history(""))), "key of a row")
      }).pipe(run))

    it.effect("tells an event that could not be folded, with the row as it was", () =>
      Effect.gen(function*() {
        for (const cents of [5, 13, 1]) yield* write("o1", ["Placed", "ada", cents])
        const touches = yield* Stream.runCollect(Orders.history("o1"))
        assert.deepStrictEqual(touches.map(({ row }) => centsOf(row)), [Option.some(5), Option.some(5), Option.some(5)])
      }).pipe(run))

    it.effect("tells what has changed between two points", () =>
      Effect.gen(function*() {
        yield* some
        const between = (from: number, to?: number) =>
          Orders.diff("o1", { from: { position: from }, ...(to !== undefined && { to: { position: to } }) })
        const row = { customer: "ada", paid: false, at: null }
        assert.deepStrictEqual(yield* between(1), {
          before: Option.some({ ...row, cents: 5 }),
          after: Option.some({ ...row, cents: 6 }),
          patch: [{ op: "replace", path: "/cents", value: 6 }]
        })
        const made = yield* between(0, 1)
        assert.deepStrictEqual(made.before, Option.none())
        assert.deepStrictEqual(JsonPatch.apply(made.patch, null), { ...row, cents: 5 })
        assert.deepStrictEqual((yield* between(1, 2)).patch, [])
        const gone = yield* Orders.diff("o2", { from: { recordedAt: time(2_000) } })
        assert.deepStrictEqual(JsonPatch.apply(gone.patch, { customer: "bob" }), null)
      }).pipe(run))

    it.effect("tells times as they are encoded", () =>
      Effect.gen(function*() {
        yield* write("o1", ["Placed", "ada", 5])
        yield* write("o1", ["Paid", "2024-02-29T12:00:00.000Z"])
        const { patch } = yield* Orders.diff("o1", { from: { position: 1 } })
        assert.sameDeepMembers(Array.from(patch), [
          { op: "replace", path: "/paid", value: true },
          { op: "replace", path: "/at", value: "2024-02-29T12:00:00.000Z" }
        ])
      }).pipe(run))
  })
}

describe("the past of a projection", () => {
  it.effect("is read page by page, whole pages and beyond", () =>
    Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      const event = { type: "Placed", revision: 1, payload: { customer: "ada", cents: 1 } }
      const stream = StreamName.make("Order", "o1")
      for (let i = 0; i < 3; i++) {
        const events = [event, ...Array.from({ length: 899 }, () => event)] as const
        yield* store.append({ writes: [{ stream, expected: "any", events }] })
        yield* TestClock.adjust("1 second")
      }
      for (const layer of [modes.live, modes["live of a domain"]]) {
        yield* Effect.gen(function*() {
          const view = yield* Orders.asOf({ position: 1_800 })
          assert.deepStrictEqual(centsOf(yield* view.get("o1")), Option.some(1_800))
          assert.lengthOf(yield* Stream.runCollect(Orders.history("o1")), 2_700)
          const { reason } = yield* Effect.flip((yield* Orders.asOf({ position: 2_700 }, { limit: 1_000 })).get("o1"))
          assert.deepInclude(reason, { _tag: "TooManyEvents", events: 2_700 })
          // Nobody reads all of it for its beginning.
          const early = yield* Orders.asOf({ recordedAt: time(500) }, { limit: 2_000 })
          assert.strictEqual(yield* early.count(), 1)
          assert.deepStrictEqual(
            centsOf(yield* (yield* Orders.asOf({ recordedAt: time(500) })).get("o1")),
            Option.some(900)
          )
          const first = yield* Stream.runCollect(Stream.take(Orders.history("o1", { limit: 2_000 }), 3))
          assert.lengthOf(first, 3)
        }).pipe(Effect.provide(layer))
      }
    }).pipe(Effect.provide(below)))

  it.effect("fails where a projection that halts has halted", () =>
    Effect.gen(function*() {
      const Placed = Event.make("Placed", { customer: Schema.String, cents: Schema.Int })
      class Strict extends Projection.make("Strict", { row: Schema.Int, events: [Placed], onFailure: "halt" }).fold({
        initial: 0,
        on: {
          Placed: (row, { cents }) => {
            if (cents === 13) throw new Error("Thirteen")
            return row + cents
          }
        }
      }) {}
      class Keyed extends Projection.make("Keyed", { row: Schema.Int, events: [Placed] }).fold({
        initial: 0,
        key: { Placed: ({ customer }) => customer === "" ? [""] : [customer] },
        on: { Placed: (row) => row + 1 }
      }) {}
      yield* write("o1", ["Placed", "ada", 5])
      yield* write("o1", ["Placed", "", 13])
      yield* Effect.gen(function*() {
        const message = yield* refused(Strict.get("o1"))
        assert.include(
          message,
          "Placed at position 2, key o1: expected an event that the projection can fold, got Thirteen"
        )
        assert.deepStrictEqual(yield* (yield* Strict.asOf({ position: 1 })).get("o1"), Option.some(5))
        assert.include(yield* refused(Keyed.get("ada")), "Placed at position 2: expected an event that the projection")
        assert.deepStrictEqual(yield* (yield* Keyed.asOf({ position: 1 })).get("ada"), Option.some(1))
      }).pipe(Effect.provide(Layer.mergeAll(Strict.layerLive, Keyed.layerLive)))
    }).pipe(Effect.provide(below)))
})

describe("the past of an aggregate", () => {
  const run = Effect.provide(
    Layer.provideMerge(Account.layer, Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))
  )
  const id = Id.make("ada")

  const opened = Effect.gen(function*() {
    yield* TestClock.setTime(1_000)
    yield* Account.execute(id, Open.make({ owner: "Ada" }))
    yield* TestClock.setTime(2_000)
    yield* Account.execute(id, Deposit.make({ cents: 5 }))
    yield* Account.execute(id, Deposit.make({ cents: 7 }))
  })

  it.effect("tells every event, with the state after each", () =>
    Effect.gen(function*() {
      yield* opened
      const history = yield* Stream.runCollect(Account.history(id))
      assert.deepStrictEqual(
        history.map((
          { event, position, recordedAt, version }
        ) => [event._tag, version, position, recordedAt.epochMilliseconds]),
        [["Opened", 1, 1, 1_000], ["Deposited", 2, 2, 2_000], ["Deposited", 3, 3, 2_000]]
      )
      assert.deepStrictEqual(history.at(-1)!.state, (yield* Account.load(id)).state)
      assert.deepStrictEqual(history[1]!.state, (yield* Account.load(id, { at: { version: 2 } })).state)
      assert.deepStrictEqual(yield* Stream.runCollect(Account.history(Id.make("nobody"))), [])
      const acme = yield* Stream.runCollect(Account.history(id)).pipe(Metadata.provide({ tenant: "acme" }))
      assert.deepStrictEqual(acme, [])
    }).pipe(run))

  it.effect("tells what has changed between two points", () =>
    Effect.gen(function*() {
      yield* opened
      const { after, before, patch } = yield* Account.diff(id, { from: { version: 2 } })
      assert.deepStrictEqual(before, (yield* Account.load(id, { at: { version: 2 } })).state)
      assert.deepStrictEqual(after, (yield* Account.load(id)).state)
      assert.deepStrictEqual(patch, [{ op: "replace", path: "/balance", value: 12 }])
      const none = yield* Account.diff(id, { from: { version: 2 }, to: { position: 2 } })
      assert.deepStrictEqual(none.patch, [])
      const wrong = Account.diff(id, { from: { version: -1 } })
      assert.include(yield* refused(wrong), "version to load at")
    }).pipe(run))

  it.effect("fails with what cannot be read", () =>
    Effect.gen(function*() {
      yield* opened
      yield* EventStore.EventStore.use((store) =>
        store.append({
          writes: [{
            stream: StreamName.make("Account", "ada"),
            expected: 3,
            events: [{ type: "Deposited", revision: 1, payload: { cents: "many" } }]
          }]
        })
      )
      const error = yield* Effect.flip(Stream.runDrain(Account.history(id)))
      assert.deepInclude(error, { aggregate: "Account", id: "ada" })
      assert.deepInclude(error.reason, { _tag: "Unreadable", version: 4 })
    }).pipe(run))
})
