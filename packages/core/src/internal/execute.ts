import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as CommitId from "../CommitId.ts"
import { EventStoreError, type Refused, Unavailable } from "../EventStoreError.ts"
import { ExecutionError } from "../ExecutionError.ts"
import * as Limits from "../Limits.ts"
import * as Metadata from "../Metadata.ts"
import * as StreamName from "../StreamName.ts"
import { Attempts } from "./attempts.ts"
import * as check from "./check.ts"
import { type Executed, outcomeOf, unlessStored } from "./outcome.ts"
import * as policy from "./policy.ts"
import { failed } from "./running.ts"
import * as span from "./span.ts"
import { type Turn, turn } from "./turn.ts"
import { deny, eventMetadataOf, type Failure, fingerprintOf, Located, pause, type Request, type Work } from "./work.ts"

/** Carries a rejection past the errors that are translated on the way out. */
class Rejection {
  readonly rejection: unknown
  constructor(rejection: unknown) {
    this.rejection = rejection
  }
}

type Conclusion = Effect.Effect<ReadonlyArray<Executed>, Failure | Rejection>

/** A turn that has come to something. */
const conclude = (work: Work, turn: Exclude<Turn, { readonly _tag: "Fallen" | "Conflict" }>): Conclusion => {
  switch (turn._tag) {
    case "Stored": {
      const { decided, receipt } = turn
      // Under an id of our own a replay is our own: its acknowledgement was lost before.
      return receipt.replayed && work.given !== undefined
        ? outcomeOf(work, receipt)
        : Effect.succeed(decided.map((one) => ({ ...one, receipt: Option.some(receipt) })))
    }
    case "Nothing":
      return unlessStored(work, Effect.succeed(turn.decided.map((one) => ({ ...one, receipt: Option.none() }))))
    case "Rejected":
      return unlessStored(work, Effect.fail(new Rejection(turn.rejection)))
    case "Denied": {
      const { denied, target: { id, local } } = turn
      const forbidden = deny(denied, local, id)
      // Under an id of theirs, the caller may have done it while they might. That the id is another's is not told.
      return Effect.catchReason(unlessStored(work, forbidden), "EventStoreError", "Refused", () => forbidden)
    }
    case "Moved":
      return unlessStored(work, Effect.fail(new EventStoreError({ operation: "append", reason: turn.conflict })))
    case "Invalid": {
      const { refused, target: { id, local } } = turn
      return unlessStored(
        work,
        Effect.fail(new Located(new EventStoreError({ operation: "append", reason: refused }), local, id))
      )
    }
  }
}

const fellTooOften = ({ requests: [{ stream }] }: Work): EventStoreError =>
  new EventStoreError({
    operation: "append",
    reason: new Unavailable({
      what: `commands ahead of this one on ${StreamName.format(stream)}`,
      expected: "to be stored",
      actual: `they failed ${Limits.fallsPerCommand} times`
    })
  })

/**
 * Takes turns until the commands have come to something, a bounded number of times. A turn that fell with a commit of
 * this process that it rested on is no attempt: nobody was faster.
 */
const attempt = (work: Work, attempts: number, round = 1, falls = 0): Conclusion =>
  Effect.flatMap(turn(work), (turn): Conclusion => {
    switch (turn._tag) {
      case "Conflict":
        if (round >= attempts) return unlessStored(work, Effect.fail(turn.error))
        return Effect.andThen(round === 1 ? Effect.void : pause(round), attempt(work, attempts, round + 1, falls))
      case "Fallen":
        return falls < Limits.fallsPerCommand
          ? attempt(work, attempts, round, falls + 1)
          : Effect.fail(fellTooOften(work))
      default:
        return conclude(work, turn)
    }
  })

/** What is refused now, or dies now, may have been accepted under its id before. */
const recover = (work: Work, self: Conclusion): Conclusion =>
  work.given === undefined ? self : Effect.catchCause(self, (cause): Conclusion => {
    const again = cause.reasons.some((reason) =>
      reason._tag === "Die"
      || (reason._tag === "Fail" && reason.error instanceof EventStoreError && reason.error.reason._tag === "Refused")
    )
    if (!again || Cause.hasInterrupts(cause)) return Effect.failCause(cause)
    const found = unlessStored(work, Effect.failCause(cause))
    // Who dies may have written before: a failed look-up must not say that nothing was written.
    return Cause.hasDies(cause)
      ? Effect.catchReason(found, "EventStoreError", "Unavailable", () => Effect.failCause(cause))
      : found
  })

/** Names the instance that an error is about. */
const toExecutionError = ({ requests }: Work, error: Failure): ExecutionError => {
  if (error instanceof Located) return failed(error.aggregate, error.id)(error.error)
  const reason = error._tag === "EventStoreError" ? error.reason : error
  const named = "stream" in reason ? StreamName.format(reason.stream) : undefined
  const about = requests.find(({ stream }) => StreamName.format(stream) === named) ?? requests[0]
  return failed(about.local.definition.name, about.id)(error)
}

/** Why a request can never be carried out, before anything is done for it. */
const refusalOf = ({ command, local, stream }: Request): Refused | undefined => {
  if (!Object.hasOwn(local.definition.decide, command._tag)) {
    throw new TypeError(`${local.definition.name} has no command ${check.show(command._tag)}`)
  }
  return check.stream(stream)
}

/** What a caller can say of an execution. */
export interface Options {
  readonly commitId?: CommitId.CommitId | undefined
  readonly expected?: number | undefined
}

/** Takes turns with commands, and tells what comes of them. */
const carryOut = (
  work: Work,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<ReadonlyArray<Executed>, unknown> =>
  Effect.mapError(
    recover(work, attempt(work, fiber.getRef(Attempts))),
    (error) => error instanceof Rejection ? error.rejection : toExecutionError(work, error)
  )

/** Executes commands as one commit. Fails with a rejection of one of them, or an `ExecutionError`. */
export const execute = (
  requests: Arr.NonEmptyReadonlyArray<Request>,
  { commitId, expected }: Options,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<ReadonlyArray<Executed>, unknown> => {
  for (const request of requests) {
    const refused = refusalOf(request)
    if (refused === undefined) continue
    const error = new EventStoreError({ operation: "append", reason: refused })
    return Effect.fail(failed(request.local.definition.name, request.id)(error))
  }
  const metadata = fiber.getRef(Metadata.Current)
  const work: Work = {
    requests,
    given: undefined,
    metadata,
    eventMetadata: eventMetadataOf(metadata, span.current(fiber), requests),
    expected,
    judge: policy.judge(fiber, requests.find(({ local }) => local.policy !== undefined)?.local.policy)
  }
  return commitId === undefined
    ? carryOut(work, fiber)
    : Effect.flatMap(
      fingerprintOf(requests),
      (fingerprint) => carryOut({ ...work, given: { commitId, fingerprint } }, fiber)
    )
}
