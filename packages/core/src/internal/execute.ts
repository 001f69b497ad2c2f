import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type { Commit, Receipt } from "../Commit.ts"
import * as CommitId from "../CommitId.ts"
import { EventStoreError } from "../EventStoreError.ts"
import { ExecutionError } from "../ExecutionError.ts"
import * as Limits from "../Limits.ts"
import type { Metadata } from "../Metadata.ts"
import type { EventMetadata } from "../StoredEvent.ts"
import * as StreamName from "../StreamName.ts"
import type { Unreadable } from "../Upcaster.ts"
import { type Decided, type Plan, plan, type Target } from "./decide.ts"
import * as digest from "./digest.ts"
import type { Instance, Pending, Tip } from "./instance.ts"
import { foldStream, forget, instanceOf, type Loaded, type Local, type Tagged } from "./running.ts"
import * as span from "./span.ts"

/** What comes of a command. Documented at `Aggregate.Executed`. */
export interface Executed extends Decided {
  readonly receipt: Option.Option<Receipt>
}

/** How often a command is decided. Documented at `Aggregate.Attempts`. */
export const Attempts: Context.Reference<number> = Context.Reference<number>("@varve/core/Aggregate/Attempts", {
  defaultValue: () => 10
})

/** How often a commit is sent again whose outcome is unknown. */
const resends = 4

/** A command and the stream that it is for. */
export interface Request {
  readonly local: Local
  readonly stream: StreamName.StreamName
  readonly id: string
  readonly command: Tagged
}

/** Commands on their way to becoming one commit. */
interface Work {
  readonly requests: Arr.NonEmptyReadonlyArray<Request>
  readonly commitId: CommitId.CommitId
  readonly fingerprint: string | undefined
  readonly metadata: Metadata
  readonly eventMetadata: EventMetadata
  readonly expected: number | undefined
  /** True when something may be stored under the commit id that this call did not see succeed. */
  mayBeStored: boolean
}

/** A work that is at, or waits for, its turn. */
interface Seated {
  readonly work: Work
  readonly targets: Arr.NonEmptyReadonlyArray<Target>
  /** Distinct, in one order for everybody: two works that share instances cannot wait for each other. */
  readonly instances: ReadonlyArray<Instance>
}

type Failure = EventStoreError | Unreadable

const store = ({ requests }: Work) => requests[0].local.store

/** Tells a command sent again from another one: instance, tag and payload, not time or version. */
const fingerprintOf = (requests: ReadonlyArray<Request>): Effect.Effect<string> =>
  Effect.map(
    digest.sha256(JSON.stringify(requests.map(({ command, local, stream }) => {
      const schema = local.definition.commands.find(({ tag }) => tag === command._tag)?.schema
      // Commands are plain data: their schemas ask for no services.
      const codec = schema && Schema.toCodecJson(schema as Schema.Codec<unknown, unknown>)
      return [
        stream.tenant,
        stream.category,
        stream.id,
        command._tag,
        codec && Schema.encodeUnknownSync(codec)(command)
      ]
    }))),
    (bytes) => digest.hex(bytes.subarray(0, 16))
  )

const eventMetadataOf = (
  { actor, causationId, correlationId, user }: Metadata,
  trace: EventMetadata["trace"],
  requests: ReadonlyArray<Request>
): EventMetadata => ({
  ...(correlationId !== undefined && { correlationId }),
  ...(causationId !== undefined && { causationId }),
  ...(actor !== undefined && { actor }),
  command: Array.from(new Set(requests.map(({ command }) => command._tag))).join(", "),
  ...(trace !== undefined && { trace }),
  ...(user !== undefined && { user })
})

// --- One turn ---------------------------------------------------------------

/** Finds the instances, so that everybody at work on one meets there. Made anew for every turn: idle ones are forgotten. */
const seat = (work: Work): Seated => {
  const targets = Arr.map(work.requests, (request): Target => ({
    ...request,
    instance: instanceOf(request.local, request.stream)
  }))
  const instances = targets.length === 1 ? [targets[0].instance] : Array.from(new Set(targets.map((_) => _.instance)))
    .sort((a, b) => a.key < b.key ? -1 : 1)
  return { work, targets, instances }
}

const forgetIdle = ({ targets }: Seated): void => {
  for (const { instance, local } of targets) forget(local, instance)
}

const release = (seated: Seated): void => {
  for (const instance of seated.instances) instance.release()
  forgetIdle(seated)
}

/** Takes the turn of every instance, in the order that is the same for everybody. */
const acquire = (instances: ReadonlyArray<Instance>, from = 0): Effect.Effect<void, EventStoreError> => {
  const instance = instances[from]
  if (instance === undefined) return Effect.void
  const taken = Effect.mapError(instance.acquire, (reason) => new EventStoreError({ operation: "append", reason }))
  return Effect.flatMap(taken, () => {
    const others = from + 1 === instances.length ? Effect.void : Effect.onExit(
      acquire(instances, from + 1),
      (exit) => Effect.sync(() => Exit.isFailure(exit) && instance.release())
    )
    const { tip } = instance
    // A bound on what is lost when the first of a chain falls.
    return instance.inFlight < Limits.decisionsInFlight || tip?.pending === undefined
      ? others
      : Effect.andThen(tip.pending.settled, others)
  })
}

