/** Who may see what: instances and rows, now, in the past, and as they change. */
import { assert, describe, it } from "@effect/vitest"
import { Aggregate, Policy, Projection } from "@varve/core"
import { Effect, Layer, Option, Stream } from "effect"
import { Account, active, Close, Deposit, Id, Open, Withdraw } from "./Account.ts"
import { Access, asAda, asBob, asTeller, Balances, Bank, below, forbidden, layer, logs, rules } from "./PolicyWorld.ts"

const ada = Id.make("ada")
const bob = Id.make("bob")

const deposit = (id: typeof Id.Type, cents: number) => Account.execute(id, Deposit.make({ cents }))

/** Two accounts: hers at position 1, 3 and 5, his at 2 and 4. */
const some = Effect.gen(function*() {
  yield* Account.execute(ada, Open.make({ owner: "ada" }))
  yield* Account.execute(bob, Open.make({ owner: "bob" }))
  yield* deposit(ada, 100)
  yield* deposit(bob, 7)
  yield* deposit(ada, 11)
}).pipe(asTeller)

describe("an instance", () => {
  const reads: { readonly [name: string]: Effect.Effect<void, Aggregate.ExecutionError, Layer.Success<typeof layer>> } =
    {
      load: Effect.asVoid(Account.load(ada)),
      "load in the past": Effect.asVoid(Account.load(ada, { at: { version: 1 } })),
      loadAny: Effect.asVoid(Aggregate.loadAny(Account, "ada")),
      history: Stream.runDrain(Account.history(ada)),
      diff: Effect.asVoid(Account.diff(ada, { from: { version: 1 } }))
    }
  for (const [name, read] of Object.entries(reads)) {
    it.effect(`${name} is for who may read it`, () =>
      Effect.gen(function*() {
        yield* some
        yield* asAda(read)
        yield* asTeller(read)
        assert.deepStrictEqual(yield* asBob(forbidden(read)), ["Forbidden", "read", "bob", "Account", "ada"])
        const [[level, message, annotations] = []] = yield* logs(forbidden(read))
        assert.deepStrictEqual([level, message, annotations], ["Warn", "Forbidden: read", {
          "varve.actor": "",
          "varve.aggregate": "Account",
          "varve.id": "ada",
          "varve.rule": "read"
        }])
      }).pipe(Effect.provide(layer)))
  }

  it.effect("is what it is to who may", () =>
    Effect.gen(function*() {
      yield* some
      assert.deepStrictEqual(yield* asAda(Account.load(ada)), { state: active(111), version: 3 })
      assert.lengthOf(yield* asAda(Stream.runCollect(Account.history(ada))), 3)
    }).pipe(Effect.provide(layer)))
})

const all = { index: "byOwner" } as const
const of = (owner: string) => ({ index: "byOwner", where: { owner } } as const)
const keys = ({ rows }: Projection.Listed<unknown>) => rows.map(({ key }) => key)
const first = <A, E, R>(stream: Stream.Stream<A, E, R>) => Effect.map(Stream.runHead(stream), Option.getOrThrow)

