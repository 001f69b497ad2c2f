/**
 * What the database itself can do: single-row INSERTs and COPY of the same bytes.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, ManagedRuntime, Redacted } from "effect"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as os from "node:os"
import { join } from "node:path"
import type { Sample } from "./measure.ts"
import * as pgbench from "./pgbench.ts"
import { query } from "./server.ts"
import { callers, metadata, payload } from "./store.ts"

/** The least a table can be that numbers its rows. */
const table = "CREATE TABLE bare (position bigserial PRIMARY KEY, payload text, metadata text)"

const texts = { payload: JSON.stringify(payload), metadata: JSON.stringify(metadata) }

const copiedRows = 100_000

export const create = (url: string) => query(url, table)

const time = "2026-01-01 00:00:00Z"

/** A row of the table of events, as COPY reads it. */
const row = (i: number): string => {
  const commit = `00000000-0000-7000-8000-${i.toString(16).padStart(12, "0")}`
  const numbers = `${i % 10 + 1}\t${i % 10}\t1`
  const stream = `\tBench\ts${Math.floor(i / 10)}`
  return [i, time, time, commit, numbers, stream, "Happened", texts.payload, texts.metadata].join("\t")
}

export interface Bare {
  readonly insert: (callers: number, seconds: number, latencies: boolean) => Promise<Sample>
  /** Rows a second, into a table like that of the events. The server reads a file: nothing is sent. */
  readonly copy: () => Promise<number>
  readonly close: () => Promise<void>
}

/** The table of events must be there: what is copied into is like it. */
export const open = async (url: string, maxCallers: number): Promise<Bare> => {
  const folder = mkdtempSync(join(os.tmpdir(), "varve-copy-"))
  // The server may run as somebody else.
  chmodSync(folder, 0o755)
  const file = join(folder, "rows")
  writeFileSync(file, Array.from({ length: copiedRows }, (_, i) => `${row(i)}\n`).join(""))
  const sql = ManagedRuntime.make(PgClient.layer({ url: Redacted.make(url), maxConnections: maxCallers }))
  const statement = "INSERT INTO bare (payload, metadata) VALUES ($1, $2)"
  const insert = (count: number, seconds: number) =>
    sql.runPromise(
      callers(count, seconds, (going, record) =>
        Effect.scoped(Effect.gen(function*() {
          const client = yield* PgClient.PgClient
          const connection = yield* client.reserve
          while (going()) {
            const from = performance.now()
            yield* connection.executeValues(statement, [texts.payload, texts.metadata])
            record(from)
          }
        })))
    )
  return {
    insert: (count, seconds, latencies) =>
      pgbench.version === undefined
        ? insert(count, seconds)
        : pgbench.round(url, "INSERT INTO bare (payload, metadata) VALUES (:payload, :metadata)", texts, {
          clients: count,
          seconds,
          latencies
        }),
    copy: async () => {
      await query(url, "DROP TABLE IF EXISTS copied")
      await query(url, "CREATE TABLE copied (LIKE varve.events INCLUDING INDEXES)")
      const from = performance.now()
      await query(url, `COPY copied FROM '${file}'`)
      return copiedRows / (performance.now() - from) * 1_000
    },
    close: async () => {
      await sql.dispose()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
