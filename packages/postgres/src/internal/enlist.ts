import type * as PgClient from "@effect/sql-pg/PgClient"
import { type Commit, EventStoreError } from "@varve/core"
import * as Effect from "effect/Effect"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { currentTransaction } from "./connection.ts"
import type { Sender } from "./sender.ts"
import { toStoreError } from "./sqlError.ts"

/**
 * Appends in the transaction that the fiber is in: past the queue, on its connection, gone when it rolls back.
 *
 * It runs behind a savepoint, so that an append that fails, for whatever reason, leaves the transaction usable, and does
 * not keep the lock of the writers to its end.
 */
export const make = (
  client: PgClient.PgClient,
  sender: Sender,
  written: Effect.Effect<void>
): (commit: Commit.Encoded) => Effect.Effect<Commit.Receipt, EventStoreError.EventStoreError> => {
  const attempt = (commit: Commit.Encoded, check: boolean): Effect.Effect<
    Commit.Receipt,
    EventStoreError.EventStoreError | SqlError
  > =>
    client.withTransaction(Effect.withFiber((fiber) => {
      const connection = currentTransaction(client, fiber.context)!
      return Effect.flatMap(sender.sendOn(connection, [commit], check), ([answer]) => answer!).pipe(
        // What others are told of is what has been committed.
        Effect.tap((receipt) => receipt.replayed ? Effect.void : client.afterCommit(written))
      )
    }))
  return (commit) =>
    attempt(commit, false).pipe(
      Effect.catch((error) =>
        isSqlError(error) && error.reason._tag === "UniqueViolation" && error.reason.constraint === "events_commit"
          ? attempt(commit, true)
          : Effect.fail(error)
      ),
      // On a connection that is gone the way back to the savepoint fails as well, and the client dies of it.
      Effect.catchDefect((defect) => isSqlError(defect) ? Effect.fail(defect) : Effect.die(defect)),
      // The transaction is not committed, so nothing was written.
      Effect.mapError((error) => isSqlError(error) ? toStoreError("append")(error) : error)
    )
}
