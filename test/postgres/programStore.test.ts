/**
 * What a program store on PostgreSQL does beside its contract.
 */
import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { CommitId, EventStoreError, ProgramStore } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Duration, Effect, Fiber, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import * as Locks from "../support/Locks.ts"
import * as TestServer from "../support/TestServer.ts"

const place = (revision: number): ProgramStore.Wanted => ({
  category: "Account",
  type: "Opened",
  revision,
  formerly: []
})

const entry = (name: string, revision: number): ProgramStore.Entry => ({
  id: CommitId.generateUnsafe(),
  name,
  reads: [place(revision)],
  writes: [place(revision)],
  expiry: Duration.minutes(1)
})

const enter = (one: ProgramStore.Entry) => ProgramStore.ProgramStore.use((store) => store.enter(one))

const names = ProgramStore.ProgramStore.use((store) => store.programs).pipe(
  Effect.map((programs) => programs.map(({ name }) => name))
)

const reasonOf = <A, R>(effect: Effect.Effect<A, EventStoreError.EventStoreError, R>) =>
  Effect.map(Effect.flip(effect), ({ operation, reason }) => {
    expect(operation).toBe("programs")
    return reason
  })

type Provide = <A, E>(self: Effect.Effect<A, E, TestServer.Provides>) => Effect.Effect<A, E>

const onStore = (provide: Provide) => {
  it.live("refuses to enter a program in a transaction of the program, which can be rolled back", () =>
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const reason = yield* reasonOf(
        sql.withTransaction(enter(entry("inside", 1))).pipe(
          Effect.catchTag("SqlError", Effect.die)
        )
      )
      expect(reason).toMatchObject({ _tag: "Refused", what: "program inside" })
      expect(yield* names).toEqual([])
    }).pipe(provide))

  it.live("tells what is there in a transaction, too", () =>
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      yield* enter(entry("outside", 1))
      expect(yield* sql.withTransaction(names)).toEqual(["outside"])
    }).pipe(provide))
}

describe("a program store, embedded", () => {
  const embedded = TestServer.sharedEmbedded()
  onStore((self) => Effect.provide(self, embedded))
})

describe.skipIf(TestServer.skipped !== undefined)("a program store on a server", () => {
  onStore((self) => Effect.provide(self, TestServer.layer()))

  const open = (url: string, options: Omit<Postgres.PoolConfig, "url"> = {}) =>
    Postgres.layerPool({ ...options, url: Redacted.make(url) })

  /** A connection of its own. */
  const connect = (url: string) =>
    PgClient.makeClient({ url: Redacted.make(url) }).pipe(Effect.provide(Reactivity.layer))

  it.live("keeps what may be written when everybody has gone", () =>
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const first = entry("first", 2)
      yield* Effect.provide(enter(first), open(url))
      const programs = yield* Effect.provide(names, open(url))
      expect(programs).toEqual(["first"])
      yield* Effect.provide(ProgramStore.ProgramStore.use((store) => store.leave(first.id)), open(url))
      expect(yield* Effect.provide(reasonOf(enter(entry("late", 1))), open(url))).toMatchObject({ _tag: "Refused" })
    }).pipe(Effect.scoped))

  it.live("refuses a level of isolation at which it cannot see who entered just before", () =>
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const sql = yield* connect(url)
      const database = new URL(url).pathname.slice(1)
      yield* Effect.scoped(Effect.provide(names, open(url)))
      yield* sql`ALTER DATABASE ${sql(database)} SET default_transaction_isolation TO 'repeatable read'`
      const reason = yield* Effect.provide(reasonOf(enter(entry("one", 1))), open(url))
      expect(reason).toMatchObject({ _tag: "Refused", expected: "read committed", actual: "repeatable read" })
    }).pipe(Effect.scoped))

  it.live("waits for who enters before it, and gives up after the time that it has for locks", () =>
    Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* Effect.provide(
        Effect.gen(function*() {
          const sql = yield* connect(url)
          const { waiters } = yield* Locks.watch(url)
          yield* sql`BEGIN`
          yield* sql`SELECT pg_advisory_xact_lock(hashtextextended('varve programs "varve"', 0))::text`
          expect(yield* reasonOf(enter(entry("impatient", 1)))).toMatchObject({ _tag: "Unavailable" })
          const waiting = yield* Effect.forkChild(enter(entry("patient", 1)))
          yield* waiters(1)
          yield* sql`ROLLBACK`
          yield* Fiber.join(waiting)
          expect(yield* names).toEqual(["patient"])
        }),
        open(url, { lockTimeout: "1 second" })
      )
    }).pipe(Effect.scoped))

  it.live("is not in the way of who appends, nor they in its way", () =>
    Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* names
          const lock = yield* Locks.hold(url)
          yield* enter(entry("one", 1))
          yield* lock.release
        }),
        open(url)
      )
    }).pipe(Effect.scoped))
})
