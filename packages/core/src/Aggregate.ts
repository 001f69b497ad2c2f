/**
 * Declares aggregates: pure `decide` and `evolve` over typed state, commands and events.
 *
 * **Details**
 *
 * A definition has no effects in it, and is at the same time the key of a service: where and how its instances run is
 * a layer. `layer` runs them here, against `EventStore` and `Upcaster`. The call site, `BankAccount.execute(id,
 * command)`, never changes.
 *
 * **Example** (A counter)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Aggregate, Command, Decision, Event, EventStore, Upcaster } from "@varve/core"
 *
 * class Counted extends Event.make("Counted", { by: Schema.Int }) {}
 * class Count extends Command.make("Count", { by: Schema.Int }) {}
 * class TooMuch extends Schema.TaggedError<TooMuch>()("TooMuch", { limit: Schema.Int }) {}
 *
 * class Counter extends Aggregate.make("Counter", {
 *   id: Schema.String,
 *   state: Schema.Struct({ total: Schema.Int }),
 *   commands: [Count],
 *   events: [Counted],
 *   rejections: [TooMuch]
 * }).decider({
 *   initial: { total: 0 },
 *   decide: {
 *     Count: ({ by }, { total }) =>
 *       total + by > 10 ? Decision.reject(new TooMuch({ limit: 10 })) : Decision.accept(Counted.make({ by }))
 *   },
 *   evolve: { Counted: ({ total }, { by }) => ({ total: total + by }) }
 * }) {}
 *
 * const layer = Counter.layer.pipe(Layer.provide([EventStore.layerMemory, Upcaster.layer()]))
 *
 * const program = Effect.gen(function*() {
 *   yield* Counter.execute("a", Count.make({ by: 7 }))
 *   const rejected = yield* Effect.flip(Counter.execute("a", Count.make({ by: 7 })))
 *   const { state } = yield* Counter.load("a")
 *   return `${rejected._tag}, ${state.total}`
 * })
 *
 * Effect.runPromise(Effect.provide(program, layer)) // => "TooMuch, 7"
 * ```
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import type * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Command from "./Command.ts"
import type { Receipt } from "./Commit.ts"
import type { CommitId } from "./CommitId.ts"
import type * as Decision from "./Decision.ts"
import type * as Event from "./Event.ts"
import type { EventStore } from "./EventStore.ts"
import { ExecutionError } from "./ExecutionError.ts"
import * as instances from "./internal/aggregate.ts"
import * as attempts from "./internal/attempts.ts"
import * as definition from "./internal/definition.ts"
import * as machinery from "./internal/machinery.ts"
import type * as running from "./internal/running.ts"
import type { Difference } from "./Projection.ts"
import type { Upcaster } from "./Upcaster.ts"

export { ExecutionError }

/**
 * One pure handler a command: it returns events of the aggregate, nothing, or a declared rejection.
 *
 * @category models
 * @since 0.1.0
 */
export type Decide<State, C extends Command.Any, E extends Event.Any, Rejected> = {
  readonly [Tag in C["tag"]]: (
    command: Command.Type<Command.WithTag<C, Tag>>,
    state: State,
    context: Decision.Context
  ) => Decision.Decision<Event.Type<E>, Rejected>
}

/**
 * One pure handler an event. A missing case is a compile error.
 *
 * @category models
 * @since 0.1.0
 */
export type Evolve<State, E extends Event.Any> = {
  readonly [Tag in E["tag"]]: (state: State, event: Event.Type<Event.WithTag<E, Tag>>) => State
}

/**
 * The running instances of the aggregate called `Name`: what `execute` and `load` require.
 *
 * @category models
 * @since 0.1.0
 */
export interface Instances<Name extends string> {
  readonly "~@varve/core/Aggregate/Instances": Name
}

/**
 * What `execute` returns.
 *
 * @category models
 * @since 0.1.0
 */
export interface Executed<State, E> {
  /** None when the decision was that there is nothing to do. */
  readonly receipt: Option.Option<Receipt>
  /** Version of the instance after the command. */
  readonly version: number
  readonly events: ReadonlyArray<E>
  /** State of the instance after the command. */
  readonly state: State
}

/**
 * What `load` returns: an instance as its events tell it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Loaded<State> {
  readonly state: State
  /** Version of the last stored event that was folded; 0 when there is none. */
  readonly version: number
}

/**
 * An event of an instance, and the state after it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Evolved<State, E> {
  readonly event: E
  /** Version of the stored event. What a split yields has the same one. */
  readonly version: number
  readonly position: number
  readonly occurredAt: DateTime.Utc
  readonly recordedAt: DateTime.Utc
  readonly state: State
}

