/**
 * The one place where stored events become the events a program knows, and where it is told in which form it writes its
 * own.
 *
 * **Details**
 *
 * Revisions are the event's own affair: `Event.revise` says how each becomes the next. What is beyond one event is said
 * here: a type renamed, one event that has become several, events that nobody needs any more, a category that bears
 * another name than its aggregate. All of it happens on reading. What is stored stays what it was, and so do versions and
 * positions: the parts of a split bear those of the whole, and a place (`index`) in it.
 *
 * **Example** (Three years of changes)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Aggregate, Command, Decision, Event, EventStore, StreamName, Upcaster } from "@varve/core"
 *
 * class Sold extends Event.make("Sold", { cents: Schema.Int }) {}
 * class Refunded extends Event.make("Refunded", { cents: Schema.Int }) {}
 *
 * // Nobody writes it any more.
 * class Exchanged extends Event.make("Exchanged", { back: Schema.Int, bought: Schema.Int }) {}
 *
 * class Sell extends Command.make("Sell", { cents: Schema.Int }) {}
 * class Till extends Aggregate.make("Till", {
 *   id: Schema.String,
 *   state: Schema.Int,
 *   commands: [Sell],
 *   events: [Sold, Refunded],
 *   rejections: []
 * }).decider({
 *   initial: 0,
 *   decide: { Sell: ({ cents }) => Decision.accept(Sold.make({ cents })) },
 *   evolve: { Sold: (sum, { cents }) => sum + cents, Refunded: (sum, { cents }) => sum - cents }
 * }) {}
 *
 * const upcaster = Upcaster.layer({
 *   renamed: { PaidIn: Sold },
 *   splits: [
 *     Upcaster.split(Exchanged, [Refunded, Sold], ({ back, bought }) => [
 *       Refunded.make({ cents: back }),
 *       Sold.make({ cents: bought })
 *     ])
 *   ],
 *   dropped: ["ReceiptPrinted"]
 * })
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* EventStore.EventStore
 *   const events = [
 *     { type: "PaidIn", revision: 1, payload: { cents: 100 } },
 *     { type: "ReceiptPrinted", revision: 1, payload: {} },
 *     { type: "Exchanged", revision: 1, payload: { back: 30, bought: 50 } }
 *   ] as const
 *   yield* store.append({ writes: [{ stream: StreamName.make("Till", "t1"), expected: 0, events }] })
 *   return yield* Till.load("t1")
 * })
 *
 * const layer = Till.layer.pipe(Layer.provideMerge([EventStore.layerMemory, upcaster]))
 *
 * Effect.runPromise(Effect.provide(program, layer)) // => { state: 120, version: 3 }
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Event from "./Event.ts"
import { Refused } from "./EventStoreError.ts"
import * as chain from "./internal/chain.ts"
import * as definition from "./internal/definition.ts"
import * as writing from "./internal/writing.ts"
import * as Limits from "./Limits.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { StreamName } from "./StreamName.ts"

/**
 * A stored event that this program cannot read.
 *
 * **Details**
 *
 * - `UnknownType`: no event of the reader has this type, and no rename, split or drop names it
 * - `NewerRevision`: a newer program wrote it
 * - `InvalidPayload`: the payload does not fit the schema of its revision
 * - `UpcastFailed`: an upcast or a split threw, or returned what its schema does not accept
 * - `Erased`: the payload was erased for good
 *
 * @category errors
 * @since 0.1.0
 */
export class Unreadable extends Schema.TaggedError<Unreadable>("@varve/core/Unreadable")("Unreadable", {
  stream: StreamName,
  version: Schema.Int,
  position: Schema.Int,
  type: Schema.String,
  revision: Schema.Int,
  why: Schema.Literals(["UnknownType", "NewerRevision", "InvalidPayload", "UpcastFailed", "Erased"]),
  cause: Schema.optional(Schema.Defect())
}) {
  override get message(): string {
    const { category, id } = this.stream
    const cause = this.cause instanceof Error ? `: ${this.cause.message}` : ""
    return `${this.type}, revision ${this.revision}, at version ${this.version} of ${category}/${id}`
      + ` (position ${this.position}) cannot be read: ${this.why}${cause}`
  }
}

/**
 * One event that a stored one has become. A split yields several: `index` tells them apart, and their version and
 * position are those of the stored one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Upcast<A> {
  readonly event: A
  /** 0-based place among the events that the stored one has become: those dropped since, or not asked for, have theirs. */
  readonly index: number
}

/**
 * Reads stored events as events of some definitions.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reader<A> {
  /** The stored pairs of category and type to ask for. */
  readonly sources: ReadonlyArray<{ readonly category: string; readonly type: string }>
  /** The stored types to ask for, whatever their category. */
  readonly types: ReadonlyArray<string>
  /** The stored types of which nothing is left: passed over, and not asked for. */
  readonly dropped: ReadonlyArray<string>
  /**
   * The newest revision that it reads of a stored type: 0 where it does not know the type, `Limits.revisions` where it is
   * dropped.
   */
  readonly newest: (type: string) => number
  /** What a stored event has become: none, one or several events. Pure. */
  readonly upcast: (stored: StoredEvent) => Result.Result<ReadonlyArray<Upcast<A>>, Unreadable>
}

