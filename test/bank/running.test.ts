/** The bank at work, in memory: transfers, rows, time. */
import { assert, describe, it } from "@effect/vitest"
import { Aggregate, CommitId, EventStore, Metadata, StreamName, Upcaster } from "@varve/core"
import { Balances } from "@varve/example-bank/Balances"
import { Bank } from "@varve/example-bank/Bank"
import {
  BankAccount,
  Close,
  Deposit,
  ForeignCurrency,
  Id,
  InsufficientFunds,
  NotOpen,
  Open,
  Withdraw
} from "@varve/example-bank/BankAccount"
import { transfer } from "@varve/example-bank/Transfer"
import { DateTime, Effect, Layer, Option } from "effect"

// #region layer
const layer = Bank.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))
)
// #endregion

const ada = Id.make("ada")
const bob = Id.make("bob")
const eur = (cents: number) => ({ cents, currency: "EUR" } as const)

const open = (id: typeof Id.Type, cents = 0, currency: "EUR" | "USD" = "EUR") =>
  Effect.gen(function*() {
    yield* BankAccount.execute(id, Open.make({ owner: id, currency }))
    if (cents > 0) yield* BankAccount.execute(id, Deposit.make({ cents, currency }))
  })

const balance = (id: typeof Id.Type) =>
  Effect.map(BankAccount.load(id), ({ state }) => state._tag === "Active" ? state.balance : state._tag)

describe("a transfer", () => {
  it.effect("is one commit", () =>
    Effect.gen(function*() {
      yield* open(ada, 100)
      yield* open(bob)
      const [from, into] = yield* transfer(ada, bob, eur(40))
      const receipt = Option.getOrThrow(from.receipt)
      assert.deepStrictEqual(receipt, Option.getOrThrow(into.receipt))
      assert.deepStrictEqual(receipt.streams.map(({ stream }) => stream.id), ["ada", "bob"])
      assert.deepStrictEqual([yield* balance(ada), yield* balance(bob)], [60, 40])
    }).pipe(Effect.provide(layer)))

  it.effect("that either account rejects moves nothing", () =>
    Effect.gen(function*() {
      const dollars = Id.make("dollars")
      yield* open(ada, 100)
      yield* open(dollars, 100, "USD")
      const before = yield* EventStore.EventStore.use((store) => store.head)
      const reject = (attempt: ReturnType<typeof transfer>) => Effect.flip(attempt)
      assert.deepStrictEqual(
        yield* reject(transfer(ada, dollars, eur(200))),
        new InsufficientFunds({ balance: 100, requested: 200 })
      )
      assert.deepStrictEqual(yield* reject(transfer(ada, bob, eur(40))), new NotOpen())
      const foreign = new ForeignCurrency({ expected: "USD", actual: "EUR" })
      assert.deepStrictEqual(yield* reject(transfer(ada, dollars, eur(40))), foreign)
      assert.deepStrictEqual(yield* reject(transfer(dollars, ada, eur(40))), foreign)
      assert.strictEqual(yield* EventStore.EventStore.use((store) => store.head), before)
    }).pipe(Effect.provide(layer)))

  it.effect("under one commit id counts once", () =>
    Effect.gen(function*() {
      yield* open(ada, 100)
      yield* open(bob)
      const commitId = yield* CommitId.derive("rent", "1")
      yield* transfer(ada, bob, eur(40), { commitId })
      const [again] = yield* transfer(ada, bob, eur(40), { commitId })
      assert.isTrue(Option.getOrThrow(again.receipt).replayed)
      const other = yield* Effect.flip(transfer(ada, bob, eur(41), { commitId }))
      assert.isTrue(other instanceof Aggregate.ExecutionError && other.reason._tag === "Refused")
      assert.deepStrictEqual([yield* balance(ada), yield* balance(bob)], [60, 40])
    }).pipe(Effect.provide(layer)))

  it.effect("never creates or loses money, however many go on at once", () =>
    Effect.gen(function*() {
      const ids = ["a", "b", "c", "d"].map((id) => Id.make(id))
      yield* Effect.forEach(ids, (id) => open(id, 1_000))
      const moves = Array.from({ length: 200 }, (_, i) =>
        Effect.ignore(transfer(ids[i % 4]!, ids[(i * 7 + 1) % 4]!, eur(1 + i * 3))))
      yield* Effect.all(moves, { concurrency: "unbounded" })
      const balances = yield* Effect.forEach(ids, balance)
      assert.strictEqual(
        balances.reduce<number>((sum, one) =>
          sum + Number(one), 0),
        4_000
      )
      assert.isTrue(balances.every((one) => Number(one) >= 0))
    }).pipe(Effect.provide(layer)))
})

describe("Balances", () => {
  it.effect("follow the account until it is closed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Balances.get("ada"), Option.none())
      yield* open(ada, 100)
      yield* open(bob, 7)
      assert.deepStrictEqual(yield* Balances.get("ada"), Option.some({ owner: "ada", currency: "EUR", cents: 100 }))
      yield* BankAccount.execute(ada, Withdraw.make(eur(100)))
      assert.deepStrictEqual(yield* Balances.get("ada"), Option.some({ owner: "ada", currency: "EUR", cents: 0 }))
      yield* BankAccount.execute(ada, Close.make({}))
      assert.deepStrictEqual(yield* Balances.get("ada"), Option.none())
      assert.deepStrictEqual(yield* Balances.get("bob"), Option.some({ owner: "bob", currency: "EUR", cents: 7 }))
    }).pipe(Effect.provide(layer)))

  it.effect("know an old deposit", () =>
    Effect.gen(function*() {
      yield* open(bob)
      const store = yield* EventStore.EventStore
      yield* store.append({
        writes: [{
          stream: StreamName.make(BankAccount.name, bob),
          expected: 1,
          events: [{ type: "MoneyDeposited", revision: 1, payload: { euros: 12.34 } }]
        }]
      })
      assert.deepStrictEqual(yield* Balances.get("bob"), Option.some({ owner: "bob", currency: "EUR", cents: 1_234 }))
    }).pipe(Effect.provide(layer)))
})

describe("an earlier time", () => {
  it.effect("is asked for by when things happened", () =>
    Effect.gen(function*() {
      const day = (iso: string) => DateTime.makeUnsafe(`${iso}T00:00:00Z`)
      yield* open(ada).pipe(Metadata.provide({ occurredAt: day("1993-01-01") }))
      for (const date of ["1993-01-05", "1993-01-09"]) {
        yield* BankAccount.execute(ada, Deposit.make(eur(5))).pipe(Metadata.provide({ occurredAt: day(date) }))
      }
      const { state, version } = yield* BankAccount.load(ada, { at: { occurredAt: day("1993-01-08") } })
      assert.deepStrictEqual({ state, version }, { state: { _tag: "Active", currency: "EUR", balance: 5 }, version: 2 })
    }).pipe(Effect.provide(layer)))
})
