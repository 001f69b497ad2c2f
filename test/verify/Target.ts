/**
 * The store under test: where it lies, and how this process and others open it.
 */
import { PgClient } from "@effect/sql-pg"
import { EventStore, type EventStoreError, StoreAdmin } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Context, type Duration, Effect, Layer, Redacted, type Scope } from "effect"

/** What another process is told, in JSON. */
export interface Target {
  readonly url: string
  readonly schema: string
  /** False behind a pooler that knows no prepared statements. */
  readonly prepare: boolean
  /** What the sessions call themselves, so that those of this run can be found and ended. */
  readonly application: string
}

export interface Opened {
  readonly store: EventStore.EventStore["Service"]
  readonly admin: StoreAdmin.StoreAdmin["Service"]
  readonly sql: PgClient.PgClient
}

export interface Options {
  readonly maxConnections?: number | undefined
  readonly lockTimeout?: Duration.Input | undefined
}

/** Opens the store, over connections of its own. */
export const open = (
  { application, prepare, schema, url }: Target,
  options?: Options
): Effect.Effect<Opened, EventStoreError.EventStoreError, Scope.Scope> =>
  Effect.map(
    Layer.build(Postgres.layerPool({
      url: Redacted.make(url),
      schema,
      prepare,
      applicationName: application,
      maxConnections: options?.maxConnections ?? 1,
      lockTimeout: options?.lockTimeout
    })),
    (context) => ({
      store: Context.get(context, EventStore.EventStore),
      admin: Context.get(context, StoreAdmin.StoreAdmin),
      sql: Context.get(context, PgClient.PgClient)
    })
  )

/** Sessions that wait for the lock of the writers of the store. */
export const waitersSql = (schema: string): string =>
  `SELECT count(*)::int AS waiters
FROM pg_locks l, (SELECT hashtextextended('varve append "${schema}"', 0) AS key) k
WHERE l.locktype = 'advisory' AND NOT l.granted AND l.objsubid = 1
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.classid = ((k.key >> 32) & 4294967295)::oid AND l.objid = (k.key & 4294967295)::oid`
