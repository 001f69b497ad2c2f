import * as Context from "effect/Context"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Event from "../Event.ts"
import type { Refused } from "../EventStoreError.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import { StreamName } from "../StreamName.ts"

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
  /**
   * What runs definitions. It comes along with what every such layer requires, so that a program which runs none, as in a
   * browser, does not load it. Whoever changes an upcaster hands it on: `{ ...upcaster, reader }`.
   */
  readonly "~machinery": unknown
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
