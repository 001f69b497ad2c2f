import { assert, describe, it } from "@effect/vitest"
import {
  Aggregate,
  Command,
  Decision,
  Domain,
  Event,
  EventStore,
  Limits,
  Snapshots,
  SnapshotStore,
  StateCache,
  StoreAdmin,
  StreamName,
  Upcaster
} from "@varve/core"
import { DateTime, Effect, Exit, Fiber, Latch, Layer, Logger, Option, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { thrown } from "../support/thrown.ts"
import {
  Account,
  active,
  AlreadyOpened,
  BalanceRemains,
  contract,
  Deposit,
  Id,
  Insufficient,
  NotOpen,
  Open,
  State,
  Withdraw
} from "./Account.ts"
import * as Watched from "./Watched.ts"

const { Watch } = Watched

const stores = Layer.merge(Watched.layer, Upcaster.layer())

/** A program that saves snapshots, on a store that is watched. */
const saving = (every: Snapshots.Every) =>
  Account.layer.pipe(Layer.provide(Snapshots.layer({ every })), Layer.provideMerge(stores))

/** Another process: it knows of nothing but what is stored. */
const elsewhere = (every: Snapshots.Every) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.provide(self, Layer.fresh(Account.layer).pipe(Layer.provide(Snapshots.layer({ every }))), { local: true })

const id = (name: string) => Id.make(name)
const stream = (name: string) => StreamName.make("Account", name)
const open = (name: string) => Account.execute(id(name), Open.make({ owner: name }))
const deposit = (name: string, cents = 1) => Account.execute(id(name), Deposit.make({ cents }))
const load = (name: string) => Account.load(id(name))
const reads = Watch.use((watch) => watch.reads)
const saved = (count: number) => Watch.use((watch) => watch.saved(count))
const versions = Watch.use((watch) => Effect.map(watch.saves, (saves) => saves.map(({ id, version }) => [id, version])))
const find = (name: string, revision = 1) =>
  SnapshotStore.SnapshotStore.use((store) => store.find(stream(name), revision)).pipe(Effect.map(Option.getOrUndefined))
const save = (name: string, version: number, state: Schema.Json, revision = 1) =>
  SnapshotStore.SnapshotStore.use((store) => store.save({ stream: stream(name), revision, version, state }))

/** So many events of an account, the first of which opens it, and the others of which add a cent. */
const fill = (name: string, count: number) =>
  EventStore.EventStore.use((store) =>
    store.append({
      writes: [{
        stream: stream(name),
        expected: "any",
        events: [
          { type: "Opened", revision: 1, payload: { owner: name } },
          ...Array.from({ length: count - 1 }, () => ({ type: "Deposited", revision: 2, payload: { cents: 1 } }))
        ]
      }]
    })
  )

/** What is logged, while the effect runs. */
const logged = <A, E, R>(self: Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => {
    lines.push(Array.isArray(message) ? String(message[0]) : String(message))
  })
  return Effect.map(Effect.provide(self, Logger.layer([logger])), (value) => [value, lines] as const)
}

