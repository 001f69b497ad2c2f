import * as DateTime from "effect/DateTime"

/** A value in a failure: exact where JSON is not (negative zero, undefined), and short. */
export const show = (value: unknown): string => {
  const text = write(value, 0)
  return text.length <= 300 ? text : `${text.slice(0, 300)}… (${text.length} characters)`
}

const write = (value: unknown, depth: number): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (Object.is(value, -0)) return "-0"
  if (typeof value !== "object" || value === null) return String(value)
  if (DateTime.isDateTime(value)) return new Date(value.epochMilliseconds).toISOString()
  if (depth > 6) return "…"
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(", ")}]`
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${write(item, depth + 1)}`)
  return `{ ${entries.join(", ")} }`
}

/** Where two values differ first, and what is there. */
export interface Difference {
  readonly path: ReadonlyArray<string>
  readonly expected: string
  readonly actual: string
}

/** The first difference of two values, key by key; negative zero is not zero, a missing key is not `undefined`. */
export const difference = (
  actual: unknown,
  expected: unknown,
  path: ReadonlyArray<string> = []
): Difference | undefined => {
  if (Object.is(actual, expected)) return undefined
  const here = { path, expected: show(expected), actual: show(actual) }
  if (typeof actual !== "object" || typeof expected !== "object" || actual === null || expected === null) return here
  if (DateTime.isDateTime(actual) || DateTime.isDateTime(expected)) {
    const equal = DateTime.isDateTime(actual) && DateTime.isDateTime(expected)
      && actual.epochMilliseconds === expected.epochMilliseconds
    return equal ? undefined : here
  }
  if (Array.isArray(actual) !== Array.isArray(expected)) return here
  const ofActual = new Map(Object.entries(actual))
  const ofExpected = new Map(Object.entries(expected))
  for (const key of new Set([...ofExpected.keys(), ...ofActual.keys()])) {
    const at = [...path, key]
    if (!ofActual.has(key)) return { path: at, expected: show(ofExpected.get(key)), actual: "nothing" }
    if (!ofExpected.has(key)) return { path: at, expected: "nothing", actual: show(ofActual.get(key)) }
    const found = difference(ofActual.get(key), ofExpected.get(key), at)
    if (found !== undefined) return found
  }
  return undefined
}
