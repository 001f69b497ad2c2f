/**
 * Keeps events in PostgreSQL, and the rows that come from them.
 *
 * @since 0.1.0
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import type { EventStore, EventStoreError, ProgramStore, RowStore, SnapshotStore, StoreAdmin } from "@varve/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import * as open from "./internal/open.ts"
import { refused } from "./internal/openError.ts"

/**
 * How a store lies in its database, and how patient it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends open.Options {}

/**
 * How to reach a database, and how a store lies in it.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolConfig extends PgClient.PgPoolConfig, Options {}

/**
 * Keeps events in the database of a client that the program has.
 *
 * **When to use**
 *
 * The program writes tables of its own in the same database: an append inside of `sql.withTransaction` of that client is
 * part of the transaction, and rolls back with it.
 *
 * **Details**
 *
 * Needs no session state, so it works behind a transaction-mode pooler (with `prepare: false` where the pooler knows no
 * prepared statements). Takes one connection for the appends of the process, a second one where 32 callers or more append
 * at a time, and one for each concurrent read and each batch of rows, and keeps none between pages or batches.
 *
 * **Gotchas**
 *
 * From an append to the end of its transaction no other writer of the store goes on, in any process. Make it the last
 * statement.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options?: Options
): Layer.Layer<
  | EventStore.EventStore
  | StoreAdmin.StoreAdmin
  | RowStore.RowStore
  | ProgramStore.ProgramStore
  | SnapshotStore.SnapshotStore,
  EventStoreError.EventStoreError,
  PgClient.PgClient
> => Layer.effectContext(Effect.flatMap(PgClient.PgClient, (client) => open.open(client, options ?? {})))

/**
 * Keeps events in PostgreSQL, over connections of its own.
 *
 * **Details**
 *
 * A connection is given 5 seconds to come about, unless `connectTimeout` tells.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPool = (
  config: PoolConfig
): Layer.Layer<
  | EventStore.EventStore
  | StoreAdmin.StoreAdmin
  | RowStore.RowStore
  | ProgramStore.ProgramStore
  | SnapshotStore.SnapshotStore
  | PgClient.PgClient
  | SqlClient.SqlClient,
  EventStoreError.EventStoreError
> => {
  const client = PgClient.layer({ applicationName: "varve", connectTimeout: Duration.seconds(5), ...config })
  return layer(config).pipe(
    Layer.provideMerge(client),
    Layer.catchTag("SqlError", () =>
      // The pool opens no connection before one is asked for, so only its settings can be wrong.
      Layer.effectContext(Effect.fail(refused("settings of the connection", "some that are valid", "others"))))
  )
}
