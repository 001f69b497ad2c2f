import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { Commit, Receipt } from "../Commit.ts"
import * as CommitId from "../CommitId.ts"
import { EventStoreError, OutcomeUnknown } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import * as StreamName from "../StreamName.ts"
import { type Case, type Decided, type Plan, plan, type Target } from "./decide.ts"
import { Instance, type Outcome, type Pending, type Tip } from "./instance.ts"
import { foldStream, foldToEnd, forget, instanceOf } from "./running.ts"
import { type Failure, Located, pause, type Request, store, type Work } from "./work.ts"

/** A work that is at, or waits for, its turn. */
interface Seated extends Case {
  readonly work: Work
  /** The one given, or one of this turn alone: then the id names the decision. */
  readonly commitId: CommitId.CommitId
  /** Distinct, in one order for everybody: two works that share instances cannot wait for each other. */
  readonly instances: ReadonlyArray<Instance>
  /** It is in a transaction of the program. */
  readonly enlisted: boolean
}

/** What a turn has come to. */
export type Turn =
  | Exclude<Plan, { readonly _tag: "Commit" }>
  | { readonly _tag: "Stored"; readonly decided: ReadonlyArray<Decided>; readonly receipt: Receipt }
  /** Another writer was faster. Nothing of this turn is stored, or ever will be. */
  | { readonly _tag: "Conflict"; readonly error: EventStoreError }
  /** A commit that it rests on was not stored. Nothing of this turn is stored, or ever will be. */
  | { readonly _tag: "Fallen" }

type Sent = Exclude<Turn, { readonly _tag: "Stored" } | Plan> | { readonly _tag: "Stored"; readonly receipt: Receipt }

/**
 * Finds the instances, so that everybody at work on one meets there. Made anew for every turn: idle ones are forgotten.
 *
 * Nobody meets in a transaction of the program: what is decided there may be rolled back, so it is not handed on, and
 * what is handed on elsewhere is not waited for by somebody who holds the lock of the writers.
 */
const seat = (work: Work, enlisted: boolean): Seated => {
  const own = new Map<string, Instance>()
  const find = ({ local, stream }: Request): Instance => {
    if (!enlisted) return instanceOf(local, stream)
    const key = StreamName.format(stream)
    const instance = own.get(key) ?? new Instance(key, stream)
    own.set(key, instance)
    return instance
  }
  const targets = Arr.map(work.requests, (request): Target => ({ ...request, instance: find(request) }))
  const instances = targets.length === 1
    ? [targets[0].instance]
    : Array.from(new Set(targets.map(({ instance }) => instance))).sort((a, b) => a.key < b.key ? -1 : 1)
  // From here on they are at work: nobody makes another one, or evicts them, before the turns are over.
  for (const instance of instances) instance.seats++
  return { work, commitId: work.given?.commitId ?? CommitId.generateUnsafe(), targets, instances, enlisted }
}

/** Ends a turn, or what was had of it. Once a turn. */
const releaseAll = ({ instances, targets }: Seated, taken: ReadonlyArray<Instance>): void => {
  for (const instance of taken) instance.release()
  for (const instance of instances) instance.seats--
  for (const { instance, local } of targets) forget(local, instance)
}

/** What has to be answered before another decision can rest on it. The bound is on what is lost when the first of a chain falls. */
const unanswered = (instance: Instance): Effect.Effect<void> | undefined => {
  const pending = instance.tip?.pending
  if (pending === undefined || pending.outcome !== undefined) return undefined
  return !pending.chainable || instance.inFlight >= Limits.decisionsInFlight ? pending.settled : undefined
}

/** Takes the turn of one instance. Gives what is to be waited for, if anything. */
const acquireOne = (
  instance: Instance,
  taken: Array<Instance>
): Effect.Effect<void, EventStoreError> | undefined => {
  const onTaken = () => taken.push(instance)
  if (instance.take()) {
    onTaken()
    return unanswered(instance)
  }
  return instance.acquire(onTaken).pipe(
    Effect.mapError((reason) => new EventStoreError({ operation: "append", reason })),
    Effect.andThen(Effect.suspend(() => unanswered(instance) ?? Effect.void))
  )
}

/**
 * Takes the turn of every instance behind some. Gives what is to be waited for, if anything. What is taken is in `taken`,
 * also when it ends on the way.
 */
const acquire = (
  seated: Seated,
  taken: Array<Instance>,
  behind = 0
): Effect.Effect<void, EventStoreError> | undefined => {
  for (let i = behind; i < seated.instances.length; i++) {
    const wait = acquireOne(seated.instances[i]!, taken)
    if (wait !== undefined) return Effect.flatMap(wait, () => acquire(seated, taken, i + 1) ?? Effect.void)
  }
  return undefined
}

