import { assert, describe, it } from "@effect/vitest"
import { Aggregate, Command, Decision, Domain, Event, EventStore, Projection, StreamName, Upcaster } from "@varve/core"
import { Effect, Layer, Option, Schema } from "effect"
import { Account, Deposited, Id, Open, Opened } from "./Account.ts"

class Names extends Projection.make("Names", { row: Schema.String, events: [Opened] })
  .fold({ on: { Opened: (_, { owner }) => owner } })
{}

class Counted extends Event.make("Counted", {}) {}
class Count extends Command.make("Count") {}
class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Int,
  commands: [Count],
  events: [Counted],
  rejections: []
})
  .decider({
    initial: 0,
    decide: { Count: () => Decision.accept(Counted.make({})) },
    evolve: { Counted: (count) => count + 1 }
  })
{}

const below = Layer.mergeAll(EventStore.layerMemory, Upcaster.layer())

describe("Domain", () => {
  const Bank = Domain.make("Bank", { aggregates: [Account, Counter], projections: [Names] })

  it("has its parts, and every event once", () => {
    assert.strictEqual(Bank.name, "Bank")
    assert.deepStrictEqual(Bank.aggregates, [Account, Counter])
    assert.deepStrictEqual(Bank.projections, [Names])
    assert.deepStrictEqual(Bank.events.map(({ tag }) => tag), ["Opened", "Deposited", "Withdrawn", "Closed", "Counted"])
  })

  const program = Effect.gen(function*() {
    const id = Id.make("ada")
    yield* Account.execute(id, Open.make({ owner: "Ada" }))
    yield* Counter.execute("c", Count.make({}))
    return [yield* Names.get(id), (yield* Counter.load("c")).version] as const
  })

  for (const [how, layer] of [["by default", Bank.layer()], ["by name", Bank.layer({ Names: "live" })]] as const) {
    it.effect(`provides all that its parts require: ${how}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* program, [Option.some("Ada"), 1])
      }).pipe(Effect.provide(Layer.provide(layer, below))))
  }

  for (const mode of ["async", "inline"] as const) {
    it.live(`runs its projections: ${mode}`, () =>
      Effect.gen(function*() {
        const { receipt } = yield* Account.execute(Id.make("ada"), Open.make({ owner: "Ada" }))
        assert.deepStrictEqual(yield* Names.get("ada", { after: receipt }), Option.some("Ada"))
      }).pipe(Effect.provide(Layer.provide(Bank.layer({ Names: mode }), below))))
  }

  it.live("reads what another process runs, of its own aggregates alone", () =>
    Effect.gen(function*() {
      yield* Effect.forkScoped(Bank.run({ poll: "10 millis" }))
      const { receipt } = yield* Account.execute(Id.make("ada"), Open.make({ owner: "Ada" }))
      // Another domain's event of the same name.
      yield* EventStore.EventStore.use((store) =>
        store.append({
          writes: [{
            stream: StreamName.make("Shop", "ada"),
            expected: 0,
            events: [{ type: "Opened", revision: 1, payload: { owner: "Bob" } }]
          }]
        })
      )
      assert.deepStrictEqual(yield* Names.get("ada", { after: receipt }), Option.some("Ada"))
      yield* Names.whenCaughtUp()
      assert.deepStrictEqual(yield* Names.get("ada"), Option.some("Ada"))
      // Live, too.
      assert.deepStrictEqual(yield* Names.get("ada").pipe(Effect.provide(Bank.layer())), Option.some("Ada"))
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Bank.layer({ Names: "stored" }), below))))

  it.effect("fails where a projection cannot be run", () =>
    Effect.gen(function*() {
      const layer = Bank.layer({ Names: "async" }).pipe(
        Layer.provide(Layer.succeed(Projection.RunDefaults, { pageSize: 0 }))
      )
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.deepInclude(error, { _tag: "ProjectionError", target: "Names" })
      assert.strictEqual(error.reason._tag, "Refused")
    }).pipe(Effect.provide(below)))

  it("may be empty", () => {
    assert.deepStrictEqual(Domain.make("Empty", { aggregates: [], projections: [] }).events, [])
  })

  it("dies of two parts of one name", () => {
    assert.throws(
      () => Domain.make("D", { aggregates: [Account, Account], projections: [] }),
      "Domain D: two parts are called Account"
    )
    class Account2 extends Projection.make("Account", { row: Schema.String, events: [] }).fold({ on: {} }) {}
    assert.throws(
      () => Domain.make("D", { aggregates: [Account], projections: [Account2] }),
      "two parts are called Account"
    )
    assert.throws(() => Domain.make("D", { aggregates: [], projections: [Names, Names] }), "two parts are called Names")
  })

  it("dies of two events of one tag, unless they are one definition", () => {
    class Again extends Event.make("Deposited", {}) {}
    class Other
      extends Projection.make("Other", { row: Schema.String, events: [Again] }).fold({ on: { Deposited: () => "" } })
    {}
    assert.throws(
      () => Domain.make("D", { aggregates: [Account], projections: [Other] }),
      "Domain D: two events of the tag Deposited"
    )
    class Same
      extends Projection.make("Same", { row: Schema.String, events: [Deposited] }).fold({ on: { Deposited: () => "" } })
    {}
    assert.lengthOf(Domain.make("D", { aggregates: [Account], projections: [Same] }).events, 4)
  })
})
