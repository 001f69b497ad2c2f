/** How a project reads what lies in a store: through the upcasters that its program has, with nothing passed over. */
import type * as Event from "@varve/core/Event"
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as Upcaster from "@varve/core/Upcaster"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { createHash } from "node:crypto"
import type { Project } from "../Project.ts"
import { Failed } from "./Failed.ts"
import { messageOf } from "./telling.ts"

/** What a program makes of a stored type and revision. */
export type Reading =
  /** `upcasts`: how many lead to its newest revision. `into`: what it is read as in the end, where that is something else. */
  | { readonly how: "read"; readonly upcasts: number; readonly into: ReadonlyArray<string>; readonly split: boolean }
  /** Nothing is left of it, and nobody needs it. */
  | { readonly how: "dropped" }
  | { readonly how: "unknown type" }
  /** `knows`: the newest revision that the program reads. */
  | { readonly how: "newer revision"; readonly knows: number }
  | { readonly how: "unknown category" }

export const isReadable = ({ how }: Reading): boolean => how === "read" || how === "dropped"

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** A reading in words. What cannot be read is in capitals, so that it is seen without colours. */
export const words = (reading: Reading): string => {
  switch (reading.how) {
    case "read": {
      const { into, split, upcasts } = reading
      const changed = into.length === 0 ? [] : [`${split ? "split into" : "renamed to"} ${into.join(", ")}`]
      const through = upcasts === 0 ? [] : [`through ${plural(upcasts, "upcast")}`]
      return [...changed, ...through].join(", ") || "newest"
    }
    case "dropped":
      return "dropped"
    case "unknown type":
      return "UNKNOWN TYPE"
    case "newer revision":
      return `NEWER REVISION (program knows ${reading.knows})`
    case "unknown category":
      return "UNKNOWN CATEGORY"
  }
}

/** How the events of a project are read. */
export interface Readings {
  readonly categories: ReadonlyArray<string>
  readonly of: (stored: { readonly category: string; readonly type: string; readonly revision: number }) => Reading
  /** Reads one event. Of a category that nobody knows no type is known. */
  readonly read: (stored: StoredEvent) => Result.Result<unknown, Upcaster.Unreadable>
  /** Tells two programs apart by what they read: types, their newest revisions, what is dropped. */
  readonly digest: string
}

const eventsOf = (projection: Project["projections"][number]): ReadonlyArray<Event.Any> =>
  "~custom" in projection ? projection["~custom"].events : projection.events

const make = (project: Project, { category, options }: Upcaster.Upcaster["Service"]): Readings => {
  // What a program may pass over is what a doctor looks for.
  const upcaster = Upcaster.make({
    ...options,
    unknownType: "fail",
    newerRevision: "fail",
    erased: "fail",
    readers: undefined
  })
  const aggregates = project.domains.flatMap(({ aggregates }) => aggregates)
  const byCategory = Map.groupBy(aggregates, ({ tag }) => category(tag))
  const readers = new Map(Array.from(byCategory, ([category, parts]) => {
    const events = Array.from(new Set(parts.flatMap(({ events }) => events)))
    return [category, upcaster.reader({ aggregates: parts.map(({ tag }) => tag), events })] as const
  }))
  // Projections may read events of others, whatever their category.
  const own = new Set(aggregates.flatMap(({ events }) => events))
  const foreign = new Set(project.projections.flatMap(eventsOf).filter((event) => !own.has(event)))
  const others = upcaster.reader({ aggregates: [], events: Array.from(foreign) })
  const readerOf = (category: string) => readers.get(category) ?? others

  const splits = new Map(options.splits?.map((split) => [split.from.tag, split]))
  const dropped = new Set(options.dropped)
  /** What a type has become in the end, over the years. An upcaster that goes in circles cannot be made. */
  const become = (type: string): ReadonlyArray<string> => {
    if (dropped.has(type)) return []
    const renamed = options.renamed?.[type]
    const next = renamed === undefined ? splits.get(type)?.into : [renamed]
    return next === undefined ? [type] : Array.from(new Set(next.flatMap(({ tag }) => become(tag))))
  }
  /** Whether a split is among what has become of it. */
  const isSplit = (type: string): boolean => {
    const renamed = options.renamed?.[type]
    return renamed === undefined ? splits.has(type) : isSplit(renamed.tag)
  }

  const all = [...readers, ["", others] as const]
  const known = all.map(([category, { dropped, newest, types }]) => [
    category,
    types.map((type) => `${type} ${newest(type)}`).sort(),
    [...dropped].sort()
  ])
  return {
    categories: Array.from(readers.keys()),
    of: ({ category, revision, type }) => {
      const reader = readerOf(category)
      const newest = reader.newest(type)
      if (newest === 0) return { how: readers.has(category) ? "unknown type" : "unknown category" }
      if (reader.dropped.includes(type)) return { how: "dropped" }
      if (revision > newest) return { how: "newer revision", knows: newest }
      const into = become(type).filter((tag) => tag !== type)
      return { how: "read", upcasts: newest - revision, into, split: isSplit(type) }
    },
    read: (stored) => readerOf(stored.stream.category).upcast(stored),
    digest: createHash("sha256").update(JSON.stringify(known.sort())).digest("hex")
  }
}

/** How a project reads. A definition that contradicts itself is told like a configuration that cannot be loaded. */
export const readings = (project: Project): Effect.Effect<Readings, Failed, Upcaster.Upcaster> =>
  Effect.flatMap(Upcaster.Upcaster, (upcaster) =>
    Effect.try({
      try: () => make(project, upcaster),
      catch: (error) => new Failed({ message: `the project cannot read: ${messageOf(error)}`, cause: error })
    }))
