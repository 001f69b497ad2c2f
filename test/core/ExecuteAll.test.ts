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
import { Effect, Fiber, Latch, Layer, Option, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Account, active, AlreadyOpened, Close, Deposit, Id, Insufficient, NotOpen, Open, Withdraw } from "./Account.ts"
import * as ControlledStore from "./ControlledStore.ts"

const { Control } = ControlledStore

class Counted extends Event.make("Counted", {}) {}
class Count extends Command.make("Count") {}
/** Says yes once, without a word the second time. */
class Once extends Aggregate.make("Once", {
  id: Schema.String,
  state: Schema.Boolean,
  commands: [Count],
  events: [Counted],
  rejections: []
}).decider({
  initial: false,
  decide: { Count: (_, done) => done ? Decision.ignore : Decision.accept(Counted.make({})) },
  evolve: { Counted: () => true }
}) {}

const store = ControlledStore.layer({ type: "Withdrawn", revision: 1, payload: { cents: 1 } })
const layer = Layer.mergeAll(Account.layer, Once.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(store, Upcaster.layer()))
)

const ada = Id.make("ada")
const bob = Id.make("bob")

const filled = Effect.gen(function*() {
  for (const id of [ada, bob]) {
    yield* Account.execute(id, Open.make({ owner: id }))
    yield* Account.execute(id, Deposit.make({ cents: 100 }))
  }
})

const transfer = (
  from: typeof Id.Type,
  into: typeof Id.Type,
  cents: number,
  options?: { readonly commitId: CommitId.CommitId }
) =>
  Aggregate.executeAll([
    Aggregate.to(Account, from, Withdraw.make({ cents })),
    Aggregate.to(Account, into, Deposit.make({ cents }))
  ], options)

const balances = Effect.forEach(
  [ada, bob],
  (id) => Effect.map(Account.load(id), ({ state }) => state._tag === "Active" ? state.balance : Number.NaN)
)

const inTime = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(self, Effect.forever(Effect.andThen(TestClock.adjust("1 second"), Effect.yieldNow)))

const foreignWrite = (
  id: string,
  category = "Account",
  event = { type: "Withdrawn", revision: 1, payload: { cents: 30 } as Schema.JsonObject }
) =>
  Control.use(({ behind }) =>
    behind.append({ writes: [{ stream: StreamName.make(category, id), expected: "any", events: [event] }] })
  )

