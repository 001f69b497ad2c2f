/** Reading rows: the same questions, the same answers, whatever the way the projection is run. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Limits, Metadata, Projection, type ProjectionError, RowStore, StreamName } from "@varve/core"
import { Context, DateTime, Effect, Fiber, Layer, Option, Schema, Stream } from "effect"
import { below, Customers, modes, Orders, Placed, Shop, write } from "./Orders.ts"

const caughtUp = Effect.andThen(Orders.whenCaughtUp(), Customers.whenCaughtUp())

const ada = { customer: "ada", cents: 5, paid: false, at: null }
const keysOf = ({ rows }: { readonly rows: ReadonlyArray<{ readonly key: string }> }) => rows.map(({ key }) => key)

const refused = <A, R>(effect: Effect.Effect<A, ProjectionError.ProjectionError, R>) =>
  Effect.map(Effect.flip(effect), ({ message, reason }) => {
    assert.strictEqual(reason._tag, "Refused")
    return message
  })

/** Some orders: o1 to o5. */
const some = Effect.gen(function*() {
  yield* write("o1", ["Placed", "ada", 5])
  yield* write("o2", ["Placed", "bob", 7])
  yield* write("o3", ["Placed", "ada", 3])
  yield* write("o4", ["Placed", "cy", 7])
  yield* write("o5", ["Placed", "ada", 9])
  yield* write("o2", ["Paid", "2024-02-29T12:00:00.000Z"])
  yield* write("o4", ["Paid", "2023-01-01T00:00:00.000Z"])
  yield* caughtUp
})

