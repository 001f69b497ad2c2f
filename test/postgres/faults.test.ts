import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { type Commit, CommitId, EventStore, StoreAdmin, StreamName } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Fiber, Latch, Layer, Option, Redacted, type Scope, Stream } from "effect"
import * as Locks from "../support/Locks.ts"
import * as Program from "../support/Program.ts"
import * as Proxy from "../support/Proxy.ts"
import * as TestServer from "../support/TestServer.ts"

const commitOf = (
  id: string,
  expected: Commit.Expected = "any"
): Commit.Commit & { readonly id: CommitId.CommitId } => ({
  id: CommitId.generateUnsafe(),
  writes: [{ stream: StreamName.make("Account", id), expected, events: [{ type: "Opened", revision: 1, payload: {} }] }]
})

const storeAt = (url: string, config?: Omit<Postgres.PoolConfig, "url">) =>
  Effect.map(
    Layer.build(Postgres.layerPool({ ...config, url: Redacted.make(url) })),
    (context) => ({
      store: Effect.runSync(Effect.provideContext(EventStore.EventStore, context)),
      admin: Effect.runSync(Effect.provideContext(StoreAdmin.StoreAdmin, context)),
      sql: Effect.runSync(Effect.provideContext(PgClient.PgClient, context))
    })
  )

const test = (name: string, body: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body).pipe(Effect.timeout("30 seconds")), 40_000)

