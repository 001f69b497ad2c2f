import { assert, describe, it } from "@effect/vitest"
import {
  Aggregate,
  type Commit,
  CommitId,
  Domain,
  EventStore,
  Metadata,
  StateCache,
  StreamName,
  Upcaster
} from "@varve/core"
import { Context, Effect, Fiber, Latch, Layer } from "effect"
import { thrown } from "../support/thrown.ts"
import { Account, active, Close, Deposit, Id, Open, Withdraw } from "./Account.ts"
import * as ControlledStore from "./ControlledStore.ts"
import * as Watched from "./Watched.ts"

const { Watch } = Watched

const stores = Layer.merge(Watched.layer, Upcaster.layer())

/** A program with a cache, on a store that is watched. */
const cached = (capacity: number) =>
  Account.layer.pipe(Layer.provide(StateCache.layer({ capacity })), Layer.provideMerge(stores))

const id = (name: string) => Id.make(name)
const open = (name: string) => Account.execute(id(name), Open.make({ owner: name }))
const deposit = (name: string, cents = 1) => Account.execute(id(name), Deposit.make({ cents }))
const withdraw = (name: string, cents: number) => Account.execute(id(name), Withdraw.make({ cents }))
const reads = Watch.use((watch) => watch.reads)

/** Another program writes to an account. */
const foreign = (name: string, cents: number) =>
  EventStore.EventStore.use((store) =>
    store.append({
      writes: [{
        stream: StreamName.make("Account", name),
        expected: "exists",
        events: [{ type: "Deposited", revision: 2, payload: { cents } }]
      }]
    })
  )

