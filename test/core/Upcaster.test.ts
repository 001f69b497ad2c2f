import { assert, describe, it } from "@effect/vitest"
import { Aggregate, Command, Decision, Event, EventStore, StoreAdmin, StreamName, Upcaster } from "@varve/core"
import { Cause, Effect, Layer, Result, Schema } from "effect"
import { storedAs } from "./Stored.ts"

class Deposited extends Event.make("Deposited", { euros: Schema.Finite })
  .revise(2, { cents: Schema.Int.check(Schema.isGreaterThan(0)) }, ({ euros }) => ({ cents: Math.round(euros * 100) }))
{}
class Withdrawn extends Event.make("Withdrawn", { cents: Schema.Int }) {}
/** What once was one event: out of one account and into another. */
class Moved extends Event.make("Moved", { cents: Schema.Int, back: Schema.Boolean }) {}

const stream = StreamName.make("Account", "ada")

const reader = (options?: Upcaster.Options) =>
  Upcaster.make(options).reader({ aggregates: ["Account"], events: [Deposited, Withdrawn] })

const unreadable = (read: Result.Result<unknown, Upcaster.Unreadable>): Upcaster.Unreadable =>
  Result.isFailure(read) ? read.failure : assert.fail("it was read")

const eventsOf = (read: Result.Result<ReadonlyArray<Upcaster.Upcast<unknown>>, Upcaster.Unreadable>) =>
  Result.getOrThrow(read)

