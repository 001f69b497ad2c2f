import type { Domain } from "@varve/core"
import type { Paths } from "../Paths.ts"

/** First segments that are not those of a part: what is asked of all rows, so that every key can be a segment behind them. */
export const verbs = { count: "count", many: "many", caughtUp: "caught-up", live: "live" } as const

const words = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .replaceAll(/_+/g, "-")
    .toLowerCase()

const plural = (word: string): string =>
  /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : /(s|x|z|ch|sh)$/.test(word) ? `${word}es` : `${word}s`

/**
 * An id or a key as one segment of a path. Every text has one, and no two have the same.
 *
 * `.` and `..` mean something else in a path, also as `%2e`, and an empty segment is lost: those have a tilde before them,
 * and so has what begins with a tilde itself.
 */
export const encodeSegment = (text: string): string => {
  const special = text === "" || text === "." || text === ".." || text.startsWith("~")
  return `${special ? "~" : ""}${encodeURIComponent(text)}`
}

/** The text of a segment; `undefined` when its percent signs encode none. */
export const decodeSegment = (segment: string): string | undefined => {
  try {
    const text = decodeURIComponent(segment)
    return text.startsWith("~") ? text.slice(1) : text
  } catch {
    return undefined
  }
}

/** Where a part of a domain is. */
export interface PartPath {
  readonly tag: string
  /** First segment of its path. */
  readonly path: string
  /** Last segment of the path of each command, by tag; empty for a projection. */
  readonly commands: ReadonlyMap<string, string>
}

const pattern = /^[a-z0-9][a-z0-9-]*$/

const checkSegment = (what: string, segment: string): string => {
  if (pattern.test(segment)) return segment
  throw new TypeError(`${what}: expected small letters, digits and hyphens, got ${JSON.stringify(segment)}`)
}

const checkKnown = (what: string, given: object | undefined, known: ReadonlyArray<string>): void => {
  for (const name of Object.keys(given ?? {})) {
    if (!known.includes(name)) {
      throw new TypeError(`${what}: expected one of ${known.join(", ") || "none"}, got ${name}`)
    }
  }
}

/** The paths of the parts of a domain, by tag. What two would share is a mistake of the programmer, found at the start. */
export const make = (domain: Domain.Any, { commands = {}, paths = {} }: Paths = {}): ReadonlyMap<string, PartPath> => {
  const { aggregates, name, projections } = domain
  const parts = [...aggregates, ...projections].map(({ tag }) => tag)
  checkKnown(`${name}, paths`, paths, parts)
  checkKnown(`${name}, commands`, commands, aggregates.map(({ tag }) => tag))
  const taken = new Map<string, string>(Object.values(verbs).map((verb) => [verb, "what is asked of all rows"]))
  const take = (tag: string, usual: string): string => {
    const path = checkSegment(`Path of ${tag}`, paths[tag] ?? usual)
    if (taken.has(path)) {
      throw new TypeError(`Path of ${tag}: ${path} is that of ${taken.get(path)}: name another in the option paths`)
    }
    taken.set(path, tag)
    return path
  }
  const found = new Map<string, PartPath>()
  for (const { commands: all, tag } of aggregates) {
    const named = commands[tag] ?? {}
    checkKnown(`${name}, commands of ${tag}`, named, all.map((command) => command.tag))
    const segments = new Map<string, string>()
    for (const command of all) {
      const segment = checkSegment(`Path of ${command.tag} of ${tag}`, named[command.tag] ?? words(command.tag))
      const twin = Array.from(segments).find(([, other]) => other === segment)
      if (twin !== undefined) {
        throw new TypeError(`Path of ${command.tag} of ${tag}: ${segment} is that of ${twin[0]}: name another`)
      }
      segments.set(command.tag, segment)
    }
    found.set(tag, { tag, path: take(tag, plural(words(tag))), commands: segments })
  }
  for (const { tag } of projections) found.set(tag, { tag, path: take(tag, words(tag)), commands: new Map() })
  return found
}