/** The state an instance has in the store now, at the least all that it had when this was asked for. */
const fresh = ({ enlisted, targets }: Seated, instance: Instance, tip?: Tip): Effect.Effect<Tip, Located> => {
  // The instances are those of the targets.
  const { id, local } = targets.find((target) => target.instance === instance)!
  // Where the decision has fallen, what it rested on is still known.
  const read = (): Effect.Effect<Tip, Located> =>
    Effect.mapBoth(
      enlisted ? foldStream(local, instance.stream) : foldToEnd(local, instance.stream, instance.known),
      {
        onFailure: (error) => new Located(error, local, id),
        onSuccess: ({ state, version }) => {
          const made: Tip = { state, version, pending: undefined }
          instance.know(made)
          instance.tip = made
          return made
        }
      }
    )
  return tip?.pending === undefined ? read() : Effect.flatMap(tip.pending.settled, read)
}

/** The states of instances, one after the other. Most commands have one, for which a loop would take longer than its body. */
const tipsOf = (
  instances: ReadonlyArray<Instance>,
  tipOf: (instance: Instance, place: number) => Effect.Effect<Tip, Located>
): Effect.Effect<ReadonlyArray<Tip>, Located> =>
  instances.length === 1 ? Effect.map(tipOf(instances[0]!, 0), Arr.of) : Effect.forEach(instances, tipOf)

/** What was decided, and on what. */
interface Prepared {
  readonly made: Plan
  readonly tips: ReadonlyArray<Tip>
}

let latest = DateTime.makeUnsafe(0)

/** A time. The same object for those who decide within the same millisecond, which are many. */
const timeAt = (millis: number): DateTime.Utc => {
  if (latest.epochMilliseconds !== millis) latest = DateTime.makeUnsafe(millis)
  return latest
}

/**
 * Decides, with the turn of every instance taken.
 *
 * Events decided on a state that was handed on are safe: the store checks what they rest on. Whatever else comes of a
 * decision is checked by nobody, and the state may be older than the command. So it stands only on a state read since.
 */
const prepare = (seated: Seated): Effect.Effect<Prepared, Located> =>
  Clock.clockWith((clock) => {
    const { commitId, instances, work: { expected, judge, metadata } } = seated
    const now = metadata.occurredAt ?? timeAt(clock.currentTimeMillisUnsafe())
    const circumstances = { commitId, expected, actor: metadata.actor, judge, now }
    const decide = (tips: ReadonlyArray<Tip>): Prepared => ({ made: plan(seated, tips, circumstances), tips })
    const known = instances.map(({ tip }) => tip)
    if (known.every((tip) => tip === undefined)) {
      return Effect.map(tipsOf(instances, (instance) => fresh(seated, instance)), decide)
    }
    const handedOn = known.every((tip) => tip !== undefined)
      ? Effect.succeed(known)
      : tipsOf(instances, (instance) => instance.tip ? Effect.succeed(instance.tip) : fresh(seated, instance))
    return Effect.flatMap(handedOn, (tips) => {
      const first = Result.try(() => decide(tips))
      return Result.isSuccess(first) && first.success.made._tag === "Commit"
        ? Effect.succeed(first.success)
        : Effect.map(tipsOf(instances, (instance, i) => fresh(seated, instance, tips[i])), decide)
    })
  })

/** The decisions that this one rests on and that the store had not answered when it was taken. */
const basesOf = (tips: ReadonlyArray<Tip>): ReadonlyArray<Pending> => {
  const bases: Array<Pending> = []
  for (const { pending } of tips) if (pending !== undefined) bases.push(pending)
  return bases
}

const isStored = ({ outcome }: Pending): boolean => outcome === "stored"

/** A commit on its way to the store, and the decisions that it rests on. */
interface Sending {
  readonly seated: Seated
  readonly commit: Commit
  readonly bases: ReadonlyArray<Pending>
}

const append = ({ commit, seated }: Sending) => store(seated.work).append(commit)

const stored = (receipt: Receipt): Sent => ({ _tag: "Stored", receipt })

const conflict = ({ bases }: Sending, error: EventStoreError): Sent =>
  bases.every(isStored) ? { _tag: "Conflict", error } : { _tag: "Fallen" }

const unknown = ({ seated: { commitId } }: Sending) =>
  Effect.fail(new EventStoreError({ operation: "append", reason: new OutcomeUnknown({ commitId }) }))

/**
 * Once an acknowledgement is lost, the only answers that count are that it is stored, or a conflict that cannot pass:
 * a version that was read is never seen again once it is behind, but a commit that this one rests on may still arrive.
 */
