import * as CommitId from "../CommitId.ts"
import { Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type { StreamName } from "../StreamName.ts"
import { utf8Bytes } from "./text.ts"

/** An unknown value in an error: short, and never the whole of a large input. */
export const show = (value: unknown): string => {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value)
  return text.length <= 100 ? text : `${text.slice(0, 100)}… (${text.length} characters)`
}

// U+0000 to U+001F, and U+007F to U+009F. Written with escapes so that the file itself holds none.
const control = new RegExp("[\\u0000-\\u001F\\u007F-\\u009F]")

/** Why an id or a tenant cannot be stored, or `undefined` when it can. */
export const text = (what: string, value: unknown, minimumBytes: number): Refused | undefined => {
  if (typeof value !== "string") return new Refused({ what, expected: "a string", actual: typeof value })
  if (!value.isWellFormed()) return new Refused({ what, expected: "well-formed Unicode", actual: "a lone surrogate" })
  // At most three bytes per UTF-16 unit: short ids, the usual ones, need no count.
  const bytes = value.length * 3 <= Limits.idBytes ? value.length : utf8Bytes(value)
  if (bytes < minimumBytes || bytes > Limits.idBytes) {
    return new Refused({
      what,
      expected: `${minimumBytes} to ${Limits.idBytes} bytes of UTF-8`,
      actual: `${bytes} bytes`
    })
  }
  const found = control.exec(value)
  if (found === null) return undefined
  const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")
  return new Refused({ what, expected: "no control characters", actual: `U+${code} at ${found.index}` })
}

/** Why a category or an event type cannot be stored, or `undefined` when it can. */
export const name = (what: string, value: string): Refused | undefined =>
  Limits.namePattern.test(value)
    ? undefined
    : new Refused({ what, expected: "a letter, then up to 127 letters, digits or underscores", actual: show(value) })

/** Why a stream cannot be stored, or `undefined` when it can. */
export const stream = (stream: StreamName): Refused | undefined =>
  name("category", stream.category)
    ?? text(`id of a stream of ${stream.category}`, stream.id, 1)
    ?? text(`tenant of a stream of ${stream.category}`, stream.tenant, 0)

/** Why a number is no whole number of a range, or `undefined` when it is. */
export const int = (what: string, value: number, minimum: number, maximum: number): Refused | undefined =>
  Number.isSafeInteger(value) && value >= minimum && value <= maximum
    ? undefined
    : new Refused({ what, expected: `a whole number from ${minimum} to ${maximum}`, actual: show(value) })

/** Why a value is no UUID, or `undefined` when it is. A brand is a promise that a program without types can break. */
export const commitId = (what: string, value: string): Refused | undefined =>
  CommitId.is(value) ? undefined : new Refused({ what, expected: "a UUID in lower case", actual: show(value) })
