/**
 * Says who may do what: a rule for every command and every read of a domain, as values beside it.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Aggregate from "./Aggregate.ts"
import type * as Command from "./Command.ts"
import type * as Domain from "./Domain.ts"
import * as definition from "./internal/definition.ts"
import * as policy from "./internal/policy.ts"
import * as Metadata from "./Metadata.ts"
import type * as Projection from "./Projection.ts"

/**
 * Who asks for something. The anonymous one has the id `""` and no roles.
 *
 * @category models
 * @since 0.1.0
 */
export type Actor = policy.Actor

/**
 * Rules of an aggregate: one a command, and one for what is read of its instances.
 *
 * **Details**
 *
 * The rule of a command sees the state that `decide` would get, and is asked again whenever the command is decided again.
 * `read` is for `load`, `history` and `diff`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AggregateRules<A extends Aggregate.Any> {
  readonly commands: {
    readonly [Tag in A["commands"][number]["tag"]]: (
      request: {
        readonly actor: Actor
        readonly id: A["id"]["Type"]
        readonly command: Command.Type<Command.WithTag<A["commands"][number], Tag>>
      },
      state: Aggregate.StateOf<A>
    ) => boolean
  }
  readonly read: (request: { readonly actor: Actor; readonly id: A["id"]["Type"] }) => boolean
}

/**
 * Rules of a projection: one for a row, and one for rows that are not asked for by their keys.
 *
 * **Details**
 *
 * `get` sees the row that was asked for, none where there is none: for `get`, each key of `getMany`, `diff`, `history` (the
 * row after each event) and `changes` of a key (each row that would be sent). `list` sees the query: for `list`, `count`
 * and `changes` of a query. `where` has what the rows are looked up by, and is empty where they are looked up by nothing.
 * Both are asked for `asOf` as well.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProjectionRules<P extends Projection.Any> {
  readonly get: (
    request: { readonly actor: Actor; readonly key: string },
    row: Option.Option<P["row"]["Type"]>
  ) => boolean
  readonly list: (request: {
    readonly actor: Actor
    readonly index: IndexOf<P> | undefined
    readonly where: { readonly [F in keyof P["row"]["Type"]]?: P["row"]["Type"][F] | undefined }
  }) => boolean
}

/** Names of the indexes of a projection. */
type IndexOf<P> = P extends {
  readonly asOf: (...args: never) => Effect.Effect<Projection.View<infer _, infer Indexes>, infer _E, infer _R>
} ? keyof Indexes & string
  : string

/**
 * Rules of a domain: of every aggregate and every projection, by name.
 *
 * @category models
 * @since 0.1.0
 */
export type Rules<D extends Domain.Any> =
  // Keys that were renamed with `as` would tell the handlers nothing of their parameters.
  & { readonly [Tag in D["aggregates"][number]["tag"]]: AggregateRules<WithTag<D["aggregates"][number], Tag>> }
  & { readonly [Tag in D["projections"][number]["tag"]]: ProjectionRules<WithTag<D["projections"][number], Tag>> }

type WithTag<Part, Tag> = Extract<Part, { readonly tag: Tag }>

/**
 * The rules of a domain, made by `make`.
 *
 * @category models
 * @since 0.1.0
 */
export type Policy = policy.Policy

/**
 * The policy around the running program: none unless set, and then nothing is forbidden. See `layer`.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Policy | undefined> = policy.Current

/**
 * Who the program runs as: the anonymous one unless set. See `as`.
 *
 * @category references
 * @since 0.1.0
 */
export const CurrentActor: Context.Reference<Actor> = policy.CurrentActor

/**
 * Runs a program as somebody, whose id is stamped on every event it writes.
 *
 * **Details**
 *
 * The id is `Metadata.actor` too, which `decide` and folds see. An actor without an id is nobody's name, and is not stamped.
 *
 * **Gotchas**
 *
 * `Metadata.provide({ actor })` inside changes what is stamped, not who is judged: for what somebody does in the name of
 * another.
 *
 * **Example** (Who wrote it)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Metadata, Policy } from "@varve/core"
 *
 * const program = Effect.map(Metadata.Current, ({ actor }) => actor)
 *
 * Effect.runPromise(program.pipe(Policy.as({ id: "ada", roles: ["teller"] }))) // => "ada"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const as = (actor: Actor) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  self.pipe(
    // Who is anonymous does not write under the name of who is around.
    Effect.updateService(Metadata.Current, (outer) => ({ ...outer, actor: actor.id === "" ? undefined : actor.id })),
    Effect.provideService(CurrentActor, actor)
  )

/**
 * A rule that lets everyone through, the anonymous one too.
 *
 * @category rules
 * @since 0.1.0
 */
