import type * as PgClient from "@effect/sql-pg/PgClient"
import type { Commit, EventStoreError } from "@varve/core"
import * as Effect from "effect/Effect"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { currentTransaction, survive } from "./connection.ts"
import type { RowsFailed } from "./ride.ts"
import type { Sender } from "./sender.ts"
import { isKnownCommit, toStoreError } from "./sqlError.ts"

/**
 * Appends in the transaction that the fiber is in: past the queue, on its connection, gone when it rolls back.
 *
 * It runs behind a savepoint, so that an append that fails, for whatever reason, leaves the transaction usable, and does
 * not keep the lock of the writers to its end.
 */
export const make = (
  client: PgClient.PgClient,
  sender: Sender,
  written: Effect.Effect<void>,
  moved: Effect.Effect<void>
): (commit: Commit.Encoded) => Effect.Effect<Commit.Receipt, EventStoreError.EventStoreError> => {
  const attempt = (commit: Commit.Encoded, check: boolean, rides: boolean): Effect.Effect<
    Commit.Receipt,
    EventStoreError.EventStoreError | SqlError | RowsFailed
  > =>
    client.withTransaction(Effect.withFiber((fiber) => {
      const connection = currentTransaction(client, fiber.context)!
      return Effect.flatMap(sender.sendOn(connection, [commit], check, rides), ({ answers: [answer], told }) =>
        // What others are told of is what has been committed.
        Effect.tap(answer!, (receipt) =>
          client.afterCommit(Effect.suspend(() => {
            told.missed()
            const events = receipt.replayed ? Effect.void : written
            return told.moved ? Effect.andThen(events, moved) : events
          }))))
    }))
  const retried = (commit: Commit.Encoded, check: boolean, rides: boolean): ReturnType<typeof attempt> =>
    Effect.catch(attempt(commit, check, rides), (error) => {
      if (isSqlError(error) && isKnownCommit(error) && !check) return retried(commit, true, rides)
      // The savepoint is rolled back, so the commit can go without rows.
      return error._tag === "RowsFailed" && rides ? retried(commit, check, false) : Effect.fail(error)
    })
  return (commit) =>
    retried(commit, false, true).pipe(
      // There the way back is to the savepoint.
      survive,
      // The transaction is not committed, so nothing was written.
      Effect.mapError((error) =>
        error._tag === "EventStoreError"
          ? error
          : toStoreError("append")(error._tag === "RowsFailed" ? error.error : error)
      )
    )
}
