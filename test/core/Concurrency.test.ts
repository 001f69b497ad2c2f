import { assert, describe, it } from "@effect/vitest"
import { Aggregate, CommitId, Decision, EventStore, Limits, StreamName, Upcaster } from "@varve/core"
import { Effect, Exit, Fiber, Latch, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { Account, active, contract, Deposit, Id, Insufficient, NotOpen, Open, Withdraw } from "./Account.ts"
import * as ControlledStore from "./ControlledStore.ts"

const { Control } = ControlledStore

/** Another program withdraws a cent: an event that changes what is decided. */
const foreign = { type: "Withdrawn", revision: 1, payload: { cents: 1 } }

const layer = Account.layer.pipe(Layer.provideMerge(Layer.mergeAll(ControlledStore.layer(foreign), Upcaster.layer())))

const ada = Id.make("ada")
const open = Account.execute(ada, Open.make({ owner: "Ada" }))
const deposit = (cents: number, options?: Aggregate.ExecuteOptions) =>
  Account.execute(ada, Deposit.make({ cents }), options)
const withdraw = (cents: number, options?: Aggregate.ExecuteOptions) =>
  Account.execute(ada, Withdraw.make({ cents }), options)

/** An account with so many cents in it. */
const filled = (cents: number) => Effect.andThen(open, deposit(cents))

const balance = Effect.map(Account.load(ada), ({ state }) => state._tag === "Active" ? state.balance : Number.NaN)

/** Time goes on while the effect runs, so that pauses end. */
const inTime = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(self, Effect.forever(Effect.andThen(TestClock.adjust("1 second"), Effect.yieldNow)))

const unbounded = { concurrency: "unbounded" } as const

const reason = (error: unknown) => error instanceof Aggregate.ExecutionError ? error.reason._tag : "a rejection"

const foreignWrite = (event = foreign) =>
  Control.use(({ behind }) =>
    behind.append({ writes: [{ stream: StreamName.make("Account", "ada"), expected: "any", events: [event] }] })
  )

const same = <A>(state: A): A => state

describe("one instance at a time in a process", () => {
  it.effect("accepts 1,000 concurrent commands, and no conflict surfaces", () =>
    Effect.gen(function*() {
      yield* open
      const exits = yield* Effect.all(Array.from({ length: 1_000 }, (_, i) => Effect.exit(deposit(i + 1))), unbounded)
      assert.isTrue(exits.every(Exit.isSuccess))
      const versions = exits.flatMap((exit) => Exit.isSuccess(exit) ? [exit.value.version] : [])
      assert.deepStrictEqual(versions, Array.from({ length: 1_000 }, (_, i) => i + 2))
      assert.strictEqual(yield* balance, 500_500)
      // One command is one append: nobody had to try again.
      assert.strictEqual(yield* Control.use(({ sent }) => sent), 1_001)
    }).pipe(Effect.provide(layer)))

  it.effect("decides on a state that is handed on, before the store has answered", () =>
    Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.hold
      const fibers = yield* Effect.forEach([60, 30, 10], (cents) => Effect.forkChild(withdraw(cents)))
      // All three are on their way though none is acknowledged.
      yield* control.waiting(3)
      yield* control.release(3)
      const executed = yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
      assert.deepStrictEqual(executed.map(({ state, version }) => [version, state]), [
        [3, active(40)],
        [4, active(10)],
        [5, active(0)]
      ])
      assert.strictEqual(yield* control.sent, 5)
    }).pipe(Effect.provide(layer)))

  it.effect("does not reject before what it rests on is stored", () =>
    Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.hold
      const first = yield* Effect.forkChild(withdraw(60))
      yield* control.waiting(1)
      const second = yield* Effect.forkChild(Effect.flip(withdraw(60)))
      yield* Effect.replicateEffect(Effect.yieldNow, 50)
      assert.isUndefined(second.pollUnsafe())
      yield* control.release(1)
      assert.strictEqual((yield* Fiber.join(first)).version, 3)
      assert.deepStrictEqual(yield* Fiber.join(second), new Insufficient({ balance: 40, requested: 60 }))
    }).pipe(Effect.provide(layer)))

  it.effect("decides a rejection again when a foreign writer has changed what it rests on", () =>
    Effect.gen(function*() {
      yield* filled(100)
      // The state at hand says 100; the store says 150.
      yield* foreignWrite({ type: "Deposited", revision: 2, payload: { cents: 50 } })
      assert.deepStrictEqual((yield* withdraw(120)).state, active(30))
      yield* foreignWrite({ type: "Withdrawn", revision: 1, payload: { cents: 20 } })
      assert.deepStrictEqual(yield* Effect.flip(withdraw(20)), new Insufficient({ balance: 10, requested: 20 }))
      assert.deepStrictEqual(yield* Effect.flip(withdraw(20)), new Insufficient({ balance: 10, requested: 20 }))
    }).pipe(Effect.provide(layer)))

  it.effect("decides once on a state that it has read", () =>
    Effect.gen(function*() {
      let decided = 0
      class Counting extends contract.decider({
        initial: Account.initial,
        decide: {
          Open: () => Decision.ignore,
          Deposit: () => Decision.ignore,
          Withdraw: () => (decided++, Decision.reject(new NotOpen())),
          Close: () => Decision.ignore
        },
        evolve: { Opened: same, Deposited: same, Withdrawn: same, Closed: same }
      }) {}
      const rejected = Effect.flip(Counting.execute(ada, Withdraw.make({ cents: 1 })))
      assert.deepStrictEqual(yield* Effect.provide(rejected, Counting.layer), new NotOpen())
      assert.strictEqual(decided, 1)
    }).pipe(Effect.provide(layer)))

  it.effect("rejects what rests on a commit that fell only after deciding again", () =>
    Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.hold
      const first = yield* Effect.forkChild(Effect.flip(withdraw(60)))
      yield* control.waiting(1)
      // Would be rejected on the 40 that the first leaves; the first never happens.
      const second = yield* Effect.forkChild(withdraw(90))
      yield* control.faults("unavailable")
      yield* control.open
      assert.strictEqual(reason(yield* Fiber.join(first)), "Unavailable")
      assert.deepStrictEqual((yield* Fiber.join(second)).state, active(10))
    }).pipe(Effect.provide(layer)))

  it.effect("decides the rest of a chain again when its first falls to a foreign writer", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.hold
      const fibers = yield* Effect.forEach([50, 30, 20], (cents) => Effect.forkChild(Effect.exit(withdraw(cents))))
      yield* control.waiting(3)
      // A cent goes before the first of them: there are 99.
      yield* control.faults("foreign")
      yield* control.open
      const exits = yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
      const accepted = exits.flatMap((exit) => Exit.isSuccess(exit) ? exit.value.events : [])
      const rejected = exits.filter(Exit.isFailure)
      assert.lengthOf(rejected, 1)
      const taken = accepted.reduce((sum, event) => sum + (event._tag === "Withdrawn" ? event.cents : 0), 0)
      assert.strictEqual(yield* balance, 99 - taken)
      assert.isAtLeast(yield* balance, 0)
    })).pipe(Effect.provide(layer)))

  it.effect("withdraws a chain of 500 whose first falls, and every command is accepted once", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(1)
      yield* control.hold
      const fiber = yield* Effect.forkChild(Effect.all(Array.from({ length: 500 }, () => deposit(1)), unbounded))
      // The chain in flight is bounded.
      yield* control.waiting(256)
      yield* control.faults("foreign")
      yield* control.open
      const all = yield* Fiber.join(fiber)
      assert.strictEqual(yield* balance, 500)
      assert.strictEqual(new Set(all.map(({ version }) => version)).size, 500)
    })).pipe(Effect.provide(layer)))
})

