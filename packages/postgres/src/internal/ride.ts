import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import { type Attached, type Member, prepare, type Prepared } from "./attached.ts"
import type { Answer, Batch } from "./batch.ts"
import {
  appendInlineSql,
  fold,
  type Folded,
  inlineLoadParams,
  inlineLoadSql,
  inlineParams,
  readLoaded
} from "./inlineBatch.ts"
import { isAboutRows } from "./sqlError.ts"

/** How often rows are read and folded for a batch, because others moved them or its commits were judged otherwise. */
const rounds = 3

/** Rows could not be read or written: the commits have to go without them. In a transaction, from a savepoint on. */
export class RowsFailed extends Data.TaggedError("RowsFailed")<{ readonly error: SqlError }> {}

/** The row of an append function, and which projections rode along. */
export interface Ridden {
  readonly row: ReadonlyArray<unknown>
  readonly applied: ReadonlySet<Member>
}

/** Which commits were accepted, when that is why nothing was written; otherwise as before. */
const judged = (row: ReadonlyArray<unknown>, accepted: ReadonlyArray<boolean>): ReadonlyArray<boolean> => {
  // Types of the columns.
  const replayed = row[4] as ReadonlyArray<number> | null
  const conflict = row[5] as ReadonlyArray<number> | null
  if (replayed === null && conflict === null) return accepted
  const known = new Set(replayed)
  return accepted.map((_, i) => !known.has(i + 1) && !(conflict !== null && conflict[i]! > 0))
}

const ridersOf = (row: ReadonlyArray<unknown>, folded: ReadonlyArray<Folded>): ReadonlySet<Member> =>
  // Numbers of the projections, counted from 1.
  new Set((row[7] as ReadonlyArray<number>).map((number) => folded[number - 1]!.part.member))

/**
 * Sends a batch with the rows of what is attached: reads them, folds, and sends events and rows in one statement. After
 * so many rounds, or when nothing can ride, `plain` sends the events alone.
 */
export const make = (schema: string, attached: Attached) => {
  const load = inlineLoadSql(schema)
  const append = appendInlineSql(schema)

  return (
    connection: Connection,
    batch: Batch,
    params: ReadonlyArray<unknown>,
    plain: Effect.Effect<ReadonlyArray<unknown>, SqlError>
  ): Effect.Effect<Ridden, SqlError | RowsFailed> => {
    const parts = prepare(attached.all, batch.commits)
    const alone = Effect.map(plain, (row): Ridden => ({ row, applied: new Set() }))
    const send = (
      folded: ReadonlyArray<Folded>,
      accepted: ReadonlyArray<boolean>,
      round: number
    ): Effect.Effect<Ridden, SqlError | RowsFailed> =>
      connection.executeValues(append, [...params, ...inlineParams(folded, accepted)]).pipe(
        Effect.mapError((error) => isAboutRows(error) ? new RowsFailed({ error }) : error),
        Effect.flatMap(([row]) =>
          row![8] !== true
            ? Effect.succeed({ row: row!, applied: ridersOf(row!, folded) })
            : round === rounds
            ? alone
            : attempt(parts, judged(row!, accepted), round + 1)
        )
      )
    const attempt = (
      parts: ReadonlyArray<Prepared>,
      accepted: ReadonlyArray<boolean>,
      round: number
    ): Effect.Effect<Ridden, SqlError | RowsFailed> =>
      connection.executeValues(load, inlineLoadParams(parts)).pipe(
        Effect.mapError((error) => new RowsFailed({ error })),
        Effect.flatMap((rows) => {
          const folded = fold(readLoaded(parts, rows), accepted)
          return folded.length === 0 ? alone : send(folded, accepted, round)
        })
      )
    return parts.length === 0 ? alone : attempt(parts, batch.commits.map(() => true), 1)
  }
}

/** What is to be told of a batch that is committed. */
export interface Told {
  /** Tells the projections that were left behind. */
  readonly missed: () => void
  /** Whether rows were written. */
  readonly moved: boolean
}

export const nothing: Told = { missed: () => {}, moved: false }

/**
 * A projection misses what was written without it. And what was found again, where it is not level with the head: the
 * acknowledgement of that was lost, and whether its rows went along nobody knows.
 */
export const told = (
  members: ReadonlyArray<Member>,
  applied: ReadonlySet<Member>,
  answers: ReadonlyArray<Answer>
): Told => {
  const receipts = answers.filter(Exit.isSuccess).map(({ value }) => value)
  const last = Math.max(0, ...receipts.map(({ last }) => last))
  return {
    missed: () => {
      if (last === 0) return
      for (const member of members) {
        if (applied.has(member)) continue
        member.behind = true
        member.inline.missed(last)
      }
    },
    moved: applied.size > 0 && receipts.some(({ replayed }) => !replayed)
  }
}
