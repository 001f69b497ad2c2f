import type { Instances, StreamName } from "@varve/core"
import * as CommitId from "@varve/core/CommitId"
import * as EventStoreError from "@varve/core/EventStoreError"
import { ExecutionError, type Reason } from "@varve/core/ExecutionError"
import * as Metadata from "@varve/core/Metadata"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Storage } from "../OptimisticState.ts"
import { type Engine, type Instance, isSame, tooMany } from "./engine.ts"
import { type Command, type Executed, make, type Part, type Tagged, type Tip } from "./pendingCommand.ts"
import * as saved from "./saved.ts"

/** How commands are sent. Documented at `Optimistic.Options`. */
export interface Settings {
  readonly storage: Storage | undefined
  readonly pendingLimit: number
  readonly inFlight: number
  readonly answerWithin: Duration.Duration
  readonly keepFor: Duration.Duration
  readonly rowsWithin: Duration.Duration
  readonly retryAtMost: Duration.Duration
}

/** How long a text may take to be saved before the command goes on without. */
const savedWithin = Duration.seconds(2)

/** How long a command waits for rows that its events go to and that nobody watches. */
const basesWithin = Duration.seconds(1)

/** Most commands of an instance that are stored and whose rows have not come, before the next one is sent. */
const unseenLimit = 32

/** The first pause before a command is sent again, in milliseconds. Each one after it is twice as long, up to `retryAtMost`. */
const firstPause = 100

const failed = (part: Part, id: string, reason: Reason) => new ExecutionError({ aggregate: part.tag, id, reason })

const outcomeUnknown = ({ commitId, part, stream }: Command) =>
  failed(part, stream.id, new EventStoreError.OutcomeUnknown({ commitId }))

const notSent = ({ part, stream }: Command, actual: string) =>
  failed(part, stream.id, new EventStoreError.Unavailable({ what: "command", expected: "to be sent", actual }))

/** Sends commands: those of an instance one after the other, each until its outcome is known. */
export class Sender {
  private readonly engine: Engine
  private readonly settings: Settings
  private readonly scope: Scope.Scope
  private readonly flights: Semaphore.Semaphore
  private readonly saving = Semaphore.makeUnsafe(1)
  private readonly sleepers = new Set<() => void>()
  private kept: string | undefined

  constructor(engine: Engine, settings: Settings, scope: Scope.Scope) {
    this.engine = engine
    this.settings = settings
    this.scope = scope
    this.flights = Semaphore.makeUnsafe(settings.inFlight)
  }

  /** Has whatever waits tried again at once. */
  wake(): void {
    for (const wake of Array.from(this.sleepers)) wake()
  }

  /** Pauses longer from time to time, and at random; or until it is woken. */
  pause(times: number): Effect.Effect<void> {
    const most = Math.min(Duration.toMillis(this.settings.retryAtMost), firstPause * 2 ** Math.min(times, 20))
    const woken = Effect.callback<void>((resume) => {
      const wake = () => resume(Effect.void)
      this.sleepers.add(wake)
      return Effect.sync(() => this.sleepers.delete(wake))
    })
    return Effect.flatMap(Random.next, (random) => Effect.raceFirst(Effect.sleep(most * (0.5 + random / 2)), woken))
  }

  /** Keeps what the server has not answered yet. What cannot be kept is sent all the same. */
  private get save(): Effect.Effect<void> {
    const { engine, settings: { storage } } = this
    if (storage === undefined) return Effect.void
    return Effect.suspend(() => {
      const text = saved.encode(engine.commands)
      if (text === this.kept) return Effect.void
      return Effect.tap(storage.save(text), () => Effect.sync(() => this.kept = text))
    }).pipe(
      Effect.timeout(savedWithin),
      Effect.catchCause((cause) => Effect.logWarning("Commands could not be kept: a reload loses them", cause)),
      this.saving.withPermit
    )
  }

  /** Takes up what was kept. */
  get restore(): Effect.Effect<void> {
    const { engine, settings: { storage } } = this
    if (storage === undefined) return Effect.void
    return Effect.gen({ self: this }, function*() {
      const text = yield* storage.load
      if (text === undefined || text === null) return
      const parts = new Map(engine.parts.aggregates.map((part) => [part.tag, part]))
      const { commands, lost } = saved.decode(parts, text)
      if (lost.length > 0) yield* Effect.logWarning("Commands that were kept are none any more", lost)
      for (const command of commands) {
        const instance = engine.instance(command.part, command.stream)
        engine.add(instance, command)
        yield* this.start(instance)
      }
    }).pipe(Effect.catchCause((cause) => Effect.logWarning("Commands that were kept could not be read", cause)))
  }

