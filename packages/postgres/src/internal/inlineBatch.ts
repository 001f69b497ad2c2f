import type { RowStore } from "@varve/core"
import * as attached from "./attached.ts"
import type { Rows } from "./connection.ts"
import * as parameters from "./parameters.ts"
import { readRow } from "./rowAnswers.ts"
import { rowParams } from "./rowBatches.ts"

/*
 * Of the projections that ride with a batch: those that are level with the head, running and of one partition, with the
 * id of their entry, and then the rows under their keys. Rows of number, tenant, key, position or id, index, value.
 */
export const inlineLoadSql = (schema: string): string =>
  `WITH target AS MATERIALIZED (
  SELECT u.n::integer AS number, e.id FROM unnest($1, $2, $3) WITH ORDINALITY u(kind, name, revision, n)
  JOIN ${schema}.entries e ON e.kind = u.kind AND e.name = u.name AND e.revision = u.revision AND NOT e.dropped
  WHERE e.state = 'running' AND (SELECT count(*) FROM ${schema}.checkpoints c WHERE c.entry = e.id) = 1
    AND (SELECT c.position FROM ${schema}.checkpoints c WHERE c.entry = e.id AND c.partition = 0)
      = coalesce((SELECT x.position FROM ${schema}.events x ORDER BY x.position DESC LIMIT 1), 0)
)
SELECT t.number, null, null, t.id::bigint, null, null FROM target t
UNION ALL (
  SELECT t.number, r.tenant, r.key, r.position, r.index, r.value FROM target t
  CROSS JOIN LATERAL ${schema}.look_up_1(
    t.id,
    ARRAY(SELECT u.tenant FROM unnest($4, $5) WITH ORDINALITY u(number, tenant, n) WHERE u.number = t.number ORDER BY u.n),
    ARRAY(SELECT u.key FROM unnest($4, $6) WITH ORDINALITY u(number, key, n) WHERE u.number = t.number ORDER BY u.n)
  ) r
)`

export const inlineLoadParams = (parts: ReadonlyArray<attached.Prepared>): ReadonlyArray<unknown> => {
  const { ints, texts } = parameters
  const targets = parts.map(({ member }) => member.inline.target)
  const keys = parts.flatMap(({ prepared }, i) => prepared.keys.map((key) => ({ ...key, number: i + 1 })))
  return [
    texts(targets.map(({ kind }) => kind)),
    texts(targets.map(({ name }) => name)),
    ints(targets.map(({ revision }) => revision)),
    ints(keys.map(({ number }) => number)),
    texts(keys.map(({ tenant }) => tenant)),
    texts(keys.map(({ key }) => key))
  ]
}

/** A projection that is level with the head, and its rows as they were read. */
export interface Loaded {
  readonly part: attached.Prepared
  /** Id of its entry. */
  readonly entry: number
  readonly rows: ReadonlyArray<RowStore.StoredRow>
}

/** Reads the rows of `inlineLoadSql`, by id of the entry. */
export const readLoaded = (parts: ReadonlyArray<attached.Prepared>, rows: Rows): ReadonlyArray<Loaded> => {
  const byNumber = new Map<number, { readonly entry: number; readonly rows: Array<RowStore.StoredRow> }>()
  for (const row of rows) {
    const number = Number(row[0])
    const known = byNumber.get(number)
    // The first row of a number is that of its entry.
    if (known === undefined) byNumber.set(number, { entry: Number(row[3]), rows: [] })
    else known.rows.push(readRow(row, 1))
  }
  return parts.flatMap((part, i) => {
    const loaded = byNumber.get(i + 1)
    return loaded === undefined ? [] : [{ part, ...loaded }]
  }).sort((a, b) => a.entry - b.entry)
}

/** A projection with the rows that it writes. */
export interface Folded extends Loaded {
  readonly writes: ReadonlyArray<RowStore.RowWrite>
}

/** Those whose rows can be folded, when these of the commits are accepted. */
export const fold = (loaded: ReadonlyArray<Loaded>, accepted: ReadonlyArray<boolean>): ReadonlyArray<Folded> =>
  loaded.flatMap((one) => {
    const writes = attached.fold(one.part, one.rows, accepted)
    return writes === undefined ? [] : [{ ...one, writes }]
  })

/** The arguments of `append_inline_1` behind those of `append_1`. */
export const inlineParams = (
  folded: ReadonlyArray<Folded>,
  accepted: ReadonlyArray<boolean>
): ReadonlyArray<unknown> => {
  const { bigints, bools, ints, texts } = parameters
  const numbers: Array<number> = []
  const touched: Array<RowStore.RowKey & { readonly position: number; readonly index: number }> = []
  folded.forEach(({ part, rows }, i) => {
    // Neither tenant nor key holds a control character.
    const seen = new Map(rows.map((row) => [`${row.tenant}\n${row.key}`, row]))
    for (const { key, tenant } of part.prepared.keys) {
      const { index = 0, position = 0 } = seen.get(`${tenant}\n${key}`) ?? {}
      numbers.push(i + 1)
      touched.push({ tenant, key, position, index })
    }
  })
  return [
    bools(accepted),
    ints(folded.map(({ entry }) => entry)),
    ints(numbers),
    texts(touched.map(({ tenant }) => tenant)),
    texts(touched.map(({ key }) => key)),
    bigints(touched.map(({ position }) => position)),
    ints(touched.map(({ index }) => index)),
    ints(folded.flatMap(({ writes }, i) => writes.map(() => i + 1))),
    ...rowParams(folded.flatMap(({ writes }) => writes), ints)
  ]
}

/** The statement of a batch with rows. The first answers are those of `appendSql`. */
export const appendInlineSql = (schema: string): string => {
  const parameter = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => `$${from + i}`).join(", ")
  return `SELECT problem, head, recorded, current, replayed, conflict, actual, applied, undone
FROM ${schema}.append_inline_1($1, $2::text[]::json[], ${parameter(3, 24)}, $25::text[]::json[], ${
    parameter(26, 42)
  }, $43::text[]::json[])`
}
