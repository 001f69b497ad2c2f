/**
 * What the owner of a store does with it, beside reading and writing.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { EventStoreError } from "./EventStoreError.ts"
import type { Position } from "./StoredEvent.ts"
import type { StreamName } from "./StreamName.ts"

/**
 * What a store says of itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Status {
  /** Made with the store, kept by its backups and their copies. Receipts bear it. */
  readonly storeId: string
  /** What keeps the events: `memory`, or the name and release of a database. */
  readonly engine: string
  /** Number of the last migration that the store has seen. */
  readonly schema: number
  /** Number of the last migration that this program knows. */
  readonly programSchema: number
  readonly head: Position
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
   * The events stay where they are, with version, position and metadata; a reader learns that they were erased.
   */
  readonly erase: (request: {
    readonly stream: StreamName
    /** First and last version to erase, both included. */
    readonly from: number
    readonly to: number
  }) => Effect.Effect<number, EventStoreError>
}>()("@varve/core/StoreAdmin") {}
