import * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import { reasonOf } from "./definition.ts"
import * as json from "./json.ts"
import { parse } from "./parse.ts"
import type { Definition } from "./projection.ts"
import { utf8Bytes } from "./text.ts"

/** Rows of a projection on their way to a store and back. Made once, used for every row. */
export interface Codec {
  /** Whether a value is a row, by its schema. */
  readonly is: (row: unknown) => boolean
  /** JSON text. Throws an error that says why there is none. */
  readonly encode: (row: unknown) => string
  /** The row of a JSON text, or why the text is none. */
  readonly decode: (text: string) => Result.Result<unknown, string>
  /** The place of a row in each index. Throws where it would be beyond the limits. */
  readonly sorts: (row: unknown) => ReadonlyArray<string>
}

const bits = new DataView(new ArrayBuffer(8))

/** The bits of a number, turned so that their order is the order of numbers. */
const sortNumber = (value: number): string => {
  // One zero. NaN is greater than every number.
  bits.setFloat64(0, value === 0 ? 0 : value)
  const high = bits.getUint32(0)
  const low = bits.getUint32(4)
  const negative = high >= 0x8000_0000
  const hex = (part: number) => (part >>> 0).toString(16).padStart(8, "0")
  return negative ? `${hex(~high)}${hex(~low)}` : `${hex(high ^ 0x8000_0000)}${hex(low)}`
}

// A string ends with U+0001, below every character in it: U+0000 to U+0002 are written as U+0002 and a letter.
const low = new RegExp("[\\u0000-\\u0002]", "g")
const sortString = (value: string): string =>
  `${value.replace(low, (found) => `\u0002${"abc"[found.charCodeAt(0)]}`)}\u0001`

/**
 * Text whose order, as bytes of UTF-8, is the order of the values: nothing, false, true, numbers, times, strings. No text
 * of a value is the beginning of that of another.
 */
export const sortOf = (value: unknown): string => {
  if (value === null || value === undefined) return "0"
  if (typeof value === "boolean") return value ? "2" : "1"
  if (typeof value === "number") return `3${sortNumber(value)}`
  if (DateTime.isDateTime(value)) return `4${sortNumber(value.epochMilliseconds)}`
  if (typeof value === "string" && value.isWellFormed()) return `5${sortString(value)}`
  throw new Error(`a field of an index: expected nothing, a boolean, a number, a time or a text, got ${typeof value}`)
}

/** Behind everything that begins with a text made by `sortOf`. */
export const beyond = (prefix: string): string => `${prefix}~`

/** What an index is of, as it is stored with the rows. */
export const declarationOf = (fields: ReadonlyArray<string>): string => fields.join(" then ")

/** The place of a row in an index: its fields, one after the other. */
export const sortOfFields = (fields: ReadonlyArray<string>, row: unknown): string =>
  // An index is of fields, so the row is an object.
  fields.map((field) => sortOf((row as { readonly [field: string]: unknown })[field])).join("")

export const make = ({ indexes, name, row: schema }: Definition): Codec => {
  // Rows are plain data: their schemas ask for no services.
  const codec = Schema.toCodecJson(schema as Schema.Codec<unknown, unknown>)
  const encode = Schema.encodeUnknownSync(codec)
  const decode = Schema.decodeUnknownResult(codec)
  const is = Schema.is(schema)
  const orders = Object.entries(indexes)
  return {
    is,
    encode: (row) => {
      let value: unknown
      try {
        value = encode(row)
      } catch (error) {
        throw new Error(`The row does not fit its schema: ${reasonOf(error)}`, { cause: error })
      }
      const text = json.encode(`row of ${name}`, value, Limits.rowBytes)
      if (text instanceof Refused) throw new Error(text.message)
      return text
    },
    decode: (text) => Result.mapError(decode(parse(text)), reasonOf),
    sorts: (row) =>
      orders.map(([index, fields]) => {
        const sort = sortOfFields(fields, row)
        if (sort.length * 3 > Limits.indexBytes && utf8Bytes(sort) > Limits.indexBytes) {
          throw new Error(`index ${index}: expected at most ${Limits.indexBytes} bytes, got ${utf8Bytes(sort)}`)
        }
        return sort
      })
  }
}
