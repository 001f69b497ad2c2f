import { EventStoreError } from "@varve/core"
import type { SqlError } from "effect/sql/SqlError"

/** What a database error says, in words that no driver has a part in. */
export type Reason = EventStoreError.Unavailable | EventStoreError.Refused

/** The SQLSTATE of an error that the server reported; none when the trouble is on the way to it. */
export const sqlState = (error: SqlError): string | undefined => {
  const { _tag, cause } = error.reason
  if (_tag === "ConnectionError" || typeof cause !== "object" || cause === null || !("code" in cause)) return undefined
  return typeof cause.code === "string" && /^[0-9A-Z]{5}$/.test(cause.code) ? cause.code : undefined
}

/** The name that the operating system gave to a failure of a socket. */
const socketCode = (error: SqlError): string | undefined => {
  const { cause } = error.reason
  return typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined
}

/**
 * Whether the statement that failed has certainly changed nothing.
 *
 * A server that reports an error has rolled the transaction back. The exception is class 57P (it is shutting down, or
 * somebody ended the connection): that can also follow on a commit whose answer was not sent yet.
 */
export const isRolledBack = (error: SqlError): boolean => {
  const state = sqlState(error)
  return state !== undefined && !state.startsWith("57P") && !state.startsWith("08")
}

/** Whether the data of the statement is to blame, so that the same statement with less of it may pass. */
export const isAboutData = (error: SqlError): boolean => {
  const state = sqlState(error)
  return state !== undefined && (state.startsWith("22") || state.startsWith("23") || state.startsWith("54"))
}

/** Whether the rows of a projection may be to blame: values, an index, or the rights to a table. */
export const isAboutRows = (error: SqlError): boolean =>
  (isAboutData(error) || sqlState(error)?.startsWith("42") === true) && !isKnownCommit(error)

/** Whether a commit of the statement is stored already, under its id. */
export const isKnownCommit = (error: SqlError): boolean =>
  error.reason._tag === "UniqueViolation" && error.reason.constraint === "events_commit"

const unavailable = (what: string, expected: string, actual: string) =>
  new EventStoreError.Unavailable({ what, expected, actual })

const refused = (what: string, expected: string, actual: string) =>
  new EventStoreError.Refused({ what, expected, actual })

const connection = (what: string, error: SqlError): Reason => {
  switch (socketCode(error)) {
    case "ECONNREFUSED":
      return unavailable(what, "a server that listens", "connection refused")
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return unavailable(what, "a host with an address", "host not found")
    case "ENOENT":
    case "EACCES":
      return unavailable(what, "a server that listens", "no socket that can be opened")
    default:
      return error.reason.operation === "connect"
        ? unavailable(what, "a connection in time", "none")
        : unavailable(what, "a connection", "it was lost")
  }
}

const unknown = (what: string, state: string | undefined): Reason => {
  if (state === undefined) return unavailable(what, "an answer", "one that could not be read")
  if (state === "3D000") return refused(what, "an existing database", "there is none of this name")
  // A schema that is missing is no syntax error to the driver.
  if (state === "3F000") return refused(what, "the tables and functions of Varve", "none (SQLSTATE 3F000)")
  if (state === "25001") return refused(what, "a transaction of isolation level read committed", "another level")
  if (state === "25006") return unavailable(what, "a database that takes writes", "it is read-only")
  if (state === "53300") return unavailable(what, "a free connection", "too many connections")
  if (state === "53100") return unavailable(what, "room on its disk", "the disk is full")
  if (state.startsWith("53")) return unavailable(what, "enough resources", `a lack of them (SQLSTATE ${state})`)
  if (state.startsWith("57P")) return unavailable(what, "a running server", "it ended the connection")
  if (state.startsWith("22") || state.startsWith("54")) {
    return refused(what, "values that it can hold", `others (SQLSTATE ${state})`)
  }
  return unavailable(what, "success", `an error (SQLSTATE ${state})`)
}

/** The reason for an error of the database. `what` names the thing that was used. */
export const reasonOf = (what: string, error: SqlError): Reason => {
  const state = sqlState(error)
  switch (error.reason._tag) {
    case "ConnectionError":
      return connection(what, error)
    case "AuthenticationError":
      return refused(what, "a login that it accepts", "wrong user or password")
    case "AuthorizationError":
      return refused(what, "a user with the permission", "permission denied")
    case "SqlSyntaxError":
      return refused(what, "the tables and functions of Varve", `some are missing or differ (SQLSTATE ${state})`)
    case "ConstraintError":
      return refused(what, "events that the constraints of its table allow", "others")
    case "UniqueViolation":
      return unavailable(what, "writers that use the append function only", "rows written past it")
    case "DeadlockError":
    case "SerializationError":
      return unavailable(
        what,
        "a transaction that goes through",
        "rolled back, together with others it got in the way of"
      )
    case "LockTimeoutError":
      return unavailable(what, "the lock of the writers in time", "held by another writer")
    case "StatementTimeoutError":
      return unavailable(what, "an answer in time", "cancelled")
    case "UnknownError":
      return unknown(what, state)
  }
}

/** The error of an operation that a database error ended. */
export const toStoreError = (
  operation: EventStoreError.EventStoreError["operation"],
  what = "database"
) =>
(error: SqlError): EventStoreError.EventStoreError =>
  new EventStoreError.EventStoreError({ operation, reason: reasonOf(what, error) })
