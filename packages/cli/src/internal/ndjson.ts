/**
 * An event as a line of text: what `varve export` writes and `varve import` reads. One JSON object an event, its keys in
 * a fixed order, so that equal events are equal lines.
 */
import * as CommitId from "@varve/core/CommitId"
import * as Limits from "@varve/core/Limits"
import * as StoredEvent from "@varve/core/StoredEvent"
import * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as exactJson from "./exactJson.ts"
import { type Failed, failed } from "./Failed.ts"
import type { Line } from "./lines.ts"

/** Longest line, in bytes: the largest payload, the largest metadata, and the names and numbers beside them. */
export const lineBytes: number = Limits.payloadBytes + Limits.metadataBytes + 8_192

const time = (at: DateTime.Utc): string => new Date(at.epochMilliseconds).toISOString()

/**
 * The line of an event, without its end. The first event of a commit of several says how many there are, where that is
 * known, so that a commit whose end was cut off is not taken for a whole one.
 */
export const format = (event: StoredEvent.StoredEvent, commitEvents = 1): string => {
  const { commitId, commitIndex, metadata, payload, position, revision, stream, type, version } = event
  const { category, id, tenant } = stream
  return exactJson.stringify({
    position,
    recordedAt: time(event.recordedAt),
    commitId,
    commitIndex,
    ...(commitIndex === 0 && commitEvents > 1 ? { commitEvents } : {}),
    tenant,
    category,
    id,
    version,
    type,
    revision,
    occurredAt: time(event.occurredAt),
    payload,
    metadata
  })
}

/** The lines of the events of whole commits, each with its end. */
export const formatAll = (events: ReadonlyArray<StoredEvent.StoredEvent>): string => {
  const lines: Array<string> = []
  let commitEvents = 0
  for (const event of events.toReversed()) {
    commitEvents++
    lines.push(`${format(event, commitEvents)}\n`)
    if (event.commitIndex === 0) commitEvents = 0
  }
  return lines.reverse().join("")
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

const isTime = (text: string): boolean => {
  const millis = timePattern.test(text) ? Date.parse(text) : Number.NaN
  return millis >= Limits.earliestMillis && millis <= Limits.latestMillis && new Date(millis).toISOString() === text
}

const Time = Schema.String.check(Schema.makeFilter(isTime))
const Name = Schema.String.check(Schema.isPattern(Limits.namePattern))
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
/** What is in it is the business of its own schema; here nothing of it is copied. */
const JsonObject = Schema.Unknown.check(Schema.makeFilter(isObject))

const Fields = Schema.Struct({
  position: Count,
  recordedAt: Time,
  commitId: CommitId.CommitId,
  commitIndex: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Limits.eventsPerCommit - 1 })),
  commitEvents: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: Limits.eventsPerCommit }))),
  tenant: Schema.String,
  category: Name,
  id: Schema.String.check(Schema.isMinLength(1)),
  version: Count,
  type: Name,
  revision: Count,
  occurredAt: Time,
  payload: Schema.NullOr(JsonObject),
  metadata: JsonObject
})

/** What a person is told of a field that is wrong. */
const words = new Map(Object.entries(
  {
    position: "a whole number from 1 on",
    recordedAt: "a time such as 2026-01-31T12:00:00.000Z",
    commitId: "a UUID in lower case",
    commitIndex: `a whole number from 0 to ${Limits.eventsPerCommit - 1}`,
    commitEvents: `a whole number from 2 to ${Limits.eventsPerCommit}`,
    tenant: "a string",
    category: "a letter, then up to 127 letters, digits or underscores",
    id: "a string that is not empty",
    version: "a whole number from 1 on",
    type: "a letter, then up to 127 letters, digits or underscores",
    revision: "a whole number from 1 on",
    occurredAt: "a time such as 2026-01-31T12:00:00.000Z",
    payload: "a JSON object, or null when it was erased",
    metadata: "a JSON object"
  } satisfies { readonly [field in keyof typeof Fields.Type]: string }
))

