import * as DateTime from "effect/DateTime"

/** Longest line that a value is printed on; a longer one gets a line for each of its parts. */
const width = 100

/** Deepest nesting that is printed. */
const depthLimit = 8

/**
 * A value as a person reads it: `MoneyDeposited { cents: 100, currency: "EUR" }`, on one line where it fits.
 *
 * Errors are printed with their fields, and what JSON would hide (undefined, negative zero, dates) as what it is.
 */
export const print = (value: unknown, indent = ""): string => {
  const line = write(value, indent, false, 0)
  return line.length + indent.length <= width ? line : write(value, indent, true, 0)
}

const write = (value: unknown, indent: string, tall: boolean, depth: number): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "bigint") return `${value}n`
  if (Object.is(value, -0)) return "-0"
  if (typeof value !== "object" || value === null) return String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid Date" : value.toISOString()
  if (DateTime.isDateTime(value)) return DateTime.formatIso(value)
  if (depth > depthLimit) return "…"
  if (Array.isArray(value)) return parts("[", "]", value.map((item) => ["", item]), indent, tall, depth)
  if (value instanceof Map) {
    return parts("Map {", "}", Array.from(value, ([k, v]) => [print(k), v]), indent, tall, depth)
  }
  if (value instanceof Set) return parts("Set {", "}", Array.from(value, (item) => ["", item]), indent, tall, depth)
  const { _tag, ...rest } = value as { readonly _tag?: unknown }
  const named = typeof _tag === "string" ? _tag : nameOf(value)
  const own = typeof _tag === "string" ? rest : value
  const thrown = value instanceof Error && typeof _tag !== "string"
  const fields = thrown
    ? [["message", value.message] as const]
    : Object.entries(own).map(([key, field]) => [keyOf(key), field] as const)
  return parts(named === "" ? "{" : `${named} {`, "}", fields, indent, tall, depth)
}

const keyOf = (key: string): string => /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key)

const nameOf = (value: object): string => {
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === "string" && name !== "Object" ? name : ""
}

const parts = (
  open: string,
  close: string,
  entries: ReadonlyArray<readonly [key: string, value: unknown]>,
  indent: string,
  tall: boolean,
  depth: number
): string => {
  if (entries.length === 0) return `${open}${close}`
  const inner = `${indent}  `
  const written = entries.map(([key, value]) => {
    const label = key === "" ? "" : `${key}: `
    // A part that fits is not torn apart with the whole.
    const line = `${label}${write(value, inner, false, depth + 1)}`
    return !tall || line.length + inner.length <= width ? line : `${label}${write(value, inner, true, depth + 1)}`
  })
  const space = open === "[" ? "" : " "
  return tall
    ? `${open}\n${written.map((part) => `${inner}${part}`).join(",\n")}\n${indent}${close}`
    : `${open}${space}${written.join(", ")}${space}${close}`
}
