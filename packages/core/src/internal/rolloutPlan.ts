import * as Domain from "../Domain.ts"
import type * as Event from "../Event.ts"
import { Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type { Program, Readable, Wanted } from "../ProgramStore.ts"
import * as Upcaster from "../Upcaster.ts"
import * as chain from "./chain.ts"
import * as definition from "./definition.ts"
import { knownOf, placeOf, readableAs } from "./programReads.ts"

/** Documented at `Rollout.Policy`. */
export type Policy = "downcast" | "refuse"

/** An event that a program writes, and the forms in which it can, the one that it wants first. */
export interface Writable {
  readonly category: string
  readonly event: Event.Any
  readonly forms: readonly [Upcaster.Form, ...ReadonlyArray<Upcaster.Form>]
  /** Types under which it was stored before the form that it wants. */
  readonly formerly: ReadonlyArray<string>
}

/** What a program reads and writes. */
export interface Plan {
  readonly reads: ReadonlyArray<Readable>
  readonly writes: ReadonlyArray<Wanted>
  readonly events: ReadonlyArray<Writable>
}

/** What a plan is made of. */
export interface Parts {
  readonly domains: ReadonlyArray<Domain.Any>
  readonly foreign: ReadonlyArray<Event.Any>
  readonly options: Upcaster.Options
}

/** Places, each once, with a revision that `choose` takes of two. */
const places = (choose: (a: number, b: number) => number) => {
  const all = new Map<string, Readable>()
  return {
    all,
    add: (place: Readable): void => {
      const before = all.get(placeOf(place))
      all.set(
        placeOf(place),
        before === undefined ? place : { ...place, revision: choose(before.revision, place.revision) }
      )
    }
  }
}

/** For a type, the others that have come to it, by renames and splits. */
const formerly = (steps: chain.Steps): (type: string) => ReadonlyArray<string> => {
  const all = new Map<string, Array<string>>()
  for (const former of steps.keys()) {
    for (const type of chain.lineOf(steps, former)) {
      const known = all.get(type)
      if (known === undefined) all.set(type, [former])
      else known.push(former)
    }
  }
  return (type) => all.get(type) ?? []
}

/** What a program reads and writes, from its definitions. What is wrong with them is a defect. */
export const make = ({ domains, foreign, options }: Parts): Plan => {
  const upcaster = Upcaster.make(options)
  const steps = chain.steps(options)
  const formerlyOf = formerly(steps)
  // Where two of its readers differ, the lower one counts; it writes what is highest.
  const reads = places(Math.min)
  const writes = places(Math.max)
  const written = new Map<string, Writable>()
  const read = (name: string | undefined, category: string, events: ReadonlyArray<Event.Any>, gone: boolean) => {
    const { dropped, newest, types } = upcaster.reader({ name, aggregates: [], events })
    for (const type of gone ? [...types, ...dropped] : types) reads.add({ category, type, revision: newest(type) })
    if (category !== "") return
    // What it leaves out of a split it knows, and passes over: nobody is to wait until it does.
    for (const type of types.flatMap((type) => Array.from(chain.lineOf(steps, type)))) {
      reads.add({ category, type, revision: Limits.revisions })
    }
  }
  for (const { events, tag } of domains.flatMap((domain) => domain.aggregates)) {
    const category = upcaster.category(tag)
    read(tag, category, events, true)
    for (const event of events) {
      const [wanted, ...others] = Upcaster.forms(options, event)
      if (wanted === undefined) throw definition.defect(`Rollout: ${event.tag} has no form to be written in`)
      written.set(placeOf({ category, type: event.tag }), {
        category,
        event,
        forms: [wanted, ...others],
        formerly: formerlyOf(wanted.type)
      })
      for (const { revision, type } of [wanted, ...others]) writes.add({ category, type, revision })
    }
  }
  for (const { aggregates, projections } of domains) {
    for (const projection of projections) {
      // What reads events of the domain's aggregates alone reads no more than they do.
      if (Domain.sourcesOf(projection, aggregates).length === 0) read(projection.tag, "", projection.events, false)
    }
  }
  read(undefined, "", foreign, false)
  return {
    reads: Array.from(reads.all.values()),
    writes: Array.from(writes.all.values(), (write) => ({ ...write, formerly: formerlyOf(write.type) })),
    events: Array.from(written.values())
  }
}

/** What the store told may be written: place to revision. */
export type Allowed = ReadonlyMap<string, number>

const isAllowed = (allowed: Allowed, category: string, { revision, type }: Upcaster.Form): boolean =>
  revision <= (allowed.get(placeOf({ category, type })) ?? 0)

/** The form to write an event in, if there is one: the first that is allowed, or the one that is wanted or none. */
export const formOf = (
  { category, forms }: Writable,
  allowed: Allowed,
  policy: Policy
): Upcaster.Form | undefined => {
  const candidates = policy === "refuse" ? forms.slice(0, 1) : forms
  return candidates.find((form) => isAllowed(allowed, category, form))
}

/** A program that cannot read an event in the form that is wanted, and what it reads of it. */
export interface Blocker {
  readonly program: Program
  readonly reads: number
}

/** The programs that an event waits for. */
export const blockers = (
  { category, formerly, forms: [{ revision, type }] }: Writable,
  programs: ReadonlyArray<Program>
): ReadonlyArray<Blocker> =>
  programs.flatMap((program) => {
    const reads = readableAs(knownOf(program.reads), { category, type, formerly })
    return reads === undefined || reads >= revision ? [] : [{ program, reads }]
  })

/** Most programs that a message names. */
const named = 3

const showBlockers = (blockers: ReadonlyArray<Blocker>): string => {
  if (blockers.length === 0) return ""
  const shown = blockers.slice(0, named).map(({ program: { name }, reads }) =>
    reads === 0 ? `${name} does not know it` : `${name} reads ${reads}`
  )
  const more = blockers.length - shown.length
  return ` (${shown.join(", ")}${more === 0 ? "" : `, ${more} more`})`
}

/** Why an event cannot be written at present. */
export const refusal = (
  writable: Writable,
  policy: Policy,
  programs: ReadonlyArray<Program>
): Refused => {
  const { revision, type } = writable.forms[0]
  return new Refused({
    what: `revision ${revision} of ${type}`,
    expected: `one that every program at work can read${showBlockers(blockers(writable, programs))}`,
    actual: policy === "refuse"
      ? "one that they cannot, and the policy is to refuse"
      : "one that they cannot, and no way down to one that they can"
  })
}
