/** What the code of a project makes of every stored type that it names. */
import * as CommitId from "@varve/core/CommitId"
import type * as Domain from "@varve/core/Domain"
import type * as Event from "@varve/core/Event"
import * as StoredEvent from "@varve/core/StoredEvent"
import * as StreamName from "@varve/core/StreamName"
import * as Upcaster from "@varve/core/Upcaster"
import * as DateTime from "effect/DateTime"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { Read } from "./catalogModel.ts"
import * as shape from "./catalogSchema.ts"
import * as text from "./catalogText.ts"

/** Documented at `Catalog.Code`. */
export interface Code {
  readonly domains: ReadonlyArray<Domain.Any>
  readonly upcaster: Upcaster.Options
}

/** A stored type that the code names. */
export interface Known {
  readonly type: string
  readonly read: Read
  /** The definition whose chain of revisions reads it; none for one that is dropped. */
  readonly event: Event.Any | undefined
  readonly domains: ReadonlyArray<string>
  /** Where its streams are looked for; none when whoever reads it asks for the type alone. */
  readonly categories: ReadonlyArray<string>
}

/** Where a stored type ends. */
export interface Ends {
  /** Events of today that it becomes. */
  readonly reached: ReadonlyArray<string>
  /** Events that it would become, and that no domain has. */
  readonly lost: ReadonlyArray<string>
}

/** What a stored payload is read as, by the reader of all events of the project. */
export type ReadStored = (
  type: string,
  revision: number,
  payload: Schema.Json,
  category: string
) => Result.Result<unknown, Upcaster.Unreadable>

export interface Project {
  readonly known: ReadonlyMap<string, Known>
  readonly ends: (type: string) => Ends
  /** Every definition that is named anywhere, by tag, but for what another one goes on from: more than one is a mistake. */
  readonly definitions: ReadonlyMap<string, ReadonlySet<Event.Any>>
  /** Domains that have an event of the tag. */
  readonly domainsOf: (tag: string) => ReadonlyArray<string>
  /** The aggregates that are stored under the category, and whether they pass over types that they do not have. */
  readonly keepersOf: (category: string) => ReadonlyArray<{ readonly aggregate: string; readonly skips: boolean }>
  /** Throws where the options contradict the events. */
  readonly reader: () => ReadStored
}

const unique = (texts: Iterable<string>): ReadonlyArray<string> => Array.from(new Set(texts)).sort()

const own = <A>(record: { readonly [key: string]: A } | undefined, key: string): A | undefined =>
  record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined

/** Whether a definition is another one as it was before its last revisions. */
const isEarlier = (event: Event.Any, later: Event.Any): boolean =>
  event !== later && event.revisions.length <= later.revisions.length
  && event.revisions.every((revision, i) =>
    text.line(shape.ofRevision(event, revision)) === text.line(shape.ofRevision(later, later.revisions[i]!))
  )

/** A change may be said with a definition of its day, whose revisions the one of today has, too. */
const definitionsOf = ({ domains, upcaster: { renamed = {}, splits = [] } }: Code) => {
  const definitions = new Map<string, Set<Event.Any>>()
  const add = (event: Event.Any) => {
    const found = definitions.get(event.tag)
    if (found === undefined) definitions.set(event.tag, new Set([event]))
    else found.add(event)
  }
  domains.flatMap(({ events }) => events).forEach(add)
  const said = [...Object.values(renamed), ...splits.flatMap(({ from, into }) => [from, ...into])]
  // The newest first: what was said before is compared with it.
  for (const event of said.sort((a, b) => b.revision - a.revision)) {
    const found = Array.from(definitions.get(event.tag) ?? [])
    if (!found.some((later) => isEarlier(event, later))) add(event)
  }
  return definitions
}

