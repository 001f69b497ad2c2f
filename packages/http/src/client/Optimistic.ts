/**
 * Shows what commands will have done before the server has said so: a layer between a program and the layer that asks the
 * server.
 *
 * @since 0.1.0
 */
import type { Aggregate, CommitId, Domain, Projection } from "@varve/core"
import * as Instances from "@varve/core/Instances"
import * as Rows from "@varve/core/Rows"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Atom from "effect/reactivity/Atom"
import { Engine } from "./internal/engine.ts"
import { Follower } from "./internal/following.ts"
import * as optimisticRows from "./internal/optimisticRows.ts"
import type { Part } from "./internal/pendingCommand.ts"
import { Sender } from "./internal/sending.ts"
import type { Failed, List, Live, Pending, Row, Storage } from "./OptimisticState.ts"

export type * from "./OptimisticState.ts"

/**
 * Keeps commands in a storage of a browser, under a name.
 *
 * **When to use**
 *
 * With `sessionStorage`, which is that of one tab, and outlives a reload. A tab that is duplicated begins with the commands
 * of the other: both send them under their ids, so that each is carried out once.
 *
 * **Gotchas**
 *
 * `localStorage` is that of all tabs: two that keep under one name lose each other's commands. Give each tab a name of its
 * own, or let only one work at a time, by a lock of `navigator.locks`.
 *
 * **Example** (For whoever is signed in)
 *
 * ```ts
 * import { Optimistic } from "@varve/http/client"
 * import { Effect } from "effect"
 *
 * // A browser has it.
 * const kept = new Map<string, string>()
 * const sessionStorage = {
 *   getItem: (name: string) => kept.get(name) ?? null,
 *   setItem: (name: string, text: string) => void kept.set(name, text)
 * }
 *
 * // For `Client.layerOptimistic(Shop, { url, storage })`: nobody else who signs in here sends what Ada has done.
 * const storage = Optimistic.storageOf(sessionStorage, "shop/commands/ada")
 *
 * Effect.runPromise(Effect.andThen(storage.save("[]"), storage.load)) // => "[]"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const storageOf = (
  storage: {
    readonly getItem: (name: string) => string | null
    readonly setItem: (name: string, text: string) => void
  },
  name: string
): Storage => ({
  load: Effect.try({ try: () => storage.getItem(name), catch: (error) => error }),
  save: (text) => Effect.try({ try: () => storage.setItem(name, text), catch: (error) => error })
})

/**
 * How an optimistic client works.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Who gives the commands, as `decide` is told where the program has no `Metadata.actor`. The server knows for itself. */
  readonly actor?: string | undefined
  /** The tenant of what is watched, and of a program without one. `""` unless told. */
  readonly tenant?: string | undefined
  /** Where commands are kept over a reload. Nowhere, unless told. */
  readonly storage?: Storage | undefined
  /** Most commands on their way; the next one is `Unavailable`. 1,000 unless told. */
  readonly pendingLimit?: number | undefined
  /** Most commands under way to the server at a time. 4 unless told. */
  readonly inFlight?: number | undefined
  /** How long an answer is waited for before a command is sent again. 30 seconds unless told. */
  readonly answerWithin?: Duration.Input | undefined
  /** How long a command is sent again and again before it fails. A day, unless told. */
  readonly keepFor?: Duration.Input | undefined
  /** How long rows are shown with the events of a stored command that they have not seen. A minute, unless told. */
  readonly rowsWithin?: Duration.Input | undefined
  /** Longest pause before something is tried again. 5 seconds unless told. */
  readonly retryAtMost?: Duration.Input | undefined
  /** How long rows are followed that nobody watches any more. 5 seconds unless told. */
  readonly idleFor?: Duration.Input | undefined
  /** Most rows of one query that is watched. 10,000 unless told. */
  readonly rowsWatched?: number | undefined
  /** Most instances whose state is kept. 1,000 unless told. */
  readonly statesKept?: number | undefined
}

/**
 * What a page shows beside the rows that it reads: commands on their way, and rows that are watched.
 *
 * @category services
 * @since 0.1.0
 */
