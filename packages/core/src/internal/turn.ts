import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Commit, Receipt } from "../Commit.ts"
import * as CommitId from "../CommitId.ts"
import { EventStoreError, OutcomeUnknown } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import * as StreamName from "../StreamName.ts"
import { type Decided, type Plan, plan, type Target } from "./decide.ts"
import { Instance, type Outcome, type Pending, type Tip } from "./instance.ts"
import { foldStream, foldToEnd, forget, instanceOf } from "./running.ts"
import { type Failure, Located, pause, type Request, store, type Work } from "./work.ts"

/** A work that is at, or waits for, its turn. */
interface Seated {
  readonly work: Work
  /** The one given, or one of this turn alone: then the id names the decision. */
  readonly commitId: CommitId.CommitId
  readonly targets: Arr.NonEmptyReadonlyArray<Target>
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

/** Takes the turn of every instance. What is taken is in `taken`, also when it ends on the way. */
const acquire = Effect.fnUntraced(function*({ instances }: Seated, taken: Array<Instance>) {
  for (const instance of instances) {
    yield* Effect.mapError(
      instance.acquire(() => taken.push(instance)),
      (reason) => new EventStoreError({ operation: "append", reason })
    )
    const pending = instance.tip?.pending
    if (pending === undefined || pending.outcome !== undefined) continue
    // The bound is on what is lost when the first of a chain falls.
    if (!pending.chainable || instance.inFlight >= Limits.decisionsInFlight) yield* pending.settled
  }
})

/** The state an instance has in the store now, at the least all that it had when this was asked for. */
const fresh = Effect.fnUntraced(function*({ enlisted, targets }: Seated, instance: Instance, tip?: Tip) {
  if (tip?.pending !== undefined) yield* tip.pending.settled
  // The instances are those of the targets.
  const { id, local } = targets.find((target) => target.instance === instance)!
  const { state, version } = yield* Effect.mapError(
    // Where the decision has fallen, what it rested on is still known.
    enlisted ? foldStream(local, instance.stream) : foldToEnd(local, instance.stream, instance.known),
    (error) => new Located(error, local, id)
  )
  const made: Tip = { state, version, pending: undefined }
  instance.know(made)
  instance.tip = made
  return made
})

/**
 * Decides, with the turn of every instance taken.
 *
 * Events decided on a state that was handed on are safe: the store checks what they rest on. Whatever else comes of a
 * decision is checked by nobody, and the state may be older than the command. So it stands only on a state read since.
 */
const prepare = Effect.fnUntraced(function*(seated: Seated) {
  const { commitId, instances, targets, work: { expected, metadata } } = seated
  const now = metadata.occurredAt ?? (yield* DateTime.now)
  const circumstances = { commitId, expected, actor: metadata.actor, now }
  const tips = new Map<Instance, Tip>()
  let handedOn = false
  for (const instance of instances) {
    if (instance.tip !== undefined) handedOn = true
    tips.set(instance, instance.tip ?? (yield* fresh(seated, instance)))
  }
  if (handedOn) {
    const first = yield* Effect.exit(Effect.sync(() => plan(targets, tips, circumstances)))
    if (Exit.isSuccess(first) && first.value._tag === "Commit") return { made: first.value, tips }
    for (const instance of instances) tips.set(instance, yield* fresh(seated, instance, tips.get(instance)))
  }
  return { made: plan(targets, tips, circumstances), tips }
})

/** The decisions that this one rests on and that the store had not answered when it was taken. */
const basesOf = (tips: ReadonlyMap<Instance, Tip>): ReadonlyArray<Pending> =>
  Array.from(tips.values(), ({ pending }) => pending).filter((pending) => pending !== undefined)

const isStored = ({ outcome }: Pending): boolean => outcome === "stored"

/**
 * Sends a commit until its outcome is known, a bounded number of times: under its id it is stored once at the most.
 *
 * Once an acknowledgement is lost, the only answers that count are that it is stored, or a conflict that cannot pass:
 * a version that was read is never seen again once it is behind, but a commit that this one rests on may still arrive.
 */
const send = (seated: Seated, commit: Commit, bases: ReadonlyArray<Pending>): Effect.Effect<Sent, EventStoreError> => {
  const append = Effect.suspend(() => store(seated.work).append(commit))
  const stored = (receipt: Receipt): Sent => ({ _tag: "Stored", receipt })
  const conflict = (error: EventStoreError): Sent =>
    bases.every(isStored) ? { _tag: "Conflict", error } : { _tag: "Fallen" }
  const unknown = Effect.suspend(() =>
    Effect.fail(new EventStoreError({ operation: "append", reason: new OutcomeUnknown({ commitId: seated.commitId }) }))
  )
  const again = (round: number): Effect.Effect<Sent, EventStoreError> =>
    Effect.gen(function*() {
      yield* pause(round)
      for (const base of bases) yield* base.settled
      if (bases.some(({ outcome }) => outcome === "never")) return { _tag: "Fallen" } as const
      return yield* Effect.matchEffect(append, {
        onSuccess: (receipt) => Effect.succeed(stored(receipt)),
        onFailure: (error) => {
          if (error.reason._tag !== "Conflict") return round < Limits.resends ? again(round + 1) : unknown
          return bases.every(isStored) ? Effect.succeed(conflict(error)) : unknown
        }
      })
    })
  return Effect.matchEffect(append, {
    onSuccess: (receipt) => Effect.succeed(stored(receipt)),
    onFailure: (error) => {
      if (error.reason._tag === "Conflict") return Effect.succeed(conflict(error))
      return error.reason._tag === "OutcomeUnknown" ? again(1) : Effect.fail(error)
    }
  })
}

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

/** Hands on the states that the commit will have made. */
const advance = (
  { commitId, targets, work }: Seated,
  decided: ReadonlyArray<Decided>
): ReadonlyMap<Instance, Pending> => {
  const last = new Map<Instance, Decided>()
  const written = new Set<Instance>()
  targets.forEach(({ instance }, i) => {
    last.set(instance, decided[i]!)
    if (decided[i]!.events.length > 0) written.add(instance)
  })
  const pendings = new Map<Instance, Pending>()
  for (const instance of written) {
    const { state, version } = last.get(instance)!
    pendings.set(instance, instance.advance(state, version, commitId, work.given === undefined))
  }
  return pendings
}

/** What the answer of the store says of the instances, beside what has become of the decision. */
const learn = (
  { enlisted, targets }: Seated,
  tips: ReadonlyMap<Instance, Tip>,
  pendings: ReadonlyMap<Instance, Pending>,
  exit: Exit.Exit<Sent, EventStoreError>
): void => {
  if (enlisted || Exit.isFailure(exit)) return
  if (exit.value._tag === "Conflict" && exit.value.error.reason._tag === "Conflict") {
    const { actual, stream } = exit.value.error.reason
    const key = StreamName.format(stream)
    for (const { instance } of targets) if (instance.key === key) instance.doubt(actual)
  }
  for (const { instance, local: { snapshots } } of targets) {
    const pending = pendings.get(instance)
    if (pending?.outcome === "stored") {
      snapshots?.committed(instance.stream, tips.get(instance)!.version, pending.made)
    }
  }
}

/** Hands the commit to the store; the turn ends there, before the store has answered. */
const commit = (
  seated: Seated,
  { commit, decided }: Extract<Plan, { readonly _tag: "Commit" }>,
  tips: ReadonlyMap<Instance, Tip>,
  restore: <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, E>
): Effect.Effect<Turn, EventStoreError> => {
  const { instances, targets, work } = seated
  const bases = basesOf(tips)
  const pendings = advance(seated, decided)
  releaseAll(seated, instances)
  const sent = Effect.suspend(() =>
    send(seated, { ...commit, metadata: work.eventMetadata, fingerprint: work.given?.fingerprint }, bases)
  )
  return restore(sent).pipe(
    Effect.onExit((exit) =>
      Effect.sync(() => {
        const outcome = outcomeOf(seated, exit)
        for (const [instance, pending] of pendings) instance.settle(pending, outcome)
        learn(seated, tips, pendings, exit)
        for (const { instance, local } of targets) forget(local, instance)
      })
    ),
    Effect.map((sent): Turn => sent._tag === "Stored" ? { ...sent, decided } : sent)
  )
}

/** Takes the turn of every instance, decides, and hands the commit to the store. */
export const turn = (work: Work): Effect.Effect<Turn, Failure> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(store(work).enlisted, (enlisted) => {
      const seated = seat(work, enlisted)
      const taken: Array<Instance> = []
      const prepared = Effect.andThen(acquire(seated, taken), prepare(seated))
      const held = Effect.onExit(restore(prepared), (exit) =>
        Effect.sync(() => Exit.isFailure(exit) && releaseAll(seated, taken)))
      return Effect.flatMap(held, ({ made, tips }): Effect.Effect<Turn, Failure> => {
        if (made._tag === "Commit") {
          return commit(seated, made, tips, restore)
        }
        releaseAll(seated, taken)
        return Effect.succeed(made)
      })
    })
  )
