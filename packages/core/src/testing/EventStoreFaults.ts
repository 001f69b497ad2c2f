/**
 * A layer over any event store that makes it fail as stores fail, by a seed.
 *
 * **When to use**
 *
 * In the tests of a program, to see that what it tells its users is so when the network is not: give its store some
 * faults, run it, and compare what it told with what lies in the store behind.
 *
 * **Details**
 *
 * - Only what a store may do by its contract is done. What is told of an append is true: nothing is written behind
 *   `Unavailable`, and `OutcomeUnknown` is told of appends that are stored, of those that never are, and of those that
 *   arrive later. A failure after the write is a lost acknowledgement: no store can say more of it.
 * - There are no conflicts that nobody caused. A conflict is made by a commit of another writer, which the test gives.
 * - The same seed leads to the same faults when the calls come in the same order. Times pass on the clock of the
 *   environment, so with a test clock all of it is repeatable.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { EventStore } from "../EventStore.ts"
import { inject } from "./internal/faults.ts"
import { randomOf } from "./internal/faultsFate.ts"
import type { Fault, Kind, Options } from "./internal/faultsModel.ts"

export {
  /**
   * One fault that was injected.
   *
   * @category models
   * @since 0.1.0
   */
  type Fault,
  /**
   * What can go wrong, each under the name of its option.
   *
   * **Details**
   *
   * - `conflict`: another writer's commit is stored just before an append
   * - `delay`: a call is sent later, or answered later
   * - `failBefore`: an append is `Unavailable`, and nothing is written
   * - `lostRequest`: the outcome of an append is unknown, and nothing is written
   * - `lateRequest`: the outcome of an append is unknown, and it reaches the store some time afterwards
   * - `lostAcknowledgement`: the outcome of an append is unknown, and the store has had it
   * - `failRead`: a call that writes nothing is `Unavailable`
   * - `crash`: the fiber that calls comes to its end. See `crashing`
   *
   * @category models
   * @since 0.1.0
   */
  type Kind,
  /**
   * Which faults, and how often: chances of one call, from 0 (which they are unless told) to 1. Those of an append that
   * exclude each other are at most 1 together.
   *
   * @category models
   * @since 0.1.0
   */
  type Options
}

/**
 * What has been injected, and the store behind it.
 *
 * @category services
 * @since 0.1.0
 */
export class Injector extends Context.Service<Injector, {
  readonly seed: string | number
  /** All faults so far, oldest first. */
  readonly log: Effect.Effect<ReadonlyArray<Fault>>
  /** The store without faults: what a test compares with. */
  readonly behind: EventStore["Service"]
  /** Ends the faults: from now on every call passes. What is late arrives first. */
  readonly calm: Effect.Effect<void>
}>()("@varve/core/testing/EventStoreFaults/Injector") {}

/**
 * A store with faults, over the store of the environment.
 *
 * **Details**
 *
 * A commit that the limits refuse is refused at once, whatever the faults: no store sends it. In a transaction of the
 * caller, appends meet `delay`, `failBefore` and `crash` only: what comes of them is told by its commit. `wakeUps` are
 * those of the store behind.
 *
 * **Example** (Every acknowledgement is lost)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { EventStore, StreamName } from "@varve/core"
 * import { EventStoreFaults } from "@varve/core/testing"
 *
 * const layer = EventStoreFaults.layer({ seed: "readme", lostAcknowledgement: 1, limit: 1 }).pipe(
 *   Layer.provide(EventStore.layerMemory)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* EventStore.EventStore
 *   const stream = StreamName.make("BankAccount", "ada")
 *   const opened = { type: "AccountOpened", revision: 1, payload: {} }
 *   const error = yield* Effect.flip(store.append({ writes: [{ stream, expected: 0, events: [opened] }] }))
 *   const { log } = yield* EventStoreFaults.Injector
 *   const kinds = (yield* log).map(({ kind }) => kind)
 *   return [error.reason._tag, yield* store.head, kinds]
 * })
 *
 * Effect.runPromise(Effect.provide(program, layer)) // => ["OutcomeUnknown", 1, ["lostAcknowledgement"]]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<EventStore | Injector, never, EventStore> =>
  Layer.effectContext(Effect.gen(function*() {
    const behind = yield* EventStore
    const { calm, log, store } = yield* inject(options, behind, Crash)
    return Context.make(EventStore, store).pipe(
      Context.add(Injector, { seed: options.seed, log, behind, calm })
    )
  }))

/**
 * What a fiber crashes with, when it does so by a defect.
 *
 * @category errors
 * @since 0.1.0
 */
export class Crashed extends Data.TaggedError("Crashed")<{
  readonly seed: string | number
  /** The how manieth point of its fiber it was, from 0. */
  readonly point: number
}> {
  override get message(): string {
    return `crashed on purpose at point ${this.point}, seed ${JSON.stringify(this.seed)}`
  }
}

