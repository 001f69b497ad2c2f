import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as CommitId from "../CommitId.ts"
import type * as Domain from "../Domain.ts"
import type * as Event from "../Event.ts"
import { EventStoreError, Refused, Unavailable } from "../EventStoreError.ts"
import { type Program, ProgramStore, type Readable } from "../ProgramStore.ts"
import * as Upcaster from "../Upcaster.ts"
import * as check from "./check.ts"
import * as definition from "./definition.ts"
import { placeOf } from "./programReads.ts"
import * as rolloutPlan from "./rolloutPlan.ts"

/** Documented at `Rollout.Options`. */
export interface Options {
  /** What it reads and writes. */
  readonly domains: ReadonlyArray<Domain.Any>
  /** What its owner calls it, and its release, for messages: `billing 4.1`. */
  readonly name: string
  /** Events that it reads beside those of the domains, with subscriptions or custom projections. */
  readonly reads?: ReadonlyArray<Event.Any> | undefined
  /** `downcast`, unless told. */
  readonly policy?: rolloutPlan.Policy | undefined
  /** Of the upcaster that the layer provides. A `writeRevision` is never exceeded. */
  readonly upcaster?: Upcaster.Options | undefined
  /** How often it tells the store that it is alive, and asks what may be written: 100 ms to 1 hour. 5 seconds unless told. */
  readonly heartbeat?: Duration.Input | undefined
  /**
   * For how long it counts as alive without being heard of: 3 heartbeats to 1 day. 30 seconds unless told, or 3
   * heartbeats where that is more.
   */
  readonly expiry?: Duration.Input | undefined
}

/** Documented at `Rollout.Status`. */
export interface Status {
  readonly id: string
  readonly name: string
  readonly policy: rolloutPlan.Policy
  readonly heardAt: DateTime.Utc
  readonly refused: string | null
  readonly settled: boolean
  readonly programs: ReadonlyArray<Pick<Program, "id" | "name" | "seenAt">>
  readonly events: ReadonlyArray<{
    readonly category: string
    readonly event: string
    readonly wanted: Upcaster.Form
    readonly written: Upcaster.Form | null
    readonly waitingFor: ReadonlyArray<{ readonly program: string; readonly id: string; readonly reads: number }>
  }>
}

/** Documented at `Rollout.Rollout`. */
export interface Service {
  readonly status: Effect.Effect<Status, EventStoreError>
  readonly refresh: Effect.Effect<Status, EventStoreError>
  readonly settled: (
    options?: { readonly within?: Duration.Input | undefined }
  ) => Effect.Effect<Status, EventStoreError>
}

/** Bounds on the options. */
const leastHeartbeat = Duration.millis(100)
const mostHeartbeat = Duration.hours(1)
const mostExpiry = Duration.days(1)
/** Heartbeats that may be lost, and one more. */
const heartbeatsPerExpiry = 3

interface Times {
  readonly heartbeat: Duration.Duration
  readonly expiry: Duration.Duration
}

const within = (
  what: string,
  input: Duration.Input,
  least: Duration.Duration,
  most: Duration.Duration
): Duration.Duration | Refused => {
  const duration = Duration.fromInput(input)
  return duration._tag === "Some" && Duration.isGreaterThanOrEqualTo(duration.value, least)
      && Duration.isLessThanOrEqualTo(duration.value, most)
    ? duration.value
    : new Refused({
      what: `${what} of a rollout`,
      expected: `${Duration.format(least)} to ${Duration.format(most)}`,
      actual: duration._tag === "Some" ? Duration.format(duration.value) : check.show(input)
    })
}

const timesOf = (options: Pick<Options, "expiry" | "heartbeat">): Times | Refused => {
  const heartbeat = within("heartbeat", options.heartbeat ?? "5 seconds", leastHeartbeat, mostHeartbeat)
  if (heartbeat instanceof Refused) return heartbeat
  const least = Duration.times(heartbeat, heartbeatsPerExpiry)
  const expiry = within("expiry", options.expiry ?? Duration.max(least, Duration.seconds(30)), least, mostExpiry)
  return expiry instanceof Refused ? expiry : { heartbeat, expiry }
}

