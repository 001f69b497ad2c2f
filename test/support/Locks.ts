/**
 * Holds the lock of the writers, as a writer does that was stopped, and waits until others queue up behind it.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted, type Scope } from "effect"
import { Reactivity } from "effect/reactivity"

export interface Watcher {
  /** Waits until so many sessions wait for the lock, and tells their process ids. Bounded. */
  readonly waiters: (count: number) => Effect.Effect<ReadonlyArray<number>>
}

export interface HeldLock extends Watcher {
  /** Ends the transaction that has the lock. */
  readonly release: Effect.Effect<void>
}

const connect = (url: string) =>
  PgClient.makeClient({ url: Redacted.make(url) }).pipe(Effect.provide(Reactivity.layer), Effect.orDie)

/** Watches who waits for the locks of a database. */
export const watch = (url: string): Effect.Effect<Watcher, never, Scope.Scope> =>
  Effect.map(connect(url), (sql) => ({
    waiters: (count) =>
      sql<{ pid: number }>`SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`.pipe(
        Effect.map((rows) => rows.map(({ pid }) => pid)),
        Effect.repeat({ until: (pids) => pids.length >= count }),
        Effect.timeout("10 seconds"),
        Effect.orDie
      )
  }))

/** Takes the lock of the store in the schema `varve` of a database. */
export const hold = (url: string): Effect.Effect<HeldLock, never, Scope.Scope> =>
  Effect.gen(function*() {
    const sql = yield* connect(url)
    const watcher = yield* watch(url)
    yield* sql`BEGIN`
    yield* sql`SELECT pg_advisory_xact_lock(hashtextextended('varve append "varve"', 0))::text`
    return { ...watcher, release: Effect.orDie(Effect.asVoid(sql`ROLLBACK`)) }
  }).pipe(Effect.orDie)
