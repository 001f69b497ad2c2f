import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import type * as JsonPatch from "effect/JsonPatch"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { EventStoreError, Refused, Unavailable } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import { ProjectionError, type Reason } from "../ProjectionError.ts"
import * as check from "./check.ts"
import { reasonOf } from "./definition.ts"
import type { After, At, Definition, Query, Reading } from "./projection.ts"
import * as rowCodec from "./rowCodec.ts"
import * as text from "./text.ts"

/** A reason, whatever service it comes from. */
export const asReason = (error: Reason | EventStoreError): Reason => {
  if (!(error instanceof EventStoreError)) return error
  const { reason } = error
  switch (reason._tag) {
    case "Refused":
    case "Unavailable":
      return reason
    // What is read conflicts with nothing, and leaves nothing in doubt.
    case "Conflict":
    case "OutcomeUnknown":
      return new Unavailable({ what: error.operation, expected: "an answer", actual: reason.message })
  }
}

/** Names the projection that an error is about. */
export const failed = (name: string) => (error: Reason | EventStoreError): ProjectionError =>
  new ProjectionError({ target: name, reason: asReason(error) })

/** Fails where there is something to refuse. */
export const refuse = (wrong: Refused | undefined): Effect.Effect<void, Refused> =>
  wrong === undefined ? Effect.void : Effect.fail(wrong)

/** Why a key cannot be that of a row, or `undefined` when it can. */
export const checkKey = (key: string): Refused | undefined => check.text("key of a row", key, 1)

/** Why keys cannot be read, or `undefined` when they can. */
export const checkKeys = (keys: ReadonlyArray<string>): Refused | undefined => {
  if (keys.length > Limits.keysPerRead) {
    return new Refused({
      what: "keys of one read",
      expected: `at most ${Limits.keysPerRead}`,
      actual: `${keys.length}`
    })
  }
  for (const key of keys) {
    const wrong = checkKey(key)
    if (wrong !== undefined) return wrong
  }
}

/** Why a point in the history is none, or `undefined` when it is one. */
export const checkAt = (at: At): Refused | undefined => {
  if ("position" in at) return check.int("position to read at", at.position, 0, Number.MAX_SAFE_INTEGER)
  // A `Date` has no time that DateTimes compare by: without types it would be answered with nothing.
  const time: unknown = "recordedAt" in at ? at.recordedAt : at.occurredAt
  if (DateTime.isDateTime(time)) return undefined
  return new Refused({
    what: "point to read at",
    expected: "a position, or a DateTime as recordedAt or occurredAt",
    actual: time instanceof Date ? "a Date" : check.show(time)
  })
}

/** What a reader waits for. */
export interface Wanted {
  /** 0 for whoever does not wait. */
  readonly position: number
  /** The store that a receipt is of. */
  readonly storeId: string | undefined
}

/** For whoever does not wait. */
export const nothing: Wanted = { position: 0, storeId: undefined }

const wantedOf = (after: After | undefined): Wanted | Refused => {
  if (after === undefined) return nothing
  if (typeof after === "number") {
    return check.int("position to wait for", after, 0, Number.MAX_SAFE_INTEGER)
      ?? { position: after, storeId: undefined }
  }
  const receipt = Option.isOption(after) ? Option.getOrUndefined(after) : after
  if (receipt === undefined) return nothing
  // A receipt may have travelled, as JSON: the types are a promise that a client can break.
  if (receipt !== null && Number.isSafeInteger(receipt.last) && typeof receipt.storeId === "string") {
    return { position: receipt.last, storeId: receipt.storeId }
  }
  return new Refused({
    what: "receipt to wait for",
    expected: "one with last, a position, and storeId",
    actual: receipt === null ? "null" : `last ${check.show(receipt.last)} and storeId ${check.show(receipt.storeId)}`
  })
}

/** What a reader waits for, or why it cannot be waited for. */
export const wanted = (after: After | undefined): Effect.Effect<Wanted, Refused> => {
  const found = wantedOf(after)
  return found instanceof Refused ? Effect.fail(found) : Effect.succeed(found)
}

