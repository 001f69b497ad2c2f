/**
 * What the program could not do, in one line for its user.
 */
import type { Aggregate, EventStoreError, Projection, Upcaster } from "@varve/core"
import { Schema } from "effect"

export class Failed extends Schema.TaggedError<Failed>()("Failed", { message: Schema.String }) {}

/** Names the thing, what it was expected to be, and what it is. */
export const failed = (what: string, expected: string, actual: string): Failed =>
  new Failed({ message: `${what}: expected ${expected}, got ${actual}` })

/** What can go wrong around the store, in the same words. */
export const fromError = (
  error:
    | Failed
    | Aggregate.ExecutionError
    | EventStoreError.EventStoreError
    | Projection.ProjectionError
    | Upcaster.Unreadable
): Failed => {
  if (error._tag === "Failed") return error
  const reason = error._tag === "Unreadable" ? error : error.reason
  return reason._tag === "Refused" || reason._tag === "Unavailable"
    ? failed(reason.what, reason.expected, reason.actual)
    : new Failed({ message: reason.message })
}
