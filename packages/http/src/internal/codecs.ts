import type { Aggregate, Projection } from "@varve/core"
import { Receipt } from "@varve/core/Commit"
import { ExecutionError } from "@varve/core/ExecutionError"
import * as ProjectionError from "@varve/core/ProjectionError"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as wire from "./wire.ts"

/** Values on their way over the wire and back, as JSON. Made once a schema. */
export interface Codec {
  /** A JSON value. Throws where the value does not fit its schema, unless it comes of the store itself. */
  readonly encode: (value: unknown) => unknown
  readonly decode: (json: unknown) => Result.Result<unknown, SchemaIssue.Issue>
}

const everything = { errors: "all" } as const

/** What travels is plain data: its schemas ask for no services. */
export const jsonOf = (schema: Schema.Top): Codec => {
  const codec = Schema.toCodecJson(schema as Schema.Codec<unknown, unknown>)
  return {
    encode: Schema.encodeUnknownSync(codec),
    decode: SchemaParser.decodeUnknownResult(codec, everything)
  }
}

/** Makes what is made of a definition when it is first asked for, once. */
const once = <K extends object, A>(make: (key: K) => A): (key: K) => A => {
  const made = new WeakMap<K, A>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const value = make(key)
    made.set(key, value)
    return value
  }
}

/** The contents of an aggregate. */
export interface AggregateCodecs {
  /** Whether a text is an id. */
  readonly id: (text: unknown) => Result.Result<unknown, SchemaIssue.Issue>
  /** Commands, tag included, by tag. */
  readonly commands: ReadonlyMap<string, Codec>
  readonly rejection: Codec
  readonly executed: Codec
  readonly loaded: Codec
  readonly evolved: Codec
  readonly evolvedPage: Codec
}

/** The last time that was written: many commits are recorded within the same millisecond. */
let latest = { millis: 0, text: new Date(0).toISOString() }

const timeOf = (millis: number): string => {
  if (latest.millis !== millis) latest = { millis, text: new Date(millis).toISOString() }
  return latest.text
}

/**
 * A receipt as its schema writes it, in less than half the time: it is the largest part of every answer to a command. It is the
 * word of the store, and is not looked at again.
 */
const encodeReceipt = ({ commitId, first, last, recordedAt, replayed, storeId, streams }: Receipt) => ({
  commitId,
  storeId,
  first,
  last,
  streams: streams.map(({ from, stream: { category, id, tenant }, to }) => ({
    stream: { tenant, category, id },
    from,
    to
  })),
  recordedAt: timeOf(recordedAt.epochMilliseconds),
  replayed
})

/** What is executed, written part by part: less than half the time of the schema of the whole, which says the same. */
const executedOf = (aggregate: Aggregate.Any): Codec => {
  const whole = jsonOf(wire.executed(aggregate))
  const state = jsonOf(aggregate.state)
  const events = new Map(aggregate.events.map(({ schema, tag }) => [tag, jsonOf(schema)]))
  return {
    decode: whole.decode,
    encode: (value) => {
      // What `execute` answers: events are those of the aggregate.
      const executed = value as Omit<Aggregate.Executed<unknown, { readonly _tag: string }>, "receipt"> & {
        readonly receipt: Receipt | null
      }
      return {
        receipt: executed.receipt && encodeReceipt(executed.receipt),
        version: executed.version,
        events: executed.events.map((event) => events.get(event._tag)!.encode(event)),
        state: state.encode(executed.state)
      }
    }
  }
}

export const aggregate: (aggregate: Aggregate.Any) => AggregateCodecs = once((aggregate) => ({
  // The id in a path is the id of the program: it is looked at, and not decoded.
  id: SchemaParser.decodeUnknownResult(Schema.toType(aggregate.id as Schema.Codec<unknown>), everything),
  commands: new Map(aggregate.commands.map(({ schema, tag }) => [tag, jsonOf(schema)])),
  rejection: jsonOf(Schema.Union(aggregate.rejections)),
  executed: executedOf(aggregate),
  loaded: jsonOf(wire.loaded(aggregate)),
  evolved: jsonOf(wire.evolved(aggregate)),
  evolvedPage: jsonOf(wire.page(wire.evolved(aggregate)))
}))

/** The contents of a projection. */
export interface ProjectionCodecs {
  readonly row: Codec
  readonly listed: Codec
  readonly many: Codec
  readonly touch: Codec
  readonly touchPage: Codec
  /** Values of a field of the rows. A field that the schema does not name holds any JSON value. */
  readonly field: (name: string) => Codec
}

/** The schemas that a field has in a schema of objects, or in several. */
const fieldsOf = (ast: SchemaAST.AST, name: string): ReadonlyArray<SchemaAST.AST> => {
  if (SchemaAST.isUnion(ast)) return ast.types.flatMap((type) => fieldsOf(type, name))
  if (SchemaAST.isSuspend(ast)) return []
  if (SchemaAST.isDeclaration(ast)) {
    // A class: its fields are those of the structure that it is made of.
    return ast.typeParameters.flatMap((type) => fieldsOf(type, name))
  }
  return SchemaAST.isObjects(ast)
    ? ast.propertySignatures.filter((signature) => signature.name === name).map(({ type }) => type)
    : []
}

