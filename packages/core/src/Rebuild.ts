/**
 * Builds the rows of a new revision of a projection beside the old ones, which serve meanwhile.
 *
 * **When to use**
 *
 * When a fold has changed. Give it a new revision; then build, compare and switch. `Projection.run` and `layerAsync` do
 * the first and the last by themselves; here they are done one by one, in several partitions, with somebody looking.
 *
 * **Example** (From one revision to the next)
 *
 * ```ts
 * import { Effect, Layer, Schema, Stream } from "effect"
 * import { Event, EventStore, Projection, Rebuild, StreamName, Upcaster } from "@varve/core"
 *
 * class Visited extends Event.make("Visited", { pages: Schema.Int }) {}
 *
 * const visits = { row: Schema.Int, events: [Visited] }
 * class Old extends Projection.make("Visits", visits).fold({
 *   initial: 0,
 *   on: { Visited: (count) => count + 1 }
 * }) {}
 * class New extends Projection.make("Visits", { ...visits, revision: 2 }).fold({
 *   initial: 0,
 *   on: { Visited: (count, { pages }) => count + pages }
 * }) {}
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* EventStore.EventStore
 *   const events = [{ type: "Visited", revision: 1, payload: { pages: 3 } }] as const
 *   yield* store.append({ writes: [{ stream: StreamName.make("Site", "home"), expected: 0, events }] })
 *   yield* Stream.runDrain(Rebuild.build(Old))
 *   yield* Stream.runDrain(Rebuild.build(New))
 *   const { differing } = yield* Rebuild.compare(New)
 *   yield* Rebuild.switchTo(New)
 *   return differing.map(({ key }) => key)
 * })
 *
 * Effect.runPromise(Effect.provide(program, [EventStore.layerMemory, Upcaster.layer()])) // => ["home"]
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { EventStore } from "./EventStore.ts"
import type { Refused } from "./EventStoreError.ts"
import * as check from "./internal/check.ts"
import * as runCompare from "./internal/runCompare.ts"
import * as runCustom from "./internal/runCustom.ts"
import * as runRebuild from "./internal/runRebuild.ts"
import * as runRows from "./internal/runRows.ts"
import type * as Projection from "./Projection.ts"
import { ProjectionError } from "./ProjectionError.ts"
import type { RowStore, Target } from "./RowStore.ts"
import type { Upcaster } from "./Upcaster.ts"

/**
 * How far a build is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress extends runRebuild.Progress {}

/**
 * How a revision is built.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Whose events are read; those of whoever has events of these types, unless told. */
  readonly aggregates?: ReadonlyArray<{ readonly tag: string }> | undefined
  /** In how many parts: 4 unless told, or as it was begun. */
  readonly partitions?: number | undefined
  /** Events of a page, 1 to `Limits.eventsPerPage`: 5,000 unless told. */
  readonly pageSize?: number | undefined
  /** How often to tell the progress, and to look what others have done: every second unless told. */
  readonly poll?: Duration.Input | undefined
}

const targetOf = ({ revision, tag: name }: Projection.Runnable): Target => ({ kind: "projection", name, revision })

/** Fails where there is something to refuse. */
const refuse = (name: string, wrong: Refused | undefined): Effect.Effect<void, ProjectionError> =>
  wrong === undefined ? Effect.void : Effect.fail(new ProjectionError({ target: name, reason: wrong }))

/**
 * Builds the rows of a projection in its own revision, and tells the progress. Ends when they are level with the head.
 *
 * **Details**
 *
 * Readers have the rows of the revision that serves, until `switchTo`. (The first revision of a name serves at once.)
 * Leases and checkpoints are those of a run: what was interrupted goes on where it was, several processes may build
 * together, and what is built already ends at once. Fails when the projection halts, and while it is paused.
 *
 * A reader that is slow is told the latest progress, not every one. One who stops listening interrupts the build.
 *
 * @category rebuilding
 * @since 0.1.0
 */
