/**
 * What goes wrong around a read model, or around what runs behind a checkpoint.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Refused, Unavailable } from "./EventStoreError.ts"
import { Forbidden } from "./Forbidden.ts"
import { Unreadable } from "./internal/upcaster.ts"

/**
 * The read model has not caught up with what the reader waited for, within the time it was given.
 *
 * @category errors
 * @since 0.1.0
 */
export class Behind extends Schema.TaggedError<Behind>("@varve/core/Behind")("Behind", {
  /** Position that the reader waited for. */
  expected: Schema.Int,
  /** Position that the read model has got to. */
  actual: Schema.Int,
  /** Milliseconds that the reader waited. */
  waited: Schema.Number,
  /** Whether it is run at all: `running`, `paused`, `halted`, or `absent` when there is no entry of it in the store. */
  state: Schema.Literals(["running", "paused", "halted", "absent"])
}) {
  override get message(): string {
    if (this.state === "absent") {
      return `The read model is not there: nobody has run it in this store, expected position ${this.expected} within ${this.waited} ms`
    }
    return `The read model is at position ${this.actual} (${this.state}), expected ${this.expected} within ${this.waited} ms`
  }
}

/**
 * Answering would take reading more events than allowed.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooManyEvents extends Schema.TaggedError<TooManyEvents>("@varve/core/TooManyEvents")("TooManyEvents", {
  limit: Schema.Int,
  /** How many it would take: an estimate from the part that was read. */
  events: Schema.Int
}) {
  override get message(): string {
    return `Answering takes about ${this.events} events, allowed are ${this.limit}: give a higher limit, or run the projection stored`
  }
}

/**
 * Why a read, or a run, came to nothing. Handled by tag with `Effect.catchReason`.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = Behind | TooManyEvents | Unavailable | Unreadable | Refused | Forbidden

/**
 * A call of a projection or a subscription that came to nothing. The reason says why, by tag.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProjectionError
  extends Schema.TaggedError<ProjectionError>("@varve/core/ProjectionError")("ProjectionError", {
    /** Name of the projection or the subscription. */
    target: Schema.String,
    reason: Schema.Union([Behind, TooManyEvents, Unavailable, Unreadable, Refused, Forbidden])
  })
{
  override get message(): string {
    return `${this.target}: ${this.reason.message}`
  }
}
