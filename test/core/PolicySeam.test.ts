/** Who may do what, where instances and rows are asked as data: by tools, and by layers in front of them. */
import { assert, describe, it } from "@effect/vitest"
import { Instances, Policy, Rows } from "@varve/core"
import { Effect, Layer, Option, Stream } from "effect"
import { Account, active, Deposit, Id, Open } from "./Account.ts"
import { Access, asAda, asBob, asTeller, Balances, Bank, below, forbidden, layer, rules } from "./PolicyWorld.ts"

const ada = Id.make("ada")
const ofBob = { index: "byOwner", where: { owner: "bob" } } as const
const ofAda = { index: "byOwner", where: { owner: "ada" } } as const

const open = asTeller(
  Effect.andThen(
    Account.execute(ada, Open.make({ owner: "ada" })),
    Account.execute(ada, Deposit.make({ cents: 100 }))
  )
)

type Asked = Effect.Effect<unknown, unknown>

/** Everything that instances are asked, commands apart. */
const asksOf = (instances: Instances.Running<typeof Account>): { readonly [name: string]: Asked } => ({
  load: instances.load("ada"),
  "load at a version": instances.load("ada", { version: 1 }),
  history: Stream.runDrain(instances.history("ada")),
  diff: instances.diff("ada", { from: { version: 1 } })
})

/** Everything that rows are asked. */
const questionsOf = (rows: Rows.Reading<Rows.RowOf<typeof Balances>>): { readonly [name: string]: Asked } => {
  const view = rows.asOf({ position: 2 })
  return {
    get: rows.get("ada"),
    getMany: rows.getMany(["ada"]),
    list: rows.list(ofAda),
    count: rows.count(ofAda),
    "changes of a row": Stream.runHead(rows.changes("ada")),
    "changes of a query": Stream.runHead(rows.changes(ofAda)),
    history: Stream.runDrain(rows.history("ada")),
    "get, in the past": view.get("ada"),
    "getMany, in the past": view.getMany(["ada"]),
    "list, in the past": view.list(ofAda),
    "count, in the past": view.count(ofAda)
  }
}

const isList = (name: string) => /^(list|count|changes of a query)/.test(name)

describe("Instances.of", () => {
  it.effect("gives what its caller may read, whoever asked for it", () =>
    Effect.gen(function*() {
      yield* open
      for (const [name, asked] of Object.entries(asksOf(yield* asTeller(Instances.of(Account))))) {
        yield* asAda(asked)
        assert.deepStrictEqual(yield* asBob(forbidden(asked)), ["Forbidden", "read", "bob", "Account", "ada"], name)
        assert.deepStrictEqual(yield* forbidden(asked), ["Forbidden", "read", "", "Account", "ada"], name)
      }
    }).pipe(Effect.provide(layer)))

  it.effect("executes what its caller may do", () =>
    Effect.gen(function*() {
      yield* open
      const { execute } = yield* asTeller(Instances.of(Account))
      const denied = execute("bob", Open.make({ owner: "bob" }), {})
      assert.deepStrictEqual(yield* asBob(forbidden(denied)), ["Forbidden", "Open", "bob", "Account", "bob"])
      assert.strictEqual((yield* asTeller(Account.load(Id.make("bob")))).version, 0)
      const { state } = yield* asBob(execute("ada", Deposit.make({ cents: 1 }), {}))
      assert.deepStrictEqual(state, active(101))
    }).pipe(Effect.provide(layer)))
})

for (const mode of ["live", "inline", "async"] as const) {
  const run = Effect.provide(
    Bank.layer({ Balances: mode }).pipe(Layer.provideMerge(Layer.mergeAll(below, Policy.layer(Access))))
  )

  describe(`Rows.of, ${mode}`, () => {
    it.live("answers what its caller may see, whoever asked for it", () =>
      Effect.gen(function*() {
        yield* open
        yield* Balances.whenCaughtUp()
        for (const [name, asked] of Object.entries(questionsOf(yield* asTeller(Rows.of(Balances))))) {
          yield* asAda(asked)
          const rule = isList(name) ? "list" : "get"
          assert.deepStrictEqual(yield* asBob(forbidden(asked)), ["Forbidden", rule, "bob", "Balances"], name)
          assert.deepStrictEqual(yield* forbidden(asked), ["Forbidden", rule, "", "Balances"], name)
        }
        const { asOf, list } = yield* Rows.of(Balances)
        assert.strictEqual((yield* asAda(forbidden(list(ofBob))))[1], "list")
        assert.strictEqual((yield* asAda(forbidden(asOf({ position: 2 }).get("eve"))))[1], "get")
      }).pipe(run))
  })
}

