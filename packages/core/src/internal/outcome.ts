import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Receipt } from "../Commit.ts"
import * as Event from "../Event.ts"
import { EventStoreError, OutcomeUnknown, Refused } from "../EventStoreError.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import * as StreamName from "../StreamName.ts"
import { type Decided, plan, type Target } from "./decide.ts"
import { Instance, type Tip } from "./instance.ts"
import { foldStream, type Local, type Tagged } from "./running.ts"
import { deny, type Failure, store, type Work } from "./work.ts"

/** What comes of a command. Documented at `Aggregate.Executed`. */
export interface Executed extends Decided {
  readonly receipt: Option.Option<Receipt>
}

/** It is stored, so that it cannot be read now is not to be taken for a failure that wrote nothing. */
const stillStored = ({ commitId }: Receipt) => (error: Failure): Failure =>
  error instanceof EventStoreError && error.reason._tag === "Unavailable"
    ? new EventStoreError({ operation: "append", reason: new OutcomeUnknown({ commitId }) })
    : error

/**
 * Fails where a policy does not let the caller have the outcome of a commit. Who made it may: it is what they were told, or
 * would have been. Others may when they could do the same now.
 */
const permit = Effect.fnUntraced(function*(work: Work, receipt: Receipt) {
  const { judge } = work
  if (judge === undefined) return
  // Nobody knows whether two who are anonymous are one.
  if (judge.actor.id !== "") {
    const { events: [first] } = yield* store(work).readPage({ after: receipt.first - 1, until: receipt.first })
    if (first?.metadata.actor === judge.actor.id) return
  }
  for (const { command, id, local, stream } of work.requests) {
    const { state } = yield* foldStream(local, stream)
    const denied = judge.command(local.definition, id, command, state)
    if (denied !== undefined) return yield* deny(denied, local, id)
  }
})

/** What a commit has led to: nothing is decided, everything is read. */
const read = (work: Work, receipt: Receipt): Effect.Effect<ReadonlyArray<Executed>, Failure> =>
  Effect.forEach(work.requests, ({ local, stream }, i) => {
    const key = StreamName.format(stream)
    const mine = receipt.streams.find((entry) => StreamName.format(entry.stream) === key)
    // Which events came of which of several commands to one instance is not stored: the last of them gets them all.
    const isLast = work.requests.findLastIndex((request) => StreamName.format(request.stream) === key) === i
    const events: Array<Tagged> = []
    return Effect.map(
      foldStream(local, stream, {
        counts: ({ position }) => position <= receipt.last,
        prefix: true,
        seen: (event, version) => {
          if (isLast && mine !== undefined && version >= mine.from && version <= mine.to) events.push(event)
        }
      }),
      ({ state, version }): Executed => ({ receipt: Option.some(receipt), version, events, state })
    )
  })

/** What a commit has led to, for a caller who may know. */
export const outcomeOf = (work: Work, receipt: Receipt): Effect.Effect<ReadonlyArray<Executed>, Failure> =>
  Effect.mapError(Effect.andThen(permit(work, receipt), read(work, receipt)), stillStored(receipt))

/**
 * Whether a commit that was stored without a fingerprint came of these commands: it did, when they decide it again on
 * the states of then, at the time of then. That is the commit whose `OutcomeUnknown` told the caller to execute again.
 */
const isOurs = Effect.fnUntraced(function*(work: Work, receipt: Receipt) {
  const { events } = yield* store(work).readPage({ after: receipt.first - 1, until: receipt.last })
  const [first] = events
  if (first === undefined || first.metadata.fingerprint !== undefined) return false
  const targets: Array<Target> = []
  const instances: Array<Instance> = []
  const tips: Array<Tip> = []
  const then = events.values()
  for (const { command, id, local, stream } of work.requests) {
    const key = StreamName.format(stream)
    const instance = instances.find((instance) => instance.key === key) ?? new Instance(key, stream)
    targets.push({ local: { ...local, upcaster: writingAs(local, then) }, id, command, instance })
    const counts = ({ position }: { readonly position: number }) => position < receipt.first
    if (!instances.includes(instance)) {
      instances.push(instance)
      tips.push({ ...(yield* foldStream(local, stream, { counts, prefix: true })), pending: undefined })
    }
  }
  const circumstances = {
    commitId: receipt.commitId,
    now: first.occurredAt,
    actor: first.metadata.actor,
    expected: undefined
  }
  // A work has a request, so there is a target.
  const made = yield* Effect.sync(() =>
    plan({ targets: [targets[0]!, ...targets.slice(1)], instances }, tips, circumstances)
  )
  if (made._tag !== "Commit") return false
  const decided = made.commit.writes.flatMap(({ events, stream }) => events.map(({ payload }) => ({ stream, payload })))
  return decided.length === events.length && decided.every(({ payload, stream }, i) => {
    const stored = events[i]!
    return StreamName.format(stream) === StreamName.format(stored.stream)
      && JSON.stringify(payload) === JSON.stringify(stored.payload)
  })
})

/** Writes events in the forms in which some were stored, in their order: programs that lived then may have asked for them. */
const writingAs = ({ reader, upcaster }: Local, stored: Iterator<StoredEvent>): Local["upcaster"] => ({
  ...upcaster,
  write: (_, event, value) => {
    const another = new Refused({ what: `event ${event.tag}`, expected: "the one that was stored", actual: "another" })
    const one: StoredEvent | undefined = stored.next().value
    if (one === undefined) return Result.fail(another)
    const { revision, type } = one
    const read = reader.upcast(one)
    if (Result.isFailure(read) || read.success.length !== 1 || read.success[0]!.event._tag !== event.tag) {
      return Result.fail(another)
    }
    const written = Event.encodeAs(event, value, revision)
    return Result.isSuccess(written)
      ? Result.succeed({ type, revision, payload: written.success })
      : Result.fail(another)
  }
})

/** The outcome that is stored under an id that was given; otherwise what was come to now. */
export const unlessStored = <E>(
  work: Work,
  otherwise: Effect.Effect<ReadonlyArray<Executed>, E>
): Effect.Effect<ReadonlyArray<Executed>, E | Failure> => {
  const { given } = work
  if (given === undefined) return otherwise
  return Effect.gen(function*() {
    const found = yield* Effect.catchReason(
      store(work).findCommit(given.commitId, given.fingerprint),
      "EventStoreError",
      "Refused",
      (reason) =>
        Effect.gen(function*() {
          const receipt = yield* store(work).findCommit(given.commitId)
          if (Option.isSome(receipt) && (yield* isOurs(work, receipt.value))) return receipt
          return yield* new EventStoreError({ operation: "append", reason })
        })
    )
    return yield* Option.isSome(found) ? outcomeOf(work, found.value) : otherwise
  })
}
