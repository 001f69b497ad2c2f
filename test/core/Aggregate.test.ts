import { assert, describe, it } from "@effect/vitest"
import {
  Aggregate,
  Command,
  Commit,
  CommitId,
  Decision,
  Event,
  EventStore,
  Metadata,
  StreamName,
  Upcaster
} from "@varve/core"
import { DateTime, Effect, Exit, Layer, Option, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import {
  Account,
  active,
  AlreadyOpened,
  Close,
  Deposit,
  Deposited,
  Id,
  Insufficient,
  NotOpen,
  Open,
  Opened,
  Withdraw
} from "./Account.ts"

const layer = Account.layer.pipe(Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer())))

const ada = Id.make("ada")
const open = Account.execute(ada, Open.make({ owner: "Ada" }))
const deposit = (cents: number, options?: Aggregate.ExecuteOptions) =>
  Account.execute(ada, Deposit.make({ cents }), options)
const withdraw = (cents: number, options?: Aggregate.ExecuteOptions) =>
  Account.execute(ada, Withdraw.make({ cents }), options)

const head = EventStore.EventStore.use((store) => store.head)

/** Why a command came to nothing. */
const reasonOf = <A, R>(self: Effect.Effect<A, Aggregate.ExecutionError | { readonly _tag: string }, R>) =>
  Effect.map(
    Effect.flip(self),
    (error) => error instanceof Aggregate.ExecutionError ? error.reason : assert.fail(error._tag)
  )

const replayed = (executed: Aggregate.Executed<unknown, unknown>) =>
  Option.match(executed.receipt, { onNone: () => undefined, onSome: (receipt: Commit.Receipt) => receipt.replayed })

describe("a definition", () => {
  it("has its parts in public, pure", () => {
    assert.strictEqual(Account.tag, "Account")
    assert.deepStrictEqual(Account.initial, { _tag: "Unopened" })
    assert.deepStrictEqual(Account.evolve(active(1), Deposited.make({ cents: 2 })), active(3))
    assert.deepStrictEqual(Account.fold([Opened.make({ owner: "Ada" }), Deposited.make({ cents: 2 })]), active(2))
    assert.deepStrictEqual(Account.fold([]), { _tag: "Unopened" })
    assert.deepStrictEqual(Account.events.map(({ tag }) => tag), ["Opened", "Deposited", "Withdrawn", "Closed"])
    assert.deepStrictEqual(Account.commands.map(({ tag }) => tag), ["Open", "Deposit", "Withdraw", "Close"])
  })

  it("keeps its stored name whatever the class is called", () => {
    class Renamed
      extends Aggregate.make("Stored", { id: Id, state: Schema.Null, commands: [], events: [], rejections: [] })
        .decider({ initial: null, decide: {}, evolve: {} })
    {}
    const name: "Stored" = Renamed.tag
    assert.strictEqual(name, "Stored")
  })

  it("dies of two events or two commands of one tag, and of a name that cannot be stored", () => {
    class Again extends Event.make("Opened", {}) {}
    class Reopen extends Command.make("Open") {}
    const parts = { id: Id, state: Schema.Null, rejections: [] }
    assert.throws(
      () => Aggregate.make("A", { ...parts, commands: [Open], events: [Opened, Again] }),
      "two events of the tag Opened"
    )
    assert.throws(
      () => Aggregate.make("A", { ...parts, commands: [Open, Reopen], events: [] }),
      "two commands of the tag Open"
    )
    assert.throws(() => Aggregate.make("no name", { ...parts, commands: [], events: [] }), "expected a letter")
  })
})

