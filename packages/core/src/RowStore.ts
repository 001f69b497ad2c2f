/**
 * The service that keeps what is derived from events: rows of projections, checkpoints, and events that are parked.
 *
 * **When to use**
 *
 * Programs read rows through their projections. This is the interface for authors of stores and tools.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Encoded } from "./Commit.ts"
import type { EventStoreError } from "./EventStoreError.ts"
import * as partition from "./internal/partition.ts"

/**
 * What has checkpoints: a projection at a revision of its fold, or a subscription (whose revision is 1).
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  readonly kind: "projection" | "subscription"
  readonly name: string
  readonly revision: number
}

/**
 * Whether a target moves on. `halted`: by its failure policy; `paused`: by its operator.
 *
 * @category models
 * @since 0.1.0
 */
export type State = "running" | "paused" | "halted"

/**
 * How far one partition of a target has got, and who runs it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Checkpoint {
  /** 0-based. */
  readonly partition: number
  /** Last position that is fully handled. */
  readonly position: number
  /** Rises with every new owner: what an earlier owner still sends is told by it. */
  readonly fence: number
  /** Who has the lease; none when nobody has, or when it has run out. */
  readonly owner: Option.Option<string>
  /** Events a second, as the owner last measured it; 0 when it has not. */
  readonly rate: number
  /** When the position last moved. */
  readonly movedAt: DateTime.Utc
}

/**
 * What went wrong with an event, in words that can be stored.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure {
  readonly at: DateTime.Utc
  readonly position: number
  readonly eventId: string
  readonly type: string
  /** Tenant and key of the row, or of the order that is kept; none when the failure came before the key was known. */
  readonly tenant: string
  readonly key: string | undefined
  readonly attempts: number
  readonly cause: string
}

/**
 * What is stored of a target.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly target: Target
  /** The store whose positions its checkpoints are. */
  readonly storeId: string
  /** How it was opened last. */
  readonly mode: "inline" | "async"
  /** What each index is of, as it was declared; part of the revision. */
  readonly indexes: ReadonlyArray<string>
  readonly state: State
  /** Whether readers get the rows of this revision. One revision of a name at the most. */
  readonly serving: boolean
  /** One a partition, by partition. */
  readonly checkpoints: Arr.NonEmptyReadonlyArray<Checkpoint>
  /** The last failure, if there was one. */
  readonly failure: Option.Option<Failure>
  readonly parkedKeys: number
  readonly parkedEvents: number
}

/**
 * Names a row of a projection: rows of different tenants are different rows.
 *
 * @category models
 * @since 0.1.0
 */
export interface RowKey {
  readonly tenant: string
  readonly key: string
}

/**
 * A row as it is stored.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredRow extends RowKey {
  /** JSON text; `null` for a tombstone: a row that was removed, kept while an earlier event could come again. */
  readonly value: string | null
  /** The last event that the row has seen: its position, and its index among what the stored event has become. */
  readonly position: number
  readonly index: number
}

/**
 * A row to be written. It is written only where the stored one has seen less: a smaller (position, index).
 *
 * @category models
 * @since 0.1.0
 */
export interface RowWrite extends StoredRow {
  /** The place of the row in each index, in the order of their declaration. Compared bytewise, as UTF-8. Empty for a tombstone. */
  readonly sorts: ReadonlyArray<string>
}

/**
 * The right to run a partition, for a while. What is committed with an old fence is not taken.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lease {
  readonly partition: number
  readonly fence: number
  /** The checkpoint when the lease was taken or renewed. */
  readonly position: number
}

/**
 * An event that waits: it failed, or an earlier event of its key did.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parked extends RowKey {
  readonly position: number
  /** Index among the events that the stored one has become. */
  readonly index: number
  readonly eventId: string
  readonly type: string
  /** How often it was tried; 0 for an event that waits behind another. */
  readonly attempts: number
  /** Why it failed; empty for an event that waits behind another. */
  readonly cause: string
  readonly parkedAt: DateTime.Utc
  /** Somebody has asked for it to be tried again. */
  readonly due: boolean
}

/**
 * The outcome of a batch: rows, parked events and the checkpoint, in one transaction.
 *
 * @category models
 * @since 0.1.0
 */
export interface Batch {
  readonly target: Target
  readonly partition: number
  /** Fence of the lease; `undefined` for who has none and relies on the checkpoint alone. */
  readonly fence: number | undefined
  /** The checkpoint that the batch rests on. Nothing is written when it has moved. */
  readonly from: number
  readonly to: number
  /** Distinct keys. */
  readonly rows: ReadonlyArray<RowWrite>
  readonly park: ReadonlyArray<Parked>
  /** Parked events that are done with. Nothing is written when one of them is not parked: somebody else was done with it. */
  readonly unpark: ReadonlyArray<RowKey & { readonly position: number; readonly index: number }>
  /** Stored as the target's last failure. */
  readonly failure?: Failure | undefined
  readonly rate: number
  /** For how long the lease is renewed. */
  readonly lease: Duration.Duration
}

