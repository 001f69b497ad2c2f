import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CommitId from "../CommitId.ts"
import { EventStore } from "../EventStore.ts"
import { EventStoreError, Refused } from "../EventStoreError.ts"
import { ProjectionError } from "../ProjectionError.ts"
import { RowStore, type Target } from "../RowStore.ts"
import { StoreAdmin } from "../StoreAdmin.ts"
import { leastOf } from "./partition.ts"
import type { Definition } from "./projection.ts"
import { failed } from "./question.ts"
import * as runCustom from "./runCustom.ts"
import { type Ended, entryOf, feed, type Signals } from "./runFeed.ts"
import { type Course, Desk, type Job } from "./runJob.ts"
import { Defaults, type RunOptions, type Settings, settingsOf } from "./runOptions.ts"
import * as runRows from "./runRows.ts"
import { Upcaster } from "./upcaster.ts"

type Services = EventStore | Upcaster | RowStore

/** How long the first pause is when the store cannot be reached, and the longest. */
export const pauseMillis = 100
const longestPauseMillis = 10_000

/**
 * Events of a page of a pure projection, unless told. Every page writes each row it touches once, and waits for the disk
 * once: large ones are fast, and at the head pages are as small as what is new.
 */
export const pageSizeDefault = 5_000

/** Events of a page of a custom projection, unless told: its handlers are statements of one transaction. */
const customPageSizeDefault = 1_000

/** Appends that come in this time are looked at together by what rides with them: looking costs two queries. */
const glance = "20 millis"

export const refused = (what: string, expected: string, actual: string) =>
  new EventStoreError({ operation: "rows", reason: new Refused({ what, expected, actual }) })

/** What is asked for of a new entry, or of the entry that is there. */
export interface Opening {
  readonly partitions?: number | undefined
  readonly position?: Effect.Effect<number, EventStoreError> | undefined
}

/**
 * Makes or finds the entry, and makes sure that its checkpoints are of this store.
 *
 * Another number of partitions takes all of them back to the least checkpoint. Rows know what they have seen. Where there
 * are none, the number is left as it is, and `level` changes it.
 */
export const open = Effect.fnUntraced(function*<R>(
  store: EventStore["Service"],
  rows: RowStore["Service"],
  job: Job<R>,
  opening: Opening
) {
  const { mode, target } = job
  const position = opening.position === undefined ? undefined : yield* opening.position
  const asStored = !job.rows && (yield* entryOf({ rows, target })) !== undefined
  const partitions = asStored ? undefined : opening.partitions
  const entry = yield* rows.open({ target, mode, partitions, position, indexes: job.indexes })
  const what = `checkpoint of ${target.name}`
  const head = yield* store.head
  const greatest = Math.max(...entry.checkpoints.map(({ position }) => position))
  if (greatest > head) return yield* refused(what, `at most ${head}, the head of the store`, `${greatest}`)
  // Whoever provides a store provides its administration. Where somebody has not, positions alone are compared.
  const admin = yield* Effect.serviceOption(StoreAdmin)
  if (Option.isSome(admin)) {
    const { storeId } = yield* admin.value.status
    if (entry.storeId !== storeId) return yield* refused(what, `a position of the store ${storeId}`, entry.storeId)
  }
  return entry
})

const isTransient = ({ reason }: EventStoreError): boolean =>
  reason._tag === "Unavailable" || reason._tag === "OutcomeUnknown"

/** Pauses after a failure: longer every time, and at random, so that not everybody comes back at once. */
const pauseAfter = Effect.fnUntraced(function*(course: Course, what: string, message: string) {
  const { failures, target } = course
  course.failures++
  // A page that takes longer than the store waits would fail for ever.
  course.pageSize = Math.max(Math.min(course.pageSize, course.atWork) >> 1, 1)
  if (failures === 0) yield* Effect.logWarning(`${target.name}: ${what} fails, and is tried again: ${message}`)
  const millis = Math.min(pauseMillis * 2 ** Math.min(failures, 20), longestPauseMillis)
  yield* Effect.sleep(millis * (0.5 + 0.5 * (yield* Random.next)))
})

