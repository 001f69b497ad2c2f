import { assert, describe, it } from "@effect/vitest"
import {
  Aggregate,
  Command,
  type Commit,
  CommitId,
  Decision,
  Event,
  EventStore,
  EventStoreError,
  Metadata,
  StoreAdmin,
  StreamName,
  Upcaster
} from "@varve/core"
import { DateTime, Effect, Fiber, Layer, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Account, active, Close, Deposit, Id, Open, Withdraw } from "./Account.ts"
import * as ControlledStore from "./ControlledStore.ts"

const { Control } = ControlledStore
const foreign = { type: "Withdrawn", revision: 1, payload: { cents: 1 } }
const layer = Account.layer.pipe(Layer.provideMerge(Layer.mergeAll(ControlledStore.layer(foreign), Upcaster.layer())))

const [ada, bob] = [Id.make("ada"), Id.make("bob")]
const deposit = (cents: number, options?: Aggregate.ExecuteOptions) =>
  Account.execute(ada, Deposit.make({ cents }), options)
const withdraw = (cents: number, options?: Aggregate.ExecuteOptions) =>
  Account.execute(ada, Withdraw.make({ cents }), options)
const closeAs = (options?: Aggregate.ExecuteOptions) =>
  Account.execute(ada, Close.make({}), options).pipe(
    Metadata.provide({ actor: "Ada", occurredAt: DateTime.makeUnsafe("2001-02-03T04:05:06.789Z") })
  )
const head = EventStore.EventStore.use((store) => store.head)
const both = (options?: Aggregate.ExecuteOptions) =>
  Aggregate.executeAll(
    [Aggregate.to(Account, ada, Deposit.make({ cents: 5 })), Aggregate.to(Account, ada, Withdraw.make({ cents: 103 }))],
    options
  )

const filled = (id: typeof ada) =>
  Effect.andThen(
    Account.execute(id, Open.make({ owner: id })),
    Account.execute(id, Deposit.make({ cents: 100 }))
  )

/** Time goes on while the effect runs, so that pauses end. */
const inTime = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(self, Effect.forever(Effect.andThen(TestClock.adjust("1 second"), Effect.yieldNow)))

const reasonOf = (error: unknown) =>
  error instanceof Aggregate.ExecutionError ? error.reason : assert.fail(`not an ExecutionError: ${String(error)}`)

/** Stores what a command comes to, loses every acknowledgement of it, and tells the id that the caller is told. */
const lost = Effect.fnUntraced(function*<A, E, R>(command: Effect.Effect<A, E, R>) {
  const control = yield* Control
  yield* control.faults(...Array.from({ length: 5 }, () => "lostAfter" as const))
  const reason = reasonOf(yield* Effect.flip(command))
  return reason._tag === "OutcomeUnknown" ? reason.commitId : assert.fail(`not OutcomeUnknown: ${reason._tag}`)
})

