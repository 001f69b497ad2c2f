import { assert, describe, it } from "@effect/vitest"
import { Aggregate, CommitId } from "@varve/core"
import { Optimistic } from "@varve/http/client"
import { Effect, Exit, Fiber, Latch, Layer, Option, Stream } from "effect"
import { AtomRegistry } from "effect/reactivity"
import { TestClock } from "effect/testing"
import { Account, Close, Deposit, Id, Insufficient, NotOpen, Open, Withdraw } from "../core/Account.ts"
import { random } from "../support/random.ts"
import * as World from "./OptimisticWorld.ts"

const ada = Id.make("ada")
const bob = Id.make("bob")
const { until } = World

/** Opens a server, and clients of it. */
const world = Effect.gen(function*() {
  const scope = yield* Effect.scope
  const server = yield* Layer.build(World.server("live"))
  const weather = World.weather(random(1))
  const there = <A, E, R extends World.Server>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, server)
  const open = (options?: Optimistic.Options, its = weather) => World.open(server, scope, its, options)
  /** Holds back calls whose names begin with one of these. */
  const hold = (...calls: ReadonlyArray<string>) => {
    const waiting: Array<() => void> = []
    weather.gate = (call) =>
      calls.some((one) => call.startsWith(one))
        ? Effect.callback<void>((resume) => {
          waiting.push(() => resume(Effect.void))
        })
        : Effect.void
    return () => {
      weather.gate = undefined
      for (const go of waiting.splice(0)) go()
    }
  }
  return { there, open, hold, weather }
})

const balanceOf = ({ row }: Optimistic.Row<{ readonly balance: number }>) =>
  Option.getOrUndefined(Option.map(row, ({ balance }) => balance))

/** Ada has 10 and Bob has 20. */
const twoAccounts = Effect.forEach([[ada, 10], [bob, 20]] as const, ([id, cents]) =>
  Effect.andThen(
    Account.execute(id, Open.make({ owner: id })),
    Account.execute(id, Deposit.make({ cents }))
  ), { discard: true })