/** Renames and splits may follow each other through the years. A circle ends where it was entered. */
const endsOf = (options: Upcaster.Options, current: ReadonlySet<string>) => {
  const dropped = new Set(options.dropped)
  const follow = (type: string, path: ReadonlyArray<string>): Ends => {
    if (path.includes(type)) return { reached: [], lost: [type] }
    const renamed = own(options.renamed, type)
    const split = options.splits?.find(({ from }) => from.tag === type)
    const next = renamed !== undefined ? [renamed] : split?.into
    if (next === undefined) {
      if (dropped.has(type)) return { reached: [], lost: [] }
      return current.has(type) ? { reached: [type], lost: [] } : { reached: [], lost: [type] }
    }
    const ends = next.map(({ tag }) => follow(tag, [...path, type]))
    return { reached: unique(ends.flatMap(({ reached }) => reached)), lost: unique(ends.flatMap(({ lost }) => lost)) }
  }
  return (type: string) => follow(type, [])
}

const commitId = CommitId.make("00000000-0000-7000-8000-000000000000")
const time = DateTime.makeUnsafe(0)

const readerOf = ({ domains, upcaster }: Code): ReadStored => {
  const { upcast } = Upcaster.make(upcaster).reader({
    aggregates: unique(domains.flatMap(({ aggregates }) => aggregates.map(({ tag }) => tag))),
    events: Array.from(new Set(domains.flatMap(({ events }) => events)))
  })
  return (type, revision, payload, category) =>
    upcast({
      id: StoredEvent.id(commitId, 0),
      commitId,
      commitIndex: 0,
      stream: StreamName.make(category, "golden"),
      version: 1,
      position: StoredEvent.position(1),
      type,
      revision,
      payload,
      metadata: {},
      occurredAt: time,
      recordedAt: time
    })
}

/** What the code says, found by stored type. */
export const resolve = (code: Code): Project => {
  const { domains, upcaster: options } = code
  const aggregates = domains.flatMap(({ aggregates }) => aggregates)
  const categoryOf = (aggregate: string) => own(options.categories, aggregate) ?? aggregate
  const domainsOf = (tag: string) =>
    unique(domains.filter(({ events }) => events.some((event) => event.tag === tag)).map(({ name }) => name))
  const categoriesOf = (tag: string) =>
    unique(
      aggregates.filter(({ events }) => events.some((event) => event.tag === tag)).map((aggregate) =>
        categoryOf(aggregate.tag)
      )
    )
  const known = new Map<string, Known>()
  for (const event of domains.flatMap(({ events }) => events)) {
    const { tag: type } = event
    known.set(type, {
      type,
      read: { _tag: "Itself" },
      event,
      domains: domainsOf(type),
      categories: categoriesOf(type)
    })
  }
  const current = new Map(known)
  const ends = endsOf(options, new Set(known.keys()))
  const keepersOf = (category: string) =>
    aggregates.filter(({ tag }) => categoryOf(tag) === category).map(({ tag }) => ({
      aggregate: tag,
      skips: (own(options.readers, tag)?.unknownType ?? options.unknownType) === "skip"
    }))
  const retired = (type: string, read: Read, event: Event.Any | undefined) => {
    const { reached } = ends(type)
    known.set(type, {
      type,
      read,
      // Whoever takes over a type reads it as the event of today.
      event: event && (current.get(event.tag)?.event ?? event),
      domains: unique(reached.flatMap(domainsOf)),
      categories: unique(reached.flatMap(categoriesOf))
    })
  }
  for (const [type, event] of Object.entries(options.renamed ?? {})) {
    retired(type, { _tag: "Renamed", to: event.tag }, event)
  }
  for (const { from, into } of options.splits ?? []) {
    retired(from.tag, { _tag: "Split", into: into.map(({ tag }) => tag) }, from)
  }
  for (const type of options.dropped ?? []) retired(type, { _tag: "Dropped" }, undefined)
  return {
    known,
    ends,
    definitions: definitionsOf(code),
    domainsOf,
    keepersOf,
    reader: () => readerOf(code)
  }
}