/** Why a receipt is not to be waited for here: positions of different stores do not compare. */
export const foreign = (wanted: Wanted, storeId: string): Refused | undefined =>
  wanted.storeId === undefined || wanted.storeId === storeId ? undefined : new Refused({
    what: "receipt to wait for",
    expected: `one of the store ${storeId}`,
    actual: `one of the store ${wanted.storeId}`
  })

/** A query that was checked: a range of an index, or of the keys, and a page of it. */
export interface Plan {
  /** Number of the index, in the order of declaration; `undefined` for the order of keys. */
  readonly index: number | undefined
  readonly indexName: string | undefined
  /** Fields of the index. */
  readonly fields: ReadonlyArray<string>
  readonly atLeast: string | undefined
  readonly below: string | undefined
  readonly backward: boolean
  readonly limit: number
  /** The page starts behind this row. */
  readonly after: { readonly sort: string; readonly key: string } | undefined
}

/** Where a row stands in the order of a query. */
export const placeOf = ({ fields, index }: Plan, key: string, row: unknown): string =>
  index === undefined ? key : rowCodec.sortOfFields(fields, row)

/** Whether a place is in the range of a query. */
export const isWithin = ({ atLeast, below }: Pick<Plan, "atLeast" | "below">, place: string): boolean =>
  (atLeast === undefined || text.compare(place, atLeast) >= 0)
  && (below === undefined || text.compare(place, below) < 0)

/** The cursor of the page behind a row. */
export const cursorOf = (name: string, { backward, indexName }: Plan, sort: string, key: string): string =>
  Base64Url.encode(JSON.stringify([name, indexName ?? null, backward ? 1 : 0, sort, key]))

/** Longest cursor: a place in an index and a key, both escaped as JSON, as base64. */
const cursorCharacters = 16_384

