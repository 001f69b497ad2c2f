import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { EventStoreError } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type { Page } from "../Page.ts"
import type { Entry, Failure } from "../RowStore.ts"
import { beforeCommit, failureOf, itemsOf, type Placed, placed } from "./fold.ts"
import { leastOf, partitionOf } from "./partition.ts"
import { filterOf } from "./projection.ts"
import { type Course, type Desk, done, gone, type Job } from "./runJob.ts"
import { drainDue } from "./runParked.ts"
import { span } from "./span.ts"

/** Why the partitions are fed no more. */
export type Ended =
  | { readonly _tag: "AtHead"; readonly position: number }
  /** The leases, the partitions or the state are not what they were. */
  | { readonly _tag: "Changed" }
  | { readonly _tag: "Halted"; readonly failure: Failure }

const changed: Ended = { _tag: "Changed" }

/** How many pages there are between two sweeps of tombstones, and how long it takes at the least. */
const sweepPages = 256
const sweepMillis = 60_000

/** What is stored of a target. */
export const entryOf = ({ rows, target }: Pick<Course, "rows" | "target">): Effect.Effect<
  Entry | undefined,
  EventStoreError
> =>
  Effect.map(
    rows.entries({ kind: target.kind, name: target.name }),
    (entries) => entries.find((entry) => entry.target.revision === target.revision)
  )

/** Halts the target, and says why. */
const halt = Effect.fnUntraced(function*({ rows, target }: Course, failure: Failure) {
  const { cause, eventId, position, type } = failure
  yield* Effect.logError(`${target.name} halts at position ${position}, ${type} of ${eventId}: ${cause}`)
  yield* rows.setState(target, "halted", failure)
  return { _tag: "Halted", failure } as const
})

/** Gives every partition its items, in order. What a partition has seen is not among them. */
const dispatch = (
  desks: ReadonlyMap<number, Desk>,
  partitions: number,
  items: ReadonlyArray<Placed>
): ReadonlyMap<number, ReadonlyArray<Placed>> => {
  const byPartition = new Map<number, Array<Placed>>()
  for (const one of items) {
    const partition = partitionOf(one.key, partitions)
    const desk = desks.get(partition)
    if (desk === undefined || one.item.stored.position <= desk.front) continue
    const known = byPartition.get(partition)
    if (known === undefined) byPartition.set(partition, [one])
    else known.push(one)
  }
  return byPartition
}

/** Works a page in all partitions. `undefined` when all of it is behind them. */
const workPage = Effect.fnUntraced(function*<R>(
  course: Course,
  job: Job<R>,
  desks: ReadonlyMap<number, Desk>,
  partitions: number,
  { atHead, events, scannedTo }: Page,
  pausing: boolean
): Effect.fn.Return<Exclude<Ended, { readonly _tag: "AtHead" }> | undefined, EventStoreError, R> {
  const { items, stopped } = itemsOf(job.reader, job.keyed, events)
  const to = stopped === undefined ? scannedTo : beforeCommit(stopped.at)
  const byPartition = dispatch(desks, partitions, placed(items))
  const settle = atHead || pausing || stopped !== undefined
  const worked = yield* Effect.forEach(
    desks.values(),
    (desk) =>
      desk.front < to
        ? job.work(desk, byPartition.get(desk.partition) ?? [], to, settle)
        : Effect.map(settle ? desk.settled : Effect.succeed(true), (settled) => settled ? done : gone),
    { concurrency: "unbounded" }
  )
  for (const one of worked) if (one._tag === "Halted") return yield* halt(course, one.failure)
  if (worked.some(({ _tag }) => _tag === "Gone")) return changed
  if (stopped !== undefined) return yield* halt(course, failureOf(stopped.at, yield* DateTime.now, stopped.cause))
  if (course.parked > Limits.parkedEvents) {
    const entry = yield* entryOf(course)
    course.parked = entry?.parkedEvents ?? 0
    const last = events.at(-1)
    if (course.parked > Limits.parkedEvents && last !== undefined) {
      const cause = `parked events: expected at most ${Limits.parkedEvents}, got ${course.parked}`
      return yield* halt(course, failureOf(last, yield* DateTime.now, cause))
    }
  }
})

