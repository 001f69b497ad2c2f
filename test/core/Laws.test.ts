import { assert, describe, it } from "@effect/vitest"
import { Aggregate, Change, Command, Decision, Domain, Event } from "@varve/core"
import { Laws, type Scenario } from "@varve/core/testing"
import { Effect, Random, Schema, SchemaGetter } from "effect"
import { Account, contract, Deposit, Deposited, Opened } from "./Account.ts"

/** A violation that must be found, whatever the seed. */
const violated = (law: Effect.Effect<void, Laws.LawViolated>) => Effect.flip(law)

describe("Laws.upcasts", () => {
  it.effect("holds for a chain that takes what it stored", () => Laws.upcasts(Deposited))

  class Refused extends Event.make("Refused", { euros: Schema.Finite }).revise(
    2,
    { cents: Schema.Int.check(Schema.isGreaterThan(0)) },
    ({ euros }) => ({ cents: Math.round(euros * 100) })
  ) {}

  it.effect("finds the stored payload that a newer revision refuses, and shrinks it", () =>
    Effect.gen(function*() {
      const error = yield* violated(Laws.upcasts(Refused))
      assert.deepStrictEqual(error.counterexample, { revision: 1, payload: { euros: 0 } })
      assert.strictEqual(error.law, "upcasts")
      assert.strictEqual(error.definition, "revision 1 of Refused")
      assert.match(error.why, /UpcastFailed at revision 2: .*greater than 0/s)
      assert.include(error.message, "revision 1 of Refused breaks the law upcasts")
      assert.include(error.message, "euros: 0")
      assert.include(error.message, `replay ${JSON.stringify(error.replay)}`)
    }))

  it.effect("looks at every revision, not only the first", () =>
    Effect.gen(function*() {
      class Third extends Event.make("Third", { a: Schema.Literal("x") })
        .revise(2, { a: Schema.String }, ({ a }) => ({ a }))
        .revise(3, { a: Schema.Literal("x") }, ({ a }) => ({ a: a as "x" }))
      {}
      const error = yield* violated(Laws.upcasts(Third))
      assert.strictEqual(error.definition, "revision 2 of Third")
      assert.deepStrictEqual(error.counterexample, { revision: 2, payload: { a: "" } })
      // The token leads to the part of the law that it came from.
      const again = yield* violated(Laws.upcasts(Third, { replay: error.replay }))
      assert.deepStrictEqual(again.counterexample, error.counterexample)
    }))

  it.effect("finds an upcast that throws, and one that asks the clock or chance", () =>
    Effect.gen(function*() {
      class Throws extends Event.make("Throws", { a: Schema.Int }).revise(2, { a: Schema.Int }, ({ a }) => {
        if (a > 5) throw new Error("too much")
        return { a }
      }) {}
      const error = yield* violated(Laws.upcasts(Throws))
      assert.deepStrictEqual(error.counterexample, { revision: 1, payload: { a: 6 } })
      assert.include(error.why, "too much")
      class Clock extends Event.make("Clock", {}).revise(2, { at: Schema.Number }, () => ({ at: Date.now() })) {}
      assert.include((yield* violated(Laws.upcasts(Clock))).why, "differently")
      class Chance extends Event.make("Chance", {}).revise(2, { at: Schema.Number }, () => ({ at: Math.random() })) {}
      assert.include((yield* violated(Laws.upcasts(Chance))).why, "differently")
    }))
})