// A field that is not known would be lost on the way.
const decode = Schema.decodeUnknownResult(Fields, { onExcessProperty: "error" })
const issues = SchemaIssue.makeFormatterStandardSchemaV1()
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const textOf = (value: unknown): string => {
  try {
    return JSON.stringify(value)
  } catch {
    // It came out of JSON, and JSON has no limit that writing it again does not have.
    return "a value that is nested too deep"
  }
}

/** An unknown value in a message: short, and without what a terminal obeys. */
const show = (value: unknown): string => {
  if (value === undefined) return "none"
  const text = textOf(value)
  return (text.length <= 80 ? text : `${text.slice(0, 80)}…`).replaceAll(
    /[\u007F-\u009F]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
}

/** What messages call a line. */
export const placeOf = (source: string, number: number): string =>
  `${source}, ${number === 0 ? "last line" : `line ${number}`}`

/** Why a line cannot be taken. */
export const badLine = (source: string, number: number, what: string, expected: string, actual: string): Failed =>
  failed(`${placeOf(source, number)}${what === "" ? "" : `, ${what}`}`, expected, actual)

type Values = typeof Fields.Type

const storedEvent = (values: Values): StoredEvent.StoredEvent => {
  const { category, commitId, commitIndex, id, metadata, payload, position, revision, tenant, type, version } = values
  return {
    id: StoredEvent.id(commitId, commitIndex),
    commitId,
    commitIndex,
    stream: { tenant, category, id },
    version,
    position: StoredEvent.position(position),
    type,
    revision,
    // Both came out of JSON, and are an object or `null`.
    payload: payload as Schema.Json,
    metadata: metadata as StoredEvent.EventMetadata,
    occurredAt: DateTime.makeUnsafe(Date.parse(values.occurredAt)),
    recordedAt: DateTime.makeUnsafe(Date.parse(values.recordedAt))
  }
}

/** Reads JSON of anybody's making. `StoredEvent.parseJson` alone takes for granted that its text is JSON. */
const parseJson = (text: string): unknown => {
  if (text.includes("\\")) JSON.parse(text)
  return StoredEvent.parseJson(text)
}

/** What a line says. */
export interface Parsed {
  readonly event: StoredEvent.StoredEvent
  /** How many events its commit has, where the line says it. */
  readonly commitEvents: number | undefined
}

/** Makes a line an event, or tells which field of it is wrong. What would be stored as another value is refused. */
export const parse = (source: string, line: Line): Result.Result<Parsed, Failed> => {
  const bad = (what: string, expected: string, actual: string) =>
    Result.fail(badLine(source, line.number, what, expected, actual))
  if (line.length > lineBytes) return bad("", `at most ${lineBytes} bytes`, `${line.length} bytes`)
  let text: string
  try {
    text = utf8.decode(line.bytes)
  } catch {
    return bad("", "text in UTF-8", "other bytes")
  }
  let value: unknown
  try {
    value = parseJson(text)
  } catch {
    return line.ended
      ? bad("", "a JSON object", text.trim() === "" ? "an empty line" : show(text))
      : bad("", "a whole line", "the end of the file in the middle of one")
  }
  if (!isObject(value)) return bad("", "a JSON object", show(value))
  const decoded = decode(value)
  if (Result.isFailure(decoded)) {
    const [first] = issues(decoded.failure.issue).issues
    const field = String(first?.path?.[0])
    return bad(
      field,
      words.get(field) ?? "no such field",
      show((value as { readonly [field: string]: unknown })[field])
    )
  }
  const event = storedEvent(decoded.success)
  const { commitEvents } = decoded.success
  if (commitEvents !== undefined && event.commitIndex > 0) {
    return bad("commitEvents", "none but in the first line of a commit", `${commitEvents}`)
  }
  try {
    // Control characters and lone surrogates are the only ones that a writer of JSON has to escape by number.
    if (format(event, commitEvents) !== text || text.includes("\\u")) exactJson.check(text, value)
  } catch (error) {
    if (error instanceof exactJson.Inexact) return bad("", error.expected, error.actual)
    throw error
  }
  return Result.succeed({ event, commitEvents })
}