/** A revision that has seen what the store holds is given to the readers, unless a later one has them. */
const serve = Effect.fnUntraced(function*(course: Course, head: number) {
  const { rows, target } = course
  const entries = yield* rows.entries({ kind: target.kind, name: target.name })
  const own = entries.find((entry) => entry.target.revision === target.revision)
  const served = entries.find(({ serving }) => serving)
  if (own === undefined || (served !== undefined && served.target.revision > target.revision)) return
  course.serving = own.serving
  if (own.serving || leastOf(own) < head) return
  yield* rows.serve(target)
  course.serving = true
  yield* Effect.logInfo(`${target.name}: revision ${target.revision} serves`)
})

/** Milliseconds of a clock that nobody sets. */
const elapsed = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

/** What is done now and then, between pages. */
class Chores<R> {
  readonly course: Course
  readonly job: Job<R>
  readonly desks: ReadonlyMap<number, Desk>
  readonly partitions: number
  private lookAt = 0
  private sweepAt: number
  private pages = 0

  constructor(course: Course, job: Job<R>, desks: ReadonlyMap<number, Desk>, partitions: number, now: number) {
    this.course = course
    this.job = job
    this.desks = desks
    this.partitions = partitions
    this.sweepAt = now + sweepMillis
  }

  /** Whether something is to be done after the next page that nothing may be under way for. */
  get due(): Effect.Effect<boolean> {
    return Effect.map(elapsed, (now) => this.course.parked > 0 && now >= this.lookAt)
  }

  /** False when a lease is gone. */
  after({ atHead, scannedTo }: Page, settled: boolean): Effect.Effect<boolean, EventStoreError, R> {
    return Effect.gen({ self: this }, function*() {
      const { course, desks, job, partitions } = this
      const now = yield* elapsed
      this.pages++
      if (job.rows && (this.pages % sweepPages === 0 || (atHead && now >= this.sweepAt))) {
        this.sweepAt = now + sweepMillis
        yield* course.rows.sweep(course.target)
      }
      if (!settled || now < this.lookAt) return true
      if (atHead && !course.serving && course.settings.switch === "automatic") yield* serve(course, scannedTo)
      else if (course.parked === 0) return true
      this.lookAt = now + course.settings.pollMillis
      if (course.parked === 0) return true
      return yield* drainDue(course, job, desks, partitions)
    })
  }
}

/** What the feeding of partitions is told from outside. */
export interface Signals {
  /** Waits for something new, or for the time to look. `undefined` for who ends at the head. */
  readonly wait: Effect.Effect<void> | undefined
  /** The head, for who is to come to a position only. */
  readonly until?: number | undefined
  /** There are other leases than those that are fed. */
  changed: boolean
}

/**
 * Reads pages from the least of the checkpoints on, and has each worked by all partitions while the next one is read.
 */
export const feed = Effect.fnUntraced(function*<R>(
  course: Course,
  job: Job<R>,
  desks: ReadonlyMap<number, Desk>,
  partitions: number,
  signals: Signals
): Effect.fn.Return<Ended, EventStoreError, R> {
  const { settings: { pageSize }, store, target } = course
  const filter = filterOf(job.reader)
  const read = (after: number) => store.readPage({ after, until: signals.until, filter, limit: course.pageSize })
  let since = yield* elapsed
  const chores = new Chores(course, job, desks, partitions, since)
  let page = yield* read(Math.min(...Array.from(desks.values(), ({ position }) => position)))
  while (true) {
    const { atHead, scannedTo } = page
    const ahead = atHead ? undefined : yield* Effect.forkChild(read(scannedTo), { startImmediately: true })
    // Behind the read of the next page: a store may make them when they are asked for.
    const { events } = page
    const pausing = signals.changed || (yield* chores.due)
    course.atWork = events.length
    const ended = yield* workPage(course, job, desks, partitions, page, pausing).pipe(
      span(`${target.name}.page`, { "varve.to": scannedTo, "varve.events": events.length })
    )
    if (ended !== undefined) return ended
    // A commit that is under way may still fail.
    if (atHead || pausing) course.failures = 0
    course.pageSize = Math.min(Math.ceil(course.pageSize * 1.125), pageSize)
    course.events += events.length
    const now = yield* elapsed
    if (events.length > 0 && now > since) course.rate = events.length / desks.size / (now - since) * 1_000
    if (!(yield* chores.after(page, atHead || pausing)) || (signals.changed && pausing)) return changed
    since = yield* elapsed
    if (ahead !== undefined) {
      // A store in this process may never let others have their turn.
      yield* Effect.yieldNow
      page = yield* Fiber.join(ahead)
      continue
    }
    if (signals.wait === undefined) return { _tag: "AtHead", position: scannedTo }
    yield* signals.wait
    since = yield* elapsed
    page = yield* read(scannedTo)
  }
})
