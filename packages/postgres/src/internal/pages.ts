import type * as PgClient from "@effect/sql-pg/PgClient"
import { EventStoreError, Limits, Page, type StoredEvent } from "@varve/core"
import * as Effect from "effect/Effect"
import { query, type Rows } from "./connection.ts"
import * as parameters from "./parameters.ts"
import { eventsOf, streamColumns, streamOf, whole } from "./rows.ts"
import type { Settings } from "./settings.ts"

/** A condition of a statement and its parameters, numbered from where the statement's own end. */
interface Condition {
  readonly sql: string
  readonly params: ReadonlyArray<unknown>
}

/** Parameters of every page: after, until, limit, window. */
const ownParams = 4

const distinct = <K extends string>(values: ReadonlyArray<Record<K, string>>, key: K): ReadonlyArray<string> =>
  Array.from(new Set(values.map((value) => value[key])))

const conditionOf = ({ categories, sources, stream, tenant, types }: Page.Filter): Condition => {
  const conditions: Array<string> = []
  const params: Array<unknown> = []
  const add = (sql: (parameter: string) => string, param: unknown) => {
    params.push(param)
    conditions.push(sql(`$${ownParams + params.length}`))
  }
  if (sources !== undefined) {
    const pairs = new Set(sources.map(({ category, type }) => `${category}/${type}`))
    const ofPairs = { categories: distinct(sources, "category"), types: distinct(sources, "type") }
    if (ofPairs.categories.length * ofPairs.types.length === pairs.size) {
      // Every type in every category, as a reader asks: two columns are compared faster than a text that is made of them.
      add((names) => `e.category = ANY(${names})`, parameters.texts(ofPairs.categories))
      add((names) => `e.type = ANY(${names})`, parameters.texts(ofPairs.types))
    } else {
      // Neither a category nor a type contains the slash, so one text stands for the pair, and is looked up in a hash.
      add((names) => `(e.category || '/' || e.type) = ANY(${names})`, parameters.texts(Array.from(pairs)))
    }
  }
  if (categories !== undefined) add((names) => `e.category = ANY(${names})`, parameters.texts(categories))
  if (types !== undefined) add((names) => `e.type = ANY(${names})`, parameters.texts(types))
  if (tenant !== undefined) add((name) => `e.tenant = ${name}`, parameters.text(tenant))
  if (stream !== undefined) {
    add((name) => `e.tenant = ${name}`, parameters.text(stream.tenant))
    add((name) => `e.category = ${name}`, parameters.text(stream.category))
    add((name) => `e.id = ${name}`, parameters.text(stream.id))
  }
  return { sql: conditions.map((condition) => ` AND ${condition}`).join(""), params }
}

/*
 * One statement, so one snapshot, for a page and how far it reaches:
 *
 *   area   the positions the page may examine: behind `after`, up to the head, `until`, and the width of a window
 *   found  the events in it that fit, as many as wanted
 *   mark   where the page is full: at the last of as many events as wanted, or at the end of the window
 *   stop   the end of the commit that lies there: a page holds all of a commit or nothing
 *   rest   the events that fit between mark and stop
 *
 * The first row says where the page stops and where the head is. Positions are dense, and the events of a commit lie
 * together, so the end of a commit is next to the first event of the next.
 */
const forwardSql = (schema: string, condition: string): string =>
  `WITH area AS (
  SELECT h.head, $1::bigint AS above, least($2::bigint, h.head) AS edge, least($1::bigint + $4::bigint, $2::bigint, h.head) AS upto
  FROM (SELECT coalesce((SELECT x.position FROM ${schema}.events x ORDER BY x.position DESC LIMIT 1), 0) AS head) h
), found AS MATERIALIZED (
  SELECT e.* FROM ${schema}.events e
  WHERE e.position > $1 AND e.position <= (SELECT upto FROM area)${condition}
  ORDER BY e.position LIMIT $3
), mark AS (
  SELECT CASE WHEN f.count >= $3 THEN f.last ELSE area.upto END AS place
  FROM area, (SELECT count(*) AS count, max(position) AS last FROM found) f
), stop AS (
  SELECT least(area.edge, coalesce((
    SELECT x.position FROM ${schema}.events x WHERE x.position > mark.place AND x.commit_index = 0 ORDER BY x.position LIMIT 1
  ) - 1, area.head)) AS place FROM area, mark
)
SELECT stop.place, area.head, null, null, null, null, null, null, null, null, null, null, null FROM area, stop
UNION ALL (SELECT ${whole.columns}, ${streamColumns} FROM found e ORDER BY e.position)
UNION ALL (
  SELECT ${whole.columns}, ${streamColumns} FROM ${schema}.events e
  WHERE e.position > (SELECT place FROM mark) AND e.position <= (SELECT place FROM stop)${condition} ORDER BY e.position
)`