/** A policy that lets everybody through, and counts what its rules are asked. */
const counting = (asked: Array<string>) => {
  const count = (rule: string) => () => asked.push(rule) > 0
  const commands = {
    Open: count("Open"),
    Deposit: count("Deposit"),
    Withdraw: count("Withdraw"),
    Close: count("Close")
  }
  return Policy.layer(Policy.make(Bank, {
    Account: { commands, read: count("read") },
    Balances: { get: count("get"), list: count("list") }
  }))
}

/** Layers in front of those of this process, which pass everything on. */
const inFront = Layer.mergeAll(
  Instances.layer(Account, Instances.of(Account)),
  Rows.layer(Balances, Rows.of(Balances))
)

describe("a rule", () => {
  const calls = Effect.gen(function*() {
    yield* Account.execute(Id.make("eve"), Open.make({ owner: "eve" }))
    yield* Account.load(ada)
    yield* Stream.runDrain(Account.history(ada))
    yield* Account.diff(ada, { from: { version: 0 } })
    yield* Balances.get("ada")
    yield* Balances.list()
    yield* Balances.count()
    yield* Stream.runHead(Balances.changes("ada"))
    yield* Stream.runHead(Balances.changes())
    yield* Effect.flatMap(Balances.asOf({ position: 2 }), (view) => view.get("ada"))
    yield* Stream.runHead(Balances.history("ada"))
  })
  const once = ["Open", "read", "read", "read", "get", "list", "list", "get", "list", "get", "get"]

  for (const [where, front] of [["", Layer.empty], ["through a layer in front", inFront]] as const) {
    it.effect(`is asked once a call ${where}`, () => {
      const asked: Array<string> = []
      return Effect.gen(function*() {
        yield* open
        asked.length = 0
        yield* Effect.provide(calls, front)
        assert.deepStrictEqual(asked, once)
      }).pipe(
        Effect.provide(Bank.layer().pipe(Layer.provideMerge(Layer.mergeAll(below, counting(asked)))))
      )
    })
  }

  it.effect("of this process is not asked about what runs elsewhere", () => {
    const account = { state: active(5), version: 2 }
    const elsewhere = Layer.mergeAll(
      Instances.layer(
        Account,
        Effect.map(Instances.of(Account), (running) => ({ ...running, load: () => Effect.succeed(account) }))
      ),
      Rows.layer(
        Balances,
        Effect.map(Rows.of(Balances), (reading) => ({ ...reading, count: () => Effect.succeed(7) }))
      )
    )
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* asBob(Account.load(ada)), account)
      assert.strictEqual(yield* asBob(Balances.count()), 7)
      // The rest is passed on to this process.
      assert.strictEqual((yield* asBob(forbidden(Balances.list())))[1], "list")
    }).pipe(Effect.provide(elsewhere), Effect.provide(layer))
  })

  it.effect("is about who runs a stream, not about who has made it", () =>
    Effect.gen(function*() {
      yield* open
      const { changes } = yield* asAda(Rows.of(Balances))
      const first = Stream.runHead(changes("ada"))
      assert.isTrue(Option.isSome(yield* asAda(first)))
      assert.strictEqual((yield* asBob(forbidden(first)))[2], "bob")
      assert.isTrue(Option.isSome(
        yield* first.pipe(
          asBob,
          Effect.provide(Policy.layer(Policy.make(Bank, {
            ...rules,
            Balances: { get: Policy.everyone, list: Policy.nobody }
          })))
        )
      ))
    }).pipe(Effect.provide(layer)))
})