describe("execute", () => {
  it.effect("returns receipt, version, events and state", () =>
    Effect.gen(function*() {
      const opened = yield* open
      assert.deepStrictEqual(opened.events, [Opened.make({ owner: "Ada" })])
      assert.deepStrictEqual([opened.version, opened.state], [1, active(0)])
      const { events, receipt, state, version } = yield* deposit(100)
      assert.deepStrictEqual([version, state, events], [2, active(100), [Deposited.make({ cents: 100 })]])
      const { first, last, replayed, streams } = Option.getOrThrow(receipt)
      assert.deepStrictEqual(
        [first as number, last as number, replayed, streams],
        [2, 2, false, [{ stream: StreamName.make("Account", "ada"), from: 2, to: 2 }]]
      )
      assert.deepStrictEqual(yield* Account.load(ada), { state: active(100), version: 2 })
    }).pipe(Effect.provide(layer)))

  it.effect("rejects in the error channel, typed and with its fields, and writes nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.flip(deposit(1)), new NotOpen())
      yield* open
      yield* deposit(100)
      const told = yield* withdraw(101).pipe(
        Effect.catchTag("Insufficient", ({ balance, requested }) => Effect.succeed(`${requested} of ${balance}`))
      )
      assert.strictEqual(told, "101 of 100")
      assert.deepStrictEqual(yield* Effect.flip(open), new AlreadyOpened())
      assert.strictEqual(yield* head, 2)
      yield* withdraw(100)
    }).pipe(Effect.provide(layer)))

  it.effect("does nothing, without a receipt, when the decision is that there is nothing to do", () =>
    Effect.gen(function*() {
      yield* open
      yield* Account.execute(ada, Close.make({}))
      const again = yield* Account.execute(ada, Close.make({}))
      assert.deepStrictEqual([again.receipt, again.version, again.events, again.state], [Option.none(), 2, [], {
        _tag: "Ended"
      }])
      assert.strictEqual(yield* head, 2)
    }).pipe(Effect.provide(layer)))

  it.effect("decides on the version the caller has seen, or is a Conflict, undecided", () =>
    Effect.gen(function*() {
      yield* open
      yield* deposit(100, { expected: 1 })
      const conflict = yield* reasonOf(withdraw(1_000, { expected: 1 }))
      assert.strictEqual(conflict._tag, "Conflict")
      assert.deepInclude(conflict, { expected: 1, actual: 2, stream: StreamName.make("Account", "ada") })
      assert.strictEqual((yield* reasonOf(deposit(1, { expected: 3 })))._tag, "Conflict")
      assert.strictEqual(
        (yield* reasonOf(Account.execute(Id.make("new"), Open.make({ owner: "B" }), { expected: 1 })))._tag,
        "Conflict"
      )
      yield* Account.execute(Id.make("new"), Open.make({ owner: "B" }), { expected: 0 })
      assert.deepStrictEqual(
        yield* Effect.flip(withdraw(1_000, { expected: 2 })),
        new Insufficient({ balance: 100, requested: 1_000 })
      )
      assert.strictEqual((yield* withdraw(1, { expected: 2 })).version, 3)
    }).pipe(Effect.provide(layer)))

  it.effect("dies of a command that the aggregate does not have, and says which", () =>
    Effect.gen(function*() {
      for (const _tag of ["Reopen", "toString"]) {
        const exit = yield* Effect.exit(Account.execute(ada, { _tag } as never))
        assert.isTrue(Exit.hasDies(exit))
        assert.include(String(Result.getOrThrow(Exit.findDefect(exit))), `Account has no command "${_tag}"`)
      }
      assert.strictEqual(yield* head, 0)
    }).pipe(Effect.provide(layer)))

  it.effect("names aggregate and id of what came to nothing", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Account.execute(Id.make("a\u0000"), Open.make({ owner: "A" })))
      assert.isTrue(error instanceof Aggregate.ExecutionError)
      if (!(error instanceof Aggregate.ExecutionError)) return
      assert.deepStrictEqual([error.aggregate, error.id, error.reason._tag], ["Account", "a\u0000", "Refused"])
      assert.include(error.message, "Account \"a\\u0000\": id of a stream")
      const caught = yield* Account.execute(Id.make("a\u0000"), Open.make({ owner: "A" })).pipe(
        Effect.catchReason("ExecutionError", "Refused", ({ what }) => Effect.succeed(what))
      )
      assert.include(caught, "id of a stream of Account")
    }).pipe(Effect.provide(layer)))
})

