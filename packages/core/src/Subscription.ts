/**
 * Ordered delivery of events to effects that do something elsewhere: send a mail, publish, write to another index.
 *
 * **When to use**
 *
 * For whatever is not a fold of events into rows. That is a `Projection`.
 *
 * **Details**
 *
 * A subscription has a name and a checkpoint, which moves behind the events that were handled.
 *
 * - Every event is delivered at least once. What crashes in mid-page comes again: `eventId` and `position` tell it apart.
 * - Events of one key come one after the other, in their order. Partitions are handled in parallel.
 * - A handler that fails, or dies, is run again as the schedule says. Then the event is parked with its cause: later
 *   events of its key wait behind it, in order, and other keys go on. Or the subscription halts.
 *
 * **Example** (A greeting for every customer)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Event, EventStore, StreamName, Subscription, Upcaster } from "@varve/core"
 *
 * class CustomerJoined extends Event.make("CustomerJoined", { name: Schema.String }) {}
 *
 * class Greetings extends Subscription.make("Greetings", { events: [CustomerJoined] }) {}
 *
 * const sent: Array<string> = []
 * const layer = Greetings.layer({
 *   CustomerJoined: ({ name }) => Effect.sync(() => sent.push(`Hello ${name}`))
 * }).pipe(Layer.provideMerge([EventStore.layerMemory, Upcaster.layer()]))
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* EventStore.EventStore
 *   const events = [{ type: "CustomerJoined", revision: 1, payload: { name: "Ada" } }] as const
 *   yield* store.append({ writes: [{ stream: StreamName.make("Customer", "ada"), expected: 0, events }] })
 *   yield* Greetings.whenCaughtUp()
 *   return sent
 * })
 *
 * Effect.runPromise(Effect.provide(program, layer)) // => ["Hello Ada"]
 * ```
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Event from "./Event.ts"
import { EventStore } from "./EventStore.ts"
import { Refused } from "./EventStoreError.ts"
import * as check from "./internal/check.ts"
import * as definition from "./internal/definition.ts"
import * as run from "./internal/run.ts"
import * as runHandler from "./internal/runHandler.ts"
import * as runStatus from "./internal/runStatus.ts"
import * as runSubscription from "./internal/runSubscription.ts"
import type * as Projection from "./Projection.ts"
import { ProjectionError } from "./ProjectionError.ts"
import type { Parked, RowStore, Target } from "./RowStore.ts"
import type { Status } from "./Status.ts"
import { Upcaster } from "./Upcaster.ts"

/**
 * What is known of an event that is delivered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delivery extends Projection.Envelope {
  readonly position: number
  /** 0-based place among the events that the stored one has become. */
  readonly index: number
  readonly recordedAt: DateTime.Utc
  /** 1 for the first time, as far as this subscription knows. */
  readonly attempt: number
}

/**
 * What order is kept: events of one key come one after the other. The id of its stream where nothing is said. Pure.
 *
 * @category models
 * @since 0.1.0
 */
export type Key<E extends Event.Any> = {
  readonly [Tag in E["tag"]]?: (
    event: Event.Type<Event.WithTag<E, Tag>>,
    envelope: Omit<Projection.Envelope, "key">
  ) => string
}

/**
 * One effect an event. What it writes names the event as its cause, and is of the event's tenant.
 *
 * @category models
 * @since 0.1.0
 */
export type Handlers<E extends Event.Any> = {
  readonly [Tag in E["tag"]]: (
    event: Event.Type<Event.WithTag<E, Tag>>,
    delivery: Delivery
  ) => Effect.Effect<unknown, unknown, unknown>
}

/**
 * Services that handlers require.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Needs<H> = {
  readonly [Tag in keyof H]: H[Tag] extends (...args: never) => Effect.Effect<infer _A, infer _E, infer R> ? R : never
}[keyof H]

/** Refuses handlers for tags that do not exist. */
type NoExtra<H, Tag extends PropertyKey> = { readonly [K in Exclude<keyof H, Tag>]: never }

/**
 * How a subscription is run. Pages are of 100 events, unless told.
 *
 * @category models
 * @since 0.1.0
 */
export type RunOptions = Omit<Projection.RunOptions, "switch">

