/**
 * Keeps the states of instances in memory, so that a command need not read what the process has just seen.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as definition from "./internal/definition.ts"
import { Capacity } from "./internal/stateCache.ts"

/**
 * Lets each aggregate keep the states of so many instances that nobody is at work on; those used least recently go first.
 *
 * **When to use**
 *
 * Instances get several commands within the time that they stay in the cache, and their streams are not very short. Given
 * to the layer of an aggregate or a domain with `Layer.provide`.
 *
 * **Details**
 *
 * Nothing is believed unseen: a commit says which version it rests on, so where another process was faster it is a
 * conflict, and the command is decided again on the events that came since. Whatever is no commit, a rejection or nothing
 * to do, and whatever `load` returns, is on a state that was read since. Of a commit that failed nothing is left.
 *
 * What a command or a `load` came to is kept. Commands in a transaction of the program neither use the cache nor fill it.
 *
 * **Gotchas**
 *
 * Memory is bounded by their number, not by their size. Where payloads of a stream are erased, a process goes on with the
 * state that it has in memory until that is evicted, or the process ends.
 *
 * **Example** (A domain with a cache)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Aggregate, Command, Decision, Domain, Event, EventStore, StateCache, Upcaster } from "@varve/core"
 *
 * class Counted extends Event.make("Counted", {}) {}
 * class Count extends Command.make("Count") {}
 *
 * class Counter extends Aggregate.make("Counter", {
 *   id: Schema.String,
 *   state: Schema.Int,
 *   commands: [Count],
 *   events: [Counted],
 *   rejections: []
 * }).decider({
 *   initial: 0,
 *   decide: { Count: () => Decision.accept(Counted.make({})) },
 *   evolve: { Counted: (total) => total + 1 }
 * }) {}
 *
 * const Counters = Domain.make("Counters", { aggregates: [Counter], projections: [] })
 *
 * const layer = Counters.layer().pipe(
 *   Layer.provide([EventStore.layerMemory, Upcaster.layer(), StateCache.layer({ capacity: 10_000 })])
 * )
 *
 * const program = Effect.gen(function*() {
 *   yield* Counter.execute("a", Count.make({}))
 *   return (yield* Counter.execute("a", Count.make({}))).state
 * })
 *
 * Effect.runPromise(Effect.provide(program, layer)) // => 2
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = ({ capacity }: {
  /** Most idle instances of each aggregate whose states are kept. */
  readonly capacity: number
}): Layer.Layer<never> => {
  if (!Number.isSafeInteger(capacity) || capacity < 0) {
    throw definition.defect(`StateCache, capacity: expected a whole number, 0 or more, got ${capacity}`)
  }
  return Layer.succeed(Capacity, capacity)
}