/** Renews the leases, until they are not what they were. */
const renewing = Effect.fnUntraced(function*(
  course: Course,
  desks: ReadonlyMap<number, Desk>,
  partitions: number,
  signals: Signals
) {
  const { owner, rows, settings: { lease, leaseMillis, most }, target } = course
  while (true) {
    yield* Effect.sleep(leaseMillis / 3)
    const now = yield* Clock.currentTimeMillis
    const acquired = yield* rows.acquire({ target, owner, lease, most })
    const fences = new Map(acquired.leases.map(({ fence, partition }) => [partition, fence]))
    const kept = Array.from(desks.values()).every(({ fence, isCommitting, partition }) =>
      isCommitting || fences.get(partition) === fence
    )
    if (acquired.state !== "running" || acquired.partitions !== partitions || !kept) return
    course.heldUntil = now + leaseMillis
    // The others are fed after the page in hand.
    if (fences.size > desks.size) signals.changed = true
  }
})

/**
 * Changes the number of partitions to the one that is asked for, where it can be done without handling anything twice: all
 * partitions are ours, so that nobody moves them, and are at one position. Answers with the position that they are to be
 * brought to first; `undefined` when nothing is to be changed, or not now.
 */
const level = Effect.fnUntraced(function*<R>(
  { rows, settings }: Course,
  { mode, target }: Job<R>,
  desks: ReadonlyMap<number, Desk>,
  partitions: number
) {
  const wanted = settings.partitions ?? partitions
  if (wanted === partitions || desks.size < partitions) return undefined
  const [first, ...others] = Array.from(desks.values())
  const greatest = Math.max(...Array.from(desks.values(), ({ position }) => position))
  if (others.some(({ position }) => position !== first!.position)) return greatest
  // Who was frozen meanwhile does not know where they are now: the store looks again.
  yield* rows.open({ target, mode, partitions: wanted, level: true })
  return "Changed"
})

/** Takes leases and works their partitions, until something changes, or to the head. */
export const tour = Effect.fnUntraced(function*<R>(
  course: Course,
  job: Job<R>,
  wait: Effect.Effect<void> | undefined
): Effect.fn.Return<Ended | { readonly _tag: "Idle" }, EventStoreError, R> {
  const { owner, rows, settings: { lease, leaseMillis, most }, target } = course
  const now = yield* Clock.currentTimeMillis
  const { leases, partitions, state } = yield* rows.acquire({ target, owner, lease, most })
  if (state !== "running" || leases.length === 0) {
    course.failures = 0
    return { _tag: "Idle" }
  }
  course.heldUntil = now + leaseMillis
  const entry = yield* entryOf(course)
  course.parked = entry?.parkedEvents ?? 0
  course.serving = target.kind === "subscription" || entry?.serving === true
  const ended = yield* Effect.scoped(Effect.gen(function*() {
    const scope = yield* Effect.scope
    // Behind the leases: from now on their partitions are changed by nobody else.
    const isEmpty = job.rows && (yield* rows.isEmpty(target))
    const desks = new Map(leases.map((lease) => [lease.partition, new Desk(course, lease, isEmpty, scope)]))
    const until = job.rows ? undefined : yield* level(course, job, desks, partitions)
    if (until === "Changed") return
    // What is not at the head is given to no reader.
    if (until !== undefined) course.serving = true
    const signals: Signals = { wait: until === undefined ? wait : undefined, until, changed: false }
    const ended = yield* Effect.raceFirst(
      feed(course, job, desks, partitions, signals),
      renewing(course, desks, partitions, signals)
    )
    return until !== undefined && ended?._tag === "AtHead" ? undefined : ended
  }))
  return ended ?? { _tag: "Changed" }
})

export const pollOf = ({ settings: { pollMillis } }: Course) => Effect.sleep(pollMillis)

