import { Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import { utf8Bytes } from "./text.ts"

/** Thrown and caught in this file only: where in a value the trouble is, and what it is. */
class NotJson {
  readonly path: Array<string | number> = []
  readonly expected: string
  readonly actual: string
  constructor(expected: string, actual: string) {
    this.expected = expected
    this.actual = actual
  }
}

/** Text that PostgreSQL and every reader take unchanged. */
const checkString = (text: string): void => {
  if (!text.isWellFormed()) throw new NotJson("well-formed Unicode", "a lone surrogate")
  if (text.includes("\u0000")) throw new NotJson("text without U+0000", `U+0000 at ${text.indexOf("\u0000")}`)
}

const kindOf = (value: object): string => {
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === "string" && name !== ""
    ? `an object of class ${name}`
    : "an object with a prototype of its own"
}

/** `JSON.stringify` calls it, also where it is not among the keys. */
const checkToJson = (value: object): void => {
  if ("toJSON" in value && typeof value.toJSON === "function") throw new NotJson("plain data", "a toJSON function")
}

const checkObject = (value: object, depth: number): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw new NotJson("a plain object", kindOf(value))
  checkToJson(value)
  if (Object.getOwnPropertySymbols(value).length > 0) throw new NotJson("string keys", "a symbol key")
  let plain = true
  for (const key of Object.keys(value)) {
    if (key === "__proto__") throw new NotJson("keys other than __proto__", "the key __proto__")
    try {
      checkString(key)
      plain = check((value as Record<string, unknown>)[key], depth + 1) && plain
    } catch (error) {
      if (error instanceof NotJson) error.path.unshift(key)
      throw error
    }
  }
  return plain
}

const checkArray = (value: ReadonlyArray<unknown>, depth: number): boolean => {
  if (Object.getPrototypeOf(value) !== Array.prototype) throw new NotJson("a plain array", kindOf(value))
  checkToJson(value)
  // JSON writes the elements only: a hole is not undefined to it, and another property is nothing.
  if (Object.keys(value).length !== value.length) throw new NotJson("elements only", "a hole, or another property")
  let plain = true
  for (let i = 0; i < value.length; i++) {
    try {
      plain = check(value[i], depth + 1) && plain
    } catch (error) {
      if (error instanceof NotJson) error.path.unshift(i)
      throw error
    }
  }
  return plain
}

/** Values seen in one payload. One that is met in several places is written in each, so it counts in each. */
let seen = 0

/** Throws where `JSON.stringify` would change or drop something. False when the value holds a negative zero. */
const check = (value: unknown, depth: number): boolean => {
  if (++seen > Limits.payloadBytes) throw new NotJson(`at most ${Limits.payloadBytes} values`, "more")
  switch (typeof value) {
    case "string":
      checkString(value)
      return true
    case "boolean":
      return true
    case "number":
      if (!Number.isFinite(value)) throw new NotJson("a finite number", String(value))
      return !Object.is(value, -0)
    case "object": {
      if (value === null) return true
      if (depth > Limits.payloadDepth) throw new NotJson(`at most ${Limits.payloadDepth} levels`, "more")
      return Array.isArray(value) ? checkArray(value, depth) : checkObject(value, depth)
    }
    default:
      throw new NotJson("a JSON value", value === undefined ? "undefined" : `a ${typeof value}`)
  }
}

/** `JSON.stringify` writes a negative zero as 0; this writes it as -0, which `JSON.parse` reads back. */
const stringifyExactly = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(stringifyExactly).join(",")}]`
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${stringifyExactly(item)}`)
    return `{${entries.join(",")}}`
  }
  return Object.is(value, -0) ? "-0" : JSON.stringify(value)
}

/**
 * JSON text that reads back as exactly this value, or why there is none.
 *
 * `JSON.stringify` alone turns NaN into null, drops undefined, and writes dates and maps as something else. An event
 * is kept for ever, so nothing of it is changed on the way in.
 */
export const encode = (what: string, value: unknown, limitBytes: number): string | Refused => {
  try {
    seen = 0
    const plain = check(value, 1)
    const text = plain ? JSON.stringify(value) : stringifyExactly(value)
    // A character is at most three bytes per UTF-16 unit, so most texts need no count.
    const bytes = text.length * 3 <= limitBytes ? 0 : utf8Bytes(text)
    if (bytes > limitBytes) {
      return new Refused({ what, expected: `at most ${limitBytes} bytes of JSON`, actual: `${bytes} bytes` })
    }
    return text
  } catch (error) {
    if (!(error instanceof NotJson)) throw error
    const at = error.path.length === 0 ? "" : ` at ${JSON.stringify(error.path)}`
    return new Refused({ what, expected: error.expected, actual: `${error.actual}${at}` })
  }
}