export const everyone = (): true => true

/**
 * A rule that lets nobody through.
 *
 * @category rules
 * @since 0.1.0
 */
export const nobody = (): false => false

/**
 * A rule that lets those through who have a role.
 *
 * @category rules
 * @since 0.1.0
 */
export const hasRole = (role: string) => ({ actor }: { readonly actor: Actor }): boolean => actor.roles.includes(role)

/**
 * Gives a domain its rules. One that is missing, or is about nothing, is a compile error, and a defect where no types look.
 *
 * **Details**
 *
 * Rules are pure, like the domain. One that throws, or says anything but `true`, denies; when it was not `false`, that is
 * logged as an error.
 *
 * Who is denied gets `Forbidden`, a reason of `ExecutionError` or `ProjectionError`, and it is logged as a warning: who
 * asked for what, not the payload. A denied command is not decided, and writes nothing. In `executeAll` one command denied
 * denies all.
 *
 * Like a rejection, a denial rests on a state that was read since the command came.
 *
 * Sent again under its commit id, a command is judged on the state of now before its outcome is given, so nobody gets what
 * another has come to unless they could do the same. The actor who made the commit gets its outcome in any case: the rule
 * may depend on what the command itself has changed. Nobody knows whether two who are anonymous are one, so these are judged.
 *
 * **Gotchas**
 *
 * A policy is about the calls of aggregates and projections. Who reads the `EventStore`, runs a subscription or the tables
 * of a custom projection, or operates a projection (`status`, `pause`, …), is asked nothing.
 *
 * A `list` rule is asked about the query, once, and the rows are not looked at: let only those queries through which find
 * what the actor may see.
 *
 * Who may do a command is told the state it has led to, also over HTTP: `read` is not asked about that.
 *
 * Who may see a row is told by `history` what it was made of: events whole, with who wrote them, also what the row leaves
 * out. An API leaves it away with `without`.
 *
 * **Example** (A diary that others may not write)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Aggregate, Command, Decision, Domain, Event, EventStore, Policy, Upcaster } from "@varve/core"
 *
 * class Noted extends Event.make("Noted", { by: Schema.String }) {}
 * class Note extends Command.make("Note", { by: Schema.String }) {}
 *
 * class Diary extends Aggregate.make("Diary", {
 *   id: Schema.String,
 *   state: Schema.Struct({ owner: Schema.NullOr(Schema.String) }),
 *   commands: [Note],
 *   events: [Noted],
 *   rejections: []
 * }).decider({
 *   initial: { owner: null },
 *   decide: { Note: ({ by }) => Decision.accept(Noted.make({ by })) },
 *   evolve: { Noted: ({ owner }, { by }) => ({ owner: owner ?? by }) }
 * }) {}
 *
 * const Diaries = Domain.make("Diaries", { aggregates: [Diary], projections: [] })
 *
 * const Access = Policy.make(Diaries, {
 *   Diary: {
 *     commands: { Note: ({ actor, command }, { owner }) => command.by === actor.id && (owner ?? actor.id) === actor.id },
 *     read: Policy.everyone
 *   }
 * })
 *
 * const note = (id: string) => Diary.execute("1", Note.make({ by: id })).pipe(Policy.as({ id, roles: [] }))
 *
 * const program = Effect.gen(function*() {
 *   yield* note("ada")
 *   return yield* note("bob").pipe(
 *     Effect.as("noted"),
 *     Effect.catchReason("ExecutionError", "Forbidden", ({ actor, what }) => Effect.succeed(`no ${what} for ${actor}`))
 *   )
 * })
 *
 * const layer = Diaries.layer().pipe(
 *   Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer(), Policy.layer(Access)))
 * )
 *
 * Effect.runPromise(Effect.provide(program, layer)) // => "no Note for bob"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <D extends Domain.Any>(domain: D, rules: Rules<D>): Policy => {
  const { aggregates, name, projections } = domain
  const where = `Policy of ${name}`
  const parts = fields(where, [...aggregates, ...projections].map(({ tag }) => tag), rules)
  const ofAggregates = aggregates.map((aggregate) => {
    const { commands, tag } = aggregate
    const { commands: given, read } = fields(`${where}, ${tag}`, ["commands", "read"], parts[tag])
    fields(`${where}, ${tag}, commands`, commands.map(({ tag }) => tag), given, true)
    fields(`${where}, ${tag}`, ["read"], { read }, true)
    // `decider` has made it, whatever its type has kept.
    const { "~definition": key } = aggregate as unknown as { readonly "~definition": object }
    // They were checked, here and by the interface; from here on tags lead to them.
    return [key, { commands: given, read } as policy.AggregateRules] as const
  })
  const ofProjections = projections.map(({ "~definition": key, tag }) => {
    const given = fields(`${where}, ${tag}`, ["get", "list"], parts[tag], true)
    // They were checked, here and by the interface.
    return [key, given as unknown as policy.ProjectionRules] as const
  })
  return { "~aggregates": new Map(ofAggregates), "~projections": new Map(ofProjections) }
}

/** The fields of a record that has these and no others: what the types say, where no types look. */
const fields = (
  what: string,
  names: ReadonlyArray<string>,
  given: unknown,
  areRules = false
): { readonly [name: string]: unknown } => {
  const expected = `${what}: expected ${areRules ? "rules" : "fields"} ${names.join(", ") || "none"}`
  if (typeof given !== "object" || given === null) throw definition.defect(`${expected}, got ${typeof given}`)
  const missing = names.find((name) => !Object.hasOwn(given, name))
  if (missing !== undefined) throw definition.defect(`${expected}, got no ${missing}`)
  const strange = Object.keys(given).find((name) => !names.includes(name))
  if (strange !== undefined) throw definition.defect(`${expected}, got ${strange}`)
  const wrong = Object.entries(given).find(([, rule]) => areRules && typeof rule !== "function")
  if (wrong !== undefined) throw definition.defect(`${expected}, got ${typeof wrong[1]} as ${wrong[0]}`)
  // A record has been looked at, above.
  return given as { readonly [name: string]: unknown }
}