/** Works for ever, and waits at the head. */
const forever = Effect.fnUntraced(function*<R>(course: Course, job: Job<R>, wait: Effect.Effect<void>) {
  while (true) {
    const { commits } = course
    const ended = yield* tour(course, job, wait)
    if (ended._tag === "Idle" || ended._tag === "Halted") yield* pollOf(course)
    // Nothing came of it: what has changed is given time to settle.
    else if (course.commits === commits) yield* Effect.sleep(Math.min(course.settings.pollMillis, pauseMillis))
  }
})

/**
 * Works while the projection is behind what rides with the appends. At the head it only looks, so that it is in nobody's
 * way: whoever holds the checkpoint makes an append go without rows.
 */
const beside = Effect.fnUntraced(function*<R>(course: Course, job: Job<R>, wait: Effect.Effect<void>) {
  const { owner, rows, settings, store, target } = course
  while (true) {
    // In this order: an append between the two moves the checkpoint.
    const head = yield* store.head
    const entries = yield* rows.entries({ kind: target.kind, name: target.name })
    const entry = entries.find((entry) => entry.target.revision === target.revision)
    if (entry === undefined) return yield* refused(`projection ${target.name}`, "an entry in the store", "none")
    // Readers have these rows, or those of a later revision, or are given them by hand.
    const serves = settings.switch === "manual"
      || entries.some(({ serving, target: { revision } }) => serving && revision >= target.revision)
    const due = entry.parkedEvents > 0 && (yield* rows.parked({ target, due: true, limit: 1 })).length > 0
    if (entry.state === "running" && (leastOf(entry) < head || !serves || due)) {
      const ended = yield* tour(course, job, undefined)
      yield* rows.release(target, owner)
      if (ended._tag !== "AtHead") {
        yield* pollOf(course)
        continue
      }
      if ((yield* store.head) > ended.position) continue
    }
    course.failures = 0
    yield* wait
    yield* Effect.sleep(glance)
  }
})

/** What a run starts from. */
export interface Started<R> {
  readonly course: Course
  readonly job: Job<R>
  readonly opening: Opening
  readonly opened: boolean
}

/** Wakes who waits when the store says so. What comes meanwhile is one wake-up. */
const wakeUps = Effect.fnUntraced(function*(course: Course): Effect.fn.Return<Effect.Effect<void>, never, Scope.Scope> {
  const wakes = yield* Queue.sliding<void>(1)
  yield* Effect.forkScoped(
    Effect.ignoreCause(Stream.runForEach(course.store.wakeUps, () => Queue.offer(wakes, undefined))),
    // What is appended from now on is heard.
    { startImmediately: true }
  )
  return Effect.raceFirst(Queue.take(wakes), pollOf(course))
})

/**
 * Works until it ends or fails for good. What is under way is undone or done, and the leases are given back, when it ends.
 */
export const drive = Effect.fnUntraced(function*<A, E, R>(
  { course, job, opened, opening }: Started<R>,
  work: Effect.Effect<A, EventStoreError | E, R>
) {
  const { rows, store, target } = course
  let found = opened
  let ready = false
  const once = Effect.gen(function*() {
    if (!found) yield* open(store, rows, job, opening)
    found = true
    if (!ready) {
      const prepared = yield* Effect.result(job.setup)
      if (prepared._tag === "Failure") {
        yield* pauseAfter(course, "the setup", String(prepared.failure))
        return Option.none<A>()
      }
    }
    ready = true
    return Option.some(yield* work)
  })
  const lasting = Effect.gen(function*() {
    while (true) {
      const ended = yield* Effect.catchIf(
        once,
        (error) => error instanceof EventStoreError && isTransient(error),
        (error) => Effect.as(pauseAfter(course, "the store", String(error)), Option.none<A>())
      )
      if (Option.isSome(ended)) return ended.value
    }
  })
  return yield* Effect.ensuring(lasting, Effect.ignoreCause(rows.release(target, course.owner)))
})