describe("load", () => {
  const at = (text: string) => DateTime.makeUnsafe(text)
  const go = (text: string) => TestClock.setTime(at(text).epochMilliseconds)

  const versions = (point: (n: number) => Aggregate.At, points: ReadonlyArray<number>) =>
    Effect.forEach(points, (n) => Effect.map(Account.load(ada, { at: point(n) }), ({ version }) => version))

  it.effect("is the initial state, version 0, where nothing happened", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Account.load(Id.make("nobody")), {
        state: { _tag: "Unopened" as const },
        version: 0
      })
    }).pipe(Effect.provide(layer)))

  it.effect("reads to a version, or to a position", () =>
    Effect.gen(function*() {
      yield* open
      yield* Account.execute(Id.make("bob"), Open.make({ owner: "Bob" }))
      yield* deposit(10)
      yield* deposit(20)
      assert.deepStrictEqual(yield* Account.load(ada, { at: { version: 2 } }), { state: active(10), version: 2 })
      assert.deepStrictEqual(yield* versions((version) => ({ version }), [0, 1, 2, 3, 99]), [0, 1, 2, 3, 3])
      assert.deepStrictEqual(yield* versions((position) => ({ position }), [0, 1, 2, 3, 4, 99]), [0, 1, 1, 2, 3, 3])
      for (const wrong of [-1, 0.5, Number.NaN]) {
        assert.strictEqual((yield* reasonOf(Account.load(ada, { at: { position: wrong } })))._tag, "Refused")
        assert.strictEqual((yield* reasonOf(Account.load(ada, { at: { version: wrong } })))._tag, "Refused")
      }
    }).pipe(Effect.provide(layer)))

  it.effect("reads what was recorded by a time, and what had happened by it", () =>
    Effect.gen(function*() {
      yield* go("2024-01-01T00:00:00Z")
      yield* open
      yield* go("2024-01-02T00:00:00Z")
      // Recorded on the 2nd, happened on the 1st of February; then recorded on the 3rd, happened on the 2nd.
      yield* deposit(10).pipe(Metadata.provide({ occurredAt: at("2024-02-01T00:00:00Z") }))
      yield* go("2024-01-03T00:00:00Z")
      yield* deposit(20).pipe(Metadata.provide({ occurredAt: at("2024-01-02T00:00:00Z") }))
      const recorded = (text: string) => Account.load(ada, { at: { recordedAt: at(text) } })
      const occurred = (text: string) => Account.load(ada, { at: { occurredAt: at(text) } })
      assert.deepStrictEqual(yield* recorded("2023-12-31T23:59:59.999Z"), {
        state: { _tag: "Unopened" as const },
        version: 0
      })
      assert.deepStrictEqual(yield* recorded("2024-01-01T00:00:00Z"), { state: active(0), version: 1 })
      assert.deepStrictEqual(yield* recorded("2024-01-02T00:00:00Z"), { state: active(10), version: 2 })
      assert.deepStrictEqual(yield* recorded("2024-01-03T00:00:00Z"), { state: active(30), version: 3 })
      assert.deepStrictEqual(yield* occurred("2024-01-01T12:00:00Z"), { state: active(0), version: 1 })
      assert.deepStrictEqual(yield* occurred("2024-01-02T00:00:00Z"), { state: active(20), version: 3 })
      assert.deepStrictEqual(yield* occurred("2024-02-01T00:00:00Z"), { state: active(30), version: 3 })
      // A time of another zone is the same time.
      const zoned = DateTime.makeZonedUnsafe("2024-01-02T00:00:00Z", { timeZone: "Pacific/Auckland" })
      assert.strictEqual((yield* Account.load(ada, { at: { recordedAt: zoned } })).version, 2)
    }).pipe(Effect.provide(layer)))

  it.effect("reads an instance of more events than a page has", () =>
    Effect.gen(function*() {
      yield* open
      const store = yield* EventStore.EventStore
      const event = { type: "Deposited", revision: 2, payload: { cents: 1 } }
      for (let i = 0; i < 3; i++) {
        yield* store.append({
          writes: [{
            stream: StreamName.make("Account", "ada"),
            expected: "any",
            events: [event, ...Array.from({ length: 799 }, () => event)]
          }]
        })
      }
      assert.deepStrictEqual(yield* Account.load(ada), { state: active(2_400), version: 2_401 })
      assert.deepStrictEqual(yield* Account.load(ada, { at: { version: 1_500 } }), {
        state: active(1_499),
        version: 1_500
      })
      assert.deepStrictEqual(yield* Account.load(ada, { at: { position: 2_000 } }), {
        state: active(1_999),
        version: 2_000
      })
      assert.strictEqual((yield* deposit(1)).version, 2_402)
      // What has not happened yet stands at the end of a page, and what is behind it has happened.
      const late = { ...event, occurredAt: at("2100-01-01T00:00:00Z") }
      const rest = Array.from({ length: 598 }, () => event)
      const stream = StreamName.make("Account", "ada")
      yield* store.append({ writes: [{ stream, expected: "any", events: [event, ...rest.slice(1), late, event] }] })
      assert.deepStrictEqual(yield* Account.load(ada, { at: { occurredAt: at("2050-01-01T00:00:00Z") } }), {
        state: active(3_000),
        version: 3_002
      })
    }).pipe(Effect.provide(layer)))
})