describe("a store that fails", () => {
  it.effect("surfaces that a command has fallen with others so many times, and not before", () =>
    Effect.gen(function*() {
      const control = yield* Control
      yield* filled(1)
      yield* control.hold
      const ahead = Effect.forkChild(Effect.flip(deposit(2)))
      let first = yield* ahead
      yield* control.waiting(1)
      const last = yield* Effect.forkChild(Effect.exit(deposit(4)))
      for (let fall = 0; fall <= Limits.fallsPerCommand; fall++) {
        yield* control.waiting(2)
        assert.isUndefined(last.pollUnsafe())
        yield* control.faults("unavailable")
        yield* control.release(1)
        assert.strictEqual(reason(yield* Fiber.join(first)), "Unavailable")
        // The next is decided before the last is told that what it rested on was not stored.
        first = yield* ahead
        yield* control.waiting(2)
        yield* control.release(1)
      }
      const error = Option.getOrThrow(Exit.findErrorOption(yield* Fiber.join(last)))
      assert.include(error instanceof Aggregate.ExecutionError ? error.reason : error, {
        _tag: "Unavailable",
        what: "commands ahead of this one on Account/ada",
        actual: `they failed ${Limits.fallsPerCommand} times`
      })
      yield* control.open
    }).pipe(Effect.provide(layer)))

  it.effect("surfaces a conflict after so many attempts, and not before", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      for (const attempts of [1, 3]) {
        const before = yield* control.sent
        yield* control.faults("foreign", "foreign", "foreign", "foreign", "foreign")
        const error = yield* Effect.flip(deposit(1)).pipe(Effect.provideService(Aggregate.Attempts, attempts))
        assert.strictEqual(reason(error), "Conflict")
        assert.strictEqual((yield* control.sent) - before, attempts)
      }
      const before = yield* control.sent
      yield* control.faults(...Array.from({ length: 9 }, () => "foreign" as const))
      yield* deposit(1)
      assert.strictEqual((yield* control.sent) - before, 10)
      yield* control.faults(...Array.from({ length: 10 }, () => "foreign" as const))
      assert.strictEqual(reason(yield* Effect.flip(deposit(1))), "Conflict")
    })).pipe(Effect.provide(layer)))

  it.effect("does not retry what is unavailable, and goes on when it is available again", () =>
    Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.faults("unavailable")
      assert.strictEqual(reason(yield* Effect.flip(deposit(1))), "Unavailable")
      assert.strictEqual(yield* control.sent, 3)
      assert.strictEqual((yield* deposit(1)).version, 3)
    }).pipe(Effect.provide(layer)))

  for (const fault of ["lostBefore", "lostAfter"] as const) {
    for (const given of [true, false]) {
      it.effect(`resolves a lost acknowledgement, the effect is there exactly once: ${fault}, id ${given ? "given" : "its own"}`, () =>
        inTime(Effect.gen(function*() {
          const control = yield* Control
          yield* filled(100)
          yield* control.faults(fault, fault, fault)
          const commitId = CommitId.make("00000000-0000-7000-8000-00000000000a")
          const executed = yield* withdraw(60, given ? { commitId } : {})
          assert.deepStrictEqual([executed.version, executed.state, executed.events.length], [3, active(40), 1])
          assert.isTrue(yield* ControlledStore.isStored(executed.receipt))
          assert.deepStrictEqual(yield* Account.load(ada), { state: active(40), version: 3 })
          assert.strictEqual(yield* control.sent, 6)
          assert.strictEqual((yield* withdraw(40)).version, 4)
        })).pipe(Effect.provide(layer)))
    }

    it.effect(`says OutcomeUnknown, never a guess, when it stays lost; the same id tells later: ${fault}`, () =>
      inTime(Effect.gen(function*() {
        const control = yield* Control
        yield* filled(100)
        yield* control.faults(...Array.from({ length: 5 }, () => fault))
        const commitId = CommitId.make("00000000-0000-7000-8000-00000000000a")
        const error = yield* Effect.flip(withdraw(60, { commitId }))
        assert.deepInclude((error as Aggregate.ExecutionError).reason, { _tag: "OutcomeUnknown", commitId })
        const again = yield* withdraw(60, { commitId })
        assert.strictEqual(Option.getOrThrow(again.receipt).replayed, fault === "lostAfter")
        assert.deepStrictEqual(yield* Account.load(ada), { state: active(40), version: 3 })
      })).pipe(Effect.provide(layer)))
  }

  for (const fault of ["lostBefore", "lostAfter"] as const) {
    it.effect(`does not call unavailable what may be stored: ${fault}, and then the store is gone`, () =>
      inTime(Effect.gen(function*() {
        const control = yield* Control
        yield* filled(100)
        yield* control.faults(fault, ...Array.from({ length: 10 }, () => "unavailable" as const))
        // `Unavailable` says that nothing was written, which nobody knows.
        assert.strictEqual(reason(yield* Effect.flip(withdraw(60))), "OutcomeUnknown")
      })).pipe(Effect.provide(layer)))
  }

  for (const given of [false, true]) {
    it.effect(`never lets a commit rest on one that was decided again, id ${given ? "given" : "its own"}`, () =>
      inTime(Effect.gen(function*() {
        const control = yield* Control
        yield* filled(100)
        yield* control.hold
        const commitId = CommitId.make("00000000-0000-7000-8000-00000000000a")
        const first = yield* Effect.forkChild(deposit(100))
        yield* control.waiting(1)
        const second = yield* Effect.forkChild(deposit(1, given ? { commitId } : {}))
        yield* control.waiting(2)
        // Decided on 201: the 100, the first and the second.
        const third = yield* Effect.forkChild(Effect.flip(withdraw(150)))
        // What goes under an id of the caller's is not built upon before it is stored.
        yield* control.waiting(given ? 2 : 3)
        yield* Effect.replicateEffect(Effect.yieldNow, 20)
        // The first never happens, and another writer takes its version. So the second falls, and is decided again: it
        // is at the version that the third waits for, on top of another state. Only then is the third sent again, and its
        // first copy arrives.
        yield* Fiber.interrupt(first)
        yield* foreignWrite()
        yield* control.faults("pass", "late")
        yield* control.open
        assert.deepStrictEqual((yield* Fiber.join(second)).state, active(100))
        assert.deepStrictEqual(yield* Fiber.join(third), new Insufficient({ balance: 100, requested: 150 }))
        for (const id of ["x", "y", "z"]) yield* Account.execute(Id.make(id), Open.make({ owner: id }))
        assert.strictEqual(yield* balance, 100)
      })).pipe(Effect.provide(layer)))
  }

  it.effect("hands on a chain whose first acknowledgement was lost", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.hold
      const fiber = yield* Effect.forkChild(Effect.all([withdraw(50), withdraw(30), withdraw(20)], unbounded))
      yield* control.waiting(3)
      yield* control.faults("lostAfter")
      yield* control.open
      const executed = yield* Fiber.join(fiber)
      assert.lengthOf(executed.flatMap(({ events }) => events), 3)
      assert.strictEqual(yield* balance, 0)
      assert.strictEqual((yield* Account.load(ada)).version, 5)
    })).pipe(Effect.provide(layer)))

  it.effect("resolves a lost acknowledgement behind which a foreign writer came", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.faults("lostAfter", "foreign")
      const { state, version } = yield* withdraw(60)
      assert.deepStrictEqual([version, state], [3, active(40)])
      assert.strictEqual(yield* balance, 39)
    })).pipe(Effect.provide(layer)))
})

