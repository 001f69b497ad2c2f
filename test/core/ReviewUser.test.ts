/** What a program without types, or with a receipt that has travelled, is told. */
import { assert, describe, it } from "@effect/vitest"
import { Domain, Projection, Rebuild } from "@varve/core"
import { Cause, DateTime, Effect, Exit, Layer, Option, Schedule, Schema, Stream } from "effect"
import { base as store, place, Placed } from "./Running.ts"

const row = Schema.Struct({ n: Schema.Number })
class Orders extends Projection.make("Orders", { row, events: [Placed] }).fold({
  initial: { n: 0 },
  on: { Placed: ({ n }) => ({ n: n + 1 }) }
}) {}

/** As a program in JavaScript calls it. */
const untyped = (value: unknown): never => value as never

const refusal = <A, E extends { readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

describe("definitions", () => {
  it("an index is of fields of the row, each once", () => {
    const make = (fields: ReadonlyArray<string>) =>
      Projection.make("P", { row, events: [Placed], indexes: { a: untyped(fields) } })
    assert.throws(() => make([]), "Projection P, index a: expected at least one field, got none")
    assert.throws(() => make(["n", "n"]), "Projection P, index a: the field n is there twice")
    assert.throws(() => make(["zzz"]), "Projection P, index a: expected fields of the row (n), got zzz")
    const indexes = { a: ["n"], b: ["n"], c: ["n"], d: ["n"], e: ["n"] } as const
    assert.throws(
      () => Projection.make("P", { row, events: [Placed], indexes }),
      "Projection P: expected at most 4 indexes, got 5"
    )
  })

  it("an index can be of a field that only one kind of row has", () => {
    const kinds = Schema.Union([
      Schema.Struct({ n: Schema.Number }),
      Schema.Struct({ n: Schema.Number, s: Schema.String })
    ])
    Projection.make("P", { row: kinds, events: [Placed], indexes: { a: untyped(["s"]) } })
  })

  it("a domain names the modes and the projections that it knows", () => {
    const Shop = Domain.make("Shop", { aggregates: [], projections: [Orders] })
    assert.throws(
      () => Shop.layer(untyped({ Orders: "asynch" })),
      "Domain Shop, mode of Orders: expected one of live, inline, async, stored, got \"asynch\""
    )
    assert.throws(
      () => Shop.layer(untyped({ Ordres: "async" })),
      "Domain Shop, modes: expected names of projections (Orders), got Ordres"
    )
  })

  it.effect("one revision is not run twice", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Projection.run([Orders, Orders]))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) {
        assert.include(Cause.pretty(exit.cause), "Projections to run: Orders, revision 1, is there twice")
      }
    }).pipe(Effect.provide(store)))
})

describe("questions", () => {
  it.effect("what is no receipt, no point and no cursor is refused", () =>
    Effect.gen(function*() {
      const get = (after: unknown) => refusal(Orders.get("ada", { after: untyped(after) }))
      const expected = "Orders: receipt to wait for: expected one with last, a position, and storeId, got"
      assert.strictEqual(yield* get(null), `${expected} null`)
      assert.strictEqual(yield* get({}), `${expected} last undefined and storeId undefined`)
      assert.strictEqual(yield* get(Option.some({ last: "3", storeId: "s" })), `${expected} last "3" and storeId "s"`)

      const at = (point: unknown) => refusal(Effect.flatMap(Orders.asOf(untyped(point)), (view) => view.get("ada")))
      const point = "Orders: point to read at: expected a position, or a DateTime as recordedAt or occurredAt, got"
      assert.strictEqual(yield* at({}), `${point} undefined`)
      assert.strictEqual(yield* at({ occurredAt: new Date(0) }), `${point} a Date`)
      const noon = DateTime.makeUnsafe("2024-05-06T12:00:00Z")
      assert.isTrue(Option.isNone(yield* Effect.flatMap(Orders.asOf({ recordedAt: noon }), (view) => view.get("ada"))))

      assert.include(
        yield* refusal(Orders.list({ cursor: untyped(Option.none()) })),
        "cursor of a page of Orders: expected the cursor of a page before"
      )
    }).pipe(Effect.provide(Orders.layerLive), Effect.provide(store)))

  it.effect("who reads what nobody has run is told so", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* refusal(Orders.get("ada")),
        "Orders: The read model is not there: nobody has run it in this store, expected position 0 within 0 ms"
      )
    }).pipe(Effect.provide(Orders.layerStored), Effect.provide(store)))
})