/**
 * A point in the history of an instance.
 *
 * **Details**
 *
 * - `version`: after that many events
 * - `position`: what the store held up to that position
 * - `recordedAt`: what the store held at that time
 * - `occurredAt`: what had happened in the world by that time, as far as the store knows today; events are folded in
 *   the order of their versions
 *
 * @category models
 * @since 0.1.0
 */
export type At = running.At

/**
 * How a command is executed.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExecuteOptions {
  /**
   * Makes the command idempotent: once events of it are stored, that outcome is returned again, from the store, whatever
   * it would come to now. A rejection, or an outcome without events, stores nothing: the command is decided anew. Another
   * command under the same id is `Refused`.
   */
  readonly commitId?: CommitId | undefined
  /** Version that the caller has seen. When the instance has moved on the command is a `Conflict`, undecided. */
  readonly expected?: number | undefined
}

/**
 * How often a command is decided again when another process wrote to the instance meanwhile, before the `Conflict`
 * surfaces: 10 decisions unless set. The first is repeated at once, the next after a random time that grows.
 *
 * @category references
 * @since 0.1.0
 */
export const Attempts: Context.Reference<number> = attempts.Attempts

/** Refuses handlers for tags that do not exist. */
type NoExtra<Handlers, Tag extends PropertyKey> = { readonly [K in Exclude<keyof Handlers, Tag>]: never }

/**
 * Rejections that the handler of the command tagged `Tag` can return.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Rejection<D, Tag extends PropertyKey> = Tag extends keyof D
  ? D[Tag] extends (...args: never) => infer R ? FailureOf<R> : never
  : never
type FailureOf<R> = R extends Result.Failure<infer _, infer Err> ? Err : never

/**
 * An aggregate: contract, decider, and the calls that run it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Aggregate<
  Name extends string,
  Id extends Schema.Top & { readonly Type: string },
  State,
  C extends Command.Any,
  E extends Event.Any,
  D
> {
  new(_: never): {}
  /** The name its instances are stored under. (`name` is that of the class, which may be another.) */
  readonly tag: Name
  readonly "~decide": D
  /** Of the fold: see `make`. */
  readonly revision: number
  readonly id: Id
  readonly state: Schema.Top
  readonly commands: ReadonlyArray<C>
  readonly events: ReadonlyArray<E>
  readonly rejections: ReadonlyArray<Schema.Top>
  /** State of an instance without events. */
  readonly initial: State
  /** State after one more event. Pure and total. */
  readonly evolve: (state: State, event: Event.Type<E>) => State
  /** What comes of a command in a state. Pure. */
  readonly decide: <Cmd extends Command.Type<C>>(
    command: Cmd,
    state: State,
    context: Decision.Context
  ) => Decision.Decision<Event.Type<E>, Rejection<D, Cmd["_tag"]>>
  /** Folds events, oldest first, onto `initial`. Pure. */
  readonly fold: (events: Iterable<Event.Type<E>>) => State
  /** Folds the stream of one instance: all of it, or up to a point in its history. */
  readonly load: (id: Id["Type"], options?: { readonly at?: At | undefined }) => Effect.Effect<
    Loaded<State>,
    ExecutionError,
    Instances<Name>
  >
  /** Every event of one instance, oldest first, with the state after each. Read page by page, as it is taken. */
  readonly history: (id: Id["Type"]) => Stream.Stream<Evolved<State, Event.Type<E>>, ExecutionError, Instances<Name>>
  /** The state of one instance at two points; `to` is now, unless told. */
  readonly diff: (id: Id["Type"], points: { readonly from: At; readonly to?: At | undefined }) => Effect.Effect<
    Difference<State>,
    ExecutionError,
    Instances<Name>
  >
  /**
   * Loads, decides and appends. That id and command fit their schemas is what the types say: `make` them, or decode
   * them at the edge. Commands of one instance take their turn in a process; when another process was
   * faster the command is decided again, a bounded number of times.
   */
  readonly execute: <Cmd extends Command.Type<C>>(
    id: Id["Type"],
    command: Cmd,
    options?: ExecuteOptions
  ) => Effect.Effect<
    Executed<State, Event.Type<E>>,
    Rejection<D, Cmd["_tag"]> | ExecutionError,
    Instances<Name>
  >
  /** Runs the instances in this process, against the event store. */
  readonly layer: Layer.Layer<Instances<Name>, never, EventStore | Upcaster>
}

