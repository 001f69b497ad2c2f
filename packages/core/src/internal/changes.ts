import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { EventStoreError } from "../EventStoreError.ts"
import { Refused } from "../EventStoreError.ts"
import * as Metadata from "../Metadata.ts"
import type { Reason } from "../ProjectionError.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import { filterOf, type Past } from "./past.ts"
import type { Change, Reading } from "./projection.ts"
import * as question from "./question.ts"
import { type Signal, signalOf } from "./waiting.ts"

/** Longest time between two looks for something new, in milliseconds. */
const pollMillis = 1_000

/** Most keys whose rows are known to be outside of a query, so that they are not told again. */
const outsideKept = 10_000

/** What is followed: one row, or those of a query. */
export interface Subject {
  readonly tenant: string
  readonly key: string | undefined
  readonly plan: question.Plan
  readonly after: question.Wanted | undefined
}

/** A row as it is now; `undefined` when there is none. */
export interface Entry {
  readonly key: string
  readonly row: unknown
}

/** A page of what is there at first. */
export interface Snapshot {
  readonly entries: ReadonlyArray<Entry>
  /** The page behind this one. */
  readonly next: string | undefined
  /** What the rows have seen at the least: changes are followed from here. */
  readonly position: number
}

type Answer<A> = Effect.Effect<A, Reason | EventStoreError>

/** How rows are followed: from those in memory, or from those that are stored. */
export interface Following {
  /** Where `after` leads to; `undefined` when all rows are sent first. */
  readonly from: number | undefined
  readonly snapshot: (cursor: string | undefined) => Answer<Snapshot>
  /** Rows of the keys that events touch, once they have seen all up to a position. `again`: they are those of another revision now. */
  readonly see: (events: ReadonlyArray<StoredEvent>, passed: number) => Answer<ReadonlyArray<Entry> | "again">
  /** Rows that have changed although their events are long behind. */
  readonly look: Answer<ReadonlyArray<Entry> | "again">
}

type State =
  | { readonly phase: "snapshot"; readonly cursor: string | undefined; readonly start: number | undefined }
  | { readonly phase: "follow"; readonly position: number; readonly sent: number }

const beginning: State = { phase: "snapshot", cursor: undefined, start: undefined }

/** Says of entries where to resume: only behind the last one of them everything is sent. */
const stamp = (entries: ReadonlyArray<Entry>, before: number, last: number): ReadonlyArray<Change> =>
  entries.map(({ key, row }, i) => ({
    key,
    row: Option.fromUndefinedOr(row),
    position: i === entries.length - 1 ? last : before
  }))

/** Leaves out what is not of the query, and was not before as far as is known. */
const ofQuery = ({ key, plan }: Subject) => {
  const outside = new Set<string>()
  const isInside = (entry: Entry) =>
    entry.row !== undefined && question.isWithin(plan, question.placeOf(plan, entry.key, entry.row))
  return (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> => {
    if (key !== undefined) return entries
    const told: Array<Entry> = []
    for (const entry of entries) {
      if (isInside(entry)) {
        outside.delete(entry.key)
        told.push(entry)
      } else if (!outside.has(entry.key)) {
        if (outside.size >= outsideKept) outside.delete(outside.keys().next().value!)
        outside.add(entry.key)
        told.push({ key: entry.key, row: undefined })
      }
    }
    return told
  }
}

type Step = readonly [ReadonlyArray<Change>, Option.Option<State>]

const stepper = (self: Past, subject: Subject, following: Following, signal: Signal) => {
  const select = ofQuery(subject)
  const filter = filterOf(self, subject.tenant, subject.key)
  const selected = (entries: ReadonlyArray<Entry>) =>
    Effect.try({
      try: () => select(entries),
      catch: (error) =>
        new Refused({ what: `row of ${self.definition.name}`, expected: "a place in the index", actual: String(error) })
    })

  const snapshot = Effect.fnUntraced(function*({ cursor, start }: State & { readonly phase: "snapshot" }) {
    const page = yield* following.snapshot(cursor)
    const from = start ?? page.position
    // Whoever stops before the end of it starts anew.
    const last = page.next === undefined ? from : 0
    const state: State = page.next === undefined
      ? { phase: "follow", position: from, sent: from }
      : { phase: "snapshot", cursor: page.next, start: from }
    return [stamp(page.entries, 0, last), Option.some(state)] as Step
  })

  const follow = Effect.fnUntraced(function*({ position, sent }: State & { readonly phase: "follow" }) {
    const { count } = signal
    const page = yield* self.store.readPage({ after: position, filter })
    const seen = page.events.length === 0 ? [] : yield* following.see(page.events, page.scannedTo)
    if (seen === "again") return [[], Option.some(beginning)] as Step
    const looked = page.atHead ? yield* following.look : []
    if (looked === "again") return [[], Option.some(beginning)] as Step
    const entries = yield* selected([...seen, ...looked])
    const { scannedTo } = page
    if (entries.length === 0 && page.atHead && page.events.length === 0) yield* signal.wait(count, pollMillis)
    const state: State = { phase: "follow", position: scannedTo, sent: entries.length === 0 ? sent : scannedTo }
    return [stamp(entries, sent, scannedTo), Option.some(state)] as Step
  })

  return (state: State): Effect.Effect<Step, Reason | EventStoreError> =>
    state.phase === "snapshot" ? snapshot(state) : follow(state)
}

/**
 * Rows now and whenever they may have changed. Events tell which, so that stored rows and those in memory are followed
 * alike; the next page is read when the last one was taken.
 */
export const make = (
  self: Past,
  open: (subject: Subject) => Answer<Following>,
  hints: Stream.Stream<void>
): Reading["changes"] =>
(of = {}, options = {}) =>
  Effect.gen(function*() {
    const { tenant } = yield* Metadata.Current
    const key = typeof of === "string" ? of : undefined
    if (key !== undefined) yield* question.refuse(question.checkKey(key))
    const { from, index, to, where } = typeof of === "string" ? {} : of
    const plan = question.planOf(self.definition, { index, where, from, to })
    if (plan instanceof Refused) return yield* plan
    const after = options.after === undefined ? undefined : yield* question.wanted(options.after)
    const signal = yield* signalOf(hints)
    const subject: Subject = { tenant, key, plan, after }
    const following = yield* open(subject)
    const state: State = following.from === undefined
      ? beginning
      : { phase: "follow", position: following.from, sent: following.from }
    return Stream.paginate(state, stepper(self, subject, following, signal))
  }).pipe(Stream.unwrap, Stream.mapError(question.failed(self.definition.name)))