/**
 * Puts policies in force: for the program it is provided to, and for the aggregates and projections whose layers it is
 * provided to, whoever calls them.
 *
 * **Details**
 *
 * Rules are asked for the actor of the caller. Where a program has a policy of its own, that counts, and not the one around
 * the layers. Nothing is asked and nothing costs where there is none.
 *
 * Commands are judged where they are decided, and reads where they are answered, in the fiber that asks: by the layers that
 * run instances and rows in this process, whether they are called by their definition or by `Instances.of` and `Rows.of`.
 *
 * What a policy in force has no rules for, the parts of another domain, is forbidden: give the policies of all domains to
 * one layer. Two with rules for one part are a defect.
 *
 * **Gotchas**
 *
 * What a program does in the background, in a subscription say, is asked as well: run it with `as`, too.
 *
 * A view of `asOf` is judged by the question, for whoever puts it, and a stream when it is run: neither is a permit that
 * can be handed on.
 *
 * What runs elsewhere, behind `Instances.layer` and `Rows.layer`, is not judged here: a server that is asked over the
 * network judges for itself.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (...policies: readonly [Policy, ...ReadonlyArray<Policy>]): Layer.Layer<never> =>
  Layer.succeed(Current, {
    "~aggregates": merged(policies.map((one) => one["~aggregates"])),
    "~projections": merged(policies.map((one) => one["~projections"]))
  })

const merged = <K extends object, V>(maps: ReadonlyArray<ReadonlyMap<K, V>>): ReadonlyMap<K, V> => {
  const all = new Map(maps.flatMap((one) => Array.from(one)))
  if (all.size !== maps.reduce((sum, { size }) => sum + size, 0)) {
    throw definition.defect("Policy.layer: expected policies of different parts, got two with rules for one of them")
  }
  return all
}