describe("a snapshot is saved", () => {
  it.effect("after a commit that takes the version to or past a multiple", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* deposit("ada")
      yield* deposit("ada")
      yield* saved(1)
      // The commit of two events goes from 3 to 5, the next one on to 6, that of four to 10, past 9.
      yield* Aggregate.executeAll([
        Aggregate.to(Account, id("ada"), Deposit.make({ cents: 1 })),
        Aggregate.to(Account, id("ada"), Deposit.make({ cents: 1 }))
      ])
      yield* deposit("ada")
      yield* saved(2)
      const four = Array.from({ length: 4 }, () => Aggregate.to(Account, id("ada"), Deposit.make({ cents: 1 })))
      yield* Aggregate.executeAll([four[0]!, ...four.slice(1)])
      yield* saved(3)
      assert.deepStrictEqual(yield* versions, [["ada", 3], ["ada", 6], ["ada", 10]])
      assert.deepStrictEqual(yield* find("ada"), { version: 10, state: { _tag: "Active", balance: 9 } })
    }).pipe(Effect.provide(saving(3))))

  it.effect("after a load that read so many events, and not after a shorter one", () =>
    Effect.gen(function*() {
      yield* fill("short", 4)
      yield* fill("long", 5)
      yield* load("short")
      yield* load("long")
      yield* saved(1)
      assert.deepStrictEqual(yield* versions, [["long", 5]])
      yield* load("long")
      // A command that only reads, and the read of a command that does more: the commit crosses nothing.
      yield* fill("other", 6)
      yield* Effect.flip(Account.execute(id("other"), Withdraw.make({ cents: 100 })))
      yield* saved(2)
      yield* fill("another", 7)
      yield* deposit("another")
      yield* saved(3)
      assert.deepStrictEqual(yield* versions, [["long", 5], ["other", 6], ["another", 7]])
    }).pipe(Effect.provide(saving(5))))

  it.effect("not after a load that began with one and read fewer", () =>
    Effect.gen(function*() {
      yield* fill("ada", 3)
      yield* save("ada", 2, { _tag: "Active", balance: 1 })
      yield* load("ada")
      yield* fill("grace", 2)
      yield* load("grace")
      yield* saved(2)
      assert.deepStrictEqual(yield* versions, [["ada", 2], ["grace", 2]])
    }).pipe(Effect.provide(saving(2))))

  it.effect("of aggregates that are named, where some are", () =>
    Effect.gen(function*() {
      yield* open("ada")
      assert.deepStrictEqual(yield* Watch.use(({ finds }) => finds), [])
      yield* elsewhere({ Account: 1 })(deposit("ada"))
      yield* saved(1)
      assert.deepStrictEqual(yield* versions, [["ada", 2]])
    }).pipe(Effect.provide(saving({ Other: 1 }))))

  it.effect("without its layer never", () =>
    Effect.gen(function*() {
      yield* open("ada")
      yield* deposit("ada")
      yield* load("ada")
      assert.deepStrictEqual(yield* Watch.use(({ finds }) => finds), [])
      assert.deepStrictEqual(yield* versions, [])
    }).pipe(Effect.provide(Account.layer.pipe(Layer.provideMerge(stores)))))

  it.effect("not of what is decided in a transaction of the program, nor of what is read there", () =>
    Effect.gen(function*() {
      const watch = yield* Watch
      yield* watch.enlist(true)
      yield* open("ada")
      yield* deposit("ada")
      yield* load("ada")
      yield* Account.load(id("ada"), { at: { version: 2 } })
      assert.deepStrictEqual(yield* watch.finds, [])
      yield* watch.enlist(false)
      yield* open("grace")
      yield* saved(1)
      assert.deepStrictEqual(yield* versions, [["grace", 1]])
    }).pipe(Effect.provide(saving(1))))

  it.effect("not of a commit that failed", () =>
    Effect.gen(function*() {
      const watch = yield* Watch
      yield* open("ada")
      yield* watch.before({ append: Watched.unavailable("append") })
      yield* Effect.flip(deposit("ada"))
      yield* watch.before({})
      yield* open("grace")
      yield* deposit("grace")
      yield* saved(1)
      assert.deepStrictEqual(yield* versions, [["grace", 2]])
    }).pipe(Effect.provide(saving(2))))

  it.effect(
    "in nobody's way: the last of each instance while the store is slow, and of so many",
    () =>
      Effect.gen(function*() {
        const watch = yield* Watch
        const gate = yield* Latch.make(false)
        const busy = yield* Latch.make(false)
        yield* watch.before({ save: Effect.andThen(busy.open, gate.await) })
        yield* open("first")
        yield* busy.await
        for (let i = 0; i < Limits.pendingSnapshots + 2; i++) yield* open(`${i}`)
        // One that waits gives its place to a later state of its instance.
        yield* deposit("0", 5)
        yield* gate.open
        yield* watch.before({})
        yield* saved(Limits.pendingSnapshots + 1)
        yield* deposit("first")
        yield* saved(Limits.pendingSnapshots + 2)
        const all = yield* versions
        assert.strictEqual(all.length, Limits.pendingSnapshots + 2)
        assert.deepStrictEqual(all.slice(0, 3), [["first", 1], ["0", 2], ["1", 1]])
        assert.deepStrictEqual(all.slice(-2), [[`${Limits.pendingSnapshots - 1}`, 1], ["first", 2]])
        assert.strictEqual(yield* find(`${Limits.pendingSnapshots}`), undefined)
      }).pipe(Effect.provide(saving(1))),
    30_000
  )

  it.effect("before the program ends, unless that takes too long", () =>
    Effect.gen(function*() {
      const watch = yield* Watch
      const gate = yield* Latch.make(false)
      const scope = yield* Scope.make()
      const program = Layer.buildWithScope(
        Layer.fresh(Account.layer).pipe(Layer.provide(Snapshots.layer({ every: 1 }))),
        scope
      )
      const context = yield* program
      yield* watch.before({ save: gate.await })
      yield* Effect.provideContext(open("ada"), context)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* gate.open
      yield* Fiber.join(closing)
      assert.deepStrictEqual(yield* find("ada"), { version: 1, state: { _tag: "Active", balance: 0 } })

      yield* watch.before({ save: Effect.never })
      const other = yield* Scope.make()
      const again = yield* Layer.buildWithScope(
        Layer.fresh(Account.layer).pipe(Layer.provide(Snapshots.layer({ every: 1 }))),
        other
      )
      yield* Effect.provideContext(open("grace"), again)
      const ending = yield* Effect.forkChild(Scope.close(other, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(ending)
      assert.strictEqual(yield* find("grace"), undefined)
    }).pipe(Effect.provide(stores)))
})

