import type * as PgClient from "@effect/sql-pg/PgClient"
import { type Commit, EventStoreError } from "@varve/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import type { Attached } from "./attached.ts"
import { type Answer, appendCountedSql, appendSql, Batch, type Outcome } from "./batch.ts"
import * as parameters from "./parameters.ts"
import * as Ride from "./ride.ts"
import type { Settings } from "./settings.ts"
import { differs, findSql, isSame, readCommits } from "./storedCommits.ts"

/** What became of commits: one answer a commit, and what the projections that ride with them are to be told. */
export interface Sent {
  readonly answers: ReadonlyArray<Answer>
  readonly told: Ride.Told
}

/** Sends commits to the database, in one statement; with rows, in one that reads them and one that writes all. */
export interface Sender {
  /** On a connection of the pool. `commits` is asked when the connection is there. */
  readonly send: (
    commits: () => ReadonlyArray<Commit.Encoded>,
    check: boolean
  ) => Effect.Effect<Sent, SqlError>
  /** On a connection that the caller holds. `rides`: whether the rows of what is attached go along. */
  readonly sendOn: (
    connection: Connection,
    commits: ReadonlyArray<Commit.Encoded>,
    check: boolean,
    rides: boolean
  ) => Effect.Effect<Sent, SqlError | Ride.RowsFailed>
}

type Row = ReadonlyArray<unknown>

/** Conflicts come in bursts, and each costs a call: so many batches go the long way after one that was not as expected. */
const batchesAfterMiss = 15

const fail = (reason: EventStoreError.EventStoreError["reason"]): Answer =>
  Exit.fail(new EventStoreError.EventStoreError({ operation: "append", reason }))

export const make = (client: PgClient.PgClient, settings: Settings, attached: Attached): Sender => {
  const append = appendSql(settings.schema)
  const appendCounted = appendCountedSql(settings.schema)
  const find = findSql(settings.schema)
  const ride = Ride.make(settings.schema, attached)
  // `open` has checked the range; the server takes whole milliseconds.
  const waitMillis = Math.ceil(Duration.toMillis(settings.lockTimeout))

  /** Answers for commits whose ids are stored: the first receipt, or that the content is another. */
  const findAgain = (
    connection: Connection,
    commits: ReadonlyArray<Commit.Encoded>
  ): Effect.Effect<ReadonlyMap<Commit.Encoded, Answer>> =>
    connection.executeValues(find, [parameters.uuids(commits.map(({ id }) => id)), parameters.bool(true)]).pipe(
      Effect.map((rows) => {
        const stored = readCommits(settings.storeId, rows)
        return new Map(commits.map((commit) => {
          const found = stored.get(commit.id)
          const same = found !== undefined && isSame(found, commit)
          return [commit, same ? Exit.succeed(found.receipt) : fail(differs(commit.id))] as const
        }))
      }),
      // Something is stored under these ids. Whether it is the same, who asks again will hear.
      Effect.catch(() =>
        Effect.succeed(
          new Map(
            commits.map((commit) =>
              [commit, fail(new EventStoreError.OutcomeUnknown({ commitId: commit.id }))] as const
            )
          )
        )
      )
    )

  const answersOf = (
    connection: Connection,
    commits: ReadonlyArray<Commit.Encoded>,
    outcomes: ReadonlyArray<Outcome>
  ): Effect.Effect<ReadonlyArray<Answer>> => {
    const known = commits.filter((_, i) => outcomes[i]!._tag === "Known")
    const answers = (again: ReadonlyMap<Commit.Encoded, Answer> | undefined): ReadonlyArray<Answer> =>
      outcomes.map((outcome, i) => {
        switch (outcome._tag) {
          case "Written":
            return Exit.succeed(outcome.receipt)
          case "Conflict":
            return fail(outcome.reason)
          case "Known":
            // `again` has an answer for each commit that is known.
            return again!.get(commits[i]!)!
        }
      })
    return known.length === 0
      ? Effect.succeed(answers(undefined))
      : Effect.map(findAgain(connection, known), answers)
  }

  /** Each commit by itself. */
  const judged = (connection: Connection, batch: Batch, check: boolean): Effect.Effect<Row, SqlError> =>
    Effect.map(connection.executeValues(append, batch.parameters(check, waitMillis)), ([row]) => row!)

  /** Batches that are still to go the long way at once. */
  let doubtful = 0

  /** All at once, if all are as expected; otherwise each by itself. */
  const counted = (connection: Connection, batch: Batch): Effect.Effect<Row, SqlError> =>
    Effect.flatMap(connection.executeValues(appendCounted, batch.countedParameters(waitMillis)), ([row]) => {
      const answer = batch.countedRow(row!)
      if (answer !== undefined) return Effect.succeed(answer)
      doubtful = batchesAfterMiss
      return judged(connection, batch, false)
    })

  const write = (connection: Connection, batch: Batch, check: boolean): Effect.Effect<Row, SqlError> =>
    Effect.suspend(() => {
      if (doubtful > 0) doubtful--
      else if (!check && batch.isCounted) return counted(connection, batch)
      return judged(connection, batch, check)
    })

  const sendOn: Sender["sendOn"] = (connection, commits, check, rides) =>
    Effect.suspend(() => {
      if (commits.length === 0) return Effect.succeed({ answers: [], told: Ride.nothing })
      const batch = new Batch(commits)
      const plain = write(connection, batch, check)
      const answered = (row: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<Answer>> => {
        const outcomes = batch.outcomes(settings.storeId, row)
        return outcomes instanceof EventStoreError.Refused
          ? Effect.succeed(commits.map(() => fail(outcomes)))
          : answersOf(connection, commits, outcomes)
      }
      if (attached.isEmpty) {
        return Effect.map(Effect.flatMap(plain, answered), (answers) => ({ answers, told: Ride.nothing }))
      }
      const members = attached.all
      const alone = Effect.map(plain, (row): Ride.Ridden => ({ row, applied: new Set() }))
      return Effect.flatMap(
        rides ? ride(connection, batch, batch.parameters(check, waitMillis), plain) : alone,
        ({ applied, row }) =>
          Effect.map(answered(row), (answers) => ({ answers, told: Ride.told(members, applied, answers) }))
      )
    })

  return {
    sendOn,
    send: (commits, check) =>
      Effect.scoped(
        Effect.flatMap(client.reserve, (connection) =>
          Effect.suspend(() => {
            const batch = commits()
            // The statement that failed has changed nothing, or was one that reads.
            return Effect.catchTag(sendOn(connection, batch, check, true), "RowsFailed", () =>
              Effect.catchTag(sendOn(connection, batch, check, false), "RowsFailed", ({ error }) => Effect.fail(error)))
          }))
      )
  }
}
