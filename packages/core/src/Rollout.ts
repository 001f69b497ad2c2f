/**
 * Rolling deploys: what a program writes while older ones are at work.
 *
 * **Details**
 *
 * Programs say in the store what they can read. A program writes an event in the newest revision that all of them can
 * read: lower through the downcasts of its revisions, or under an old name of its type, until the last program that knows
 * no better has gone. From then on it is written as it is meant to be, and an older program that comes later is refused
 * when it starts. Which revisions may be written only ever rises, so nobody has to be in time.
 *
 * What reads foreign events by their types, without the aggregates that write them, does not ask for a type that it does not
 * know. It is waited for, and refused, all the same, where an event that it reads was renamed or split.
 *
 * **Gotchas**
 *
 * - A program that does not say what it reads is not waited for: every program of the store needs the layer. Nor is it
 *   known what such a program has written, or what was written before there was the layer, or imported: nobody is refused
 *   for it.
 * - A program that is not heard of for its `expiry`, while others are, counts as gone. If it was only frozen and goes on, it
 *   writes what all can read, as before, but it may meet an event that it cannot read, and then fails with `Unreadable`.
 * - When a new revision may be written there is no way back to the older release. To keep it, hold the new revision back
 *   with `writeRevision` in `Upcaster.Options` for as long as one may be needed, and let it go with a later release.
 * - What a downcast leaves out is lost: a command returns, and goes on from, what can be read back.
 * - A policy that skips what cannot be read does not count as reading it.
 * - An event that is new, or that comes of a split, has no form that older programs know: a command that decides it is
 *   `Refused` while one of them is at work. Deploy what reads it before what writes it. Where the event was there before
 *   the split, those who read by its type what was split are waited for just so.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { EventStoreError } from "./EventStoreError.ts"
import * as rollout from "./internal/rollout.ts"
import type * as rolloutPlan from "./internal/rolloutPlan.ts"
import type { ProgramStore } from "./ProgramStore.ts"
import { Upcaster } from "./Upcaster.ts"

/**
 * What to do with an event that not every program at work can read: write it `downcast`, in a form that all can read, and
 * refuse it where there is none; or `refuse` it at once.
 *
 * @category models
 * @since 0.1.0
 */
export type Policy = rolloutPlan.Policy

/**
 * How a program takes part in rolling deploys.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends rollout.Options {}

/**
 * Schema of a `Form`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Form = Schema.Struct({
  type: Schema.String,
  revision: Schema.Int
})

/**
 * A form in which an event is stored: its type, or an old name of it, and a revision.
 *
 * @category models
 * @since 0.1.0
 */
export type Form = typeof Form.Type

/**
 * Schema of a `Written`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Written = Schema.Struct({
  category: Schema.String,
  event: Schema.String,
  /** The form that it is meant to be written in. */
  wanted: Form,
  /** The form that it is written in; none where it is refused. */
  written: Schema.NullOr(Form),
  /** The programs that cannot read it as it is meant to be, and the revision that each can; 0 where it does not know the type. */
  waitingFor: Schema.Array(Schema.Struct({ program: Schema.String, id: Schema.String, reads: Schema.Int }))
})

/**
 * How an event of an aggregate is written at present.
 *
 * @category models
 * @since 0.1.0
 */
export type Written = typeof Written.Type

/**
 * Schema of a `Status`, so that tools can print it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Status = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  policy: Schema.Literals(["downcast", "refuse"]),
  /** When the store last told what may be written. */
  heardAt: Schema.DateTimeUtc,
  /** Why the store refused the last heartbeat; none when it did not. */
  refused: Schema.NullOr(Schema.String),
  /** Whether every event is written in the form that it is meant to be. */
  settled: Schema.Boolean,
  /** The programs at work. */
  programs: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String, seenAt: Schema.DateTimeUtc })),
  events: Schema.Array(Written)
})