for (const [mode, layer] of Object.entries(modes)) {
  const run = Effect.provide(Layer.provideMerge(layer, below))

  describe(`reading, ${mode}`, () => {
    it.live("gets rows by their keys", () =>
      Effect.gen(function*() {
        yield* some
        assert.deepStrictEqual(yield* Orders.get("o1"), Option.some(ada))
        assert.deepStrictEqual(yield* Orders.get("o6"), Option.none())
        assert.deepStrictEqual(
          yield* Orders.get("o2"),
          Option.some({ customer: "bob", cents: 7, paid: true, at: DateTime.makeUnsafe("2024-02-29T12:00:00Z") })
        )
        const many = yield* Orders.getMany(["o3", "o6", "o1", "o3"])
        assert.deepStrictEqual(Array.from(many), [["o3", { ...ada, cents: 3 }], ["o1", ada]])
        assert.deepStrictEqual(yield* Customers.get("ada"), Option.some({ orders: 3, cents: 17 }))
        assert.deepStrictEqual(Array.from((yield* Customers.getMany(["bob", "cy"])).keys()), ["bob", "cy"])
        assert.strictEqual((yield* Orders.getMany([])).size, 0)
      }).pipe(run))

    it.live("folds in the order of positions, whatever streams the events are of", () =>
      Effect.gen(function*() {
        yield* write("o1", ["Placed", "ada", 5])
        yield* write("o1", ["Paid", "2024-02-29T12:00:00.000Z"])
        yield* write("o1", ["Cancelled"])
        yield* write("o1", ["Placed", "bob", 7])
        yield* caughtUp
        assert.deepStrictEqual(
          yield* Orders.get("o1"),
          Option.some({ customer: "bob", cents: 7, paid: false, at: null })
        )
      }).pipe(run))

    it.live("lists by key, by index, and parts of them, forward and backward", () =>
      Effect.gen(function*() {
        yield* some
        const list = (query?: Parameters<typeof Orders.list>[0]) => Effect.map(Orders.list(query), keysOf)
        assert.deepStrictEqual(yield* list(), ["o1", "o2", "o3", "o4", "o5"])
        assert.deepStrictEqual(yield* list({ direction: "backward" }), ["o5", "o4", "o3", "o2", "o1"])
        assert.deepStrictEqual(yield* list({ from: "o2", to: "o4" }), ["o2", "o3", "o4"])
        const orders = Effect.fnUntraced(function*(query: Parameters<typeof Orders.list<"customer">>[0]) {
          return keysOf(yield* Orders.list({ index: "customer", ...query }))
        })
        assert.deepStrictEqual(yield* orders({}), ["o3", "o1", "o5", "o2", "o4"])
        assert.deepStrictEqual(yield* orders({ where: { customer: "ada" } }), ["o3", "o1", "o5"])
        assert.deepStrictEqual(yield* orders({ where: { customer: "ada" }, from: 5 }), ["o1", "o5"])
        assert.deepStrictEqual(yield* orders({ where: { customer: "ada" }, to: 5 }), ["o3", "o1"])
        assert.deepStrictEqual(yield* orders({ where: { customer: "ada" }, from: 4, to: 6 }), ["o1"])
        assert.deepStrictEqual(yield* orders({ where: { customer: "ada", cents: 9 } }), ["o5"])
        assert.deepStrictEqual(yield* orders({ from: "bob", direction: "backward" }), ["o4", "o2"])
        assert.deepStrictEqual(yield* orders({ where: { customer: "ad" } }), [])
        // Rows that are equal in the index are in the order of their keys.
        assert.deepStrictEqual(keysOf(yield* Orders.list({ index: "paid" })), ["o1", "o3", "o5", "o2", "o4"])
        assert.deepStrictEqual(
          keysOf(yield* Orders.list({ index: "paid", direction: "backward" })),
          ["o4", "o2", "o5", "o3", "o1"]
        )
        // Nothing comes before every time.
        assert.deepStrictEqual(keysOf(yield* Orders.list({ index: "at" })), ["o1", "o3", "o5", "o4", "o2"])
        const from = DateTime.makeUnsafe("2024-01-01T00:00:00Z")
        assert.deepStrictEqual(keysOf(yield* Orders.list({ index: "at", from })), ["o2"])
        assert.deepStrictEqual(keysOf(yield* Customers.list({ index: "cents" })), ["bob", "cy", "ada"])
      }).pipe(run))

    it.live("counts", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* Orders.count(), 0)
        yield* some
        assert.strictEqual(yield* Orders.count(), 5)
        assert.strictEqual(yield* Orders.count({ index: "paid", where: { paid: true } }), 2)
        assert.strictEqual(yield* Orders.count({ from: "o4" }), 2)
        yield* write("o4", ["Cancelled"])
        assert.strictEqual(yield* Orders.count({ from: "o4", after: 8 }), 1)
        assert.strictEqual(yield* Customers.count(), 3)
      }).pipe(run))

    it.live("pages with a cursor that rows coming and going do not disturb", () =>
      Effect.gen(function*() {
        yield* some
        const first = yield* Orders.list({ index: "customer", limit: 2 })
        assert.deepStrictEqual(keysOf(first), ["o3", "o1"])
        const cursor = Option.getOrThrow(first.next)
        yield* write("o1", ["Cancelled"])
        yield* write("o6", ["Placed", "ada", 1])
        yield* write("o7", ["Placed", "ada", 8])
        yield* caughtUp
        const second = yield* Orders.list({ index: "customer", limit: 2, cursor })
        assert.deepStrictEqual(keysOf(second), ["o7", "o5"])
        const third = yield* Orders.list({ index: "customer", limit: 2, cursor: Option.getOrThrow(second.next) })
        assert.deepStrictEqual(keysOf(third), ["o2", "o4"])
        assert.deepStrictEqual(third.next, Option.none())
      }).pipe(run))

    it.live("refuses a query that means nothing, and says why", () =>
      Effect.gen(function*() {
        yield* some
        // A program without types asks it.
        const list = (query: object) => refused(Orders.list(query))
        assert.strictEqual(
          yield* list({ index: "nope" }),
          "Orders: index of Orders: expected one of customer, paid, at, got \"nope\""
        )
        assert.include(
          yield* list({ index: "customer", where: { cents: 5 } }),
          "the first of the fields customer, cents"
        )
        assert.include(yield* list({ index: "customer", where: { customer: "a", nope: 5 } }), "got customer, nope")
        assert.include(
          yield* list({ index: "paid", where: { paid: true }, from: 1 }),
          "from and to of the index paid of Orders: expected a field that is not in where, got none left"
        )
        assert.include(yield* list({ where: { customer: "ada" } }), "expected an index, got customer, without one")
        assert.include(yield* list({ index: "paid", where: { paid: {} } }), "expected nothing, a boolean, a number")
        assert.include(yield* list({ from: 5 }), "expected a string, got number")
        for (const limit of [0, 1.5, Limits.rowsPerPage + 1]) {
          assert.include(yield* list({ limit }), `expected a whole number from 1 to ${Limits.rowsPerPage}`)
        }
        assert.include(yield* list({ direction: "sideways" }), "expected forward or backward")
        assert.include(yield* refused(Orders.count({ from: "\u0000" })), "no control characters")
        assert.include(yield* refused(Orders.get("")), "key of a row: expected 1 to 512 bytes")
        assert.include(yield* refused(Orders.getMany(["a", "b\u0007"])), "no control characters")
        const tooMany = Array.from({ length: Limits.keysPerRead + 1 }, (_, i) => `${i}`)
        assert.include(yield* refused(Orders.getMany(tooMany)), `at most ${Limits.keysPerRead}`)
      }).pipe(run))

    it.live("refuses a cursor that is none, or of another query", () =>
      Effect.gen(function*() {
        yield* some
        const cursorOf = (query: Parameters<typeof Orders.list<"customer" | "paid">>[0]) =>
          Effect.map(Orders.list({ ...query, limit: 1 }), ({ next }) => Option.getOrThrow(next))
        const byKey = yield* cursorOf({})
        const byCustomer = yield* cursorOf({ index: "customer" })
        const ofCustomers = Option.getOrThrow((yield* Customers.list({ limit: 1 })).next)
        for (const cursor of ["", "nope", "bm9wZQ", "W10", `${byKey}${byKey}`, "A".repeat(100_000), ofCustomers]) {
          assert.include(yield* refused(Orders.list({ cursor })), "expected the cursor of a page before")
        }
        assert.include(yield* refused(Orders.list({ cursor: byCustomer })), "one of another order")
        assert.include(yield* refused(Orders.list({ index: "paid", cursor: byCustomer })), "one of another order")
        assert.include(yield* refused(Orders.list({ direction: "backward", cursor: byKey })), "one of another order")
        const elsewhere = Orders.list({ index: "customer", where: { customer: "bob" }, cursor: byCustomer })
        assert.include(yield* refused(elsewhere), "one of another range")
      }).pipe(run))

    it.live("sees what the reader has written, and waits for it no longer than told", () =>
      Effect.gen(function*() {
        const receipt = yield* write("o1", ["Placed", "ada", 5])
        assert.deepStrictEqual(yield* Orders.get("o1", { after: receipt }), Option.some(ada))
        assert.deepStrictEqual(yield* Orders.get("o1", { after: Option.some(receipt) }), Option.some(ada))
        const next = yield* write("o2", ["Placed", "bob", 7])
        assert.strictEqual((yield* Orders.getMany(["o1", "o2"], { after: next.last })).size, 2)
        assert.lengthOf((yield* Orders.list({ after: next })).rows, 2)
        assert.strictEqual(yield* Orders.count({ after: next }), 2)
        assert.strictEqual(yield* Orders.count({ after: Option.none() }), 2)
        const { message, reason } = yield* Effect.flip(Orders.get("o1", { after: 9, timeout: 0 }))
        assert.deepInclude(reason, { _tag: "Behind", expected: 9, actual: 2, waited: 0, state: "running" })
        assert.include(message, "Orders: The read model is at position 2 (running), expected 9")
        assert.include(yield* refused(Orders.get("o1", { after: -1 })), "position to wait for")
        const foreign = { ...receipt, storeId: "another" }
        assert.include(yield* refused(Orders.get("o1", { after: foreign })), "got one of the store another")
        assert.include(yield* refused(Orders.whenCaughtUp({ after: foreign })), "got one of the store another")
      }).pipe(run))

    it.live("keeps the rows of tenants apart", () =>
      Effect.gen(function*() {
        const acme = Metadata.provide({ tenant: "acme" })
        yield* write("o1", ["Placed", "ada", 5])
        yield* write("o1", ["Placed", "bob", 7]).pipe(acme)
        yield* write("o2", ["Placed", "cy", 9]).pipe(acme)
        yield* caughtUp
        assert.deepStrictEqual(yield* Orders.get("o1"), Option.some(ada))
        assert.deepStrictEqual(yield* Effect.map(Orders.list(), keysOf), ["o1"])
        assert.deepStrictEqual(yield* Effect.map(Orders.list().pipe(acme), keysOf), ["o1", "o2"])
        assert.strictEqual(yield* Orders.count().pipe(acme), 2)
        assert.deepStrictEqual(yield* Customers.get("ada").pipe(acme), Option.none())
      }).pipe(run))

    it.live("keeps the row before an event that cannot be folded, and lets the other rows go on", () =>
      Effect.gen(function*() {
        yield* write("o1", ["Placed", "ada", 5])
        yield* write("o1", ["Placed", "ada", 13])
        yield* write("o1", ["Placed", "ada", 1])
        yield* write("o2", ["Placed", "bob", 13])
        yield* write("o3", ["Placed", "bob", 1])
        yield* caughtUp
        assert.deepStrictEqual(yield* Orders.get("o1"), Option.some(ada))
        assert.deepStrictEqual(yield* Effect.map(Orders.list(), keysOf), ["o1", "o3"])
      }).pipe(run))
  })
}

