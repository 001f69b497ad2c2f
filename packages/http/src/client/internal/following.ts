import type { Commit } from "@varve/core"
import * as EventStoreError from "@varve/core/EventStoreError"
import * as Metadata from "@varve/core/Metadata"
import * as ProjectionError from "@varve/core/ProjectionError"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Engine } from "./engine.ts"
import type { Command } from "./pendingCommand.ts"
import type { Sender } from "./sending.ts"
import type { Watch } from "./watch.ts"

/** How rows are watched. Documented at `Optimistic.Options`. */
export interface Settings {
  readonly idleFor: Duration.Duration
  readonly rowsWatched: number
}

/** How often a pause doubles before a row is asked for again: to about a second. */
const askAgain = 3

/** Milliseconds between two looks at a watch of which nothing comes. */
const lookMillis = 1_000

/**
 * How long a stored command waits for a change of its rows before they are asked whether they have seen it, in milliseconds:
 * at first, and at the longest.
 */
const unseenMillis = 200
const unseenMillisAtMost = 5_000

/** Most rows that are asked so at a time. */
const keysAsked = 1_000

/** Follows what is watched, for as long as somebody listens. */
export class Follower {
  private readonly engine: Engine
  private readonly sender: Sender
  private readonly settings: Settings

  constructor(engine: Engine, sender: Sender, settings: Settings, run: (effect: Effect.Effect<void>) => void) {
    this.engine = engine
    this.sender = sender
    this.settings = settings
    engine.open = (key, watch) => run(this.keep(key, watch))
    engine.ask = (watch, key, after) => run(this.ask(watch, key, after))
  }

  private reading(watch: Watch) {
    return this.engine.parts.reading.get(watch.subject.projection.tag)!
  }

  /** Follows until nobody has listened for a while. */
  private keep(key: string, watch: Watch): Effect.Effect<void> {
    const idle = Effect.sleep(this.settings.idleFor).pipe(
      Effect.repeat({ while: () => watch.listeners.size > 0 })
    )
    return Effect.raceFirst(this.follow(watch), idle).pipe(
      Metadata.provide({ tenant: watch.subject.tenant }),
      Effect.ensuring(Effect.sync(() => {
        this.engine.watches.delete(key)
        // What only this watch has waited for is waited for no more.
        this.engine.changed()
      }))
    )
  }

  /** Follows over lost connections. What is refused is shown, and not asked for again. */
  private follow(watch: Watch): Effect.Effect<never> {
    return Effect.gen({ self: this }, function*() {
      const reading = this.reading(watch)
      // What was stored is not to vanish from a row that somebody looks at only now.
      const after = this.lastReceipt(watch)
      if (after !== undefined) yield* Effect.ignoreCause(reading.whenCaughtUp({ after }))
      for (let failures = 0;; failures++) {
        const before = watch.position
        const error = yield* this.once(watch)
        if (watch.position > before) failures = 0
        const { _tag } = error.reason
        if (_tag === "Refused" && before > 0) watch.reset()
        else if (_tag !== "Unavailable" && _tag !== "Behind") {
          watch.ended = error
          this.fail(watch, error)
          return yield* Effect.never
        }
        this.fail(watch, error)
        yield* this.sender.pause(failures)
      }
    })
  }

  private fail(watch: Watch, error: ProjectionError.ProjectionError): void {
    watch.error = Option.some(error)
    this.engine.changed()
  }