  /** Ends: who waits is told what is known of the command. */
  get close(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.engine.closed = true
      const kept = this.settings.storage !== undefined
      for (const command of this.engine.commands) {
        const error = kept || command.sent !== Infinity
          ? outcomeUnknown(command)
          : notSent(command, "the client closed")
        Deferred.doneUnsafe(command.outcome, Effect.fail(error))
      }
      this.engine.changed()
    })
  }

  /** Gives a command, and waits for what the server says to it. */
  submit(part: Part, id: string, command: Tagged, options: {
    readonly commitId?: CommitId.CommitId | undefined
    readonly expected?: number | undefined
  }): Effect.Effect<Executed, unknown> {
    const { engine, settings } = this
    return Effect.gen({ self: this }, function*() {
      const circumstances = yield* Metadata.Current
      const tenant = circumstances.tenant || engine.parts.tenant
      const metadata = { ...circumstances, tenant }
      const stream: StreamName.StreamName = { tenant, category: part.tag, id }
      const { commitId = CommitId.generateUnsafe(), expected } = options
      const same = engine.commands.find((other) => other.commitId === commitId)
      if (same !== undefined && !isSame(same, { stream, command })) {
        const actual = "another command of that id on its way"
        return yield* failed(
          part,
          id,
          new EventStoreError.Refused({ what: "commit id", expected: "a new one", actual })
        )
      }
      if (same !== undefined) return yield* Deferred.await(same.outcome)
      if (engine.commands.length >= settings.pendingLimit) {
        return yield* failed(part, id, tooMany(settings.pendingLimit))
      }
      const since = yield* DateTime.now
      const actor = circumstances.actor ?? engine.parts.actor
      const instance = engine.instance(part, stream)
      const given = make({ commitId, part, stream: instance.stream, command, expected, metadata, actor, since })
      if (engine.closed) return yield* notSent(given, "the client is closed")
      return yield* Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          engine.add(instance, given)
          return Effect.andThen(this.start(instance), restore(Effect.andThen(this.save, Deferred.await(given.outcome))))
        }).pipe(Effect.onInterrupt(() => this.withdraw(instance, given)))
      )
    })
  }

  /** Takes back what nobody has got. What was sent goes on without who gave it. */
  private withdraw(instance: Instance, command: Command): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.engine.closed || command.sent !== Infinity || !instance.queue.includes(command)) return Effect.void
      this.engine.remove(instance, command)
      return this.save
    })
  }

  private start(instance: Instance): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (instance.working) return Effect.void
      instance.working = true
      return Effect.asVoid(Effect.forkIn(this.work(instance), this.scope))
    })
  }

  private running(instance: Instance): Instances.Running<Part> {
    return this.engine.parts.running.get(instance.part.tag)!
  }

  /** Sends what is in the queue, until there is nothing. */
  private work(instance: Instance): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (let next = instance.queue[0]; next !== undefined; next = instance.queue[0]) {
        const head = next
        if (!head.inDoubt && (instance.known === undefined || instance.stale)) yield* this.read(instance, head.metadata)
        yield* this.pace(instance)
        const bases = this.engine.until(() => !this.engine.isAsking(head))
        if (this.engine.isAsking(head)) yield* Effect.timeoutOption(bases, basesWithin)
        if (instance.queue[0] !== head) continue
        if (head.sent === Infinity) head.sent = this.engine.tick()
        head.status = "sent"
        head.shown = undefined
        this.engine.changed()
        yield* this.save
        yield* this.attempt(instance, head)
      }
      // In the same breath as the last look at the queue: who comes next starts anew.
      instance.working = false
    }).pipe(Effect.onError(() => Effect.sync(() => instance.working = false)))
  }

  /** Rows are held back while a command is under way. Whoever never pauses would never see them. */
  private pace(instance: Instance): Effect.Effect<void> {
    const { commands } = this.engine
    const unseen = () => commands.filter(({ receipt, stream }) => receipt !== undefined && stream === instance.stream)
    return Effect.suspend(() =>
      unseen().length < unseenLimit ? Effect.void : this.engine.until(() => unseen().length < unseenLimit).pipe(
        Effect.timeoutOption(this.settings.rowsWithin),
        Effect.asVoid
      )
    )
  }

  /** Reads the state that the next command is decided on. Without it nothing is predicted. */
  private read(instance: Instance, metadata: Metadata.Metadata): Effect.Effect<void> {
    return this.running(instance).load(instance.stream.id).pipe(
      Effect.timeout(this.settings.answerWithin),
      Effect.tap((tip) =>
        Effect.sync(() => {
          this.engine.learn(instance, tip)
          this.engine.changed()
        })
      ),
      Metadata.provide(metadata),
      Effect.ignoreCause
    )
  }

  /** Sends a command once. */
  private attempt(instance: Instance, command: Command): Effect.Effect<void> {
    const { answerWithin } = this.settings
    const { commitId, expected, metadata, stream } = command
    command.attempts++
    instance.attempts++
    return this.running(instance).execute(stream.id, command.command as never, { commitId, expected }).pipe(
      Effect.timeoutOrElse({ duration: answerWithin, orElse: () => Effect.fail(outcomeUnknown(command)) }),
      this.flights.withPermit,
      Metadata.provide(metadata),
      Effect.exit,
      Effect.flatMap((exit) => this.conclude(instance, command, exit))
    )
  }

  private conclude(instance: Instance, command: Command, exit: Exit.Exit<Executed, unknown>): Effect.Effect<void> {
    if (Exit.isSuccess(exit)) return this.succeed(instance, command, exit.value)
    const found = Cause.findError(exit.cause)
    const error = Result.isSuccess(found) ? found.success : undefined
    const reason = error instanceof ExecutionError ? error.reason._tag : undefined
    if (reason === "OutcomeUnknown" || reason === "Unavailable") return this.again(instance, command, reason)
    if (Cause.hasInterrupts(exit.cause)) return Effect.interrupt
    return this.finish(instance, command, error ?? Cause.squash(exit.cause), exit.cause)
  }

  /** The command may have been carried out, or was not: in both cases it is sent again, under its id. */
  private again(instance: Instance, command: Command, reason: "OutcomeUnknown" | "Unavailable"): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      command.inDoubt ||= reason === "OutcomeUnknown"
      command.shown = undefined
      if (!command.inDoubt) {
        command.sent = Infinity
        command.status = "queued"
      }
      this.engine.changed()
      const { keepFor } = this.settings
      if (saved.ageOf(command, yield* DateTime.now) >= Duration.toMillis(keepFor)) {
        const error = command.inDoubt ? outcomeUnknown(command) : notSent(command, "no answer for too long")
        return yield* this.finish(instance, command, error, Cause.fail(error))
      }
      yield* this.pause(command.attempts - 1)
    })
  }

  private succeed(instance: Instance, command: Command, executed: Executed): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      this.engine.confirm(instance, command, executed)
      this.wake()
      const release = Effect.andThen(
        Effect.sleep(this.settings.rowsWithin),
        Effect.sync(() => this.engine.release(command))
      )
      if (this.engine.commands.includes(command)) yield* Effect.forkIn(release, this.scope)
      yield* this.save
      yield* Deferred.succeed(command.outcome, executed)
    }).pipe(Effect.uninterruptible)
  }

  /** What has failed is no longer kept before anybody is told: after a reload it would be decided anew. */
  private finish(
    instance: Instance,
    command: Command,
    error: unknown,
    cause: Cause.Cause<unknown>
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      this.engine.fail(instance, command, error)
      yield* this.save
      yield* Deferred.failCause(command.outcome, cause)
    }).pipe(Effect.uninterruptible)
  }

  /** The state of an instance with pending commands on top. */
  load(part: Part, id: string): Effect.Effect<Tip, ExecutionError> {
    const { engine } = this
    return Effect.gen({ self: this }, function*() {
      const { tenant } = yield* Metadata.Current
      const instance = engine.instance(part, { tenant: tenant || engine.parts.tenant, category: part.tag, id })
      if (instance.queue.length > 0) {
        const tip = engine.predict(instance)
        if (tip !== undefined) return tip
      }
      const { attempts } = instance
      const loaded = yield* this.running(instance).load(id)
      // What was sent meanwhile may be in it or not.
      if (instance.attempts !== attempts || instance.queue.some(({ sent }) => sent !== Infinity)) return loaded
      engine.learn(instance, loaded)
      engine.changed()
      return engine.predict(instance) ?? loaded
    })
  }
}
