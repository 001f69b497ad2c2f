import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as definition from "./definition.ts"
import { remake } from "./remake.ts"

/** One revision of an event. Documented at `Event.Revision`. */
export interface Revision {
  readonly revision: number
  /** Schema of the payload, without the tag. */
  readonly schema: Schema.Codec<unknown, unknown>
  /** Whether the payload has no fields. */
  readonly empty: boolean
  /** Pure. For revision 1 it is never called. */
  readonly upcast: (previous: never) => unknown
  /** Pure: makes a payload of this revision one of the revision before, where the event says how. */
  readonly downcast: ((next: never) => unknown) | undefined
  /** Whether what the upcast returns has passed through the `make` of this revision. */
  readonly made: boolean
}

/** Why a payload cannot be read. Documented at `Event.Undecodable`. */
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

/** Why an event cannot be written in a revision. Documented at `Event.Unwritable`. */
export interface Unwritable {
  /**
   * - `InvalidEvent`: the event does not satisfy its own schema
   * - `UnknownRevision`: the event has no such revision
   * - `NoDowncast`: `revision` has no way back to the one before it
   * - `DowncastFailed`: the downcast of `revision` threw, or returned what the revision before does not accept
   */
  readonly why: "InvalidEvent" | "UnknownRevision" | "NoDowncast" | "DowncastFailed"
  /** The revision at which it failed. */
  readonly revision: number
  readonly cause: unknown
}

type Revisions = ReadonlyArray<Revision>

/** The compiled codecs of an event: made at first use, so that a declaration costs nothing. */
interface Codec {
  readonly encode: (payload: unknown) => unknown
  readonly decode: (payload: unknown) => Result.Result<unknown, Schema.SchemaError>
  /** The `make` of the revision, for what the upcast to it returns. What it gives is a new object. */
  readonly raised: (payload: unknown, before: never) => unknown
  /** The same for what the downcast to it returns. */
  readonly lowered: (payload: unknown, before: never) => unknown
}

const known = new WeakMap<Revisions, ReadonlyArray<Codec>>()

const codecsOf = (revisions: Revisions): ReadonlyArray<Codec> => {
  const codecs = known.get(revisions)
  if (codecs !== undefined) return codecs
  const made = revisions.map(({ empty, schema }, i): Codec => {
    const json = Schema.toCodecJson(schema)
    const decode = Schema.decodeUnknownResult(json)
    return {
      encode: empty ? () => ({}) : Schema.encodeUnknownSync(json),
      decode: empty ? (payload) => Result.map(decode(payload), () => ({})) : decode,
      raised: revisions[i]!.made ? (payload) => payload : makerOf(revisions[i - 1], revisions[i]!),
      lowered: makerOf(revisions[i + 1], revisions[i]!)
    }
  })
  known.set(revisions, made)
  return made
}

/** A revision that has fields is a struct. */
const structOf = ({ empty, schema }: Revision): Schema.Struct<Schema.Struct.Fields> | undefined =>
  empty ? undefined : schema as unknown as Schema.Struct<Schema.Struct.Fields>

const makerOf = (from: Revision | undefined, to: Revision): Codec["raised"] => {
  const struct = structOf(to)
  if (struct !== undefined) return remake(from && structOf(from)?.fields, struct)
  return (payload) => {
    to.schema.make(payload)
    return {}
  }
}

/** Encodes the payload of a revision, which is the newest unless told. */
export const encode = (
  revisions: Revisions,
  payload: unknown,
  revision = revisions.length
): Result.Result<Schema.JsonObject, Schema.SchemaError> =>
  Result.try({
    // A struct encodes to an object, and the JSON codec makes JSON of what is in it.
    try: () => codecsOf(revisions)[revision - 1]!.encode(payload) as Schema.JsonObject,
    catch: (cause) => {
      if (Schema.isSchemaError(cause)) return cause
      throw cause
    }
  })

/** Encodes an event, which has a tag, as a payload of one of its revisions, which has none. */
export const encodeAs = (
  revisions: Revisions,
  event: object,
  revision: number
): Result.Result<Schema.JsonObject, Unwritable> => {
  const newest = revisions.length
  if (!Number.isInteger(revision) || revision < 1 || revision > newest) {
    return Result.fail({ why: "UnknownRevision", revision, cause: undefined })
  }
  // What does not fit the newest is written in no revision: what would be read back of it is another event.
  const encoded = encode(revisions, event)
  if (Result.isFailure(encoded)) {
    return Result.fail({ why: "InvalidEvent", revision: newest, cause: encoded.failure })
  }
  if (revision === newest) return Result.succeed(encoded.success)
  const lowered = lower(revisions, event, revision)
  if (Result.isFailure(lowered)) return Result.fail(lowered.failure)
  return Result.mapError(
    encode(revisions, lowered.success, revision),
    (cause) => ({ why: "DowncastFailed", revision: revision + 1, cause })
  )
}

const untagged = (event: { readonly _tag?: string }): object => {
  const { _tag, ...payload } = event
  return payload
}

/** Runs the downcasts above `to`, each through the `make` of the revision it comes to. */
const lower = (revisions: Revisions, event: object, to: number): Result.Result<unknown, Unwritable> => {
  const codecs = codecsOf(revisions)
  let lowered: unknown = untagged(event)
  for (let revision = revisions.length; revision > to; revision--) {
    const { downcast } = revisions[revision - 1]!
    if (downcast === undefined) return Result.fail({ why: "NoDowncast", revision, cause: undefined })
    try {
      // A downcast takes what its revision decodes to: `revise` has checked the types of both.
      lowered = codecs[revision - 2]!.lowered(downcast(lowered as never), lowered as never)
    } catch (cause) {
      return Result.fail({ why: "DowncastFailed", revision, cause: new Error(definition.reasonOf(cause), { cause }) })
    }
  }
  return Result.succeed(lowered)
}

/**
 * Makes a stored payload of a revision an event of the newest. What it gives is a new object, never the stored payload.
 */
export const decode = (
  revisions: Revisions,
  tag: string,
  revision: number,
  payload: unknown
): Result.Result<object, Undecodable> => {
  const codecs = codecsOf(revisions)
  const codec = codecs[revision - 1]
  if (codec === undefined) return Result.fail({ why: "NewerRevision", revision, cause: undefined })
  const decoded = codec.decode(payload)
  if (Result.isFailure(decoded)) return Result.fail({ why: "InvalidPayload", revision, cause: decoded.failure })
  let lifted = decoded.success
  let at = revision
  try {
    while (at < revisions.length) {
      at++
      // An upcast takes what the revision before decodes to: `revise` has checked the types of both.
      lifted = codecs[at - 1]!.raised(revisions[at - 1]!.upcast(lifted as never), lifted as never)
    }
  } catch (cause) {
    const reason = new Error(definition.reasonOf(cause), { cause })
    return Result.fail({ why: "UpcastFailed", revision: at, cause: reason })
  }
  // The payload of an event is an object in each of its revisions.
  const own = (lifted === payload ? { ...lifted as object } : lifted) as { _tag: string }
  own._tag = tag
  return Result.succeed(own)
}