describe("StateCache", () => {
  it.effect("spares a command the reading of what the process has seen", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* reads
      const { state, version } = yield* deposit("ada", 5)
      assert.deepStrictEqual([state, version], [active(5), 2])
      assert.deepStrictEqual(yield* reads, [])
    }).pipe(Effect.provide(cached(1))))

  it.effect("is nothing without its layer", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* reads
      yield* deposit("ada", 5)
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 0, events: 1 }])
    }).pipe(Effect.provide(Account.layer.pipe(Layer.provideMerge(stores)))))

  it.effect("holds nothing at a capacity of 0", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* reads
      yield* deposit("ada", 5)
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 0, events: 1 }])
    }).pipe(Effect.provide(cached(0))))

  it.effect("lets rejections and loads read what lies behind, and nothing else", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* deposit("ada", 5)
      yield* reads
      const rejected = yield* Effect.flip(withdraw("ada", 6))
      assert.deepInclude(rejected, { _tag: "Insufficient", balance: 5 })
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 2, events: 0 }])
      yield* foreign("ada", 1)
      assert.deepStrictEqual(yield* Account.load(id("ada")), { state: active(6), version: 3 })
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 2, events: 1 }])
      yield* foreign("ada", 1)
      const again = yield* Effect.flip(withdraw("ada", 8))
      assert.deepInclude(again, { _tag: "Insufficient", balance: 7 })
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 3, events: 1 }])
    }).pipe(Effect.provide(cached(1))))

  it.effect("is filled by loads, and by commands that come to nothing", () =>
    Effect.gen(function*() {
      yield* EventStore.EventStore.use((store) =>
        store.append({
          writes: [{
            stream: StreamName.make("Account", "ada"),
            expected: 0,
            events: [{ type: "Opened", revision: 1, payload: { owner: "Ada" } }]
          }]
        })
      )
      yield* Account.load(id("ada"))
      yield* reads
      assert.deepStrictEqual((yield* deposit("ada", 5)).state, active(5))
      assert.deepStrictEqual(yield* reads, [])
      // Another one takes its place.
      yield* open("grace")
      yield* Effect.flip(withdraw("ada", 6))
      yield* reads
      assert.deepStrictEqual((yield* deposit("ada", 1)).state, active(6))
      assert.deepStrictEqual(yield* reads, [])
    }).pipe(Effect.provide(cached(1))))

  it.effect("loads at a version from there, unless what is known is later", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* deposit("ada", 5)
      yield* foreign("ada", 2)
      yield* reads
      const at = (version: number) => Account.load(id("ada"), { at: { version } })
      assert.deepStrictEqual(yield* at(3), { state: active(7), version: 3 })
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 2, events: 1 }])
      assert.deepStrictEqual(yield* at(2), { state: active(5), version: 2 })
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 2, events: 0 }])
      assert.deepStrictEqual(yield* at(1), { state: active(0), version: 1 })
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 0, events: 1 }])
      assert.deepStrictEqual(yield* at(0), { state: { _tag: "Unopened" }, version: 0 })
      // It is no state of now.
      assert.deepStrictEqual((yield* Account.load(id("ada"))).version, 3)
    }).pipe(Effect.provide(cached(1))))

  it.effect("evicts what was used least recently", () =>
    Effect.gen(function*() {
      const readBy = (name: string) =>
        Effect.andThen(reads, Effect.andThen(deposit(name), Effect.map(reads, (all) => all.map(({ after }) => after))))
      yield* open("a")
      yield* open("b")
      yield* deposit("a")
      yield* open("c")
      // `b` is gone: a was used since.
      assert.deepStrictEqual(yield* readBy("a"), [])
      assert.deepStrictEqual(yield* readBy("c"), [])
      assert.deepStrictEqual(yield* readBy("b"), [0])
      // Now it is `a` that was used first. A load is a use.
      yield* Account.load(id("c"), { at: { version: 1 } })
      yield* open("d")
      assert.deepStrictEqual(yield* readBy("c"), [])
      assert.deepStrictEqual(yield* readBy("d"), [])
      assert.deepStrictEqual(yield* readBy("b"), [0])
      assert.deepStrictEqual(yield* readBy("a"), [0])
    }).pipe(Effect.provide(cached(2))))

  it.effect("keeps nothing of instances without events", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* Account.load(id("nobody"))
      yield* Effect.flip(deposit("nobody"))
      yield* reads
      yield* deposit("ada")
      assert.deepStrictEqual(yield* reads, [])
    }).pipe(Effect.provide(cached(1))))

  it.effect("decides again on a conflict, and reads what lies behind", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* deposit("ada", 5)
      yield* foreign("ada", 2)
      yield* reads
      const { state, version } = yield* withdraw("ada", 3)
      assert.deepStrictEqual([state, version], [active(4), 4])
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 2, events: 1 }])
      // A command that is not right any more: the account is empty by now.
      yield* withdraw("ada", 4)
      yield* foreign("ada", 1)
      const rejected = yield* Effect.flip(Account.execute(id("ada"), Close.make({})))
      assert.deepInclude(rejected, { _tag: "BalanceRemains", balance: 1 })
    }).pipe(Effect.provide(cached(1))))

  it.effect("has nothing of a commit that failed", () =>
    Effect.gen(function*() {
      const watch = yield* Watch
      yield* open("ada")
      yield* deposit("ada", 5)
      yield* watch.before({ append: Watched.unavailable("append") })
      const error = yield* Effect.flip(deposit("ada", 100))
      assert.strictEqual(error instanceof Aggregate.ExecutionError && error.reason._tag, "Unavailable")
      yield* watch.before({})
      yield* reads
      const { state, version } = yield* deposit("ada", 2)
      assert.deepStrictEqual([state, version], [active(7), 3])
      // What it rested on is still known.
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 2, events: 0 }])
    }).pipe(Effect.provide(cached(1))))

  it.effect("is neither used nor filled in a transaction of the program", () =>
    Effect.gen(function*() {
      const watch = yield* Watch
      yield* open("ada")
      yield* watch.enlist(true)
      yield* reads
      yield* deposit("ada", 5)
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 0, events: 1 }])
      yield* Account.load(id("ada"))
      yield* Account.load(id("ada"), { at: { version: 1 } })
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 0, events: 2 }, { id: "ada", after: 0, events: 1 }])
      yield* watch.enlist(false)
      yield* Account.load(id("ada"))
      // What was known before the transaction, and nothing since.
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 1, events: 1 }])
    }).pipe(Effect.provide(cached(1))))

  it.effect("knows tenants apart", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* deposit("ada", 5)
      const acme = Effect.provideService(Metadata.Current, { tenant: "acme" })
      assert.deepStrictEqual((yield* acme(open("ada"))).version, 1)
      assert.deepStrictEqual((yield* acme(deposit("ada", 1))).state, active(1))
      assert.deepStrictEqual((yield* deposit("ada", 1)).state, active(6))
    }).pipe(Effect.provide(cached(10))))

  it.effect("reaches the aggregates of a domain", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* reads
      yield* deposit("ada")
      assert.deepStrictEqual(yield* reads, [])
    }).pipe(Effect.provide(
      Domain.make("Bank", { aggregates: [Account], projections: [] }).layer().pipe(
        Layer.provide(StateCache.layer({ capacity: 1 })),
        Layer.provideMerge(stores)
      )
    )))

  it.effect("begins anew where the stream has begun anew", () =>
    Effect.gen(function*() {
      const old = yield* EventStore.EventStore
      let current = old
      const names = ["append", "readStreamPage", "readPage", "findCommit"] as const
      // What a restored backup is to a program that goes on: the store of before.
      const switched: EventStore.EventStore["Service"] = {
        ...old,
        ...Object.fromEntries(
          names.map((name) => [name, (...args: Array<never>) => (current[name] as Function)(...args)])
        )
      }
      const program = yield* Layer.build(
        Layer.fresh(Account.layer).pipe(
          Layer.provide([
            Layer.succeed(EventStore.EventStore, switched),
            Upcaster.layer(),
            StateCache.layer({ capacity: 1 })
          ])
        )
      )
      yield* Effect.gen(function*() {
        yield* open("ada")
        yield* deposit("ada", 5)
        current = Context.get(yield* Layer.build(Layer.fresh(EventStore.layerMemory)), EventStore.EventStore)
        const append = (commit: Commit.Commit) => current.append(commit)
        yield* append({
          writes: [{
            stream: StreamName.make("Account", "ada"),
            expected: 0,
            events: [{ type: "Opened", revision: 1, payload: { owner: "Ada" } }]
          }]
        })
        assert.deepStrictEqual((yield* deposit("ada", 1)).state, active(1))
      }).pipe(Effect.provideContext(program))
    }).pipe(Effect.scoped, Effect.provide(EventStore.layerMemory)))

  it.effect("has place for another where what it holds is loaded again", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* open("bob")
      yield* Account.load(id("ada"))
      yield* reads
      yield* deposit("bob")
      assert.deepStrictEqual(yield* reads, [])
    }).pipe(Effect.provide(cached(2))))

  it("refuses a capacity that is none", () => {
    for (const capacity of [-1, 1.5, Number.NaN]) {
      assert.strictEqual(
        thrown(() => StateCache.layer({ capacity })),
        `StateCache, capacity: expected a whole number, 0 or more, got ${capacity}`
      )
    }
  })
})