export const build = <P extends Projection.Runnable>(
  projection: P,
  options: Options = {}
): Stream.Stream<Progress, ProjectionError, EventStore | Upcaster | RowStore | Projection.Needs<P>> => {
  const names = (options.aggregates ?? []).map(({ tag }) => tag)
  const target = targetOf(projection)
  const built = "~custom" in projection
    ? runRebuild.build(target, (upcaster) => runCustom.make(projection["~custom"], names, upcaster), options)
    : runRebuild.build(
      target,
      (upcaster) => runRows.make(projection["~definition"], names, "async", upcaster),
      options
    )
  // What a custom projection requires is all that its type has lost here.
  return built as Stream.Stream<Progress, ProjectionError, EventStore | Upcaster | RowStore | Projection.Needs<P>>
}

/**
 * One of two revisions that are compared.
 *
 * @category models
 * @since 0.1.0
 */
export interface Side extends runCompare.Side {}

/**
 * What two revisions of a projection have in common, and what not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Comparison extends runCompare.Comparison {}

/**
 * Compares the rows of a projection, which are on the right, with those of another revision: the one that serves, unless
 * told. Rows are those of the tenant that the program runs for.
 *
 * **Details**
 *
 * Exact also while events are appended: two rows are judged only as they both were at one position. Those on the move are
 * looked at again, a few times.
 *
 * @category rebuilding
 * @since 0.1.0
 */
export const compare = (
  projection: Projection.Any,
  options: {
    /** How many rows of each side, half from each end of the order of keys; `all` unless told. */
    readonly sample?: number | "all" | undefined
    /** The other revision. */
    readonly with?: number | undefined
  } = {}
): Effect.Effect<Comparison, ProjectionError, RowStore> => {
  const { sample = "all", with: other } = options
  const { revision, tag: name } = projection
  const wrong = sample === "all" ? undefined : check.int("sample of rows", sample, 1, Number.MAX_SAFE_INTEGER)
  return Effect.andThen(refuse(name, wrong), runCompare.compare(name, revision, { sample, with: other }))
}

/** How far behind the head a revision may be that readers are given. */
const withinDefault = 1_000

/**
 * Gives readers the rows of the projection in its own revision, in one step.
 *
 * **Details**
 *
 * `Refused` when they are more than `within` events behind the head: 1,000 unless told. The revision that served is kept
 * for `rollback`, as long as it is run or as it is, until it is dropped. Several partitions of a pure projection become
 * one, so that all rows of a commit appear at once.
 *
 * **Gotchas**
 *
 * What was appended in the last moment may be in the rows of the old revision and not yet in those of the new one: a reader
 * without `after` can see an older state than before, for a moment.
 *
 * @category rebuilding
 * @since 0.1.0
 */
export const switchTo = (
  projection: Projection.Runnable,
  options: { readonly within?: number | undefined } = {}
): Effect.Effect<void, ProjectionError, EventStore | RowStore> => {
  const { within = withinDefault } = options
  const wrong = check.int("events to be behind at the most", within, 0, Number.MAX_SAFE_INTEGER)
  return Effect.andThen(
    refuse(projection.tag, wrong),
    runRebuild.switchTo(targetOf(projection), within, !("~custom" in projection))
  )
}

/**
 * Gives readers the rows of the revision before the one that serves, and answers with its number. `Refused` when there is
 * none.
 *
 * **Details**
 *
 * The revision that served is paused: who runs it would give it to the readers again. `Projection.resume` lets it go on.
 *
 * **Gotchas**
 *
 * A revision that nobody has run since the switch has not seen what came after it.
 *
 * @category rebuilding
 * @since 0.1.0
 */
export const rollback = (projection: Projection.Runnable): Effect.Effect<number, ProjectionError, RowStore> =>
  runRebuild.rollback(targetOf(projection))

/**
 * Deletes a revision of a projection for good: rows, checkpoints and parked events, or the tables of its own. `Refused`
 * while it serves beside others, and when it is not there.
 *
 * @category rebuilding
 * @since 0.1.0
 */
export const drop = <P extends Projection.Runnable>(
  projection: P,
  revision: number
): Effect.Effect<void, ProjectionError, RowStore | Projection.Needs<P>> => {
  const target = { ...targetOf(projection), revision }
  const dropped = runRebuild.drop(target, "~custom" in projection ? projection["~custom"] : undefined)
  // What a custom projection requires is all that its type has lost here.
  return dropped as Effect.Effect<void, ProjectionError, RowStore | Projection.Needs<P>>
}