describe("a commit whose acknowledgement stays lost", () => {
  const found: Readonly<Record<string, (options?: Aggregate.ExecuteOptions) => Effect.Effect<unknown, unknown, any>>> =
    {
      "a command": (options) => withdraw(60, options),
      "one that is rejected by now": (options) => withdraw(90, options),
      "one that knows when and for whom": (options) => closeAs(options),
      "several to one instance": (options) => both(options)
    }

  for (const [what, command] of Object.entries(found)) {
    it.effect(`is known by the id that the caller is told, to whom sends it again: ${what}`, () =>
      inTime(Effect.gen(function*() {
        // Somebody else comes before it in the store, and behind it.
        yield* filled(bob)
        yield* filled(ada)
        if (what.includes("whom")) yield* withdraw(100)
        const commitId = yield* lost(command())
        yield* Account.execute(bob, Deposit.make({ cents: 1 }))
        const before = yield* head
        const again = yield* command({ commitId })
        for (const { receipt } of [again].flat() as ReadonlyArray<Aggregate.Executed<any, any>>) {
          const { commitId: id, replayed } = Option.getOrThrow(receipt)
          assert.deepStrictEqual([id, replayed], [commitId, true])
        }
        assert.strictEqual(yield* head, before)
      })).pipe(Effect.provide(layer)))
  }

  const others: Readonly<Record<string, (commitId: CommitId.CommitId) => Effect.Effect<unknown, unknown, any>>> = {
    "another payload": (commitId) => deposit(61, { commitId }),
    "another command": (commitId) => withdraw(60, { commitId }),
    "another instance": (commitId) => Account.execute(bob, Deposit.make({ cents: 60 }), { commitId }),
    "more commands": (commitId) =>
      Aggregate.executeAll(
        [
          Aggregate.to(Account, ada, Deposit.make({ cents: 60 })),
          Aggregate.to(Account, ada, Deposit.make({ cents: 60 }))
        ],
        { commitId }
      ),
    "what is rejected": (commitId) => withdraw(1_000, { commitId })
  }

  for (const [what, command] of Object.entries(others)) {
    it.effect(`is not what comes under its id with other content: ${what}`, () =>
      inTime(Effect.gen(function*() {
        yield* filled(ada)
        yield* filled(bob)
        const commitId = yield* lost(deposit(60))
        assert.strictEqual(reasonOf(yield* Effect.flip(command(commitId)))._tag, "Refused")
      })).pipe(Effect.provide(layer)))
  }

  it.effect("gives what it has led to then, whatever has come since", () =>
    inTime(Effect.gen(function*() {
      yield* filled(ada)
      const commitId = yield* lost(both())
      yield* deposit(1)
      const [first, second] = yield* both({ commitId })
      // Which events came of which command is not stored: the last one gets them all.
      assert.deepStrictEqual(first.events, [])
      assert.deepStrictEqual(second.events.map(({ _tag }) => _tag), ["Deposited", "Withdrawn"])
      assert.deepStrictEqual([second.state, second.version], [active(2), 4])
    })).pipe(Effect.provide(layer)))

  it.effect("is not less than what was stored under its id", () =>
    inTime(Effect.gen(function*() {
      yield* filled(ada)
      const commitId = yield* lost(both())
      assert.strictEqual(reasonOf(yield* Effect.flip(deposit(5, { commitId })))._tag, "Refused")
    })).pipe(Effect.provide(layer)))
})

class Ticked extends Event.make("Ticked", { n: Schema.Int }).revise(2, { n: Schema.Int }, (previous) => previous) {}
class Tick extends Command.make("Tick", { n: Schema.Int }) {}
class Clock extends Aggregate.make("Clock", {
  id: Schema.String,
  state: Schema.Int,
  commands: [Tick],
  events: [Ticked],
  rejections: []
}).decider({
  initial: 0,
  decide: { Tick: ({ n }) => Decision.accept(Ticked.make({ n })) },
  evolve: { Ticked: (state, { n }) => state + n }
}) {}

/** The store in memory, which erases the opening of the account in the moment before a commit comes again. */
const erasing = Layer.effect(
  EventStore.EventStore,
  Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const admin = yield* StoreAdmin.StoreAdmin
    const seen = new Set<string | undefined>()
    return {
      ...store,
      append: (commit: Commit.Commit) => {
        const again = seen.has(commit.id)
        seen.add(commit.id)
        const erased = again ? admin.erase({ stream: commit.writes[0].stream, from: 1, to: 1 }) : Effect.void
        return Effect.andThen(Effect.orDie(erased), store.append(commit))
      }
    }
  })
).pipe(Layer.provide(EventStore.layerMemory))

