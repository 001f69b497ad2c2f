/**
 * Keeps states of instances, so that a load reads only what lies behind them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { type EventStoreError, Refused } from "./EventStoreError.ts"
import * as checks from "./internal/check.ts"
import * as json from "./internal/json.ts"
import * as Limits from "./Limits.ts"
import * as StreamName from "./StreamName.ts"

/**
 * The state of an instance after so many of its events.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stated {
  /** Version of the last stored event that it was folded from. */
  readonly version: number
  readonly state: Schema.Json
}

/**
 * A state, and what it is the state of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Snapshot extends Stated {
  readonly stream: StreamName.StreamName
  /** Revision of the fold that made it. See `Aggregate.make`. */
  readonly revision: number
}

/**
 * Keeps one snapshot for each stream and revision of the fold.
 *
 * **Details**
 *
 * Snapshots are dispensable: the events tell everything, so whoever finds none, or one that cannot be used, folds the stream.
 * `Snapshots.layer` decides when one is saved. The suite `SnapshotStoreContract` of `@varve/core/testing` tells whether a
 * store is right.
 *
 * **Gotchas**
 *
 * A snapshot holds what the events told. Where payloads of a stream are erased (`StoreAdmin.erase`), its snapshots at and
 * behind the first version erased go in the same transaction, and none is kept there ever after.
 *
 * @category services
 * @since 0.1.0
 */
export class SnapshotStore extends Context.Service<SnapshotStore, {
  /** The snapshot of a stream, as one revision of the fold has made it. Concurrent calls are one query where the store can do that. */
  readonly find: (
    stream: StreamName.StreamName,
    revision: number
  ) => Effect.Effect<Option.Option<Stated>, EventStoreError>
  /**
   * Keeps a snapshot, unless there is one of a higher version; one of the same version is replaced, as it may be one that
   * could not be read. Where it is kept, those of revisions below the one before its own are forgotten: a release and the
   * one before it may be at work together. Nothing is kept at or behind a version that `StoreAdmin.erase` has erased.
   */
  readonly save: (snapshot: Snapshot) => Effect.Effect<void, EventStoreError>
}>()("@varve/core/SnapshotStore") {}

/**
 * Why a snapshot cannot be looked for; `undefined` when it can. For authors of stores.
 *
 * @category stores
 * @since 0.1.0
 */
export const check = (stream: StreamName.StreamName, revision: number): Refused | undefined =>
  checks.stream(stream) ?? checks.int("revision of a snapshot", revision, 1, Limits.revisions)

/**
 * The JSON text of a state that can be kept, or why it cannot. For authors of stores.
 *
 * @category stores
 * @since 0.1.0
 */
export const encode = ({ revision, state, stream, version }: Snapshot): string | Refused =>
  check(stream, revision)
    ?? checks.int("version of a snapshot", version, 1, Limits.snapshotVersion)
    ?? json.encode(`state of ${StreamName.format(stream)}`, state, Limits.snapshotBytes)
