import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { EventStore } from "../EventStore.ts"
import { EventStoreError, Unavailable } from "../EventStoreError.ts"
import type { ProjectionError } from "../ProjectionError.ts"
import { type Entry, RowStore, type Target } from "../RowStore.ts"
import { causeOf } from "./fold.ts"
import { leastOf } from "./partition.ts"
import { failed } from "./question.ts"
import * as run from "./run.ts"
import type { Definition } from "./runCustom.ts"
import { entryOf } from "./runFeed.ts"
import type { Course, Job } from "./runJob.ts"
import type { RunOptions } from "./runOptions.ts"
import { tableOf } from "./table.ts"
import { Upcaster } from "./upcaster.ts"

/** Documented at `Rebuild.Progress`. */
export interface Progress {
  /** Last position that every partition has fully handled. */
  readonly position: number
  /** Position of the last event of the store. */
  readonly head: number
  /** Events that this process has worked so far. */
  readonly events: number
  /** Events a second, of all partitions and whoever works them. */
  readonly rate: number
  readonly partitions: ReadonlyArray<{
    readonly partition: number
    readonly position: number
    /** Who works it; none when nobody does, or it is done. */
    readonly owner: Option.Option<string>
  }>
}

/** Partitions of a revision that is built, unless told. */
const partitionsDefault = 4

const known = (target: Target, entry: Entry | undefined): Effect.Effect<Entry, EventStoreError> =>
  entry === undefined
    ? Effect.fail(run.refused(`${target.name}, revision ${target.revision}`, "an entry in the store", "none"))
    : Effect.succeed(entry)

const progressOf = Effect.fnUntraced(function*(course: Course) {
  const entry = yield* known(course.target, yield* entryOf(course))
  const position = leastOf(entry)
  const head = Math.max(yield* course.store.head, position)
  const progress: Progress = {
    position,
    head,
    events: course.events,
    rate: entry.checkpoints.reduce((sum, { rate }) => sum + rate, 0),
    partitions: entry.checkpoints.map(({ owner, partition, position }) => ({ partition, position, owner }))
  }
  return progress
})

/** Works until every partition, whoever has it, has come to where the head was last seen. */
const toLevel = Effect.fnUntraced(function*<R>(course: Course, job: Job<R>) {
  const { store, target } = course
  let goal: number | undefined
  while (true) {
    const entry = yield* known(target, yield* entryOf(course))
    if (entry.state !== "running") {
      const why = Option.match(entry.failure, { onNone: () => "", onSome: ({ cause }) => `: ${cause}` })
      return yield* Effect.fail(run.refused(`state of ${target.name}`, "running", `${entry.state}${why}`))
    }
    if (goal !== undefined) {
      if (leastOf(entry) >= goal) return
      // Others have the rest.
      yield* run.pollOf(course)
    }
    const { commits } = course
    const ended = yield* run.tour(course, job, undefined)
    if (ended._tag === "AtHead") goal = ended.position
    else if (ended._tag === "Idle") goal ??= yield* store.head
    else if (course.commits === commits) yield* Effect.sleep(run.pauseMillis)
  }
})

/** Builds the rows of a revision up to the head, and tells how far it is. */
export const build = <R>(
  target: Target,
  jobOf: (upcaster: Upcaster["Service"]) => Job<R>,
  options: Pick<RunOptions, "partitions" | "pageSize" | "poll">
): Stream.Stream<Progress, ProjectionError, EventStore | Upcaster | RowStore | R> => {
  const program = Effect.fnUntraced(function*<E>(queue: Queue.Enqueue<Progress, E>) {
    const course = yield* run.prepare(target, { ...options, switch: "manual" }, run.pageSizeDefault)
    const job = jobOf(yield* Upcaster)
    const tell = Effect.flatMap(progressOf(course), (progress) => Queue.offer(queue, progress))
    yield* Effect.gen(function*() {
      const { rows, store } = course
      const before = yield* entryOf(course)
      if (before === undefined || leastOf(before) < (yield* store.head)) {
        const partitions = options.partitions ?? (before === undefined ? partitionsDefault : undefined)
        const opening = { partitions }
        yield* run.open(store, rows, job, opening)
        const telling = Effect.forever(Effect.andThen(Effect.ignore(tell), run.pollOf(course)))
        yield* Effect.raceFirst(
          run.drive({ course, job, opening, opened: true }, toLevel(course, job)),
          telling
        )
      }
      yield* tell
    }).pipe(Effect.mapError(failed(target.name)))
  })
  return Stream.unwrap(Effect.map(
    Effect.context<EventStore | Upcaster | RowStore | R>(),
    (context) =>
      Stream.callback<Progress, ProjectionError>(
        // One that is late is told the latest.
        (queue) => Effect.provideContext(Effect.andThen(program(queue), Queue.end(queue)), context),
        { bufferSize: 1, strategy: "sliding" }
      )
  ))
}

