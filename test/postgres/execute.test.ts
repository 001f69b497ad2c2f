import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { CommitId, EventStore, Upcaster } from "@varve/core"
import { BankAccount, Close, Deposit, Id, NotOpen, Open, Withdraw } from "@varve/example-bank/BankAccount"
import { Postgres } from "@varve/postgres"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import * as TestServer from "../support/TestServer.ts"

const ada = Id.make("ada")
const open = BankAccount.execute(ada, Open.make({ owner: "Ada", currency: "EUR" }))
const deposit = (cents: number) => BankAccount.execute(ada, Deposit.make({ cents, currency: "EUR" }))
const unbounded = { concurrency: "unbounded" } as const

const provideBank = BankAccount.layer.pipe(Layer.provide(Upcaster.layer()))

type Provide = <A, E>(self: Effect.Effect<A, E, TestServer.Provides>) => Effect.Effect<A, E>

const onStore = (provide: Provide) => {
  it.live("1,000 concurrent commands on one account are all accepted", () =>
    open.pipe(
      Effect.andThen(Effect.forEach(Array.from({ length: 1_000 }), () => deposit(1), unbounded)),
      Effect.andThen(BankAccount.load(ada)),
      Effect.map((loaded) =>
        expect(loaded).toEqual({ state: { _tag: "Active", currency: "EUR", balance: 1_000 }, version: 1_001 })
      ),
      Effect.provide(provideBank),
      provide
    ))

  it.live("commands with ids of their own, each sent twice at once, count once", () =>
    Effect.gen(function*() {
      yield* open
      const ids = Array.from({ length: 50 }, () => CommitId.generateUnsafe())
      const outcomes = yield* Effect.forEach(
        [...ids, ...ids],
        (commitId) => BankAccount.execute(ada, Deposit.make({ cents: 1, currency: "EUR" }), { commitId }),
        unbounded
      )
      expect(new Set(outcomes.map(({ version }) => version)).size).toBe(50)
      expect((yield* BankAccount.load(ada)).version).toBe(51)
    }).pipe(Effect.provide(provideBank), provide))

  it.live("what a transaction of the program decided and rolled back is no ground for others", () =>
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      yield* open
      const begun = yield* Deferred.make<void>()
      const decided = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const closing = yield* Deferred.succeed(begun, undefined).pipe(
        // The account is at work in this process from here on, so what is decided could be handed on.
        Effect.andThen(BankAccount.execute(ada, Close.make({}))),
        Effect.andThen(Deferred.succeed(decided, undefined)),
        Effect.andThen(Deferred.await(goOn)),
        Effect.andThen(Effect.fail("rolled back")),
        sql.withTransaction,
        Effect.flip,
        Effect.forkChild
      )
      yield* Deferred.await(begun)
      const waiting = yield* Effect.forkChild(Effect.forEach([1, 2, 3], deposit, unbounded))
      yield* Deferred.await(decided)
      yield* Deferred.succeed(goOn, undefined)
      expect(yield* Fiber.join(closing)).toBe("rolled back")
      yield* Fiber.join(waiting)
      expect((yield* BankAccount.load(ada)).state).toEqual({ _tag: "Active", currency: "EUR", balance: 6 })
    }).pipe(Effect.provide(provideBank), provide))

  it.live("a command in a transaction of the program sees what the transaction has written", () =>
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const { state } = yield* sql.withTransaction(Effect.andThen(open, Effect.andThen(deposit(5), deposit(6))))
      expect(state).toEqual({ _tag: "Active", currency: "EUR", balance: 11 })
      const withdraw = BankAccount.execute(ada, Withdraw.make({ cents: 11, currency: "EUR" }))
      const failed = yield* Effect.flip(sql.withTransaction(Effect.andThen(withdraw, Effect.fail(new NotOpen()))))
      expect(failed).toEqual(new NotOpen())
      expect((yield* BankAccount.load(ada)).state).toEqual(state)
    }).pipe(Effect.provide(provideBank), provide))
}

describe("execute on an embedded store", () => {
  const embedded = TestServer.sharedEmbedded()
  onStore((self) => Effect.provide(self, embedded))
})

describe.skipIf(TestServer.skipped !== undefined)("execute on a server", () => {
  onStore((self) => Effect.provide(self, TestServer.layer()))

  it.live("works with one connection while everything is read", () =>
    Effect.gen(function*() {
      yield* open
      const read = yield* Effect.forkChild(Effect.forEach(
        Array.from({ length: 20 }),
        () => Stream.runCount(EventStore.readAll({ limit: 7 }))
      ))
      yield* Effect.forEach(Array.from({ length: 100 }), () => deposit(1), unbounded)
      expect((yield* Fiber.join(read)).length).toBe(20)
      expect((yield* BankAccount.load(ada)).version).toBe(101)
    }).pipe(Effect.provide(provideBank), Effect.provide(TestServer.layer({ maxConnections: 1 }))))

  it.live("two programs on one account: every command is accepted once", () =>
    Effect.gen(function*() {
      yield* open
      const client = yield* PgClient.PgClient
      const other = Layer.fresh(Postgres.layer()).pipe(Layer.provide(Layer.succeed(PgClient.PgClient, client)))
      const elsewhere = Layer.fresh(BankAccount.layer).pipe(Layer.provide([other, Upcaster.layer()]))
      const many = Effect.forEach(Array.from({ length: 100 }), () => deposit(1), { concurrency: 8 })
      yield* Effect.all([many, Effect.provide(many, elsewhere)], unbounded)
      expect((yield* BankAccount.load(ada)).version).toBe(201)
    }).pipe(Effect.provide(provideBank), Effect.provide(TestServer.layer({ maxConnections: 4 }))))
})