export const projection: (projection: Projection.Any) => ProjectionCodecs = once((projection) => {
  const { row } = projection
  const fields = new Map<string, Codec>()
  const made = (name: string): Codec => {
    const found = fieldsOf(row.ast, name).map((ast) => Schema.make<Schema.Top>(ast))
    return jsonOf(found.length === 0 ? Schema.Json : Schema.UndefinedOr(Schema.Union(found)))
  }
  return {
    row: jsonOf(row),
    listed: jsonOf(wire.listed(projection)),
    many: jsonOf(wire.many(projection)),
    touch: jsonOf(wire.touch(projection)),
    touchPage: jsonOf(wire.page(wire.touch(projection))),
    field: (name) => {
      const known = fields.get(name)
      if (known !== undefined) return known
      const codec = made(name)
      fields.set(name, codec)
      return codec
    }
  }
})

export const count = jsonOf(wire.count)
export const keys = jsonOf(wire.keys)
export const executionError = jsonOf(ExecutionError)
export const projectionError = jsonOf(ProjectionError.ProjectionError)

/** Where a reader is, in a store: `<store>:<position>`, or a position alone. */
export interface Place {
  readonly storeId: string | undefined
  readonly position: number
}

/** The text of a place, as headers and events of a stream carry it. */
export const encodePlace = ({ position, storeId }: Place): string =>
  storeId === undefined ? String(position) : `${storeId}:${position}`

/** The place that a text names; `undefined` when it names none. */
export const decodePlace = (text: string): Place | undefined => {
  const found = /^(?:([!-9;-~]{1,128}):)?(0|[1-9][0-9]{0,15})$/.exec(text)
  if (found === null) return undefined
  const position = Number(found[2])
  return Number.isSafeInteger(position) ? { storeId: found[1], position } : undefined
}

/** What a reader waits for, as the place that it names: none for who does not wait. */
export const placeOfAfter = (after: Projection.After | undefined): Place | undefined => {
  if (after === undefined) return undefined
  if (typeof after === "number") return { storeId: undefined, position: after }
  const receipt = Option.isOption(after) ? Option.getOrUndefined(after) : after
  return receipt && { storeId: receipt.storeId, position: receipt.last }
}

/** The other way. Positions are branded; whoever reads it looks at them again. */
export const afterOfPlace = ({ position, storeId }: Place): Projection.After =>
  storeId === undefined ? position : { storeId, last: position as Receipt["last"] }

/** A point in the history: `version:7`, `position:12`, `recordedAt:2026-01-31T12:00:00.000Z`, `occurredAt:…`. */
export const encodeAt = (at: Aggregate.At | Projection.At): string => {
  if ("version" in at) return `version:${at.version}`
  if ("position" in at) return `position:${at.position}`
  return "recordedAt" in at
    ? `recordedAt:${DateTime.formatIso(at.recordedAt)}`
    : `occurredAt:${DateTime.formatIso(at.occurredAt)}`
}

/** Whether a calendar has the day: `Date` takes the 31st of February for the 2nd of March. */
const isDay = (text: string): boolean => {
  const day = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text)
}

/** The point that a text names; `undefined` when it names none. */
export const decodeAt = (text: string): Aggregate.At | undefined => {
  const colon = text.indexOf(":")
  const kind = text.slice(0, colon)
  const value = text.slice(colon + 1)
  if (kind === "version" || kind === "position") {
    if (!/^(0|[1-9][0-9]{0,15})$/.test(value) || !Number.isSafeInteger(Number(value))) return undefined
    return kind === "version" ? { version: Number(value) } : { position: Number(value) }
  }
  if (kind !== "recordedAt" && kind !== "occurredAt") return undefined
  // A time of day without a zone would be that of the server.
  const time =
    isDay(value.slice(0, 10)) && /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/.test(value)
      ? Option.getOrUndefined(DateTime.make(value))
      : undefined
  if (time === undefined) return undefined
  const utc = DateTime.toUtc(time)
  return kind === "recordedAt" ? { recordedAt: utc } : { occurredAt: utc }
}

const isScalar = (value: unknown): boolean =>
  value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean"

const scalarOf = (text: string): unknown => {
  if (text === "undefined") return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isScalar(value) ? value : text
  } catch {
    return text
  }
}

/** A scalar as the text of a parameter: as it is, in quotes where it would be read as something else. */
export const encodeScalar = (value: unknown): string => {
  if (value === undefined) return "undefined"
  return typeof value === "string" && scalarOf(value) === value ? value : JSON.stringify(value)
}

/** A value of a field, as the text of a parameter. */
export const encodeField = (codec: Codec, value: unknown): string => encodeScalar(codec.encode(value))

/** A value of a field from its text: what the text says as JSON, or else the text itself, where only that fits the field. */
export const decodeField = (codec: Codec, text: string): Result.Result<unknown, SchemaIssue.Issue> => {
  const value = scalarOf(text)
  const found = codec.decode(value)
  if (Result.isSuccess(found) || value === text) return found
  const asText = codec.decode(text)
  return Result.isSuccess(asText) ? asText : found
}
