import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Event from "../Event.ts"
import * as Limits from "../Limits.ts"
import * as definition from "./definition.ts"
import type { Options, Split } from "./upcaster.ts"

/** What has become of stored types. */
export type Changes = Pick<Options, "renamed" | "splits" | "dropped">

/** What one stored type, or what was split off under its tag, has become: the next step of a chain. */
type Step =
  | { readonly _tag: "Renamed"; readonly to: Event.Any }
  | { readonly _tag: "Split"; readonly split: Split }
  | { readonly _tag: "Dropped" }

/** Steps by type. Types without one are read under their own name. */
export type Steps = ReadonlyMap<string, Step>

/** One event that a stored one has become. Documented at `Upcaster.Upcast`. */
export interface Part {
  readonly event: { readonly _tag: string }
  readonly index: number
}

/** Why a stored event cannot be read. */
export class Failed {
  readonly why: Event.Undecodable["why"]
  readonly cause: unknown
  constructor(why: Event.Undecodable["why"], cause: unknown) {
    this.why = why
    this.cause = cause
  }
}

/** Reads what is stored under one type. Pure. */
export type Read = (
  stored: { readonly revision: number; readonly payload: unknown }
) => ReadonlyArray<Part> | Failed

const dropped: Step = { _tag: "Dropped" }

const next = (step: Step): ReadonlyArray<Event.Any> =>
  step._tag === "Renamed" ? [step.to] : step._tag === "Split" ? step.split.into : []

/** Looks for a type that comes back to itself: it would be read for ever. */
const checkCircle = (steps: Steps, path: ReadonlyArray<string>, done: Set<string>): void => {
  const type = path.at(-1)!
  const step = steps.get(type)
  if (step === undefined || done.has(type)) return
  for (const { tag } of next(step)) {
    if (path.includes(tag)) {
      const circle = [...path.slice(path.indexOf(tag)), tag].join(" -> ")
      throw definition.defect(
        `Upcaster: stored type ${tag} comes back to itself: ${circle}. What it has become needs a tag of its own`
      )
    }
    checkCircle(steps, [...path, tag], done)
  }
  done.add(type)
}

/** Steps of stored types. Two of one type, and circles, are a defect. */
export const steps = ({ dropped: drops = [], renamed = {}, splits = [] }: Changes): Steps => {
  const named: ReadonlyArray<readonly [string, Step]> = [
    ...Object.entries(renamed).map(([type, to]) => [type, { _tag: "Renamed", to }] as const),
    ...splits.map((split) => [split.from.tag, { _tag: "Split", split }] as const),
    ...drops.map((type) => [type, dropped] as const)
  ]
  for (const type of definition.duplicates(named.map(([type]) => type))) {
    throw definition.defect(`Upcaster: stored type ${type} is renamed, split or dropped more than once`)
  }
  const steps = new Map(named)
  const done = new Set<string>()
  for (const type of steps.keys()) checkCircle(steps, [type], done)
  return steps
}

/** The types that a type comes to: those without a step. What is dropped on the way is not among them. */
const endsOf = (steps: Steps, type: string): ReadonlySet<string> => {
  const seen = new Set([type])
  const ends = new Set<string>()
  for (const type of seen) {
    const step = steps.get(type)
    if (step === undefined) ends.add(type)
    else for (const { tag } of next(step)) seen.add(tag)
  }
  return ends
}

/** The parts that a stored event has come to so far. */
interface Sink {
  readonly parts: Array<Part>
  /** With those that nobody has asked for. */
  count: number
}

/** Takes an event along its chain to its ends. */
type Follow = (event: { readonly _tag: string }, sink: Sink) => Failed | undefined

const failed = (cause: unknown) => new Failed("UpcastFailed", cause)

/** Takes an event of one definition for one of another, which has all its revisions: its successor, or itself a year later. */
const through = (from: Event.Any, to: Event.Any, follow: Follow): Follow => {
  if (from === to) return follow
  checkSuccessor(from, to)
  return (event, sink) => {
    const encoded = Event.encode(from, event)
    if (Result.isFailure(encoded)) return failed(encoded.failure)
    const decoded = Event.decode(to, { revision: from.revision, payload: encoded.success })
    return Result.isFailure(decoded) ? failed(decoded.failure.cause) : follow(decoded.success, sink)
  }
}

const checkSuccessor = (from: Event.Any, to: Event.Any): void => {
  if (from.revision <= to.revision) return
  throw definition.defect(
    `Upcaster: ${from.tag} has ${from.revision} revisions and is read as ${to.tag}, which has ${to.revision}: `
      + "who takes over a stored type takes over its revisions"
  )
}

const full = (sink: Sink): boolean => sink.count > Limits.eventsPerSplit

const splitting = ({ f, from, into }: Split, follow: (event: Event.Any) => Follow): Follow => {
  const parts = new Map(into.map((event) => [event.tag, { fits: Schema.is(event.schema), follow: follow(event) }]))
  const wrong = (what: string) => failed(new Error(`The split of ${from.tag} returned ${what}`))
  const tooMany = () => wrong(`more than ${Limits.eventsPerSplit} events`)
  return (event, sink) => {
    let events: ReadonlyArray<{ readonly _tag: string }>
    try {
      // `split` has checked that `f` takes what `from` describes.
      events = f(event as never)
    } catch (cause) {
      return failed(cause)
    }
    if (events.length > Limits.eventsPerSplit) return tooMany()
    for (const event of events) {
      const tag = event._tag
      const part = parts.get(tag)
      if (part === undefined) return wrong(`a ${tag} that it does not split into`)
      if (!part.fits(event)) return wrong(`a ${tag} that does not fit its schema`)
      const failure = part.follow(event, sink)
      if (failure !== undefined) return failure
      if (full(sink)) return tooMany()
    }
  }
}