describe("a load begins with a snapshot", () => {
  it.effect("in a process that has not seen the instance", () =>
    Effect.gen(function*() {
      yield* fill("ada", 6)
      yield* load("ada")
      yield* saved(1)
      yield* fill("grace", 2)
      yield* deposit("ada", 5)
      yield* reads
      yield* elsewhere(6)(Effect.gen(function*() {
        assert.deepStrictEqual(yield* load("ada"), { state: active(10), version: 7 })
        assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 6, events: 1 }])
        assert.deepStrictEqual(yield* load("grace"), { state: active(1), version: 2 })
        assert.deepStrictEqual(yield* reads, [{ id: "grace", after: 0, events: 2 }])
        const { state, version } = yield* deposit("ada", 1)
        assert.deepStrictEqual([state, version], [active(11), 8])
        assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 6, events: 1 }])
        const rejected = yield* Effect.flip(Account.execute(id("ada"), Withdraw.make({ cents: 12 })))
        assert.deepInclude(rejected, { _tag: "Insufficient", balance: 11 })
        assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 6, events: 2 }])
      }))
    }).pipe(Effect.provide(saving(6))))

  it.effect("at a version, where it is not later", () =>
    Effect.gen(function*() {
      yield* fill("ada", 6)
      yield* save("ada", 4, { _tag: "Active", balance: 3 })
      const at = (version: number) => Account.load(id("ada"), { at: { version } })
      for (const [version, after] of [[6, 4], [5, 4], [4, 4], [3, 0], [9, 4]] as const) {
        const loaded = yield* at(version)
        assert.deepStrictEqual(loaded, { state: active(Math.min(version, 6) - 1), version: Math.min(version, 6) })
        assert.deepStrictEqual(yield* reads, [{ id: "ada", after, events: loaded.version - after }])
      }
      // Its state is one of the past, so it is no snapshot.
      yield* open("grace")
      yield* deposit("grace")
      yield* saved(2)
      assert.deepStrictEqual(yield* versions, [["ada", 4], ["grace", 2]])
    }).pipe(Effect.provide(saving(2))))

  it.effect("at a version that is before what the process knows", () =>
    Effect.gen(function*() {
      yield* fill("ada", 6)
      yield* save("ada", 4, { _tag: "Active", balance: 3 })
      yield* load("ada")
      yield* reads
      assert.deepStrictEqual((yield* Account.load(id("ada"), { at: { version: 5 } })).state, active(4))
      assert.deepStrictEqual((yield* Account.load(id("ada"), { at: { version: 6 } })).state, active(5))
      assert.deepStrictEqual((yield* reads).map(({ after }) => after), [4, 6])
    }).pipe(Effect.provide(
      Account.layer.pipe(
        Layer.provide([Snapshots.layer({ every: 100 }), StateCache.layer({ capacity: 1 })]),
        Layer.provideMerge(stores)
      )
    )))

  it.effect("not at another point of the history, and not the history", () =>
    Effect.gen(function*() {
      yield* fill("ada", 3)
      yield* save("ada", 3, { _tag: "Active", balance: 1_000 })
      const now = yield* DateTime.now
      for (const at of [{ position: 3 }, { recordedAt: now }, { occurredAt: now }]) {
        assert.deepStrictEqual((yield* Account.load(id("ada"), { at })).state, active(2))
      }
      const history = yield* Stream.runCollect(Account.history(id("ada")))
      assert.deepStrictEqual(history.map(({ state }) => state), [active(0), active(1), active(2)])
      assert.deepStrictEqual(yield* Watch.use(({ finds }) => finds), [])
    }).pipe(Effect.provide(saving(100))))

  it.effect("in a domain", () =>
    Effect.gen(function*() {
      yield* fill("ada", 3)
      yield* save("ada", 2, { _tag: "Active", balance: 1 })
      assert.deepStrictEqual(yield* load("ada"), { state: active(2), version: 3 })
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 2, events: 1 }])
    }).pipe(Effect.provide(
      Domain.make("Bank", { aggregates: [Account], projections: [] }).layer().pipe(
        Layer.provide(Snapshots.layer({ every: 100 })),
        Layer.provideMerge(stores)
      )
    )))

  it.effect("and meets what was erased behind it, and never what was erased before", () =>
    Effect.gen(function*() {
      const { erase } = yield* StoreAdmin.StoreAdmin
      yield* fill("ada", 6)
      yield* save("ada", 4, { _tag: "Active", balance: 3 })
      yield* erase({ stream: stream("ada"), from: 5, to: 5 })
      const behind = yield* Effect.flip(load("ada"))
      assert.deepInclude(behind.reason, { _tag: "Unreadable", why: "Erased", version: 5 })
      assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 4, events: 2 }])
      yield* erase({ stream: stream("ada"), from: 2, to: 3 })
      const before = yield* Effect.flip(load("ada"))
      assert.deepInclude(before.reason, { _tag: "Unreadable", why: "Erased", version: 2 })
    }).pipe(Effect.provide(saving(100))))
})

