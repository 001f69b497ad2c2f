import * as Clock from "effect/Clock"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { EventStore } from "../EventStore.ts"
import type { EventStoreError } from "../EventStoreError.ts"
import type { Batch, Committed, Failure, Lease, Parked, RowKey, RowStore, RowWrite, Target } from "../RowStore.ts"
import type { Item, Placed } from "./fold.ts"
import { KeptRows } from "./keptRows.ts"
import { nameOf } from "./partition.ts"
import type { Keyed } from "./projection.ts"
import type { Tagged } from "./running.ts"
import type { Settings } from "./runOptions.ts"
import { span } from "./span.ts"
import type { Reader } from "./upcaster.ts"

/** What a batch of a partition brings about. The rest of it is known to the desk. */
export interface Parts {
  readonly to: number
  readonly rows?: Batch["rows"]
  readonly park?: Batch["park"]
  readonly unpark?: Batch["unpark"]
  readonly failure?: Failure | undefined
}

/**
 * A parked event that is tried again: with what it is today, or why it cannot be read. Neither where nothing is left of it
 * for its key; several where it has been split since it was parked.
 */
export interface Waiting {
  readonly parked: Parked
  readonly items: ReadonlyArray<Item>
  readonly cause: string | undefined
}

/** What came of the items of a partition. */
export type Worked =
  | { readonly _tag: "Done" }
  /** Another has it, or nobody is to have it. */
  | { readonly _tag: "Gone" }
  | { readonly _tag: "Halted"; readonly failure: Failure }

/** What came of parked events of a key: how many are done with, and what the next one failed with. */
export type Drained =
  | { readonly _tag: "Gone" }
  | {
    readonly _tag: "Drained"
    readonly count: number
    readonly failed: { readonly attempts: number; readonly cause: string } | undefined
  }

export const done: Worked = { _tag: "Done" }
export const gone = { _tag: "Gone" } as const

/** What runs behind checkpoints, whatever it does with the events. */
export interface Job<R> {
  readonly target: Target
  readonly mode: "inline" | "async"
  readonly reader: Reader<Tagged>
  readonly keyed: Keyed | undefined
  /** What each index is of. */
  readonly indexes: ReadonlyArray<string>
  /** Whether it has rows, and so tombstones. */
  readonly rows: boolean
  /** Runs before the first batch of a run. */
  readonly setup: Effect.Effect<unknown, unknown, R>
  /**
   * Works items of a partition, which are all that it has up to `to`, and commits. Unless it is to `settle`, the commit may
   * be under way when this ends: see `Desk.pending`.
   */
  readonly work: (
    desk: Desk,
    items: ReadonlyArray<Placed>,
    to: number,
    settle: boolean
  ) => Effect.Effect<Worked, EventStoreError, R>
  /** Works parked events of a key, the first ones in order, until one fails, and commits what is done. */
  readonly drain: (
    desk: Desk,
    key: RowKey,
    waiting: ReadonlyArray<Waiting>
  ) => Effect.Effect<Drained, EventStoreError, R>
}

/** What a run knows of itself, from its start to its end. */
export interface Course {
  readonly store: EventStore["Service"]
  readonly rows: RowStore["Service"]
  readonly settings: Settings
  readonly target: Target
  readonly owner: string
  /** Events that are parked, as far as this process knows. */
  parked: number
  /** Until when the leases hold, by the clock of this process. */
  heldUntil: number
  /** Events a second, of one partition. */
  rate: number
  /** Whether readers get its rows. True of what has no readers. */
  serving: boolean
  /** Batches that were committed, by all partitions. */
  commits: number
  /** Events that were worked. */
  events: number
  /** How often in a row the store could not be reached. */
  failures: number
  /** Most events of a page: fewer after a failure, since it may have been too many of them, and slowly more again. */
  pageSize: number
  /** Events of the page at work. */
  atWork: number
}

/** What is folded and waits for the commit that is under way: the pages since then, as one batch. */
export interface Gathered {
  readonly to: number
  /** By name. */
  readonly rows: ReadonlyMap<string, RowWrite>
  /** UTF-16 units of their texts. */
  readonly units: number
  readonly park: ReadonlyArray<Parked>
  readonly failure: Failure | undefined
  readonly pages: number
}

/** A batch whose commit is under way while the next one is made. */
export interface Pending extends Pick<Gathered, "to" | "rows" | "park"> {
  readonly committed: Fiber.Fiber<Committed, EventStoreError>
}

