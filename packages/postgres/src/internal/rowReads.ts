import type * as PgClient from "@effect/sql-pg/PgClient"
import { Limits, type RowStore } from "@varve/core"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { query } from "./connection.ts"
import * as parameters from "./parameters.ts"
import { checkInts, maxInt, readRow, readServed } from "./rowAnswers.ts"
import type { Settings } from "./settings.ts"

type Service = RowStore.RowStore["Service"]

/*
 * One statement, so one snapshot, for rows and how far they had got: the first row says whose rows they are, and where
 * each partition is. There is none when nothing is served.
 *
 * $1 name, $2 revision or NULL for the one that serves, $3 tenant
 */
const servedSql = (schema: string, rows: string): string =>
  `WITH target AS (
  SELECT e.id, e.revision, e.store_id, e.state, e.indexes FROM ${schema}.entries e
  WHERE e.kind = 'projection' AND e.name = $1 AND NOT e.dropped
    AND CASE WHEN $2::integer IS NULL THEN e.serving ELSE e.revision = $2 END
)
SELECT t.store_id::text, t.state, null::bigint, t.revision, (
  SELECT string_agg(c.position::text, ',' ORDER BY c.partition) FROM ${schema}.checkpoints c WHERE c.entry = t.id
), array_to_json(t.indexes)::text FROM target t
UNION ALL (${rows})`

const rowColumns = "r.tenant, r.key, r.position, r.index, r.value::text"

const findSql = (schema: string): string =>
  servedSql(
    schema,
    `SELECT r.tenant, r.key, r.position, r.index, r.value, null
  FROM target t, ${schema}.look_up_1(t.id, array_fill($3::text, ARRAY[cardinality($4)]), $4) r
  WHERE NOT r.removed ORDER BY r.n`
  )

/** A part of an index: its column, its conditions and their parameters, numbered behind the first three. */
interface Part {
  readonly sort: string
  readonly sql: string
  readonly params: ReadonlyArray<unknown>
}

const partOf = ({ atLeast, below, index }: RowStore.Range): Part => {
  const sort = index === undefined ? "r.key" : `r.sort_${index + 1}`
  const params: Array<unknown> = []
  let sql = index === undefined ? " AND NOT r.removed" : ` AND ${sort} IS NOT NULL`
  for (const [operator, bound] of [[">=", atLeast], ["<", below]] as const) {
    if (bound === undefined) continue
    params.push(parameters.text(bound))
    sql += ` AND ${sort} ${operator} $${3 + params.length}`
  }
  return { sort, sql, params }
}

const countSql = (schema: string, { sql }: Part): string =>
  servedSql(
    schema,
    `SELECT null, null, (
    SELECT count(*) FROM ${schema}.rows r WHERE r.entry = t.id AND r.tenant = $3${sql}
  ), null, null, null FROM target t`
  )

/** The next rows of a part, behind a place in it. */
const listSql = (schema: string, { params, sort, sql }: Part, behind: boolean, backward: boolean): string => {
  const [sign, order] = backward ? ["<", "DESC"] : [">", "ASC"]
  const next = params.length + 4
  const byKey = sort === "r.key"
  const place = byKey ? `r.key ${sign} $${next + 1}` : `(${sort}, r.key) ${sign} ($${next + 1}, $${next + 2})`
  const keys = ["r.entry", "r.tenant", ...(byKey ? [] : [sort]), "r.key"].map((key) => `${key} ${order}`).join(", ")
  return servedSql(
    schema,
    `SELECT ${rowColumns}, ${sort} FROM ${schema}.rows r
  WHERE r.entry = (SELECT id FROM target) AND r.tenant = $3${sql}${behind ? ` AND ${place}` : ""}
  ORDER BY ${keys} LIMIT $${next}`
  )
}

/** What readers ask of the rows. */
export const make = (
  client: PgClient.PgClient,
  { schema, timeout }: Settings
): Pick<Service, "find" | "list" | "count"> => {
  const { bigint, intOrNull, text, texts } = parameters
  const finds = findSql(schema)

  const sourceParams = ({ name, revision, tenant }: RowStore.Source) => [
    text(name),
    intOrNull(revision === undefined || Math.abs(revision) <= maxInt ? revision : -1),
    text(tenant)
  ]

  /** Runs a statement of `servedSql`, and reads what stands behind its first row. */
  const served = <A>(
    sql: string,
    params: ReadonlyArray<unknown>,
    read: (served: RowStore.Served, rows: ReadonlyArray<ReadonlyArray<unknown>>) => A
  ) =>
    Effect.map(query(client, "rows", timeout, sql, params), ([first, ...rows]) =>
      first === undefined
        ? Option.none<A>()
        : Option.some(read(readServed([first[3], first[0], first[1], first[4], first[5]], 0), rows)))

  const checkIndex = ({ index }: RowStore.Range) =>
    checkInts([["number of an index", index ?? 0, 0, Limits.indexesPerProjection - 1]])

  return {
    find: (source, keys) =>
      served(finds, [...sourceParams(source), texts(keys)], (served, rows) => ({
        served,
        rows: rows.map((row) => readRow(row, 0))
      })),
    list: Effect.fnUntraced(function*(request) {
      const { after, backward, limit } = request
      const wrong = checkIndex(request) ?? checkInts([["most rows of a page", limit, 0, Number.MAX_SAFE_INTEGER]])
      if (wrong !== undefined) return yield* wrong
      const part = partOf(request)
      const sql = listSql(schema, part, after !== undefined, backward)
      const place = after === undefined ? [] : request.index === undefined ? [after.key] : [after.sort, after.key]
      const params = [...sourceParams(request), ...part.params, bigint(limit), ...place.map((one) => text(one))]
      return yield* served(sql, params, (served, rows) => ({
        served,
        // The column of an index, in which NULL is left out, or the key.
        rows: rows.map((row) => ({ sort: row[5] as string, row: readRow(row, 0) }))
      }))
    }),
    count: Effect.fnUntraced(function*(range) {
      const wrong = checkIndex(range)
      if (wrong !== undefined) return yield* wrong
      const part = partOf(range)
      return yield* served(countSql(schema, part), [...sourceParams(range), ...part.params], (served, [row]) => ({
        served,
        count: Number(row![2])
      }))
    })
  }
}