/**
 * Any aggregate. Covariant members only, so that every aggregate fits; its parts are read by property.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  readonly tag: string
  readonly "~decide": unknown
  readonly id: Schema.Top & { readonly Type: string }
  readonly state: Schema.Top
  readonly commands: ReadonlyArray<Command.Any>
  readonly events: ReadonlyArray<Event.Any>
  readonly rejections: ReadonlyArray<Schema.Top>
  readonly initial: unknown
}

/**
 * A command of an aggregate.
 *
 * @category type-level
 * @since 0.1.0
 */
export type CommandOf<A extends Any> = Command.Type<A["commands"][number]>

/**
 * An event of an aggregate.
 *
 * @category type-level
 * @since 0.1.0
 */
export type EventOf<A extends Any> = Event.Type<A["events"][number]>

/**
 * The state of an aggregate.
 *
 * @category type-level
 * @since 0.1.0
 */
export type StateOf<A extends Any> = A["initial"]

/**
 * Every rejection of an aggregate that its decider can return.
 *
 * @category type-level
 * @since 0.1.0
 */
export type RejectionOf<A extends Any> = Rejection<A["~decide"], A["commands"][number]["tag"]>

/**
 * The contract of an aggregate: its schemas, without behaviour. Safe to share with clients.
 *
 * @category models
 * @since 0.1.0
 */
export interface Contract<
  Name extends string,
  Id extends Schema.Top & { readonly Type: string },
  State extends Schema.Top,
  C extends Command.Any,
  E extends Event.Any,
  Rejected
> {
  readonly tag: Name
  readonly revision: number
  readonly id: Id
  readonly state: State
  readonly commands: ReadonlyArray<C>
  readonly events: ReadonlyArray<E>
  /** Gives the contract its three pure parts: where it starts, what it decides, how it evolves. */
  readonly decider: <D extends Decide<State["Type"], C, E, Rejected>>(decider: {
    readonly initial: State["Type"]
    readonly decide: D & NoExtra<D, C["tag"]>
    readonly evolve: Evolve<State["Type"], E>
  }) => Aggregate<Name, Id, State["Type"], C, E, D>
}

/**
 * Declares the contract of an aggregate. `decider` gives it its behaviour.
 *
 * **Gotchas**
 *
 * The name is stored, as the category of the streams. Renaming the class is free; renaming this is not (see
 * `Upcaster.Options.categories`).
 *
 * Where snapshots are kept (`Snapshots.layer`), `revision` is raised whenever `initial`, `evolve`, the schema of the state
 * or the meaning of stored events changes: an upcast, a split, a type that is dropped. Snapshots of the fold of before are
 * not read any more; without a new revision they would be, and tell what the old fold made of the events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  const Name extends string,
  Id extends Schema.Top & { readonly Type: string },
  State extends Schema.Top,
  C extends Command.Any,
  E extends Event.Any,
  R extends Schema.Top & { readonly Type: { readonly _tag: string } } = never
>(name: Name, contract: {
  readonly id: Id
  readonly state: State
  readonly commands: ReadonlyArray<C>
  readonly events: ReadonlyArray<E>
  /** Every way the business can say no, as schemas: a remote caller gets them back typed. */
  readonly rejections: ReadonlyArray<R>
  /** Of the fold, which its snapshots are kept for: 1, unless told. */
  readonly revision?: number | undefined
}): Contract<Name, Id, State, C, E, R["Type"]> => {
  definition.checkName("Aggregate", name)
  for (const tag of definition.duplicates(contract.events.map(({ tag }) => tag))) {
    throw definition.twoEvents(`Aggregate ${name}`, tag)
  }
  for (const tag of definition.duplicates(contract.commands.map(({ tag }) => tag))) {
    throw definition.defect(`Aggregate ${name}: two commands of the tag ${tag}`)
  }
  const { revision = 1 } = contract
  definition.checkRevision(`Aggregate ${name}`, revision)
  return {
    ...contract,
    revision,
    tag: name,
    // The interface has checked the handlers against the schemas; from here on tags lead to them.
    decider: (decider) => build({ ...contract, revision, name, ...decider } as unknown as running.Definition) as never
  }
}