/** The store in memory, which gives nothing back from the moment that a commit comes again. */
const refusing = Layer.effect(
  EventStore.EventStore,
  Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const seen = new Set<string | undefined>()
    let again = false
    const error = new EventStoreError.EventStoreError({
      operation: "read",
      reason: new EventStoreError.Refused({ what: "reading", expected: "once", actual: "again" })
    })
    return {
      ...store,
      append: (commit: Commit.Commit) => {
        again ||= seen.has(commit.id)
        seen.add(commit.id)
        return store.append(commit)
      },
      readStreamPage: (request) => Effect.suspend(() => again ? Effect.fail(error) : store.readStreamPage(request))
    }
  })
).pipe(Layer.provide(EventStore.layerMemory))

describe("a chain whose acknowledgements are all lost", () => {
  it.effect("is stored once", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(ada)
      yield* control.hold
      const fiber = yield* Effect.forkChild(
        Effect.all([withdraw(50), withdraw(30), withdraw(20)], { concurrency: "unbounded" })
      )
      yield* control.waiting(3)
      yield* control.faults("lostAfter", "lostAfter", "lostAfter")
      yield* control.open
      const executed = yield* Fiber.join(fiber)
      assert.deepStrictEqual(executed.map(({ state, version }) => [state, version]), [
        [active(50), 3],
        [active(20), 4],
        [active(0), 5]
      ])
      assert.deepStrictEqual(yield* Account.load(ada), { state: active(0), version: 5 })
    })).pipe(Effect.provide(layer)))
})

describe("what a commit has led to", () => {
  it.effect("is unreadable, and says so, when an event is that it rests on", () =>
    Effect.gen(function*() {
      const commitId = CommitId.generateUnsafe()
      yield* filled(ada)
      yield* deposit(1, { commitId })
      assert.strictEqual(reasonOf(yield* Effect.flip(deposit(1, { commitId })))._tag, "Unreadable")
    }).pipe(Effect.provide(Account.layer.pipe(Layer.provide(Layer.mergeAll(erasing, Upcaster.layer()))))))

  it.effect("is refused, and says so, when the store does not give what it rests on", () =>
    Effect.gen(function*() {
      const commitId = CommitId.generateUnsafe()
      yield* filled(ada)
      yield* deposit(1, { commitId })
      assert.include(reasonOf(yield* Effect.flip(deposit(1, { commitId }))), { _tag: "Refused", what: "reading" })
    }).pipe(Effect.provide(Account.layer.pipe(Layer.provide(Layer.mergeAll(refusing, Upcaster.layer()))))))

  it.effect("is a conflict of the instance that somebody else has written, not of the first", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(bob)
      yield* Account.execute(ada, Open.make({ owner: "Ada" }))
      yield* closeAs()
      yield* control.faults(...Array.from({ length: 20 }, () => "foreign" as const))
      const error = yield* Effect.flip(Aggregate.executeAll([
        Aggregate.to(Account, ada, Close.make({})),
        Aggregate.to(Account, bob, Deposit.make({ cents: 1 }))
      ]))
      assert.deepInclude(error, { aggregate: "Account", id: "bob" })
      assert.strictEqual(reasonOf(error)._tag, "Conflict")
    })).pipe(Effect.provide(layer)))
})

describe("a commit that another release has stored", () => {
  it.effect("is not one that would be stored at another revision today", () =>
    Effect.gen(function*() {
      const stream = StreamName.make("Clock", "a")
      const events = [{ type: "Ticked", revision: 1, payload: { n: 1 } }] as const
      const { commitId } = yield* EventStore.EventStore.use((store) =>
        store.append({ writes: [{ stream, expected: 0, events }] })
      )
      const refused = yield* Effect.flip(Clock.execute("a", Tick.make({ n: 1 }), { commitId }))
      assert.strictEqual(refused.reason._tag, "Refused")
    }).pipe(Effect.provide(
      Clock.layer.pipe(Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer())))
    )))
})

describe("a commit that was lost before it was stored", () => {
  it.effect("is decided again when another writer has come first", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(ada)
      yield* control.faults("lostBefore", "foreign")
      const { state, version } = yield* withdraw(60)
      assert.deepStrictEqual([version, state], [4, active(39)])
    })).pipe(Effect.provide(layer)))
})