/** Nobody has asked for it: it has its place among the parts all the same. */
const passed: Follow = (_, sink) => {
  sink.count++
  return undefined
}

const kept: Follow = (event, sink) => {
  sink.parts.push({ event, index: sink.count++ })
  return undefined
}

/** How events go on from a definition, for a reader that wants some. */
const follower = (steps: Steps, wanted: ReadonlyMap<string, Event.Any>): (event: Event.Any) => Follow => {
  const follow = (event: Event.Any): Follow => {
    const step = steps.get(event.tag)
    if (step === undefined) {
      const asked = wanted.get(event.tag)
      return asked === undefined ? passed : through(event, asked, kept)
    }
    if (step._tag === "Dropped") return passed
    if (step._tag === "Renamed") return through(event, step.to, follow(step.to))
    return through(event, step.split.from, splitting(step.split, follow))
  }
  return follow
}

const undecodable = ({ cause, why }: Event.Undecodable) => new Failed(why, cause)

const one = (event: Event.Any): Read => (stored) => {
  const decoded = Event.decode(event, stored)
  return Result.isSuccess(decoded) ? [{ event: decoded.success, index: 0 }] : undecodable(decoded.failure)
}

const several = (event: Event.Any, follow: Follow): Read => (stored) => {
  const decoded = Event.decode(event, stored)
  if (Result.isFailure(decoded)) return undecodable(decoded.failure)
  const sink: Sink = { parts: [], count: 0 }
  return follow(decoded.success, sink) ?? sink.parts
}

/**
 * The definition that decodes what is stored under a type of which something is wanted: at the end of its renames, which
 * share their revisions.
 */
const decoderOf = (steps: Steps, wanted: ReadonlyMap<string, Event.Any>, type: string): Event.Any => {
  const step = steps.get(type)
  if (step?._tag === "Split") return step.split.from
  // Without a step it is wanted itself; what is dropped is not.
  if (step?._tag !== "Renamed") return wanted.get(type)!
  const decoder = decoderOf(steps, wanted, step.to.tag)
  checkSuccessor(step.to, decoder)
  return decoder
}

/** How a reader reads. */
export interface Reading {
  /** Stored types to ask for. */
  readonly types: ReadonlyArray<string>
  /** How what they hold is read. */
  readonly reads: ReadonlyMap<string, Read>
  /** The definition that decodes each. */
  readonly events: ReadonlyMap<string, Event.Any>
  /** Stored types of which nothing is left. */
  readonly dropped: ReadonlySet<string>
}

/** How the events of some definitions are read: under their own names, and under all that have become theirs. */
export const reading = (steps: Steps, events: ReadonlyArray<Event.Any>): Reading => {
  const wanted = new Map(events.map((event) => [event.tag, event]))
  const follow = follower(steps, wanted)
  const reads = new Map<string, Read>(events.map((event) => [event.tag, one(event)]))
  const decoders = new Map(wanted)
  const gone = new Set<string>()
  for (const type of steps.keys()) {
    const ends = endsOf(steps, type)
    if (ends.size === 0) gone.add(type)
    if (!Array.from(ends).some((end) => wanted.has(end))) continue
    const event = decoderOf(steps, wanted, type)
    decoders.set(type, event)
    reads.set(type, wanted.has(event.tag) ? one(event) : several(event, follow(event)))
  }
  return { types: Array.from(reads.keys()), reads, events: decoders, dropped: gone }
}

/** The tag of the event that a type was renamed to, by one rename or several; the type itself where it was not. */
export const nameToday = (steps: Steps, type: string): string => {
  const step = steps.get(type)
  return step?._tag === "Renamed" ? nameToday(steps, step.to.tag) : type
}

/** The types that an event was stored under, its own first, then the later before the earlier. */
export const namesOf = (steps: Steps, tag: string): ReadonlyArray<string> => {
  const names = [tag]
  for (const name of names) {
    for (const [type, step] of steps) {
      if (step._tag === "Renamed" && step.to.tag === name) names.push(type)
    }
  }
  return names
}

/** The types that a type comes to on its way: those that it is renamed to or split into, and what becomes of them. */
export const lineOf = (steps: Steps, type: string): ReadonlySet<string> => {
  const line = new Set<string>()
  for (const { tag } of nextOf(steps, type)) line.add(tag)
  for (const type of line) for (const { tag } of nextOf(steps, type)) line.add(tag)
  return line
}

const nextOf = (steps: Steps, type: string): ReadonlyArray<Event.Any> => {
  const step = steps.get(type)
  return step === undefined ? [] : next(step)
}

/** The event that a type was renamed to, by one rename or several. */
export const renamedTo = (steps: Steps, type: string): Event.Any | undefined => {
  const step = steps.get(type)
  return step?._tag === "Renamed" ? renamedTo(steps, step.to.tag) ?? step.to : undefined
}
