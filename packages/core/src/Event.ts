/**
 * Declares events: facts in the past tense, whose stored payloads are read for ever.
 *
 * **Details**
 *
 * An event is a tag and a chain of revisions, the schemas its payload has had. Writers produce the newest. A reader
 * decodes the revision that was stored and lifts it, one upcast at a time, to the newest; what an upcast returns passes
 * through the schema of its revision, defaults and checks included, before the next one sees it. A revision may also say
 * the way back, a downcast, for the time in which programs live that cannot read it. `Change` has both ready-made.
 *
 * **Example** (An event with two revisions)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { Event } from "@varve/core"
 *
 * class MoneyDeposited extends Event.make("MoneyDeposited", { euros: Schema.Finite }).revise(
 *   2,
 *   { cents: Schema.Int, currency: Schema.Literals(["EUR", "USD"]) },
 *   ({ euros }) => ({ cents: Math.round(euros * 100), currency: "EUR" })
 * ) {}
 *
 * const old = Event.decode(MoneyDeposited, { revision: 1, payload: { euros: 12.34 } })
 *
 * Result.getOrThrow(old) // => { _tag: "MoneyDeposited", cents: 1234, currency: "EUR" }
 * ```
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Change } from "./Change.ts"
import * as steps from "./internal/changeSteps.ts"
import * as definition from "./internal/definition.ts"
import * as codec from "./internal/eventCodec.ts"
import type { Revision, Undecodable, Unwritable } from "./internal/eventCodec.ts"

export {
  /**
   * One revision of an event: the schema its payload had, and how the payload of the revision before becomes its own.
   *
   * @category models
   * @since 0.1.0
   */
  type Revision,
  /**
   * Why a stored payload could not be made an event of the newest revision.
   *
   * @category models
   * @since 0.1.0
   */
  type Undecodable,
  /**
   * Why an event cannot be written in a revision.
   *
   * @category models
   * @since 0.1.0
   */
  type Unwritable
}

/**
 * Marks event definitions at run time.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId = "~@varve/core/Event"

/**
 * An event: its tag, its newest schema and revision, and every revision before.
 *
 * @category models
 * @since 0.1.0
 */
export interface Event<Tag extends string, Fields extends Schema.Struct.Fields, N extends number> {
  new(_: never): Schema.TaggedStruct<Tag, Fields>["Type"]
  readonly [TypeId]: typeof TypeId
  /** The name it is stored under. Unique in a store, and never changed. */
  readonly tag: Tag
  /** Its newest revision, which is what writers produce. */
  readonly revision: N
  /** The newest revision, tag included. */
  readonly schema: Schema.TaggedStruct<Tag, Fields>
  /** Every revision, oldest first: revision n is at n - 1. */
  readonly revisions: ReadonlyArray<Revision>
  /** Builds an event of the newest revision. Throws (a defect) when a field does not fit. */
  readonly make: (fields: Schema.TaggedStruct<Tag, Fields>["~type.make.in"]) => Schema.TaggedStruct<Tag, Fields>["Type"]
  /** Adds the next revision. Its number is written out and must be one above the last. */
  readonly revise: Revise<Tag, Fields, N>
}

/**
 * Adds the next revision of an event.
 *
 * **Details**
 *
 * With fields and functions: `upcast` sees the decoded payload of the last revision and returns what the `make` of the
 * next one takes; `downcast`, the way back, is for writing the last revision while programs live that cannot read the
 * next. With a change: ready-made ones are in `Change`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Revise<Tag extends string, Fields extends Schema.Struct.Fields, N extends number> {
  <const Next extends Schema.Struct.Fields>(
    revision: Successor<N>,
    fields: Next,
    upcast: (previous: Schema.Struct<Fields>["Type"]) => Schema.Struct<Next>["~type.make.in"],
    downcast?: (next: Schema.Struct<Next>["Type"]) => Schema.Struct<Fields>["~type.make.in"]
  ): Event<Tag, Next, Successor<N>>
  <To extends Schema.Struct.Fields>(
    revision: Successor<N>,
    change: (payload: Change<Fields, Fields>) => Change<Fields, To>
  ): Event<Tag, To, Successor<N>>
}

/**
 * Any event: what they have in common.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  new(_: never): { readonly _tag: string }
  readonly [TypeId]: typeof TypeId
  readonly tag: string
  readonly revision: number
  readonly schema: Schema.Top
  readonly revisions: ReadonlyArray<Revision>
}

/**
 * What an event definition, or a union of them, describes.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Type<E extends Any> = E extends { new(_: never): infer A } ? A : never

/**
 * The definition of a union that has the tag.
 *
 * @category type-level
 * @since 0.1.0
 */
export type WithTag<E extends Any, Tag extends string> = Extract<E, { readonly tag: Tag }>

type Count<N extends number, Acc extends ReadonlyArray<unknown> = []> = Acc["length"] extends N ? Acc
  : Count<N, [...Acc, unknown]>