describe("interruption", () => {
  it.effect("leaves the instance usable: while it waits for its turn", () =>
    Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      const gate = yield* Latch.make()
      yield* foreignWrite()
      // The state at hand is too old for a rejection, so the first reads, with the turn in its hand.
      yield* control.holdReads(gate.await)
      const first = yield* Effect.forkChild(Effect.flip(withdraw(1_000)))
      yield* control.reads(1)
      const others = yield* Effect.forEach([1, 2, 3], (cents) => Effect.forkChild(deposit(cents)))
      yield* Effect.replicateEffect(Effect.yieldNow, 20)
      yield* Fiber.interrupt(others[1]!)
      yield* Fiber.interrupt(others[0]!)
      yield* gate.open
      assert.deepStrictEqual(yield* Fiber.join(first), new Insufficient({ balance: 99, requested: 1_000 }))
      assert.deepStrictEqual((yield* Fiber.join(others[2]!)).state, active(102))
      assert.strictEqual((yield* deposit(1)).version, 5)
    }).pipe(Effect.provide(layer)))

  it.effect("leaves the instance usable: in the moment that it is given its turn", () =>
    Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      const gate = yield* Latch.make()
      yield* foreignWrite()
      yield* control.holdReads(gate.await)
      const first = yield* Effect.forkChild(Effect.flip(withdraw(1_000)))
      yield* control.reads(1)
      const second = yield* Effect.forkChild(deposit(1))
      const third = yield* Effect.forkChild(deposit(2))
      yield* Effect.replicateEffect(Effect.yieldNow, 20)
      // The end of the first gives the turn to the second, and at that very moment the second goes away.
      first.addObserver(() => second.interruptUnsafe())
      yield* gate.open
      assert.deepStrictEqual((yield* Fiber.join(third)).state, active(101))
      assert.isTrue(Exit.isFailure(yield* Fiber.await(second)))
    }).pipe(Effect.provide(layer)))

  it.effect("leaves the instance usable: while it reads", () =>
    Effect.gen(function*() {
      const control = yield* Control
      const gate = yield* Latch.make()
      yield* control.holdReads(gate.await)
      const first = yield* Effect.forkChild(open)
      yield* control.reads(1)
      const second = yield* Effect.forkChild(open)
      yield* Fiber.interrupt(first)
      yield* gate.open
      assert.strictEqual((yield* Fiber.join(second)).version, 1)
      assert.strictEqual((yield* deposit(1)).version, 2)
    }).pipe(Effect.provide(layer)))

  it.effect("leaves the instance usable: while its append is queued, which is withdrawn", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.hold
      const first = yield* Effect.forkChild(withdraw(60))
      yield* control.waiting(1)
      // Rests on the first, which never comes to be.
      const second = yield* Effect.forkChild(withdraw(40))
      yield* control.waiting(2)
      yield* Fiber.interrupt(first)
      yield* control.open
      assert.deepStrictEqual((yield* Fiber.join(second)).state, active(60))
      assert.deepStrictEqual(yield* Account.load(ada), { state: active(60), version: 3 })
      assert.strictEqual((yield* withdraw(60)).version, 4)
    })).pipe(Effect.provide(layer)))

  it.effect("leaves the instance usable: all of a chain at once", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.hold
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(withdraw(1)))
      yield* control.waiting(100)
      yield* Effect.forEach(fibers, (fiber) => Fiber.interrupt(fiber), unbounded)
      yield* control.open
      assert.deepStrictEqual((yield* withdraw(100)).state, active(0))
    })).pipe(Effect.provide(layer)))

  it.effect("leaves the instance usable: while it pauses between two attempts", () =>
    Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      yield* control.faults("foreign", "foreign")
      const fiber = yield* Effect.forkChild(deposit(1))
      // The second conflict is followed by a pause, and no time passes.
      while ((yield* control.sent) < 4) yield* Effect.yieldNow
      yield* Effect.replicateEffect(Effect.yieldNow, 20)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* deposit(1)).version, 5)
    }).pipe(Effect.provide(layer)))
})

describe("the instances of a process", () => {
  it.effect("run side by side: one that hangs holds up no other", () =>
    Effect.gen(function*() {
      const control = yield* Control
      yield* filled(100)
      const bob = Id.make("bob")
      yield* control.hold
      const first = yield* Effect.forkChild(withdraw(1))
      yield* control.waiting(1)
      const second = yield* Effect.forkChild(Account.execute(bob, Open.make({ owner: "Bob" })))
      yield* control.waiting(2)
      yield* control.open
      assert.strictEqual((yield* Fiber.join(second)).version, 1)
      assert.strictEqual((yield* Fiber.join(first)).version, 3)
    }).pipe(Effect.provide(layer)))

  it.effect("are 10,000 without trouble", () =>
    Effect.gen(function*() {
      const open = (id: typeof Id.Type) => Account.execute(id, Open.make({ owner: "A" }))
      const ids = Array.from({ length: 10_000 }, (_, i) => Id.make(`account-${i}`))
      yield* Effect.forEach(ids, open, { concurrency: 64, discard: true })
      assert.strictEqual(yield* EventStore.EventStore.use((store) => store.head), 10_000)
    }).pipe(
      Effect.provide(Account.layer.pipe(Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))))
    ), 60_000)
})
