/** What tools ask of definitions that they know as data. */
import { assert, describe, it } from "@effect/vitest"
import { Aggregate, Domain, Event, EventStore, Metadata, Projection, StreamName, Upcaster } from "@varve/core"
import { Effect, Schema } from "effect"

class Heard extends Event.make("Heard", { words: Schema.Int }) {}
class Seen extends Event.make("Seen", {}) {}
class Felt extends Event.make("Felt", {}) {}

class Ear extends Aggregate.make("Ear", {
  id: Schema.String,
  state: Schema.Int,
  commands: [],
  events: [Heard],
  rejections: []
}).decider({ initial: 0, decide: {}, evolve: { Heard: (sum, { words }) => sum + words } }) {}

class Eye extends Aggregate.make("Eye", {
  id: Schema.String,
  state: Schema.Int,
  commands: [],
  events: [Seen],
  rejections: []
}).decider({ initial: 0, decide: {}, evolve: { Seen: (sum) => sum + 1 } }) {}

const reading = (name: string, events: ReadonlyArray<typeof Heard | typeof Seen | typeof Felt>) =>
  Projection.make(name, { row: Schema.Int, events }).fold({
    on: { Heard: () => 1, Seen: () => 1, Felt: () => 1 }
  })

describe("Domain.sourcesOf", () => {
  it("names the aggregates that a projection reads, if they have all of its events", () => {
    const parts = [Ear, Eye]
    assert.deepStrictEqual(Domain.sourcesOf(reading("A", [Heard]), parts), ["Ear"])
    assert.deepStrictEqual(Domain.sourcesOf(reading("B", [Seen, Heard]), parts), ["Ear", "Eye"])
    assert.deepStrictEqual(Domain.sourcesOf(reading("C", [Seen, Felt]), parts), [])
    assert.deepStrictEqual(Domain.sourcesOf(reading("D", [Felt]), []), [])
  })
})

describe("Aggregate.loadAny", () => {
  const write = (id: string, words: ReadonlyArray<number>, tenant = "") =>
    Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      const stream = StreamName.make("Listener", id, tenant)
      for (const each of words) {
        const events = [{ type: "Heard", revision: 1, payload: { words: each } }] as const
        yield* store.append({ writes: [{ stream, expected: "any", events }] })
      }
    })

  it.effect("folds an instance as its own load does, without its layer", () =>
    Effect.gen(function*() {
      yield* write("a", [1, 2, 3])
      yield* write("a", [10], "acme")
      const aggregates: ReadonlyArray<Aggregate.Any> = [Ear]
      const [any] = aggregates
      assert.deepStrictEqual(yield* Aggregate.loadAny(any!, "a"), { state: 6, version: 3 })
      assert.deepStrictEqual(yield* Aggregate.loadAny(any!, "a", { at: { version: 2 } }), { state: 3, version: 2 })
      const other = Aggregate.loadAny(any!, "a").pipe(Metadata.provide({ tenant: "acme" }))
      assert.deepStrictEqual(yield* other, { state: 10, version: 1 })
      assert.deepStrictEqual(
        yield* Aggregate.loadAny(any!, "a"),
        yield* Effect.provide(Ear.load("a"), Ear.layer)
      )
    }).pipe(Effect.provide([EventStore.layerMemory, Upcaster.layer({ categories: { Ear: "Listener" } })])))

  it.effect("says what it cannot read", () =>
    Effect.gen(function*() {
      yield* write("a", [1, 0.5])
      const error = yield* Effect.flip(Aggregate.loadAny(Ear, "a"))
      assert.strictEqual(error.reason._tag, "Unreadable")
      assert.include(error.message, "version 2")
    }).pipe(Effect.provide([EventStore.layerMemory, Upcaster.layer({ categories: { Ear: "Listener" } })])))
})
