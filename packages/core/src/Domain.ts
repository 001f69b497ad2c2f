/**
 * Gathers the parts of a domain module into one value, which its layer and its tools are derived from.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type * as Aggregate from "./Aggregate.ts"
import type * as Event from "./Event.ts"
import type { EventStore } from "./EventStore.ts"
import * as definition from "./internal/definition.ts"
import * as rows from "./internal/rows.ts"
import type * as Projection from "./Projection.ts"
import type { Upcaster } from "./Upcaster.ts"

/**
 * An aggregate as a part of a domain: one that brings its layer.
 *
 * @category models
 * @since 0.1.0
 */
export interface AggregatePart extends Aggregate.Any {
  readonly layer: Layer.Layer<never, never, EventStore | Upcaster>
}

/**
 * How the rows of a projection come to be. `live`: folded when they are asked for.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = "live"

type Tags<Parts extends ReadonlyArray<{ readonly tag: string }>> = Parts[number]["tag"]

/**
 * What a domain's layer provides: the instances of its aggregates and the rows of its projections.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Provided<
  Aggregates extends ReadonlyArray<AggregatePart>,
  Projections extends ReadonlyArray<Projection.Any>
> =
  | { readonly [K in keyof Aggregates]: Aggregate.Instances<Aggregates[K]["tag"]> }[number]
  | { readonly [K in keyof Projections]: Projection.Rows<Projections[K]["tag"]> }[number]

/**
 * A domain: its parts under one name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Domain<
  Name extends string,
  Aggregates extends ReadonlyArray<AggregatePart>,
  Projections extends ReadonlyArray<Projection.Any>
> {
  readonly name: Name
  readonly aggregates: Aggregates
  readonly projections: Projections
  /** Every event that the aggregates write or the projections read, once. */
  readonly events: ReadonlyArray<Event.Any>
  /** Provides everything that the calls of its parts require; how each projection runs is chosen by name. */
  readonly layer: (modes?: { readonly [P in Tags<Projections>]?: Mode }) => Layer.Layer<
    Provided<Aggregates, Projections>,
    never,
    EventStore | Upcaster
  >
}

/**
 * Gathers the parts of a domain. Two parts of one name, or two events of one tag, are a defect.
 *
 * **Example** (One value, one layer)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Aggregate, Command, Decision, Domain, Event, EventStore, Upcaster } from "@varve/core"
 *
 * class Switched extends Event.make("Switched", { on: Schema.Boolean }) {}
 * class Switch extends Command.make("Switch") {}
 *
 * class Light extends Aggregate.make("Light", {
 *   id: Schema.String,
 *   state: Schema.Boolean,
 *   commands: [Switch],
 *   events: [Switched],
 *   rejections: []
 * }).decider({
 *   initial: false,
 *   decide: { Switch: (_, on) => Decision.accept(Switched.make({ on: !on })) },
 *   evolve: { Switched: (_, { on }) => on }
 * }) {}
 *
 * const House = Domain.make("House", { aggregates: [Light], projections: [] })
 *
 * const layer = House.layer().pipe(Layer.provide([EventStore.layerMemory, Upcaster.layer()]))
 *
 * const program = Effect.map(Light.execute("kitchen", Switch.make({})), ({ state }) => state)
 *
 * Effect.runPromise(Effect.provide(program, layer)) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  const Name extends string,
  const Aggregates extends ReadonlyArray<AggregatePart>,
  const Projections extends ReadonlyArray<Projection.Any>
>(name: Name, parts: {
  readonly aggregates: Aggregates
  readonly projections: Projections
}): Domain<Name, Aggregates, Projections> => {
  const { aggregates, projections } = parts
  for (const twice of definition.duplicates([...aggregates, ...projections].map(({ tag }) => tag))) {
    throw definition.defect(`Domain ${name}: two parts are called ${twice}`)
  }
  const layers = [
    ...aggregates.map(({ layer }) => layer),
    ...projections.map((projection) => liveLayer(projection, aggregates))
  ]
  return {
    name,
    aggregates,
    projections,
    events: eventsOf(name, [...aggregates, ...projections]),
    // Each part's layer provides what the part requires; their list has lost which.
    layer: () =>
      layers.reduce(
        (all, one) => Layer.merge(all, one),
        Layer.empty as Layer.Layer<never, never, EventStore | Upcaster>
      ) as never
  }
}

/** A projection reads the events of the domain's aggregates, where each of its events is one of theirs. */
const liveLayer = (projection: Projection.Any, aggregates: ReadonlyArray<AggregatePart>) => {
  const sources = aggregates.filter(({ events }) => projection.events.some((event) => events.includes(event)))
  const known = projection.events.every((event) => sources.some(({ events }) => events.includes(event)))
  // The layer provides what `layerLive` does, and so is one of the projection's own.
  return rows.layerLive(
    projection["~definition"],
    known ? sources.map(({ tag }) => tag) : []
  ) as unknown as typeof projection.layerLive
}

/** A definition that several parts name is one event; two definitions of one tag are two meanings of what is stored. */
const eventsOf = (name: string, parts: ReadonlyArray<{ readonly events: ReadonlyArray<Event.Any> }>) => {
  const events = Array.from(new Set(parts.flatMap((part) => part.events)))
  for (const tag of definition.duplicates(events.map((event) => event.tag))) {
    throw definition.defect(`Domain ${name}: two events of the tag ${tag}`)
  }
  return events
}
