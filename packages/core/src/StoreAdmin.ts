/**
 * What the owner of a store does with it, beside reading and writing.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { EventStoreError } from "./EventStoreError.ts"
import type { Position, StoredEvent } from "./StoredEvent.ts"
import type { StreamName } from "./StreamName.ts"

/**
 * What a store says of itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Status {
  /** Made with the store, kept by its backups and their copies. Receipts bear it. `""` where no store has been made yet. */
  readonly storeId: string
  /** What keeps the events: `memory`, or the name and release of a database. */
  readonly engine: string
  /** Number of the last migration that the store has seen. */
  readonly schema: number
  /** Number of the last migration that this program knows. */
  readonly programSchema: number
  /** The migrations that the store has seen, of those that this program knows. */
  readonly applied: ReadonlyArray<Migration>
  /** The migrations that `migrate` would apply. */
  readonly pending: ReadonlyArray<Migration>
  readonly head: Position
}

/**
 * The events of one type and revision in one category: how many, and where.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inventory {
  readonly category: string
  readonly type: string
  readonly revision: number
  readonly events: number
  /** How many of them have lost their payload for good. */
  readonly erased: number
  /** Positions of the first and the last of them. */
  readonly first: Position
  readonly last: Position
}

/**
 * One step from one schema of the store to the next.
 *
 * @category models
 * @since 0.1.0
 */
export interface Migration {
  readonly number: number
  readonly name: string
}

/**
 * Something that must hold of a store and does not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Finding {
  readonly what: string
  readonly expected: string
  readonly actual: string
}

/**
 * Administration of a store. Tools use it, so that they know no database.
 *
 * @category services
 * @since 0.1.0
 */
export class StoreAdmin extends Context.Service<StoreAdmin, {
  readonly status: Effect.Effect<Status, EventStoreError>
  /** Applies the migrations that are missing, each in a transaction of its own, and tells which. */
  readonly migrate: Effect.Effect<ReadonlyArray<Migration>, EventStoreError>
  /**
   * Reads the whole store and tells what is wrong with it: positions or versions with gaps, commits that are not
   * whole, times that go back, protection against changes that is missing, checkpoints ahead of the head. At most 100
   * findings.
   */
  readonly verify: Effect.Effect<ReadonlyArray<Finding>, EventStoreError>
  /**
   * Erases the payloads of some events of a stream for good, and tells how many. Nothing else can change an event.
   * The events stay where they are, with version, position and metadata; a reader learns that they were erased. Snapshots
   * that were made of them go in the same transaction.
   */
  readonly erase: (request: {
    readonly stream: StreamName
    /** First and last version to erase, both included. */
    readonly from: number
    readonly to: number
  }) => Effect.Effect<number, EventStoreError>
  /** Reads the whole store and tells which events are in it, in the order of category, type and revision. */
  readonly inventory: Effect.Effect<ReadonlyArray<Inventory>, EventStoreError>
  /**
   * Writes events as they are: ids, positions, versions, times and circumstances, payloads that were erased included. For
   * copies of a store. All or nothing, and `Refused` unless they continue the store: whole commits, the first event at
   * the position after the head, positions and versions without gaps, times of recording that do not go back, commit ids
   * that are new. At most `Limits.eventsPerRestore` events and `Limits.bytesPerRestore`. Tells the new head. Projections
   * that ride with appends are left behind until they are caught up. An `OutcomeUnknown` bears the first commit's id: the
   * head tells whether all of them are there or none.
   */
  readonly restore: (events: Arr.NonEmptyReadonlyArray<StoredEvent>) => Effect.Effect<Position, EventStoreError>
}>()("@varve/core/StoreAdmin") {}
