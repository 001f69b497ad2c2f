import { assert, describe, it } from "@effect/vitest"
import { Event, EventStore, Metadata, Projection, StreamName, Upcaster } from "@varve/core"
import { DateTime, Effect, Layer, Option, Schema } from "effect"

class Placed extends Event.make("Placed", { customer: Schema.String, cents: Schema.Int }) {}
class Shipped extends Event.make("Shipped", {}) {}
class Merged extends Event.make("Merged", { from: Schema.String, into: Schema.String }) {}
class Forgotten extends Event.make("Forgotten", {}) {}

const Row = Schema.Struct({ orders: Schema.Int, cents: Schema.Int })

/** Totals a customer: keyed by what an event says, or by its stream. */
class Totals extends Projection.make("Totals", { row: Row, events: [Placed, Merged, Forgotten] }).fold({
  key: { Placed: ({ customer }) => customer, Merged: ({ from, into }) => [from, into] },
  on: {
    Placed: (row, { cents }) => ({ orders: (row?.orders ?? 0) + 1, cents: (row?.cents ?? 0) + cents }),
    Merged: (row, { from }, { key }) => key === from ? undefined : row ?? { orders: 0, cents: 0 },
    Forgotten: () => undefined
  }
}) {}

/** Counts of an order, from an initial row. */
class Counts extends Projection.make("Counts", {
  row: Schema.Struct({ placed: Schema.Int, shipped: Schema.Int }),
  events: [Placed, Shipped]
})
  .fold({
    initial: { placed: 0, shipped: 10 },
    on: {
      Placed: (row) => ({ ...row, placed: row.placed + 1 }),
      Shipped: (row) => ({ ...row, shipped: row.shipped + 1 })
    }
  })
{}

const seen: Array<Projection.Envelope> = []
class Envelopes extends Projection.make("Envelopes", { row: Schema.Int, events: [Shipped] }).fold({
  initial: 0,
  key: {
    Shipped: (_, envelope) => {
      assert.notProperty(envelope, "key")
      return ["one", "two"]
    }
  },
  on: {
    Shipped: (count, _, envelope) => {
      seen.push(envelope)
      return count + 1
    }
  }
}) {}

const layer = Layer.mergeAll(Totals.layerLive, Counts.layerLive, Envelopes.layerLive).pipe(
  Layer.provideMerge(EventStore.layerMemory)
)
const run = Effect.provide(Layer.provideMerge(layer, Upcaster.layer()))

const write = (id: string, type: string, payload: Schema.JsonObject, category = "Order") =>
  EventStore.EventStore.use((store) =>
    store.append({
      writes: [{ stream: StreamName.make(category, id), expected: "any", events: [{ type, revision: 1, payload }] }]
    })
  )

