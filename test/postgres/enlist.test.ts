import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { type Commit, CommitId, EventStore, StreamName } from "@varve/core"
import { Effect, Fiber, Queue, Stream } from "effect"
import { BeginTransaction } from "effect/sql/SqlClient"
import * as TestServer from "../support/TestServer.ts"

const stream = StreamName.make("Account", "1")

const commitOf = (expected: Commit.Expected): Commit.Commit & { readonly id: CommitId.CommitId } => ({
  id: CommitId.generateUnsafe(),
  writes: [{ stream, expected, events: [{ type: "Opened", revision: 1, payload: { a: 1 } }] }]
})

const setUp = Effect.gen(function*() {
  const store = yield* EventStore.EventStore
  const sql = yield* PgClient.PgClient
  yield* sql`CREATE TABLE notes (text text)`
  const notes = Effect.map(
    sql<{ text: string }>`SELECT text FROM notes ORDER BY text`,
    (rows) => rows.map(({ text }) => text)
  )
  return { store, sql, note: (text: string) => sql`INSERT INTO notes VALUES (${text})`, notes }
})

const suite = (provide: <A, E>(self: Effect.Effect<A, E, TestServer.Provides>) => Effect.Effect<A, E>) => {
  it.live("an append in a transaction is committed with it", () =>
    provide(Effect.gen(function*() {
      const { note, notes, sql, store } = yield* setUp
      const receipt = yield* sql.withTransaction(Effect.gen(function*() {
        yield* note("one")
        const receipt = yield* store.append(commitOf(0))
        // It is seen by the transaction, on its own connection.
        expect((yield* store.readPage({})).events.length).toBe(1)
        expect((yield* store.readStreamPage({ stream })).events.length).toBe(1)
        expect((yield* store.findCommit(receipt.commitId))._tag).toBe("Some")
        expect(yield* store.head).toBe(1)
        return receipt
      }))
      expect(receipt).toMatchObject({ first: 1, last: 1, replayed: false })
      expect(yield* notes).toEqual(["one"])
      expect((yield* store.readPage({})).events.map(({ commitId }) => commitId)).toEqual([receipt.commitId])
    })))

  it.live("a transaction that rolls back leaves nothing", () =>
    provide(Effect.gen(function*() {
      const { note, notes, sql, store } = yield* setUp
      const commit = commitOf(0)
      const exit = yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
        yield* note("one")
        yield* store.append(commit)
        return yield* Effect.fail("no")
      })))
      expect(exit._tag).toBe("Failure")
      expect(yield* notes).toEqual([])
      expect(yield* store.head).toBe(0)
      expect((yield* store.findCommit(commit.id))._tag).toBe("None")
      expect(yield* store.append(commit)).toMatchObject({ first: 1, replayed: false })
    })))

  it.live("an append that fails leaves the transaction usable, and nothing of itself", () =>
    provide(Effect.gen(function*() {
      const { note, notes, sql, store } = yield* setUp
      const known = commitOf(0)
      yield* store.append(known)
      const tags = yield* sql.withTransaction(Effect.gen(function*() {
        yield* note("before")
        const conflict = yield* Effect.flip(store.append(commitOf(0)))
        yield* note("between")
        const other: Commit.Commit = {
          ...known,
          writes: [{ ...known.writes[0], expected: "any", events: [{ type: "Other", revision: 1, payload: {} }] }]
        }
        const forged = yield* Effect.flip(store.append(other))
        const empty = yield* Effect.flip(
          store.append({ ...known, writes: [{ ...known.writes[0], stream: StreamName.make("no name", "1") }] })
        )
        const replayed = yield* store.append({ ...known, writes: [{ ...known.writes[0], expected: "any" }] })
        yield* note("after")
        return [conflict.reason._tag, forged.reason._tag, empty.reason._tag, replayed.replayed]
      }))
      expect(tags).toEqual(["Conflict", "Refused", "Refused", true])
      expect(yield* notes).toEqual(["after", "before", "between"])
      expect(yield* store.head).toBe(1)
    })))

  it.live("several appends of one transaction follow each other", () =>
    provide(Effect.gen(function*() {
      const { sql, store } = yield* setUp
      const commits = [commitOf(0), commitOf(1), commitOf(2)]
      const receipts = yield* sql.withTransaction(Effect.forEach(commits, (commit) => store.append(commit)))
      expect(receipts.map(({ first }) => first)).toEqual([1, 2, 3])
      // And those that run at once in it: one at a time, each behind its savepoint.
      yield* sql.withTransaction(
        Effect.forEach([1, 2, 3, 4], () => store.append(commitOf("any")), { concurrency: "unbounded" })
      )
      expect(yield* store.head).toBe(7)
    })))

  it.live("a savepoint that rolls back takes its append along, and no other", () =>
    provide(Effect.gen(function*() {
      const { sql, store } = yield* setUp
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* store.append(commitOf(0))
        yield* Effect.exit(sql.withTransaction(Effect.andThen(store.append(commitOf(1)), Effect.fail("no"))))
        yield* store.append(commitOf(1))
      }))
      expect(yield* store.head).toBe(2)
    })))

  it.live("others are woken when the transaction is committed, and not before", () =>
    provide(Effect.scoped(Effect.gen(function*() {
      const { sql, store } = yield* setUp
      const wakeUps = yield* Queue.unbounded<number>()
      const running = yield* store.wakeUps.pipe(
        Stream.runForEach(() => Queue.offer(wakeUps, 1)),
        Effect.forkChild({ startImmediately: true })
      )
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* store.append(commitOf(0))
        yield* Effect.yieldNow
        expect(yield* Queue.size(wakeUps)).toBe(0)
      }))
      yield* Queue.take(wakeUps).pipe(Effect.timeout("5 seconds"))
      yield* Effect.exit(sql.withTransaction(Effect.andThen(store.append(commitOf(1)), Effect.fail("no"))))
      yield* store.append(commitOf(1))
      yield* Queue.take(wakeUps).pipe(Effect.timeout("5 seconds"))
      expect(yield* Queue.size(wakeUps)).toBe(0)
      yield* Fiber.interrupt(running)
    }))))

  it.live("a transaction of another isolation level is refused, and stays usable", () =>
    provide(Effect.gen(function*() {
      const { note, notes, sql, store } = yield* setUp
      const error = yield* sql.withTransaction(Effect.tap(Effect.flip(store.append(commitOf(0))), note("one"))).pipe(
        Effect.provideService(BeginTransaction, "BEGIN ISOLATION LEVEL REPEATABLE READ")
      )
      expect(error.reason).toMatchObject({
        _tag: "Refused",
        what: "isolation level of the transaction",
        expected: "read committed",
        actual: "repeatable read"
      })
      expect(yield* notes).toEqual(["one"])
      expect(yield* store.head).toBe(0)
    })))
}

describe.skipIf(TestServer.skipped !== undefined)(
  "on a server",
  () =>
    suite((self) =>
      Effect.scoped(Effect.provide(self, TestServer.layer())).pipe(Effect.timeout("15 seconds"), Effect.orDie)
    )
)

describe("embedded", () => {
  const embedded = TestServer.sharedEmbedded()
  suite((self) => Effect.scoped(Effect.provide(self, embedded)).pipe(Effect.timeout("15 seconds"), Effect.orDie))
})
