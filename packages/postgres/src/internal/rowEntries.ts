import type * as PgClient from "@effect/sql-pg/PgClient"
import { EventStoreError, Limits, type RowStore } from "@varve/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { query } from "./connection.ts"
import * as parameters from "./parameters.ts"
import {
  checkInts,
  checkTarget,
  entryColumns,
  failureText,
  maxInt,
  noEntry,
  readEntries,
  refused,
  showTarget
} from "./rowAnswers.ts"
import type { Settings } from "./settings.ts"

type Service = RowStore.RowStore["Service"]

/** Rows and parked events deleted by one statement, when an entry is dropped. */
const rowsPerDelete = 10_000

/** Longest lease that is kept: what is asked for beyond it ends with it. */
const leaseMillis = 365 * 86_400_000

/** Milliseconds of a lease, as the database takes them. */
export const leaseOf = (lease: Duration.Duration): number =>
  Math.min(Math.max(Duration.toMillis(lease), 0), leaseMillis)

/** Parameters that name a target: the first three of every function. */
export const targetParams = ({ kind, name, revision }: RowStore.Target): ReadonlyArray<unknown> => [
  parameters.text(kind),
  parameters.text(name),
  // A number that is none is nobody's revision.
  parameters.int(Number.isSafeInteger(revision) && Math.abs(revision) <= maxInt ? revision : -1)
]

const entriesSql = (schema: string): string =>
  `WITH e AS MATERIALIZED (
  SELECT x.*, p.* FROM ${schema}.entries x CROSS JOIN LATERAL (
    SELECT count(DISTINCT (y.tenant, y.key)) AS parked_keys, count(*) AS parked_events
    FROM ${schema}.parked y WHERE y.entry = x.id
  ) p
  WHERE x.kind = $1 AND ($2::text IS NULL OR x.name = $2) AND ($3::integer IS NULL OR x.revision = $3) AND NOT x.dropped
)
SELECT ${entryColumns} FROM e JOIN ${schema}.checkpoints c ON c.entry = e.id ORDER BY e.name, e.revision, c.partition`

/** Entries, their states and the leases on their partitions. */
export const make = (
  client: PgClient.PgClient,
  { schema, timeout }: Settings,
  moved: Effect.Effect<void>
): Pick<Service, "open" | "entries" | "serve" | "setState" | "drop" | "acquire" | "release"> => {
  const run = (sql: string, params: ReadonlyArray<unknown>) => query(client, "rows", timeout, sql, params)
  const found = entriesSql(schema)
  const { bool, float, int, intOrNull, bigint, text, textOrNull, texts } = parameters

  const open: Service["open"] = Effect.fnUntraced(
    function*({ indexes, level = false, mode, partitions, position = 0, target }) {
      const wrong = checkTarget(target) ?? checkInts([
        ["partitions", partitions ?? 1, 1, Limits.partitions],
        ["position", position, 0, Number.MAX_SAFE_INTEGER]
      ])
      if (wrong !== undefined) return yield* wrong
      yield* run(
        `SELECT ${schema}.open_entry_1($1, $2, $3, $4, $5, $6, $7, ${indexes === undefined ? "NULL" : "$8"})::text`,
        [
          ...targetParams(target),
          text(mode),
          intOrNull(partitions),
          bigint(position),
          bool(level),
          ...(indexes === undefined ? [] : [texts(indexes)])
        ]
      )
      const [entry] = readEntries(yield* run(found, targetParams(target)))
      yield* client.afterCommit(moved)
      if (entry !== undefined && indexes !== undefined && indexes.join("\n") !== entry.indexes.join("\n")) {
        const shown = (all: ReadonlyArray<string>) => all.join(", ") || "none"
        const expected = `${shown(entry.indexes)}, those that it was made with`
        return yield* refused(`indexes of ${showTarget(target)}`, expected, shown(indexes))
      }
      return entry ?? (yield* new EventStoreError.EventStoreError({
        operation: "rows",
        reason: new EventStoreError.Unavailable({
          what: showTarget(target),
          expected: "an entry in the store",
          actual: "it was dropped while it was opened"
        })
      }))
    }
  )

  const drop: Service["drop"] = Effect.fnUntraced(function*(target) {
    const [row] = yield* run(`SELECT ${schema}.drop_entry_1($1, $2, $3)`, targetParams(target))
    if (row![0] === "serving") {
      const expected = "not to serve while there are other revisions"
      return yield* refused(showTarget(target), expected, "it serves")
    }
    // Also what an earlier drop has left that was cut off.
    while (true) {
      const [cleared] = yield* run(`SELECT ${schema}.clear_1($1)`, [int(rowsPerDelete)])
      if (Number(cleared![0]) === 0) break
    }
    if (row![0] === "missing") return yield* noEntry(target)
    yield* client.afterCommit(moved)
  })

  const acquire: Service["acquire"] = Effect.fnUntraced(function*({ lease, most = Limits.partitions, owner, target }) {
    const wrong = checkInts([["most leases", most, 0, Number.MAX_SAFE_INTEGER]])
    if (wrong !== undefined) return yield* wrong
    const rows = yield* run(`SELECT * FROM ${schema}.acquire_1($1, $2, $3, $4, $5, $6)`, [
      ...targetParams(target),
      text(owner),
      float(leaseOf(lease)),
      int(Math.min(most, maxInt))
    ])
    const [first] = rows
    if (first === undefined) return yield* noEntry(target)
    return {
      // Types of the columns.
      state: first[0] as RowStore.State,
      partitions: Number(first[1]),
      leases: rows.filter((row) => row[2] !== null).map((row) => ({
        partition: Number(row[2]),
        fence: Number(row[3]),
        position: Number(row[4])
      }))
    }
  })

  return {
    open,
    entries: ({ kind, name }) =>
      Effect.map(run(found, [text(kind), textOrNull(name), intOrNull(undefined)]), readEntries),
    serve: Effect.fnUntraced(function*(target) {
      const [row] = yield* run(`SELECT ${schema}.serve_1($1, $2, $3)`, targetParams(target))
      if (row![0] !== true) return yield* noEntry(target)
      yield* client.afterCommit(moved)
    }),
    setState: Effect.fnUntraced(function*(target, state, failure) {
      const params = [...targetParams(target), text(state), textOrNull(failure && failureText(failure))]
      const [row] = yield* run(`SELECT ${schema}.set_state_1($1, $2, $3, $4, $5::text::json)`, params)
      if (row![0] !== true) return yield* noEntry(target)
      yield* client.afterCommit(moved)
    }),
    drop,
    acquire,
    release: (target, owner) =>
      Effect.asVoid(
        run(`SELECT ${schema}.release_1($1, $2, $3, $4)::text`, [...targetParams(target), text(owner)])
      )
  }
}
