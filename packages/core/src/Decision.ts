/**
 * What comes of a command: events, nothing, or a rejection.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import type { CommitId } from "./CommitId.ts"

/**
 * The outcome of deciding a command: events to append, or why the business says no.
 *
 * **Details**
 *
 * A `Result`, so every combinator of `Result`, `Result.gen` included, works on it.
 *
 * @category models
 * @since 0.1.0
 */
export type Decision<E, Rejection = never> = Result.Result<ReadonlyArray<E>, Rejection>

/**
 * Accepts the command: these events happened, in this order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const accept = <const Events extends ReadonlyArray<unknown>>(...events: Events): Decision<Events[number]> =>
  Result.succeed(events)

/**
 * Accepts the command without an event: what it asks for is so already.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ignore: Decision<never> = Result.succeed([])

/**
 * Rejects the command. The rejection surfaces in the error channel of `execute`, typed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reject = <Rejection>(rejection: Rejection): Decision<never, Rejection> => Result.fail(rejection)

/**
 * What the runtime tells a decision: the time and who asks never come from the command.
 *
 * @category models
 * @since 0.1.0
 */
export interface Context {
  /** The time of the decision; its events' `occurredAt`. */
  readonly now: DateTime.Utc
  /** Who asks, from `Metadata`. */
  readonly actor: string | undefined
  /** The commit that the events will be part of. */
  readonly commitId: CommitId
}
