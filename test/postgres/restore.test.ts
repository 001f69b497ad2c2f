/**
 * Copies, where a database is involved: what cases of the contract cannot tell of every store.
 */
import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { CommitId, EventStore, RowStore, StoreAdmin, StoredEvent } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { DateTime, Effect, Fiber, Layer, Redacted, type Scope } from "effect"
import * as Locks from "../support/Locks.ts"
import * as TestServer from "../support/TestServer.ts"
import { append, catchUp, counts, riding, streamOf, target } from "./Counting.ts"

/** One event behind the head, in a commit of its own. */
const next = Effect.gen(function*() {
  const store = yield* EventStore.EventStore
  const stream = streamOf("restored")
  const { events: [before] } = yield* store.readStreamPage({ stream, direction: "backward", limit: 1 })
  const commitId = CommitId.generateUnsafe()
  const head = yield* store.head
  const event: StoredEvent.StoredEvent = {
    id: StoredEvent.id(commitId, 0),
    commitId,
    commitIndex: 0,
    stream,
    version: (before?.version ?? 0) + 1,
    position: StoredEvent.position(head + 1),
    type: "Counted",
    revision: 1,
    payload: {},
    metadata: {},
    occurredAt: DateTime.makeUnsafe(0),
    recordedAt: DateTime.nowUnsafe()
  }
  return event
})

const restore = Effect.flatMap(next, (event) => StoreAdmin.StoreAdmin.use((admin) => admin.restore([event])))

const head = EventStore.EventStore.use(({ head }) => head)

const suite = (provide: <A, E>(self: Effect.Effect<A, E, TestServer.Provides>) => Effect.Effect<A, E>) => {
  const test = (name: string, body: Effect.Effect<void, unknown, TestServer.Provides | Scope.Scope>) =>
    it.live(name, () => provide(Effect.scoped(body)))

  test(
    "a restore leaves behind what rides with appends, until it is caught up",
    Effect.gen(function*() {
      const rider = yield* riding()
      yield* append("a")
      const restored = yield* restore
      expect(rider.positions).toEqual([restored])
      const [entry] = yield* RowStore.RowStore.use((rows) => rows.entries({ kind: "projection", name: target.name }))
      expect(entry!.checkpoints[0].position).toBe(restored - 1)
      // It does not ride while it is behind, and is never wrong.
      yield* append("b")
      expect((yield* counts).rows).toEqual([["a", 1]])
      yield* catchUp
      const { events, rows } = yield* counts
      expect(rows).toEqual(events)
      expect(rows).toContainEqual(["restored", 1])
      yield* append("c")
      expect((yield* counts).rows).toContainEqual(["c", 1])
    })
  )

  test(
    "a restore in a transaction of the program goes with it",
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const rider = yield* riding()
      yield* Effect.flip(sql.withTransaction(Effect.andThen(restore, Effect.fail("no" as const))))
      expect(yield* head).toBe(0)
      expect(rider.positions).toEqual([])
      const within = sql.withTransaction(Effect.map(restore, (head) => [head, [...rider.positions]]))
      expect(yield* within).toEqual([1, []])
      expect([yield* head, rider.positions]).toEqual([1, [1]])
    })
  )

  test(
    "a restore refuses a transaction that sees the past",
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const error = yield* Effect.flip(
        sql.withTransaction(Effect.andThen(sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`, restore))
      )
      expect(error.message).toBe("isolation level of the transaction: expected read committed, got repeatable read")
      expect(yield* head).toBe(0)
    })
  )
}

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  suite((self) => Effect.scoped(Effect.provide(self, TestServer.layer())))

  const on = (url: string, options: Postgres.Options) =>
    Postgres.layerPool({ url: Redacted.make(url), maxConnections: 2, ...options }).pipe(Layer.orDie)

  it.live("a restore waits for the lock of the writers, so long as it may", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* Effect.provide(head, on(url, {}))
      const held = yield* Locks.hold(url)
      const error = yield* Effect.flip(Effect.provide(restore, on(url, { lockTimeout: "50 millis" })))
      expect(error.message).toBe("database: expected the lock of the writers in time, got held by another writer")
      const waiting = yield* Effect.forkChild(Effect.provide(restore, on(url, {})))
      yield* held.waiters(1)
      yield* held.release
      expect(yield* Fiber.join(waiting)).toBe(1)
    })))

  it.live("of a restore that is not answered in time nothing is known", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* Effect.provide(head, on(url, {}))
      const held = yield* Locks.hold(url)
      const error = yield* Effect.flip(
        Effect.provide(restore, on(url, { timeout: "300 millis", lockTimeout: "10 seconds" }))
      )
      expect(error.reason._tag).toBe("OutcomeUnknown")
      yield* held.release
    })))
})

describe("embedded", () => {
  const embedded = TestServer.sharedEmbedded()
  suite((self) => Effect.scoped(Effect.provide(self, embedded)))
})