describe.skipIf(TestServer.skipped !== undefined)("a server with faults", () => {
  test(
    "a connection that is ended during an append: the outcome is unknown, and the same id goes once",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { admin, sql, store } = yield* storeAt(url)
      const lock = yield* Locks.hold(url)
      const commit = commitOf("1")
      const fiber = yield* Effect.forkScoped(Effect.flip(store.append(commit)))
      const [pid] = yield* lock.waiters(1)
      yield* sql`SELECT pg_terminate_backend(${pid!})`
      const { reason } = yield* Fiber.join(fiber)
      expect(reason).toMatchObject({ _tag: "OutcomeUnknown", commitId: commit.id })
      yield* lock.release
      const receipt = yield* store.append(commit)
      expect(receipt).toMatchObject({ first: 1, last: 1 })
      expect(yield* store.append(commit)).toEqual({ ...receipt, replayed: true })
      expect(yield* store.head).toBe(1)
      expect(yield* admin.verify).toEqual([])
    })
  )

  test(
    "an answer that is lost after the commit: the outcome is unknown, and the same id finds it",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const proxy = yield* Proxy.make(url)
      const { store } = yield* storeAt(proxy.url)
      const direct = yield* storeAt(url)
      yield* store.append(commitOf("before"))
      const commits = [commitOf("1", 0), commitOf("2", 0)]
      yield* proxy.cutAnswers
      const errors = yield* Effect.all(commits.map((commit) => Effect.flip(store.append(commit))), {
        concurrency: "unbounded"
      })
      expect(errors.map(({ reason }) => reason)).toMatchObject(
        commits.map(({ id }) => ({ _tag: "OutcomeUnknown", commitId: id }))
      )
      yield* proxy.restore
      // The session may still be at it when its client is gone: whoever gets the lock after it sees what it did.
      expect(yield* direct.store.append(commits[1]!)).toMatchObject({ replayed: true, first: 3 })
      expect(yield* store.append(commits[0]!)).toMatchObject({ replayed: true, first: 2 })
      expect(yield* store.findCommit(commits[0]!.id)).toMatchObject(Option.some({ first: 2 }))
      expect(yield* store.head).toBe(3)
    })
  )

  test(
    "a server that is gone: unavailable, since nothing was sent",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const proxy = yield* Proxy.make(url)
      const { store } = yield* storeAt(proxy.url)
      yield* store.append(commitOf("1"))
      yield* proxy.close
      // A pooled connection may be found dead on use only: that append was sent, for all that anybody knows.
      yield* Effect.exit(store.append(commitOf("1")))
      const errors = [
        yield* Effect.flip(store.append(commitOf("1"))),
        yield* Effect.flip(store.readPage({})),
        yield* Effect.flip(store.head)
      ]
      expect(errors.map(({ reason }) => reason._tag)).toEqual(["Unavailable", "Unavailable", "Unavailable"])
      expect(errors[0]!.reason).toMatchObject({
        what: "database",
        expected: "a server that listens",
        actual: "connection refused"
      })
    })
  )

  test(
    "a writer that keeps the lock: others wait, and then it is unavailable",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { sql, store } = yield* storeAt(url, { lockTimeout: "300 millis" })
      const lock = yield* Locks.hold(url)
      const from = performance.now()
      const error = yield* Effect.flip(store.append(commitOf("1")))
      const waited = performance.now() - from
      expect(error.reason).toMatchObject({ _tag: "Unavailable", expected: "the lock of the writers in time" })
      expect(waited).toBeGreaterThan(290)
      expect(waited).toBeLessThan(5_000)
      // The same inside of a transaction, which stays usable.
      const inside = yield* sql.withTransaction(Effect.gen(function*() {
        const error = yield* Effect.flip(store.append(commitOf("1")))
        const [row] = yield* sql<{ lock_timeout: string }>`SHOW lock_timeout`
        return { tag: error.reason._tag, lockTimeout: row!.lock_timeout }
      }))
      expect(inside).toEqual({ tag: "Unavailable", lockTimeout: "0" })
      // Readers do not wait.
      expect(yield* store.readPage({})).toEqual({ events: [], scannedTo: 0, atHead: true })
      yield* lock.release
      expect(yield* store.append(commitOf("1"))).toMatchObject({ first: 1 })
    })
  )

  test(
    "the next writer waits until the one before has committed, so that no reader skips an event",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { sql, store } = yield* storeAt(url)
      const other = yield* storeAt(url)
      const watcher = yield* Locks.watch(url)
      const inside = Latch.makeUnsafe(false)
      const finish = Latch.makeUnsafe(false)
      const first = yield* Effect.forkScoped(sql.withTransaction(
        Effect.tap(store.append(commitOf("1")), Effect.andThen(inside.open, finish.await))
      ))
      yield* inside.await
      const second = yield* Effect.forkScoped(other.sql.withTransaction(Effect.gen(function*() {
        const receipt = yield* other.store.append(commitOf("2"))
        const [row] = yield* other.sql<{ lock_timeout: string }>`SHOW lock_timeout`
        return { first: receipt.first, lockTimeout: row!.lock_timeout }
      })))
      yield* watcher.waiters(1)
      expect(yield* store.readPage({})).toEqual({ events: [], scannedTo: 0, atHead: true })
      yield* finish.open
      expect(yield* Fiber.join(first)).toMatchObject({ first: 1 })
      expect(yield* Fiber.join(second)).toEqual({ first: 2, lockTimeout: "0" })
      expect((yield* store.readPage({})).events.map(({ position }) => position)).toEqual([1, 2])
    })
  )

  test(
    "nobody waits longer than told, in the queue or in the database",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { store } = yield* storeAt(url, { lockTimeout: "20 seconds", timeout: "300 millis" })
      const lock = yield* Locks.hold(url)
      const from = performance.now()
      const first = yield* Effect.forkScoped(Effect.flip(store.append(commitOf("1"))))
      yield* lock.waiters(1)
      const second = yield* Effect.forkScoped(Effect.flip(store.append(commitOf("2"))))
      expect((yield* Fiber.join(first)).reason._tag).toBe("OutcomeUnknown")
      expect((yield* Fiber.join(second)).reason._tag).toMatch(/^(Unavailable|OutcomeUnknown)$/)
      expect(performance.now() - from).toBeLessThan(10_000)
      yield* lock.release
      expect(yield* store.append(commitOf("3"))).toMatchObject({ first: 1 })
    })
  )

  test(
    "an append that is interrupted before it is sent is withdrawn, one that was sent is awaited",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { store } = yield* storeAt(url)
      const lock = yield* Locks.hold(url)
      const [sent, queued, other] = [commitOf("1"), commitOf("2"), commitOf("3")]
      const first = yield* Effect.forkScoped(store.append(sent))
      yield* lock.waiters(1)
      const second = yield* Effect.forkScoped(store.append(queued), { startImmediately: true })
      const third = yield* Effect.forkScoped(store.append(other), { startImmediately: true })
      // This returns at once: nobody waits for the batch before.
      yield* Fiber.interrupt(second)
      const interrupting = yield* Effect.forkScoped(Fiber.interrupt(first), { startImmediately: true })
      yield* lock.waiters(1)
      expect(interrupting.pollUnsafe()).toBeUndefined()
      yield* lock.release
      yield* Fiber.join(interrupting)
      expect(yield* Fiber.join(third)).toMatchObject({ first: 2 })
      expect((yield* store.findCommit(sent.id))._tag).toBe("Some")
      expect((yield* store.findCommit(queued.id))._tag).toBe("None")
      expect(yield* store.head).toBe(2)
    })
  )

  test(
    "closing the store answers those who wait",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const lock = yield* Locks.hold(url)
      const [sent, queued] = [commitOf("1"), commitOf("2")]
      const [first, second] = yield* Effect.scoped(Effect.gen(function*() {
        const { store } = yield* storeAt(url)
        const first = yield* Effect.forkDetach(Effect.exit(store.append(sent)))
        yield* lock.waiters(1)
        const second = yield* Effect.forkDetach(Effect.flip(store.append(queued)), { startImmediately: true })
        yield* Effect.forkDetach(Effect.andThen(Fiber.await(second), lock.release))
        return [first, second] as const
      }))
      expect((yield* Fiber.join(second)).reason).toMatchObject({ _tag: "Unavailable", what: "event store" })
      expect((yield* Fiber.join(first))._tag).toBe("Success")
    })
  )

  test(
    "a pool of one connection does not hang",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { sql, store } = yield* storeAt(url, { maxConnections: 1 })
      for (let i = 0; i < 5; i++) yield* store.append(commitOf("1"))
      const copied = yield* EventStore.readAll({ until: 5, limit: 1 }).pipe(
        Stream.mapEffect(() => store.append(commitOf("2"))),
        Stream.runCount,
        Effect.provideService(EventStore.EventStore, store)
      )
      expect(copied).toBe(5)
      // A transaction that holds the connection, and others who want it.
      const inside = Latch.makeUnsafe(false)
      const others = yield* Effect.forkScoped(Effect.andThen(
        inside.await,
        Effect.all([store.append(commitOf("3")), store.readPage({ after: 10, limit: 1 }), store.head], {
          concurrency: 3
        })
      ))
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* inside.open
        yield* store.append(commitOf("4"))
        expect((yield* store.readPage({ after: 10 })).events.length).toBe(1)
        expect((yield* store.readStreamPage({ stream: StreamName.make("Account", "4") })).events.length).toBe(1)
      }))
      yield* Fiber.join(others)
      expect(yield* store.head).toBe(12)
    })
  )

  test(
    "a connection that is lost in a transaction: unavailable, as the transaction cannot be committed",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { sql, store } = yield* storeAt(url)
      const { sql: other } = yield* storeAt(url)
      const reasons: Array<string> = []
      const exit = yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
        const [row] = yield* sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`
        yield* other`SELECT pg_terminate_backend(${row!.pid}, 5000)`
        reasons.push((yield* Effect.flip(store.append(commitOf("1")))).reason._tag)
        reasons.push((yield* Effect.flip(store.head)).reason._tag)
      })))
      expect(reasons).toEqual(["Unavailable", "Unavailable"])
      expect(exit._tag).toBe("Failure")
      expect(yield* store.head).toBe(0)
    })
  )

  test(
    "two processes race for one version: one append wins",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { admin, store } = yield* storeAt(url)
      const programs = [yield* Program.start("race.ts", [url]), yield* Program.start("race.ts", [url])]
      for (const program of programs) expect(yield* program.line).toBe("ready")
      for (const program of programs) yield* program.send("go")
      const results = (yield* Effect.forEach(programs, ({ line }) => line)).flatMap((line): ReadonlyArray<string> =>
        JSON.parse(line)
      )
      expect(results.length).toBe(128)
      expect(results.filter((result) => result === "Won").length).toBe(1)
      expect(results.filter((result) => result === "Conflict at 1").length).toBe(127)
      expect(yield* store.head).toBe(1)
      expect(yield* admin.verify).toEqual([])
    })
  )
})