/** What a program knows of what it may write, and which form that makes of each event. */
class Answers {
  readonly plan: rolloutPlan.Plan
  readonly policy: rolloutPlan.Policy
  readonly allowed = new Map<string, number>()
  /** Those that were at work when it last asked, where an event had to wait for one. */
  programs: ReadonlyArray<Program> = []
  heardAt: DateTime.Utc
  refused: string | undefined
  readonly #events: ReadonlyMap<string, rolloutPlan.Writable>
  /** Category to event to what is made of it. Forgotten whenever there is another answer. */
  readonly #chosen = new Map<string, Map<Event.Any, Upcaster.Form | Refused>>()

  constructor(plan: rolloutPlan.Plan, policy: rolloutPlan.Policy, now: DateTime.Utc) {
    this.plan = plan
    this.policy = policy
    this.heardAt = now
    this.#events = new Map(plan.events.map((one) => [placeOf({ category: one.category, type: one.event.tag }), one]))
  }

  /** Answers may overtake each other. What may be written only rises, so of two the higher one is true. */
  take(answer: ReadonlyArray<Readable>, now: DateTime.Utc): void {
    for (const place of answer) {
      this.allowed.set(placeOf(place), Math.max(this.allowed.get(placeOf(place)) ?? 0, place.revision))
    }
    this.heardAt = now
    this.refused = undefined
    this.#chosen.clear()
  }

  /** Takes which programs are at work. Messages name them. */
  see(programs: ReadonlyArray<Program>): void {
    this.programs = programs
    this.#chosen.clear()
  }

  formOf(one: rolloutPlan.Writable): Upcaster.Form | undefined {
    return rolloutPlan.formOf(one, this.allowed, this.policy)
  }

  get settled(): boolean {
    return this.plan.events.every((one) => this.formOf(one) === one.forms[0])
  }

  /** The form of an event that is about to be written. */
  choose(category: string, event: Event.Any): Upcaster.Form | Refused {
    const ofCategory = this.#chosen.get(category)
    const known = ofCategory?.get(event)
    if (known !== undefined) return known
    const chosen = this.#make(category, event)
    if (ofCategory === undefined) this.#chosen.set(category, new Map([[event, chosen]]))
    else ofCategory.set(event, chosen)
    return chosen
  }

  #make(category: string, event: Event.Any): Upcaster.Form | Refused {
    const one = this.#events.get(placeOf({ category, type: event.tag }))
    // Nobody was asked about it.
    if (one === undefined || one.event !== event) {
      const expected = "one of the domains of the rollout"
      return new Refused({ what: `event ${event.tag}`, expected, actual: "one of none of them" })
    }
    return this.formOf(one) ?? rolloutPlan.refusal(one, this.policy, this.programs)
  }
}

const statusOf = (id: string, name: string, answers: Answers, programs: ReadonlyArray<Program>): Status => ({
  id,
  name,
  policy: answers.policy,
  heardAt: answers.heardAt,
  refused: answers.refused ?? null,
  settled: answers.settled,
  programs: programs.map(({ id, name, seenAt }) => ({ id, name, seenAt })),
  events: answers.plan.events.map((one) => ({
    category: one.category,
    event: one.event.tag,
    wanted: one.forms[0],
    written: answers.formOf(one) ?? null,
    waitingFor: rolloutPlan.blockers(one, programs).map(({ program: { id, name }, reads }) => ({
      program: name,
      id,
      reads
    }))
  }))
})

const refuse = (reason: Refused | Unavailable) => Effect.fail(new EventStoreError({ operation: "programs", reason }))

