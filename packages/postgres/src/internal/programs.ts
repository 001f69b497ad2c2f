import type * as PgClient from "@effect/sql-pg/PgClient"
import { CommitId, EventStoreError, Limits, ProgramStore } from "@varve/core"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { currentTransaction, query, type Rows } from "./connection.ts"
import * as parameters from "./parameters.ts"
import type { Settings } from "./settings.ts"

type Service = ProgramStore.ProgramStore["Service"]

const refuse = (reason: EventStoreError.Refused) =>
  Effect.fail(new EventStoreError.EventStoreError({ operation: "programs", reason }))

const time = (millis: unknown): DateTime.Utc => DateTime.makeUnsafe(Math.round(Number(millis)))

/** Categories, types and revisions, as three arrays. */
const places = (all: ReadonlyArray<ProgramStore.Readable>): ReadonlyArray<unknown> => [
  parameters.texts(all.map(({ category }) => category)),
  parameters.texts(all.map(({ type }) => type)),
  parameters.ints(all.map(({ revision }) => revision))
]

/** What was stored under other types before: 1-based places among all, categories, types and those types, as four arrays. */
const former = (writes: ProgramStore.Entry["writes"]): ReadonlyArray<unknown> => {
  const all = writes.flatMap(({ category, formerly, type }, i) =>
    formerly.map((former) => ({ place: i + 1, category, type, former }))
  )
  return [
    parameters.ints(all.map(({ place }) => place)),
    parameters.texts(all.map(({ category }) => category)),
    parameters.texts(all.map(({ type }) => type)),
    parameters.texts(all.map(({ former }) => former))
  ]
}

/** What is told of a program and of what may be written. Casts are the types of the columns, as the driver decodes them. */
const enterSql = (schema: string): string =>
  `SELECT problem, allowed, found_category, found_type, found_revision, found_reads, found_at, found_by, found_former
FROM ${schema}.enter_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

const readAnswer = (entry: ProgramStore.Entry, [row]: Rows): EventStoreError.Refused | ReadonlyArray<number> => {
  const [problem, allowed, category, type, revision, reads, at, by, former] = row!
  if (problem === null) return allowed as ReadonlyArray<number>
  if (problem === "too many") return ProgramStore.tooMany(entry)
  if (problem === "beyond" || problem === "passes over") {
    const opened: ProgramStore.Opened = {
      category: category as string,
      type: type as string,
      revision: Number(revision),
      formerly: former === null ? [] : [former as string],
      by: by as string,
      at: time(at)
    }
    return problem === "beyond"
      ? ProgramStore.beyond(entry, opened, Number(reads))
      : ProgramStore.passesOver(entry, opened, former as string)
  }
  return new EventStoreError.Refused({
    what: "isolation level of the transaction",
    expected: "read committed",
    actual: problem as string
  })
}

const programsSql = (schema: string): string =>
  `SELECT p.id::text, p.name, date_part('epoch', p.seen_at) * 1000, (
  SELECT coalesce(json_agg(json_build_array(r.category, r.type, r.revision) ORDER BY r.category, r.type), '[]')::text
  FROM ${schema}.program_reads r WHERE r.program = p.id
)
FROM ${schema}.programs p WHERE p.until > clock_timestamp() ORDER BY p.name, p.id`

const readProgram = (row: ReadonlyArray<unknown>): ProgramStore.Program => ({
  id: row[0] as string,
  name: row[1] as string,
  // Built by the statement.
  reads: (JSON.parse(row[3] as string) as ReadonlyArray<readonly [string, string, number]>)
    .map(([category, type, revision]) => ({ category, type, revision })),
  seenAt: time(row[2])
})

const writableSql = (schema: string): string =>
  `SELECT o.category, o.type, o.revision, o.opened_by, date_part('epoch', o.opened_at) * 1000, (
  SELECT coalesce(json_agg(k.former ORDER BY k.former), '[]')::text
  FROM ${schema}.writable_formerly k WHERE k.category = o.category AND k.type = o.type
)
FROM ${schema}.writable o ORDER BY o.category, o.type`

const readOpened = (row: ReadonlyArray<unknown>): ProgramStore.Opened => ({
  category: row[0] as string,
  type: row[1] as string,
  revision: Number(row[2]),
  // Built by the statement.
  formerly: JSON.parse(row[5] as string) as ReadonlyArray<string>,
  by: row[3] as string,
  at: time(row[4])
})

/** Keeps programs in the database, by its clock. */
export const make = (client: PgClient.PgClient, { lockTimeout, schema, timeout }: Settings): Service => {
  const run = (sql: string, params: ReadonlyArray<unknown>) => query(client, "programs", timeout, sql, params)
  const { float, int, text, uuid } = parameters
  const wait = int(Math.ceil(Duration.toMillis(lockTimeout)))
  const enters = enterSql(schema)

  const enter = Effect.fnUntraced(function*(entry: ProgramStore.Entry) {
    const wrong = ProgramStore.check(entry)
    if (wrong !== undefined) return yield* refuse(wrong)
    const rows = yield* run(enters, [
      uuid(entry.id),
      text(entry.name),
      float(Duration.toMillis(entry.expiry)),
      int(Limits.programs),
      wait,
      ...places(entry.reads),
      ...places(entry.writes),
      ...former(entry.writes)
    ])
    const answer = readAnswer(entry, rows)
    if (answer instanceof EventStoreError.Refused) return yield* refuse(answer)
    return entry.writes.map(({ category, type }, i) => ({ category, type, revision: answer[i]! }))
  })

  return ProgramStore.ProgramStore.of({
    // What is told must stay true, so it is no part of a transaction that can be rolled back.
    enter: (entry) =>
      Effect.withFiber((fiber) =>
        currentTransaction(client, fiber.context) === undefined
          ? enter(entry)
          : refuse(
            new EventStoreError.Refused({
              what: `program ${entry.name}`,
              expected: "to be entered outside of transactions",
              actual: "one is under way"
            })
          )
      ),
    leave: (id) =>
      CommitId.is(id) ? Effect.asVoid(run(`SELECT ${schema}.leave_1($1, $2)::text`, [uuid(id), wait])) : Effect.void,
    programs: Effect.map(run(programsSql(schema), []), (rows) => rows.map(readProgram)),
    writable: Effect.map(run(writableSql(schema), []), (rows) => rows.map(readOpened))
  })
}
