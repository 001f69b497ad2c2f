import { assert, describe, it } from "@effect/vitest"
import { Aggregate, Command, CommitId, Decision, Event, EventStore, EventStoreError, Upcaster } from "@varve/core"
import { Cause, Effect, Exit, Layer, Option, Schema } from "effect"

class Counted extends Event.make("Counted", {
  by: Schema.Int.check(Schema.isGreaterThan(0)),
  note: Schema.optionalKey(Schema.String)
}) {}
class Foreign extends Event.make("Foreign", {}) {}
class Count extends Command.make("Count", { by: Schema.Number, note: Schema.optionalKey(Schema.String) }) {}
class Fail extends Command.make("Fail", { where: Schema.Literals(["decide", "evolve", "foreign"]) }) {}

/** Wrong in every way that types cannot forbid. */
class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Int,
  commands: [Count, Fail],
  events: [Counted],
  rejections: []
}).decider({
  initial: 0,
  decide: {
    Count: ({ by, note }, total) => {
      if (total >= 100) throw new Error("decide fell over")
      return Decision.accept({ _tag: "Counted" as const, by, ...(note !== undefined && { note }) })
    },
    Fail: ({ where }) => {
      if (where === "decide") throw new Error("decide fell over")
      if (where === "foreign") return Decision.accept(Foreign.make({}) as never)
      return Decision.accept(Counted.make({ by: 13 }))
    }
  },
  evolve: {
    Counted: (total, { by }) => {
      if (by === 13) throw new Error("evolve fell over")
      return total + by
    }
  }
}) {}

const layer = Counter.layer.pipe(Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer())))

const count = (by: number, note?: string) =>
  Counter.execute("a", Count.make(note === undefined ? { by } : { by, note }))
const fail = (where: "decide" | "evolve" | "foreign") => Counter.execute("a", Fail.make({ where }))

/** Nothing is written, and the instance goes on where it was. */
const usable = Effect.gen(function*() {
  assert.strictEqual(yield* EventStore.EventStore.use((store) => store.head), 1)
  assert.deepStrictEqual(yield* Counter.load("a"), { state: 1, version: 1 })
  assert.strictEqual((yield* count(2)).state, 3)
})

describe("an event that does not fit its schema", () => {
  const cases = [["a broken check", count(0)], ["another type", count(0.5)], ["NaN", count(Number.NaN)]] as const
  for (const [what, command] of cases) {
    it.effect(`is Refused, typed, and nothing is written: ${what}`, () =>
      Effect.gen(function*() {
        yield* count(1)
        const error = yield* Effect.flip(command)
        assert.strictEqual(error._tag, "ExecutionError")
        assert.strictEqual(error.reason._tag, "Refused")
        assert.include(error.message, "event Counted of Counter/a")
        assert.include(error.message, "revision 1")
        yield* usable
      }).pipe(Effect.provide(layer)))
  }

  it.effect("is Refused when it is no event of the aggregate", () =>
    Effect.gen(function*() {
      yield* count(1)
      const { reason } = yield* Effect.flip(fail("foreign"))
      assert.strictEqual(reason._tag, "Refused")
      assert.include(reason.message, "an event of Counter: Counted, got Foreign")
      yield* usable
    }).pipe(Effect.provide(layer)))

  it.effect("is Refused when the store cannot keep it, and the instance goes on", () =>
    Effect.gen(function*() {
      yield* count(1)
      for (const note of ["\u0000", "\uD800", "x".repeat(1_048_576)]) {
        assert.strictEqual((yield* Effect.flip(count(1, note))).reason._tag, "Refused")
      }
      yield* usable
    }).pipe(Effect.provide(layer)))
})

describe("a definition that throws", () => {
  for (const where of ["decide", "evolve"] as const) {
    it.effect(`is a defect, and the instance goes on: ${where}`, () =>
      Effect.gen(function*() {
        yield* count(1)
        const exit = yield* Effect.exit(fail(where))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause) && !Cause.hasFails(exit.cause))
        assert.include(String(exit), `${where} fell over`)
        yield* usable
      }).pipe(Effect.provide(layer)))

    it.effect(`is a defect of that command alone, among a hundred: ${where}`, () =>
      Effect.gen(function*() {
        const exits = yield* Effect.all(
          Array.from({ length: 100 }, (_, i) => Effect.exit(i % 10 === 5 ? fail(where) : count(1))),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(exits.filter(Exit.isSuccess), 90)
        assert.deepStrictEqual(yield* Counter.load("a"), { state: 90, version: 90 })
      }).pipe(Effect.provide(layer)))
  }
})

describe("a command that falls over, and was accepted under its id before", () => {
  it.effect("has the outcome that it had then", () =>
    Effect.gen(function*() {
      const commitId = CommitId.generateUnsafe()
      const command = Counter.execute("a", Count.make({ by: 100 }), { commitId })
      yield* command
      const again = yield* command
      assert.deepStrictEqual([again.state, again.version], [100, 1])
      assert.isTrue(Option.getOrThrow(again.receipt).replayed)
      // Under another id it is what it is.
      assert.isTrue(Cause.hasDies(yield* Effect.flip(Effect.sandbox(count(1)))))
    }).pipe(Effect.provide(layer)))

  // Of what died before, nobody knows what it has written; of what is refused, it is known that nothing is.
  const unlookable = EventStore.EventStore.use((store) =>
    Effect.succeed({
      ...store,
      findCommit: () =>
        Effect.fail(
          new EventStoreError.EventStoreError({
            operation: "findCommit",
            reason: new EventStoreError.Unavailable({ what: "store", expected: "an answer", actual: "none" })
          })
        )
    })
  )

  it.effect("is what it is when it cannot be looked up, and what is refused is not known", () =>
    Effect.gen(function*() {
      const options = { commitId: CommitId.generateUnsafe() }
      const died = yield* Effect.flip(Effect.sandbox(Counter.execute("a", Fail.make({ where: "decide" }), options)))
      assert.isTrue(Cause.hasDies(died))
      const refused = yield* Effect.flip(Counter.execute("a", Fail.make({ where: "foreign" }), options))
      assert.strictEqual(refused.reason._tag, "Unavailable")
    }).pipe(Effect.provide(
      Counter.layer.pipe(
        Layer.provide(Layer.effect(EventStore.EventStore, unlookable)),
        Layer.provide(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))
      )
    )))
})