const sendAgain = (sending: Sending, round: number): Effect.Effect<Sent, EventStoreError> =>
  Effect.gen(function*() {
    const { bases } = sending
    yield* pause(round)
    for (const base of bases) yield* base.settled
    if (bases.some(({ outcome }) => outcome === "never")) return { _tag: "Fallen" } as const
    return yield* Effect.matchEffect(append(sending), {
      onSuccess: (receipt) => Effect.succeed(stored(receipt)),
      onFailure: (error) => {
        if (error.reason._tag !== "Conflict") {
          return round < Limits.resends ? sendAgain(sending, round + 1) : unknown(sending)
        }
        return bases.every(isStored) ? Effect.succeed(conflict(sending, error)) : unknown(sending)
      }
    })
  })

/** Sends a commit until its outcome is known, a bounded number of times: under its id it is stored once at the most. */
const send = (sending: Sending): Effect.Effect<Sent, EventStoreError> =>
  Effect.matchEffect(append(sending), {
    onSuccess: (receipt) => Effect.succeed(stored(receipt)),
    onFailure: (error) => {
      if (error.reason._tag === "Conflict") return Effect.succeed(conflict(sending, error))
      return error.reason._tag === "OutcomeUnknown" ? sendAgain(sending, 1) : Effect.fail(error)
    }
  })

/** What is known of a decision when its commit has come to an end. */
const outcomeOf = ({ work }: Seated, exit: Exit.Exit<Sent, EventStoreError>): Outcome => {
  if (Exit.isSuccess(exit)) {
    // Under an id that was given, a replay is what somebody decided before.
    return exit.value._tag === "Stored" && !(exit.value.receipt.replayed && work.given !== undefined)
      ? "stored"
      : "never"
  }
  const reasons = exit.cause.reasons
  return reasons.every((reason) => reason._tag === "Fail" && reason.error.reason._tag !== "OutcomeUnknown")
    ? "never"
    : "unknown"
}

/** What the answer of the store says of the instances, beside what has become of the decision. */
const learn = (
  { enlisted, instances, targets }: Seated,
  tips: ReadonlyArray<Tip>,
  pendings: ReadonlyArray<Pending | undefined>,
  exit: Exit.Exit<Sent, EventStoreError>
): void => {
  if (enlisted || Exit.isFailure(exit)) return
  if (exit.value._tag === "Conflict" && exit.value.error.reason._tag === "Conflict") {
    const { actual, stream } = exit.value.error.reason
    const key = StreamName.format(stream)
    for (const instance of instances) if (instance.key === key) instance.doubt(actual)
  }
  for (const { instance, local: { snapshots } } of targets) {
    if (snapshots === undefined) continue
    const place = instances.indexOf(instance)
    const pending = pendings[place]
    if (pending?.outcome === "stored") snapshots.committed(instance.stream, tips[place]!.version, pending.made)
  }
}

/** Hands the commit to the store; the turn ends there, before the store has answered. */
const commit = (
  seated: Seated,
  { commit, decided, made }: Extract<Plan, { readonly _tag: "Commit" }>,
  tips: ReadonlyArray<Tip>,
  restore: <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, E>
): Effect.Effect<Turn, EventStoreError> => {
  const { commitId, instances, targets, work } = seated
  const bases = basesOf(tips)
  // Hands on the states that the commit will have made.
  const pendings = instances.map((instance, i) =>
    made[i] && instance.advance(made[i], commitId, work.given === undefined)
  )
  releaseAll(seated, instances)
  const sent = Effect.suspend(() =>
    send({
      seated,
      commit: { ...commit, metadata: work.eventMetadata, fingerprint: work.given?.fingerprint },
      bases
    })
  )
  return Effect.flatMap(Effect.exit(restore(sent)), (exit): Effect.Effect<Turn, EventStoreError> => {
    const outcome = outcomeOf(seated, exit)
    instances.forEach((instance, i) => pendings[i] && instance.settle(pendings[i], outcome))
    learn(seated, tips, pendings, exit)
    for (const { instance, local } of targets) forget(local, instance)
    return Exit.map(exit, (sent): Turn => sent._tag === "Stored" ? { ...sent, decided } : sent)
  })
}

/** Takes the turn of every instance, decides, and hands the commit to the store. */
export const turn = (work: Work): Effect.Effect<Turn, Failure> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(store(work).enlisted, (enlisted) => {
      const seated = seat(work, enlisted)
      const taken: Array<Instance> = []
      const prepared = Effect.suspend(() => {
        const wait = acquire(seated, taken)
        return wait === undefined ? prepare(seated) : Effect.flatMap(wait, () => prepare(seated))
      })
      return Effect.flatMap(Effect.exit(restore(prepared)), (exit): Effect.Effect<Turn, Failure> => {
        if (Exit.isFailure(exit)) {
          releaseAll(seated, taken)
          return Exit.failCause(exit.cause)
        }
        const { made, tips } = exit.value
        if (made._tag === "Commit") return commit(seated, made, tips, restore)
        releaseAll(seated, taken)
        return Effect.succeed(made)
      })
    })
  )