/** A batch of what is gathered. */
export const partsOf = (gathered: Gathered): Parts => ({ ...gathered, rows: Array.from(gathered.rows.values()) })

/** A partition under its lease. */
export class Desk {
  readonly course: Course
  readonly partition: number
  readonly fence: number
  /** Commits that are under way end with it. */
  readonly scope: Scope.Scope
  /** The checkpoint. */
  position: number
  /** Rows that need not be loaded again. */
  readonly kept: KeptRows
  pending: Pending | undefined
  gathered: Gathered | undefined

  /** `isEmpty`: whether nothing was stored of the target since the lease was taken. */
  constructor(course: Course, { fence, partition, position }: Lease, isEmpty: boolean, scope: Scope.Scope) {
    this.course = course
    this.kept = new KeptRows(isEmpty)
    this.partition = partition
    this.fence = fence
    this.position = position
    this.scope = scope
  }

  /** What is worked already, whether it is committed or on its way. */
  get front(): number {
    return (this.gathered ?? this.pending)?.to ?? this.position
  }

  /** Waits for the commit that is under way, and commits what is gathered. False when one of them was not taken. */
  get settled(): Effect.Effect<boolean, EventStoreError> {
    return Effect.flatMap(this.joined, (joined) => {
      const { gathered } = this
      this.gathered = undefined
      if (!joined || gathered === undefined) return Effect.succeed(joined)
      return Effect.map(this.commit(partsOf(gathered)), (committed) => committed === "Committed")
    })
  }

  /** Waits for the commit that is under way. False when it was not taken. */
  get joined(): Effect.Effect<boolean, EventStoreError> {
    const { pending } = this
    if (pending === undefined) return Effect.succeed(true)
    return Effect.map(Fiber.join(pending.committed), (committed) => {
      this.pending = undefined
      return committed === "Committed"
    })
  }

  /** Commits a batch, and does not wait for it. The one before must have settled. */
  send(gathered: Gathered): Effect.Effect<void> {
    const committing = Effect.forkIn(this.commit(partsOf(gathered)), this.scope, { startImmediately: true })
    return Effect.map(committing, (committed) => {
      const { park, rows, to } = gathered
      this.pending = { to, rows, park, committed }
    })
  }

  /** Whether a row is worked already and not committed yet: it cannot be loaded. */
  isOnTheWay(key: RowKey): boolean {
    const name = nameOf(key)
    return this.pending?.rows.has(name) === true || this.gathered?.rows.has(name) === true
  }

  /** Whether the lease can still hold. Who was frozen for a while finds out here, before anything is done. */
  get held(): Effect.Effect<boolean> {
    return Effect.map(Clock.currentTimeMillis, (now) => now < this.course.heldUntil)
  }

  /**
   * Whether a batch is being committed. It may hold the checkpoint, so the lease cannot be renewed and nobody can take it;
   * and whether it was somebody else's by then, its answer tells.
   */
  isCommitting = false

  private committing<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const set = (value: boolean) => Effect.sync(() => void (this.isCommitting = value))
    return Effect.acquireUseRelease(set(true), () => effect, () => set(false))
  }

  /** Commits a batch that starts at the checkpoint. */
  commit<E = never, R = never>(
    { failure, park = [], rows = [], to, unpark = [] }: Parts,
    within?: Effect.Effect<void, E, R>
  ): Effect.Effect<Committed, EventStoreError | E, R> {
    const { course, fence, partition, position: from } = this
    const { rate, settings: { lease }, target } = course
    const batch: Batch = { target, partition, fence, from, to, rows, park, unpark, failure, rate, lease }
    return Effect.tap(this.committing(course.rows.commit(batch, within)), (committed) =>
      Effect.sync(() => {
        if (committed !== "Committed") return this.kept.clear()
        this.position = to
        course.commits++
        course.failures = 0
        course.parked += park.length - unpark.length
      })).pipe(span(`${target.name}.commit`, { "varve.partition": partition, "varve.from": from, "varve.to": to }))
  }
}

/** An event as it is parked: the one that failed, or one that waits behind it. */
export const parkedOf = (
  { item: { index, stored: { id: eventId, position, type } }, key }: Placed,
  parkedAt: DateTime.Utc,
  failed?: { readonly attempts: number; readonly cause: string }
): Parked => ({
  ...key,
  position,
  index,
  eventId,
  type,
  attempts: failed?.attempts ?? 0,
  cause: failed?.cause ?? "",
  parkedAt,
  due: false
})
