import type * as PgClient from "@effect/sql-pg/PgClient"
import { EventStoreError, Limits, type RowStore } from "@varve/core"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { isSqlError } from "effect/sql/SqlError"
import { bounded, currentTransaction, query, survive } from "./connection.ts"
import * as parameters from "./parameters.ts"
import { checkInts, failureText, maxInt, noEntry, parkedColumns, readParked, readRow } from "./rowAnswers.ts"
import { leaseOf, targetParams } from "./rowEntries.ts"
import type { Settings } from "./settings.ts"
import { toStoreError } from "./sqlError.ts"

type Service = RowStore.RowStore["Service"]

/** Tombstones deleted by one statement. */
const tombstonesPerDelete = 10_000

/**
 * For how long at the least the transaction of a batch may be idle before the server ends it. A process that is frozen
 * in it holds the checkpoint: without an end nobody could take over.
 */
const leastIdle = Duration.seconds(10)

/** The entry, as a first row, then the rows under some keys, then those of the keys that are parked. */
const loadSql = (schema: string): string =>
  `WITH target AS (
  SELECT e.id FROM ${schema}.entries e WHERE e.kind = $1 AND e.name = $2 AND e.revision = $3 AND NOT e.dropped
)
SELECT 0, null, null, null, null, null FROM target
UNION ALL (
  SELECT 1, r.tenant, r.key, r.position, r.index, r.value FROM target t, ${schema}.look_up_1(t.id, $4, $5) r
)
UNION ALL (
  SELECT 2, u.tenant, u.key, null, null, null FROM target t, unnest($4, $5) u(tenant, key)
  WHERE (SELECT 1 FROM ${schema}.parked p WHERE p.entry = t.id AND p.tenant = u.tenant AND p.key = u.key LIMIT 1) = 1
)`

const projectSql = (schema: string): string =>
  `SELECT ${schema}.project_1(${Array.from({ length: 9 }, (_, i) => `$${i + 1}`).join(", ")}, $10::text::json, ${
    Array.from({ length: 8 }, (_, i) => `$${i + 11}`).join(", ")
  }, $19::text[]::json[], ${Array.from({ length: 14 }, (_, i) => `$${i + 20}`).join(", ")})`

/** Arguments of rows that are written. The types are those of `project_1`, and of `append_inline_1` with small positions. */
export const rowParams = (
  rows: ReadonlyArray<RowStore.RowWrite>,
  positions: (values: ReadonlyArray<number>) => unknown
): ReadonlyArray<unknown> => {
  const { ints, texts, textsOrNull } = parameters
  return [
    texts(rows.map(({ tenant }) => tenant)),
    texts(rows.map(({ key }) => key)),
    positions(rows.map(({ position }) => position)),
    ints(rows.map(({ index }) => index)),
    // An index that no row has needs no array: what is missing is NULL.
    ...Array.from(
      { length: Limits.indexesPerProjection },
      (_, i) => textsOrNull(rows.some(({ sorts }) => i < sorts.length) ? rows.map(({ sorts }) => sorts[i] ?? null) : [])
    ),
    textsOrNull(rows.map(({ value }) => value))
  ]
}

// A text cannot hold U+0000.
const storable = (text: string): string => text.replaceAll("\u0000", "\uFFFD")

const batchParams = (batch: RowStore.Batch): ReadonlyArray<unknown> => {
  const { bigint, bigintOrNull, bigints, bools, float, int, ints, textOrNull, texts, times } = parameters
  const { park, unpark } = batch
  return [
    ...targetParams(batch.target),
    int(batch.partition),
    bigintOrNull(batch.fence),
    bigint(batch.from),
    bigint(batch.to),
    float(batch.rate),
    float(leaseOf(batch.lease)),
    textOrNull(batch.failure && failureText(batch.failure)),
    ...rowParams(batch.rows, bigints),
    texts(park.map(({ tenant }) => tenant)),
    texts(park.map(({ key }) => key)),
    bigints(park.map(({ position }) => position)),
    ints(park.map(({ index }) => index)),
    texts(park.map(({ eventId }) => eventId)),
    texts(park.map(({ type }) => type)),
    ints(park.map(({ attempts }) => attempts)),
    texts(park.map(({ cause }) => storable(cause))),
    times(park.map(({ parkedAt }) => parkedAt.epochMilliseconds)),
    bools(park.map(({ due }) => due)),
    texts(unpark.map(({ tenant }) => tenant)),
    texts(unpark.map(({ key }) => key)),
    bigints(unpark.map(({ position }) => position)),
    ints(unpark.map(({ index }) => index))
  ]
}