const targetOf = ({ targets }: Seated, instance: Instance): Target =>
  // The instances are those of the targets.
  targets.find((target) => target.instance === instance)!

/** The state an instance has in the store now, at the least all that it had when this was asked for. */
const fresh = Effect.fnUntraced(function*(seated: Seated, instance: Instance, tip?: Tip) {
  let from: Loaded | undefined = tip
  if (tip?.pending !== undefined) {
    yield* tip.pending.settled
    if (tip.pending.stored !== true) from = undefined
  }
  const { local } = targetOf(seated, instance)
  const { state, version } = yield* foldStream(local, instance.stream, { from })
  const made: Tip = { state, version, pending: undefined }
  instance.tip = made
  return made
})

/**
 * Decides, with the turn of every instance taken.
 *
 * Events decided on a state that was handed on are safe: the store checks what they rest on. A rejection, or nothing,
 * is checked by nobody, and the state may be older than the command. So these two stand only on a state read since.
 */
const prepare = Effect.fnUntraced(function*(seated: Seated) {
  const { instances, targets, work: { commitId, expected, metadata } } = seated
  const circumstances = { commitId, expected, actor: metadata.actor, now: metadata.occurredAt ?? (yield* DateTime.now) }
  const tips = new Map<Instance, Tip>()
  let handedOn = false
  for (const instance of instances) {
    if (instance.tip !== undefined) handedOn = true
    tips.set(instance, instance.tip ?? (yield* fresh(seated, instance)))
  }
  const first = plan(targets, tips, circumstances)
  if (first._tag === "Commit" || first._tag === "Invalid" || !handedOn) return first
  for (const instance of instances) tips.set(instance, yield* fresh(seated, instance, tips.get(instance)))
  return plan(targets, tips, circumstances)
})

/** Sends a commit until its outcome is known, a bounded number of times: it is stored once at the most. */
const send = (work: Work, commit: Commit, left = resends): Effect.Effect<Receipt, EventStoreError> =>
  Effect.catchReason(store(work).append(commit), "EventStoreError", "OutcomeUnknown", (reason) => {
    work.mayBeStored = true
    return left === 0
      ? Effect.fail(new EventStoreError({ operation: "append", reason }))
      : Effect.andThen(pause(resends - left + 1), send(work, commit, left - 1))
  })

/** A random part of a time that doubles: 10, 20, 40 … up to 320 ms. */
const pause = (round: number): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (part) => Effect.sleep(part * Math.min(5 * 2 ** round, 320)))

type Turn =
  | Exclude<Plan, { readonly _tag: "Commit" }>
  | { readonly _tag: "Stored"; readonly decided: ReadonlyArray<Decided>; readonly receipt: Receipt }

/** Takes the turn, decides, and hands the commit to the store; the turn ends there, before the store has answered. */
const turn = (seated: Seated): Effect.Effect<Turn, Failure> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.onExit(
        restore(acquire(seated.instances)),
        (exit) => Effect.sync(() => Exit.isFailure(exit) && forgetIdle(seated))
      ),
      () =>
        Effect.flatMap(
          Effect.onExit(restore(prepare(seated)), (exit) => Effect.sync(() => Exit.isFailure(exit) && release(seated))),
          (made) => {
            if (made._tag === "Commit") return commit(seated, made, restore)
            release(seated)
            return Effect.succeed(made)
          }
        )
    )
  )

const commit = (
  seated: Seated,
  { commit, decided }: Extract<Plan, { readonly _tag: "Commit" }>,
  restore: <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, E>
): Effect.Effect<Turn, EventStoreError> => {
  const { work } = seated
  const pendings = advance(seated, decided)
  release(seated)
  return restore(send(work, { ...commit, metadata: work.eventMetadata, fingerprint: work.fingerprint })).pipe(
    Effect.onExit((exit) => Effect.sync(() => settle(seated, pendings, Exit.isSuccess(exit) && !exit.value.replayed))),
    Effect.map((receipt): Turn => ({ _tag: "Stored", decided, receipt }))
  )
}

/** Hands on the states that the commit will have made. What is only read is handed on as it is. */
const advance = ({ targets, work }: Seated, decided: ReadonlyArray<Decided>): ReadonlyMap<Instance, Pending> => {
  const last = new Map<Instance, Decided>()
  const written = new Set<Instance>()
  targets.forEach(({ instance }, i) => {
    last.set(instance, decided[i]!)
    if (decided[i]!.events.length > 0) written.add(instance)
  })
  const pendings = new Map<Instance, Pending>()
  for (const instance of written) {
    const { state, version } = last.get(instance)!
    pendings.set(instance, instance.advance(state, version, work.commitId))
  }
  return pendings
}

