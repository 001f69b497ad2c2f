/** What is wrong between a catalogue and the code. */
import type * as Event from "@varve/core/Event"
import type * as Upcaster from "@varve/core/Upcaster"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { Known, Project, ReadStored } from "./catalogCode.ts"
import { merge } from "./catalogEntry.ts"
import * as golden from "./catalogGolden.ts"
import {
  byPlace,
  type Catalog,
  type Entry,
  entryOf,
  type Finding,
  messageOf,
  type Read,
  type Revision
} from "./catalogModel.ts"
import * as shape from "./catalogSchema.ts"
import * as text from "./catalogText.ts"

/** How a stored type is read, in words. */
export const wordsOf = (read: Read): string => {
  switch (read._tag) {
    case "Itself":
      return "itself"
    case "Renamed":
      return `renamed to ${read.to}`
    case "Split":
      return `split into ${read.into.join(", ")}`
    case "Dropped":
      return "dropped"
  }
}

/** Differences told of one revision. */
const differencesShown = 8

const listed = (all: ReadonlyArray<string>): string =>
  all.length <= differencesShown
    ? all.join("; ")
    : `${all.slice(0, differencesShown).join("; ")}; and ${all.length - differencesShown} more`

/** One tag must mean one thing: otherwise nothing else can be told of it. */
export const twoEvents = ({ definitions, domainsOf }: Project): ReadonlyArray<Finding> =>
  Array.from(definitions).filter(([, events]) => events.size > 1).map(([event, { size }]) => {
    const domains = domainsOf(event)
    const where = domains.length > 1 ? `domains ${domains.join(" and ")}` : `${domains[0] ?? "the Upcaster options"}`
    return {
      kind: "TwoEvents",
      event,
      what: `${size} events have this tag (${where}): what is stored under it would mean ${size} things`,
      remedy: `give the newer one a tag of its own, such as ${domains[1] ?? "Other"}${event}; where both mean the same,`
        + " export one definition and use it in both places"
    }
  })

/** A type that the options have retired cannot be an event of today. */
const stillUsed = ({ domainsOf, known }: Project): ReadonlyArray<Finding> =>
  Array.from(known.values()).flatMap(({ read, type }) => {
    const [domain] = domainsOf(type)
    return read._tag === "Itself" || domain === undefined
      ? []
      : [{
        kind: "StillUsed" as const,
        event: type,
        what: `it is ${wordsOf(read)} in the Upcaster options, and still an event of the domain ${domain}`,
        remedy: "take it out of the options, or out of the domain"
      }]
  })

/** An event that is not recorded yet and has the payloads of one that is gone: what it was renamed to, it seems. */
const successorOf = ({ known }: Project, catalog: Catalog, { revisions }: Entry): string | undefined => {
  const fits = ({ event, read, type }: Known): boolean =>
    read._tag === "Itself" && event !== undefined && entryOf(catalog, type) === undefined
    && revisions.every(({ revision, schema }) => {
      const now = event.revisions[revision - 1]
      return now !== undefined && text.line(shape.ofRevision(event, now)) === text.line(shape.canonical(schema))
    })
  return Array.from(known.values()).find(fits)?.type
}

const missingEvent = (project: Project, catalog: Catalog, type: string): ReadonlyArray<Finding> => {
  const known = project.known.get(type)
  const { lost } = project.ends(type)
  if (lost.length === 0) return []
  const entry = entryOf(catalog, type)
  const successor = (entry && successorOf(project, catalog, entry)) ?? "TheNewEvent"
  const what = known === undefined
    ? "it is in the catalogue, and no domain has it any more: stored events of this type would be unreadable"
    : `it is ${wordsOf(known.read)}, and no domain has ${lost.join(", ")}: stored events would be unreadable`
  const options = known === undefined
    ? `renamed: { ${type}: ${successor} }, a split, or dropped: [${JSON.stringify(type)}]`
    : `what has become of ${lost.join(", ")}: renamed, splits or dropped`
  return [{
    kind: "MissingEvent",
    event: type,
    what,
    remedy: `put it back into its domain, or say in the Upcaster options ${options}`
  }]
}

/** Of an aggregate that meets in its streams what it does not have any more. */
const lostBy = (type: string, category: string, aggregate: string): Finding => ({
  kind: "MissingEvent",
  event: type,
  what:
    `it is stored in streams of ${category}, and the aggregate ${aggregate} does not have it any more: instances with`
    + " such an event could not be loaded",
  remedy:
    `let ${aggregate} have the event, with an evolve that gives the state back as it is if it means nothing any more,`
    + ` or say in the Upcaster options that it is passed over: readers: { ${aggregate}: { unknownType: "skip" } }`
})

