/**
 * The whole feed of a store, read once.
 */
import { PgClient } from "@effect/sql-pg"
import { type Event, EventStore, Upcaster } from "@varve/core"
import { Effect, Result, Stream } from "effect"

/** What every projection has to do before it folds: reads and decodes all events of an aggregate. Gives how many. */
export const readAndDecode = (
  { events, name }: { readonly name: string; readonly events: ReadonlyArray<Event.Any> }
): Effect.Effect<number, unknown, EventStore.EventStore | Upcaster.Upcaster> =>
  Effect.gen(function*() {
    const { reader } = yield* Upcaster.Upcaster
    const { sources, upcast } = reader({ aggregates: [name], events })
    let decoded = 0
    yield* EventStore.readAll({ filter: { sources } }).pipe(
      Stream.runForEachArray((page) => {
        for (const stored of page) {
          const result = upcast(stored)
          if (Result.isFailure(result)) return Effect.fail(result.failure)
          decoded += result.success.length
        }
        return Effect.void
      })
    )
    return decoded
  })

const pageRows = 1_000

/** The same rows by the driver alone, in pages by their position. `json` parsed, as a driver does it, or as text. */
export const readBare = (json: "parsed" | "text"): Effect.Effect<number, unknown, PgClient.PgClient> =>
  Effect.scoped(Effect.gen(function*() {
    const client = yield* PgClient.PgClient
    const connection = yield* client.reserve
    const [payload, metadata] = json === "parsed"
      ? ["e.payload", "e.metadata"]
      : ["e.payload::text", "e.metadata::text"]
    const sql =
      `SELECT e.position, e.occurred_at, e.recorded_at, e.commit_id, e.commit_index, e.version, e.revision, e.tenant, e.category, e.id, e.type, ${payload}, ${metadata}
FROM varve.events e WHERE e.position > $1 ORDER BY e.position LIMIT ${pageRows}`
    let rows = 0
    for (let after = 0n;;) {
      const page = yield* connection.executeValues(sql, [after])
      rows += page.length
      if (page.length < pageRows) return rows
      // A bigint in the driver's hands.
      after = BigInt(page.at(-1)![0] as bigint)
    }
  }))