export class Optimistic extends Context.Service<Optimistic, {
  /** Commands on their way, oldest first. */
  readonly pending: Live<ReadonlyArray<Pending>>
  /** The last 100 commands that came to nothing, oldest first, until they are dismissed. */
  readonly failed: Live<ReadonlyArray<Failed>>
  /** Shows a failure no more. */
  readonly dismiss: (commitId: CommitId.CommitId) => void
  /** Watches a row while somebody listens. */
  readonly row: <P extends Projection.Any>(projection: P, key: string) => Live<Row<Rows.RowOf<P>>>
  /** Watches the rows of a query while somebody listens. */
  readonly list: <P extends Projection.Any>(projection: P, query?: Rows.Query) => Live<List<Rows.RowOf<P>>>
  /** Tries again at once what waits for the connection: for the event `online` of a browser. */
  readonly wake: () => void
}>()("@varve/http/client/Optimistic") {}

/**
 * Puts an optimistic client in front of the layer that asks the server: the same calls, answered at once.
 *
 * **Details**
 *
 * `execute` decides and evolves the command here, on the last state that is known of the instance, and folds its events
 * onto every row that is watched or read: they are shown at once. The command is sent under its commit id, kept on every
 * resend, those of one instance in order. The effect ends when the server has answered, with the server's answer, as
 * everywhere else: what is shown meanwhile is a prediction, never an outcome.
 *
 * - **The server decides.** A command that is rejected here is sent all the same: the state here may be old, the clock
 *   wrong, the page of an earlier release. Its `Pending.prediction` says so at once
 * - **Stored**: the events as the server tells them stay on the rows until the rows that have seen them come. Nobody tells
 *   of a row that an event leaves as it was: where nothing comes within 200 milliseconds, the rows are read, and those that
 *   are what they were have seen the events. A row that comes while a command is under way, and of which nobody can tell
 *   whether it is in it, is held back until that is known
 * - **Rejected, refused, or a conflict**: its events leave the rows; the commands behind it are decided anew on what
 *   remains, and once more when the state was read anew. `execute` fails, and `Optimistic.failed` has it
 * - **No answer**: the command is sent again under its id, with pauses that grow
 *
 * Rows are watched by `Optimistic`, or by `changes`. The state of an instance is loaded before its first command is sent,
 * or by `load`: a page that loads what a person may act on shows the first command at once, too.
 *
 * **Gotchas**
 *
 * `get`, `getMany` and `list` of rows that are not watched ask the server, and wait for the outcome of a command that is
 * under way to them: at most 5 seconds, then that command is left out. A page of `list` shows rows that pending events
 * move into it between its first and its last row, so that it may have more or fewer than `limit`. `count` counts them, too.
 * What is asked about the past knows nothing of pending commands, which have no place in it. `changes` sends all rows anew,
 * whatever `after` says, and conflates.
 *
 * A request that the network holds back for longer than `answerWithin`, and delivers after the command was sent again and
 * rejected, is decided then: the server keeps no record of what it has rejected.
 *
 * Interrupting `execute` takes back a command that was not sent; what was sent goes on. `Aggregate.executeAll` is
 * `Refused`.
 *
 * **Example** (In a program that holds the server, too)
 *
 * ```ts
 * import { Effect, Layer, Option, Schema } from "effect"
 * import { Aggregate, Command, Decision, Domain, Event, EventStore, Projection, Upcaster } from "@varve/core"
 * import { Optimistic } from "@varve/http/client"
 *
 * class Counted extends Event.make("Counted", { by: Schema.Int }) {}
 * class Count extends Command.make("Count", { by: Schema.Int }) {}
 * class Counter extends Aggregate.make("Counter", {
 *   id: Schema.String,
 *   state: Schema.Int,
 *   commands: [Count],
 *   events: [Counted],
 *   rejections: []
 * }).decider({
 *   initial: 0,
 *   decide: { Count: ({ by }) => Decision.accept(Counted.make({ by })) },
 *   evolve: { Counted: (total, { by }) => total + by }
 * }) {}
 * class Totals extends Projection.make("Totals", { row: Schema.Int, events: [Counted] }).fold({
 *   initial: 0,
 *   on: { Counted: (total, { by }) => total + by }
 * }) {}
 * const Counting = Domain.make("Counting", { aggregates: [Counter], projections: [Totals] })
 *
 * const server = Counting.layer().pipe(Layer.provide([EventStore.layerMemory, Upcaster.layer()]))
 * const client = Optimistic.layer(Counting).pipe(Layer.provide(server))
 *
 * const program = Effect.gen(function*() {
 *   yield* Counter.execute("clicks", Count.make({ by: 3 }))
 *   return Option.getOrNull(yield* Totals.get("clicks"))
 * })
 *
 * Effect.runPromise(Effect.provide(program, client)) // => 3
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <
  const Aggregates extends ReadonlyArray<Domain.AggregatePart>,
  const Projections extends ReadonlyArray<Projection.Any>
>(
  domain: { readonly aggregates: Aggregates; readonly projections: Projections },
  options: Options = {}
): Layer.Layer<
  Domain.Provided<Aggregates, Projections> | Optimistic,
  never,
  Domain.Provided<Aggregates, Projections>
> =>
  // Each part's layer requires and provides what the part's key is; their list has lost which.
  Layer.unwrap(Effect.map(make(domain, options), ({ engine, sender }) => {
    const { aggregates, projections, running } = engine.parts
    const layers: ReadonlyArray<Layer.Layer<never>> = [
      ...aggregates.map((part) =>
        Instances.layer(
          part,
          Effect.succeed({
            ...running.get(part.tag)!,
            // As `Running` says, with the types of any aggregate.
            execute: (id, command, given) => sender.submit(part, id, command, given) as never,
            load: (id, at) => at === undefined ? sender.load(part, id) : running.get(part.tag)!.load(id, at)
          })
        )
      ),
      ...projections.map((one) => Rows.layer(one, Effect.succeed(optimisticRows.make(engine, one))))
    ]
    return layers.reduce(
      (all, one) => Layer.merge(all, one),
      Layer.succeed(Optimistic, serviceOf(engine, sender)) as Layer.Layer<never>
    )
  })) as never

const serviceOf = (engine: Engine, sender: Sender): Optimistic["Service"] => ({
  pending: engine.pendingCommands,
  failed: engine.failedCommands,
  dismiss: (commitId) => engine.dismiss(commitId),
  // A watch of a key shows a row of the projection, one of a query a list of them.
  row: (projection, key) => engine.watched(projection, key) as never,
  list: (projection, query = {}) => engine.watched(projection, query) as never,
  wake: () => sender.wake()
})

const make = Effect.fnUntraced(function*(domain: Pick<Domain.Any, "aggregates" | "projections">, options: Options) {
  const scope = yield* Effect.scope
  const services = yield* Effect.context<never>()
  // `decider` has made them, whatever their types have kept.
  const aggregates = domain.aggregates as ReadonlyArray<Aggregate.Any> as ReadonlyArray<Part>
  const { projections } = domain
  const running = new Map<string, Instances.Running<Part>>()
  for (const part of aggregates) running.set(part.tag, yield* Instances.of(part))
  const reading = new Map<string, Rows.Reading<unknown>>()
  for (const one of projections) reading.set(one.tag, yield* Rows.of(one))
  const { actor, statesKept = 1_000, tenant = "" } = options
  const engine = new Engine({ aggregates, projections, running, reading, tenant, actor, statesKept })
  const lasting = (input: Duration.Input | undefined, unlessTold: Duration.Input) =>
    Duration.fromInputUnsafe(input ?? unlessTold)
  const sender = new Sender(engine, {
    storage: options.storage,
    pendingLimit: options.pendingLimit ?? 1_000,
    inFlight: options.inFlight ?? 4,
    answerWithin: lasting(options.answerWithin, "30 seconds"),
    keepFor: lasting(options.keepFor, "1 day"),
    rowsWithin: lasting(options.rowsWithin, "1 minute"),
    retryAtMost: lasting(options.retryAtMost, "5 seconds")
  }, scope)
  const settings = { idleFor: lasting(options.idleFor, "5 seconds"), rowsWatched: options.rowsWatched ?? 10_000 }
  const fork = Effect.runForkWith(services)
  const follower = new Follower(engine, sender, settings, (effect) => fork(Effect.asVoid(Effect.forkIn(effect, scope))))
  yield* Effect.addFinalizer(() => sender.close)
  yield* sender.restore
  return { engine, sender, follower }
})

/**
 * A value that changes, as an atom.
 *
 * @category atoms
 * @since 0.1.0
 */
export const atom = <A>(live: Live<A>): Atom.Atom<A> =>
  Atom.readable((get) => {
    get.addFinalizer(live.subscribe(() => get.setSelf(live.getSnapshot())))
    return live.getSnapshot()
  })
