/**
 * What projections and subscriptions say of themselves: as data, for tools and for alarms.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { EventStore } from "./EventStore.ts"
import * as runStatus from "./internal/runStatus.ts"
import type { ProjectionError } from "./ProjectionError.ts"
import type { Parked, RowStore, Target } from "./RowStore.ts"

/**
 * Schema of a `Partition`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Partition = Schema.Struct({
  /** 0-based. */
  partition: Schema.Int,
  /** Last position that is fully handled. */
  position: Schema.Int,
  /** Who runs it; none when nobody does. */
  owner: Schema.NullOr(Schema.String),
  /** Events a second, as the owner last measured it. */
  rate: Schema.Finite,
  /** When the position last moved. */
  movedAt: Schema.DateTimeUtc
})

/**
 * One partition of a projection or a subscription.
 *
 * @category models
 * @since 0.1.0
 */
export type Partition = typeof Partition.Type

/**
 * Schema of a `Failure`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Failure = Schema.Struct({
  at: Schema.DateTimeUtc,
  position: Schema.Int,
  eventId: Schema.String,
  type: Schema.String,
  tenant: Schema.String,
  /** Key of the row, or of the order that is kept; none when the failure came before the key was known. */
  key: Schema.NullOr(Schema.String),
  attempts: Schema.Int,
  cause: Schema.String
})

/**
 * What went wrong with an event.
 *
 * @category models
 * @since 0.1.0
 */
export type Failure = typeof Failure.Type

/**
 * Schema of a `Status`, so that tools can print it: `Schema.encodeSync(Schema.toCodecJson(Status.Status))` gives JSON, with
 * times in ISO 8601 and durations in milliseconds.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Status = Schema.Struct({
  kind: Schema.Literals(["projection", "subscription"]),
  name: Schema.String,
  revision: Schema.Int,
  /** Whether readers get the rows of this revision. */
  serving: Schema.Boolean,
  mode: Schema.Literals(["inline", "async"]),
  /** `halted`: by its failure policy; `paused`: by its operator. */
  state: Schema.Literals(["running", "paused", "halted"]),
  /** Last position that every partition has fully handled. */
  position: Schema.Int,
  /** Position of the last event of the store. */
  head: Schema.Int,
  lag: Schema.Struct({
    /** Positions between the two, whether they matter or not. */
    events: Schema.Int,
    /** How long the first event behind the position has been there; 0 when there is none. */
    time: Schema.DurationFromMillis
  }),
  /** Events a second, of all partitions. */
  rate: Schema.Finite,
  /** Who runs it, each once. */
  owners: Schema.Array(Schema.String),
  /** The last failure; none when there was none. */
  failure: Schema.NullOr(Failure),
  parkedKeys: Schema.Int,
  parkedEvents: Schema.Int,
  partitions: Schema.Array(Partition)
})

/**
 * How a projection, or a subscription, is doing.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = typeof Status.Type

/**
 * The status of everything that has a checkpoint in the store: projections in all their revisions, and subscriptions.
 *
 * @category operations
 * @since 0.1.0
 */
export const all: Effect.Effect<ReadonlyArray<Status>, ProjectionError, EventStore | RowStore> = runStatus.all

/**
 * Events of a target that are parked, by key and in order: `limit` at the most, 100 unless told. For tools, which know a
 * projection or a subscription by its name and revision; programs have `Projection.parked` and `Subscription.parked`.
 *
 * @category operations
 * @since 0.1.0
 */
export const parked = (target: Target, options?: {
  /** A key of the tenant that the program runs for; all keys of all tenants, unless told. */
  readonly key?: string | undefined
  readonly limit?: number | undefined
}): Effect.Effect<ReadonlyArray<Parked>, ProjectionError, RowStore> => runStatus.parked(target, options)

/**
 * Has the parked events of a key tried again, in order, soon: by whoever runs the target. `Refused` when nothing of the
 * key is parked. The key is one of the tenant that the program runs for.
 *
 * @category operations
 * @since 0.1.0
 */
export const retry = (target: Target, key: string): Effect.Effect<void, ProjectionError, RowStore> =>
  runStatus.retry(target, key, false)

/**
 * Gives up the first parked event of a key, for good, and has the others tried again. `Refused` when nothing of the key is
 * parked.
 *
 * @category operations
 * @since 0.1.0
 */
export const skip = (target: Target, key: string): Effect.Effect<void, ProjectionError, RowStore> =>
  runStatus.retry(target, key, true)

/**
 * Pauses a target, wherever it is run, until it is resumed. `Refused` when the store has no such target.
 *
 * @category operations
 * @since 0.1.0
 */
export const pause = (target: Target): Effect.Effect<void, ProjectionError, RowStore> =>
  runStatus.setState(target, "paused")

/**
 * Lets a target go on that was paused, or has halted. `Refused` when the store has no such target.
 *
 * @category operations
 * @since 0.1.0
 */
export const resume = (target: Target): Effect.Effect<void, ProjectionError, RowStore> =>
  runStatus.setState(target, "running")