describe("Upcaster", () => {
  it("follows the revisions of each event, and asks for the stored pairs", () => {
    const { sources, types, upcast } = reader()
    assert.deepStrictEqual(sources, [{ category: "Account", type: "Deposited" }, {
      category: "Account",
      type: "Withdrawn"
    }])
    assert.deepStrictEqual(types, ["Deposited", "Withdrawn"])
    assert.deepStrictEqual(eventsOf(upcast(storedAs("Deposited", { euros: 1.5 }))), [
      { event: { _tag: "Deposited", cents: 150 }, index: 0 }
    ])
  })

  it("reads an event under its old name, and asks for both", () => {
    const { types, upcast } = reader({ renamed: { PaidIn: Deposited } })
    assert.sameMembers([...types], ["Deposited", "Withdrawn", "PaidIn"])
    const expected = [{ event: { _tag: "Deposited", cents: 150 }, index: 0 }]
    assert.deepStrictEqual(eventsOf(upcast(storedAs("PaidIn", { euros: 1.5 }))), expected)
    assert.deepStrictEqual(eventsOf(upcast(storedAs("PaidIn", { cents: 150 }, 2))), expected)
    // A reader of other events neither asks for it nor reads it.
    const other = Upcaster.make({ renamed: { PaidIn: Deposited } }).reader({
      aggregates: ["Account"],
      events: [Withdrawn]
    })
    assert.deepStrictEqual(other.types, ["Withdrawn"])
    assert.strictEqual(unreadable(other.upcast(storedAs("PaidIn", { euros: 1 }))).why, "UnknownType")
  })

  const split = Upcaster.split(Moved, [Deposited, Withdrawn], ({ back, cents }) =>
    back
      ? [Withdrawn.make({ cents }), Deposited.make({ cents }), Withdrawn.make({ cents })]
      : [Deposited.make({ cents })])

  it("splits, and numbers what comes of it", () => {
    const { sources, upcast } = reader({ splits: [split] })
    assert.includeDeepMembers([...sources], [{ category: "Account", type: "Moved" }])
    assert.deepStrictEqual(eventsOf(upcast(storedAs("Moved", { cents: 5, back: true }))), [
      { event: { _tag: "Withdrawn", cents: 5 }, index: 0 },
      { event: { _tag: "Deposited", cents: 5 }, index: 1 },
      { event: { _tag: "Withdrawn", cents: 5 }, index: 2 }
    ])
  })

  it("gives a reader of some of them those, under the index they have in the whole", () => {
    const some = Upcaster.make({ splits: [split] }).reader({ aggregates: ["Account"], events: [Withdrawn] })
    assert.deepStrictEqual(
      eventsOf(some.upcast(storedAs("Moved", { cents: 5, back: true }))).map(({ index }) => index),
      [0, 2]
    )
    assert.deepStrictEqual(eventsOf(some.upcast(storedAs("Moved", { cents: 5, back: false }))), [])
  })

  it("does not read a split that throws, returns too much, or returns what it did not say", () => {
    const why = (f: () => ReadonlyArray<Event.Type<typeof Deposited>>) => {
      const { upcast } = reader({ splits: [Upcaster.split(Moved, [Deposited], f)] })
      return unreadable(upcast(storedAs("Moved", { cents: 5, back: true })))
    }
    const thrown = why(() => {
      throw new Error("no way")
    })
    assert.strictEqual(thrown.why, "UpcastFailed")
    assert.include(thrown.message, "no way")
    const foreign = why(() => [Withdrawn.make({ cents: 5 }) as never])
    assert.strictEqual(foreign.why, "UpcastFailed")
    assert.include(foreign.message, "The split of Moved returned a Withdrawn that it does not split into")
    assert.include(
      why(() => Array.from({ length: 101 }, () => Deposited.make({ cents: 1 }))).message,
      "more than 100 events"
    )
  })

  it("does not read a split that returns what its schema does not accept", () => {
    const wrong = Upcaster.split(Moved, [Deposited], () => [{ _tag: "Deposited" as const, cents: -1 }])
    const error = unreadable(reader({ splits: [wrong] }).upcast(storedAs("Moved", { cents: 5, back: true })))
    assert.strictEqual(error.why, "UpcastFailed")
    assert.include(error.message, "a Deposited that does not fit its schema")
  })

  it("drops a type, erased or not, and asks for it no more", () => {
    const { types, upcast } = reader({ dropped: ["Audited"] })
    assert.notInclude([...types], "Audited")
    assert.deepStrictEqual(eventsOf(upcast(storedAs("Audited", { any: 1 }))), [])
    assert.deepStrictEqual(eventsOf(upcast(storedAs("Audited", null))), [])
  })

  it("maps the name of an aggregate to the category it is stored under", () => {
    const upcaster = Upcaster.make({ categories: { Account: "Konto" } })
    assert.strictEqual(upcaster.category("Account"), "Konto")
    assert.strictEqual(upcaster.category("Order"), "Order")
    const { sources } = upcaster.reader({ aggregates: ["Account", "Order"], events: [Withdrawn] })
    assert.deepStrictEqual(sources, [{ category: "Konto", type: "Withdrawn" }, {
      category: "Order",
      type: "Withdrawn"
    }])
  })

  const cases = [
    ["unknownType", storedAs("Nope", {}), "UnknownType"],
    ["newerRevision", storedAs("Deposited", {}, 3), "NewerRevision"],
    ["erased", storedAs("Deposited", null), "Erased"]
  ] as const
  for (const [option, event, why] of cases) {
    it(`fails for ${why} unless told to skip it`, () => {
      assert.strictEqual(unreadable(reader().upcast(event)).why, why)
      assert.strictEqual(unreadable(reader({ [option]: "fail" }).upcast(event)).why, why)
      assert.deepStrictEqual(eventsOf(reader({ [option]: "skip" }).upcast(event)), [])
      // Only that one.
      for (const [other, event] of cases) {
        if (other !== option) unreadable(reader({ [option]: "skip" }).upcast(event))
      }
    })
  }

  it("never skips a payload that does not fit, or an upcast that fails", () => {
    const { upcast } = reader({ unknownType: "skip", newerRevision: "skip", erased: "skip" })
    assert.strictEqual(unreadable(upcast(storedAs("Deposited", { euros: "1" }))).why, "InvalidPayload")
    assert.strictEqual(unreadable(upcast(storedAs("Deposited", { euros: 0 }))).why, "UpcastFailed")
  })

  it("names all there is to name of what it cannot read", () => {
    const error = unreadable(reader().upcast(storedAs("Deposited", { euros: "1" })))
    const { position, revision, type, version, why } = error
    assert.deepStrictEqual(
      { stream: error.stream, position, revision, type, version, why },
      { stream, position: 7, revision: 1, type: "Deposited", version: 3, why: "InvalidPayload" }
    )
    assert.match(
      error.message,
      /^Deposited, revision 1, at version 3 of Account\/ada \(position 7\) cannot be read: InvalidPayload: /
    )
    assert.match(error.message, /euros/)
  })

  it("dies when a stored type is named twice, or two events have one tag", () => {
    const message = /renamed, split or dropped more than once/
    assert.throws(() => Upcaster.make({ renamed: { Moved: Deposited }, splits: [split] }), message)
    assert.throws(() => Upcaster.make({ renamed: { Old: Deposited }, dropped: ["Old"] }), message)
    assert.throws(() => Upcaster.make({ splits: [split, split] }), message)
    assert.throws(() => Upcaster.make({ dropped: ["Old", "Old"] }), message)
    assert.throws(
      () => Upcaster.make({ categories: { A: "C", B: "C" } }),
      "two aggregates are stored under the category C"
    )
    for (const options of [{ dropped: ["Withdrawn"] }, { renamed: { Withdrawn: Deposited } }]) {
      assert.throws(() => reader(options), "Withdrawn is renamed, split or dropped, and still asked for")
    }
    class Again extends Event.make("Withdrawn", {}) {}
    assert.throws(
      () => Upcaster.make().reader({ aggregates: ["Account"], events: [Withdrawn, Again] }),
      "Two events of the tag Withdrawn"
    )
  })

  it.effect("dies as a layer, too", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.provide(Effect.void, Upcaster.layer({ dropped: ["Old", "Old"] })))
      assert.include(String(exit), "more than once")
    }))
})