describe("Laws.downcasts", () => {
  it.effect("holds where only what the older revision cannot say is lost", () =>
    Effect.gen(function*() {
      yield* Laws.downcasts(Event.make("E", { a: Schema.Int }).revise(2, Change.add("b", Schema.Int, () => 1)))
      yield* Laws.downcasts(
        Event.make("E", { a: Schema.Int }).revise(
          2,
          Change.retype("a", Schema.Tuple([Schema.Int]), (a) => [a], ([a]) => a)
        )
      )
    }))

  it.effect("looks at every revision that the downcasts lead to, and at no other", () =>
    Effect.gen(function*() {
      const third = Event.make("T", { a: Schema.Int })
        .revise(2, { b: Schema.Int }, ({ a }) => ({ b: a }), ({ b }) => ({ a: b + 1 }))
        .revise(3, Change.rename({ b: "c" }))
      const error = yield* violated(Laws.downcasts(third))
      assert.deepStrictEqual([error.law, error.definition], ["downcasts", "revision 1 of T"])
      // It is no way down to where the last hop alone leads.
      const second = Event.make("S", { b: Schema.Int }).revise(
        2,
        Change.retype("b", Schema.Int, (b) => b, (b) => b * 2)
      )
      assert.strictEqual((yield* violated(Laws.downcasts(second))).definition, "revision 1 of S")
      // No way down to where it would be wrong.
      yield* Laws.downcasts(third.revise(4, Change.retype("c", Schema.Int, (c) => c)))
    }))

  it.effect("finds a way back that is none, one that throws, and one that asks chance", () =>
    Effect.gen(function*() {
      const of = (upcast: (n: number) => number, downcast: (n: number) => number) =>
        Laws.downcasts(Event.make("E", { n: Schema.Int }).revise(2, Change.retype("n", Schema.Int, upcast, downcast)))
      const lost = yield* violated(of((n) => n + 1, (n) => n))
      assert.match(lost.why, /^what is read back is written as \{ n: 1 \}$/)
      assert.deepStrictEqual(lost.counterexample, { revision: 1, payload: { n: 0 } })
      const partial = yield* violated(of((n) => n, (n) => {
        if (n > 5) throw new Error("too much")
        return n
      }))
      assert.match(partial.why, /^it cannot be written: DowncastFailed at revision 2: too much$/)
      assert.deepStrictEqual(partial.counterexample, { _tag: "E", n: 6 })
      assert.match((yield* violated(of((n) => n, (n) => n / 2))).why, /^it cannot be written: DowncastFailed/)
      assert.include((yield* violated(of((n) => n, () => Math.floor(Math.random() * 1e9)))).why, "differently")
      const unread = yield* violated(of((n) => n / 2, (n) => n))
      assert.match(unread.why, /^what is written cannot be read: UpcastFailed at revision 2: /)
    }))

  it.effect("is among all laws of an event that has a downcast", () =>
    Effect.sync(() => {
      const names = (event: Event.Any) =>
        Laws.all({ name: "N", aggregates: [], events: [event] }).map(({ name }) => name)
      const renamed = Event.make("E", { a: Schema.Int }).revise(2, Change.rename({ a: "b" }))
      assert.include(names(renamed), "E: what is written down is read back")
      assert.lengthOf(names(Event.make("E", {}).revise(2, {}, () => ({}))), 2)
    }))
})

describe("Laws.roundTrips", () => {
  class Rich extends Event.make("Rich", {
    at: Schema.Date,
    when: Schema.DateTimeUtc,
    big: Schema.BigInt,
    number: Schema.Number,
    maybe: Schema.Option(Schema.String),
    optional: Schema.optionalKey(Schema.String),
    either: Schema.optional(Schema.Int),
    set: Schema.ReadonlySet(Schema.String),
    map: Schema.ReadonlyMap(Schema.String, Schema.Date),
    union: Schema.TaggedUnion({ Circle: { radius: Schema.Finite }, Square: { side: Schema.Finite } }),
    branded: Schema.String.pipe(Schema.brand("Branded")),
    bytes: Schema.Uint8Array,
    tuple: Schema.Tuple([Schema.String, Schema.NullOr(Schema.Int)]),
    record: Schema.Record(Schema.String, Schema.Int)
  }) {}

  it.effect("holds for everything that the JSON codec knows", () => Laws.roundTrips(Rich, { runs: 300 }))

  const lossy = Schema.Finite.pipe(Schema.decodeTo(Schema.Finite, {
    decode: SchemaGetter.transform((whole: number) => whole),
    encode: SchemaGetter.transform((exact: number) => Math.round(exact))
  }))

  it.effect("finds a codec that loses something", () =>
    Effect.gen(function*() {
      class Lossy extends Event.make("Lossy", { amount: lossy }) {}
      const error = yield* violated(Laws.roundTrips(Lossy))
      assert.strictEqual(error.law, "roundTrips")
      assert.match(error.why, /it is read back as Lossy \{ amount: /)
    }))

  it.effect("finds what is written and cannot be read again", () =>
    Effect.gen(function*() {
      const shouts = Schema.Literal("no").pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transform((text: string) => text),
        // What a careless author writes behind a cast.
        encode: SchemaGetter.transform((text: string) => text.toUpperCase() as "no")
      }))
      class Shouted extends Event.make("Shouted", { text: shouts }) {}
      const error = yield* violated(Laws.roundTrips(Shouted))
      assert.match(error.why, /cannot be (en|de)coded|cannot be read|Expected/)
    }))
})

/** An account that decides something in another way. */
const withDecide = (decide: (cents: number) => Decision.Decision<Event.Type<typeof Deposited>>) =>
  class extends contract.decider({
    initial: { _tag: "Unopened" },
    decide: {
      Open: () => Decision.accept(Opened.make({ owner: "Ada" })),
      Deposit: ({ cents }) => decide(cents),
      Withdraw: () => Decision.ignore,
      Close: () => Decision.ignore
    },
    evolve: {
      Opened: (state) => state,
      Deposited: (state) => state,
      Withdrawn: (state) => state,
      Closed: (state) => state
    }
  }) {}

