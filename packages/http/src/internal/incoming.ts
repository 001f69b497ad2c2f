import type { Aggregate, Projection } from "@varve/core"
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Limits from "../Limits.ts"
import * as codecs from "./codecs.ts"
import * as paths from "./paths.ts"
import * as problems from "./problems.ts"
import type { Problem } from "./problems.ts"

/** A request whose path was read: the segments behind the prefix, decoded, and the parameters. */
export interface Incoming {
  readonly request: HttpServerRequest
  /** Segments behind that of the part, as they were sent. */
  readonly rest: ReadonlyArray<string>
  readonly query: URLSearchParams
}

/** The request that an endpoint is at work on, where effect's middleware stands between. */
export class Current extends Context.Service<Current, Incoming>()("@varve/http/Incoming") {}

/** The segments of a path, and the parameters behind it. Empty segments are none. */
export const parse = (url: string): { readonly segments: ReadonlyArray<string>; readonly query: string } => {
  const hash = url.indexOf("#")
  const whole = hash < 0 ? url : url.slice(0, hash)
  const mark = whole.indexOf("?")
  const path = mark < 0 ? whole : whole.slice(0, mark)
  return { segments: path.split("/").filter((segment) => segment !== ""), query: mark < 0 ? "" : whole.slice(mark + 1) }
}

/** The text of a segment: an id, or a key. */
export const text = (segment: string, name: string): Exit.Exit<string, Problem> => {
  const decoded = paths.decodeSegment(segment)
  return decoded === undefined
    ? Exit.fail(problems.badPart(["path", name], "UTF-8, percent-encoded"))
    : Exit.succeed(decoded)
}

const noParameters: Exit.Exit<ReadonlyMap<string, string>> = Exit.succeed(new Map<string, string>())

/** The parameters of a request, each once, all of them known: one that is misspelt would be answered as if it were not there. */
export const parameters = (
  { query }: Incoming,
  isKnown: (name: string) => boolean,
  expected: string
): Exit.Exit<ReadonlyMap<string, string>, Problem> => {
  if (query.size === 0) return noParameters
  const found = new Map<string, string>()
  for (const [name, value] of query) {
    if (!isKnown(name)) {
      return Exit.fail(problems.badPart(["query", name], `a parameter of the endpoint (${expected})`))
    }
    if (found.has(name)) return Exit.fail(problems.badPart(["query", name], "the parameter once"))
    found.set(name, value)
  }
  return Exit.succeed(found)
}

/** A whole number of a range; `undefined` where there is none. */
export const int = (
  path: readonly [part: string, name: string],
  value: string | undefined,
  minimum: number,
  maximum: number
): Exit.Exit<number | undefined, Problem> => {
  if (value === undefined) return Exit.succeed(undefined)
  const number = /^(0|[1-9][0-9]{0,15})$/.test(value) ? Number(value) : Number.NaN
  return number >= minimum && number <= maximum
    ? Exit.succeed(number)
    : Exit.fail(problems.badPart(path, `a whole number from ${minimum} to ${maximum}`))
}

const atForms = "position:12, recordedAt:2026-01-31T12:00:00Z or occurredAt:2026-01-31T12:00:00Z"

/** The point of an instance that is asked for. */
export const instanceAt = (value: string | undefined): Exit.Exit<Aggregate.At | undefined, Problem> => {
  if (value === undefined) return Exit.succeed(undefined)
  const at = codecs.decodeAt(value)
  return at === undefined
    ? Exit.fail(problems.badPart(["query", "at"], `version:7, ${atForms}`))
    : Exit.succeed(at)
}

/** The point of the store that is asked for. */
export const storeAt = (value: string | undefined): Exit.Exit<Projection.At | undefined, Problem> => {
  if (value === undefined) return Exit.succeed(undefined)
  const at = codecs.decodeAt(value)
  return at === undefined || "version" in at
    ? Exit.fail(problems.badPart(["query", "at"], atForms))
    : Exit.succeed(at)
}