/**
 * The number after `N`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Successor<N extends number> = [...Count<N>, unknown]["length"] & number

/**
 * Declares an event with its first revision.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Tag extends string, const Fields extends Schema.Struct.Fields>(
  tag: Tag,
  fields: Fields
): Event<Tag, Fields, 1> => {
  definition.checkName("Event", tag)
  // `build` gives what the interface lists; the types of the fields exist only here.
  return build(tag, fields, [
    revisionOf(tag, 1, fields, { upcast: (payload) => payload, downcast: undefined, made: true })
  ]) as unknown as Event<Tag, Fields, 1>
}

const isEmpty = (fields: object): boolean => Object.keys(fields).length === 0

const revisionOf = (
  tag: string,
  revision: number,
  fields: Schema.Struct.Fields,
  { downcast, made, upcast }: Pick<Revision, "upcast" | "downcast" | "made">
): Revision => {
  if (Object.hasOwn(fields, "_tag")) {
    throw definition.defect(`${named(tag, revision)}: "_tag" is the tag, not a field: give the field another name`)
  }
  // A struct without fields is any value to a schema; the payload of an event without fields is an object.
  const schema = isEmpty(fields) ? Schema.Record(Schema.String, Schema.Unknown) : Schema.Struct(fields)
  // Fields of events ask for no services: the codec of the store runs synchronously.
  const codec = schema as unknown as Schema.Codec<unknown, unknown>
  return { revision, schema: codec, empty: isEmpty(fields), upcast, downcast, made }
}

const named = (tag: string, revision: number): string => `Event ${tag}, revision ${revision}`

/** What `revise` takes, as it is at run time. */
type Given =
  | [change: (payload: steps.Change) => unknown]
  | [fields: Schema.Struct.Fields, upcast: (previous: never) => unknown, downcast?: (next: never) => unknown]

const checkSuccessor = (tag: string, revision: number, next: number): void => {
  if (next === revision + 1) return
  const remedy = next <= revision
    ? `revisions up to ${revision} are declared already, so write revise(${revision + 1}, …)`
    : `the hop from ${revision} to ${revision + 1} is missing, so write revise(${revision + 1}, …) first`
  const what = `expected revision ${revision + 1} after ${revision}, got ${next}`
  throw definition.eventDefect(`Event ${tag}: ${what}: ${remedy}`, {
    kind: "MissingRevision",
    event: tag,
    revision: revision + 1,
    what,
    remedy
  })
}

/** The fields of the next revision and the ways to and from it. */
const nextOf = (what: string, fields: Schema.Struct.Fields, given: Given) => {
  const [first, upcast, downcast] = given
  if (typeof first !== "function") {
    if (typeof upcast === "function") return { fields: first, upcast, downcast, made: false }
    throw definition.defect(`${what}: the hop to it is missing: give revise an upcast after the fields, or a change`)
  }
  const start = steps.start(what, fields)
  const change = first(start)
  if (steps.isChangeOf(start, change)) {
    return { fields: change.fields, ...steps.functionsOf(change), made: true }
  }
  throw definition.defect(`${what}: expected a change of the payload that was given, such as Change.rename({ … })`)
}

const build = (tag: string, fields: Schema.Struct.Fields, revisions: ReadonlyArray<Revision>): object => {
  const schema = Schema.TaggedStruct(tag, fields)
  const revision = revisions.length
  return definition.base(tag, {
    [TypeId]: TypeId,
    tag,
    revision,
    schema,
    revisions,
    make: (input: never) => definition.construct(named(tag, revision), schema, input),
    revise: (next: number, ...given: Given) => {
      checkSuccessor(tag, revision, next)
      const { fields: changed, ...ways } = nextOf(named(tag, next), fields, given)
      return build(tag, changed, [...revisions, revisionOf(tag, next, changed, ways)])
    }
  })
}

/**
 * The payload to store for an event: JSON, without the tag. Fails when the event does not satisfy its own schema.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = <E extends Any>(
  event: E,
  value: Type<E>
): Result.Result<Schema.JsonObject, Schema.SchemaError> => codec.encode(event.revisions, value)

/**
 * The payload to store for an event in one of its revisions, which it is brought down to hop by hop.
 *
 * **When to use**
 *
 * While programs live that cannot read the newest revision. What is read back is what the upcasts make of the older
 * payload: a field that the older revision does not have comes back as its default.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeAs = <E extends Any>(
  event: E,
  value: Type<E>,
  revision: number
): Result.Result<Schema.JsonObject, Unwritable> => {
  return codec.encodeAs(event.revisions, value, revision)
}

/**
 * The oldest revision that events can be written in: the newest itself, unless its downcasts lead below it.
 *
 * @category encoding
 * @since 0.1.0
 */
export const oldestWritable = ({ revision, revisions }: Any): number => {
  let oldest = revision
  while (oldest > 1 && revisions[oldest - 1]!.downcast !== undefined) oldest--
  return oldest
}

/**
 * Makes a stored payload of any known revision an event of the newest one. Pure.
 *
 * @category encoding
 * @since 0.1.0
 */
export const decode = <E extends Any>(
  event: E,
  stored: { readonly revision: number; readonly payload: unknown }
): Result.Result<Type<E>, Undecodable> =>
  // The newest revision's schema has made the fields, and the tag makes the rest of the type.
  codec.decode(event.revisions, event.tag, stored.revision, stored.payload) as Result.Result<Type<E>, Undecodable>