describe("Projection.layerLive", () => {
  it.effect("has no row where nothing happened", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Totals.get("ada"), Option.none())
      assert.deepStrictEqual(yield* Counts.get("o1"), Option.none())
    }).pipe(run))

  it.effect("folds under the id of the stream, from the initial row", () =>
    Effect.gen(function*() {
      yield* write("o1", "Placed", { customer: "ada", cents: 5 })
      yield* write("o2", "Shipped", {})
      yield* write("o1", "Shipped", {})
      assert.deepStrictEqual(yield* Counts.get("o1"), Option.some({ placed: 1, shipped: 11 }))
      assert.deepStrictEqual(yield* Counts.get("o2"), Option.some({ placed: 0, shipped: 11 }))
      assert.deepStrictEqual(yield* Counts.get("ada"), Option.none())
    }).pipe(run))

  it.effect("folds under the keys that an event says, one or several, and removes", () =>
    Effect.gen(function*() {
      yield* write("o1", "Placed", { customer: "ada", cents: 5 })
      yield* write("o2", "Placed", { customer: "ada", cents: 7 })
      yield* write("o3", "Placed", { customer: "bob", cents: 1 })
      assert.deepStrictEqual(yield* Totals.get("ada"), Option.some({ orders: 2, cents: 12 }))
      yield* write("m", "Merged", { from: "ada", into: "bob" })
      assert.deepStrictEqual(yield* Totals.get("ada"), Option.none())
      assert.deepStrictEqual(yield* Totals.get("bob"), Option.some({ orders: 1, cents: 1 }))
      // A row that was removed begins anew.
      yield* write("o4", "Placed", { customer: "ada", cents: 2 })
      assert.deepStrictEqual(yield* Totals.get("ada"), Option.some({ orders: 1, cents: 2 }))
      // Without a key of its own an event belongs to its stream.
      yield* write("bob", "Forgotten", {})
      assert.deepStrictEqual(yield* Totals.get("bob"), Option.none())
      assert.deepStrictEqual(yield* Totals.get("o1"), Option.none())
    }).pipe(run))

  it.effect("tells what the writer knew, and the key, and nothing that only a store can tell", () =>
    Effect.gen(function*() {
      seen.length = 0
      const store = yield* EventStore.EventStore
      const { commitId } = yield* store.append({
        writes: [{
          stream: StreamName.make("Order", "o1", "acme"),
          expected: 0,
          events: [
            { type: "Placed", revision: 1, payload: { customer: "ada", cents: 1 } },
            { type: "Shipped", revision: 1, payload: {}, occurredAt: DateTime.makeUnsafe("2024-02-29T00:00:00Z") }
          ]
        }],
        metadata: { actor: "ada", correlationId: "c", causationId: "d", user: { a: 1 } }
      })
      assert.deepStrictEqual(yield* Envelopes.get("two").pipe(Metadata.provide({ tenant: "acme" })), Option.some(1))
      assert.deepStrictEqual(seen, [{
        key: "two",
        stream: StreamName.make("Order", "o1", "acme"),
        version: 2,
        eventId: `${commitId}/1`,
        occurredAt: DateTime.makeUnsafe("2024-02-29T00:00:00Z"),
        actor: "ada",
        correlationId: "c",
        causationId: "d",
        user: { a: 1 }
      }])
    }).pipe(run))

  it.effect("keeps the rows of tenants apart", () =>
    Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      for (const tenant of ["", "acme", "acme"]) {
        const events = [{ type: "Shipped", revision: 1, payload: {} }] as const
        yield* store.append({ writes: [{ stream: StreamName.make("Order", "o1", tenant), expected: "any", events }] })
      }
      const shipped = (tenant: string) =>
        Effect.map(Counts.get("o1").pipe(Metadata.provide({ tenant })), Option.map(({ shipped }) => shipped - 10))
      assert.deepStrictEqual(yield* Effect.forEach(["", "acme", "other"], shipped), [
        Option.some(1),
        Option.some(2),
        Option.none()
      ])
    }).pipe(run))

  it.effect("reads more events than a page has", () =>
    Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      const event = { type: "Shipped", revision: 1, payload: {} }
      for (let i = 0; i < 3; i++) {
        yield* store.append({
          writes: [{
            stream: StreamName.make("Order", "o1"),
            expected: "any",
            events: [event, ...Array.from({ length: 899 }, () => event)]
          }]
        })
      }
      assert.deepStrictEqual(yield* Counts.get("o1"), Option.some({ placed: 0, shipped: 2_710 }))
    }).pipe(run))

  it.effect("fails with what is unreadable, and names it", () =>
    Effect.gen(function*() {
      yield* write("o1", "Placed", { customer: "ada", cents: "5" })
      const error = yield* Effect.flip(Totals.get("ada"))
      assert.deepInclude(error.reason, { _tag: "Unreadable", type: "Placed", position: 1 })
      // Nobody asks for what they do not fold.
      assert.deepStrictEqual(yield* Envelopes.get("one"), Option.none())
    }).pipe(run))

  it.effect("reads an event under its old name, and each event of a split", () =>
    Effect.gen(function*() {
      yield* write("o1", "Bought", { customer: "ada", cents: 5 })
      yield* write("o2", "Batch", { n: 3 })
      assert.deepStrictEqual(yield* Counts.get("o1"), Option.some({ placed: 1, shipped: 10 }))
      assert.deepStrictEqual(yield* Counts.get("o2"), Option.some({ placed: 0, shipped: 13 }))
    }).pipe(Effect.provide(Layer.provideMerge(
      layer,
      Upcaster.layer({
        renamed: { Bought: Placed },
        splits: [Upcaster.split(Event.make("Batch", { n: Schema.Int }), [Shipped], ({ n }) =>
          Array.from({ length: n }, () =>
            Shipped.make({})))]
      })
    ))))

  it("dies of two events of one tag, and of a name that cannot be stored", () => {
    class Again extends Event.make("Placed", {}) {}
    assert.throws(
      () => Projection.make("P", { row: Row, events: [Placed, Again] }),
      "Projection P: two events of the tag Placed"
    )
    assert.throws(() => Projection.make("no name", { row: Row, events: [] }), "expected a letter")
  })

  it.effect("dies where the layer of one definition meets the question to another of its name", () =>
    Effect.gen(function*() {
      class Twin extends Projection.make("Totals", { row: Row, events: [] }).fold({ on: {} }) {}
      const exit = yield* Effect.exit(Twin.get("ada"))
      assert.include(String(exit), "Two projections are called Totals")
    }).pipe(run))
})