describe("a commit id", () => {
  const commitId = CommitId.make("00000000-0000-7000-8000-00000000000a")

  it.effect("executes a command once, and gives its outcome again, also after the state has moved on", () =>
    Effect.gen(function*() {
      yield* open
      yield* deposit(100)
      const first = yield* withdraw(70, { commitId })
      assert.strictEqual(replayed(first), false)
      const second = yield* withdraw(70, { commitId })
      assert.strictEqual(replayed(second), true)
      yield* deposit(5)
      // A third would be rejected now: the money is not there.
      const third = yield* withdraw(70, { commitId })
      for (const again of [second, third]) {
        assert.deepStrictEqual([again.version, again.state, again.events], [first.version, first.state, first.events])
        assert.deepStrictEqual(
          Option.map(again.receipt, (receipt) => ({ ...receipt, replayed: false })),
          first.receipt
        )
      }
      assert.deepStrictEqual(yield* Account.load(ada), { state: active(35), version: 4 })
    }).pipe(Effect.provide(layer)))

  it.effect("gives the outcome again whatever version the caller expects", () =>
    Effect.gen(function*() {
      yield* open
      yield* deposit(100, { commitId, expected: 1 })
      assert.strictEqual(replayed(yield* deposit(100, { commitId, expected: 1 })), true)
      assert.strictEqual(replayed(yield* deposit(100, { commitId, expected: 99 })), true)
      assert.strictEqual(yield* head, 2)
    }).pipe(Effect.provide(layer)))

  it.effect("stores no rejection: the command is decided anew", () =>
    Effect.gen(function*() {
      yield* open
      assert.deepStrictEqual(
        yield* Effect.flip(withdraw(70, { commitId })),
        new Insufficient({ balance: 0, requested: 70 })
      )
      assert.deepStrictEqual(
        yield* Effect.flip(withdraw(70, { commitId })),
        new Insufficient({ balance: 0, requested: 70 })
      )
      yield* deposit(100)
      assert.strictEqual(replayed(yield* withdraw(70, { commitId })), false)
      assert.strictEqual(replayed(yield* withdraw(70, { commitId })), true)
    }).pipe(Effect.provide(layer)))

  it.effect("stores no empty decision either", () =>
    Effect.gen(function*() {
      yield* open
      const close = Account.execute(ada, Close.make({}), { commitId })
      assert.strictEqual(replayed(yield* close), false)
      // Closing again decides nothing; under this id something is stored, and that is the outcome.
      assert.strictEqual(replayed(yield* close), true)
      const other = CommitId.make("00000000-0000-7000-8000-00000000000b")
      assert.isTrue(Option.isNone((yield* Account.execute(ada, Close.make({}), { commitId: other })).receipt))
      assert.isTrue(Option.isNone((yield* Account.execute(ada, Close.make({}), { commitId: other })).receipt))
    }).pipe(Effect.provide(layer)))

  it.effect("writes once when the same command comes 50 times at once", () =>
    Effect.gen(function*() {
      yield* open
      const all = yield* Effect.all(Array.from({ length: 50 }, () => deposit(100, { commitId })), {
        concurrency: "unbounded"
      })
      assert.lengthOf(all.filter((executed) => replayed(executed) === false), 1)
      for (const { events, state, version } of all) {
        assert.deepStrictEqual([version, state, events], [2, active(100), [Deposited.make({ cents: 100 })]])
      }
      assert.strictEqual(yield* head, 2)
    }).pipe(Effect.provide(layer)))

  const others = [
    ["another payload", deposit(101, { commitId })],
    ["another command", withdraw(100, { commitId })],
    ["another instance", Account.execute(Id.make("bob"), Deposit.make({ cents: 100 }), { commitId })],
    ["another tenant", deposit(100, { commitId }).pipe(Metadata.provide({ tenant: "acme" }))],
    ["a command that is rejected", withdraw(1_000, { commitId })],
    ["a command with nothing to do", Account.execute(Id.make("gone"), Close.make({}), { commitId })]
  ] as const
  for (const [what, other] of others) {
    it.effect(`refuses ${what} under the same id, and writes nothing`, () =>
      Effect.gen(function*() {
        yield* open
        yield* Account.execute(Id.make("bob"), Open.make({ owner: "Bob" }))
        yield* open.pipe(Metadata.provide({ tenant: "acme" }))
        yield* Account.execute(Id.make("gone"), Open.make({ owner: "Gone" }))
        yield* Account.execute(Id.make("gone"), Close.make({}))
        yield* deposit(100, { commitId })
        const before = yield* head
        const reason = yield* reasonOf(other)
        assert.strictEqual(reason._tag, "Refused")
        assert.include(reason.message, commitId)
        assert.strictEqual(yield* head, before)
        assert.strictEqual((yield* deposit(1)).version, 3)
      }).pipe(Effect.provide(layer)))
  }

  it.effect("tells one command from another by its payload, not by its metadata or its time", () =>
    Effect.gen(function*() {
      yield* open
      yield* deposit(100, { commitId }).pipe(Metadata.provide({ actor: "ada" }))
      yield* TestClock.adjust("1 day")
      const again = yield* deposit(100, { commitId }).pipe(Metadata.provide({ actor: "bob", correlationId: "c" }))
      assert.strictEqual(replayed(again), true)
    }).pipe(Effect.provide(layer)))
})

describe("two definitions of one name", () => {
  class Twin
    extends Aggregate.make("Account", { id: Id, state: Schema.Null, commands: [Close], events: [], rejections: [] })
      .decider({ initial: null, decide: { Close: () => Decision.ignore }, evolve: {} })
  {}

  it.effect("die where the layer of one meets the call of the other", () =>
    Effect.gen(function*() {
      for (
        const call of [
          Twin.execute(ada, Close.make({})),
          Twin.load(ada),
          Aggregate.executeAll([Aggregate.to(Twin, ada, Close.make({}))])
        ]
      ) {
        const exit = yield* Effect.exit(call as Effect.Effect<unknown, unknown, Aggregate.Instances<"Account">>)
        assert.include(String(exit), "Two aggregates are called Account")
        assert.include(String(exit), "Die")
      }
    }).pipe(Effect.provide(layer)))
})
