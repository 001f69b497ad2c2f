import type * as PgClient from "@effect/sql-pg/PgClient"
import { EventStoreError, Page, type StreamName } from "@varve/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { currentTransaction, query, type Rows } from "./connection.ts"
import * as parameters from "./parameters.ts"
import { eventsOf, payloads, type Reading as OfRows, whole } from "./rows.ts"
import type { Settings } from "./settings.ts"
import * as Together from "./together.ts"

/** Most loads of one query; pages larger than that travel alone. */
const loadsPerBatch = 256
const eventsOfBatchedLoad = 1_000

interface Load {
  readonly stream: StreamName.StreamName
  readonly range: Page.Range
  readonly only: Page.StreamRequest["only"]
}

const order = (rows: string, backward: boolean): string =>
  ["tenant", "category", "id", "version"].map((key) => `${rows}.${key} ${backward ? "DESC" : "ASC"}`).join(", ")

/** A page of one stream. */
const pageSql = (schema: string, wanted: string, backward: boolean): string =>
  `SELECT ${wanted} FROM ${schema}.events e
WHERE e.tenant = $1 AND e.category = $2 AND e.id = $3 AND e.version > $4 AND e.version <= $5
ORDER BY ${order("e", backward)} LIMIT $6`

/**
 * Pages of several streams: one index scan each, in the order of the loads.
 *
 * The sub-select hides from the planner how many there are: it would make a new plan for every number, and planning takes
 * longer than reading ten events.
 */
const pagesSql = (schema: string, wanted: string, backward: boolean): string =>
  `SELECT ${wanted}, u.n::integer
FROM unnest((SELECT $1::text[]), $2, $3, $4, $5, $6) WITH ORDINALITY u(tenant, category, id, above, upto, wanted, n)
CROSS JOIN LATERAL (
  SELECT x.* FROM ${schema}.events x
  WHERE x.tenant = u.tenant AND x.category = u.category AND x.id = u.id AND x.version > u.above AND x.version <= u.upto
  ORDER BY ${order("x", backward)} LIMIT u.wanted
) e`

/** How loads of a kind are read. */
interface Reading {
  readonly one: string
  /** The number of a load stands behind the columns of an event. */
  readonly several: string
  readonly rows: OfRows
}

const readingOf = (schema: string, rows: OfRows, backward: boolean): Reading => ({
  one: pageSql(schema, rows.columns, backward),
  several: pagesSql(schema, rows.columns, backward),
  rows
})

const readingsOf = (schema: string, backward: boolean): { readonly whole: Reading; readonly payloads: Reading } => ({
  whole: readingOf(schema, whole, backward),
  payloads: readingOf(schema, payloads, backward)
})

/** Versions above one and up to another, whichever the direction. */
const bounds = ({ after, backward, until }: Page.Range): readonly [number, number] =>
  backward
    ? [parameters.version(Math.max(until, 1) - 1), parameters.version(Math.max(after - 1, 0))]
    : [parameters.version(after), parameters.version(until)]

/** One more than wanted tells whether that was all. */
const wanted = ({ limit }: Page.Range): number => limit + 1

const paramsOfOne = ({ range, stream: { category, id, tenant } }: Load): ReadonlyArray<unknown> => {
  const [above, upto] = bounds(range)
  const { int, text } = parameters
  return [text(tenant), text(category), text(id), int(above), int(upto), int(wanted(range))]
}

const paramsOf = (loads: ReadonlyArray<Load>): ReadonlyArray<unknown> => {
  const limits = loads.map(({ range }) => bounds(range))
  return [
    parameters.texts(loads.map(({ stream }) => stream.tenant)),
    parameters.texts(loads.map(({ stream }) => stream.category)),
    parameters.texts(loads.map(({ stream }) => stream.id)),
    parameters.ints(limits.map(([above]) => above)),
    parameters.ints(limits.map(([, upto]) => upto)),
    parameters.ints(loads.map(({ range }) => wanted(range)))
  ]
}

/** The page of a load. One row more than wanted says that there are others. */
const pageOf = ({ range: { limit }, stream }: Load, reading: OfRows, rows: Rows): Page.StreamPage => ({
  events: eventsOf(reading, rows.slice(0, limit), () => stream),
  atEnd: rows.length <= limit
})

const pagesOf = (loads: ReadonlyArray<Load>, reading: OfRows, rows: Rows): ReadonlyArray<Page.StreamPage> => {
  let next = 0
  return loads.map((load, i) => {
    const first = next
    // An integer from 1, behind the columns of an event.
    while (next < rows.length && rows[next]![reading.count] === i + 1) next++
    return pageOf(load, reading, rows.slice(first, next))
  })
}

/** Reads pages of streams; loads of the same moment are one query. */
export const make = (
  client: PgClient.PgClient,
  { schema, timeout }: Settings
): (request: Page.StreamRequest) => Effect.Effect<Page.StreamPage, EventStoreError.EventStoreError> => {
  const forward = readingsOf(schema, false)
  const backward = readingsOf(schema, true)
  const readingFor = ({ only, range }: Load): Reading => (range.backward ? backward : forward)[only ?? "whole"]

  const loadOne = (load: Load): Effect.Effect<Page.StreamPage, EventStoreError.EventStoreError> => {
    const reading = readingFor(load)
    return Effect.map(
      query(client, "read", timeout, reading.one, paramsOfOne(load)),
      (rows) => pageOf(load, reading.rows, rows)
    )
  }

  const together = Together.make<Load, Page.StreamPage>({
    what: "loads",
    operation: "read",
    most: loadsPerBatch,
    fits: (first, load) => readingFor(first) === readingFor(load),
    ask: (loads) => {
      const [first] = loads
      if (loads.length === 1) return Effect.map(loadOne(first!), (page) => [page])
      const reading = readingFor(first!)
      return Effect.map(
        query(client, "read", timeout, reading.several, paramsOf(loads)),
        (rows) => pagesOf(loads, reading.rows, rows)
      )
    }
  })

  return (request) =>
    Effect.withFiber((fiber) => {
      const range = Page.streamRange(request)
      if (range instanceof EventStoreError.Refused) {
        return Effect.fail(new EventStoreError.EventStoreError({ operation: "read", reason: range }))
      }
      const load: Load = { stream: request.stream, range, only: request.only }
      // A transaction reads on its own connection, and a large page does not keep others waiting.
      return range.limit > eventsOfBatchedLoad
          || currentTransaction(client, fiber.context as Context.Context<never>) !== undefined
        ? loadOne(load)
        : together(load)
    })
}