/**
 * The form in which an event is stored: its tag or an old name of it, and one of its revisions.
 *
 * @category models
 * @since 0.1.0
 */
export interface Form {
  readonly type: string
  readonly revision: number
}

/**
 * An event as it is to be stored. A reader reads it back as this very event, in its newest revision.
 *
 * @category models
 * @since 0.1.0
 */
export interface Written extends Form {
  readonly payload: Schema.JsonObject
}

/**
 * Makes readers. Every reader of events goes through one: `load`, projections, subscriptions, exports.
 *
 * @category services
 * @since 0.1.0
 */
export class Upcaster extends Context.Service<Upcaster, {
  /** What it was made with: what tools derive the history of a project from. */
  readonly options: Options
  /** The category that the instances of an aggregate are stored under. */
  readonly category: (aggregate: string) => string
  /** A reader of the events of some aggregates. Made once, used for every event. */
  readonly reader: <E extends Event.Any>(options: {
    /** Name of what reads: of an aggregate, a projection or a subscription. For policies of its own. */
    readonly name?: string | undefined
    readonly aggregates: ReadonlyArray<string>
    readonly events: ReadonlyArray<E>
  }) => Reader<Event.Type<E>>
  /**
   * What to store for an event of an aggregate: the type, revision and payload that is written at present. `Refused`
   * where the event does not satisfy its own schema, or may not be written now: `what` names the event, and who writes adds
   * the instance.
   */
  readonly write: <E extends Event.Any>(
    aggregate: string,
    event: E,
    value: Event.Type<E>
  ) => Result.Result<Written, Refused>
}>()("@varve/core/Upcaster") {}

/**
 * What to do with a stored event that cannot be read: `fail` with `Unreadable`, or `skip` it.
 *
 * @category models
 * @since 0.1.0
 */
export type Policy = "fail" | "skip"

/**
 * A stored event that has become several. Made by `split`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Split {
  readonly from: Event.Any
  readonly into: ReadonlyArray<Event.Any>
  readonly f: (event: never) => ReadonlyArray<{ readonly _tag: string }>
}

/**
 * Says that what was stored as `from` is read as several events, in the order that `f` gives them.
 *
 * **Details**
 *
 * `f` is pure and sees the newest revision of `from`. Versions and positions stay as they are.
 *
 * @category constructors
 * @since 0.1.0
 */
export const split = <From extends Event.Any, Into extends Event.Any>(
  from: From,
  into: ReadonlyArray<Into>,
  f: (event: Event.Type<From>) => ReadonlyArray<Event.Type<Into>>
): Split => ({ from, into, f })

/**
 * What a reader does with stored events that it cannot read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policies {
  /** A type that is not among the events asked for. `fail`, unless told. */
  readonly unknownType?: Policy | undefined
  /** A revision that a newer program wrote. `fail`, unless told. */
  readonly newerRevision?: Policy | undefined
  /** An event whose payload was erased. `fail`, unless told. */
  readonly erased?: Policy | undefined
}

/**
 * What has changed beside the revisions of events.
 *
 * **Details**
 *
 * Changes of several years follow each other: a type may be renamed to an event that is renamed again, split or dropped,
 * and what a split yields may be split, renamed or dropped later. Each change is said once, as on the day it was made. Who
 * takes over a stored type, by a rename or under the same tag, takes over its revisions: revision n of the old name is
 * revision n of the new one. A type that comes back to itself is a defect.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Policies {
  /** Stored type to the event that it is read as today. */
  readonly renamed?: { readonly [storedType: string]: Event.Any } | undefined
  /** Name of an aggregate to the category that it is stored under, where they differ. Read and written. */
  readonly categories?: { readonly [aggregate: string]: string } | undefined
  readonly splits?: ReadonlyArray<Split> | undefined
  /** Stored types that nobody needs any more. */
  readonly dropped?: ReadonlyArray<string> | undefined
  /**
   * Stored type to the revision that is written of it, where that is not the newest: as long as programs live that cannot
   * read the newest. With the old name of a renamed event it is written under that name. A revision that the event does
   * not have, or that no downcasts lead to, is a defect as soon as the event is known; a type that no event of the program
   * has changes nothing.
   */
  readonly writeRevision?: { readonly [storedType: string]: number } | undefined
  /**
   * Name of what reads (an aggregate, a projection or a subscription) to policies of its own; what they leave open is as
   * for all readers. A name that nobody has changes nothing: the layer does not know who will read.
   */
  readonly readers?: { readonly [name: string]: Policies } | undefined
}

type Read = (stored: StoredEvent) => Result.Result<ReadonlyArray<Upcast<{ readonly _tag: string }>>, Unreadable>

const none: ReadonlyArray<never> = []
const skipped = Result.succeed(none)

const unreadable = (stored: StoredEvent, why: Unreadable["why"], cause?: unknown) => {
  const { position, revision, stream, type, version } = stored
  return Result.fail(new Unreadable({ stream, version, position, type, revision, why, cause }))
}