const build = (parts: running.Definition): object => {
  const evolve = (state: unknown, event: running.Tagged) => parts.evolve[event._tag]!(state, event)
  const here = instances.of(parts)
  const { name: tag, ...contract } = parts
  return definition.base(tag, {
    ...contract,
    tag,
    "~decide": parts.decide,
    "~definition": parts,
    evolve,
    decide: (command: running.Tagged, state: unknown, context: Decision.Context) =>
      parts.decide[command._tag]!(command, state, context),
    fold: (events: Iterable<running.Tagged>) => {
      let state = parts.initial
      for (const event of events) state = evolve(state, event)
      return state
    },
    load: (id: string, options?: { readonly at?: At | undefined }) =>
      Effect.flatMap(here, (instances) => instances.load(id, options?.at)),
    history: (id: string) => Stream.unwrap(Effect.map(here, (instances) => instances.history(id))),
    diff: (id: string, points: { readonly from: At; readonly to?: At | undefined }) =>
      Effect.flatMap(here, (instances) => instances.diff(id, points)),
    execute: (id: string, command: running.Tagged, options: ExecuteOptions = {}) =>
      Effect.flatMap(here, (instances) => instances.execute(id, command, options)),
    layer: Layer.effect(instances.keyOf(tag), machinery.use(({ run }) => run(parts)))
  })
}

/**
 * Folds the stream of one instance of any aggregate: all of it, or up to a point in its history. For tools, which know an
 * aggregate as data and run no layer of it.
 *
 * **Example** (An aggregate of a list)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Aggregate, Command, Decision, Event, EventStore, Upcaster } from "@varve/core"
 *
 * class Rung extends Event.make("Rung", {}) {}
 * class Ring extends Command.make("Ring") {}
 * class Bell extends Aggregate.make("Bell", {
 *   id: Schema.String,
 *   state: Schema.Int,
 *   commands: [Ring],
 *   events: [Rung],
 *   rejections: []
 * }).decider({
 *   initial: 0,
 *   decide: { Ring: () => Decision.accept(Rung.make({})) },
 *   evolve: { Rung: (times) => times + 1 }
 * }) {}
 *
 * const aggregates: ReadonlyArray<Aggregate.Any> = [Bell]
 *
 * const program = Effect.forEach(aggregates, (aggregate) => Aggregate.loadAny(aggregate, "front door"))
 *
 * Effect.runPromise(Effect.provide(program, [EventStore.layerMemory, Upcaster.layer()])) // => [{ state: 0, version: 0 }]
 * ```
 *
 * @category tools
 * @since 0.1.0
 */
export const loadAny = (
  aggregate: Any,
  id: string,
  options?: { readonly at?: At | undefined }
): Effect.Effect<Loaded<unknown>, ExecutionError, EventStore | Upcaster> =>
  // `decider` has made it, whatever its type has kept.
  machinery.use(({ loadAlone }) =>
    loadAlone(
      (aggregate as unknown as { readonly "~definition": running.Definition })["~definition"],
      id,
      options?.at
    )
  )

/**
 * A command addressed to one instance: plain data, typed by what it may be rejected with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Addressed<A extends Any, Rejected> {
  readonly aggregate: A
  readonly id: string
  readonly command: running.Tagged
  readonly "~rejected": Rejected
}

/**
 * Addresses a command to an instance, for `executeAll`.
 *
 * @category commits over several instances
 * @since 0.1.0
 */
export const to = <A extends Any, Cmd extends CommandOf<A> & { readonly _tag: string }>(
  aggregate: A,
  id: A["id"]["Type"],
  command: Cmd
): Addressed<A, Rejection<A["~decide"], Cmd["_tag"]>> => ({
  aggregate,
  id,
  command,
  // Only the type is ever read.
  "~rejected": undefined as never
})

/**
 * Executes several commands as one commit: all of them or none.
 *
 * **Details**
 *
 * Loads all instances, decides the commands in their order, and appends one commit. A rejection of one is the outcome
 * of all; a conflict decides all again. A command sees the commands before it, also those to the same instance. The
 * result has an entry for each command; when it comes from the store (`commitId`), the last of several commands to one
 * instance has all its events.
 *
 * @category commits over several instances
 * @since 0.1.0
 */
export const executeAll = <const L extends Arr.NonEmptyReadonlyArray<Addressed<Any, unknown>>>(
  commands: L,
  options?: Pick<ExecuteOptions, "commitId">
): Effect.Effect<
  { readonly [K in keyof L]: Executed<StateOf<L[K]["aggregate"]>, EventOf<L[K]["aggregate"]>> },
  L[number]["~rejected"] | ExecutionError,
  Instances<L[number]["aggregate"]["tag"]>
> =>
  // The order and the types of the results are those of the commands.
  instances.executeAll(commands as never, options?.commitId) as never
