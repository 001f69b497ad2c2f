import type * as PgClient from "@effect/sql-pg/PgClient"
import { EventStoreError, Page, type StreamName } from "@varve/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { currentTransaction, query, type Rows } from "./connection.ts"
import * as parameters from "./parameters.ts"
import { columns, decode } from "./rows.ts"
import type { Settings } from "./settings.ts"
import * as Together from "./together.ts"

/** Most loads of one query; pages larger than that travel alone. */
const loadsPerBatch = 256
const eventsOfBatchedLoad = 1_000

interface Load {
  readonly stream: StreamName.StreamName
  readonly range: Page.Range
}

/** Pages of several streams: one index scan each, in the order of the loads. */
const pagesSql = (schema: string, backward: boolean): string =>
  `SELECT u.n, ${columns}
FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY u(tenant, category, id, above, upto, wanted, n)
CROSS JOIN LATERAL (
  SELECT x.* FROM ${schema}.events x
  WHERE x.tenant = u.tenant AND x.category = u.category AND x.id = u.id AND x.version > u.above AND x.version <= u.upto
  ORDER BY ${["tenant", "category", "id", "version"].map((key) => `x.${key} ${backward ? "DESC" : "ASC"}`).join(", ")}
  LIMIT u.wanted
) e`

/** Versions above one and up to another, whichever the direction. */
const bounds = ({ after, backward, until }: Page.Range): readonly [number, number] =>
  backward
    ? [parameters.version(Math.max(until, 1) - 1), parameters.version(Math.max(after - 1, 0))]
    : [parameters.version(after), parameters.version(until)]

const paramsOf = (loads: ReadonlyArray<Load>): ReadonlyArray<unknown> => {
  const limits = loads.map(({ range }) => bounds(range))
  return [
    parameters.texts(loads.map(({ stream }) => stream.tenant)),
    parameters.texts(loads.map(({ stream }) => stream.category)),
    parameters.texts(loads.map(({ stream }) => stream.id)),
    parameters.ints(limits.map(([above]) => above)),
    parameters.ints(limits.map(([, upto]) => upto)),
    // One more than wanted tells whether that was all.
    parameters.ints(loads.map(({ range }) => range.limit + 1))
  ]
}

const decodePages = (loads: ReadonlyArray<Load>, rows: Rows): ReadonlyArray<Page.StreamPage> => {
  let next = 0
  return loads.map(({ range, stream }, i) => {
    const first = next
    while (next < rows.length && Number(rows[next]![0]) === i + 1) next++
    const events = rows.slice(first, Math.min(next, first + range.limit)).map((row) => decode(row, 1, stream))
    return { events, atEnd: next - first <= range.limit }
  })
}

/** Reads pages of streams; loads of the same moment are one query. */
export const make = (
  client: PgClient.PgClient,
  settings: Settings
): (request: Page.StreamRequest) => Effect.Effect<Page.StreamPage, EventStoreError.EventStoreError> => {
  const forward = pagesSql(settings.schema, false)
  const backward = pagesSql(settings.schema, true)

  const load = (
    loads: ReadonlyArray<Load>
  ): Effect.Effect<ReadonlyArray<Page.StreamPage>, EventStoreError.EventStoreError> =>
    query(client, "read", settings.timeout, loads[0]!.range.backward ? backward : forward, paramsOf(loads)).pipe(
      Effect.map((rows) => decodePages(loads, rows))
    )

  const together = Together.make<Load, Page.StreamPage>({
    what: "loads",
    operation: "read",
    most: loadsPerBatch,
    fits: (first, { range }) => first.range.backward === range.backward,
    ask: load
  })

  return (request) =>
    Effect.withFiber((fiber) => {
      const range = Page.streamRange(request)
      if (range instanceof EventStoreError.Refused) {
        return Effect.fail(new EventStoreError.EventStoreError({ operation: "read", reason: range }))
      }
      const one = { stream: request.stream, range }
      // A transaction reads on its own connection, and a large page does not keep others waiting.
      return range.limit > eventsOfBatchedLoad
          || currentTransaction(client, fiber.context as Context.Context<never>) !== undefined
        ? Effect.map(load([one]), ([page]) => page!)
        : together(one)
    })
}