const checkCategories = ({ categories = {} }: Options): void => {
  for (const category of definition.duplicates(Object.values(categories))) {
    throw definition.defect(`Upcaster: two aggregates are stored under the category ${category}`)
  }
}

const checkEvents = (steps: chain.Steps, events: ReadonlyArray<Event.Any>): void => {
  for (const tag of definition.duplicates(events.map(({ tag }) => tag))) {
    throw definition.defect(`Two events of the tag ${tag}: a tag names one event of a store`)
  }
  for (const { tag } of events) {
    if (steps.has(tag)) throw definition.defect(`Upcaster: ${tag} is renamed, split or dropped, and still asked for`)
  }
}

const makeReader = (
  steps: chain.Steps,
  policies: Policies,
  categories: ReadonlyArray<string>,
  events: ReadonlyArray<Event.Any>
) => {
  checkEvents(steps, events)
  const { dropped, events: decoders, reads, types } = chain.reading(steps, events)
  const { erased, newerRevision, unknownType } = policies
  const upcast: Read = (stored) => {
    const read = reads.get(stored.type)
    if (read === undefined) {
      return dropped.has(stored.type) || unknownType === "skip" ? skipped : unreadable(stored, "UnknownType")
    }
    if (stored.payload === null) return erased === "skip" ? skipped : unreadable(stored, "Erased")
    const parts = read(stored)
    if (!(parts instanceof chain.Failed)) return Result.succeed(parts)
    const { cause, why } = parts
    return why === "NewerRevision" && newerRevision === "skip" ? skipped : unreadable(stored, why, cause)
  }
  return {
    sources: categories.flatMap((category) => types.map((type) => ({ category, type }))),
    types,
    dropped: Array.from(dropped),
    newest: (type: string) => dropped.has(type) ? Limits.revisions : decoders.get(type)?.revision ?? 0,
    upcast
  }
}

/** Told policies over those of all readers. */
const policiesOf = (options: Options, name: string | undefined): Policies => {
  const { erased, newerRevision, readers, unknownType } = options
  const own = name !== undefined && readers !== undefined && Object.hasOwn(readers, name) ? readers[name]! : {}
  return {
    erased: own.erased ?? erased,
    newerRevision: own.newerRevision ?? newerRevision,
    unknownType: own.unknownType ?? unknownType
  }
}

/**
 * The form that the options ask for: the newest revision under the tag of the event, unless `writeRevision` says
 * otherwise.
 *
 * @category forms
 * @since 0.1.0
 */
export const form = (options: Options, event: Event.Any): Form => writing.asked(chain.steps(options), options, event)

/**
 * Every form that an event can be written in, the best first: the one that the options ask for, then older revisions as far
 * as downcasts lead, then the same under its old names.
 *
 * **Example** (A field that was renamed, of an event that was renamed)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Event, Upcaster } from "@varve/core"
 *
 * class OrderSubmitted extends Event.make("OrderSubmitted", { total: Schema.Int }).revise(
 *   2,
 *   { cents: Schema.Int },
 *   ({ total }) => ({ cents: total }),
 *   ({ cents }) => ({ total: cents })
 * ) {}
 *
 * const forms = Upcaster.forms({ renamed: { OrderPlaced: OrderSubmitted } }, OrderSubmitted)
 *
 * forms.map(({ revision, type }) => `${type} ${revision}`)
 * // => ["OrderSubmitted 2", "OrderSubmitted 1", "OrderPlaced 2", "OrderPlaced 1"]
 * ```
 *
 * @category forms
 * @since 0.1.0
 */
export const forms = (options: Options, event: Event.Any): ReadonlyArray<Form> =>
  writing.all(chain.steps(options), options, event)

/**
 * Makes an upcaster that follows the revisions of each event, and what the options say.
 *
 * **Details**
 *
 * `choose` tells, for the category that an event is stored under and for the event, the form in which it is to be written
 * now, or why it may not be. It is asked at every write, and is to choose among `forms`: what is not among them is
 * `Refused`, and `writeRevision` is heeded there. Without it, the options alone say.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options = {},
  choose?: (category: string, event: Event.Any) => Form | Refused
): Upcaster["Service"] => {
  checkCategories(options)
  const steps = chain.steps(options)
  const category = (aggregate: string) => options.categories?.[aggregate] ?? aggregate
  return {
    options,
    category,
    write: writing.writer(steps, options, choose && ((aggregate, event) => choose(category(aggregate), event))),
    reader: <E extends Event.Any>({ aggregates, events, name }: {
      readonly name?: string | undefined
      readonly aggregates: ReadonlyArray<string>
      readonly events: ReadonlyArray<E>
    }) => {
      // What is asked for that cannot be written is found before there is anything to write.
      for (const event of events) writing.asked(steps, options, event)
      const reader = makeReader(steps, policiesOf(options, name), aggregates.map(category), events)
      // The table holds only reads of these events, and of what is read as one of them.
      return reader as unknown as Reader<Event.Type<E>>
    }
  }
}

/**
 * Provides an upcaster. Without options it follows the revisions of each event.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Upcaster> => Layer.sync(Upcaster, () => make(options))