const readCursor = (cursor: unknown): ReadonlyArray<unknown> | undefined => {
  if (typeof cursor !== "string" || cursor.length > cursorCharacters) return undefined
  const decoded = Base64Url.decodeString(cursor)
  if (Result.isFailure(decoded)) return undefined
  try {
    const value: unknown = JSON.parse(decoded.success)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isPlace = (value: unknown): value is string =>
  typeof value === "string" && value.isWellFormed() && !value.includes("\u0000")

const afterOf = (name: string, plan: Plan, cursor: string): Plan["after"] | Refused => {
  const [of, index, backward, sort, key, ...more] = readCursor(cursor) ?? []
  const what = `cursor of a page of ${name}`
  if (of !== name || !isPlace(sort) || !isPlace(key) || checkKey(key) !== undefined || more.length > 0) {
    return new Refused({ what, expected: "the cursor of a page before", actual: check.show(cursor) })
  }
  const same = index === (plan.indexName ?? null) && backward === (plan.backward ? 1 : 0)
  if (same && isWithin(plan, sort) && (plan.index !== undefined || sort === key)) return { sort, key }
  const expected = "the cursor of a page of the same query"
  return new Refused({ what, expected, actual: `one of ${same ? "another range" : "another order"}` })
}

/** The place of a value, or why it has none. */
const sortOf = (what: string, value: unknown): string | Refused => {
  try {
    return rowCodec.sortOf(value)
  } catch {
    const expected = "nothing, a boolean, a number, a time or a text"
    return new Refused({
      what,
      expected,
      actual: typeof value === "string" ? "a lone surrogate" : value instanceof Date ? "a Date" : typeof value
    })
  }
}

type Range = Pick<Plan, "index" | "indexName" | "fields" | "atLeast" | "below">

/** A range of keys. */
const keyRange = (name: string, { from, to, where = {} }: Query): Range | Refused => {
  const [field] = Object.keys(where)
  if (field !== undefined) {
    return new Refused({ what: `where of a query of ${name}`, expected: "an index", actual: `${field}, without one` })
  }
  for (const bound of [from, to]) {
    const wrong = bound === undefined ? undefined : check.text(`range of keys of ${name}`, bound, 0)
    if (wrong !== undefined) return wrong
  }
  // Looked at above: they are texts. A key has no control characters, so nothing lies between `to` and what is behind it.
  const [atLeast, last] = [from, to] as ReadonlyArray<string | undefined>
  return {
    index: undefined,
    indexName: undefined,
    fields: [],
    atLeast,
    below: last === undefined ? undefined : `${last}\u0001`
  }
}

/** A range of an index: the first fields are given, the next one may have bounds. */
const indexRange = (
  what: string,
  fields: ReadonlyArray<string>,
  { from, to, where = {} }: Query
): Pick<Plan, "atLeast" | "below"> | Refused => {
  const given = Object.keys(where)
  const first = fields.slice(0, given.length)
  if (given.length > fields.length || !first.every((field) => Object.hasOwn(where, field))) {
    const expected = `the first of the fields ${fields.join(", ")}`
    return new Refused({ what: `where of ${what}`, expected, actual: given.join(", ") })
  }
  let prefix = ""
  for (const field of first) {
    const sort = sortOf(`${field} in where of ${what}`, where[field])
    if (typeof sort !== "string") return sort
    prefix += sort
  }
  if (from === undefined && to === undefined) {
    return prefix === ""
      ? { atLeast: undefined, below: undefined }
      : { atLeast: prefix, below: rowCodec.beyond(prefix) }
  }
  if (first.length === fields.length) {
    return new Refused({
      what: `from and to of ${what}`,
      expected: "a field that is not in where",
      actual: "none left"
    })
  }
  const [least, greatest] = [sortOf(`from of ${what}`, from), sortOf(`to of ${what}`, to)]
  if (typeof least !== "string") return least
  if (typeof greatest !== "string") return greatest
  return {
    atLeast: from === undefined ? prefix : prefix + least,
    below: to === undefined && prefix === ""
      ? undefined
      : rowCodec.beyond(to === undefined ? prefix : prefix + greatest)
  }
}

const rangeOf = ({ indexes, name }: Definition, query: Query): Range | Refused => {
  const { index } = query
  if (index === undefined) return keyRange(name, query)
  const names = Object.keys(indexes)
  if (!names.includes(index)) {
    const expected = names.length === 0 ? "none: it has no indexes" : `one of ${names.join(", ")}`
    return new Refused({ what: `index of ${name}`, expected, actual: check.show(index) })
  }
  const fields = indexes[index]!
  const range = indexRange(`the index ${index} of ${name}`, fields, query)
  return range instanceof Refused ? range : { index: names.indexOf(index), indexName: index, fields, ...range }
}

/** Checks a query. */
export const planOf = (definition: Definition, query: Query = {}): Plan | Refused => {
  const { cursor, direction = "forward", limit = Limits.rowsPerPageDefault } = query
  const { name } = definition
  const wrong = check.int(`limit of a page of ${name}`, limit, 1, Limits.rowsPerPage)
  if (wrong !== undefined) return wrong
  if (direction !== "forward" && direction !== "backward") {
    const actual = check.show(direction)
    return new Refused({ what: `direction of a page of ${name}`, expected: "forward or backward", actual })
  }
  const range = rangeOf(definition, query)
  if (range instanceof Refused) return range
  const plan = { ...range, backward: direction === "backward", limit, after: undefined }
  const after = cursor === undefined ? undefined : afterOf(name, plan, cursor)
  return after instanceof Refused ? after : { ...plan, after }
}

/** A row at two points, and what leads from one to the other. */
export const diff = (
  reading: Reading,
  key: string,
  points: { readonly from: At; readonly to?: At | undefined; readonly limit?: number | undefined }
): Effect.Effect<{
  readonly before: Option.Option<unknown>
  readonly after: Option.Option<unknown>
  readonly patch: JsonPatch.JsonPatch
}, ProjectionError> => {
  const { name, row } = reading.definition
  const at = (point: At) => reading.asOf(point, { limit: points.limit }).get(key)
  return Effect.gen(function*() {
    const before = yield* at(points.from)
    const after = yield* at(points.to ?? { position: Number.MAX_SAFE_INTEGER })
    return yield* Effect.try({
      // Rows are plain data: their schemas ask for no services.
      try: () => {
        const differ = Schema.toDifferJsonPatch(Schema.NullOr(row as Schema.Codec<unknown, unknown>))
        const patch = differ.diff(Option.getOrNull(before), Option.getOrNull(after))
        return { before, after, patch }
      },
      catch: (error) =>
        failed(name)(
          new Refused({ what: `row ${key} of ${name}`, expected: "a row of its schema", actual: reasonOf(error) })
        )
    })
  })
}