describe("Laws.decideIsDeterministic", () => {
  it.effect("holds for a pure decision", () => Laws.decideIsDeterministic(Account))

  it.effect("finds chance", () =>
    Effect.gen(function*() {
      const subject = withDecide(() => Decision.accept(Deposited.make({ cents: 1 + Math.floor(Math.random() * 1e9) })))
      const error = yield* violated(Laws.decideIsDeterministic(subject))
      assert.match(
        error.why,
        /^decide came to \[Deposited \{ cents: \d+ \}\], and then to \[Deposited \{ cents: \d+ \}\]$/
      )
      assert.deepInclude(error.counterexample, { given: [], command: Deposit.make({ cents: 1 }) })
    }))

  it.effect("finds the clock, though no time passes between two calls", () =>
    Effect.gen(function*() {
      const year = withDecide(() => Decision.accept(Deposited.make({ cents: new Date().getFullYear() })))
      yield* violated(Laws.decideIsDeterministic(year))
      const millis = withDecide(() => Decision.accept(Deposited.make({ cents: Date.now() % 1000 + 1 })))
      yield* violated(Laws.decideIsDeterministic(millis))
      // Dates that are given are left alone, and the clock is as before.
      const given = withDecide((cents) => Decision.accept(Deposited.make({ cents: new Date(cents).getTime() })))
      yield* Laws.decideIsDeterministic(given)
      assert.isBelow(Math.abs(Date.now() - performance.timeOrigin - performance.now()), 60_000)
    }))

  it.effect("finds a decision that throws, or that changes what it is given", () =>
    Effect.gen(function*() {
      const throws = withDecide(() => {
        throw new Error("not for sale")
      })
      assert.include((yield* violated(Laws.decideIsDeterministic(throws))).why, "decide threw not for sale")
      class Changing extends Event.make("Changing", {}) {}
      class Change extends Command.make("Change") {}
      class Mutable extends Aggregate.make("Mutable", {
        id: Schema.String,
        state: Schema.Struct({ list: Schema.mutable(Schema.Array(Schema.Int)) }),
        commands: [Change],
        events: [Changing],
        rejections: []
      }).decider({
        initial: { list: [] },
        decide: {
          Change: (_, { list }) => {
            list.push(1)
            return Decision.ignore
          }
        },
        evolve: { Changing: (state) => state }
      }) {}
      assert.include((yield* violated(Laws.decideIsDeterministic(Mutable))).why, "decide threw")
      assert.deepStrictEqual(Mutable.initial, { list: [] })
    }))
})

describe("Laws.evolveIsTotal", () => {
  it.effect("holds for a total evolve", () => Laws.evolveIsTotal(Account))

  /** Wrong only after an account was opened, filled, emptied and closed. */
  const deep = (evolve: () => never): Scenario.Subject =>
    class extends contract.decider({
      initial: { _tag: "Unopened" },
      decide: Account["~decide"],
      evolve: {
        Opened: () => ({ _tag: "Active", balance: 0 }),
        Deposited: (_, { cents }) => ({ _tag: "Active", balance: cents }),
        Withdrawn: (state, { cents }) =>
          state._tag === "Active" && state.balance === cents && cents > 1 ? evolve() : { _tag: "Active", balance: 0 },
        Closed: () => ({ _tag: "Ended" })
      }
    }) {}

  it.effect("reaches deep states, finds an evolve that throws there, and shrinks the way to it", () =>
    Effect.gen(function*() {
      const error = yield* violated(Laws.evolveIsTotal(deep(() => {
        throw new Error("no case for the last cent")
      })))
      assert.include(error.why, "evolve threw no case for the last cent")
      const { event, given } = error.counterexample as {
        given: ReadonlyArray<{ _tag: string }>
        event: { _tag: string }
      }
      assert.deepStrictEqual(given.map(({ _tag }) => _tag), ["Opened", "Deposited"])
      assert.strictEqual(event._tag, "Withdrawn")
    }))

  it.effect("finds a state that does not fit its schema", () =>
    Effect.gen(function*() {
      const error = yield* violated(Laws.evolveIsTotal(deep(() => ({ _tag: "Active", balance: 0.5 }) as never)))
      assert.include(error.why, "evolve returned a state that does not fit its schema")
    }))

  it.effect("finds an initial state that does not fit, an event that does not fit, and an unstored part of one", () =>
    Effect.gen(function*() {
      class Lies extends withDecide(() => Decision.ignore) {
        static override readonly initial = { _tag: "Nope" } as never
      }
      assert.include((yield* violated(Laws.evolveIsTotal(Lies))).why, "the state does not fit")
      const unfit = withDecide(() => Decision.accept({ _tag: "Deposited", cents: 0.5 }))
      assert.include((yield* violated(Laws.evolveIsTotal(unfit))).why, "decide emitted an event that does not fit")
      class Kept extends Event.make("Kept", { a: Schema.Int }) {}
      class Keep extends Command.make("Keep", { a: Schema.Int, extra: Schema.Literal("x") }) {}
      class Keeper extends Aggregate.make("Keeper", {
        id: Schema.String,
        state: Schema.Struct({ fields: Schema.Int }),
        commands: [Keep],
        events: [Kept],
        rejections: []
      }).decider({
        initial: { fields: 0 },
        decide: { Keep: (command) => Decision.accept({ ...command, _tag: "Kept" as const }) },
        evolve: { Kept: (_, event) => ({ fields: Object.keys(event).length }) }
      }) {}
      assert.include((yield* violated(Laws.evolveIsTotal(Keeper))).why, "when the event was read back")
    }))
})

