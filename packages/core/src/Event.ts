/**
 * Declares events: facts in the past tense, whose stored payloads are read for ever.
 *
 * **Details**
 *
 * An event is a tag and a chain of revisions, the schemas its payload has had. Writers produce the newest. A reader
 * decodes the revision that was stored and lifts it, one upcast at a time, to the newest; what an upcast returns passes
 * through the schema of its revision, defaults and checks included, before the next one sees it.
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
import * as definition from "./internal/definition.ts"

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
  /**
   * Adds the next revision. Its number is written out and must be one above the last; `upcast` sees the decoded
   * payload of the last revision and returns what the `make` of the next one takes.
   */
  readonly revise: <const Next extends Schema.Struct.Fields>(
    revision: Successor<N>,
    fields: Next,
    upcast: (previous: Schema.Struct<Fields>["Type"]) => Schema.Struct<Next>["~type.make.in"]
  ) => Event<Tag, Next, Successor<N>>
}

/**
 * One revision of an event: the schema its payload had, and how the payload of the revision before becomes its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Revision {
  readonly revision: number
  /** Schema of the payload, without the tag. */
  readonly schema: Schema.Codec<unknown, unknown>
  /** Whether the payload has no fields. */
  readonly empty: boolean
  /** Pure. For revision 1 it is never called. */
  readonly upcast: (previous: never) => unknown
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
  return build(tag, fields, [revisionOf(tag, 1, fields, (payload) => payload)]) as unknown as Event<Tag, Fields, 1>
}

const isEmpty = (fields: object): boolean => Object.keys(fields).length === 0

const revisionOf = (
  tag: string,
  revision: number,
  fields: Schema.Struct.Fields,
  upcast: (previous: never) => unknown
): Revision => {
  if ("_tag" in fields) throw definition.defect(`Event ${tag}, revision ${revision}: "_tag" is the tag, not a field`)
  // A struct without fields is any value to a schema; the payload of an event without fields is an object.
  const schema = isEmpty(fields) ? Schema.Record(Schema.String, Schema.Unknown) : Schema.Struct(fields)
  // Fields of events ask for no services: the codec of the store runs synchronously.
  return { revision, schema: schema as unknown as Schema.Codec<unknown, unknown>, empty: isEmpty(fields), upcast }
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
    make: (input: never) => definition.construct(`Event ${tag}, revision ${revision}`, schema, input),
    revise: (next: number, nextFields: Schema.Struct.Fields, upcast: (previous: never) => unknown) => {
      if (next !== revision + 1) {
        throw definition.defect(`Event ${tag}: expected revision ${revision + 1} after ${revision}, got ${next}`)
      }
      return build(tag, nextFields, [...revisions, revisionOf(tag, next, nextFields, upcast)])
    }
  })
}

/**
 * Why a stored payload could not be made an event of the newest revision.
 *
 * @category models
 * @since 0.1.0
 */
export interface Undecodable {
  /**
   * - `NewerRevision`: this program does not know the revision
   * - `InvalidPayload`: the payload does not fit the schema of its revision
   * - `UpcastFailed`: an upcast threw, or returned what its revision does not accept
   */
  readonly why: "NewerRevision" | "InvalidPayload" | "UpcastFailed"
  /** The revision at which it failed. */
  readonly revision: number
  readonly cause: unknown
}

/** The compiled codecs of an event: made at first use, so that a declaration costs nothing. */
interface Codecs {
  readonly encode: (value: unknown) => unknown
  readonly decode: ReadonlyArray<(payload: unknown) => Result.Result<unknown, Schema.SchemaError>>
}

const codecs = new WeakMap<ReadonlyArray<Revision>, Codecs>()

const codecsOf = (event: Any): Codecs => {
  const known = codecs.get(event.revisions)
  if (known !== undefined) return known
  const json = event.revisions.map(({ schema }) => Schema.toCodecJson(schema))
  const encode = Schema.encodeUnknownSync(json.at(-1)!)
  const decode = json.map((codec, i) => {
    const decode = Schema.decodeUnknownResult(codec)
    return event.revisions[i]!.empty ? (payload: unknown) => Result.map(decode(payload), () => ({})) : decode
  })
  const made: Codecs = { encode: event.revisions.at(-1)!.empty ? () => ({}) : encode, decode }
  codecs.set(event.revisions, made)
  return made
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
): Result.Result<Schema.JsonObject, Schema.SchemaError> =>
  Result.try({
    // A struct encodes to an object, and the JSON codec makes JSON of what is in it. The tag is no field of it.
    try: () => codecsOf(event).encode(value) as Schema.JsonObject,
    catch: (cause) => {
      if (Schema.isSchemaError(cause)) return cause
      throw cause
    }
  })

/**
 * Makes a stored payload of any known revision an event of the newest one. Pure.
 *
 * @category encoding
 * @since 0.1.0
 */
export const decode = <E extends Any>(
  event: E,
  stored: { readonly revision: number; readonly payload: unknown }
): Result.Result<Type<E>, Undecodable> => {
  const { payload, revision } = stored
  const decoder = codecsOf(event).decode[revision - 1]
  if (decoder === undefined) return Result.fail({ why: "NewerRevision", revision, cause: undefined })
  const decoded = decoder(payload)
  if (Result.isFailure(decoded)) return Result.fail({ why: "InvalidPayload", revision, cause: decoded.failure })
  if (revision < event.revision) {
    const lifted = lift(event, revision, decoded.success)
    return Result.isFailure(lifted)
      ? Result.fail(lifted.failure)
      : Result.succeed(tagged(event, lifted.success, payload))
  }
  return Result.succeed(tagged(event, decoded.success, payload))
}

/** A decoded struct is a new object, so the tag is put on it; the stored payload itself is never touched. */
const tagged = <E extends Any>(event: E, value: unknown, payload: unknown): Type<E> => {
  const own = value === payload ? { ...(payload as object) } : value as object
  // The newest revision's schema has made the fields, and the tag makes the rest of the type.
  return Object.assign(own, { _tag: event.tag }) as unknown as Type<E>
}

/** Runs the upcasts above `from`, each through the `make` of its revision. */
const lift = (event: Any, from: number, payload: unknown): Result.Result<unknown, Undecodable> => {
  let lifted = payload
  for (const { revision, schema, upcast } of event.revisions.slice(from)) {
    try {
      // An upcast takes what the revision before decodes to: `revise` has checked the types of both.
      lifted = schema.make(upcast(lifted as never))
    } catch (cause) {
      return Result.fail({ why: "UpcastFailed", revision, cause: new Error(definition.reasonOf(cause), { cause }) })
    }
  }
  return Result.succeed(lifted)
}
