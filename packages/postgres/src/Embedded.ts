/**
 * Keeps events in a PostgreSQL inside of the process: PGlite, spoken to by the driver of the server.
 *
 * @since 0.1.0
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import type { EventStore, EventStoreError, ProgramStore, RowStore, SnapshotStore, StoreAdmin } from "@varve/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import * as PGlite from "./internal/pglite.ts"
import { toStoreError } from "./internal/sqlError.ts"
import * as Postgres from "./Postgres.ts"

/**
 * Where an embedded store lies.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Postgres.Options {
  /**
   * A directory, made when it is missing, unless `migrate` is false; in memory unless told. One process has it open at a
   * time.
   */
  readonly dataDir?: string | undefined
}

const makeClient = (options: Options): Layer.Layer<
  PgClient.PgClient | SqlClient.SqlClient,
  EventStoreError.EventStoreError
> =>
  PgClient.layerFrom(Effect.gen(function*() {
    const db = yield* PGlite.make(options.dataDir, options.migrate !== false)
    return yield* Effect.mapError(
      PgClient.make({
        username: "postgres",
        database: "postgres",
        stream: () => PGlite.connect(db),
        // One session is behind them all.
        maxConnections: 1,
        minConnections: 1,
        connectTimeout: Duration.seconds(30)
      }),
      toStoreError("open", "embedded database")
    )
  }))

/**
 * Keeps events in this process, in a directory or in memory: the same tables, statements and driver as on a server.
 *
 * **When to use**
 *
 * A program without a server: tests, tools, a first version, a service of one process.
 *
 * **Details**
 *
 * Needs the package `@electric-sql/pglite`. The first start takes about two seconds, later ones a quarter, and memory
 * is 430 to 900 MB.
 *
 * **Gotchas**
 *
 * What was acknowledged survives the death of the process, `kill -9` included. PGlite does not call fsync, so a power
 * cut can take the last moments. There is one session: inside of `sql.withTransaction` everything else waits.
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
  | SnapshotStore.SnapshotStore
  | PgClient.PgClient
  | SqlClient.SqlClient,
  EventStoreError.EventStoreError
> => Postgres.layer(options).pipe(Layer.provideMerge(makeClient(options ?? {})))
