import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { EventStore } from "../EventStore.ts"
import { EventStoreError, Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import * as Metadata from "../Metadata.ts"
import type { ProjectionError } from "../ProjectionError.ts"
import {
  type Checkpoint,
  type Entry,
  type Failure,
  type Parked,
  RowStore,
  type State,
  type Target
} from "../RowStore.ts"
import * as check from "./check.ts"
import { leastOf } from "./partition.ts"
import type { ReadOptions } from "./projection.ts"
import * as question from "./question.ts"
import { type Lack, until } from "./waiting.ts"

/** How long somebody waits for a subscription, unless told. */
const timeoutDefault = Duration.seconds(5)

/** What is stored of a target. */
export const entryOf = (target: Target): Effect.Effect<Option.Option<Entry>, EventStoreError, RowStore> =>
  Effect.map(
    RowStore.use((rows) => rows.entries({ kind: target.kind, name: target.name })),
    (entries) => Option.fromUndefinedOr(entries.find((entry) => entry.target.revision === target.revision))
  )

const showFailure = (failure: Failure) => ({ ...failure, key: failure.key ?? null })

const showPartition = ({ movedAt, owner, partition, position, rate }: Checkpoint) => ({
  partition,
  position,
  owner: Option.getOrNull(owner),
  rate,
  movedAt
})

const statusOf = Effect.fnUntraced(function*(entry: Entry, head: number) {
  const store = yield* EventStore
  const position = leastOf(entry)
  const { checkpoints, failure, mode, parkedEvents, parkedKeys, serving, state, target } = entry
  const [next] = position < head ? (yield* store.readPage({ after: position, limit: 1 })).events : []
  const millis = next === undefined ? 0 : (yield* DateTime.now).epochMilliseconds - next.recordedAt.epochMilliseconds
  const owners = checkpoints.flatMap(({ owner }) => Option.toArray(owner))
  return {
    kind: target.kind,
    name: target.name,
    revision: target.revision,
    serving,
    mode,
    state,
    position,
    // It may have moved on since the head was asked for.
    head: Math.max(head, position),
    // Clocks of two machines differ.
    lag: { events: Math.max(head - position, 0), time: Duration.millis(Math.max(millis, 0)) },
    rate: checkpoints.reduce((sum, { rate }) => sum + rate, 0),
    owners: Array.from(new Set(owners)),
    failure: Option.getOrNull(Option.map(failure, showFailure)),
    parkedKeys,
    parkedEvents,
    partitions: checkpoints.map(showPartition)
  }
})

type StatusData = Effect.Success<ReturnType<typeof statusOf>>

/** How a target is doing; none when it has never been run. */
export const status = (
  target: Target
): Effect.Effect<Option.Option<StatusData>, ProjectionError, EventStore | RowStore> =>
  Effect.gen(function*() {
    const head = yield* EventStore.use((store) => store.head)
    const entry = yield* entryOf(target)
    return Option.isNone(entry) ? Option.none() : Option.some(yield* statusOf(entry.value, head))
  }).pipe(Effect.mapError(question.failed(target.name)))

/** How everything is doing. */
export const all: Effect.Effect<ReadonlyArray<StatusData>, ProjectionError, EventStore | RowStore> =
  /* @__PURE__ */ Effect.gen(
    function*() {
      const rows = yield* RowStore
      const head = yield* EventStore.use((store) => store.head)
      const entries = [...yield* rows.entries({ kind: "projection" }), ...yield* rows.entries({ kind: "subscription" })]
      return yield* Effect.forEach(entries, (entry) => statusOf(entry, head))
    }
  ).pipe(Effect.mapError(question.failed("status")))

/** Events of a target that are parked, by key and in order. */
export const parked = (
  target: Target,
  { key, limit = Limits.rowsPerPageDefault }: {
    readonly key?: string | undefined
    readonly limit?: number | undefined
  } = {}
): Effect.Effect<ReadonlyArray<Parked>, ProjectionError, RowStore> =>
  Effect.gen(function*() {
    const wrong = check.int("limit of parked events", limit, 1, Limits.parkedEvents)
      ?? (key === undefined ? undefined : check.text("key", key, 1))
    if (wrong !== undefined) return yield* new EventStoreError({ operation: "rows", reason: wrong })
    const { tenant } = yield* Metadata.Current
    const rows = yield* RowStore
    return yield* rows.parked({ target, key: key === undefined ? undefined : { tenant, key }, limit })
  }).pipe(Effect.mapError(question.failed(target.name)))

/** Asks for the parked events of a key to be tried again, or first gives one up. */
export const retry = (
  target: Target,
  key: string,
  skip: boolean
): Effect.Effect<void, ProjectionError, RowStore> =>
  Effect.gen(function*() {
    const wrong = check.text("key", key, 1)
    if (wrong !== undefined) return yield* new EventStoreError({ operation: "rows", reason: wrong })
    const { tenant } = yield* Metadata.Current
    const rows = yield* RowStore
    const count = yield* rows.retry({ target, key: { tenant, key }, skip })
    if (count > 0) return
    const what = `key ${check.show(key)} of ${target.name}`
    const reason = new Refused({ what, expected: "a parked event", actual: "none" })
    return yield* new EventStoreError({ operation: "rows", reason })
  }).pipe(Effect.mapError(question.failed(target.name)))

/** Pauses or resumes a target. */
export const setState = (target: Target, state: State): Effect.Effect<void, ProjectionError, RowStore> =>
  Effect.mapError(RowStore.use((rows) => rows.setState(target, state)), question.failed(target.name))

/** Waits until a target has passed a position: what the store holds now, unless told. */
export const whenCaughtUp = (
  target: Target,
  { after, timeout = timeoutDefault }: ReadOptions = {}
): Effect.Effect<void, ProjectionError, EventStore | RowStore> =>
  Effect.gen(function*() {
    const rows = yield* RowStore
    const wanted = yield* question.wanted(after)
    const expected = after === undefined ? yield* EventStore.use((store) => store.head) : wanted.position
    const lackOf = (entry: Option.Option<Entry>): Lack | undefined => {
      if (Option.isNone(entry)) return { expected, actual: 0, state: "absent" }
      const actual = leastOf(entry.value)
      return actual >= expected ? undefined : { expected, actual, state: entry.value.state }
    }
    const ask = Effect.flatMap(
      Effect.provideService(entryOf(target), RowStore, rows),
      (entry): Effect.Effect<Option.Option<Entry>, Refused> => {
        const wrong = Option.isNone(entry) ? undefined : question.foreign(wanted, entry.value.storeId)
        return wrong === undefined ? Effect.succeed(entry) : Effect.fail(wrong)
      }
    )
    yield* until(ask, lackOf, rows.moves, timeout)
  }).pipe(Effect.mapError(question.failed(target.name)))
