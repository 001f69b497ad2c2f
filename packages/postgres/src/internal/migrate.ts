import type * as PgClient from "@effect/sql-pg/PgClient"
import type { EventStoreError, StoreAdmin } from "@varve/core"
import * as Effect from "effect/Effect"
import type { Connection } from "effect/sql/SqlConnection"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { migration as migration1 } from "../migrations/0001.ts"
import { migration as migration2 } from "../migrations/0002.ts"
import { migration as migration3 } from "../migrations/0003.ts"
import { migration as migration4 } from "../migrations/0004.ts"
import { migration as migration5 } from "../migrations/0005.ts"
import { migration as migration6 } from "../migrations/0006.ts"
import type { MigrationSource } from "../migrations/Migration.ts"
import { currentTransaction, withConnection } from "./connection.ts"
import { refused } from "./openError.ts"

/** All steps, in order. The number of the last one is what this program knows. */
export const migrations: ReadonlyArray<MigrationSource> = [
  migration1,
  migration2,
  migration3,
  migration4,
  migration5,
  migration6
]

/** Number of the last migration that this program knows. */
export const programSchema: number = migrations.at(-1)!.number

/** The one row of `meta`. */
export interface Meta {
  readonly storeId: string
  readonly schema: number
  readonly minProgram: number
}

/** How long a program waits for another one that migrates. */
const lockMillis = 60_000

/** The name as it stands in the catalogue. Names are checked when the store is opened, so they contain no quotes. */
const unquoted = (schema: string): string => schema.slice(1, -1)

const readMetaOn = (connection: Connection, schema: string): Effect.Effect<Meta | undefined, SqlError> =>
  Effect.flatMap(
    // Asked of the catalogue, so that a missing table is no error in a transaction. And of its tables, not of
    // to_regclass: that may still answer from before the lock of another program's migration was waited for.
    connection.executeValues(
      `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = 'meta'`,
      [unquoted(schema)]
    ),
    (found) =>
      found.length === 0
        ? Effect.succeed(undefined)
        : Effect.map(
          connection.executeValues(`SELECT store_id::text, schema, min_program FROM ${schema}.meta`, []),
          // Types of the columns.
          ([row]) => row && { storeId: row[0] as string, schema: Number(row[1]), minProgram: Number(row[2]) }
        )
  )

/** The row of `meta`, or `undefined` where Varve has never been. */
export const readMeta = (client: PgClient.PgClient, schema: string): Effect.Effect<Meta | undefined, SqlError> =>
  withConnection(client, (connection) => readMetaOn(connection, schema))

const apply = (schema: string, migration: MigrationSource) =>
  Effect.fnUntraced(function*(connection: Connection) {
    const run = (sql: string, params: ReadonlyArray<unknown> = []) => connection.executeValuesUnprepared(sql, params)
    yield* run(`SELECT set_config('lock_timeout', '${lockMillis}', true)`)
    // Before anything is looked at: two programs that start at once come one after the other.
    yield* run("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`varve migrate ${schema}`])
    const meta = yield* readMetaOn(connection, schema)
    if ((meta?.schema ?? 0) >= migration.number) return false
    const found = yield* run("SELECT 1 FROM pg_namespace n WHERE n.nspname = $1", [unquoted(schema)])
    // Not IF NOT EXISTS: that asks for the permission to create even where there is nothing to create.
    if (found.length === 0) yield* run(`CREATE SCHEMA ${schema}`)
    for (const statement of migration.statements(schema)) yield* run(statement)
    const { minProgram, number } = migration
    yield* run(`UPDATE ${schema}.meta SET schema = ${number}, min_program = greatest(min_program, ${minProgram})`)
    return true
  })

/** The steps that a store with this row of `meta` has seen, and those that it has not. */
export const stepsOf = (meta: Meta | undefined): Pick<StoreAdmin.Status, "applied" | "pending"> => {
  const seen = meta?.schema ?? 0
  const steps = migrations.map(({ name, number }) => ({ number, name }))
  return { applied: steps.slice(0, seen), pending: steps.slice(seen) }
}

/** Applies what is missing, each step in a transaction of its own, and tells which. */
export const migrate = (
  client: PgClient.PgClient,
  schema: string
): Effect.Effect<ReadonlyArray<StoreAdmin.Migration>, SqlError> =>
  Effect.gen(function*() {
    const meta = yield* readMeta(client, schema)
    const applied: Array<StoreAdmin.Migration> = []
    for (const migration of migrations) {
      const { name, number } = migration
      if ((meta?.schema ?? 0) >= number) continue
      const fresh = yield* client.withTransaction(
        Effect.withFiber((fiber) => apply(schema, migration)(currentTransaction(client, fiber.context)!))
      )
      if (fresh) applied.push({ number, name })
    }
    return applied
  })

/** Where there is no store yet. */
const nothing: Meta = { storeId: "", schema: 0, minProgram: 0 }

/**
 * Brings the schema to what this program knows, if it may, and refuses one that it cannot work with. `"manual"` takes it
 * as it is.
 */
export const open = (
  client: PgClient.PgClient,
  schema: string,
  migrates: boolean | "manual"
): Effect.Effect<Meta, EventStoreError.EventStoreError | SqlError> =>
  Effect.gen(function*() {
    const before = yield* readMeta(client, schema)
    if (before !== undefined && before.minProgram > programSchema) {
      const expected = `a program that knows migration ${before.minProgram}`
      return yield* refused(`schema ${schema}`, expected, `one that knows migration ${programSchema}`)
    }
    if (before !== undefined && before.schema >= programSchema) return before
    if (migrates === "manual") return before ?? nothing
    if (!migrates) {
      return yield* refused(
        `schema ${schema}`,
        `migration ${programSchema}`,
        `migration ${before?.schema ?? 0}, and no leave to migrate`
      )
    }
    yield* migrate(client, schema)
    const after = yield* readMeta(client, schema)
    return after ?? (yield* refused(`schema ${schema}`, "one row in its table meta", "none"))
  })

/** Keeps errors of this module's own, and maps those of the database. */
export const mapSqlError =
  (map: (error: SqlError) => EventStoreError.EventStoreError) =>
  (error: EventStoreError.EventStoreError | SqlError): EventStoreError.EventStoreError =>
    isSqlError(error) ? map(error) : error