for (const mode of ["live", "inline", "async"] as const) {
  const run = Effect.provide(
    Bank.layer({ Balances: mode }).pipe(Layer.provideMerge(Layer.mergeAll(below, Policy.layer(Access))))
  )
  const ready = Effect.andThen(some, Balances.whenCaughtUp())

  describe(`rows, ${mode}`, () => {
    it.live("one by one are for who may see them, there or not", () =>
      Effect.gen(function*() {
        yield* ready
        assert.deepStrictEqual(yield* asAda(Balances.get("ada")), Option.some({ owner: "ada", cents: 111 }))
        assert.deepStrictEqual(yield* asBob(forbidden(Balances.get("ada"))), ["Forbidden", "get", "bob", "Balances"])
        // Whether there is one is told to nobody either.
        assert.strictEqual((yield* asBob(forbidden(Balances.get("eve"))))[0], "Forbidden")
        assert.deepStrictEqual(yield* asTeller(Balances.get("eve")), Option.none())
        assert.strictEqual((yield* asTeller(Balances.getMany(["ada", "bob", "eve"]))).size, 2)
        assert.strictEqual((yield* asAda(Balances.getMany(["ada"]))).size, 1)
        assert.strictEqual((yield* asAda(forbidden(Balances.getMany(["ada", "bob"]))))[1], "get")
        assert.strictEqual((yield* asAda(forbidden(Balances.getMany(new Set(["ada", "eve"])))))[1], "get")
        assert.strictEqual((yield* asAda(Balances.getMany([]))).size, 0)
        const [[level, message, annotations] = []] = yield* logs(asBob(forbidden(Balances.get("ada"))))
        assert.deepStrictEqual([level, message, annotations], ["Warn", "Forbidden: get", {
          "varve.actor": "bob",
          "varve.projection": "Balances",
          "varve.rule": "get"
        }])
      }).pipe(run))

    it.live("are shown to the rule as they are read", () =>
      Effect.gen(function*() {
        yield* ready
        const seen: Array<unknown> = []
        const get: typeof rules.Balances.get = ({ key }, row) => {
          seen.push([key, Option.map(row, ({ cents }) => cents)])
          return true
        }
        const looking = Policy.layer(Policy.make(Bank, { ...rules, Balances: { ...rules.Balances, get } }))
        yield* Effect.andThen(Balances.get("ada"), Balances.getMany(["bob", "eve"])).pipe(Effect.provide(looking))
        assert.deepStrictEqual(seen, [["ada", Option.some(111)], ["bob", Option.some(7)], ["eve", Option.none()]])
      }).pipe(run))

    it.live("in lists are for who may ask the query", () =>
      Effect.gen(function*() {
        yield* ready
        assert.deepStrictEqual(keys(yield* asAda(Balances.list(of("ada")))), ["ada"])
        assert.strictEqual(yield* asAda(Balances.count(of("ada"))), 1)
        assert.deepStrictEqual(keys(yield* asTeller(Balances.list())), ["ada", "bob"])
        const foreign = [
          of("bob"),
          all,
          undefined,
          { from: "ada", to: "ada" },
          { index: "byOwner", from: "ada", to: "ada" } as const,
          // What a rule sees is what is looked up, and not what an object has inherited.
          { index: "byOwner", where: Object.create({ owner: "ada" }) } as const
        ]
        for (const query of foreign) {
          assert.deepStrictEqual(yield* asAda(forbidden(Balances.list(query))), [
            "Forbidden",
            "list",
            "ada",
            "Balances"
          ])
          assert.strictEqual((yield* asAda(forbidden(Balances.count(query))))[1], "list")
          assert.strictEqual((yield* asAda(forbidden(first(Balances.changes(query)))))[1], "list")
        }
        assert.strictEqual((yield* asAda(first(Balances.changes(of("ada"))))).key, "ada")
      }).pipe(run))

    it.live("of the past are as those of now", () =>
      Effect.gen(function*() {
        yield* ready
        const at = { position: 3 }
        assert.strictEqual(
          Option.getOrThrow(yield* asAda(Effect.flatMap(Balances.asOf(at), (view) => view.get("ada")))).cents,
          100
        )
        const view = yield* asAda(Balances.asOf(at))
        assert.strictEqual((yield* asAda(forbidden(view.get("bob"))))[2], "ada")
        assert.strictEqual((yield* asAda(forbidden(view.getMany(["ada", "bob"]))))[1], "get")
        assert.strictEqual((yield* asAda(forbidden(view.list())))[1], "list")
        assert.strictEqual((yield* asAda(forbidden(view.count(all))))[1], "list")
        assert.deepStrictEqual(keys(yield* asAda(view.list(of("ada")))), ["ada"])
        // It is no permit for whoever gets hold of it.
        assert.strictEqual((yield* forbidden(view.get("ada")))[2], "")
        const diff = Balances.diff("ada", { from: { position: 1 } })
        assert.deepStrictEqual((yield* asAda(diff)).after, Option.some({ owner: "ada", cents: 111 }))
        assert.strictEqual((yield* asBob(forbidden(diff)))[1], "get")
        const history = (key: string) => Stream.runCollect(Balances.history(key))
        assert.lengthOf(yield* asAda(history("ada")), 3)
        assert.strictEqual((yield* asBob(forbidden(history("ada"))))[1], "get")
        assert.strictEqual((yield* asBob(forbidden(history("eve"))))[1], "get")
        assert.deepStrictEqual(yield* asTeller(history("eve")), [])
      }).pipe(run))

    it.live("that change are sent for as long as they may be seen", () =>
      Effect.gen(function*() {
        yield* ready
        assert.strictEqual((yield* asBob(forbidden(first(Balances.changes("ada")))))[1], "get")
        // Nothing has changed since, and still nobody waits for what they will not see.
        assert.strictEqual((yield* asBob(forbidden(first(Balances.changes("ada", { after: 5 })))))[1], "get")
        const seen: Array<unknown> = []
        const sent = Balances.changes("ada").pipe(Stream.runForEach(({ row }) =>
          Effect.gen(function*() {
            seen.push(Option.map(row, ({ cents }) => cents))
            const next = seen.length === 1 ? Withdraw.make({ cents: 111 }) : Close.make({})
            yield* asTeller(Account.execute(ada, next))
          })
        ))
        // Of a row that is not there she may know nothing, by these rules: so the last she is sent is that.
        assert.strictEqual((yield* asAda(forbidden(sent)))[1], "get")
        assert.deepStrictEqual(seen, [Option.some(111), Option.some(0)])
      }).pipe(run))

    it.live("are hidden by a rule that throws", () =>
      Effect.gen(function*() {
        yield* ready
        const boom = () => {
          throw new Error("boom")
        }
        const throwing = Policy.layer(Policy.make(Bank, { ...rules, Balances: { get: boom, list: boom } }))
        assert.strictEqual(
          (yield* asTeller(forbidden(Balances.get("ada"))).pipe(Effect.provide(throwing)))[0],
          "Forbidden"
        )
        assert.strictEqual((yield* asTeller(forbidden(Balances.list())).pipe(Effect.provide(throwing)))[0], "Forbidden")
      }).pipe(run))

    it.live("are hidden by a policy that only their layer was given", () =>
      Effect.gen(function*() {
        yield* ready
        assert.strictEqual((yield* asBob(forbidden(Balances.get("ada"))))[1], "get")
        assert.strictEqual((yield* asAda(Balances.list(of("ada")))).rows.length, 1)
      }).pipe(
        Effect.provide(
          Bank.layer({ Balances: mode }).pipe(Layer.provide(Policy.layer(Access)), Layer.provideMerge(below))
        )
      ))
  })
}
