import { assert, describe, it } from "@effect/vitest"
import { Aggregate, CommitId, EventStore, Limits, StreamName, Upcaster } from "@varve/core"
import { Effect, Exit, Fiber, Layer } from "effect"
import { Instance } from "../../packages/core/src/internal/instance.ts"
import { Account, active, Deposit, Id, Open, Withdraw } from "./Account.ts"
import * as ControlledStore from "./ControlledStore.ts"

const stream = StreamName.make("Account", "1")
const make = () => new Instance(StreamName.format(stream), stream)

/** Takes the turn, and says so in `log`. */
const take = (instance: Instance, log: Array<string>, name: string) =>
  Effect.forkChild(instance.acquire(() => log.push(name)), { startImmediately: true })

describe("the turns of an instance", () => {
  it.effect("come in the order of asking", () =>
    Effect.gen(function*() {
      const instance = make()
      const log: Array<string> = []
      const fibers = yield* Effect.forEach(["a", "b", "c"], (name) => take(instance, log, name))
      instance.seats = fibers.length
      for (const fiber of fibers) {
        yield* Fiber.join(fiber)
        assert.isFalse(instance.idle)
        instance.release()
        instance.seats--
      }
      assert.deepStrictEqual(log, ["a", "b", "c"])
      assert.isTrue(instance.idle)
    }))

  it.effect("are given after the releasing program has gone on: its commit comes first", () =>
    Effect.gen(function*() {
      const instance = make()
      const log: Array<string> = []
      yield* Fiber.join(yield* take(instance, log, "a"))
      const next = yield* take(instance, log, "b")
      instance.release()
      log.push("the commit of a")
      yield* Fiber.join(next)
      assert.deepStrictEqual(log, ["a", "the commit of a", "b"])
    }))

  it.effect("are waited for by so many, and who withdraws makes room", () =>
    Effect.gen(function*() {
      const instance = make()
      const log: Array<string> = []
      yield* Fiber.join(yield* take(instance, log, "first"))
      const waiting = yield* Effect.forEach(
        Array.from({ length: Limits.pendingCommands }, (_, i) => `${i}`),
        (name) => take(instance, log, name)
      )
      const error = yield* Effect.flip(instance.acquire(() => log.push("too many")))
      assert.include(error, { _tag: "Unavailable", expected: `at most ${Limits.pendingCommands} commands waiting` })
      yield* Fiber.interrupt(waiting[0]!)
      const last = yield* take(instance, log, "last")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(instance.acquire(() => log.push("too many")))))
      yield* Fiber.interruptAll(waiting)
      instance.release()
      yield* Fiber.join(last)
      assert.deepStrictEqual(log, ["first", "last"])
    }))
})

describe("decisions under way", () => {
  it.effect("keep the instance, and tell once what has become of them", () =>
    Effect.gen(function*() {
      const instance = make()
      const first = instance.advance({ state: "one", version: 1 }, CommitId.generateUnsafe(), true)
      const second = instance.advance({ state: "two", version: 2 }, CommitId.generateUnsafe(), true)
      assert.isFalse(instance.idle)
      const settled = yield* Effect.forkChild(first.settled, { startImmediately: true })
      instance.settle(first, "never")
      yield* Fiber.join(settled)
      yield* first.settled
      // What was decided since on a state that was read is not that chain any more.
      const third = instance.advance({ state: "three", version: 1 }, CommitId.generateUnsafe(), true)
      instance.settle(second, "never")
      assert.strictEqual(instance.tip?.state, "three")
      instance.settle(third, "stored")
      assert.strictEqual(instance.tip?.state, "three")
      assert.isTrue(instance.idle)
    }))
})

const controlled = Account.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(
    ControlledStore.layer({ type: "Withdrawn", revision: 1, payload: { cents: 1 } }),
    Upcaster.layer()
  ))
)

const ada = Id.make("ada")

describe("a chain of decisions", () => {
  it.effect("is so long at the most: what falls with its first is bounded", () =>
    Effect.gen(function*() {
      const control = yield* ControlledStore.Control
      yield* Account.execute(ada, Open.make({ owner: "Ada" }))
      yield* control.hold
      const fibers = yield* Effect.forEach(
        Array.from({ length: Limits.decisionsInFlight + 10 }),
        () => Effect.forkChild(Account.execute(ada, Deposit.make({ cents: 1 })))
      )
      yield* control.waiting(Limits.decisionsInFlight)
      yield* Effect.replicateEffect(Effect.yieldNow, 200)
      assert.strictEqual(yield* control.queued, Limits.decisionsInFlight)
      yield* control.release(fibers.length)
      const states = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(states.at(-1)?.state, active(fibers.length))
    }).pipe(Effect.provide(controlled)))

  it.effect("does not go on from a decision whose id was given, before it is answered", () =>
    Effect.gen(function*() {
      const control = yield* ControlledStore.Control
      yield* Account.execute(ada, Open.make({ owner: "Ada" }))
      yield* control.hold
      const commitId = CommitId.generateUnsafe()
      const first = yield* Effect.forkChild(Account.execute(ada, Deposit.make({ cents: 1 }), { commitId }))
      yield* control.waiting(1)
      const second = yield* Effect.forkChild(Account.execute(ada, Deposit.make({ cents: 2 })))
      yield* Effect.replicateEffect(Effect.yieldNow, 50)
      assert.strictEqual(yield* control.queued, 1)
      // What comes of it is handed on then: nobody reads it.
      yield* control.holdReads(Effect.die("it was read"))
      yield* control.release(2)
      yield* Fiber.join(first)
      assert.deepStrictEqual((yield* Fiber.join(second)).state, active(3))
      // Each was sent once: nothing was decided on what the store would not let it rest on.
      assert.strictEqual(yield* control.sent, 3)
    }).pipe(Effect.provide(controlled)))
})

/** The store in memory, as if the program were always in a transaction of its own. */
const enlisted = Layer.effect(
  EventStore.EventStore,
  EventStore.EventStore.use((store) => Effect.succeed({ ...store, enlisted: Effect.succeed(true) }))
).pipe(Layer.provide(EventStore.layerMemory))

describe("a transaction of the program", () => {
  it.effect("lets commands to one instance see each other", () =>
    Effect.gen(function*() {
      yield* Account.execute(ada, Open.make({ owner: "Ada" }))
      const commands = [
        Aggregate.to(Account, ada, Deposit.make({ cents: 5 })),
        Aggregate.to(Account, ada, Withdraw.make({ cents: 5 }))
      ] as const
      const [first, second] = yield* Aggregate.executeAll(commands)
      assert.deepStrictEqual([first.state, second.state], [active(5), active(0)])
      assert.deepStrictEqual(yield* Account.load(ada), { state: active(0), version: 3 })
    }).pipe(Effect.provide(Account.layer.pipe(Layer.provide(Layer.mergeAll(enlisted, Upcaster.layer()))))))
})