/**
 * A subscription: its definition, and the calls that run it and look after it.
 *
 * **Details**
 *
 * `retry` and `skip` are about keys of the tenant that the program runs for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subscription<Name extends string, E extends Event.Any> {
  new(_: never): {}
  /** The name its checkpoint is stored under. (`name` is that of the class, which may be another.) */
  readonly tag: Name
  readonly events: ReadonlyArray<E>
  /** Delivers events for ever. Fails when it cannot start: the options, or a checkpoint that is not of this store. */
  readonly run: <H extends Handlers<E>>(
    handlers: H & NoExtra<H, E["tag"]>,
    options?: RunOptions
  ) => Effect.Effect<never, ProjectionError, EventStore | Upcaster | RowStore | Needs<H>>
  /** Delivers events in the background, while the layer is there. */
  readonly layer: <H extends Handlers<E>>(
    handlers: H & NoExtra<H, E["tag"]>,
    options?: RunOptions
  ) => Layer.Layer<never, ProjectionError, EventStore | Upcaster | RowStore | Needs<H>>
  /** How it is doing; none when it has never been run. */
  readonly status: Effect.Effect<Option.Option<Status>, ProjectionError, EventStore | RowStore>
  /** Events that are parked, by key and in order: `limit` at the most, 100 unless told. */
  readonly parked: (options?: {
    readonly key?: string | undefined
    readonly limit?: number | undefined
  }) => Effect.Effect<ReadonlyArray<Parked>, ProjectionError, RowStore>
  /** Has the parked events of a key tried again, in order, soon. `Refused` when nothing of it is parked. */
  readonly retry: (key: string) => Effect.Effect<void, ProjectionError, RowStore>
  /** Gives up the first parked event of a key, and has the others tried again. `Refused` when nothing of it is parked. */
  readonly skip: (key: string) => Effect.Effect<void, ProjectionError, RowStore>
  /** Delivers nothing more until it is resumed, here or anywhere. A page in hand may come again. */
  readonly pause: Effect.Effect<void, ProjectionError, RowStore>
  /** Goes on, also after it has halted. */
  readonly resume: Effect.Effect<void, ProjectionError, RowStore>
  /** Waits until everything that the store holds now (or up to `after`) is handled, or parked. */
  readonly whenCaughtUp: (
    options?: Projection.ReadOptions
  ) => Effect.Effect<void, ProjectionError, EventStore | RowStore>
}

/** Events of a page, unless told: what comes again when the process crashes in mid-page. */
const pageSize = 100

/**
 * Declares a subscription.
 *
 * **Gotchas**
 *
 * The name is stored, with the checkpoint. A subscription under another name is a new one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Name extends string, E extends Event.Any>(name: Name, options: {
  readonly events: ReadonlyArray<E>
  /** Whose events they are; of whoever has events of these types, unless told. */
  readonly aggregates?: ReadonlyArray<{ readonly tag: string }>
  readonly key?: Key<E>
  /** Where a new one starts: at the first event, unless told. It says nothing to one that has a checkpoint. */
  readonly from?: "start" | "end" | { readonly position: number }
  /** What is done with an event whose retries have ended: `park`, unless told. */
  readonly onFailure?: Projection.OnFailure
  /** When a handler that failed is run again: after 100, 200 and 400 ms, unless told. */
  readonly retry?: Schedule.Schedule<unknown, unknown>
}): Subscription<Name, E> => {
  definition.checkName("Subscription", name)
  for (const tag of definition.duplicates(options.events.map(({ tag }) => tag))) {
    throw definition.twoEvents(`Subscription ${name}`, tag)
  }
  const { aggregates = [], events, from = "start", key, onFailure = "park", retry = runHandler.retryDefault } = options
  const target: Target = { kind: "subscription", name, revision: 1 }
  const start = (handlers: object, runOptions: RunOptions = {}) =>
    Effect.gen(function*() {
      const wrong = typeof from === "object"
        ? check.int(`start of the subscription ${name}`, from.position, 0, Number.MAX_SAFE_INTEGER)
        : undefined
      if (wrong instanceof Refused) return yield* new ProjectionError({ target: name, reason: wrong })
      const store = yield* EventStore
      const position = from === "end" ? store.head : Effect.succeed(from === "start" ? 0 : from.position)
      // The interface has checked handlers and keys against the events; from here on tags lead to them.
      const handled = { name, events, key, onFailure, retry, handle: handlers } as runHandler.Handled<never>
      const job = runSubscription.make(handled, aggregates.map(({ tag }) => tag), yield* Upcaster)
      return yield* run.startJob(job, runOptions, pageSize, position)
    })
  const statics = {
    tag: name,
    events,
    run: (handlers: object, options?: RunOptions) => Effect.flatten(start(handlers, options)),
    layer: (handlers: object, options?: RunOptions) =>
      Layer.effectDiscard(Effect.flatMap(start(handlers, options), Effect.forkScoped)),
    status: runStatus.status(target),
    parked: (options?: { readonly key?: string | undefined; readonly limit?: number | undefined }) =>
      runStatus.parked(target, options),
    retry: (key: string) => runStatus.retry(target, key, false),
    skip: (key: string) => runStatus.retry(target, key, true),
    pause: runStatus.setState(target, "paused"),
    resume: runStatus.setState(target, "running"),
    whenCaughtUp: (options?: Projection.ReadOptions) => runStatus.whenCaughtUp(target, options)
  }
  // What the handlers require exists in the types only: it is part of what `run` and `layer` require.
  return definition.base(name, statics) as unknown as Subscription<Name, E>
}