  /** Follows until the stream ends, and says why it did. */
  private once(watch: Watch): Effect.Effect<ProjectionError.ProjectionError> {
    const { of, order, projection } = watch.subject
    watch.begin()
    const end = (actual: string) =>
      new ProjectionError.ProjectionError({
        target: projection.tag,
        reason: new EventStoreError.Unavailable({ what: "changes", expected: "to go on", actual })
      })
    const tooMany = new ProjectionError.ProjectionError({
      target: projection.tag,
      reason: new EventStoreError.Refused({
        what: "rows that are watched",
        expected: `at most ${this.settings.rowsWatched}`,
        actual: "more"
      })
    })
    const changes = this.reading(watch).changes(of, watch.position === 0 ? {} : { after: watch.position }).pipe(
      Stream.runForEach((change) =>
        Effect.suspend(() => {
          this.engine.receive(watch, change)
          return watch.size > this.settings.rowsWatched ? Effect.fail(tooMany) : Effect.void
        })
      ),
      Effect.as(end("an end"))
    )
    const beside = Effect.all([
      order === undefined || watch.loaded ? Effect.void : this.lookWhetherEmpty(watch),
      this.lookWhetherWell(watch),
      this.lookWhetherSeen(watch)
    ], { concurrency: 3 })
    const following = Effect.raceFirst(changes, Effect.andThen(beside, Effect.never))
    return Effect.catchCause(following, (cause) => {
      const found = Cause.findError(cause)
      if (Result.isSuccess(found)) return Effect.succeed(found.success)
      return Cause.hasInterrupts(cause) ? Effect.interrupt : Effect.succeed(end(String(Cause.squash(cause))))
    })
  }

  /** A query without rows sends none: that it is all there is has to be asked. */
  private lookWhetherEmpty(watch: Watch): Effect.Effect<void> {
    const { of } = watch.subject
    if (typeof of === "string") return Effect.void
    return this.reading(watch).list({ ...of, limit: 1, after: this.lastReceipt(watch) }).pipe(
      Effect.tap(({ rows }) =>
        Effect.sync(() => {
          if (rows.length > 0 || watch.loaded) return
          this.engine.complete(watch)
        })
      ),
      Effect.ignoreCause,
      Effect.repeat({ while: () => !watch.loaded, schedule: Schedule.spaced(lookMillis) }),
      Effect.asVoid
    )
  }

  /** A connection that has lasted for a while is one, whether anything came over it or not. */
  private lookWhetherWell(watch: Watch): Effect.Effect<void> {
    return Effect.andThen(
      Effect.sleep(lookMillis),
      Effect.sync(() => {
        if (Option.isNone(watch.error)) return
        watch.error = Option.none()
        this.engine.changed()
      })
    )
  }

  /** Nobody tells that an event has left a row as it was: where no change comes of a stored command, the rows are asked. */
  private lookWhetherSeen(watch: Watch): Effect.Effect<never> {
    const { engine } = this
    return Effect.gen({ self: this }, function*() {
      yield* engine.until(() => engine.unseen(watch).length > 0)
      let waiting = engine.unseen(watch)
      for (let pause = unseenMillis;; pause = Math.min(pause * 2, unseenMillisAtMost)) {
        yield* Effect.sleep(pause)
        const unseen = engine.unseen(watch)
        // What was stored meanwhile is given as long for its changes to come.
        waiting = waiting.filter((command) => unseen.includes(command))
        if (waiting.length === 0) return
        yield* this.askWhetherSeen(watch, waiting)
      }
    }).pipe(Effect.forever)
  }

  private askWhetherSeen(watch: Watch, waiting: ReadonlyArray<Command>): Effect.Effect<void> {
    const keys = Array.from(new Set(waiting.flatMap((command) => watch.awaited(command)))).slice(0, keysAsked)
    // A command that is stored has left one.
    const after = this.lastReceipt(watch)!
    return this.reading(watch).getMany(keys, { after }).pipe(
      Effect.tap((rows) => Effect.sync(() => this.engine.agree(watch, keys, rows, after.last))),
      Effect.ignoreCause
    )
  }

  private lastReceipt({ subject: { projection } }: Watch) {
    return this.engine.lastReceipts.get(projection.tag)
  }

  /** Asks for a row that is not watched, so that pending events can be folded onto it. */
  private ask(watch: Watch, key: string, after: Commit.Receipt | undefined): Effect.Effect<void> {
    const lend = (found: Parameters<Engine["lend"]>[2]) => Effect.sync(() => this.engine.lend(watch, key, found))
    return Effect.matchCauseEffect(this.reading(watch).get(key, { after }), {
      onFailure: () => Effect.andThen(this.sender.pause(askAgain), lend(undefined)),
      onSuccess: (row) => lend({ row: Option.getOrUndefined(row), seen: after?.last ?? 0 })
    }).pipe(Metadata.provide({ tenant: watch.subject.tenant }))
  }
}
