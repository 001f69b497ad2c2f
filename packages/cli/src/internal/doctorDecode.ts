/** Reads events as the program does, and keeps what cannot be read. */
import * as EventStore from "@varve/core/EventStore"
import * as Limits from "@varve/core/Limits"
import type { Inventory } from "@varve/core/StoreAdmin"
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Readings } from "./doctorReading.ts"
import type { Case, File, Reached } from "./doctorState.ts"
import type { Failed } from "./Failed.ts"
import * as print from "./print.ts"
import * as Progress from "./progress.ts"
import { messageOf } from "./telling.ts"

/** Cases of one type and revision that people are shown, and that are kept however many others there are. */
export const shownPerType = 20

/** Cases that are kept in all: what programs are given, and what the state file holds. */
export const keptCases = 10_000

/** Longest reason that is kept. */
const reasonCharacters = 500

/** How often the state is written while events are read. */
const saveMillis = 1_000

/** Events that a sample reads at a time, where it jumps, and where it takes all of them. */
const eventsPerJump = 10
const eventsPerWalk = 500

export const keyOf = ({ category, revision, type }: {
  readonly category: string
  readonly type: string
  readonly revision: number
}): string => `${category}/${type}/${revision}`

/** What a run has found so far. */
class Findings {
  events: number
  erased: number
  unreadable: number
  readonly cases: Array<Case>
  private readonly counts = new Map<string, number>()
  private readonly readings: Readings

  constructor(readings: Readings, reached: Reached) {
    this.readings = readings
    this.events = reached.events
    this.erased = reached.erased
    this.unreadable = reached.unreadable
    this.cases = [...reached.cases]
    for (const { category, revision, type } of this.cases) this.count(keyOf({ category, type, revision }))
  }

  private count(key: string): number {
    const count = (this.counts.get(key) ?? 0) + 1
    this.counts.set(key, count)
    return count
  }

  get totals(): Pick<Reached, "events" | "erased" | "unreadable" | "cases"> {
    const { cases, erased, events, unreadable } = this
    return { events, erased, unreadable, cases: [...cases] }
  }

  add(stored: StoredEvent): void {
    this.events++
    const result = this.readings.read(stored)
    if (Result.isSuccess(result)) {
      // What nobody needs any more may have been erased as well.
      if (stored.payload === null) this.erased++
      return
    }
    const { cause, why } = result.failure
    if (why === "Erased") {
      this.erased++
      return
    }
    this.unreadable++
    const { position, revision, stream: { category, id, tenant }, type, version } = stored
    const ofType = this.count(keyOf({ category, type, revision }))
    if (ofType > shownPerType && this.cases.length >= keptCases) return
    const reason = cause === undefined ? why : `${why}: ${messageOf(cause)}`
    this.cases.push({
      position,
      tenant,
      category,
      id,
      version,
      type,
      revision,
      why,
      reason: print.cut(reason, reasonCharacters)
    })
  }
}

/** What a run ends with. */
export interface Decoded extends Reached {
  /** Whether it went on where another was interrupted. */
  readonly resumed: boolean
}

const start = (until: number): Reached => ({
  until,
  after: 0,
  done: [],
  events: 0,
  erased: 0,
  unreadable: 0,
  cases: []
})

/** Keeps the state while `work` goes on, and when it is interrupted or fails. */
const keeping = <E, R>(
  file: File,
  reached: () => Reached,
  work: (save: Effect.Effect<void, Failed>) => Effect.Effect<void, E, R>
): Effect.Effect<void, E, R> =>
  Effect.suspend(() => {
    let saved = 0
    const save = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now - saved < saveMillis) return Effect.void
      saved = now
      return file.write(reached())
    })
    // Where the state cannot be kept, the error that led here says more.
    return Effect.onError(work(save), () => Effect.ignore(file.write(reached())))
  })

/** Where to begin: where the last run was interrupted, unless there was none like this one. */
const begin = Effect.fnUntraced(function*(file: File, head: number) {
  const before = yield* file.read
  // A store that was restored from a backup may end before.
  return before === undefined || before.until > head
    ? { reached: start(head), resumed: false }
    : { reached: before, resumed: true }
})

