/** JSON that is written and read without changing a value. */
import * as Limits from "@varve/core/Limits"

/** What a text was found to hold that could not be kept. Thrown and caught around one value. */
export class Inexact extends Error {
  readonly expected: string
  readonly actual: string
  constructor(expected: string, actual: string) {
    super(`expected ${expected}, got ${actual}`)
    this.expected = expected
    this.actual = actual
  }
}

/** Payloads and metadata lie that deep, one level below the line that holds them. */
const depthLimit = Limits.payloadDepth + 1

/** Whether a value holds a negative zero, which `JSON.stringify` writes as 0. */
const hasNegativeZero = (value: unknown, depth: number): boolean => {
  if (typeof value === "number") return Object.is(value, -0)
  if (typeof value !== "object" || value === null) return false
  if (depth > depthLimit) throw new Inexact(`at most ${Limits.payloadDepth} levels`, "more")
  if (Array.isArray(value)) return value.some((item) => hasNegativeZero(item, depth + 1))
  for (const key in value) {
    if (hasNegativeZero((value as { readonly [key: string]: unknown })[key], depth + 1)) return true
  }
  return false
}

const stringifyExactly = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(stringifyExactly).join(",")}]`
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${stringifyExactly(item)}`)
    return `{${entries.join(",")}}`
  }
  return Object.is(value, -0) ? "-0" : JSON.stringify(value)
}

/** Text that reads back as exactly this value. */
export const stringify = (value: unknown): string =>
  hasNegativeZero(value, 0) ? stringifyExactly(value) : JSON.stringify(value)

const checkString = (text: string): void => {
  if (!text.isWellFormed()) throw new Inexact("well-formed Unicode", "a lone surrogate")
  if (text.includes("\u0000")) throw new Inexact("text without U+0000", `U+0000 at ${text.indexOf("\u0000")}`)
}

/** Throws where a value holds text that no store keeps, and counts its keys. */
const checkValue = (value: unknown): number => {
  if (typeof value === "string") checkString(value)
  if (typeof value !== "object" || value === null) return 0
  if (Array.isArray(value)) return value.reduce<number>((keys, item) => keys + checkValue(item), 0)
  return Object.entries(value).reduce((keys, [key, item]) => {
    checkString(key)
    return keys + 1 + checkValue(item)
  }, 0)
}

/** A number as its digits without zeros around them, and the power of ten that they are multiplied by. */
const decimal = (text: string): string => {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!
  const digits = `${whole}${fraction}`.replace(/^0+/, "")
  const kept = digits.replace(/0+$/, "")
  const power = Number(exponent) - fraction.length + digits.length - kept.length
  return kept === "" ? `${sign}0` : `${sign}${kept}e${power}`
}

const written = (value: number): string => Object.is(value, -0) ? "-0" : String(value)

/**
 * Throws where a value is not all that its text says: a number that this platform rounds, a key that stands twice, text
 * that no store keeps.
 */
export const check = (text: string, value: unknown): void => {
  const keys = checkValue(value)
  let named = 0
  for (const [token, string, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*/g)) {
    if (colon !== undefined) named++
    if (string !== undefined) continue
    const read = Number(token)
    if (!Number.isFinite(read) || decimal(token) !== decimal(written(read))) {
      throw new Inexact("numbers that a double holds exactly", token.length <= 60 ? token : `${token.slice(0, 60)}…`)
    }
  }
  if (named !== keys) throw new Inexact("every key once", "a key that stands twice")
}