class Withdraw extends Command.make("Withdraw", { cents: Schema.Int }) {}
class Account extends Aggregate.make("Account", {
  id: Schema.String,
  state: Schema.Int,
  commands: [Withdraw],
  events: [Deposited, Withdrawn],
  rejections: []
}).decider({
  initial: 0,
  decide: { Withdraw: ({ cents }) => Decision.accept(Withdrawn.make({ cents })) },
  evolve: { Deposited: (balance, { cents }) => balance + cents, Withdrawn: (balance, { cents }) => balance - cents }
}) {}

const over = (options?: Upcaster.Options) =>
  Account.layer.pipe(Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer(options))))

const history = (category: string, ...events: ReadonlyArray<readonly [type: string, payload: Schema.JsonObject]>) =>
  Effect.forEach(events, ([type, payload]) =>
    EventStore.EventStore.use((store) =>
      store.append({
        writes: [{
          stream: StreamName.make(category, "ada"),
          expected: "any",
          events: [{ type, revision: 1, payload }]
        }]
      })
    ))

/** Runs an account with an upcaster of a program's own. */
const withUpcaster = (upcaster: Upcaster.Upcaster["Service"]) =>
  Account.execute("ada", Withdraw.make({ cents: 5 })).pipe(
    Effect.provide(Account.layer),
    Effect.provide(EventStore.layerMemory),
    Effect.provideService(Upcaster.Upcaster, upcaster)
  )

