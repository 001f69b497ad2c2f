/**
 * Stores for tests: a database of its own on the server of the test run, or PGlite in the process.
 *
 * ```ts
 * describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
 *   layer(TestServer.layer())("…", (it) => { … })
 * })
 * ```
 */
import { PgClient } from "@effect/sql-pg"
import { EventStore, ProgramStore, RowStore, SnapshotStore, StoreAdmin } from "@varve/core"
import { Embedded, Postgres } from "@varve/postgres"
import { Context, Effect, Layer, ManagedRuntime, Redacted, type Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, inject } from "vitest"
import * as PreparedDirectory from "./PreparedDirectory.ts"

const provided = inject("varveServer")

/** Why there is no server, or `undefined` when there is one. */
export const skipped: string | undefined = "skipped" in provided ? provided.skipped : undefined

/** The server of this test run. Only to be read when nothing is `skipped`. */
export const serverUrl: string = "url" in provided ? provided.url : ""

/** What every store layer for tests provides. */
export type Provides =
  | EventStore.EventStore
  | ProgramStore.ProgramStore
  | RowStore.RowStore
  | SnapshotStore.SnapshotStore
  | StoreAdmin.StoreAdmin
  | PgClient.PgClient
  | SqlClient.SqlClient

const onServer = <A>(use: (sql: PgClient.PgClient) => Effect.Effect<A, unknown>): Effect.Effect<A> =>
  Effect.scoped(
    Effect.flatMap(PgClient.PgClient, use).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(serverUrl), maxConnections: 1 }))
    )
  ).pipe(Effect.orDie)

/** Creates an empty database and drops it with the scope. Yields its URL. */
export const database: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.gen(function*() {
    const name = `varve_test_${randomBytes(6).toString("hex")}`
    yield* onServer((sql) => sql`CREATE DATABASE ${sql(name)} TEMPLATE template0`)
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    return url.href
  }),
  (url) => onServer((sql) => sql`DROP DATABASE IF EXISTS ${sql(new URL(url).pathname.slice(1))} WITH (FORCE)`)
)

/** A store in a database of its own. */
export const layer = (
  options?: Omit<Postgres.PoolConfig, "url">
): Layer.Layer<Provides> =>
  Layer.unwrap(Effect.map(database, (url) => Postgres.layerPool({ ...options, url: Redacted.make(url) }))).pipe(
    Layer.orDie
  )

/** A store on PGlite, in a directory of its own. */
export const layerEmbedded = (options?: Omit<Embedded.Options, "dataDir">): Layer.Layer<Provides> =>
  Layer.unwrap(Effect.map(PreparedDirectory.make, (dataDir) => Embedded.layer({ ...options, dataDir }))).pipe(
    Layer.orDie
  )

/**
 * One PGlite for a test file, whose tests run one after the other: a layer that empties it and opens a store in it. To be
 * called once, outside of a test.
 */
export const sharedEmbedded = (): Layer.Layer<Provides> => {
  const runtime = ManagedRuntime.make(layerEmbedded())
  // Starting takes seconds, which are not a test's.
  beforeAll(() => runtime.runPromise(Effect.void))
  afterAll(() => runtime.dispose())
  return Layer.unwrap(Effect.gen(function*() {
    const context = yield* runtime.contextEffect
    const sql = Context.get(context, PgClient.PgClient)
    yield* sql`DROP SCHEMA varve CASCADE`
    yield* sql`DROP TABLE IF EXISTS notes`
    return Postgres.layer().pipe(Layer.provideMerge(Layer.succeedContext(context)))
  })).pipe(Layer.orDie)
}
