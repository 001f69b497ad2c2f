/**
 * Saves the states of long streams, so that a process that has not seen an instance before need not read it whole.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as definition from "./internal/definition.ts"
import * as snapshots from "./internal/snapshots.ts"
import { SnapshotStore } from "./SnapshotStore.ts"

/**
 * After how many events of a stream a snapshot is saved: of every aggregate, or of those that are named.
 *
 * @category models
 * @since 0.1.0
 */
export type Every = number | { readonly [aggregate: string]: number }

/**
 * Saves snapshots, and begins loads with them.
 *
 * **When to use**
 *
 * Streams grow long: from several hundred events on a snapshot is cheaper than the events. Given to the layer of an
 * aggregate or a domain with `Layer.provide`; the `SnapshotStore` comes with the store.
 *
 * **Details**
 *
 * One is saved after a commit that takes the version of its stream to or past a multiple of `every`, and after a load that
 * read as many events. That happens behind the scenes, one after the other: no command waits for it, and where too many
 * instances wait (`Limits.pendingSnapshots`) it is left out for now. A program that ends waits a second for what is left.
 *
 * Commands, `load`, and `load` at a version begin with the snapshot and read what lies behind. Other points in the
 * history, and the history itself, are read from the first event. One that cannot be found, read or decoded is ignored,
 * with a warning, and replaced. Commands and loads in a transaction of the program use none.
 *
 * **Gotchas**
 *
 * A snapshot belongs to a revision of the fold, the `revision` of `Aggregate.make`. Raise it with every change of
 * `initial`, of `evolve`, of the schema of the state, or of what stored events mean to them (an upcast, a split, a type
 * that is dropped): the fold of before would live on in the snapshots. Two releases that overlap keep a snapshot each; of
 * older ones it is removed when a newer is saved.
 *
 * The state goes through the JSON codec of its schema. One that this does not give back as it was, or that takes more than
 * `Limits.snapshotBytes`, is no snapshot: that is logged once for an aggregate.
 *
 * Where payloads of a stream were erased, there are no snapshots at and behind the first version erased.
 *
 * **Example** (A snapshot after 100 events)
 *
 * ```ts
 * import { Effect, Layer, Option, Schema } from "effect"
 * import {
 *   Aggregate, Command, Decision, Event, EventStore, Snapshots, SnapshotStore, StreamName, Upcaster
 * } from "@varve/core"
 *
 * class Counted extends Event.make("Counted", {}) {}
 * class Count extends Command.make("Count", { times: Schema.Int }) {}
 *
 * class Counter extends Aggregate.make("Counter", {
 *   id: Schema.String,
 *   state: Schema.Int,
 *   commands: [Count],
 *   events: [Counted],
 *   rejections: [],
 *   revision: 2
 * }).decider({
 *   initial: 0,
 *   decide: { Count: ({ times }) => Decision.accept(...Array.from({ length: times }, () => Counted.make({}))) },
 *   evolve: { Counted: (total) => total + 1 }
 * }) {}
 *
 * const layer = Counter.layer.pipe(Layer.provide([Upcaster.layer(), Snapshots.layer({ every: { Counter: 100 } })]))
 *
 * const program = Effect.gen(function*() {
 *   // The scope of the layer ends with the command, and waits for what is to be saved.
 *   yield* Effect.provide(Counter.execute("a", Count.make({ times: 120 })), layer)
 *   const snapshots = yield* SnapshotStore.SnapshotStore
 *   return Option.getOrThrow(yield* snapshots.find(StreamName.make("Counter", "a"), 2))
 * })
 *
 * Effect.runPromise(Effect.provide(program, EventStore.layerMemory)) // => { version: 120, state: 120 }
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = ({ every }: { readonly every: Every }): Layer.Layer<never, never, SnapshotStore> => {
  const counts = typeof every === "number" ? [["every aggregate", every] as const] : Object.entries(every)
  for (const [of, count] of counts) {
    if (Number.isSafeInteger(count) && count >= 1) continue
    throw definition.defect(`Snapshots, events of ${of}: expected a whole number, 1 or more, got ${count}`)
  }
  const everyOf = (aggregate: string) =>
    typeof every === "number" ? every : Object.hasOwn(every, aggregate) ? every[aggregate] : undefined
  return Layer.effect(
    snapshots.Current,
    Effect.flatMap(SnapshotStore, (store) => snapshots.make(store, everyOf))
  )
}