describe("executeAll", () => {
  it.effect("is one commit over several instances", () =>
    Effect.gen(function*() {
      yield* filled
      const [from, into] = yield* transfer(ada, bob, 40)
      assert.deepStrictEqual([from.state, from.version], [active(60), 3])
      assert.deepStrictEqual([into.state, into.version], [active(140), 3])
      assert.deepStrictEqual(from.receipt, into.receipt)
      const receipt: Commit.Receipt = Option.getOrThrow(from.receipt)
      assert.deepStrictEqual(receipt.streams, [
        { stream: StreamName.make("Account", "ada"), from: 3, to: 3 },
        { stream: StreamName.make("Account", "bob"), from: 3, to: 3 }
      ])
      assert.deepStrictEqual([receipt.first as number, receipt.last as number], [5, 6])
      const events = yield* Stream.runCollect(EventStore.readAll({ after: 4 }))
      assert.deepStrictEqual(events.map(({ commitId, metadata }) => [commitId, metadata.command]), [
        [receipt.commitId, "Withdraw, Deposit"],
        [receipt.commitId, "Withdraw, Deposit"]
      ])
      assert.deepStrictEqual(yield* balances, [60, 140])
    }).pipe(Effect.provide(layer)))

  it.effect("leaves nothing behind when one is rejected, whichever", () =>
    Effect.gen(function*() {
      yield* filled
      assert.deepStrictEqual(
        yield* Effect.flip(transfer(ada, bob, 101)),
        new Insufficient({ balance: 100, requested: 101 })
      )
      assert.deepStrictEqual(yield* Effect.flip(transfer(ada, Id.make("nobody"), 50)), new NotOpen())
      assert.strictEqual(yield* EventStore.EventStore.use((store) => store.head), 4)
      yield* transfer(ada, bob, 100)
      assert.deepStrictEqual(yield* balances, [0, 200])
    }).pipe(Effect.provide(layer)))

  it.effect("lets a command see those before it, also to the same instance", () =>
    Effect.gen(function*() {
      yield* filled
      const [first, second, third] = yield* Aggregate.executeAll([
        Aggregate.to(Account, ada, Deposit.make({ cents: 50 })),
        Aggregate.to(Account, bob, Withdraw.make({ cents: 1 })),
        Aggregate.to(Account, ada, Withdraw.make({ cents: 150 }))
      ])
      assert.deepStrictEqual([first.version, first.state, first.events.length], [3, active(150), 1])
      assert.deepStrictEqual([second.version, second.state], [3, active(99)])
      assert.deepStrictEqual([third.version, third.state, third.events.length], [4, active(0), 1])
      assert.deepStrictEqual(Option.getOrThrow(first.receipt).streams[0], {
        stream: StreamName.make("Account", "ada"),
        from: 3,
        to: 4
      })
      assert.strictEqual((yield* Account.execute(ada, Deposit.make({ cents: 1 }))).version, 5)
      const rejected = yield* Effect.flip(Aggregate.executeAll([
        Aggregate.to(Account, ada, Withdraw.make({ cents: 1 })),
        Aggregate.to(Account, ada, Withdraw.make({ cents: 1 }))
      ]))
      assert.deepStrictEqual(rejected, new Insufficient({ balance: 0, requested: 1 }))
    }).pipe(Effect.provide(layer)))

  it.effect("goes over several aggregates, and one command alone", () =>
    Effect.gen(function*() {
      yield* filled
      const [account, once] = yield* Aggregate.executeAll([
        Aggregate.to(Account, ada, Withdraw.make({ cents: 1 })),
        Aggregate.to(Once, "x", Count.make({}))
      ])
      assert.deepStrictEqual([account.state, once.state], [active(99), true])
      const [alone] = yield* Aggregate.executeAll([Aggregate.to(Once, "y", Count.make({}))])
      assert.deepStrictEqual([alone.version, alone.events], [1, [Counted.make({})]])
      const [nothing] = yield* Aggregate.executeAll([Aggregate.to(Once, "y", Count.make({}))])
      assert.deepStrictEqual([nothing.version, nothing.receipt], [1, Option.none()])
    }).pipe(Effect.provide(layer)))

  it.effect("checks the instances whose decision was empty: when one moved, all is decided again", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled
      yield* Once.execute("x", Count.make({}))
      const before = yield* control.sent
      yield* control.hold
      const fiber = yield* Effect.forkChild(Aggregate.executeAll([
        Aggregate.to(Once, "x", Count.make({})),
        Aggregate.to(Account, ada, Withdraw.make({ cents: 80 }))
      ]))
      yield* control.waiting(1)
      // Only the instance that is not written moves.
      yield* foreignWrite("x", "Once", { type: "Counted", revision: 1, payload: {} })
      yield* control.open
      const [once, account] = yield* Fiber.join(fiber)
      assert.deepStrictEqual([once.version, once.events, account.state], [2, [], active(20)])
      assert.strictEqual((yield* control.sent) - before, 2)
    })).pipe(Effect.provide(layer)))

  it.effect("decides all again when one of them conflicts", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled
      yield* control.hold
      const fiber = yield* Effect.forkChild(Effect.flip(transfer(ada, bob, 80)))
      yield* control.waiting(1)
      yield* foreignWrite("ada")
      yield* control.open
      assert.deepStrictEqual(yield* Fiber.join(fiber), new Insufficient({ balance: 70, requested: 80 }))
      assert.deepStrictEqual(yield* balances, [70, 100])
    })).pipe(Effect.provide(layer)))

  it.effect("never waits for itself: 200 transfers back and forth at once, and the money stays", () =>
    inTime(Effect.gen(function*() {
      yield* filled
      const pairs = Array.from({ length: 200 }, (_, i) => i % 2 === 0 ? [ada, bob] as const : [bob, ada] as const)
      const exits = yield* Effect.all(pairs.map(([from, into], i) => Effect.exit(transfer(from, into, 1 + i % 7))), {
        concurrency: "unbounded"
      })
      assert.isTrue(exits.every(({ _tag }) => _tag === "Success"))
      const [a, b] = yield* balances
      assert.strictEqual(a! + b!, 200)
      const moved = pairs.reduce((sum, [from], i) => sum + (from === ada ? -1 : 1) * (1 + i % 7), 0)
      assert.strictEqual(a, 100 + moved)
    })).pipe(Effect.provide(layer)))

  it.effect("never waits for another that waits for it, in whatever order they name the instances", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      const [a, m, z] = [Id.make("a"), Id.make("m"), Id.make("z")]
      const gate = yield* Latch.make()
      const open = (id: typeof Id.Type) => Aggregate.to(Account, id, Open.make({ owner: "x" }))
      // Holds the turn of m while it reads.
      yield* control.holdReads(gate.await)
      const holder = yield* Effect.forkChild(Account.execute(m, Open.make({ owner: "x" })))
      yield* control.reads(1)
      // Takes a and waits for m; and the other, were it to take z first, would wait for a, and hold what the first needs.
      const first = yield* Effect.forkChild(Effect.flip(Aggregate.executeAll([open(a), open(m), open(z)])))
      yield* Effect.replicateEffect(Effect.yieldNow, 10)
      const second = yield* Effect.forkChild(Aggregate.executeAll([open(z), open(a)]))
      yield* Effect.replicateEffect(Effect.yieldNow, 10)
      yield* gate.open
      yield* Fiber.join(holder)
      assert.deepStrictEqual(yield* Fiber.join(first), new AlreadyOpened())
      assert.lengthOf(yield* Fiber.join(second), 2)
    })).pipe(Effect.provide(layer)))

  it.effect("leaves every instance usable when it is interrupted", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled
      yield* control.hold
      const first = yield* Effect.forkChild(transfer(ada, bob, 10))
      yield* control.waiting(1)
      const second = yield* Effect.forkChild(transfer(bob, ada, 20))
      yield* control.waiting(2)
      yield* Fiber.interrupt(first)
      yield* control.open
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* balances, [120, 80])
      yield* transfer(ada, bob, 120)
      assert.deepStrictEqual(yield* balances, [0, 200])
    })).pipe(Effect.provide(layer)))
})