/**
 * What became of a batch. Nothing was written unless it is `Committed`.
 *
 * - `Moved`: the checkpoint is not where the batch started, or what it is done with is not parked any more
 * - `Lost`: the lease is somebody else's
 * - `Stopped`: the target is paused, halted or dropped, or its partitions have changed
 *
 * @category models
 * @since 0.1.0
 */
export type Committed = "Committed" | "Moved" | "Lost" | "Stopped"

/**
 * Whose rows were read, and how far they had got, in one snapshot with the rows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Served {
  readonly revision: number
  readonly storeId: string
  /** What each index is of, as it was declared: a reader may have declared others. */
  readonly indexes: ReadonlyArray<string>
  readonly state: State
  /** Checkpoints, by partition. */
  readonly positions: Arr.NonEmptyReadonlyArray<number>
}

/**
 * Which rows are read: those of the revision that serves, unless one is named.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly name: string
  readonly revision?: number | undefined
  readonly tenant: string
}

/**
 * A part of an index, or of the keys: `atLeast` included, `below` excluded. Compared bytewise, as UTF-8.
 *
 * @category models
 * @since 0.1.0
 */
export interface Range extends Source {
  /** Number of the index, in the order of declaration; `undefined` for the order of keys. */
  readonly index: number | undefined
  readonly atLeast?: string | undefined
  readonly below?: string | undefined
}

/**
 * A page of a part of an index.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListRequest extends Range {
  /** Starts behind this row. `sort` is its key where there is no index. */
  readonly after?: { readonly sort: string; readonly key: string } | undefined
  readonly backward: boolean
  readonly limit: number
}

/**
 * Folds commits into rows before they are stored, so that rows ride with the append. Pure.
 *
 * @category models
 * @since 0.1.0
 */
export interface Prepared {
  /** Rows that the commits touch. Distinct. */
  readonly keys: ReadonlyArray<RowKey>
  /**
   * Rows after those of the commits that are accepted; `undefined` when the fold fails, and the commits go without rows. So
   * they do when it throws.
   * `position` of a write is relative: the 0-based place of its event among the events of the accepted commits.
   */
  readonly fold: (
    rows: ReadonlyArray<StoredRow>,
    accepted: ReadonlyArray<boolean>
  ) => ReadonlyArray<RowWrite> | undefined
}

/**
 * A projection that rides with the appends of this process.
 *
 * **Details**
 *
 * The store applies it to a batch of commits when, under the lock of its writers: the target is at the head, running,
 * of one partition; no touched row has moved since it was read; no touched key is parked. Otherwise the commits go
 * without rows, which leaves the target behind for who runs it, and the store calls `missed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inline {
  readonly target: Target
  /** `undefined` when the commits cannot be folded before they are stored, because they do not say their versions or times. */
  readonly prepare: (commits: ReadonlyArray<Encoded>) => Prepared | undefined
  /** Brings the target to the head, if it is not far. The store runs it, without holding anything, before it appends while the target is behind. */
  readonly catchUp: Effect.Effect<void>
  /** Tells that events up to this position were committed without their rows. */
  readonly missed: (position: number) => void
}

/**
 * The partition that a key belongs to, of so many. Stored checkpoints rest on it: it never changes.
 *
 * @category stores
 * @since 0.1.0
 */
export const partitionOf: (key: RowKey, partitions: number) => number = partition.partitionOf

/**
 * Keeps rows, checkpoints and parked events, beside the events that they come from.
 *
 * **Details**
 *
 * - Rows and checkpoint of a batch are committed together or not at all.
 * - A checkpoint moves by compare-and-set, and only for the holder of the lease, where a fence is given.
 * - A fence never comes again, also where a target is dropped and opened anew.
 * - A row never goes back: a write that has seen no more than the stored row changes nothing. That holds for tombstones.
 * - Errors are those of the event store: `Unavailable`, `OutcomeUnknown` (a commit), `Refused`.
 *
 * The suite `RowStoreContract` of `@varve/core/testing` tells whether a store is right.
 *
 * @category services
 * @since 0.1.0
 */
