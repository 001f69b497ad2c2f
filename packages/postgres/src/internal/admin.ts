import type * as PgClient from "@effect/sql-pg/PgClient"
import { EventStoreError, Page, StoreAdmin, type StoredEvent, type StreamName } from "@varve/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { query } from "./connection.ts"
import { mapSqlError, migrate, programSchema, readMeta, stepsOf } from "./migrate.ts"
import * as parameters from "./parameters.ts"
import * as Restore from "./restore.ts"
import type { Settings } from "./settings.ts"
import { toStoreError } from "./sqlError.ts"
import { readFindings, verifySql } from "./verify.ts"

/** How long reading the whole store may take. */
const readingTimeout = Duration.hours(1)

const refuse = (what: string, expected: string, actual: string) =>
  Effect.fail(
    new EventStoreError.EventStoreError({
      operation: "admin",
      reason: new EventStoreError.Refused({ what, expected, actual })
    })
  )

/** `PostgreSQL 18.4`, or `PGlite 0.5.16 (PostgreSQL 18.6)`, from what the server says of itself. */
const engineOf = (version: string): string => {
  const postgres = /^PostgreSQL \S+/.exec(version)?.[0] ?? "PostgreSQL"
  const pglite = /PGlite \S+?(?=\))/.exec(version)?.[0]
  return pglite === undefined ? postgres : `${pglite} (${postgres})`
}

const inventorySql = (schema: string): string =>
  `SELECT e.category, e.type, e.revision, count(*), count(*) - count(e.payload), min(e.position), max(e.position)
FROM ${schema}.events e GROUP BY e.category, e.type, e.revision ORDER BY e.category, e.type, e.revision`

const readInventory = (row: ReadonlyArray<unknown>): StoreAdmin.Inventory => ({
  category: String(row[0]),
  type: String(row[1]),
  revision: Number(row[2]),
  events: Number(row[3]),
  erased: Number(row[4]),
  // Positions of events.
  first: Number(row[5]) as StoredEvent.Position,
  last: Number(row[6]) as StoredEvent.Position
})

/** Administration of a store. `restored` is told the new head, once it is committed. */
export const make = (
  client: PgClient.PgClient,
  settings: Settings,
  head: Effect.Effect<StoredEvent.Position, EventStoreError.EventStoreError>,
  restored: (head: StoredEvent.Position) => Effect.Effect<void>
): StoreAdmin.StoreAdmin["Service"] => {
  const { schema, timeout } = settings
  const failed = toStoreError("admin")
  const meta = Effect.mapError(readMeta(client, schema), failed)

  const status = Effect.gen(function*() {
    const [row] = yield* query(client, "admin", timeout, "SELECT version()", [])
    const found = yield* meta
    return {
      storeId: found?.storeId ?? "",
      engine: engineOf(String(row![0])),
      schema: found?.schema ?? 0,
      programSchema,
      ...stepsOf(found),
      // Where there is no store yet there is no table to ask.
      head: found === undefined ? 0 as StoredEvent.Position : yield* head
    }
  })

  const migrated = Effect.gen(function*() {
    const applied = yield* Effect.mapError(migrate(client, schema), mapSqlError(failed))
    // What was opened by hand may have had no store, and so no id, until now.
    settings.storeId = (yield* meta)?.storeId ?? settings.storeId
    return applied
  })

  const eraseSql = `SELECT ${schema}.erase_1($1, $2, $3, $4, $5)`
  const erase = Effect.fnUntraced(function*({ from, stream, to }: {
    readonly stream: StreamName.StreamName
    readonly from: number
    readonly to: number
  }) {
    const range = Page.streamRange({ stream })
    if (range instanceof EventStoreError.Refused) return yield* refuse(range.what, range.expected, range.actual)
    for (const [what, version, least] of [["first", from, 1], ["last", to, 0]] as const) {
      if (Number.isSafeInteger(version) && version >= least) continue
      const expected = `a whole number from ${least} to ${Number.MAX_SAFE_INTEGER}`
      return yield* refuse(`${what} version to erase`, expected, `${version}`)
    }
    const { int, text, version } = parameters
    const params = [
      text(stream.tenant),
      text(stream.category),
      text(stream.id),
      int(version(from)),
      int(version(to))
    ]
    const [row] = yield* query(client, "admin", timeout, eraseSql, params)
    return Number(row![0])
  })

  return StoreAdmin.StoreAdmin.of({
    status,
    migrate: migrated,
    verify: Effect.map(query(client, "admin", readingTimeout, verifySql(schema), []), readFindings),
    erase,
    inventory: Effect.map(
      query(client, "admin", readingTimeout, inventorySql(schema), []),
      (rows) => rows.map(readInventory)
    ),
    restore: Restore.make(client, settings, restored)
  })
}
