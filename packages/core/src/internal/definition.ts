import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Limits from "../Limits.ts"

/** A mistake of the programmer, found when a definition is made: a defect that names the thing. */
export const defect = (message: string): TypeError => new TypeError(message)

/** What is wrong with an event, for `varve catalog check`, which tells it beside what it finds itself. */
export interface EventTrouble {
  readonly kind: "TwoEvents" | "MissingRevision"
  readonly event: string
  readonly revision?: number | undefined
  readonly what: string
  readonly remedy: string
}

/** A defect that would make stored events unreadable. It bears what is wrong under `~@varve/core/EventTrouble`. */
export const eventDefect = (message: string, trouble: EventTrouble): TypeError =>
  Object.assign(defect(message), { "~@varve/core/EventTrouble": trouble })

/** A tag is the name of one thing in a store. */
export const twoEvents = (where: string, event: string): TypeError => {
  const what = `two events of the tag ${event}`
  const remedy = "give one of them a tag of its own, or use one definition where they mean the same"
  return eventDefect(`${where}: ${what}: ${remedy}`, { kind: "TwoEvents", event, what: `${where}: ${what}`, remedy })
}

/** A name that is stored: refused at the definition, long before there is an event to lose. */
export const checkName = (what: string, name: string): void => {
  if (!Limits.namePattern.test(name)) {
    throw defect(`${what} ${JSON.stringify(name)}: expected a letter, then up to 127 letters, digits or underscores`)
  }
}

/** A revision that is stored: refused at the definition. */
export const checkRevision = (what: string, revision: number): void => {
  if (!Number.isInteger(revision) || revision < 1 || revision > 32_767) {
    throw defect(`${what}: expected a revision from 1 to 32767, got ${revision}`)
  }
}

/** The base of `class X extends … {}`: an empty class that bears the name of what it defines. */
export const base = <A extends object>(name: string, statics: A): A => {
  class Base {}
  // A class has a `name` of its own that is not writable, so every static is defined, not assigned.
  for (const [key, value] of Object.entries({ ...statics, name })) {
    Object.defineProperty(Base, key, { value, enumerable: true, configurable: true })
  }
  // The loop above has given the class every property of `statics`.
  return Base as unknown as A
}

/** Tags of definitions that are met twice. */
export const duplicates = (tags: Iterable<string>): ReadonlyArray<string> => {
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (const tag of tags) {
    if (seen.has(tag)) twice.add(tag)
    seen.add(tag)
  }
  return Array.from(twice)
}

/** What a schema has to say about a value: `make` throws an error that has the issue as its cause. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return SchemaIssue.isIssue(error.cause) ? SchemaIssue.makeFormatterDefault()(error.cause) : error.message
}

/** `schema.make`, with a message that names the thing. */
export const construct = (what: string, schema: Schema.Top, input: never): unknown => {
  try {
    return schema.make(input)
  } catch (error) {
    throw new TypeError(`${what}: ${reasonOf(error)}`, { cause: error })
  }
}