/** Asked at every point of every call: undefined, or how the fiber ends there. */
const Crash = Context.Reference<() => Effect.Effect<void> | undefined>("@varve/core/testing/EventStoreFaults/Crash", {
  defaultValue: () => () => undefined
})

/**
 * How a fiber crashes.
 *
 * @category models
 * @since 0.1.0
 */
export interface CrashOptions {
  readonly seed: string | number
  /** One of the two by the seed, unless told. */
  readonly by?: "interruption" | "defect" | undefined
  /** The crash is at one of so many points, 8 unless told: a program that has fewer may come to its end. */
  readonly points?: number | undefined
}

/** Most turns of the scheduler from a point to an interruption that begins there. */
const turnsLimit = 4

/**
 * Runs an effect that crashes on its way, and tells how it ended.
 *
 * **Details**
 *
 * Each call of a store that has faults is two points: before it is sent, and when it is done but not answered. A defect
 * is raised there, in the place of the store. An interruption begins there and comes some turns of the scheduler later,
 * so that it also meets what the program does between two calls. Without such a store there are no points.
 *
 * What the process remembers is not lost. Build the layers of the program again for that, over the same store.
 *
 * **Example** (A writer that does not come to its end)
 *
 * ```ts
 * import { Effect, Exit, Layer } from "effect"
 * import { EventStore, StreamName } from "@varve/core"
 * import { EventStoreFaults } from "@varve/core/testing"
 *
 * const layer = Layer.provide(EventStoreFaults.layer({ seed: 1 }), EventStore.layerMemory)
 * const stream = StreamName.make("BankAccount", "ada")
 * const write = EventStore.EventStore.use((store) =>
 *   store.append({ writes: [{ stream, expected: "any", events: [{ type: "Noted", revision: 1, payload: {} }] }] })
 * )
 *
 * const program = Effect.gen(function*() {
 *   const exit = yield* EventStoreFaults.crashing(Effect.forever(write), { seed: 1, by: "defect" })
 *   return Exit.isFailure(exit)
 * })
 *
 * Effect.runPromise(Effect.provide(program, layer)) // => true
 * ```
 *
 * @category crashes
 * @since 0.1.0
 */
export const crashing = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  options: CrashOptions
): Effect.Effect<Exit.Exit<A, E>, never, R> =>
  Effect.gen(function*() {
    const { points = 8, seed } = options
    const random = yield* randomOf(seed, "crash")
    const draw = (below: number) => Math.floor(random.nextDoubleUnsafe() * below)
    const [point, turns, coin] = [draw(points), draw(turnsLimit + 1), draw(2)]
    const by = options.by ?? (coin === 0 ? "interruption" : "defect")
    const reached = yield* Deferred.make<void>()
    let passed = 0
    const crash = () => {
      if (passed++ !== point) return undefined
      if (by === "defect") return Effect.die(new Crashed({ seed, point }))
      // The turn is for the other fiber: without it the program would be over before the interruption comes.
      return Effect.andThen(Deferred.succeed(reached, undefined), Effect.yieldNow)
    }
    const fiber = yield* Effect.forkChild(Effect.provideService(self, Crash, crash))
    const interrupt = Deferred.await(reached).pipe(
      Effect.andThen(Effect.replicateEffect(Effect.yieldNow, turns, { discard: true })),
      Effect.andThen(Fiber.interrupt(fiber))
    )
    yield* Effect.raceFirst(Fiber.await(fiber), interrupt)
    return yield* Fiber.await(fiber)
  })

/**
 * What went wrong under faults: the seed, every fault in its order, and the cause.
 *
 * @category errors
 * @since 0.1.0
 */
export class FailedUnderFaults extends Data.TaggedError("FailedUnderFaults")<{
  readonly seed: string | number
  readonly log: ReadonlyArray<Fault>
  readonly cause: Cause.Cause<unknown>
}> {
  override get message(): string {
    return `${Cause.pretty(this.cause)}\n${describe(this)}`
  }
}

/**
 * A seed and what it has injected, as text: a line for each fault.
 *
 * @category reports
 * @since 0.1.0
 */
export const describe = ({ log, seed }: {
  readonly seed: string | number
  readonly log: ReadonlyArray<Fault>
}): string => {
  const lines = log.map(({ call, commitId, kind, millis, operation }) => {
    const number = operation === "append" ? `append ${call}` : `read ${call} (${operation})`
    const time = millis === undefined ? "" : `, ${millis} ms`
    return `  ${number}: ${kind}${time}${commitId === undefined ? "" : `, commit ${commitId}`}`
  })
  return [`faults of seed ${JSON.stringify(seed)}: ${log.length}`, ...lines].join("\n")
}

/**
 * Puts the seed and the faults into whatever the effect fails with, defects of assertions included. Interruption stays
 * interruption.
 *
 * @category reports
 * @since 0.1.0
 */
export const explained = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, FailedUnderFaults, R | Injector> =>
  Effect.catchCause(self, (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
    return Effect.gen(function*() {
      const { log, seed } = yield* Injector
      return yield* new FailedUnderFaults({ seed, log: yield* log, cause })
    })
  })