/** What a reader waits for, and how long. */
export const readOptions = ({ request: { headers } }: Incoming): Exit.Exit<Projection.ReadOptions, Problem> => {
  const after = headers["varve-after"]
  if (after === undefined) return Exit.succeed({})
  const place = codecs.decodePlace(after)
  if (place === undefined) {
    return Exit.fail(problems.badPart(["headers", "varve-after"], "a position, or a store, a colon and a position"))
  }
  return Exit.map(
    int(["headers", "varve-wait"], headers["varve-wait"], 0, Limits.waitMillis),
    (timeout = Limits.waitMillisDefault) => ({ after: codecs.afterOfPlace(place), timeout })
  )
}

/** What a command expects of its instance: that it has events, or one of some versions. */
export type Match = "exists" | readonly [first: number, ...others: ReadonlyArray<number>]

/** What a command expects, as `If-Match` says it (RFC 9110, 13.1.1). */
export const match = ({ request: { headers } }: Incoming): Exit.Exit<Match | undefined, Problem> => {
  const value = headers["if-match"]
  if (value === undefined) return Exit.succeed(undefined)
  if (value.trim() === "*") return Exit.succeed("exists")
  const tags = value.split(",").map((tag) => /^\s*"(0|[1-9][0-9]{0,9})"\s*$/.exec(tag)?.[1])
  return tags.includes(undefined)
    ? Exit.fail(problems.badPart(["headers", "if-match"], "versions in quotes, as an ETag gives one: \"7\"; or *"))
    // A text that is split has a part, and every part has a version.
    : Exit.succeed(tags.map(Number) as [number, ...Array<number>])
}

const keyPattern = new RegExp(`^[!-~]{1,${Limits.keyCharacters}}$`)

/** What a client tells this command from others by. */
export const idempotencyKey = ({ request: { headers } }: Incoming): Exit.Exit<string | undefined, Problem> => {
  const key = headers["idempotency-key"]
  return key === undefined || keyPattern.test(key)
    ? Exit.succeed(key)
    : Exit.fail(
      problems.badPart(["headers", "idempotency-key"], `1 to ${Limits.keyCharacters} printable characters of ASCII`)
    )
}

const isJson = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^application\/json\s*(;|$)/i.test(contentType)

const tooLarge = (limitBytes: number): Problem =>
  problems.make("TooLarge", `At most ${limitBytes} bytes`, { limitBytes })

/** Takes no bytes for text that are none: what is not UTF-8 would be stored as something else (U+FFFD). */
const utf8 = new TextDecoder("utf-8", { fatal: true })

/** The JSON that bytes are; `undefined` where there are none. */
const parseBody = (bytes: ArrayBuffer, contentType: string | undefined): Effect.Effect<unknown, Problem> => {
  // Nothing needs no media type. What says to be a form comes from the page of anybody, and is none of ours.
  if (bytes.byteLength === 0 && (contentType === undefined || isJson(contentType))) return Effect.succeed(undefined)
  if (!isJson(contentType)) return Effect.fail(problems.make("NoMediaType", "Expected a body of application/json"))
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return Effect.fail(problems.badPart(["body"], "UTF-8"))
  }
  try {
    return Effect.succeed(JSON.parse(text) as unknown)
  } catch {
    return Effect.fail(problems.badPart(["body"], "JSON"))
  }
}

/**
 * The body as JSON; `undefined` where there is none.
 *
 * What comes next waits for the end of the turn of the event loop. The requests that have come in one turn are then carried
 * out one behind the other, without the server's work on connections in between: under load a command takes less
 * time, and what they write goes to the store in one batch.
 */
export const body = ({ request }: Incoming, limitBytes: number): Effect.Effect<unknown, Problem> => {
  // What says to be too large is not waited for.
  if (Number(request.headers["content-length"]) > limitBytes) return Effect.fail(tooLarge(limitBytes))
  const bytes = Effect.provideService(request.arrayBuffer, HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limitBytes))
  return bytes.pipe(
    Effect.mapError(({ reason }) =>
      reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
        ? tooLarge(limitBytes)
        : problems.badPart(["body"], "a body that can be read")
    ),
    Effect.flatMap((bytes) => Effect.flatMap(Effect.yieldNow, () => parseBody(bytes, request.headers["content-type"])))
  )
}
