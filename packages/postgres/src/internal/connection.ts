import type * as PgClient from "@effect/sql-pg/PgClient"
import { EventStoreError } from "@varve/core"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Connection } from "effect/sql/SqlConnection"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { toStoreError } from "./sqlError.ts"

/** Positional rows of a statement. */
export type Rows = ReadonlyArray<ReadonlyArray<unknown>>

/** A time that everything an operation waits for together may take. */
export const bounded = <A, E, R>(
  self: Effect.Effect<A, E | EventStoreError.EventStoreError, R>,
  operation: EventStoreError.EventStoreError["operation"],
  duration: Duration.Duration
): Effect.Effect<A, E | EventStoreError.EventStoreError, R> =>
  Effect.timeoutOrElse(self, {
    duration,
    orElse: () =>
      Effect.fail(
        new EventStoreError.EventStoreError({
          operation,
          reason: new EventStoreError.Unavailable({
            what: "database",
            expected: `an answer within ${duration}`,
            actual: "none"
          })
        })
      )
  })

/**
 * On a connection that is gone the way back fails as well, and the client dies of it, and of the error that led there.
 * Nothing was committed: what is left of it is the error of the connection.
 */
export const survive = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R> =>
  Effect.catchCause(self, (cause): Effect.Effect<never, E | SqlError> => {
    for (const reason of cause.reasons) {
      if (Cause.isDieReason(reason) && isSqlError(reason.defect)) return Effect.fail(reason.defect)
    }
    return Effect.failCause(cause)
  })

/** The connection of the transaction that the fiber is in, if it is in one of this client. */
export const currentTransaction = (
  client: PgClient.PgClient,
  context: Context.Context<never>
): Connection | undefined => Context.getOrUndefined(context, client.transactionService)?.[0]

/**
 * Lends a connection for one statement: that of the transaction the fiber is in, or one of the pool, exclusively.
 *
 * It goes back before anything else is done: on a pool of one connection, whoever keeps it waits for himself.
 */
export const withConnection = <A>(
  client: PgClient.PgClient,
  use: (connection: Connection) => Effect.Effect<A, SqlError>
): Effect.Effect<A, SqlError> =>
  Effect.withFiber((fiber) => {
    const transaction = currentTransaction(client, fiber.context)
    return transaction === undefined ? Effect.scoped(Effect.flatMap(client.reserve, use)) : use(transaction)
  })

/** Runs a statement that reads. Bounded, and its errors are those of the store. */
export const query = (
  client: PgClient.PgClient,
  operation: EventStoreError.EventStoreError["operation"],
  duration: Duration.Duration,
  sql: string,
  params: ReadonlyArray<unknown>
): Effect.Effect<Rows, EventStoreError.EventStoreError> =>
  withConnection(client, (connection) => connection.executeValues(sql, params)).pipe(
    Effect.mapError(toStoreError(operation)),
    (self) => bounded(self, operation, duration)
  )
