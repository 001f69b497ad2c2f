import { assert, describe, it } from "@effect/vitest"
import { Aggregate, Command, Decision, Domain, Event, EventStore, Upcaster } from "@varve/core"
import { Effect, Layer, Option, Schema } from "effect"
import { there } from "./OverHttp.ts"

const Fill = Command.make("Fill", { drops: Schema.Int })
const Filled = Event.make("Filled", {})

/** One command, so many events. */
class Glass extends Aggregate.make("Glass", {
  id: Schema.String,
  state: Schema.Struct({ drops: Schema.Int }),
  commands: [Fill],
  events: [Filled],
  rejections: []
}).decider({
  initial: { drops: 0 },
  decide: {
    Fill: ({ drops }) => Decision.accept(Filled.make({}), ...Array.from({ length: drops - 1 }, () => Filled.make({})))
  },
  evolve: { Filled: ({ drops }) => ({ drops: drops + 1 }) }
}) {}

const Glasses = Domain.make("Glasses", { aggregates: [Glass], projections: [] })

/** Fills glasses over HTTP: gives the receipt that was told, which is the one that the store has under its id. */
const filling = Effect.gen(function*() {
  const store = yield* Layer.build(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))
  const parts = Glasses.layer().pipe(Layer.provide(Layer.succeedContext(store)))
  const remote = yield* Layer.build(there(Glasses, parts))
  const { findCommit } = yield* Effect.provideContext(EventStore.EventStore, store)
  return Effect.fnUntraced(function*(id: string, drops: number) {
    const { receipt } = yield* Effect.provideContext(Glass.execute(id, Fill.make({ drops })), remote)
    const told = Option.getOrThrow(receipt)
    const kept = Option.getOrThrow(yield* findCommit(told.commitId))
    // Who asks the store for a commit is told that it was stored before.
    assert.deepStrictEqual(told, { ...kept, replayed: false })
    return told
  })
})

describe("A receipt over HTTP", () => {
  it.live("is that of the store, whatever was written", () =>
    Effect.gen(function*() {
      const fill = yield* filling
      yield* fill("a", 1)
      yield* fill("b", 1)
      yield* fill("\"\\\u2028/日本", 2)
      const { first, last, streams: [{ from, to }] } = yield* fill("b", 20)
      assert.deepStrictEqual([first, last, from, to], [5, 24, 2, 21])
    }))

  it.live("tells the time of its own commit", () =>
    Effect.gen(function*() {
      const fill = yield* filling
      const begin = (yield* fill("a", 1)).recordedAt.epochMilliseconds
      // Some are of the same millisecond, and one is of another.
      for (let i = 0; (yield* fill("a", 1)).recordedAt.epochMilliseconds === begin; i++) assert.isBelow(i, 10_000)
    }))
})