describe("an aggregate behind an upcaster", () => {
  it.effect("runs behind one that is spread from another", () =>
    Effect.gen(function*() {
      const upcaster = Upcaster.make()
      const asked: Array<string> = []
      const { version } = yield* withUpcaster({
        ...upcaster,
        write: (aggregate, event, value) => {
          asked.push(`${aggregate}, ${event.tag}`)
          return upcaster.write(aggregate, event, value)
        }
      })
      assert.deepStrictEqual([version, ...asked], [1, "Account, Withdrawn"])
    }))

  it.effect("dies where the upcaster was put together by hand", () =>
    Effect.gen(function*() {
      const { category, options, reader, write } = Upcaster.make()
      const byHand = { category, options, reader, write, "~machinery": undefined }
      const defect = yield* Effect.sandbox(withUpcaster(byHand)).pipe(Effect.flip, Effect.map(Cause.squash))
      assert.instanceOf(defect, TypeError)
      assert.strictEqual(
        defect.message,
        "Upcaster: expected one of Upcaster.make, or one that is spread from it, got another object"
      )
    }))

  it.effect("counts stored events as versions, whatever they have become", () =>
    Effect.gen(function*() {
      yield* history("Account", ["PaidIn", { euros: 10 }], ["Moved", { cents: 5, back: true }], ["Audited", {}])
      assert.deepStrictEqual(yield* Account.load("ada"), { state: 995, version: 3 })
      const { receipt, state, version } = yield* Account.execute("ada", Withdraw.make({ cents: 95 }))
      assert.deepStrictEqual([state, version], [900, 4])
      assert.strictEqual(receipt._tag, "Some")
      assert.deepStrictEqual(yield* Account.load("ada"), { state: 900, version: 4 })
    }).pipe(Effect.provide(over({
      renamed: { PaidIn: Deposited },
      dropped: ["Audited"],
      splits: [Upcaster.split(Moved, [Deposited, Withdrawn], ({ cents }) => [
        Withdrawn.make({ cents }),
        Deposited.make({ cents }),
        Withdrawn.make({ cents })
      ])]
    }))))

  it.effect("reads and writes the category it is told", () =>
    Effect.gen(function*() {
      yield* history("Konto", ["Deposited", { euros: 1 }])
      yield* history("Account", ["Deposited", { euros: 50 }])
      const { state } = yield* Account.execute("ada", Withdraw.make({ cents: 1 }))
      assert.strictEqual(state, 99)
      const page = yield* EventStore.EventStore.use((store) =>
        store.readStreamPage({ stream: StreamName.make("Konto", "ada") })
      )
      assert.deepStrictEqual(page.events.map(({ type }) => type), ["Deposited", "Withdrawn"])
    }).pipe(Effect.provide(over({ categories: { Account: "Konto" } }))))

  it.effect("fails a load and a command with what is unreadable, and writes nothing", () =>
    Effect.gen(function*() {
      yield* history("Account", ["Deposited", { euros: 1 }], ["Nope", {}])
      const loaded = yield* Effect.flip(Account.load("ada"))
      assert.strictEqual(loaded._tag, "ExecutionError")
      assert.deepInclude(loaded.reason, { _tag: "Unreadable", why: "UnknownType", version: 2, type: "Nope" })
      const executed = yield* Effect.flip(Account.execute("ada", Withdraw.make({ cents: 1 })))
      assert.deepInclude(executed.reason, { _tag: "Unreadable", why: "UnknownType" })
      assert.strictEqual(executed.id, "ada")
      assert.strictEqual(yield* EventStore.EventStore.use((store) => store.head), 2)
      assert.deepStrictEqual(yield* Account.load("ada", { at: { version: 1 } }), { state: 100, version: 1 })
    }).pipe(Effect.provide(over())))

  it.effect("reads past what was erased when it is told to", () =>
    Effect.gen(function*() {
      yield* history("Account", ["Deposited", { euros: 1 }], ["Deposited", { euros: 2 }])
      yield* StoreAdmin.StoreAdmin.use((admin) => admin.erase({ stream, from: 1, to: 1 }))
      assert.deepStrictEqual(yield* Account.load("ada"), { state: 200, version: 2 })
    }).pipe(Effect.provide(over({ erased: "skip" }))))

  it.effect("does not read another category's event of the same type", () =>
    Effect.gen(function*() {
      yield* history("Other", ["Deposited", { nonsense: true }])
      assert.deepStrictEqual(yield* Account.load("ada"), { state: 0, version: 0 })
    }).pipe(Effect.provide(over())))
})
