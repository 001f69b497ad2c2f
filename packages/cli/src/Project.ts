/**
 * What the `varve` command works on: the domains of a project, and the store that keeps their events. The default export
 * of `varve.config.ts`.
 *
 * **Example** (A project whose events are kept in memory)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Aggregate, Command, Decision, Domain, Event, EventStore } from "@varve/core"
 * import { Project } from "@varve/cli"
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
 * const project = Project.make({ domains: [House], store: () => EventStore.layerMemory })
 *
 * project.catalog // => "varve.catalog.json"
 * ```
 *
 * @since 0.1.0
 */
import type { Domain, EventStore, Projection, RowStore, StoreAdmin } from "@varve/core"
import { Upcaster } from "@varve/core"
import type { ProgramStore } from "@varve/core"
import * as Layer from "effect/Layer"
import type * as Copy from "./Copy.ts"

/**
 * Marks projects at run time.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId = "~@varve/cli/Project"

/**
 * How a command wants the store opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Opening {
  /**
   * `false`: a store whose schema is not this program's is refused, for no command changes it by the way. `"manual"`: it is
   * opened as it is, to be looked at and migrated.
   */
  readonly migrate: false | "manual"
}

/**
 * What a store provides.
 *
 * @category models
 * @since 0.1.0
 */
export type Services =
  | EventStore.EventStore
  | StoreAdmin.StoreAdmin
  | RowStore.RowStore
  | ProgramStore.ProgramStore

/**
 * The domains of a project, and where their events are kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface Project {
  readonly [TypeId]: typeof TypeId
  readonly domains: ReadonlyArray<Domain.Any>
  /** Those of the domains, and custom ones. */
  readonly projections: ReadonlyArray<Projection.Runnable>
  readonly upcaster: Layer.Layer<Upcaster.Upcaster>
  /** What custom projections require is provided by the same layer; the type has lost it here. */
  readonly store: (opening: Opening) => Layer.Layer<Services, unknown>
  /** Path of the catalogue, from the folder of the configuration. */
  readonly catalog: string
  /** What is merged when the store is copied, one entry an aggregate. */
  readonly copy: ReadonlyArray<Copy.Merge>
}

const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`
}

/** Node runs a configuration without looking at its types. */
const check = (what: string, holds: boolean, expected: string, value: unknown): void => {
  if (!holds) throw new TypeError(`Project.make, ${what}: expected ${expected}, got ${kindOf(value)}`)
}

/**
 * Says what a project is.
 *
 * **Details**
 *
 * - `domains`: whose events are in the store
 * - `projections`: custom ones, which are no part of a domain
 * - `upcaster`: the very layer that the program has; one without options, unless told
 * - `store`: makes the layer of the store; `Postgres.layerPool({ url, ...opening })`
 * - `catalog`: path of the catalogue, from the folder of the configuration; `varve.catalog.json` unless told
 * - `copy`: what `varve import --upcast` merges, see `Copy`
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const P extends ReadonlyArray<Projection.Runnable> = readonly []>(options: {
  readonly domains: ReadonlyArray<Domain.Any>
  readonly projections?: P | undefined
  readonly upcaster?: Layer.Layer<Upcaster.Upcaster> | undefined
  readonly store: (opening: Opening) => Layer.Layer<Services | Projection.Needs<P[number]>, unknown>
  readonly catalog?: string | undefined
  readonly copy?: ReadonlyArray<Copy.Merge> | undefined
}): Project => {
  const { catalog = "varve.catalog.json", copy = [], domains, projections = [], store, upcaster } = options
  check("domains", Array.isArray(domains), "a list of domains", domains)
  for (const domain of domains) {
    check("domains", Array.isArray(domain?.projections), "what Domain.make has made in the list", domain)
  }
  check("projections", Array.isArray(projections), "a list of projections", projections)
  check("upcaster", upcaster === undefined || Layer.isLayer(upcaster), "a layer, Upcaster.layer(…)", upcaster)
  check("store", typeof store === "function", "a function that makes the layer of the store", store)
  check("catalog", typeof catalog === "string" && catalog !== "", "the path of a file", catalog)
  check("copy", Array.isArray(copy), "a list of merges", copy)
  return {
    [TypeId]: TypeId,
    domains,
    projections: [...domains.flatMap(({ projections }) => projections), ...projections],
    upcaster: upcaster ?? Upcaster.layer(),
    store,
    catalog,
    copy
  }
}

/**
 * Whether a value is a project.
 *
 * @category guards
 * @since 0.1.0
 */
export const isProject = (value: unknown): value is Project =>
  typeof value === "object" && value !== null && TypeId in value