export class RowStore extends Context.Service<RowStore, {
  /**
   * Makes the entry of a target, with every checkpoint at `position` (0 unless told), or finds it. The first revision of a
   * name serves at once. Another number of partitions than the stored one changes it: all start at the least of the
   * checkpoints, under new fences. With `level` only where all checkpoints are at one position, so that nothing comes again.
   * `Refused` where `indexes` are given and are not those that it was made with.
   */
  readonly open: (request: {
    readonly target: Target
    readonly mode: "inline" | "async"
    readonly partitions?: number | undefined
    readonly position?: number | undefined
    readonly level?: boolean | undefined
    /** What each index is of: none unless told. A text of the caller's own, which is compared and given back. */
    readonly indexes?: ReadonlyArray<string> | undefined
  }) => Effect.Effect<Entry, EventStoreError>
  /** Entries, by name and revision. */
  readonly entries: (filter: { readonly kind: Target["kind"]; readonly name?: string | undefined }) => Effect.Effect<
    ReadonlyArray<Entry>,
    EventStoreError
  >
  /** Makes one revision of a projection the one that readers get, in one step. `Refused` when there is no such entry. */
  readonly serve: (target: Target) => Effect.Effect<void, EventStoreError>
  /** Pauses, resumes or halts. `Refused` when there is no such entry. */
  readonly setState: (target: Target, state: State, failure?: Failure) => Effect.Effect<void, EventStoreError>
  /** Deletes entry, rows and parked events. `Refused` while it serves beside other revisions. */
  readonly drop: (target: Target) => Effect.Effect<void, EventStoreError>
  /**
   * Takes leases that nobody has, or whose time has run out, up to `most` in all, and renews those that the owner has.
   * Answers with every lease that the owner has now; none while the target is not running.
   */
  readonly acquire: (request: {
    readonly target: Target
    readonly owner: string
    readonly lease: Duration.Duration
    readonly most?: number | undefined
  }) => Effect.Effect<{
    readonly state: State
    readonly partitions: number
    readonly leases: ReadonlyArray<Lease>
  }, EventStoreError>
  /** Gives the leases of an owner back. */
  readonly release: (target: Target, owner: string) => Effect.Effect<void, EventStoreError>
  /**
   * Whether nothing is stored under a target: no row, no tombstone, no parked event. `Refused` when there is no such entry.
   * Who has just taken a lease then knows that there is no row under a key, until he writes one.
   */
  readonly isEmpty: (target: Target) => Effect.Effect<boolean, EventStoreError>
  /** What a batch starts from: the stored rows under some keys, tombstones included, and which of the keys are parked. */
  readonly load: (target: Target, keys: ReadonlyArray<RowKey>) => Effect.Effect<{
    readonly rows: ReadonlyArray<StoredRow>
    readonly parked: ReadonlyArray<RowKey>
  }, EventStoreError>
  /**
   * Commits a batch. `within` runs in the same transaction, after the checkpoint was seen to be right, where the store
   * has transactions: what it does is undone when the batch is not committed. Where it has none, the batch may turn out to
   * be `Moved`, `Lost` or `Stopped` when it has run.
   */
  readonly commit: <E = never, R = never>(
    batch: Batch,
    within?: Effect.Effect<void, E, R>
  ) => Effect.Effect<Committed, EventStoreError | E, R>
  /** Parked events, by key, position and index. At most `limit`. */
  readonly parked: (request: {
    readonly target: Target
    readonly key?: RowKey | undefined
    /**
     * Only keys with an event that somebody has asked to try again, or whose first event was never tried: what it waited
     * for was done while it was parked. All of their events.
     */
    readonly due?: boolean | undefined
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<Parked>, EventStoreError>
  /**
   * Asks for the parked events of a key to be tried again, in order; `skip` first gives up the first of them. Answers
   * with how many events of the key were parked.
   */
  readonly retry: (request: {
    readonly target: Target
    readonly key: RowKey
    readonly skip: boolean
  }) => Effect.Effect<number, EventStoreError>
  /** Deletes tombstones that no replay can reach: those at or before the least checkpoint. Answers with how many. */
  readonly sweep: (target: Target) => Effect.Effect<number, EventStoreError>
  /** The rows under some keys, without tombstones. None when the projection has no entry. */
  readonly find: (source: Source, keys: ReadonlyArray<string>) => Effect.Effect<
    Option.Option<{ readonly served: Served; readonly rows: ReadonlyArray<StoredRow> }>,
    EventStoreError
  >
  /** A page of rows in the order of an index, then of the key. Without tombstones. */
  readonly list: (request: ListRequest) => Effect.Effect<
    Option.Option<
      { readonly served: Served; readonly rows: ReadonlyArray<{ readonly sort: string; readonly row: StoredRow }> }
    >,
    EventStoreError
  >
  /** How many rows there are. Without tombstones. */
  readonly count: (range: Range) => Effect.Effect<
    Option.Option<{ readonly served: Served; readonly count: number }>,
    EventStoreError
  >
  /** Lets a projection ride with the appends of this store, in this process, until the scope closes. */
  readonly attach: (inline: Inline) => Effect.Effect<void, never, Scope.Scope>
  /** Emits when a checkpoint may have moved. A hint: it may come late, twice, or never. */
  readonly moves: Stream.Stream<void>
}>()("@varve/core/RowStore") {}