describe("executeAll under a commit id", () => {
  const commitId = CommitId.make("00000000-0000-7000-8000-00000000000c")

  it.effect("gives its outcome again, also after the states have moved on", () =>
    Effect.gen(function*() {
      yield* filled
      const first = yield* transfer(ada, bob, 70, { commitId })
      yield* Account.execute(bob, Withdraw.make({ cents: 170 }))
      const again = yield* transfer(ada, bob, 70, { commitId })
      assert.deepStrictEqual(
        again.map(({ events, state, version }) => ({ events, state, version })),
        first.map(({ events, state, version }) => ({ events, state, version }))
      )
      assert.strictEqual(Option.getOrThrow(again[0].receipt).replayed, true)
      assert.deepStrictEqual(yield* balances, [30, 0])
    }).pipe(Effect.provide(layer)))

  it.effect("refuses another amount, another order, and one of its commands alone", () =>
    Effect.gen(function*() {
      yield* filled
      yield* transfer(ada, bob, 10, { commitId })
      for (const other of [transfer(ada, bob, 11, { commitId }), transfer(bob, ada, 10, { commitId })]) {
        const error = yield* Effect.flip(other)
        assert.strictEqual(error._tag === "ExecutionError" ? error.reason._tag : error._tag, "Refused")
      }
      const alone = yield* Effect.flip(Account.execute(ada, Withdraw.make({ cents: 10 }), { commitId }))
      assert.strictEqual(alone._tag === "ExecutionError" ? alone.reason._tag : alone._tag, "Refused")
      assert.deepStrictEqual(yield* balances, [90, 110])
    }).pipe(Effect.provide(layer)))

  it.effect("is written once when it comes twice at once, or when its acknowledgement is lost", () =>
    inTime(Effect.gen(function*() {
      const control = yield* Control
      yield* filled
      yield* control.faults("lostAfter")
      yield* Effect.all([transfer(ada, bob, 10, { commitId }), transfer(ada, bob, 10, { commitId })], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(yield* balances, [90, 110])
    })).pipe(Effect.provide(layer)))
})

describe("executeAll over what does not belong together", () => {
  it.effect("dies for instances in different stores", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Aggregate.executeAll([
        Aggregate.to(Account, ada, Open.make({ owner: "Ada" })),
        Aggregate.to(Once, "x", Count.make({}))
      ]))
      assert.include(String(exit), "executeAll: Account and Once run against different stores")
      assert.include(String(exit), "Die")
    }).pipe(Effect.provide(
      Layer.mergeAll(
        Account.layer.pipe(Layer.provide(Layer.fresh(EventStore.layerMemory))),
        Once.layer.pipe(Layer.provide(Layer.fresh(EventStore.layerMemory)))
      ).pipe(Layer.provide(Upcaster.layer()))
    )))

  it.effect("writes the streams of the tenant it runs for", () =>
    Effect.gen(function*() {
      const acme = Metadata.provide({ tenant: "acme" })
      yield* acme(filled)
      yield* acme(transfer(ada, bob, 10))
      assert.deepStrictEqual(yield* acme(balances), [90, 110])
      assert.strictEqual((yield* Account.load(ada)).version, 0)
    }).pipe(Effect.provide(layer)))

  it.effect("closes an account and empties it in one go", () =>
    Effect.gen(function*() {
      yield* filled
      const [, closed] = yield* Aggregate.executeAll([
        Aggregate.to(Account, ada, Withdraw.make({ cents: 100 })),
        Aggregate.to(Account, ada, Close.make({}))
      ])
      assert.deepStrictEqual([closed.version, closed.state], [4, { _tag: "Ended" as const }])
    }).pipe(Effect.provide(layer)))
})