/** Streams that hold the type, and in which nobody reads it. */
const missingInStreams = (
  project: Project,
  type: string,
  { categories }: Entry,
  known: Known
): ReadonlyArray<Finding> => {
  // Of what is dropped every reader knows that it is nothing.
  if (project.ends(type).reached.length === 0) return []
  const now = known.categories.join(", ")
  return categories.filter((category) => !known.categories.includes(category)).flatMap(
    (category): ReadonlyArray<Finding> => {
      const keepers = project.keepersOf(category)
      if (keepers.length > 0) {
        return keepers.flatMap(({ aggregate, skips }) => skips ? [] : [lostBy(type, category, aggregate)])
      }
      // Nobody loads streams of it: projections ask for the type, wherever it is.
      if (now === "") return []
      return [{
        kind: "MissingCategory",
        event: type,
        what:
          `it is stored in streams of ${category}, and looked for in streams of ${now}: what is stored would not be found`,
        remedy: `say in the Upcaster options where the aggregate is stored, as in categories: { ${
          known.categories[0]
        }: ${JSON.stringify(category)} }, or let the aggregate ${category} have the event`
      }]
    }
  )
}

const nextOf = (entry: Entry, event: Event.Any): number => Math.max(event.revision, entry.revisions.length) + 1

const checkSchema = (
  type: string,
  entry: Entry,
  { revision, schema }: Revision,
  event: Event.Any
): ReadonlyArray<Finding> => {
  const named = event.tag === type ? "" : ` (it is read as ${event.tag})`
  const now = event.revisions[revision - 1]
  if (now === undefined) {
    return [{
      kind: "MissingRevision",
      event: type,
      revision,
      what: `the hop is missing: the code has ${event.tag} up to revision ${event.revision}, and payloads of revision`
        + ` ${revision} are stored`,
      remedy:
        `put .revise(${revision}, …) back, with the fields that the catalogue has${named}; a change comes after it`
    }]
  }
  const [before, after] = [shape.canonical(schema), shape.ofRevision(event, now)]
  if (text.line(before) === text.line(after)) return []
  return [{
    kind: "EditedInPlace",
    event: type,
    revision,
    what: `it was edited in place: ${listed(shape.diff(before, after))}`,
    remedy: `put revision ${revision} of ${event.tag} back as it was, and write the change as a revision of its own,`
      + ` .revise(${nextOf(entry, event)}, …). If revision ${revision} was never merged, restore the catalogue of the`
      + " main branch and run `varve catalog update`"
  }]
}

const shown = (payload: Schema.Json): string => {
  const line = text.line(payload)
  return line.length <= 200 ? line : `${line.slice(0, 200)}…`
}

/** The first golden payload of a revision that is not read, and the first that is written differently. */
const checkGolden = (
  type: string,
  category: string,
  { golden: { byHand, generated }, revision }: Revision,
  event: Event.Any,
  read: ReadStored
): ReadonlyArray<Finding> => {
  const own = event.revisions[revision - 1]
  let unreadable: Finding | undefined
  let changed: Finding | undefined
  for (const payload of [...byHand, ...generated]) {
    const result = read(type, revision, payload, category)
    if (Result.isFailure(result)) {
      unreadable ??= unreadableOf(type, revision, payload, result.failure)
      continue
    }
    if (own === undefined) continue
    const again = golden.rewritten(own, payload)
    // What JSON cannot hold is no payload: it cannot be the one that lies there.
    const line = Result.isSuccess(again) ? text.line(again.success as Schema.Json) : undefined
    if (line === text.line(payload)) continue
    changed ??= {
      kind: "GoldenChanged",
      event: type,
      revision,
      what: `it was edited in place: what was written as ${shown(payload)} would be written as ${
        line ?? "nothing"
      } now`,
      remedy: `put revision ${revision} of ${event.tag} back as it was, and write the change as a revision of its own,`
        + ` .revise(${event.revision + 1}, …)`
        + (byHand.includes(payload) ? "; if the payload was just added by hand, no program has written it so" : "")
    }
  }
  return [unreadable, changed].filter((finding) => finding !== undefined)
}

/** What there is no example of. */
const notGolden = (event: string, { golden: { byHand, generated }, revision }: Revision): ReadonlyArray<Finding> =>
  byHand.length + generated.length > 0 ? [] : [{
    kind: "NotChecked",
    event,
    revision,
    what: "it has no golden payload, so an edit that JSON Schema does not see is not found",
    remedy:
      "run `varve catalog update`; where nothing can be generated from its schema, add payloads to golden.byHand in the"
      + " catalogue, as they lie in a store"
  }]

const unreadableOf = (
  event: string,
  revision: number,
  payload: Schema.Json,
  { cause, why }: Upcaster.Unreadable
): Finding => ({
  kind: "GoldenUnreadable",
  event,
  revision,
  what: `the golden payload ${shown(payload)} cannot be read: ${why}${
    cause === undefined ? "" : `: ${messageOf(cause)}`
  }`,
  remedy: why === "UpcastFailed"
    ? "mend the upcast or the split, so that it takes every payload that was ever stored"
    : `put the schema of revision ${revision} back as it was, and write the change as a revision of its own`
})