describe("an instance at work", () => {
  const layer = Account.layer.pipe(
    Layer.provide(StateCache.layer({ capacity: 1 })),
    Layer.provideMerge(
      Layer.merge(ControlledStore.layer({ type: "Withdrawn", revision: 1, payload: { cents: 1 } }), Upcaster.layer())
    )
  )

  it.effect("is never evicted: who comes later goes on from what it has under way", () =>
    Effect.gen(function*() {
      const control = yield* ControlledStore.Control
      for (const name of ["a", "b", "c"]) yield* open(name)
      yield* control.hold
      const first = yield* Effect.forkChild(deposit("a", 5))
      yield* control.waiting(1)
      // More than the cache holds: loads of others, which come and go meanwhile.
      for (const name of ["b", "c", "b"]) yield* Account.load(id(name))
      yield* control.holdReads(Effect.never)
      const second = yield* Effect.forkChild(withdraw("a", 5))
      // It is decided on what is under way, though nothing can be read.
      yield* control.waiting(2)
      yield* control.open
      yield* Fiber.join(first)
      assert.deepStrictEqual((yield* Fiber.join(second)).state, active(0))
      assert.strictEqual(yield* control.sent, 5)
    }).pipe(Effect.provide(layer)))

  it.effect("is one, also while a command of several waits for another", () =>
    Effect.gen(function*() {
      const watch = yield* Watch
      for (const name of ["a", "b", "c"]) yield* open(name)
      const [gate, busy] = [yield* Latch.make(false), yield* Latch.make(false)]
      yield* watch.before({ append: Effect.andThen(busy.open, gate.await) })
      // Nobody goes on from a decision whose id was given before it is stored.
      const commitId = CommitId.generateUnsafe()
      const first = yield* Effect.forkChild(Account.execute(id("a"), Deposit.make({ cents: 1 }), { commitId }))
      yield* busy.await
      yield* watch.before({})
      // This one has found both, and waits for `a`.
      const both = yield* Effect.forkChild(
        Aggregate.executeAll([
          Aggregate.to(Account, id("a"), Deposit.make({ cents: 1 })),
          Aggregate.to(Account, id("b"), Deposit.make({ cents: 1 }))
        ]),
        { startImmediately: true }
      )
      yield* deposit("b")
      yield* deposit("c")
      yield* reads
      // It is still the one that waits for its turn, though others have come and gone.
      yield* deposit("b")
      assert.deepStrictEqual(yield* reads, [])
      yield* gate.open
      yield* Fiber.join(first)
      const executed = yield* Fiber.join(both)
      assert.deepStrictEqual(executed.map(({ state, version }) => [state, version]), [[active(2), 3], [active(3), 4]])
      assert.deepStrictEqual(yield* reads, [])
    }).pipe(Effect.provide(cached(1))))
})