/** The account of another release. */
const release = <S extends Schema.Top & { readonly Type: typeof State.Type }>(revision: number, state: S) => {
  const { commands, events, id } = contract
  return { commands, events, id, rejections: [NotOpen, AlreadyOpened, Insufficient, BalanceRemains], revision, state }
}

class Account2 extends Aggregate.make("Account", release(2, State)).decider({
  initial: { _tag: "Unopened" },
  decide: Account["~decide"],
  // Every deposit counts twice.
  evolve: {
    Opened: () => ({ _tag: "Active", balance: 0 }),
    Deposited: (state, { cents }) => state._tag === "Active" ? { ...state, balance: state.balance + 2 * cents } : state,
    Withdrawn: (state) => state,
    Closed: () => ({ _tag: "Ended" })
  }
}) {}

describe("a snapshot of another revision", () => {
  it.effect("is no snapshot of this one, and goes when it is older than the one before", () =>
    Effect.gen(function*() {
      yield* fill("ada", 4)
      yield* load("ada")
      yield* saved(1)
      const second = Layer.fresh(Account2.layer).pipe(Layer.provide(Snapshots.layer({ every: 4 })))
      const loaded = yield* Effect.provide(Account2.load(id("ada")), second, { local: true })
      assert.deepStrictEqual(loaded, { state: active(6), version: 4 })
      yield* saved(2)
      assert.deepStrictEqual(yield* find("ada", 1), { version: 4, state: { _tag: "Active", balance: 3 } })
      assert.deepStrictEqual(yield* find("ada", 2), { version: 4, state: { _tag: "Active", balance: 6 } })
      // Both releases go on, each with its own.
      yield* reads
      assert.deepStrictEqual((yield* load("ada")).state, active(3))
      assert.deepStrictEqual(
        (yield* Effect.provide(Account2.load(id("ada")), second, { local: true })).state,
        active(6)
      )
      assert.deepStrictEqual((yield* reads).map(({ after }) => after), [4, 4])
      yield* save("ada", 4, {}, 3)
      assert.strictEqual(yield* find("ada", 1), undefined)
    }).pipe(Effect.provide(saving(4))))

  it("is told by the definition: 1, unless told", () => {
    assert.deepStrictEqual([Account.revision, Account2.revision, contract.revision], [1, 2, 1])
    for (const revision of [0, 1.5, 32_768]) {
      assert.strictEqual(
        thrown(() => Aggregate.make("Account", release(revision, State))),
        `Aggregate Account: expected a revision from 1 to 32767, got ${revision}`
      )
    }
  })
})

