/**
 * How the events of a stream become fewer when a store is copied: what `varve import --upcast` cannot be told by
 * upcasters, which see one event at a time.
 *
 * **When to use**
 *
 * A history is to be clean: what was written as two events, and would be one today, becomes one in the copy. Everything
 * else (revisions, renamed types, splits, drops) the copy takes from the upcaster of the project.
 *
 * **Example** (An amount that was stored apart from what it belongs to)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Aggregate, Command, Decision, Event } from "@varve/core"
 * import { Copy } from "@varve/cli"
 *
 * class OrderPlaced extends Event.make("OrderPlaced", { total: Schema.Int }) {}
 * class TotalChanged extends Event.make("TotalChanged", { total: Schema.Int }) {}
 * class Place extends Command.make("Place", { total: Schema.Int }) {}
 *
 * class Order extends Aggregate.make("Order", {
 *   id: Schema.String,
 *   state: Schema.Int,
 *   commands: [Place],
 *   events: [OrderPlaced, TotalChanged],
 *   rejections: []
 * }).decider({
 *   initial: 0,
 *   decide: { Place: ({ total }) => Decision.accept(OrderPlaced.make({ total })) },
 *   evolve: { OrderPlaced: (_, { total }) => total, TotalChanged: (_, { total }) => total }
 * }) {}
 *
 * // An order whose total was set right behind it was placed with that total.
 * const merge = Copy.merge(Order, (origins) =>
 *   origins.flatMap(({ event }, i) => {
 *     const next = origins[i + 1]?.event
 *     if (event._tag === "OrderPlaced" && next?._tag === "TotalChanged") {
 *       return [Copy.merged(OrderPlaced.make({ total: next.total }), [i, i + 1])]
 *     }
 *     const gone = event._tag === "TotalChanged" && origins[i - 1]?.event._tag === "OrderPlaced"
 *     return gone ? [] : [Copy.merged(event, [i])]
 *   }))
 *
 * merge.aggregate.tag // => "Order"
 * ```
 *
 * @since 0.1.0
 */
import type { Aggregate, CommitId, StoredEvent, StreamName } from "@varve/core"
import type * as Arr from "effect/Array"
import type * as DateTime from "effect/DateTime"

/**
 * An event of the old store, as the program of today reads it, and where it stood.
 *
 * @category models
 * @since 0.1.0
 */
export interface Origin<E> {
  readonly event: E
  /** Version of the stored event. What a split yields has the same one. */
  readonly version: number
  readonly position: number
  /** Events of one commit bear the same id. */
  readonly commitId: CommitId.CommitId
  readonly occurredAt: DateTime.Utc
  readonly recordedAt: DateTime.Utc
  readonly metadata: StoredEvent.EventMetadata
}

/**
 * An event of the new store, and those it comes from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Merged<E> {
  readonly event: E
  /** Indices of its origins. */
  readonly from: Arr.NonEmptyReadonlyArray<number>
  /** Index of the origin whose place it takes: commit, times and metadata are that one's. The last of `from`, unless told. */
  readonly at?: number | undefined
}

/**
 * How the streams of an aggregate are merged. Made by `merge`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Merge {
  readonly aggregate: Aggregate.Any
  readonly f: (
    origins: never,
    stream: StreamName.StreamName
  ) => ReadonlyArray<Merged<{ readonly _tag: string }>>
}

/**
 * Says what becomes of the streams of an aggregate.
 *
 * **Details**
 *
 * `f` is pure. It sees all events of a stream in their order, decoded and of their newest revisions, split and renamed,
 * and returns the events of the new stream, in order: each takes the place of one of its origins, and the places never
 * go back. An origin that is named by none is left out. What `f` returns is checked: the copy fails with the stream and
 * what is wrong.
 *
 * **Gotchas**
 *
 * Events whose payload was erased are not among the origins: nobody can read them, and they stay where they are. A stream
 * of which more than a million events are read is refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const merge = <A extends Aggregate.Any>(
  aggregate: A,
  f: (
    origins: Arr.NonEmptyReadonlyArray<Origin<Aggregate.EventOf<A>>>,
    stream: StreamName.StreamName
  ) => ReadonlyArray<Merged<Aggregate.EventOf<A>>>
): Merge => ({ aggregate, f })

/**
 * An event of the new stream. Every event that stays is said, too: `Copy.merged(event, [i])`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const merged = <E>(event: E, from: Arr.NonEmptyReadonlyArray<number>, at?: number): Merged<E> => ({
  event,
  from,
  at
})
