/**
 * Five events that the program cannot read, planted among those of the log: three that were corrupted where they lie, and
 * two that a program of the future wrote.
 */
import { PgClient } from "@effect/sql-pg"
import { EventStore } from "@varve/core"
import { Effect } from "effect"

/** What a doctor is to tell of an event. */
export interface Planted {
  readonly position: number
  readonly type: string
  readonly revision: number
  readonly why: string
}

/** Changes rows as their owner can who takes the protection away first. */
export const unprotected = <A, E, R>(change: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    yield* sql`ALTER TABLE varve.events DISABLE TRIGGER events_protect_rows`
    const changed = yield* change
    yield* sql`ALTER TABLE varve.events ENABLE ALWAYS TRIGGER events_protect_rows`
    return changed
  })

const rotten = [
  ["LoanApplicationSubmitted", `{"amountRequested": "a lot", "resource": null}`],
  ["LoanWorkStarted", `["not", "an", "object"]`],
  ["LoanOfferSent", `{"resource": {"not": "a name"}}`]
] as const

/** Plants them, and tells them by position. */
export const plant = Effect.gen(function*() {
  const sql = yield* PgClient.PgClient
  const store = yield* EventStore.EventStore
  const middle = Math.floor((yield* store.head) / 2)
  const corrupted: Array<Planted> = []
  for (const [type, payload] of rotten) {
    const [row] = yield* unprotected(
      sql<{ position: bigint }>`UPDATE varve.events SET payload = ${payload}::text::json WHERE position =
        (SELECT e.position FROM varve.events e WHERE e.type = ${type} AND e.position > ${middle}::int
         ORDER BY e.position LIMIT 1) RETURNING position`
    )
    corrupted.push({ position: Number(row!.position), type, revision: 1, why: "InvalidPayload" })
  }
  const { events: [last] } = yield* store.readPage({ direction: "backward", limit: 1 })
  const future = [
    { type: "LoanOfferSent", revision: 9, why: "NewerRevision" },
    { type: "LoanApplicationReopened", revision: 1, why: "UnknownType" }
  ]
  const written: Array<Planted> = []
  for (const { revision, type, why } of future) {
    const payload = { resource: "112" }
    const { first } = yield* store.append({
      writes: [{ stream: last!.stream, expected: "any", events: [{ type, revision, payload }] }]
    })
    written.push({ position: first, type, revision, why })
  }
  return [...corrupted, ...written].toSorted((a, b) => a.position - b.position)
})
