import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Commit from "../../Commit.ts"
import * as CommitId from "../../CommitId.ts"
import type { EventStore } from "../../EventStore.ts"
import { EventStoreError, OutcomeUnknown, Refused, Unavailable } from "../../EventStoreError.ts"
import { drawing, type Fate, noFate } from "./faultsFate.ts"
import type { Fault, Kind, Options } from "./faultsModel.ts"

type Store = EventStore["Service"]
type Operation = Fault["operation"]
type CrashPoint = Context.Reference<() => Effect.Effect<void> | undefined>

/** A commit that nobody waits for any more, and that is still to arrive. */
interface Late {
  readonly commit: Commit.Commit
  arrived: boolean
}

/** One call of the store, as the log names it. */
interface Call {
  readonly fate: Fate
  readonly record: (kind: Kind, millis?: number) => void
}

const unavailable = (operation: EventStoreError["operation"]) =>
  new EventStoreError({
    operation,
    reason: new Unavailable({ what: "store with faults", expected: "an answer", actual: "a fault on purpose" })
  })

const lost = (commitId: CommitId.CommitId) =>
  Effect.fail(new EventStoreError({ operation: "append", reason: new OutcomeUnknown({ commitId }) }))

const errorOperation = (operation: Operation): EventStoreError["operation"] =>
  operation === "readPage" || operation === "readStreamPage" ? "read" : operation

/** Waits that a call meets on one side, and the crash that may be there. */
const onTheWay = ({ record }: Call, millis: number, turns: number, crash: CrashPoint): Effect.Effect<void> =>
  Effect.gen(function*() {
    if (millis > 0) {
      record("delay", millis)
      yield* Effect.sleep(millis)
    }
    for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
    const crashed = (yield* crash)()
    if (crashed === undefined) return
    record("crash")
    yield* crashed
  })

/** In the caller's transaction another writer would be no other, and its commit tells what is lost. */
const withinTransaction = (fate: Fate): Fate => ({
  ...fate,
  conflict: false,
  fault: fate.fault === "failBefore" ? "failBefore" : undefined
})

/** Puts faults before a store. The fate of a call is drawn when it begins, before anything else can run. */
export const inject = Effect.fnUntraced(function*(options: Options, behind: Store, crash: CrashPoint) {
  const scope = yield* Effect.scope
  const draws = { append: yield* drawing(options, "append"), read: yield* drawing(options, "read") }
  const calls = { append: 0, read: 0 }
  const log: Array<Fault> = []
  const latecomers: Array<Late> = []
  let left = options.limit ?? Number.POSITIVE_INFINITY
  let calm = false

  const begin = (operation: Operation, commitId: CommitId.CommitId | undefined, enlisted = false): Call => {
    const sort = operation === "append" ? "append" : "read"
    const call = ++calls[sort]
    const drawn = draws[sort]()
    const fate = calm ? noFate : enlisted ? withinTransaction(drawn) : drawn
    const record = (kind: Kind, millis?: number) => log.push({ kind, operation, call, commitId, millis })
    return { fate, record }
  }

  /** Whether a fault that counts is injected: not beyond the limit, and not when its time has passed. */
  const strikes = ({ record }: Call, kind: Kind, millis?: number): boolean => {
    if (calm || left <= 0) return false
    left--
    record(kind, millis)
    return true
  }

  const arrive = (late: Late): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (late.arrived) return Effect.void
      late.arrived = true
      return Effect.exit(behind.append(late.commit))
    })

  /** Another writer is faster. It may fail as writers fail; a commit that no store takes is a mistake in the test. */
  const contend = (commit: Commit.Commit, call: Call): Effect.Effect<void> =>
    Effect.suspend(() => {
      const other = options.conflict?.commit(commit)
      if (other === undefined || calm || left <= 0) return Effect.void
      return Effect.matchEffect(behind.append(other), {
        onSuccess: () => Effect.sync(() => strikes(call, "conflict")),
        onFailure: (error) => error.reason._tag === "Refused" ? Effect.die(error) : Effect.void
      })
    })

  const send = (commit: Commit.Commit & { readonly id: CommitId.CommitId }, call: Call) =>
    Effect.suspend(() => {
      const { fault, late } = call.fate
      if (fault === undefined || !strikes(call, fault, fault === "lateRequest" ? late : undefined)) {
        return behind.append(commit)
      }
      switch (fault) {
        case "failBefore":
          return Effect.fail(unavailable("append"))
        case "lostAcknowledgement":
          // Whatever the store had to say is lost.
          return Effect.andThen(Effect.exit(behind.append(commit)), lost(commit.id))
        case "lateRequest": {
          const entry = { commit, arrived: false }
          latecomers.push(entry)
          const coming = Effect.andThen(Effect.sleep(late), arrive(entry))
          return Effect.andThen(Effect.forkIn(coming, scope), lost(commit.id))
        }
        default:
          return lost(commit.id)
      }
    })

  const append: Store["append"] = (input) =>
    Effect.flatMap(behind.enlisted, (enlisted) => {
      // What the limits refuse is never sent.
      if (Commit.encode(input) instanceof Refused) return behind.append(input)
      const commit = { ...input, id: input.id ?? CommitId.generateUnsafe() }
      const call = begin("append", commit.id, enlisted)
      const { after, before, conflict, turnsAfter, turnsBefore } = call.fate
      return onTheWay(call, before, turnsBefore, crash).pipe(
        Effect.andThen(conflict ? contend(commit, call) : Effect.void),
        Effect.andThen(Effect.exit(send(commit, call))),
        Effect.tap(() => onTheWay(call, after, turnsAfter, crash)),
        Effect.flatten
      )
    })

  const reading = <A>(
    operation: Operation,
    read: Effect.Effect<A, EventStoreError>,
    commitId?: CommitId.CommitId
  ): Effect.Effect<A, EventStoreError> =>
    Effect.suspend(() => {
      const call = begin(operation, commitId)
      const { after, before, fault, turnsAfter, turnsBefore } = call.fate
      const sent = Effect.suspend(() =>
        fault !== undefined && strikes(call, fault) ? Effect.fail(unavailable(errorOperation(operation))) : read
      )
      return onTheWay(call, before, turnsBefore, crash).pipe(
        Effect.andThen(Effect.exit(sent)),
        Effect.tap(() => onTheWay(call, after, turnsAfter, crash)),
        Effect.flatten
      )
    })

  const store: Store = {
    ...behind,
    append,
    readPage: (request) => reading("readPage", behind.readPage(request)),
    readStreamPage: (request) => reading("readStreamPage", behind.readStreamPage(request)),
    head: reading("head", behind.head),
    findCommit: (id, fingerprint) => reading("findCommit", behind.findCommit(id, fingerprint), id)
  }
  return {
    store,
    log: Effect.sync((): ReadonlyArray<Fault> => [...log]),
    calm: Effect.suspend(() => {
      calm = true
      return Effect.forEach(latecomers, arrive, { discard: true })
    })
  }
})