/** Reads every event up to the head, page by page. */
export const all = Effect.fnUntraced(function*(readings: Readings, file: File) {
  const store = yield* EventStore.EventStore
  const { reached, resumed } = yield* begin(file, yield* store.head)
  const { until } = reached
  if (resumed) yield* Console.error(`Going on behind position ${print.number(reached.after)}`)
  const findings = new Findings(readings, reached)
  let after = reached.after
  const now = (): Reached => ({ until, after, done: [], ...findings.totals })
  const progress = yield* Progress.start("events", until, after)
  yield* keeping(file, now, (save) =>
    Effect.gen(function*() {
      while (after < until) {
        const page = yield* store.readPage({ after, until, limit: Limits.eventsPerPageDefault })
        for (const stored of page.events) findings.add(stored)
        after = page.atHead ? until : page.scannedTo
        yield* save
        yield* progress.done(after)
        // Decoding is synchronous: an interruption comes between pages.
        yield* Effect.yieldNow
      }
    })).pipe(Effect.ensuring(progress.end))
  return { ...now(), resumed }
})

/**
 * Reads some events of a type and revision: spread evenly from the first to the last, and those that are left from the
 * first on where there are too few in some places. The same ones every time.
 */
const sampleOf = Effect.fnUntraced(function*(
  store: EventStore.EventStore["Service"],
  { category, events, first, last, revision, type }: Inventory,
  wanted: number,
  take: (stored: StoredEvent) => void
) {
  const spread = wanted < events
  const limit = spread ? eventsPerJump : eventsPerWalk
  const filter = { sources: [{ category, type }] }
  const seen = new Set<number>()
  let held: ReadonlyArray<StoredEvent> = []
  let [heldAfter, heldTo] = [0, 0]
  /** The first event of this type and revision at a position or behind it. */
  const find = Effect.fnUntraced(function*(from: number) {
    for (let after = from - 1, wanted = limit; after < last;) {
      if (after < heldAfter || after >= heldTo) {
        const page = yield* store.readPage({ after, until: last, filter, limit: wanted })
        // Behind a page of other revisions there may be many more of those.
        wanted = Math.min(wanted * 2, eventsPerWalk)
        held = page.events
        heldAfter = after
        heldTo = page.atHead ? last : page.scannedTo
      }
      const found = held.find((stored) => stored.position > after && stored.revision === revision)
      if (found !== undefined) return found
      after = heldTo
    }
    return undefined
  })
  for (let i = 0, next: number = first; i < wanted && next <= last; i++) {
    const target = spread && wanted > 1 ? first + Math.round((last - first) * i / (wanted - 1)) : next
    const found = yield* find(Math.max(target, next))
    if (found === undefined) break
    seen.add(found.position)
    take(found)
    next = found.position + 1
  }
  for (let next: number = first; seen.size < wanted && next <= last;) {
    const found = yield* find(next)
    if (found === undefined) break
    if (!seen.has(found.position)) take(found)
    seen.add(found.position)
    next = found.position + 1
  }
})

/** Reads some events of each type and revision. */
export const sample = Effect.fnUntraced(function*(
  readings: Readings,
  file: File,
  inventory: ReadonlyArray<Inventory>,
  perType: number
) {
  const store = yield* EventStore.EventStore
  const { reached, resumed } = yield* begin(file, yield* store.head)
  if (resumed) yield* Console.error(`Going on: ${print.number(reached.events)} events were read already`)
  const findings = new Findings(readings, reached)
  const done = new Set(reached.done)
  // Of a type and revision that is interrupted nothing counts: it is read again.
  let whole = findings.totals
  const now = (): Reached => ({ until: reached.until, after: 0, done: Array.from(done), ...whole })
  const total = inventory.reduce((sum, { events }) => sum + Math.min(events, perType), 0)
  const progress = yield* Progress.start("events", total, whole.events)
  yield* keeping(file, now, (save) =>
    Effect.gen(function*() {
      for (const entry of inventory) {
        if (done.has(keyOf(entry))) continue
        yield* sampleOf(store, entry, Math.min(perType, entry.events), (stored) => findings.add(stored))
        whole = findings.totals
        done.add(keyOf(entry))
        yield* save
        yield* progress.done(whole.events)
      }
    })).pipe(Effect.ensuring(progress.end))
  return { ...now(), resumed }
})