/**
 * How far a rolling deploy is, as one program sees it.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = typeof Status.Type

/**
 * Tells how far a rolling deploy is.
 *
 * @category services
 * @since 0.1.0
 */
export class Rollout extends Context.Service<Rollout, {
  /** What this program writes at present, and whom it waits for. */
  readonly status: Effect.Effect<Status, EventStoreError>
  /** Asks the store now what may be written, without waiting for the next heartbeat. */
  readonly refresh: Effect.Effect<Status, EventStoreError>
  /**
   * Waits until every event is written in the form that it is meant to be, also while the store is away. `Unavailable`, with
   * the programs that it waited for or why the store is away, after the time given: 10 minutes unless told.
   */
  readonly settled: (
    options?: { readonly within?: Duration.Input | undefined }
  ) => Effect.Effect<Status, EventStoreError>
}>()("@varve/core/Rollout") {}

/**
 * Provides an upcaster that writes what all programs at work can read.
 *
 * **When to use**
 *
 * In place of `Upcaster.layer`, in every program of a store whose releases overlap while they are deployed.
 *
 * **Details**
 *
 * The program enters when the layer is built, and is `Refused` when it cannot read what may be in the store: an old
 * release does not start beside history that it cannot read. It leaves when the scope closes. While the store cannot be
 * reached it goes on with what it was told last, which stays true. What it reads is every event of its domains, each in
 * its newest revision, and what the upcaster's options read as one of them.
 *
 * **Example** (A release beside an older one)
 *
 * ```ts
 * import { Duration, Effect, Schema } from "effect"
 * import { Aggregate, Command, Decision, Domain, Event, EventStore, ProgramStore, Rollout } from "@varve/core"
 *
 * class Painted extends Event.make("Painted", { colour: Schema.String }).revise(
 *   2,
 *   { red: Schema.Int },
 *   ({ colour }) => ({ red: colour === "red" ? 255 : 0 }),
 *   ({ red }) => ({ colour: red > 127 ? "red" : "black" })
 * ) {}
 * class Paint extends Command.make("Paint", { red: Schema.Int }) {}
 *
 * class Wall extends Aggregate.make("Wall", {
 *   id: Schema.String,
 *   state: Schema.Int,
 *   commands: [Paint],
 *   events: [Painted],
 *   rejections: []
 * }).decider({
 *   initial: 0,
 *   decide: { Paint: ({ red }) => Decision.accept(Painted.make({ red })) },
 *   evolve: { Painted: (_, { red }) => red }
 * }) {}
 *
 * const House = Domain.make("House", { aggregates: [Wall], projections: [] })
 *
 * const old: ProgramStore.Entry = {
 *   id: "00000000-0000-4000-8000-000000000001",
 *   name: "painters 1.0",
 *   reads: [{ category: "Wall", type: "Painted", revision: 1 }],
 *   writes: [{ category: "Wall", type: "Painted", revision: 1, formerly: [] }],
 *   expiry: Duration.minutes(1)
 * }
 *
 * const program = Effect.gen(function*() {
 *   const programs = yield* ProgramStore.ProgramStore
 *   yield* programs.enter(old)
 *   return yield* Effect.gen(function*() {
 *     const rollout = yield* Rollout.Rollout
 *     const before = (yield* rollout.status).events[0]!.written?.revision
 *     yield* programs.leave(old.id)
 *     const after = (yield* rollout.refresh).events[0]!.written?.revision
 *     return [before, after]
 *   }).pipe(Effect.provide(Rollout.layer({ domains: [House], name: "painters 2.0" })))
 * }).pipe(Effect.provide(EventStore.layerMemory))
 *
 * Effect.runPromise(program) // => [1, 2]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Upcaster | Rollout, EventStoreError, ProgramStore> =>
  Layer.effectContext(
    Effect.map(
      rollout.start(options),
      ({ service, upcaster }) => Context.make(Upcaster, upcaster).pipe(Context.add(Rollout, service))
    )
  )