const waitedFor = ({ events, name }: Status, patience: Duration.Duration) => {
  const late = events.filter(({ wanted, written }) =>
    written?.type !== wanted.type || written.revision !== wanted.revision
  )
  const programs = new Set(late.flatMap(({ waitingFor }) => waitingFor.map(({ program }) => program)))
  return new Unavailable({
    what: `rollout of ${name}`,
    expected: `every event in the form that it is meant to be written in, within ${Duration.format(patience)}`,
    actual: `${late.length} that wait for ${Array.from(programs).slice(0, 10).join(", ") || "the next heartbeat"}`
  })
}

/** Enters a program and keeps it entered until the scope closes. */
export const start = (
  { domains, name, policy = "downcast", reads = [], upcaster: options = {}, ...given }: Options
): Effect.Effect<
  { readonly service: Service; readonly upcaster: Upcaster.Upcaster["Service"] },
  EventStoreError,
  ProgramStore | Scope.Scope
> =>
  Effect.gen(function*() {
    const times = timesOf(given)
    if (times instanceof Refused) return yield* refuse(times)
    const store = yield* ProgramStore
    const plan = rolloutPlan.make({ domains, foreign: reads, options })
    const id = yield* CommitId.generate
    const answers = new Answers(plan, policy, yield* DateTime.now)
    const { heartbeat, expiry } = times

    const beat = Effect.gen(function*() {
      const answer = yield* store.enter({ id, name, reads: plan.reads, writes: plan.writes, expiry })
      answers.take(answer, yield* DateTime.now)
      // Who is at work is for messages: without it the answer stands all the same.
      if (!answers.settled) answers.see(yield* Effect.orElseSucceed(store.programs, () => answers.programs))
    })
    // It leaves after the last heartbeat: what the scope begins last, it ends first.
    yield* Effect.acquireRelease(beat, () => Effect.ignore(store.leave(id)))

    let failing = false
    // Whatever a heartbeat comes to, there is another one: a store that dies of something once is no reason to fall silent.
    const failed = (cause: Cause.Cause<EventStoreError>) =>
      Effect.suspend(() => {
        if (Cause.hasInterrupts(cause)) return Effect.failCause(cause)
        const error = Cause.squash(cause)
        if (error instanceof EventStoreError && error.reason._tag === "Refused") answers.refused = error.message
        if (failing) return Effect.void
        failing = true
        const why = definition.reasonOf(error)
        return Effect.logWarning(`${name} is not heard of, and writes what it was told last: ${why}`)
      })
    const live = Effect.sleep(heartbeat).pipe(
      Effect.andThen(Effect.catchCause(
        Effect.tap(beat, () =>
          Effect.sync(() => {
            failing = false
          })),
        failed
      )),
      Effect.forever
    )
    yield* Effect.forkScoped(live)

    const status = Effect.map(store.programs, (programs) => statusOf(id, name, answers, programs))
    const refresh = Effect.andThen(beat, status)
    const settled: Service["settled"] = Effect.fnUntraced(function*(waiting) {
      const patience = within("patience", waiting?.within ?? "10 minutes", Duration.millis(1), mostExpiry)
      if (patience instanceof Refused) return yield* refuse(patience)
      const until = (yield* DateTime.now).epochMilliseconds + Duration.toMillis(patience)
      while (true) {
        // A store that is away for a moment comes back.
        const seen = yield* Effect.catch(
          refresh,
          (error) => error.reason._tag === "Unavailable" ? Effect.succeed(error) : Effect.fail(error)
        )
        if (!(seen instanceof EventStoreError) && seen.settled) return seen
        const left = until - (yield* DateTime.now).epochMilliseconds
        if (left <= 0) return yield* seen instanceof EventStoreError ? seen : refuse(waitedFor(seen, patience))
        yield* Effect.sleep(Duration.min(heartbeat, Duration.millis(left)))
      }
    })
    return {
      service: { status, refresh, settled },
      upcaster: Upcaster.make(options, (category, event) => answers.choose(category, event))
    }
  })