/** Checks the options, and knows what is needed for a run. */
export const prepare = Effect.fnUntraced(function*(target: Target, options: RunOptions, pageSizeDefault: number) {
  const settings: Settings | Refused = settingsOf(options, yield* Defaults, pageSizeDefault)
  if (settings instanceof Refused) {
    return yield* new ProjectionError({ target: target.name, reason: settings })
  }
  const course: Course = {
    store: yield* EventStore,
    rows: yield* RowStore,
    settings,
    target,
    owner: `${settings.name === "" ? "" : `${settings.name}/`}${CommitId.generateUnsafe()}`,
    parked: 0,
    heldUntil: 0,
    rate: 0,
    serving: true,
    commits: 0,
    events: 0,
    failures: 0,
    pageSize: settings.pageSize,
    atWork: settings.pageSize
  }
  return course
})

/** Opens the entry of a job and checks it. What it gives runs the job, for ever. */
export const startJob = Effect.fnUntraced(function*<R>(
  job: Job<R>,
  options: RunOptions,
  pageSizeDefault: number,
  position?: Effect.Effect<number, EventStoreError>
) {
  const { name } = job.target
  const course = yield* prepare(job.target, options, pageSizeDefault)
  // What rides with appends has one partition: they cannot wait for the locks of several.
  const opening: Opening = { partitions: job.mode === "inline" ? 1 : course.settings.partitions, position }
  const opened = yield* open(course.store, course.rows, job, opening).pipe(
    Effect.as(true),
    // A store that cannot be reached now is not missing: it is tried again by who runs.
    Effect.catchIf(isTransient, () => Effect.succeed(false)),
    Effect.mapError(failed(name))
  )
  const admin = yield* Effect.serviceOption(StoreAdmin)
  const running = Effect.scoped(Effect.gen(function*() {
    const wait = yield* wakeUps(course)
    const started: Started<R> = { course, job, opening, opened }
    const work = job.mode === "inline" ? beside(course, job, wait) : forever(course, job, wait)
    return yield* drive(started, work)
  })).pipe(
    Effect.mapError(failed(name)),
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError(`${name} is run no more`, cause)
    )
  )
  return Option.isSome(admin) ? Effect.provideService(running, StoreAdmin, admin.value) : running
})

/** Opens the entry of a projection and checks it. What it gives runs the projection, for ever. */
export const start = (
  definition: Definition,
  aggregates: ReadonlyArray<string>,
  mode: "inline" | "async",
  options: RunOptions = {}
): Effect.Effect<Effect.Effect<never, ProjectionError>, ProjectionError, Services> =>
  Effect.flatMap(
    Upcaster,
    (upcaster) => startJob(runRows.make(definition, aggregates, mode, upcaster), options, pageSizeDefault)
  )

/** Runs a projection, for ever. */
export const run = (
  definition: Definition,
  aggregates: ReadonlyArray<string>,
  mode: "inline" | "async",
  options?: RunOptions
): Effect.Effect<never, ProjectionError, Services> => Effect.flatten(start(definition, aggregates, mode, options))

/** A projection that can be run, and the names of the aggregates whose events it reads; none for whatever has the type. */
export type Runnable<R> = readonly [
  definition: Definition | runCustom.Definition<R>,
  aggregates: ReadonlyArray<string>
]

const startOne = <R>([definition, aggregates]: Runnable<R>, options: RunOptions) =>
  "handle" in definition
    ? Effect.flatMap(
      Upcaster,
      (upcaster) => startJob(runCustom.make(definition, aggregates, upcaster), options, customPageSizeDefault)
    )
    : start(definition, aggregates, "async", options)

/** Runs several projections at once, for ever. All are opened before one is run; when one fails for good, all end. */
export const runAll = <R = never>(
  projections: ReadonlyArray<Runnable<R>>,
  options: RunOptions = {}
): Effect.Effect<never, ProjectionError, Services | R> =>
  Effect.flatMap(
    Effect.forEach(projections, (one) => startOne(one, options)),
    (runs) => Effect.andThen(Effect.all(runs, { concurrency: "unbounded", discard: true }), Effect.never)
  )