/** What is stored of all revisions of a projection. */
const entriesOf = ({ kind, name }: Target) => RowStore.use((rows) => rows.entries({ kind, name }))

/** Gives readers the rows of a revision. */
export const switchTo = (
  target: Target,
  within: number,
  merge: boolean
): Effect.Effect<void, ProjectionError, EventStore | RowStore> =>
  Effect.gen(function*() {
    const rows = yield* RowStore
    const head = yield* EventStore.use((store) => store.head)
    const entries = yield* entriesOf(target)
    const entry = yield* known(target, entries.find((entry) => entry.target.revision === target.revision))
    const position = leastOf(entry)
    if (position < head - within) {
      const what = `position of ${target.name}, revision ${target.revision}`
      return yield* Effect.fail(run.refused(what, `at least ${head - within}`, `${position}`))
    }
    if (!entry.serving) yield* rows.serve(target)
    // It was built in parts; from now on all rows of a commit appear at once.
    if (merge && entry.checkpoints.length > 1) yield* rows.open({ target, mode: entry.mode, partitions: 1 })
  }).pipe(Effect.mapError(failed(target.name)))

/** Gives readers the rows of the revision before the one that they have now. */
export const rollback = (target: Target): Effect.Effect<number, ProjectionError, RowStore> =>
  Effect.gen(function*() {
    const rows = yield* RowStore
    const entries = yield* entriesOf(target)
    const serving = entries.find(({ serving }) => serving)
    const earlier = entries.filter((entry) => entry.target.revision < (serving?.target.revision ?? 0)).at(-1)
    if (serving === undefined || earlier === undefined) {
      const actual = entries.map(({ target: { revision } }) => revision).join(", ")
      const expected = "one before the one that serves"
      return yield* Effect.fail(run.refused(`revisions of ${target.name}`, expected, actual === "" ? "none" : actual))
    }
    // Who runs it would take the readers back.
    if (serving.state === "running") yield* rows.setState(serving.target, "paused")
    yield* rows.serve(earlier.target)
    return earlier.target.revision
  }).pipe(Effect.mapError(failed(target.name)))

/** Deletes a revision, and first the tables of its own. */
export const drop = <R>(
  target: Target,
  custom: Definition<R> | undefined
): Effect.Effect<void, ProjectionError, RowStore | R> =>
  Effect.gen(function*() {
    const rows = yield* RowStore
    const entries = yield* entriesOf(target)
    const entry = yield* known(target, entries.find((entry) => entry.target.revision === target.revision))
    // What serves beside others is refused below, and keeps its tables.
    if (custom !== undefined && !(entry.serving && entries.length > 1)) {
      const dropped = yield* Effect.result(custom.drop(tableOf(target.name, target.revision)))
      if (dropped._tag === "Failure") {
        const what = `tables of ${target.name}, revision ${target.revision}`
        const reason = new Unavailable({ what, expected: "to be dropped", actual: causeOf(dropped.failure) })
        return yield* new EventStoreError({ operation: "rows", reason })
      }
    }
    yield* rows.drop(target)
  }).pipe(Effect.mapError(failed(target.name)))
