/**
 * What goes wrong around a command, beside the business saying no.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Conflict, OutcomeUnknown, Refused, Unavailable } from "./EventStoreError.ts"
import { Forbidden } from "./Forbidden.ts"
import { Unreadable } from "./internal/upcaster.ts"

/**
 * Why a command, or a load, came to nothing. Handled by tag with `Effect.catchReason`.
 *
 * **Details**
 *
 * - `Conflict`: other processes wrote to the instance faster than this one could decide, or it is not at the version
 *   that the caller expected
 * - `Unavailable`: the store cannot be reached or is overloaded; nothing was written
 * - `OutcomeUnknown`: the acknowledgement is lost; execute again with its commit id
 * - `Unreadable`: the history holds an event that this program cannot read
 * - `Refused`: beyond a limit, or against a rule of the store
 * - `Forbidden`: the policy in force does not let the actor do this
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = Conflict | Unavailable | OutcomeUnknown | Unreadable | Refused | Forbidden

/**
 * A command, or a load, that came to nothing. The reason says why, by tag.
 *
 * @category errors
 * @since 0.1.0
 */
export class ExecutionError extends Schema.TaggedError<ExecutionError>("@varve/core/ExecutionError")("ExecutionError", {
  aggregate: Schema.String,
  id: Schema.String,
  reason: Schema.Union([Conflict, Unavailable, OutcomeUnknown, Unreadable, Refused, Forbidden])
}) {
  override get message(): string {
    return `${this.aggregate} ${JSON.stringify(this.id)}: ${this.reason.message}`
  }
}
