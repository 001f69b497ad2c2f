/** The text of a catalogue: the same on every machine, and safe against what merges do to it. */
import * as StoredEvent from "@varve/core/StoredEvent"
import type * as Schema from "effect/Schema"

/** Largest catalogue, in UTF-16 units of its text. */
export const catalogUnits = 67_108_864

const sorted = (value: Schema.Json): Schema.Json => {
  // `Array.isArray` does not narrow what is readonly.
  if (Array.isArray(value)) return (value as ReadonlyArray<Schema.Json>).map(sorted)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value as Schema.JsonObject)
  // By code units, which no locale changes.
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1).map(([key, item]) => [key, sorted(item)]))
}

/** On one line, keys in order: two values are the same when their lines are. */
export const line = (value: Schema.Json): string => JSON.stringify(sorted(value))

/** For a file: keys in order, two spaces, a newline at the end. */
export const stringify = (value: Schema.Json): string => `${JSON.stringify(sorted(value), undefined, 2)}\n`

/** The first key that an object of a valid JSON text has twice. `JSON.parse` would keep the last, and drop the rest. */
const keyTwice = (text: string): string | undefined => {
  const open: Array<Set<string> | undefined> = []
  let expectsKey = false
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    const keys = open.at(-1)
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : undefined)
      expectsKey = token === "{"
    } else if (token === "}" || token === "]") {
      open.pop()
      expectsKey = false
    } else if (token === ",") expectsKey = keys !== undefined
    else if (token === ":") expectsKey = false
    else if (expectsKey && keys !== undefined) {
      const key: string = JSON.parse(token)
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}

/** What a text was to be, and is. */
export interface Wrong {
  readonly expected: string
  readonly actual: string
}

/** Keeping both sides would be right for two events, and wrong for two revisions of one number. */
const merging = "take the file of the branch that this one goes to, and run `varve catalog update`"

/** The JSON value of a text that no merge has damaged. */
export const parse = (text: string): { readonly value: Schema.Json } | Wrong => {
  if (text.length > catalogUnits) return { expected: `at most ${catalogUnits} characters`, actual: `${text.length}` }
  const conflict = /^(?:<{7}|={7}|>{7})(?: |$)/m.exec(text)
  if (conflict !== null) {
    const at = text.slice(0, conflict.index).split("\n").length
    return { expected: `a file that is merged: ${merging}`, actual: `a conflict in line ${at}` }
  }
  try {
    const value = StoredEvent.parseJson(text)
    const twice = keyTwice(text)
    return twice === undefined
      ? { value }
      : {
        expected: `each key once: ${merging}`,
        actual: `${JSON.stringify(twice)} twice`
      }
  } catch (error) {
    // What is left of bytes that are no UTF-8.
    if (text.startsWith("\uFFFD")) {
      return {
        expected: "JSON in UTF-8",
        actual: "another encoding, such as the UTF-16 that `>` of PowerShell 5 writes"
      }
    }
    return { expected: "JSON", actual: error instanceof Error ? error.message : String(error) }
  }
}
