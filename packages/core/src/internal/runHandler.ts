import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Event from "../Event.ts"
import * as Metadata from "../Metadata.ts"
import type { Failure } from "../RowStore.ts"
import { causeOf, failureOf, type Item, type Placed } from "./fold.ts"
import { envelopeOf, type Keyed } from "./projection.ts"
import type { Tagged } from "./running.ts"

/** Documented at `Subscription.Delivery`. */
export type Delivery = ReturnType<typeof envelopeOf> & {
  readonly key: string
  readonly position: number
  readonly index: number
  readonly recordedAt: DateTime.Utc
  readonly attempt: number
}

/** One effect an event, by tag. */
export interface Handlers<R> {
  readonly [tag: string]: (event: Tagged, delivery: Delivery) => Effect.Effect<unknown, unknown, R>
}

/** When a handler that failed is run again. Its input is what it failed with. */
export type Retry = Schedule.Schedule<unknown, unknown>

/** What is common to what handles events by effects. */
export interface Handled<R> {
  readonly name: string
  readonly events: ReadonlyArray<Event.Any>
  readonly key: Keyed | undefined
  readonly onFailure: "park" | "halt"
  readonly retry: Retry
  readonly handle: Handlers<R>
  /** What handlers are told beside the delivery. */
  readonly about?: object
}

/** Three times more, unless told: after 100, 200 and 400 ms. */
export const retryDefault: Retry = Schedule.max([Schedule.exponential("100 millis"), Schedule.recurs(3)])

/** Runs the handler of an event in the circumstances of the event: what is written there names its cause. */
export const handleOnce = <R>(
  { about, handle }: Handled<R>,
  { item: { event, index, stored }, key }: Placed,
  attempt: number
): Effect.Effect<unknown, unknown, R> => {
  const { position, recordedAt, stream: { tenant } } = stored
  return Effect.suspend(() =>
    handle[event._tag]!(event, { ...envelopeOf(stored), key: key.key, position, index, recordedAt, attempt, ...about })
  ).pipe(
    Metadata.provide({
      tenant,
      causationId: stored.id,
      correlationId: stored.metadata.correlationId ?? stored.commitId
    })
  )
}

/** What a handler failed with: an error, a defect, or that it was interrupted from within. */
export const whyOf = (cause: Cause.Cause<unknown>): { readonly error: unknown; readonly cause: string } => {
  const error = Cause.squash(cause)
  return { error, cause: causeOf(error) }
}

/** What came of an event: nothing to tell, or after so many attempts it still fails. */
export type Outcome = { readonly attempts: number; readonly cause: string } | undefined

/**
 * Runs something that handles an event until it works or the schedule ends. Every event has the schedule to itself. Who is
 * interrupted meanwhile is interrupted; what is interrupted inside has failed.
 */
export const retrying = /* @__PURE__ */ Effect.fnUntraced(function*<A, E, R>(
  retry: Retry,
  first: number,
  once: (attempt: number) => Effect.Effect<A, E, R>,
  failed: (exit: Exit.Exit<A, E>) => { readonly error: unknown; readonly cause: string } | undefined
) {
  const step = yield* Schedule.toStepWithSleep(retry)
  for (let attempt = first;; attempt++) {
    const exit = yield* Effect.exit(once(attempt))
    const why = failed(exit)
    if (why === undefined) return { exit, failed: undefined }
    const again = yield* Effect.exit(step(why.error))
    if (Exit.isFailure(again)) return { exit, failed: { attempts: attempt, cause: why.cause } }
  }
})

/** Hands an event to its handler, again and again as the schedule says. */
export const deliver = <R>(handled: Handled<R>, placed: Placed, first: number): Effect.Effect<Outcome, never, R> =>
  Effect.map(
    retrying(
      handled.retry,
      first,
      (attempt) => handleOnce(handled, placed, attempt),
      (exit) => Exit.isFailure(exit) ? whyOf(exit.cause) : undefined
    ),
    ({ failed }) => failed
  )

/** Tells of a failure that the policy decides on. */
export const failure = (
  name: string,
  { item, key }: { readonly item: Item; readonly key: Placed["key"] },
  at: DateTime.Utc,
  { attempts, cause }: NonNullable<Outcome>
): Effect.Effect<Failure> => {
  const { stored } = item
  return Effect.as(
    Effect.logWarning(`${name}: ${stored.type} of ${stored.id}: ${cause}`),
    { ...failureOf(stored, at, cause, key.key), attempts }
  )
}