const settle = (seated: Seated, pendings: ReadonlyMap<Instance, Pending>, stored: boolean): void => {
  for (const [instance, pending] of pendings) instance.settle(pending, stored)
  forgetIdle(seated)
}

// --- All turns --------------------------------------------------------------

/** What a commit id has led to before: nothing is decided, everything is read. */
const outcomeOf = (work: Work, receipt: Receipt): Effect.Effect<ReadonlyArray<Executed>, Failure> =>
  Effect.forEach(work.requests, ({ local, stream }, i) => {
    const key = StreamName.format(stream)
    const mine = receipt.streams.find((entry) => StreamName.format(entry.stream) === key)
    // The events of several commands to one instance are given to the last of them.
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

/** The outcome that is stored under the commit id, when there can be one; otherwise what was come to now. */
const unlessStored = <A, E>(work: Work, otherwise: Effect.Effect<A, E>) =>
  work.mayBeStored
    ? Effect.flatMap(
      store(work).findCommit(work.commitId, work.fingerprint),
      Option.match({
        onNone: () => otherwise,
        onSome: (receipt): Effect.Effect<A | ReadonlyArray<Executed>, E | Failure> => outcomeOf(work, receipt)
      })
    )
    : otherwise

const withReceipt = (decided: ReadonlyArray<Decided>, receipt: Option.Option<Receipt>): ReadonlyArray<Executed> =>
  decided.map((one) => ({ ...one, receipt }))

/** Carries a rejection past the errors that are translated on the way out. */
class Rejection {
  readonly rejection: unknown
  constructor(rejection: unknown) {
    this.rejection = rejection
  }
}

const conclude = (work: Work, turn: Turn): Effect.Effect<ReadonlyArray<Executed>, Failure | Rejection> => {
  switch (turn._tag) {
    case "Stored":
      return turn.receipt.replayed
        ? outcomeOf(work, turn.receipt)
        : Effect.succeed(withReceipt(turn.decided, Option.some(turn.receipt)))
    case "Nothing":
      return unlessStored(work, Effect.succeed(withReceipt(turn.decided, Option.none())))
    case "Rejected":
      return unlessStored(work, Effect.fail(new Rejection(turn.rejection)))
    case "Moved":
      return unlessStored(work, Effect.fail(new EventStoreError({ operation: "append", reason: turn.conflict })))
    case "Invalid":
      return Effect.fail(new EventStoreError({ operation: "append", reason: turn.refused }))
  }
}

/** What is left of a failure when the commit id is asked first. */
const recover = (work: Work, error: Failure): Effect.Effect<ReadonlyArray<Executed>, Failure> => {
  const reason = error._tag === "EventStoreError" ? error.reason._tag : error._tag
  // Under an id of our own only we can have stored: another content is what we decided the time before.
  const ours = reason === "Refused" && work.fingerprint === undefined
  return reason === "Conflict" || ours ? unlessStored(work, Effect.fail(error)) : Effect.fail(error)
}

/** Takes turns until the commands have come to something, a bounded number of times. */
const attempt = (
  work: Work,
  attempts: number,
  round = 1
): Effect.Effect<ReadonlyArray<Executed>, Failure | Rejection> =>
  Effect.matchEffect(Effect.suspend(() => turn(seat(work))), {
    onSuccess: (turn) => conclude(work, turn),
    onFailure: (error) => {
      const conflict = error._tag === "EventStoreError" && error.reason._tag === "Conflict"
      if (!conflict || round >= attempts) return recover(work, error)
      // The first conflict of a chain takes those behind it along, so the first time nobody waits.
      const again = attempt(work, attempts, round + 1)
      return round === 1 ? again : Effect.andThen(pause(round), again)
    }
  })

/** Names the instance that an error is about. */
const failed = ({ requests }: Work, error: Failure): ExecutionError => {
  const reason = error._tag === "EventStoreError" ? error.reason : error
  const named = "stream" in reason ? StreamName.format(reason.stream) : undefined
  const about = requests.find(({ stream }) => StreamName.format(stream) === named) ?? requests[0]
  return new ExecutionError({ aggregate: about.local.definition.name, id: about.id, reason })
}

/** Executes commands as one commit. Fails with a rejection of one of them, or an `ExecutionError`. */
export const execute = Effect.fnUntraced(function*(
  requests: Arr.NonEmptyReadonlyArray<Request>,
  metadata: Metadata,
  options: { readonly commitId?: CommitId.CommitId | undefined; readonly expected?: number | undefined }
) {
  const given = options.commitId !== undefined
  const work: Work = {
    requests,
    commitId: options.commitId ?? CommitId.generateUnsafe(),
    fingerprint: given ? yield* fingerprintOf(requests) : undefined,
    metadata,
    eventMetadata: eventMetadataOf(metadata, yield* span.current, requests),
    expected: options.expected,
    mayBeStored: given
  }
  return yield* Effect.mapError(
    attempt(work, yield* Attempts),
    (error) => error instanceof Rejection ? error.rejection : failed(work, error)
  )
})
