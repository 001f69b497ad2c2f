import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { EventStore, Snapshots, SnapshotStore, StateCache, StoreAdmin, StreamName, Upcaster } from "@varve/core"
import { Effect, Layer, Option } from "effect"
import { Account, active, Deposit, Id, Open } from "../core/Account.ts"
import { planOf, run, type Settings } from "../core/StateWorld.ts"
import * as TestServer from "../support/TestServer.ts"

const ada = Id.make("ada")
const stream = StreamName.make("Account", "ada")
const open = Account.execute(ada, Open.make({ owner: "Ada" }))
const deposit = (cents: number) => Account.execute(ada, Deposit.make({ cents }))

const program = Layer.fresh(Account.layer).pipe(
  Layer.provide([Upcaster.layer(), StateCache.layer({ capacity: 10 }), Snapshots.layer({ every: 1 })])
)

const setUp = Effect.gen(function*() {
  const snapshots = yield* SnapshotStore.SnapshotStore
  const sql = yield* PgClient.PgClient
  return {
    sql,
    admin: yield* StoreAdmin.StoreAdmin,
    save: (version: number) => snapshots.save({ stream, revision: 1, version, state: { version } }),
    find: Effect.map(
      snapshots.find(stream, 1),
      (found) => Option.getOrUndefined(Option.map(found, ({ version }) => version))
    )
  }
})

const fill = (count: number) =>
  EventStore.EventStore.use((store) =>
    store.append({
      writes: [{
        stream,
        expected: 0,
        events: [
          { type: "Opened", revision: 1, payload: { owner: "Ada" } },
          ...Array.from({ length: count - 1 }, () => ({ type: "Deposited", revision: 2, payload: { cents: 1 } }))
        ]
      }]
    })
  )

const suite = (provide: <A, E>(self: Effect.Effect<A, E, TestServer.Provides>) => Effect.Effect<A, E>) => {
  it.live("what is decided in a transaction is neither cached nor saved, and rolls back with it", () =>
    provide(
      Effect.gen(function*() {
        const { find, sql } = yield* setUp
        yield* open
        yield* deposit(5)
        const inside = yield* Effect.flip(sql.withTransaction(Effect.gen(function*() {
          expect((yield* deposit(100)).state).toEqual(active(105))
          expect((yield* Account.load(ada)).state).toEqual(active(105))
          return yield* Effect.fail("rolled back")
        })))
        expect(inside).toBe("rolled back")
        expect(yield* Account.load(ada)).toEqual({ state: active(5), version: 2 })
        const { state, version } = yield* deposit(1)
        expect([state, version]).toEqual([active(6), 3])
        return find
      }).pipe(
        Effect.provide(program, { local: true }),
        // The layer has ended, so what was to be saved is.
        Effect.flatMap((find) => Effect.map(find, (version) => expect(version).toBe(3)))
      )
    ))

  it.live("an erasure that rolls back takes nothing with it", () =>
    provide(Effect.gen(function*() {
      const { admin, find, save, sql } = yield* setUp
      yield* fill(4)
      yield* save(4)
      yield* Effect.flip(sql.withTransaction(Effect.andThen(
        admin.erase({ stream, from: 2, to: 4 }),
        Effect.andThen(Effect.map(find, (version) => expect(version).toBe(undefined)), Effect.fail("rolled back"))
      )))
      expect(yield* find).toBe(4)
      yield* save(5)
      expect(yield* find).toBe(5)
    })))

  it.live("payloads are erased at the isolation level that sees what is saved meanwhile", () =>
    provide(Effect.gen(function*() {
      const { admin, find, save, sql } = yield* setUp
      yield* fill(4)
      yield* save(4)
      const error = yield* Effect.flip(sql.withTransaction(Effect.gen(function*() {
        yield* sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
        return yield* admin.erase({ stream, from: 2, to: 4 })
      })))
      expect(error).toMatchObject({ _tag: "EventStoreError", operation: "admin", reason: { _tag: "Refused" } })
      expect(error.message).toBe(
        "database: expected a transaction of isolation level read committed, got another level"
      )
      expect(yield* find).toBe(4)
    })))
}

describe("embedded", () => {
  const shared = TestServer.sharedEmbedded()
  suite((self) => Effect.provide(self, shared, { local: true }))
})

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  suite((self) => Effect.provide(self, TestServer.layer()))

  it.live("what is saved while an erasure is under way is not kept, and nobody waits", () =>
    Effect.gen(function*() {
      const { admin, find, save, sql } = yield* setUp
      const other = yield* Layer.build(
        Layer.fresh(Layer.effect(SnapshotStore.SnapshotStore, SnapshotStore.SnapshotStore))
      )
      yield* fill(4)
      yield* save(3)
      // The other one is not in the transaction.
      const outside = Effect.provideContext(Effect.suspend(() => save(4)), other)
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* admin.erase({ stream, from: 4, to: 4 })
        yield* Effect.promise(() => Effect.runPromise(outside))
      }))
      expect(yield* find).toBe(3)
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer())))

  it.live("change nothing of what comes of commands and loads", () =>
    Effect.gen(function*() {
      const plain: Settings = { capacity: 0, every: undefined }
      for (const [i, settings] of [{ capacity: 0, every: 2 }, { capacity: 2, every: 3 }].entries()) {
        const seed = `states of a server ${i}`
        const plan = yield* planOf(seed, 40)
        const reference = yield* run(plan, [plain, plain])
        const subject = yield* run(plan, [settings, plain], TestServer.layer())
        expect(subject.outcomes, `seed "${seed}"`).toEqual(reference.outcomes)
        expect(subject.stored, `seed "${seed}"`).toEqual(reference.stored)
      }
    }), 60_000)

  it.live("a database that has lost its snapshots goes on without", () =>
    Effect.gen(function*() {
      const { sql } = yield* setUp
      yield* fill(3)
      yield* sql`ALTER TABLE varve.snapshots RENAME TO lost`
      yield* Effect.gen(function*() {
        expect(yield* Account.load(ada)).toEqual({ state: active(2), version: 3 })
        expect((yield* deposit(5)).state).toEqual(active(7))
      }).pipe(Effect.provide(program, { local: true }))
    }).pipe(Effect.provide(TestServer.layer())))

  it.live("programs of before erase snapshots as well", () =>
    Effect.gen(function*() {
      const { find, save, sql } = yield* setUp
      yield* fill(4)
      yield* save(4)
      yield* sql`SELECT varve.erase_1('', 'Account', 'ada', 3, 3)`
      expect(yield* find).toBe(undefined)
      yield* save(4)
      expect(yield* find).toBe(undefined)
    }).pipe(Effect.provide(TestServer.layer())))
})
