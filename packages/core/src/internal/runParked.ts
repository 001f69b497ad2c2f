import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { EventStoreError } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type { Parked, RowKey } from "../RowStore.ts"
import { itemsOf } from "./fold.ts"
import { nameOf, partitionOf } from "./partition.ts"
import { filterOf } from "./projection.ts"
import { type Course, type Desk, type Job, type Waiting } from "./runJob.ts"

/** Parked events that are worked in one go. */
const parkedPage = 1_000

/** Parked events that are read from the store at a time. */
const readsAtATime = 8

/** Finds what a parked event is today: all that there is of it up to the next one that is parked by itself. */
const look = <R>(
  course: Course,
  { keyed, reader }: Job<R>,
  parked: Parked,
  behind: Parked | undefined
): Effect.Effect<Waiting, EventStoreError> => {
  const { index, key, position } = parked
  const end = behind?.position === position ? behind.index : Infinity
  return Effect.map(
    course.store.readPage({ after: position - 1, until: position, filter: filterOf(reader), limit: 1 }),
    ({ events }) => {
      const { items, stopped } = itemsOf(reader, keyed, events)
      return {
        parked,
        items: items.filter((item) => item.index >= index && item.index < end && item.keys.includes(key)),
        cause: stopped?.cause
      }
    }
  )
}

/** Stores why an event failed again. Nobody has asked for a third time yet. */
const parkAgain = Effect.fnUntraced(function*(
  desk: Desk,
  key: RowKey,
  { attempts, cause, parked }: { readonly parked: Parked; readonly attempts: number; readonly cause: string }
) {
  const { course } = desk
  const { rows, target } = course
  const { eventId, position, type } = parked
  const failure = { ...key, at: yield* DateTime.now, position, eventId, type, attempts, cause }
  yield* Effect.logWarning(`${target.name}: ${type} of ${eventId}: ${cause}`)
  let limit = parkedPage
  // The first one last: as long as it is due, this is done again when it ends on the way.
  while (true) {
    const events = yield* rows.parked({ target, key, limit })
    // Somebody has skipped it while it was tried: what is behind it stays due.
    if (events[0]?.position !== position || events[0].index !== parked.index) return true
    const behind = events.filter((one) => one.due && (one.position !== position || one.index !== parked.index))
    const last = behind.length === 0 && events.length < limit
    const park = last
      ? [{ ...parked, attempts, cause, due: false }]
      : behind.slice(0, parkedPage).map((one) => ({ ...one, due: false }))
    // Those in front are not due any more: the ones to be found are behind them.
    if (behind.length === 0) limit *= 10
    if (park.length === 0) continue
    const committed = yield* desk.commit({ to: desk.position, park, failure: last ? failure : undefined })
    if (committed !== "Committed") return false
    // They were parked before.
    course.parked -= park.length
    if (last) return true
  }
})

/** Works the parked events of a key, in order, as many as work. False when the lease is gone. */
const drainKey = Effect.fnUntraced(function*<R>(job: Job<R>, desk: Desk, key: RowKey) {
  const { course } = desk
  const { rows, target } = course
  while (true) {
    // With one more, which tells where the last of the page ends.
    const found = yield* rows.parked({ target, key, limit: parkedPage + 1 })
    const events = found.slice(0, parkedPage)
    const [first] = events
    // One that nobody has tried waits behind nothing: what was before it is gone since it was parked.
    if (first === undefined || !(first.due || first.attempts === 0)) return true
    // What is behind this page is due as well, also when this ends here and another goes on.
    if (events.length === parkedPage) yield* rows.retry({ target, key, skip: false })
    const waiting = yield* Effect.forEach(events, (event, i) => look(course, job, event, found[i + 1]), {
      concurrency: readsAtATime
    })
    const drained = yield* job.drain(desk, key, waiting)
    if (drained._tag === "Gone") return false
    const { count, failed } = drained
    if (failed !== undefined) return yield* parkAgain(desk, key, { parked: events[count]!, ...failed })
  }
})

/** The keys of what somebody has asked to be tried again, where it is ours. Those of other partitions may come first. */
const dueKeys = Effect.fnUntraced(function*(
  { rows, target }: Course,
  desks: ReadonlyMap<number, Desk>,
  partitions: number
) {
  for (let limit = parkedPage;; limit *= 10) {
    const due = yield* rows.parked({ target, due: true, limit })
    const own = due.filter((event) => desks.has(partitionOf(event, partitions)))
    if (own.length > 0 || due.length < limit || limit >= Limits.parkedEvents) {
      return Array.from(new Map(own.map(({ key, tenant }) => [nameOf({ key, tenant }), { key, tenant }])).values())
    }
  }
})

/** Works what somebody has asked to be tried again, where it is ours. False when a lease is gone. */
export const drainDue = Effect.fnUntraced(function*<R>(
  course: Course,
  job: Job<R>,
  desks: ReadonlyMap<number, Desk>,
  partitions: number
) {
  for (const key of yield* dueKeys(course, desks, partitions)) {
    // Its partition is ours.
    if (!(yield* drainKey(job, desks.get(partitionOf(key, partitions))!, key))) return false
  }
  return true
})