const unfit: ReadonlyArray<readonly [string, Schema.Json]> = [
  ["is of another shape", { _tag: "Active", balance: "a lot" }],
  ["is of another schema", { _tag: "Frozen", since: 2 }],
  ["is nothing", null],
  ["is a list", [1, 2, 3]]
]

describe("a snapshot that cannot be used is ignored and replaced:", () => {
  for (const [what, state] of unfit) {
    it.effect(`one that ${what}`, () =>
      Effect.gen(function*() {
        yield* fill("ada", 4)
        yield* save("ada", 4, state)
        const [loaded, lines] = yield* logged(load("ada"))
        assert.deepStrictEqual(loaded, { state: active(3), version: 4 })
        assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 0, events: 4 }])
        assert.deepStrictEqual(lines, ["Account: a snapshot cannot be read, so the stream is read whole"])
        // Of the same version: four events are not many, but one that cannot be used is to go.
        yield* saved(2)
        assert.deepStrictEqual(yield* find("ada"), { version: 4, state: { _tag: "Active", balance: 3 } })
        const [, silence] = yield* logged(load("ada"))
        assert.deepStrictEqual(yield* reads, [{ id: "ada", after: 4, events: 0 }])
        assert.deepStrictEqual(silence, [])
      }).pipe(Effect.provide(saving(100))))
  }

  it.effect("also one of the first event, and not where there is no event", () =>
    Effect.gen(function*() {
      yield* save("nobody", 1, null)
      yield* save("ada", 1, null)
      yield* load("nobody")
      yield* fill("ada", 1)
      yield* load("ada")
      yield* saved(3)
      assert.deepStrictEqual(yield* versions, [["nobody", 1], ["ada", 1], ["ada", 1]])
    }).pipe(Effect.provide(saving(100))))

  it.effect("also by a command, and at a version", () =>
    Effect.gen(function*() {
      yield* fill("ada", 4)
      yield* save("ada", 4, null)
      yield* save("grace", 4, null)
      assert.deepStrictEqual((yield* deposit("ada", 5)).state, active(8))
      yield* saved(3)
      assert.deepStrictEqual(yield* find("ada"), { version: 4, state: { _tag: "Active", balance: 3 } })
      yield* fill("grace", 4)
      assert.deepStrictEqual((yield* Account.load(id("grace"), { at: { version: 3 } })).state, active(2))
    }).pipe(Effect.provide(saving(100))))

  for (
    const [what, find] of [
      ["dies", Effect.die(new Error("out of order"))],
      ["is unavailable", Watched.unavailable("snapshots")]
    ] as const
  ) {
    it.effect(`one of a store that ${what}`, () =>
      Effect.gen(function*() {
        const watch = yield* Watch
        yield* fill("ada", 4)
        yield* watch.before({ find })
        const [[loaded, executed], lines] = yield* logged(Effect.all([load("ada"), deposit("ada", 5)]))
        assert.deepStrictEqual(loaded, { state: active(3), version: 4 })
        assert.deepStrictEqual([executed.state, executed.version], [active(8), 5])
        assert.deepStrictEqual(lines, ["Account: a snapshot cannot be read, so the stream is read whole"])
        yield* saved(1)
        yield* watch.before({})
        yield* reads
        yield* elsewhere(4)(load("ada"))
        assert.deepStrictEqual((yield* reads).map(({ after }) => after), [4])
      }).pipe(Effect.provide(saving(4))))
  }

  it.effect("one that cannot be saved: the next one is", () =>
    Effect.gen(function*() {
      const watch = yield* Watch
      yield* watch.before({ save: Effect.die(new Error("out of order")) })
      yield* open("ada")
      yield* saved(1)
      yield* watch.before({ save: Watched.unavailable("snapshots") })
      yield* deposit("ada")
      yield* saved(2)
      assert.strictEqual(yield* find("ada"), undefined)
      yield* watch.before({})
      yield* deposit("ada")
      yield* saved(3)
      assert.deepInclude(yield* find("ada"), { version: 3 })
    }).pipe(Effect.provide(saving(1))))
})

