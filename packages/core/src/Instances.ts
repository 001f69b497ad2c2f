/**
 * Runs the instances of an aggregate: the service behind `Aggregate.execute`, open to layers that run them elsewhere.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type * as Aggregate from "./Aggregate.ts"
import type { EventStoreError } from "./EventStoreError.ts"
import type { ExecutionError } from "./ExecutionError.ts"
import * as instances from "./internal/aggregate.ts"
import type { Definition } from "./internal/running.ts"
import type { Difference } from "./Projection.ts"
import type { Position } from "./StoredEvent.ts"

/**
 * Which part of a history is read.
 *
 * @category models
 * @since 0.1.0
 */
export interface HistoryOptions {
  /** An earlier point of the same instance, as it was loaded: what is behind it is read, and nothing before. */
  readonly from?: Aggregate.Loaded<unknown> | undefined
  /** Most events that one call of the store reads, for a reader that stops there. */
  readonly limit?: number | undefined
}

/**
 * Instances of an aggregate at work, wherever they are.
 *
 * **Details**
 *
 * No method requires anything: what it needs was given when the service was made. Tenant and actor are those of the
 * caller, who has them in `Metadata.Current`. Where a `Policy` is in force, instances of this process judge each call.
 *
 * @category models
 * @since 0.1.0
 */
export interface Running<A extends Aggregate.Any> {
  /** As `execute` of the aggregate: fails with a rejection of the command, or an `ExecutionError`. */
  readonly execute: (
    id: string,
    command: Aggregate.CommandOf<A>,
    options: Aggregate.ExecuteOptions
  ) => Effect.Effect<
    Aggregate.Executed<Aggregate.StateOf<A>, Aggregate.EventOf<A>>,
    Aggregate.RejectionOf<A> | ExecutionError
  >
  /** As `load` of the aggregate. */
  readonly load: (
    id: string,
    at?: Aggregate.At
  ) => Effect.Effect<Aggregate.Loaded<Aggregate.StateOf<A>>, ExecutionError>
  /** As `history` of the aggregate: all of it, or what is behind a point. */
  readonly history: (
    id: string,
    options?: HistoryOptions
  ) => Stream.Stream<Aggregate.Evolved<Aggregate.StateOf<A>, Aggregate.EventOf<A>>, ExecutionError>
  /** Position of the last event in the store; not there where something else runs the instances. */
  readonly head?: Effect.Effect<Position, EventStoreError> | undefined
  /** As `diff` of the aggregate. */
  readonly diff: (
    id: string,
    points: { readonly from: Aggregate.At; readonly to?: Aggregate.At | undefined }
  ) => Effect.Effect<Difference<Aggregate.StateOf<A>>, ExecutionError>
}

const definitionOf = (aggregate: Aggregate.Any): Definition =>
  // `decider` has made it, whatever its type has kept.
  (aggregate as unknown as { readonly "~definition": Definition })["~definition"]

/**
 * The running instances of an aggregate, for tools that know it as data.
 *
 * @category accessors
 * @since 0.1.0
 */
export const of = <A extends Aggregate.Any>(
  aggregate: A
): Effect.Effect<Running<A>, never, Aggregate.Instances<A["tag"]>> =>
  // The key is that of the definition, whose types those of the aggregate are.
  instances.of(definitionOf(aggregate)) as never

/**
 * Provides the instances of an aggregate as something else runs them: a server that is asked over the network, a cache
 * in front of another layer.
 *
 * **Details**
 *
 * Without a `diff` of its own, a difference is that of two loads.
 *
 * **Gotchas**
 *
 * `Aggregate.executeAll` needs instances that are run in this process, against one store: it is `Refused` here.
 *
 * A `Policy` of this process does not judge what is given here: whoever runs the instances does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <A extends Aggregate.Any, E, R>(
  aggregate: A,
  running: Effect.Effect<Omit<Running<A>, "diff"> & Partial<Pick<Running<A>, "diff">>, E, R>
): Layer.Layer<Aggregate.Instances<A["tag"]>, E, R> =>
  // As above; the type parameters stop at the key.
  instances.layerElsewhere(definitionOf(aggregate), running as never) as never