describe("reading stored rows", () => {
  const stored = Effect.provide(Layer.provideMerge(Orders.layerStored, below))

  it.effect("tells that nobody has ever run the projection", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(Orders.get("o1"))
      assert.deepInclude(reason, { _tag: "Behind", expected: 0, actual: 0, state: "absent" })
      yield* write("o1", ["Placed", "ada", 5])
      const waiting = yield* Effect.flip(Orders.whenCaughtUp({ timeout: 0 }))
      assert.deepInclude(waiting.reason, { _tag: "Behind", expected: 1, state: "absent" })
    }).pipe(stored))

  it.effect("waits for one who runs it elsewhere", () =>
    Effect.gen(function*() {
      yield* write("o1", ["Placed", "ada", 5])
      const reading = yield* Effect.forkChild(Orders.get("o1", { after: 1 }), { startImmediately: true })
      yield* Effect.scoped(Effect.andThen(Layer.build(Layer.fresh(Orders.layerAsync)), Fiber.join(reading)))
      assert.deepStrictEqual(yield* Orders.get("o1"), Option.some(ada))
    }).pipe(stored))
})

describe("reading inline rows", () => {
  it.live("finds what this process has written, also where it went without its rows", () =>
    Effect.gen(function*() {
      const rows = yield* RowStore.RowStore
      const target = { kind: "projection", name: "Orders", revision: 1 } as const
      for (let cents = 1; cents <= 5; cents++) {
        // It does not say its version, so nobody can fold it before it is stored.
        yield* write(`o${cents}`, ["Placed", "ada", cents])
        assert.deepStrictEqual(yield* Orders.get(`o${cents}`), Option.some({ ...ada, cents }))
      }
      yield* rows.setState(target, "paused")
      yield* write("o6", ["Placed", "ada", 6])
      const { reason } = yield* Effect.flip(Orders.get("o6", { timeout: "30 millis" }))
      assert.deepInclude(reason, { _tag: "Behind", expected: 6, actual: 5, state: "paused" })
      yield* rows.setState(target, "running")
      assert.deepStrictEqual(yield* Orders.get("o6"), Option.some({ ...ada, cents: 6 }))
    }).pipe(Effect.provide(Layer.provideMerge(Orders.layerInline, below))))
})