describe("revisions that differ in their indexes", () => {
  const wide = { row: Schema.Struct({ n: Schema.Number, s: Schema.String }), events: [Placed] }
  const on = { Placed: (_: unknown, { cents, customer }: Placed) => ({ n: cents, s: customer }) }
  class One extends Projection.make("P", { ...wide, indexes: { byS: ["s"] } }).fold({ on }) {}
  class Two extends Projection.make("P", { ...wide, revision: 2, indexes: { byN: ["n"], byS: ["s"] } }).fold({ on }) {}

  it.effect("an index is found in another place, and refused where there is none", () =>
    Effect.gen(function*() {
      yield* place("ada", 1)
      yield* place("bob", 2)
      yield* Stream.runDrain(Rebuild.build(One))
      yield* Stream.runDrain(Rebuild.build(Two))
      const query = { index: "byS", where: { s: "ada" } } as const
      const same = Effect.gen(function*() {
        assert.strictEqual((yield* One.list(query)).rows.length, 1)
        assert.strictEqual(yield* One.count(query), 1)
      })
      yield* Effect.provide(same, One.layerStored)
      yield* Rebuild.switchTo(Two)
      yield* Effect.gen(function*() {
        yield* same
        const [first] = yield* Stream.runCollect(Stream.take(One.changes(query), 1))
        assert.strictEqual(first?.key, "order-ada")
      }).pipe(Effect.provide(Layer.fresh(One.layerStored)))
      yield* Rebuild.rollback(Two)
      yield* Effect.gen(function*() {
        const expected = "P: index byN of P: expected one that revision 1, which serves, has as well (s), got n"
        const other = { index: "byN", where: { n: 7 } } as const
        assert.strictEqual(yield* refusal(Two.list(other)), expected)
        assert.strictEqual(yield* refusal(Two.count(other)), expected)
        assert.strictEqual(yield* refusal(Stream.runHead(Two.changes(other))), expected)
      }).pipe(Effect.provide(Layer.fresh(Two.layerStored)))
    }).pipe(Effect.provide(store)))
})

describe("a revision with other indexes than it was made with", () => {
  const wide = { row: Schema.Struct({ n: Schema.Number }), events: [Placed] }
  const on = { Placed: (_: unknown, { cents }: Placed) => ({ n: cents }) }
  class Bare extends Projection.make("Q", wide).fold({ on }) {}
  class Indexed extends Projection.make("Q", { ...wide, indexes: { byN: ["n"] } }).fold({ on }) {}

  it.effect("is not run, and its new index is not read", () =>
    Effect.gen(function*() {
      yield* place("ada", 1)
      yield* Stream.runDrain(Rebuild.build(Bare))
      assert.strictEqual(
        yield* refusal(Projection.run([Indexed])),
        "Q: indexes of projection Q, revision 1: expected none, those that it was made with, got n"
      )
      assert.include(
        yield* refusal(Effect.provide(Indexed.list({ index: "byN" }), Indexed.layerStored)),
        "has as well (none), got n"
      )
    }).pipe(Effect.provide(store)))
})

describe("what failed", () => {
  it.live("is told with its causes, each once", () =>
    Effect.gen(function*() {
      const inner = new Error("relation nowhere does not exist")
      const outer = new Error("Query failed", { cause: new Error("Query failed", { cause: inner }) })
      const Broken = Projection.custom("Broken", {
        events: [Placed],
        retry: Schedule.recurs(0),
        handle: { Placed: () => Effect.fail(outer) }
      })
      yield* place("ada", 1)
      yield* Effect.forkScoped(Projection.run([Broken]))
      yield* Projection.whenCaughtUp(Broken)
      const [parked] = yield* Projection.parked(Broken)
      assert.strictEqual(parked?.cause, "Query failed: relation nowhere does not exist")
    }).pipe(Effect.scoped, Effect.provide(store)))
})