/** What of the code a catalogue does not say. */
const notRecorded = (type: string, known: Known, entry: Entry | undefined): ReadonlyArray<Finding> => {
  const finding = (what: string, revision?: number): Finding => ({
    kind: "NotRecorded",
    event: type,
    revision,
    what,
    remedy: "run `varve catalog update` and commit the catalogue"
  })
  if (entry === undefined) return [finding("it is not in the catalogue: nothing protects it yet")]
  const merged = merge(entry, known)
  const [was, now] = [wordsOf(entry.read), wordsOf(merged.read)]
  const more = merged.revisions.slice(entry.revisions.length)
  const same =
    text.line(entry) === text.line({ ...merged, revisions: merged.revisions.slice(0, entry.revisions.length) })
  return [
    ...(was === now
      ? same ? [] : [finding("the catalogue has other domains, categories or downcasts of it than the code")]
      : [finding(`the catalogue says that it is read as ${was}, and it is ${now}`)]),
    ...more.map(({ revision }) => finding("it is not in the catalogue: nothing protects it yet", revision))
  ]
}

const checkEntry = (project: Project, catalog: Catalog, type: string, entry: Entry, read: ReadStored | undefined) => {
  const missing = missingEvent(project, catalog, type)
  const known = project.known.get(type)
  if (missing.length > 0 || known === undefined) return missing
  const { event } = known
  const findings = [...missingInStreams(project, type, entry, known), ...notRecorded(type, known, entry)]
  for (const revision of entry.revisions) {
    if (event !== undefined) findings.push(...notGolden(type, revision))
    // A dropped type is read as nothing, whatever its payload.
    const schema = event === undefined ? [] : checkSchema(type, entry, revision, event)
    findings.push(...schema)
    if (event === undefined || read === undefined || schema.some(({ kind }) => kind === "MissingRevision")) continue
    findings.push(...checkGolden(type, known.categories[0] ?? entry.categories[0] ?? type, revision, event, read))
  }
  return findings
}

/** What the catalogue of the base branch has, and the committed one has not. */
const edited = (base: Catalog, catalog: Catalog): ReadonlyArray<Finding> => {
  const finding = (event: string, what: string, revision?: number): Finding => ({
    kind: "CatalogEdited",
    event,
    revision,
    what,
    remedy: "take the catalogue of the base branch as it is, and run `varve catalog update`"
  })
  return Object.entries(base.events).flatMap(([type, before]) => {
    const after = entryOf(catalog, type)
    if (after === undefined) return [finding(type, "the catalogue of the base branch has it, this one has not")]
    return [
      ...before.categories.filter((category) => !after.categories.includes(category)).map((category) =>
        finding(type, `the catalogue of the base branch says that it is stored in streams of ${category}`)
      ),
      ...before.revisions.flatMap(({ golden, revision, schema }) => {
        const now = after.revisions.find((other) => other.revision === revision)
        if (now === undefined) {
          return [finding(type, "the catalogue of the base branch has it, this one has not", revision)]
        }
        const [was, is] = [shape.canonical(schema), shape.canonical(now.schema)]
        const kept = new Set([...now.golden.byHand, ...now.golden.generated].map(text.line))
        const lost = [...golden.byHand, ...golden.generated].filter((payload) => !kept.has(text.line(payload)))
        // Payloads of another schema are others.
        if (text.line(was) !== text.line(is)) {
          return [finding(type, `its schema in the catalogue was edited: ${listed(shape.diff(was, is))}`, revision)]
        }
        const [first, ...more] = lost
        if (first === undefined) return []
        const all = more.length === 0 ? "was" : `and ${more.length} more were`
        return [finding(type, `the golden payload ${shown(first)} ${all} removed or edited`, revision)]
      })
    ]
  })
}

/** All that is wrong, by event and revision. */
export const check = (catalog: Catalog, project: Project, base?: Catalog): ReadonlyArray<Finding> => {
  const ambiguous = [...twoEvents(project), ...stillUsed(project)]
  const read = ambiguous.length === 0 ? project.reader() : undefined
  return [
    ...ambiguous,
    ...(base === undefined ? [] : edited(base, catalog)),
    ...Object.entries(catalog.events).flatMap(([type, entry]) => checkEntry(project, catalog, type, entry, read)),
    ...Array.from(project.known.values()).filter(({ type }) => entryOf(catalog, type) === undefined).flatMap((
      known
    ) => [
      ...missingEvent(project, catalog, known.type),
      ...notRecorded(known.type, known, undefined)
    ])
  ].sort(byPlace)
}