const checkBatch = ({ fence, from, partition, rows, to }: RowStore.Batch) =>
  checkInts([
    ["partition", partition, 0, maxInt],
    ["fence", fence ?? 0, 0, Number.MAX_SAFE_INTEGER],
    ["checkpoint of a batch", from, 0, Number.MAX_SAFE_INTEGER],
    ["end of a batch", to, from, Number.MAX_SAFE_INTEGER],
    [
      "indexes of a row",
      rows.reduce((most, { sorts }) => Math.max(most, sorts.length), 0),
      0,
      Limits.indexesPerProjection
    ]
  ])

/** Ends the transaction of a batch that is not taken. */
class NotTaken extends Data.TaggedError("NotTaken")<{ readonly outcome: RowStore.Committed }> {}

/** An error of the caller's part of a transaction, which is kept apart from those of the database. */
class Within<E> extends Data.TaggedError("Within")<{ readonly error: E }> {}

/** What is loaded and written of a target, a batch at a time. */
export const make = (
  client: PgClient.PgClient,
  { schema, timeout }: Settings,
  moved: Effect.Effect<void>
): Pick<Service, "isEmpty" | "load" | "commit" | "parked" | "retry" | "sweep"> => {
  const run = (sql: string, params: ReadonlyArray<unknown>) => query(client, "rows", timeout, sql, params)
  const loads = loadSql(schema)
  const projects = projectSql(schema)
  const { bigintOrNull, bigint, bool, int, text, textOrNull, texts } = parameters

  /**
   * One statement. When its acknowledgement is lost the error is `Unavailable` all the same: who reads the checkpoint
   * again learns what became of the batch, and nothing is written twice.
   */
  const project = (batch: RowStore.Batch): Effect.Effect<RowStore.Committed, EventStoreError.EventStoreError> =>
    // The outcomes of the function.
    Effect.map(run(projects, batchParams(batch)), ([row]) => row![0] as RowStore.Committed)

  const judgeSql = `SELECT j.outcome, CASE WHEN $7 THEN set_config('idle_in_transaction_session_timeout', $8, true) END
FROM ${schema}.judge_1($1, $2, $3, $4, $5, $6) j`
  const judge = ({ fence, from, lease, partition, target }: RowStore.Batch, top: boolean) => {
    const idle = Math.min(Math.max(leaseOf(lease), Duration.toMillis(leastIdle)), maxInt)
    const place = [int(partition), bigintOrNull(fence), bigint(from)]
    const params = [...targetParams(target), ...place, bool(top), text(`${Math.ceil(idle)}`)]
    return Effect.map(run(judgeSql, params), ([row]) => row![0] as RowStore.Committed)
  }

  /** The checkpoint is locked first, so of two owners one does the work. `within` is bounded together with the rest. */
  const projectWithin = <E, R>(batch: RowStore.Batch, within: Effect.Effect<void, E, R>, top: boolean) => {
    const taken = (outcome: RowStore.Committed) =>
      outcome === "Committed" ? Effect.succeed(outcome) : Effect.fail(new NotTaken({ outcome }))
    return client.withTransaction(
      judge(batch, top).pipe(
        Effect.flatMap(taken),
        Effect.andThen(Effect.mapError(within, (error) => new Within({ error }))),
        Effect.andThen(project(batch)),
        Effect.flatMap(taken)
      )
    ).pipe(
      survive,
      (self) => bounded(self, "rows", timeout),
      Effect.catch((error): Effect.Effect<RowStore.Committed, EventStoreError.EventStoreError | E> => {
        if (error instanceof NotTaken) return Effect.succeed(error.outcome)
        if (error instanceof Within) return Effect.fail(error.error)
        return Effect.fail(isSqlError(error) ? toStoreError("rows")(error) : error)
      })
    )
  }

  const commit = <E = never, R = never>(
    batch: RowStore.Batch,
    within?: Effect.Effect<void, E, R>
  ): Effect.Effect<RowStore.Committed, EventStoreError.EventStoreError | E, R> =>
    Effect.withFiber((fiber) => {
      const wrong = checkBatch(batch)
      if (wrong !== undefined) return Effect.fail(wrong)
      const top = currentTransaction(client, fiber.context) === undefined
      return Effect.tap(
        within === undefined ? project(batch) : projectWithin(batch, within, top),
        (outcome) => outcome === "Committed" ? client.afterCommit(moved) : Effect.void
      )
    })

  const isEmpty: Service["isEmpty"] = Effect.fnUntraced(function*(target) {
    const [row] = yield* run(`SELECT ${schema}.is_empty_1($1, $2, $3)`, targetParams(target))
    // The type of the function, which answers with one row.
    const isEmpty = row![0] as boolean | null
    return isEmpty ?? (yield* noEntry(target))
  })

  const load: Service["load"] = Effect.fnUntraced(function*(target, keys) {
    const [entry, ...found] = yield* run(loads, [
      ...targetParams(target),
      texts(keys.map(({ tenant }) => tenant)),
      texts(keys.map(({ key }) => key))
    ])
    if (entry === undefined) return yield* noEntry(target)
    return {
      rows: found.filter((row) => row[0] === 1).map((row) => readRow(row, 1)),
      // Types of the columns.
      parked: found.filter((row) => row[0] === 2).map((row) => ({ tenant: row[1] as string, key: row[2] as string }))
    }
  })

  // Due is a key of which an event is, or whose first one waits behind nothing: somebody drained it in between.
  const parkedSql = `WITH target AS (
  SELECT e.id FROM ${schema}.entries e WHERE e.kind = $1 AND e.name = $2 AND e.revision = $3 AND NOT e.dropped
)
SELECT null, null, null, null, null, null, null, null, null, null FROM target
UNION ALL (
  SELECT ${parkedColumns} FROM ${schema}.parked p
  WHERE p.entry = (SELECT id FROM target) AND ($4::text IS NULL OR (p.tenant = $4 AND p.key = $5))
    AND (NOT $6 OR (p.tenant, p.key) IN (
      SELECT d.tenant, d.key FROM ${schema}.parked d WHERE d.entry = (SELECT id FROM target) AND d.due
      UNION ALL
      SELECT f.tenant, f.key FROM (
        SELECT DISTINCT ON (x.tenant, x.key) x.tenant, x.key, x.attempts FROM ${schema}.parked x
        WHERE x.entry = (SELECT id FROM target) AND ($4::text IS NULL OR (x.tenant = $4 AND x.key = $5))
        ORDER BY x.tenant, x.key, x.position, x.index
      ) f WHERE f.attempts = 0
    ))
  ORDER BY p.tenant, p.key, p.position, p.index LIMIT $7
)`
  const parked: Service["parked"] = Effect.fnUntraced(function*({ due = false, key, limit, target }) {
    const wrong = checkInts([["most parked events", limit, 0, Number.MAX_SAFE_INTEGER]])
    if (wrong !== undefined) return yield* wrong
    const params = [...targetParams(target), textOrNull(key?.tenant), textOrNull(key?.key), bool(due), bigint(limit)]
    const [entry, ...found] = yield* run(parkedSql, params)
    return entry === undefined ? yield* noEntry(target) : found.map(readParked)
  })

  const retry: Service["retry"] = Effect.fnUntraced(function*({ key, skip, target }) {
    const params = [...targetParams(target), text(key.tenant), text(key.key), bool(skip)]
    const [row] = yield* run(`SELECT ${schema}.retry_1($1, $2, $3, $4, $5, $6)`, params)
    if (row![0] === null) return yield* noEntry(target)
    yield* client.afterCommit(moved)
    return Number(row![0])
  })

  const sweep: Service["sweep"] = Effect.fnUntraced(function*(target) {
    let gone = 0
    while (true) {
      const params = [...targetParams(target), int(tombstonesPerDelete)]
      const [row] = yield* run(`SELECT ${schema}.sweep_1($1, $2, $3, $4)`, params)
      if (row![0] === null) return yield* noEntry(target)
      gone += Number(row![0])
      if (Number(row![0]) < tombstonesPerDelete) return gone
    }
  })

  return { isEmpty, load, commit, parked, retry, sweep }
}
