/**
 * The circumstances of what a program does: set around it, stamped on every event it writes.
 *
 * **Example** (Who does it, and in which conversation)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Metadata } from "@varve/core"
 *
 * const program = Effect.map(Metadata.Current, ({ actor, tenant }) => `${actor} of ${tenant}`)
 *
 * const who = program.pipe(Metadata.provide({ actor: "ada" }), Metadata.provide({ tenant: "acme", actor: "bob" }))
 *
 * Effect.runPromise(who) // => "ada of acme"
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

/**
 * The circumstances of a program.
 *
 * @category models
 * @since 0.1.0
 */
export interface Metadata {
  /** Whose streams are read and written. `""` unless set. */
  readonly tenant: string
  /** Who does it. */
  readonly actor?: string | undefined
  /** The conversation it belongs to. */
  readonly correlationId?: string | undefined
  /** Id of what directly causes it. */
  readonly causationId?: string | undefined
  /**
   * When what the program writes happened in the world: for imports. The time of the decision unless set, which is
   * also what `decide` gets as `now`.
   */
  readonly occurredAt?: DateTime.Utc | undefined
  /** What else is to be kept with every event. At most 64 kB of JSON in all. */
  readonly user?: { readonly [key: string]: Schema.Json } | undefined
}

/**
 * The circumstances of the running program. The default tenant, and nothing else, unless set.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Metadata> = Context.Reference<Metadata>("@varve/core/Metadata", {
  defaultValue: () => ({ tenant: "" })
})

/**
 * Sets some of the circumstances of a program. What is not given stays; keys of `user` are added to those around.
 *
 * @category combinators
 * @since 0.1.0
 */
export const provide =
  (metadata: Partial<Metadata>) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.updateService(self, Current, (outer) => merge(outer, metadata))

const merge = (outer: Metadata, inner: Partial<Metadata>): Metadata => {
  // What is undefined is not given, also where the compiler lets it through.
  const given = Object.fromEntries(Object.entries(inner).filter(([, value]) => value !== undefined))
  const user = inner.user === undefined ? outer.user : { ...outer.user, ...inner.user }
  return { ...outer, ...given, ...(user !== undefined && { user }) }
}
