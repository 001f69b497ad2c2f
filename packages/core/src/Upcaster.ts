/**
 * The one place where stored events become the events a program knows.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Event from "./Event.ts"
import * as definition from "./internal/definition.ts"
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
  /** 0-based place among the events that the stored one has become. */
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
  /** What a stored event has become: none, one or several events. Pure. */
  readonly upcast: (stored: StoredEvent) => Result.Result<ReadonlyArray<Upcast<A>>, Unreadable>
}

/**
 * Makes readers. Every reader of events goes through one: `load`, projections, subscriptions, exports.
 *
 * @category services
 * @since 0.1.0
 */
export class Upcaster extends Context.Service<Upcaster, {
  /** The category that the instances of an aggregate are stored under. */
  readonly category: (aggregate: string) => string
  /** A reader of the events of some aggregates. Made once, used for every event. */
  readonly reader: <E extends Event.Any>(options: {
    readonly aggregates: ReadonlyArray<string>
    readonly events: ReadonlyArray<E>
  }) => Reader<Event.Type<E>>
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
 * What has changed beside the revisions of events.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Stored type to the event that it is read as today. */
  readonly renamed?: { readonly [storedType: string]: Event.Any } | undefined
  /** Name of an aggregate to the category that it is stored under, where they differ. Read and written. */
  readonly categories?: { readonly [aggregate: string]: string } | undefined
  readonly splits?: ReadonlyArray<Split> | undefined
  /** Stored types that nobody needs any more. */
  readonly dropped?: ReadonlyArray<string> | undefined
  /** A type that is not among the events asked for. `fail`, unless told. */
  readonly unknownType?: Policy | undefined
  /** A revision that a newer program wrote. `fail`, unless told. */
  readonly newerRevision?: Policy | undefined
  /** An event whose payload was erased. `fail`, unless told. */
  readonly erased?: Policy | undefined
}

type Read = (stored: StoredEvent) => Result.Result<ReadonlyArray<Upcast<{ readonly _tag: string }>>, Unreadable>

const none: ReadonlyArray<never> = []
const skipped = Result.succeed(none)

const unreadable = (stored: StoredEvent, why: Unreadable["why"], cause?: unknown) => {
  const { position, revision, stream, type, version } = stored
  return Result.fail(new Unreadable({ stream, version, position, type, revision, why, cause }))
}

const one = (event: Event.Any): Read => (stored) => {
  const decoded = Event.decode(event, stored)
  return Result.isSuccess(decoded)
    ? Result.succeed([{ event: decoded.success, index: 0 }])
    : unreadable(stored, decoded.failure.why, decoded.failure.cause)
}

/** A split yields what it yields; a reader gets those that it asked for, under the index they have in the whole. */
const several = ({ f, from, into }: Split, wanted: ReadonlySet<string>): Read => {
  const fits = new Map(into.map(({ schema, tag }) => [tag, Schema.is(schema)]))
  return (stored) => {
    const decoded = Event.decode(from, stored)
    if (Result.isFailure(decoded)) return unreadable(stored, decoded.failure.why, decoded.failure.cause)
    try {
      // `split` has checked that `f` takes what `from` describes.
      const events = f(decoded.success as never)
      const wrong = events.find((event) => fits.get(event._tag)?.(event) !== true)
      if (events.length > Limits.eventsPerSplit || wrong !== undefined) {
        const what = wrong === undefined
          ? `more than ${Limits.eventsPerSplit} events`
          : `a ${wrong._tag} that ${fits.has(wrong._tag) ? "does not fit its schema" : "it does not split into"}`
        return unreadable(stored, "UpcastFailed", new Error(`The split of ${from.tag} returned ${what}`))
      }
      return Result.succeed(
        events.map((event, index) => ({ event, index })).filter(({ event }) => wanted.has(event._tag))
      )
    } catch (cause) {
      return unreadable(stored, "UpcastFailed", cause)
    }
  }
}

/** Stored type to how it is read: every event under its own name, then what the options say of older names. */
const table = (options: Options, events: ReadonlyArray<Event.Any>): ReadonlyMap<string, Read> => {
  const wanted = new Set(events.map(({ tag }) => tag))
  const reads = new Map<string, Read>(events.map((event) => [event.tag, one(event)]))
  for (const [type, event] of Object.entries(options.renamed ?? {})) {
    if (wanted.has(event.tag)) reads.set(type, one(event))
  }
  for (const split of options.splits ?? []) {
    if (split.into.some(({ tag }) => wanted.has(tag))) reads.set(split.from.tag, several(split, wanted))
  }
  return reads
}

const checkOptions = ({ categories = {}, dropped = [], renamed = {}, splits = [] }: Options): void => {
  for (const category of definition.duplicates(Object.values(categories))) {
    throw definition.defect(`Upcaster: two aggregates are stored under the category ${category}`)
  }
  const named = [...Object.keys(renamed), ...splits.map(({ from }) => from.tag), ...dropped]
  for (const type of definition.duplicates(named)) {
    throw definition.defect(`Upcaster: stored type ${type} is renamed, split or dropped more than once`)
  }
}

const makeReader = (options: Options, categories: ReadonlyArray<string>, events: ReadonlyArray<Event.Any>) => {
  for (const tag of definition.duplicates(events.map(({ tag }) => tag))) {
    throw definition.defect(`Two events of the tag ${tag}: a tag names one event of a store`)
  }
  const dropped = new Set(options.dropped)
  const old = new Set([
    ...dropped,
    ...Object.keys(options.renamed ?? {}),
    ...(options.splits ?? []).map(({ from }) => from.tag)
  ])
  for (const { tag } of events) {
    if (old.has(tag)) throw definition.defect(`Upcaster: ${tag} is renamed, split or dropped, and still asked for`)
  }
  const reads = table(options, events)
  const types = Array.from(reads.keys())
  const upcast: Read = (stored) => {
    if (dropped.has(stored.type)) return skipped
    const read = reads.get(stored.type)
    if (read === undefined) return options.unknownType === "skip" ? skipped : unreadable(stored, "UnknownType")
    if (stored.payload === null) return options.erased === "skip" ? skipped : unreadable(stored, "Erased")
    const result = read(stored)
    return options.newerRevision === "skip" && Result.isFailure(result) && result.failure.why === "NewerRevision"
      ? skipped
      : result
  }
  return {
    sources: categories.flatMap((category) => types.map((type) => ({ category, type }))),
    types,
    upcast
  }
}

/**
 * Makes an upcaster that follows the revisions of each event, and what the options say.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Upcaster["Service"] => {
  checkOptions(options)
  const category = (aggregate: string) => options.categories?.[aggregate] ?? aggregate
  return {
    category,
    reader: <E extends Event.Any>({ aggregates, events }: {
      readonly aggregates: ReadonlyArray<string>
      readonly events: ReadonlyArray<E>
    }) =>
      // The table holds only reads of these events, and of what is read as one of them.
      makeReader(options, aggregates.map(category), events) as unknown as Reader<Event.Type<E>>
  }
}

/**
 * Provides an upcaster. Without options it follows the revisions of each event.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Upcaster> => Layer.sync(Upcaster, () => make(options))