describe("Laws", () => {
  class Never
    extends Event.make("Never", { a: Schema.Int, b: Schema.String }).revise(2, { a: Schema.Int }, ({ a, b }) => {
      if (a > 3 && b.length > 1) throw new Error("no")
      return { a }
    })
  {}

  it.effect("come to the same with the same seed, and to the counterexample with the token", () =>
    Effect.gen(function*() {
      const first = yield* violated(Laws.upcasts(Never, { seed: "one", runs: 1000 }))
      const second = yield* violated(Laws.upcasts(Never, { seed: "one", runs: 1000 }))
      assert.deepStrictEqual({ ...second }, { ...first })
      const other = yield* violated(Laws.upcasts(Never, { seed: "two", runs: 1000 }))
      assert.notStrictEqual(other.replay, first.replay)
      const replayed = yield* violated(Laws.upcasts(Never, { replay: first.replay }))
      assert.deepStrictEqual(replayed.counterexample, first.counterexample)
      assert.strictEqual(replayed.replay, first.replay)
      // A seed that nobody gave is named, and does the same when given.
      const chance = yield* Random.withSeed(violated(Laws.upcasts(Never, { runs: 1000 })), "any")
      const named = yield* violated(Laws.upcasts(Never, { runs: 1000, seed: chance.seed }))
      assert.strictEqual(named.replay, chance.replay)
    }))

  it.effect("take a token whose counterexample is mended as kept, and no other text", () =>
    Effect.gen(function*() {
      const { replay } = yield* violated(Laws.upcasts(Never, { seed: "one", runs: 1000 }))
      class Mended extends Event.make("Never", { a: Schema.Int, b: Schema.String }).revise(
        2,
        { a: Schema.Int },
        ({ a }) => ({ a })
      ) {}
      yield* Laws.upcasts(Mended, { replay })
      const exit = yield* Effect.exit(Laws.upcasts(Mended, { replay: "nonsense" }))
      assert.strictEqual(exit._tag, "Failure")
    }))

  it.effect("run as often as they are told", () =>
    Effect.gen(function*() {
      let calls = 0
      class Counted extends Event.make("Counted", {}).revise(2, {}, () => {
        calls++
        return {}
      }) {}
      yield* Laws.upcasts(Counted, { runs: 7 })
      // Each payload is read twice.
      assert.strictEqual(calls, 14)
    }))

  it.effect("name the definition whose values cannot be generated", () =>
    Effect.gen(function*() {
      class Opaque extends Event.make("Opaque", { a: Schema.declare((u): u is symbol => typeof u === "symbol") }) {}
      const exit = yield* Effect.exit(Laws.roundTrips(Opaque))
      assert.include(String(exit), "no values of revision 1 of Opaque can be generated")
    }))

  const Bank = Domain.make("Bank", { aggregates: [Account], projections: [] })

  it("list the laws of an aggregate and of a domain, each event once", () => {
    const names = Laws.all(Account).map(({ name }) => name)
    assert.strictEqual(names.length, 4 * 2 + 2)
    assert.strictEqual(new Set(names).size, names.length)
    assert.deepStrictEqual(Laws.all(Bank).map(({ name }) => name), names)
    assert.include(names, "Deposited: every stored revision upcasts to the newest")
    assert.include(names, "Account: evolve is total")
  })

  for (const { effect, name } of Laws.all(Bank)) it.effect(name, () => effect)
})