describe("an optimistic client", () => {
  it.effect("shows what a command will have done, and then what it has done", () =>
    Effect.gen(function*() {
      const { hold, open, there } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      const client = yield* open()
      const row = client.optimistic.row(World.Balances, ada)
      yield* until(row, ({ loading }) => !loading)
      yield* client.run(Account.load(ada))
      const letGo = hold("execute", "change")
      const fiber = yield* Effect.forkChild(client.run(Account.execute(ada, Deposit.make({ cents: 70 }))))
      const shown = yield* until(row, (row) => balanceOf(row) === 70)
      assert.deepStrictEqual(Option.map(shown.confirmed, ({ balance }) => balance), Option.some(0))
      assert.strictEqual(shown.pending.length, 1)
      const [pending] = client.optimistic.pending.getSnapshot()
      assert.deepInclude(pending, {
        commitId: shown.pending[0]!,
        aggregate: "Account",
        id: "ada",
        command: Deposit.make({ cents: 70 })
      })
      letGo()
      const { receipt, state, version } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([version, state], [2, { _tag: "Active", balance: 70 }])
      const confirmed = yield* until(row, ({ pending }) => pending.length === 0)
      assert.deepStrictEqual([balanceOf(confirmed), confirmed.confirmed === confirmed.row], [70, true])
      assert.isAtLeast(confirmed.position, Option.getOrThrow(receipt).last)
      assert.deepStrictEqual(client.optimistic.pending.getSnapshot(), [])
    }))

  it.effect("takes no row that it asks for in place of a change that is on its way", () =>
    Effect.gen(function*() {
      const { hold, open, there, weather } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      const client = yield* open()
      const row = client.optimistic.row(World.Balances, ada)
      yield* until(row, ({ loading }) => !loading)
      const letGo = hold("change")
      const asked = yield* Latch.make()
      const { gate } = weather
      weather.gate = (call) => Effect.andThen(call.startsWith("getMany") ? asked.open : Effect.void, gate!(call))
      yield* client.run(Account.execute(ada, Deposit.make({ cents: 70 })))
      yield* TestClock.adjust("1 second")
      yield* asked.await
      const shown = row.getSnapshot()
      assert.deepStrictEqual([balanceOf(shown), shown.pending.length], [70, 1])
      assert.deepStrictEqual(Option.map(shown.confirmed, ({ balance }) => balance), Option.some(0))
      letGo()
      const confirmed = yield* until(row, ({ pending }) => pending.length === 0)
      assert.deepStrictEqual([balanceOf(confirmed), confirmed.confirmed === confirmed.row], [70, true])
    }))

  it.effect("takes back what the server rejects, and decides anew what was given behind it", () =>
    Effect.gen(function*() {
      const { hold, open, there } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      yield* there(Account.execute(ada, Deposit.make({ cents: 100 })))
      const client = yield* open()
      const row = client.optimistic.row(World.Balances, ada)
      yield* until(row, ({ loading }) => !loading)
      yield* client.run(Account.load(ada))
      const letGo = hold("execute")
      const given = yield* Effect.forEach(
        [80, 15, 5],
        (cents) => Effect.forkChild(Effect.exit(client.run(Account.execute(ada, Withdraw.make({ cents })))))
      )
      yield* until(row, (row) => balanceOf(row) === 0)
      // Another client was faster: 10 are left.
      yield* there(Account.execute(ada, Withdraw.make({ cents: 90 })))
      const seen: Array<number | undefined> = []
      const stop = World.watch(row, (row) => seen.push(balanceOf(row)))
      letGo()
      const exits = yield* Effect.forEach(given, Fiber.join)
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [false, false, true])
      assert.deepStrictEqual(
        Exit.findErrorOption(exits[0]!),
        Option.some(new Insufficient({ balance: 10, requested: 80 }))
      )
      assert.deepStrictEqual(
        Exit.findErrorOption(exits[1]!),
        Option.some(new Insufficient({ balance: 10, requested: 15 }))
      )
      yield* until(row, ({ pending, row }) => pending.length === 0 && balanceOf({ row } as never) === 5)
      stop()
      assert.strictEqual(seen.at(-1), 5)
      const failed = client.optimistic.failed.getSnapshot()
      assert.deepStrictEqual(failed.map(({ command, error }) => [command, error]), [
        [Withdraw.make({ cents: 80 }), new Insufficient({ balance: 10, requested: 80 })],
        [Withdraw.make({ cents: 15 }), new Insufficient({ balance: 10, requested: 15 })]
      ])
      // It was known before the server said so.
      assert.deepStrictEqual(failed[1]!.prediction, {
        _tag: "Rejected",
        rejection: new Insufficient({ balance: 10, requested: 15 })
      })
      client.optimistic.dismiss(failed[0]!.commitId)
      assert.strictEqual(client.optimistic.failed.getSnapshot().length, 1)
    }))

  it.effect("asks the server also for what it would reject itself", () =>
    Effect.gen(function*() {
      const { open, there } = yield* world
      const client = yield* open()
      assert.strictEqual((yield* client.run(Account.load(ada))).version, 0)
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      assert.strictEqual((yield* client.run(Account.execute(ada, Deposit.make({ cents: 5 })))).version, 2)
      const error = yield* Effect.flip(client.run(Account.execute(bob, Deposit.make({ cents: 5 }))))
      assert.deepStrictEqual(error, new NotOpen())
    }))

  it.effect("decides anew at once, and not only when the state was read anew", () =>
    Effect.gen(function*() {
      const { hold, open, there } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      yield* there(Account.execute(ada, Deposit.make({ cents: 100 })))
      const client = yield* open()
      yield* client.run(Account.load(ada))
      const letGo = hold("execute")
      const given = yield* Effect.forEach([60, 61], (cents) =>
        Effect.forkChild(Effect.exit(client.run(Account.execute(ada, Withdraw.make({ cents }))))))
      const predicted = (tag: string) => (all: ReadonlyArray<Optimistic.Pending>) =>
        all.at(-1)?.prediction._tag === tag
      yield* until(client.optimistic.pending, (all) => all.length === 2 && predicted("Rejected")(all))
      yield* there(Account.execute(ada, Withdraw.make({ cents: 70 })))
      letGo()
      const letLoad = hold("load")
      yield* until(client.optimistic.pending, (all) => all.length === 1 && predicted("Accepted")(all))
      letLoad()
      assert.deepStrictEqual((yield* Effect.forEach(given, Fiber.join)).map(Exit.isFailure), [true, true])
    }))

  it.effect("shows what was not predicted as soon as it is known", () =>
    Effect.gen(function*() {
      const { hold, open, there } = yield* world
      const client = yield* open()
      const row = client.optimistic.row(World.Balances, ada)
      yield* client.run(Account.load(ada))
      const stop = row.subscribe(() => {})
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      yield* until(row, (row) => balanceOf(row) === 0)
      const letGo = hold("change")
      yield* client.run(Account.execute(ada, Deposit.make({ cents: 5 })))
      assert.deepStrictEqual([balanceOf(row.getSnapshot()), row.getSnapshot().pending.length], [5, 1])
      letGo()
      yield* until(row, ({ pending }) => pending.length === 0)
      stop()
    }))

  it.effect("forgets rows that have gone while the list of them was broken off", () =>
    Effect.gen(function*() {
      const { hold, open, there, weather } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      yield* there(Account.execute(bob, Open.make({ owner: "Bob" })))
      const client = yield* open()
      const letGo = hold("change Balances bob")
      const list = client.optimistic.list(World.Balances)
      const stop = list.subscribe(() => {})
      yield* until(list, ({ rows }) => rows.length === 1)
      weather.connected = false
      letGo()
      yield* until(list, ({ error }) => Option.isSome(error))
      yield* there(Account.execute(ada, Close.make({})))
      weather.connected = true
      yield* TestClock.adjust(1_000)
      const { rows } = yield* until(list, ({ loading }) => !loading)
      assert.deepStrictEqual(rows.map(({ key }) => key), ["bob"])
      stop()
    }))

  it.effect("shows rows where they will stand in a list, new ones too", () =>
    Effect.gen(function*() {
      const { hold, open, there } = yield* world
      yield* there(twoAccounts)
      const client = yield* open()
      const list = client.optimistic.list(World.Balances, { index: "richest", from: 10 })
      const keys = (list: Optimistic.List<unknown>) => list.rows.map(({ key }) => key)
      assert.deepStrictEqual(keys(yield* until(list, ({ loading }) => !loading)), ["ada", "bob"])
      const cy = Id.make("cy")
      yield* Effect.forEach([ada, bob, cy], (id) => client.run(Account.load(id)))
      const letGo = hold("execute", "get")
      const give = (id: typeof ada, command: Parameters<typeof Account.execute>[1]) =>
        Effect.forkChild(client.run(Account.execute(id, command)))
      const fibers = [
        yield* give(ada, Deposit.make({ cents: 15 })),
        yield* give(bob, Withdraw.make({ cents: 15 })),
        yield* give(cy, Open.make({ owner: "Cy" })),
        yield* give(cy, Deposit.make({ cents: 17 }))
      ]
      const shown = yield* until(list, ({ pending }) => pending.length === 4)
      assert.deepStrictEqual(keys(shown), ["cy", "ada"])
      assert.deepStrictEqual(shown.rows[0]!.confirmed, Option.none())
      letGo()
      yield* Effect.forEach(fibers, Fiber.join)
      const last = yield* until(list, ({ pending }) => pending.length === 0)
      assert.deepStrictEqual(last.rows.map(({ key, row: { balance } }) => [key, balance]), [["cy", 17], ["ada", 25]])
    }))

  it.effect("answers reads of rows that nobody watches with pending events on top", () =>
    Effect.gen(function*() {
      const { hold, open, there } = yield* world
      yield* there(twoAccounts)
      const client = yield* open()
      yield* client.run(Account.load(ada))
      const letGo = hold("execute")
      // The first one is under way: nobody can tell whether what is read has it. The second one waits for it.
      const first = yield* Effect.forkChild(client.run(Account.execute(ada, Deposit.make({ cents: 1 }))))
      const second = yield* Effect.forkChild(client.run(Account.execute(ada, Deposit.make({ cents: 30 }))))
      yield* until(client.optimistic.pending, (all) => all[0]?.status === "sent" && all.length === 2)
      const read = yield* Effect.forkChild(client.run(World.Balances.list({ index: "richest", limit: 2 })))
      const one = yield* Effect.forkChild(client.run(World.Balances.get(ada)))
      const rich = { index: "richest", from: 15, to: 40 } as const
      const counted = yield* Effect.forkChild(client.run(World.Balances.count(rich)))
      yield* TestClock.adjust(5_000)
      const balances = (rows: ReadonlyArray<{ readonly row: { readonly balance: number } }>) =>
        rows.map(({ row }) => row.balance)
      assert.deepStrictEqual(balances((yield* Fiber.join(read)).rows), [20, 40])
      assert.deepStrictEqual(Option.map(yield* Fiber.join(one), ({ balance }) => balance), Option.some(40))
      // Bob, as the server has it, and Ada, as it will be.
      assert.strictEqual(yield* Fiber.join(counted), 2)
      letGo()
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(balances((yield* client.run(World.Balances.list({ index: "richest" }))).rows), [20, 41])
      assert.strictEqual(yield* client.run(World.Balances.count(rich)), 1)
      assert.deepStrictEqual(yield* client.run(Account.load(ada)), {
        state: { _tag: "Active", balance: 41 },
        version: 4
      })
    }))

  it.effect("sends `changes` of what is shown", () =>
    Effect.gen(function*() {
      const { hold, open, there } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      const client = yield* open()
      yield* client.run(Account.load(ada))
      const letGo = hold("execute")
      const fiber = yield* Effect.forkChild(
        client.run(World.Balances.changes(ada).pipe(Stream.take(2), Stream.runCollect))
      )
      yield* until(client.optimistic.row(World.Balances, ada), ({ loading }) => !loading)
      const given = yield* Effect.forkChild(client.run(Account.execute(ada, Deposit.make({ cents: 8 }))))
      const changes = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        changes.map(({ key, row }) => [key, Option.getOrThrow(row).balance]),
        [["ada", 0], ["ada", 8]]
      )
      letGo()
      yield* Fiber.join(given)
    }))

  it.effect("keeps commands over a lost connection, and sends them under their ids", () =>
    Effect.gen(function*() {
      const { open, there, weather } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      const client = yield* open({ retryAtMost: "1 second" })
      const row = client.optimistic.row(World.Balances, ada)
      yield* until(row, ({ loading }) => !loading)
      yield* client.run(Account.load(ada))
      weather.connected = false
      const fiber = yield* Effect.forkChild(client.run(Account.execute(ada, Deposit.make({ cents: 3 }))))
      yield* until(client.optimistic.pending, ([one]) => one?.status === "queued" && one.attempts > 0)
      assert.strictEqual(balanceOf(row.getSnapshot()), 3)
      // It pauses for 50 ms at the least.
      yield* TestClock.adjust(10)
      weather.connected = true
      client.optimistic.wake()
      assert.strictEqual((yield* Fiber.join(fiber)).version, 2)
      // The answer is lost: what is sent again is found.
      weather.dropAfter = 1
      const again = yield* Effect.forkChild(client.run(Account.execute(ada, Deposit.make({ cents: 4 }))))
      yield* until(client.optimistic.pending, (all) =>
        all.some(({ attempts, status }) => status === "sent" && attempts === 1))
      weather.dropAfter = 0
      yield* TestClock.adjust(1_000)
      const { receipt, version } = yield* Fiber.join(again)
      assert.deepStrictEqual([version, Option.getOrThrow(receipt).replayed], [3, true])
      yield* until(row, (row) =>
        row.pending.length === 0 && balanceOf(row) === 7)
    }))

  it.effect("takes up what was kept, once", () =>
    Effect.gen(function*() {
      const { hold, open, there, weather } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      const storage = World.storage()
      const client = yield* open({ storage })
      yield* client.run(Account.load(ada))
      weather.dropAfter = 1
      const commitId = CommitId.generateUnsafe()
      const fibers = yield* Effect.forEach([3, 4], (cents) =>
        Effect.forkChild(
          Effect.flip(client.run(Account.execute(ada, Deposit.make({ cents }), cents === 3 ? { commitId } : {})))
        ))
      yield* until(client.optimistic.pending, ([one]) => one?.attempts === 1)
      yield* client.close
      // Who waited is told that nobody knows, and by which id to ask.
      const errors = yield* Effect.forEach(fibers, Fiber.join)
      assert(errors[0] instanceof Aggregate.ExecutionError && errors[0].reason._tag === "OutcomeUnknown")
      assert.strictEqual(errors[0].reason.commitId, commitId)
      weather.dropAfter = 0
      const letGo = hold("execute")
      const next = yield* open({ storage })
      const pending = next.optimistic.pending.getSnapshot()
      assert.deepStrictEqual(pending.map(({ command, commitId, status }) => [command, commitId, status]), [
        [Deposit.make({ cents: 3 }), commitId, "sent"],
        [Deposit.make({ cents: 4 }), pending[1]!.commitId, "queued"]
      ])
      const row = next.optimistic.row(World.Balances, ada)
      yield* until(row, ({ loading }) => !loading)
      letGo()
      // Whoever gives it again waits for the same.
      assert.strictEqual((yield* next.run(Account.execute(ada, Deposit.make({ cents: 3 }), { commitId }))).version, 2)
      yield* until(next.optimistic.pending, (all) => all.length === 0)
      yield* until(row, (row) => balanceOf(row) === 7)
      assert.strictEqual((yield* there(Account.load(ada))).version, 3)
      yield* TestClock.adjust(0)
      assert.strictEqual(storage.text, "[]")
    }))

  it.effect("passes on what it cannot predict", () =>
    Effect.gen(function*() {
      const { open, there } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      const client = yield* open({ storage: { load: Effect.succeed("{"), save: () => Effect.fail("full") } })
      assert.strictEqual((yield* client.run(Account.execute(ada, Close.make({})))).version, 2)
      const again = yield* client.run(Account.execute(ada, Close.make({})))
      assert.deepStrictEqual([again.version, again.receipt], [2, Option.none()])
      const moved = yield* Effect.flip(client.run(Account.execute(ada, Close.make({}), { expected: 1 })))
      assert(moved instanceof Aggregate.ExecutionError && moved.reason._tag === "Conflict")
      assert.deepStrictEqual(client.optimistic.failed.getSnapshot()[0]!.prediction, { _tag: "Moved", version: 2 })
      assert.strictEqual(yield* client.run(World.Balances.count()), 0)
    }))

  it.effect("keeps so many commands and no more, and takes back what nobody has got", () =>
    Effect.gen(function*() {
      const { open, there, weather } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      const client = yield* open({ pendingLimit: 2 })
      const row = client.optimistic.row(World.Balances, ada)
      yield* until(row, ({ loading }) => !loading)
      yield* client.run(Account.load(ada))
      weather.connected = false
      const [, second] = yield* Effect.forEach([1, 2], (cents) =>
        Effect.forkChild(client.run(Account.execute(ada, Deposit.make({ cents })))))
      yield* until(row, (row) =>
        balanceOf(row) === 3)
      const error = yield* Effect.flip(client.run(Account.execute(ada, Deposit.make({ cents: 4 }))))
      assert(error instanceof Aggregate.ExecutionError && error.reason._tag === "Unavailable")
      assert.include(error.message, "at most 2")
      yield* Fiber.interrupt(second!)
      yield* until(row, (row) => balanceOf(row) === 1)
      assert.strictEqual(client.optimistic.pending.getSnapshot().length, 1)
    }))

  it.effect("gives a command up when there was no answer for too long", () =>
    Effect.gen(function*() {
      const { open, weather } = yield* world
      const client = yield* open({ keepFor: "1 minute" })
      weather.connected = false
      const fiber = yield* Effect.forkChild(Effect.flip(client.run(Account.execute(ada, Open.make({ owner: "Ada" })))))
      yield* TestClock.adjust("2 minutes")
      const error = yield* Fiber.join(fiber)
      assert(error instanceof Aggregate.ExecutionError && error.reason._tag === "Unavailable")
      assert.deepStrictEqual(client.optimistic.pending.getSnapshot(), [])
    }))

  it.effect("stops following what nobody watches", () =>
    Effect.gen(function*() {
      const { open, there } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      const client = yield* open({ idleFor: "1 second" })
      const row = client.optimistic.row(World.Balances, ada)
      yield* until(row, ({ loading }) => !loading)
      const before = row.getSnapshot()
      assert.strictEqual(row.getSnapshot(), before)
      yield* TestClock.adjust(2_000)
      assert.isTrue(row.getSnapshot().loading)
      yield* until(row, ({ loading }) => !loading)
    }))

  it.effect("says of a query that is none why nothing comes", () =>
    Effect.gen(function*() {
      const { open } = yield* world
      const client = yield* open()
      const { error } = client.optimistic.list(World.Balances, { index: "poorest" }).getSnapshot()
      assert.strictEqual(Option.getOrThrow(error).reason._tag, "Refused")
    }))

  it.effect("is an atom, too", () =>
    Effect.gen(function*() {
      const { open, there } = yield* world
      yield* there(Account.execute(ada, Open.make({ owner: "Ada" })))
      const client = yield* open()
      const atom = Optimistic.atom(client.optimistic.row(World.Balances, ada))
      const registry = AtomRegistry.make()
      const balances: Array<number | undefined> = []
      const stop = registry.subscribe(atom, (row) => balances.push(balanceOf(row)), { immediate: true })
      yield* until(client.optimistic.row(World.Balances, ada), ({ loading }) => !loading)
      yield* client.run(Account.execute(ada, Deposit.make({ cents: 9 })))
      yield* until(client.optimistic.pending, (all) => all.length === 0)
      stop()
      assert.deepStrictEqual([balances[0], balances.at(-1)], [undefined, 9])
    }))
})