const backwardSql = (schema: string, condition: string): string =>
  `WITH area AS (
  SELECT h.head, least($1::bigint, h.head + 1) AS below, greatest($2::bigint, 1) AS edge,
    greatest(least($1::bigint, h.head + 1) - $4::bigint, $2::bigint, 1) AS downto
  FROM (SELECT coalesce((SELECT x.position FROM ${schema}.events x ORDER BY x.position DESC LIMIT 1), 0) AS head) h
), found AS MATERIALIZED (
  SELECT e.* FROM ${schema}.events e
  WHERE e.position < $1 AND e.position >= (SELECT downto FROM area)${condition}
  ORDER BY e.position DESC LIMIT $3
), mark AS (
  SELECT CASE WHEN f.count >= $3 THEN f.last ELSE area.downto END AS place
  FROM area, (SELECT count(*) AS count, min(position) AS last FROM found) f
), stop AS (
  SELECT greatest(area.edge, coalesce((
    SELECT x.position FROM ${schema}.events x WHERE x.position <= mark.place AND x.commit_index = 0 ORDER BY x.position DESC LIMIT 1
  ), 1)) AS place FROM area, mark
)
SELECT stop.place, area.head, null, null, null, null, null, null, null, null, null, null, null FROM area, stop
UNION ALL (SELECT ${whole.columns}, ${streamColumns} FROM found e ORDER BY e.position DESC)
UNION ALL (
  SELECT ${whole.columns}, ${streamColumns} FROM ${schema}.events e
  WHERE e.position < (SELECT place FROM mark) AND e.position >= (SELECT place FROM stop)${condition} ORDER BY e.position DESC
)`

const pageOf = (range: Page.Range, rows: Rows): Page.Page => {
  const [bounds] = rows
  const stop = Number(bounds![0])
  const head = Number(bounds![1])
  const start = range.backward ? Math.min(range.after - 1, head) : range.after + 1
  const end = range.backward ? Math.max(range.until, 1) : Math.min(range.until, head)
  const nothing = range.backward ? start < end : start > end
  // A position of the store, or 0 before the first.
  const unscanned = range.backward ? Math.min(range.after, head) : range.after
  const scannedTo = (nothing ? unscanned : stop) as StoredEvent.Position
  let left: Rows | undefined = rows
  let events: ReadonlyArray<StoredEvent.StoredEvent> = []
  return {
    // Made when they are asked for: who reads ahead sends for the next page before.
    get events() {
      if (left !== undefined) {
        // The first row is that of the bounds.
        events = eventsOf(whole, left.slice(1), (row) => streamOf(row, whole.count))
        left = undefined
      }
      return events
    },
    scannedTo,
    atHead: nothing || stop === end
  }
}

/** Reads pages of the whole store. */
export const make = (
  client: PgClient.PgClient,
  settings: Settings
): (request: Page.Request) => Effect.Effect<Page.Page, EventStoreError.EventStoreError> =>
(request) => {
  const range = Page.range(request)
  if (range instanceof EventStoreError.Refused) {
    return Effect.fail(new EventStoreError.EventStoreError({ operation: "read", reason: range }))
  }
  const condition = conditionOf(request.filter ?? {})
  const sql = (range.backward ? backwardSql : forwardSql)(settings.schema, condition.sql)
  const { bigint } = parameters
  const params = [bigint(range.after), bigint(range.until), bigint(range.limit), bigint(Limits.positionsPerPage)]
  return Effect.map(
    query(client, "read", settings.timeout, sql, [...params, ...condition.params]),
    (rows) => pageOf(range, rows)
  )
}