class Noted extends Event.make("Noted", { text: Schema.String }) {}
class Note extends Command.make("Note", { text: Schema.String }) {}

const Titles = Schema.Struct({ last: Schema.String })

/** An aggregate whose state has more than its schema tells. */
class Secretive extends Aggregate.make("Secretive", {
  id: Schema.String,
  state: Titles,
  commands: [Note],
  events: [Noted],
  rejections: []
}).decider({
  initial: { last: "" },
  decide: { Note: ({ text }) => Decision.accept(Noted.make({ text })) },
  evolve: {
    Noted: (state, { text }) => {
      const more = { ...state, last: text, all: [...("all" in state ? state.all as Array<string> : []), text] }
      return more
    }
  }
}) {}

/** One whose state leaves its schema, and one whose state grows large. */
class Strict extends Aggregate.make("Strict", {
  id: Schema.String,
  state: Schema.Struct({ last: Schema.String.check(Schema.isMaxLength(2)), large: Schema.String }),
  commands: [Note],
  events: [Noted],
  rejections: []
}).decider({
  initial: { last: "", large: "" },
  decide: { Note: ({ text }) => Decision.accept(Noted.make({ text })) },
  evolve: {
    Noted: (_, { text }) => ({ last: text, large: text === "!" ? "x".repeat(Limits.snapshotBytes) : "" })
  }
}) {}

describe("a state that is no snapshot", () => {
  const layer = Layer.merge(Secretive.layer, Strict.layer).pipe(
    Layer.provide(Snapshots.layer({ every: 1 })),
    Layer.provideMerge(stores)
  )

  it.effect("for its schema does not tell all of it, is told once", () =>
    Effect.gen(function*() {
      const [, lines] = yield* logged(Effect.gen(function*() {
        yield* Effect.gen(function*() {
          yield* Secretive.execute("a", Note.make({ text: "one" }))
          yield* Secretive.execute("a", Note.make({ text: "two" }))
          yield* Secretive.execute("b", Note.make({ text: "three" }))
          // Saved behind all of them.
          yield* Strict.execute("b", Note.make({ text: "ok" }))
          yield* saved(1)
        }).pipe(Effect.provide(layer))
      }))
      assert.deepStrictEqual(lines, ["Secretive: a state that cannot be encoded is no snapshot"])
    }).pipe(Effect.provide(stores)))

  it.effect("for it leaves its schema, or is too large, is told once each", () =>
    Effect.gen(function*() {
      const [, lines] = yield* logged(
        Effect.gen(function*() {
          for (const name of ["a", "b"]) {
            yield* Strict.execute(name, Note.make({ text: "far too long" }))
            yield* Strict.execute(`large ${name}`, Note.make({ text: "!" }))
          }
          yield* Strict.execute("c", Note.make({ text: "ok" }))
          yield* saved(3)
          assert.deepStrictEqual(yield* versions, [["large a", 1], ["large b", 1], ["c", 1]])
        }).pipe(Effect.provide(layer))
      )
      assert.deepStrictEqual(lines.toSorted(), [
        "Strict: a state that cannot be encoded is no snapshot",
        "Strict: a state that is refused is no snapshot"
      ])
    }))
})

it("refuses a number of events that is none", () => {
  for (const count of [0, -1, 1.5, Number.NaN]) {
    assert.strictEqual(
      thrown(() => Snapshots.layer({ every: count })),
      `Snapshots, events of every aggregate: expected a whole number, 1 or more, got ${count}`
    )
    assert.strictEqual(
      thrown(() => Snapshots.layer({ every: { Account: 1, Other: count } })),
      `Snapshots, events of Other: expected a whole number, 1 or more, got ${count}`
    )
  }
})
