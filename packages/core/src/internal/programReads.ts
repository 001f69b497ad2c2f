import type { Readable, Wanted } from "../ProgramStore.ts"
import * as text from "./text.ts"

/** Category to the types that are read there, each with its newest revision. */
export type Known = ReadonlyMap<string, ReadonlyMap<string, number>>

/** What a program says that it reads, for looking up. */
export const knownOf = (reads: ReadonlyArray<Readable>): Known => {
  const known = new Map<string, Map<string, number>>()
  for (const { category, revision, type } of reads) {
    known.set(category, (known.get(category) ?? new Map<string, number>()).set(type, revision))
  }
  return known
}

/**
 * The newest revision of a type in a category that a program can read; `undefined` where it reads neither. A type that
 * it does not know, in a category that it reads, counts as 0.
 */
export const readableBy = (
  known: Known,
  { category, type }: Pick<Readable, "category" | "type">
): number | undefined => {
  const whole = known.get(category)
  const named = known.get("")?.get(type)
  if (whole === undefined) return named
  return Math.min(whole.get(type) ?? 0, named ?? Number.MAX_SAFE_INTEGER)
}

/**
 * The type under which a program asks for what is stored under another now, and would pass over it: the lowest of those
 * that are told, where it reads that type whatever its category and says nothing of the place.
 */
export const formerOf = (
  known: Known,
  place: Pick<Readable, "category" | "type">,
  formerly: ReadonlyArray<string>
): string | undefined => {
  if (formerly.length === 0 || readableBy(known, place) !== undefined) return undefined
  const named = known.get("")
  return named && formerly.filter((type) => named.has(type)).sort(text.compare)[0]
}

/** The newest revision of what is to be written that a program can read; `undefined` where it does not mind. */
export const readableAs = (known: Known, wanted: Pick<Wanted, "category" | "formerly" | "type">): number | undefined =>
  formerOf(known, wanted, wanted.formerly) === undefined ? readableBy(known, wanted) : 0

/** Names a type in a category. */
export const placeOf = ({ category, type }: Pick<Readable, "category" | "type">): string => `${category}/${type}`