describe("readers that hear of nothing", () => {
  const deaf = Layer.effectContext(Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const rows = yield* RowStore.RowStore
    return Context.make(EventStore.EventStore, { ...store, wakeUps: Stream.never }).pipe(
      Context.add(RowStore.RowStore, { ...rows, moves: Stream.never })
    )
  }))
  const run = Effect.provide(
    Orders.layerAsync.pipe(
      Layer.provide(Layer.succeed(Projection.RunDefaults, { poll: "20 millis" })),
      Layer.provideMerge(Layer.provideMerge(deaf, below))
    )
  )

  it.live("arrive all the same: they look", () =>
    Effect.gen(function*() {
      for (let i = 1; i <= 3; i++) {
        const receipt = yield* write("o1", ["Placed", "ada", i])
        const row = yield* Orders.get("o1", { after: receipt })
        assert.strictEqual(Option.getOrThrow(row).cents, i * (i + 1) / 2)
      }
      const changes = yield* Stream.runCollect(Stream.take(Orders.changes("o1", { after: 1 }), 1))
      assert.strictEqual(changes[0]!.position, 3)
    }).pipe(run))
})

describe("reading rows of another revision", () => {
  const contract = { row: Schema.Struct({ cents: Schema.Int, customer: Schema.String }), events: [Placed] }
  class First extends Projection.make("Served", { ...contract, indexes: { cents: ["cents"] } })
    .fold({ on: { Placed: (_, { cents, customer }) => ({ cents, customer }) } })
  {}
  const run = Effect.provide(Layer.provideMerge(First.layerAsync, below))
  const some = Effect.gen(function*() {
    yield* write("o1", ["Placed", "ada", 5])
    yield* write("o2", ["Placed", "bob", 3])
    yield* First.whenCaughtUp()
  })

  it.live("decodes them by its own schema, and tells which row does not fit", () =>
    Effect.gen(function*() {
      yield* some
      class Fewer extends Projection.make("Served", {
        row: Schema.Struct({ cents: Schema.Int }),
        events: [Placed],
        revision: 2
      }).fold({ on: { Placed: (_, { cents }) => ({ cents }) } }) {}
      const fewer = yield* Fewer.get("o1").pipe(Effect.provide(Layer.fresh(Fewer.layerStored)))
      assert.deepStrictEqual(fewer, Option.some({ cents: 5 }))
      class More extends Projection.make("Served", {
        row: Schema.Struct({ cents: Schema.Int, more: Schema.String }),
        events: [Placed],
        revision: 2
      }).fold({ on: { Placed: (_, { cents }) => ({ cents, more: "" }) } }) {}
      const message = yield* refused(More.get("o1")).pipe(Effect.provide(Layer.fresh(More.layerStored)))
      assert.include(message, "row o1 of Served, revision 1: expected a row of the reader's schema, got Missing key")
    }).pipe(run))

  it.live("refuses an index that is another one there", () =>
    Effect.gen(function*() {
      yield* some
      class Other extends Projection.make("Served", { ...contract, indexes: { cents: ["customer"] }, revision: 2 })
        .fold({ on: { Placed: (_, { cents, customer }) => ({ cents, customer }) } })
      {}
      yield* Effect.gen(function*() {
        assert.lengthOf((yield* Other.list()).rows, 2)
        assert.include(
          yield* refused(Other.list({ index: "cents" })),
          "expected one that revision 1, which serves, has as well (cents), got customer"
        )
      }).pipe(Effect.provide(Layer.fresh(Other.layerStored)))
    }).pipe(run))
})

describe("reading live rows", () => {
  it.effect("reads the streams of a key alone, where its events can be in no other", () =>
    Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      yield* write("o1", ["Placed", "ada", 5])
      yield* store.append({
        writes: [{
          stream: StreamName.make("Order", "o2"),
          expected: 0,
          events: [{ type: "Placed", revision: 1, payload: { customer: 1 } }]
        }]
      })
      // Without the aggregates nobody knows whose events they are.
      const { reason } = yield* Effect.flip(Orders.get("o1").pipe(Effect.provide(Orders.layerLive)))
      assert.deepInclude(reason, { _tag: "Unreadable", type: "Placed", position: 2 })
      assert.strictEqual((yield* Effect.flip(Orders.list())).reason._tag, "Unreadable")
      assert.deepStrictEqual(yield* Orders.get("o1"), Option.some(ada))
      assert.strictEqual((yield* Effect.flip(Customers.get("ada"))).reason._tag, "Unreadable")
    }).pipe(Effect.provide(Layer.provideMerge(Shop.layer(), below))))
})
