/**
 * Gathers the parts of a domain module into one value, which its layer and its tools are derived from.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Aggregate from "./Aggregate.ts"
import type * as Event from "./Event.ts"
import type { EventStore } from "./EventStore.ts"
import * as definition from "./internal/definition.ts"
import * as machinery from "./internal/machinery.ts"
import { keyOf } from "./internal/projection.ts"
import type * as Projection from "./Projection.ts"
import type { ProjectionError } from "./ProjectionError.ts"
import type { RowStore } from "./RowStore.ts"
import type { Upcaster } from "./Upcaster.ts"

/**
 * An aggregate as a part of a domain: one that brings its layer.
 *
 * @category models
 * @since 0.1.0
 */
export interface AggregatePart extends Aggregate.Any {
  readonly layer: Layer.Layer<never, never, EventStore | Upcaster>
  /** State after one more event. For tools, which know an aggregate as data. */
  readonly evolve: (state: never, event: never) => unknown
}

/**
 * How the rows of a projection come to be.
 *
 * **Details**
 *
 * - `live`: folded when they are asked for; nothing is stored
 * - `inline`: stored in the transaction of the append
 * - `async`: stored behind a checkpoint, by this process
 * - `stored`: read from the store; another process runs the projection
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = "live" | "inline" | "async" | "stored"

/**
 * What the stored modes among some ask for. `live` asks for nothing beside the events.
 *
 * @category type-level
 * @since 0.1.0
 */
export type RequiredBy<M> = [Exclude<M, "live" | undefined>] extends [never] ? never : RowStore

/**
 * What the layers of some modes can fail with: those that run a projection, where it cannot be run.
 *
 * @category type-level
 * @since 0.1.0
 */
export type FailureOf<M> = [Extract<M, "inline" | "async">] extends [never] ? never : ProjectionError

const modesOfRows: ReadonlyArray<string> = ["live", "inline", "async", "stored"] satisfies ReadonlyArray<Mode>

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
  /** Provides everything that the calls of its parts require; how each projection runs is chosen by name: `live`, unless told. */
  readonly layer: <const Modes extends { readonly [P in Tags<Projections>]?: Mode } = {}>(
    modes?: Modes & { readonly [P in Exclude<keyof Modes, Tags<Projections>>]: never }
  ) => Layer.Layer<
    Provided<Aggregates, Projections>,
    FailureOf<Modes[keyof Modes]>,
    EventStore | Upcaster | RequiredBy<Modes[keyof Modes]>
  >
  /**
   * Runs its projections, for ever, so that others can read them `stored`. Several processes share the work. Fails where
   * one of them cannot be run.
   */
  readonly run: (
    options?: Projection.RunOptions
  ) => Effect.Effect<never, ProjectionError, EventStore | Upcaster | RowStore>
}

/**
 * Any domain. Covariant members only, so that every domain fits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  readonly name: string
  readonly aggregates: ReadonlyArray<AggregatePart>
  readonly projections: ReadonlyArray<Projection.Any>
  readonly events: ReadonlyArray<Event.Any>
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
  const sources = new Map(projections.map((projection) => [projection.tag, sourcesOf(projection, aggregates)]))
  return {
    name,
    aggregates,
    projections,
    events: eventsOf(name, [...aggregates, ...projections]),
    // Each part's layer provides what the part requires; their list has lost which.
    layer: (modes: { readonly [projection: string]: Mode | undefined } = {}) => {
      checkModes(name, modes, sources)
      return [
        ...aggregates.map(({ layer }) => layer),
        ...projections.map(({ "~definition": parts, tag }) => {
          const mode = modes[tag] ?? "live"
          return Layer.effect(keyOf(tag), machinery.use((machinery) => machinery[mode](parts, sources.get(tag)!)))
        })
      ].reduce<Layer.Layer<never, unknown, unknown>>((all, one) => Layer.merge(all, one), Layer.empty) as never
    },
    run: (options) =>
      machinery.use(({ runAll }) =>
        runAll(projections.map(({ "~definition": parts, tag }) => [parts, sources.get(tag)!] as const), options)
      )
  }
}

/** Modes come from settings, too, where no types look: what is misspelt would run another way than was meant. */
const checkModes = (
  name: string,
  modes: { readonly [projection: string]: string | undefined },
  projections: ReadonlyMap<string, unknown>
): void => {
  for (const [tag, mode] of Object.entries(modes)) {
    if (!projections.has(tag)) {
      const names = Array.from(projections.keys()).join(", ") || "none: it has no projections"
      throw definition.defect(`Domain ${name}, modes: expected names of projections (${names}), got ${tag}`)
    }
    if (mode !== undefined && !modesOfRows.includes(mode)) {
      const all = modesOfRows.join(", ")
      throw definition.defect(`Domain ${name}, mode of ${tag}: expected one of ${all}, got ${JSON.stringify(mode)}`)
    }
  }
}

/**
 * Names of the aggregates whose events a projection reads, where each of its events is one of theirs; none where not, and
 * it reads the events of whoever has them. For tools, which run a projection as its domain does.
 *
 * @category tools
 * @since 0.1.0
 */
export const sourcesOf = (
  projection: { readonly events: ReadonlyArray<Event.Any> },
  aggregates: ReadonlyArray<AggregatePart>
): ReadonlyArray<string> => {
  const sources = aggregates.filter(({ events }) => projection.events.some((event) => events.includes(event)))
  const known = projection.events.every((event) => sources.some(({ events }) => events.includes(event)))
  return known ? sources.map(({ tag }) => tag) : []
}

/** A definition that several parts name is one event; two definitions of one tag are two meanings of what is stored. */
const eventsOf = (name: string, parts: ReadonlyArray<{ readonly events: ReadonlyArray<Event.Any> }>) => {
  const events = Array.from(new Set(parts.flatMap((part) => part.events)))
  for (const tag of definition.duplicates(events.map((event) => event.tag))) {
    throw definition.twoEvents(`Domain ${name}`, tag)
  }
  return events
}
