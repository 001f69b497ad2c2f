/**
 * Two processes at work on a few accounts in one store that fails, and what each of their callers was told. The store
 * behind the faults is the oracle, see `FaultyOracle.ts`.
 */
import { Aggregate, type Commit, CommitId, EventStore, StreamName, Upcaster } from "@varve/core"
import { EventStoreFaults } from "@varve/core/testing"
import { Effect, Exit, Fiber, Layer, Random, Schema, type Scope, Stream } from "effect"
import { WebCrypto } from "effect/crypto"
import { TestClock } from "effect/testing"
import { createHash } from "node:crypto"
import { Account, Close, Deposit, Id, Withdraw } from "./Account.ts"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

export const Step = Schema.Struct({
  /** `move` is over two accounts, `pair` are two commands to one, `nothing` is decided without events. */
  kind: Schema.Literals(["deposit", "withdraw", "move", "pair", "nothing"]),
  account: upTo(2),
  process: upTo(1),
  /** Thousands of cents; what is below says which command it was. */
  amount: upTo(4),
  /** Whether the caller gives the commit id. */
  given: Schema.Boolean,
  /** Whether two callers come with the same command under the same id. */
  twice: Schema.Boolean,
  /** Whether a caller who is told that the outcome is unknown asks again at once. */
  insists: Schema.Boolean,
  /** How the first caller ends before its time: `timeout` is an interruption that looks at nothing but the clock. */
  crash: Schema.Literals(["none", "none", "interruption", "defect", "timeout"]),
  /** Turns of the scheduler before it begins. */
  delay: upTo(12)
})
export type Step = typeof Step.Type

const Chance = Schema.Literals([0, 0.1, 0.25])

export const Plan = Schema.Struct({
  seed: upTo(1_000_000),
  limit: upTo(80),
  yields: upTo(3),
  chances: Schema.Struct({
    conflict: Chance,
    delay: Chance,
    failBefore: Chance,
    lostRequest: Chance,
    lateRequest: Chance,
    lostAcknowledgement: Chance,
    failRead: Chance
  }),
  steps: Schema.Array(Step).check(Schema.isMaxLength(40))
})

/** A plan, of whatever chances. */
export interface Plan extends Omit<typeof Plan.Type, "chances"> {
  readonly chances: { readonly [Kind in keyof (typeof Plan.Type)["chances"]]: number }
}

export type Accepted = ReadonlyArray<Aggregate.Executed<unknown, { readonly _tag: string }>>
export type Outcome = Exit.Exit<Accepted, unknown>

/** All that was told about one command. */
export interface Told {
  readonly step: Step
  readonly cents: number
  /** Versions of its account when it began, and when the last caller was answered. */
  readonly from: number
  readonly to: number
  readonly outcomes: ReadonlyArray<Outcome>
  /** The id that was given, or the one that an `OutcomeUnknown` named. */
  readonly commitId: CommitId.CommitId | undefined
  /** What it came to when the faults were over, where it was not known before. */
  readonly settled: Outcome | undefined
}

/** Little enough that some withdrawals are rejected. */
export const start = 4_000
export const ids = [Id.make("a"), Id.make("b"), Id.make("c")] as const
export const gone = Id.make("gone")
export const streamOf = (id: typeof Id.Type) => StreamName.make("Account", id)

/** What another program does. Nothing of its event's metadata names a command. */
const foreign = ({ writes: [{ stream }] }: Commit.Commit): Commit.Commit => ({
  writes: [{ stream, expected: "any", events: [{ type: "Withdrawn", revision: 1, payload: { cents: 1 } }] }]
})

const layerOf = ({ chances, limit, seed, yields }: Plan) =>
  EventStoreFaults.layer({
    seed,
    limit,
    yields,
    conflict: { chance: chances.conflict, commit: foreign },
    delay: { chance: chances.delay, atMost: 60 },
    failBefore: chances.failBefore,
    lostRequest: chances.lostRequest,
    lateRequest: { chance: chances.lateRequest, atMost: 200 },
    lostAcknowledgement: chances.lostAcknowledgement,
    failRead: chances.failRead
  }).pipe(Layer.provide(EventStore.layerMemory), Layer.provideMerge(Upcaster.layer()))

/** Accounts with money, and one that is closed. */
const found = Effect.gen(function*() {
  const { behind } = yield* EventStoreFaults.Injector
  const opened: Commit.NewEvent = { type: "Opened", revision: 1, payload: { owner: "Ada" } }
  for (const id of ids) {
    const deposited: Commit.NewEvent = { type: "Deposited", revision: 2, payload: { cents: start } }
    yield* behind.append({ writes: [{ stream: streamOf(id), expected: 0, events: [opened, deposited] }] })
  }
  const closed: Commit.NewEvent = { type: "Closed", revision: 1, payload: { at: "2026-01-01T00:00:00.000Z" } }
  yield* behind.append({ writes: [{ stream: streamOf(gone), expected: 0, events: [opened, closed] }] })
})

/** Accounts in a process of their own: it shares nothing with another one but the store. */
const processOf = Layer.build(Layer.fresh(Account.layer))
type Process = Effect.Success<typeof processOf>

const alone = <A>(executed: A): readonly [A] => [executed]

const command = (
  { account, kind }: Step,
  cents: number,
  commitId: CommitId.CommitId | undefined
): Effect.Effect<Accepted, unknown, Aggregate.Instances<"Account">> => {
  const [id, other] = [ids[account]!, ids[(account + 1) % ids.length]!]
  const [deposit, withdraw] = [Deposit.make({ cents }), Withdraw.make({ cents })]
  switch (kind) {
    case "deposit":
      return Effect.map(Account.execute(id, deposit, { commitId }), alone)
    case "withdraw":
      return Effect.map(Account.execute(id, withdraw, { commitId }), alone)
    case "nothing":
      return Effect.map(Account.execute(gone, Close.make({}), { commitId }), alone)
    case "move":
      return Aggregate.executeAll([Aggregate.to(Account, id, withdraw), Aggregate.to(Account, other, deposit)], {
        commitId
      })
    case "pair":
      return Aggregate.executeAll([Aggregate.to(Account, id, withdraw), Aggregate.to(Account, id, deposit)], {
        commitId
      })
  }
}

const executed = (process: Process, step: Step, cents: number, commitId: CommitId.CommitId | undefined) =>
  Effect.provideContext(command(step, cents, commitId), process)

/** The reason of an error of the library, the tag of a rejection. */
export const tagOf = (outcome: Outcome): string => {
  if (Exit.isSuccess(outcome)) return "Accepted"
  if (outcome.cause.reasons.every(({ _tag }) => _tag === "Interrupt")) return "Interrupted"
  const error = Exit.findErrorOption(outcome)
  if (error._tag === "Some") {
    return error.value instanceof Aggregate.ExecutionError
      ? error.value.reason._tag
      : (error.value as { readonly _tag: string })._tag
  }
  const defects = outcome.cause.reasons.filter((reason) => reason._tag === "Die")
  return defects.every(({ defect }) => defect instanceof EventStoreFaults.Crashed) ? "Crashed" : String(outcome)
}

const unknownTags = ["OutcomeUnknown", "Interrupted", "Crashed"]
export const isUnknown = (outcome: Outcome): boolean => unknownTags.includes(tagOf(outcome))

const idOf = (outcome: Outcome): CommitId.CommitId | undefined => {
  const error = Exit.isFailure(outcome) ? Exit.findErrorOption(outcome) : undefined
  if (error?._tag !== "Some" || !(error.value instanceof Aggregate.ExecutionError)) return undefined
  return error.value.reason._tag === "OutcomeUnknown" ? error.value.reason.commitId : undefined
}

/** How often a caller asks again, at the most. */
const insistence = 3

const attempt = <A, E>(self: Effect.Effect<A, E>, { crash, delay }: Step, seed: string) => {
  switch (crash) {
    case "none":
      return Effect.exit(self)
    case "timeout":
      return Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(self)
        yield* Effect.replicateEffect(Effect.yieldNow, delay, { discard: true })
        yield* Fiber.interrupt(fiber)
        return yield* Fiber.await(fiber)
      })
    default:
      return EventStoreFaults.crashing(self, { seed, by: crash })
  }
}

const caller = Effect.fnUntraced(function*(process: Process, step: Step, cents: number, seed: string) {
  let commitId = step.given ? CommitId.make(`00000000-0000-7000-8000-${`${cents}`.padStart(12, "0")}`) : undefined
  const first = executed(process, step, cents, commitId)
  const outcomes: Array<Outcome> = [yield* attempt(first, step, seed)]
  for (let again = 0; again < insistence; again++) {
    commitId ??= idOf(outcomes.at(-1)!)
    if (!step.insists || commitId === undefined || !isUnknown(outcomes.at(-1)!)) break
    outcomes.push(yield* Effect.exit(executed(process, step, cents, commitId)))
  }
  return { commitId, outcomes }
})

const versionOf = (id: typeof Id.Type) =>
  EventStoreFaults.Injector.use(({ behind }) =>
    Effect.map(
      behind.readStreamPage({ stream: streamOf(id), direction: "backward", limit: 1 }),
      ({ events }) => events[0]!.version
    )
  )

const play = Effect.fnUntraced(function*(processes: ReadonlyArray<Process>, { seed, steps }: Plan) {
  return yield* Effect.forEach(steps, (step, index) =>
    Effect.gen(function*() {
      const cents = step.amount * 1_000 + index + 2
      const id = ids[step.account]!
      yield* Effect.replicateEffect(Effect.yieldNow, step.delay, { discard: true })
      const from = yield* versionOf(id)
      // Without an id in common they would be two commands.
      const callers = Array.from({ length: step.twice && step.given ? 2 : 1 }, (_, i) =>
        caller(processes[(step.process + i) % 2]!, step, cents, `${seed}/${index}/${i}`))
      const all = yield* Effect.all(callers, { concurrency: "unbounded" })
      const outcomes = all.flatMap(({ outcomes }) =>
        outcomes
      )
      return { step, cents, from, to: yield* versionOf(id), outcomes, commitId: all[0]!.commitId }
    }), { concurrency: "unbounded" })
})

/** Most times that the clock is moved for one plan, 20 ms each: what takes longer hangs. */
const roundsLimit = 10_000

/** Lets time pass until it is done: every wait is on the clock of the test. */
const inTime = <A, E, R>(self: Effect.Effect<A, E, R>) => {
  const round = Effect.andThen(TestClock.adjust(20), Effect.yieldNow)
  const hangs = Effect.die(`no end within ${roundsLimit} rounds of the clock`)
  return Effect.raceFirst(self, Effect.andThen(Effect.replicateEffect(round, roundsLimit, { discard: true }), hangs))
}

/** What the processes go on with is what is stored, whatever they went through. */
const goOn = (processes: ReadonlyArray<Process>) => {
  const steps = processes.flatMap((_, process) => ids.map((_, account) => ({ ...quiet, account, process })))
  return Effect.forEach(steps, (step, index) =>
    Effect.gen(function*() {
      const cents = 1_000_000 + index
      const from = yield* versionOf(ids[step.account]!)
      const outcomes = [yield* Effect.exit(executed(processes[step.process]!, step, cents, undefined))]
      return { step, cents, from, to: from + 1, outcomes, commitId: undefined, settled: undefined }
    }))
}

const quiet: Step = {
  kind: "deposit",
  account: 0,
  process: 0,
  amount: 0,
  given: false,
  twice: false,
  insists: false,
  crash: "none",
  delay: 0
}

const tell = Effect.fnUntraced(function*(plan: Plan) {
  const { calm } = yield* EventStoreFaults.Injector
  yield* found
  const processes = [yield* processOf, yield* processOf]
  const told = yield* play(processes, plan)
  yield* calm
  // The process that asks at the end remembers nothing.
  const later = yield* processOf
  const settled = yield* Effect.forEach(told, (one): Effect.Effect<Told> => {
    const { cents, commitId, outcomes, step } = one
    if (commitId === undefined || !outcomes.some(isUnknown)) return Effect.succeed({ ...one, settled: undefined })
    const asked = Effect.exit(executed(later, step, cents, commitId))
    return Effect.map(asked, (settled) => ({ ...one, settled }))
  })
  return { told: settled, afterwards: yield* goOn(processes) }
})

/** The one of Node ends in its own good time, on another thread: one plan would lead to several stories. */
const digest = (_: string, data: Uint8Array) =>
  Promise.resolve(new Uint8Array(createHash("sha256").update(data).digest()).buffer)
const crypto = { subtle: { digest } } as unknown as typeof globalThis.crypto

/** Plays a plan and hands what was told to the judge, with the whole store. The faults are named in any failure. */
export const world = <A>(
  plan: Plan,
  judge: (
    all: Effect.Success<ReturnType<typeof tell>>,
    store: EventStore.EventStore["Service"],
    log: ReadonlyArray<EventStoreFaults.Fault>
  ) => Effect.Effect<A, unknown>
): Effect.Effect<A, EventStoreFaults.FailedUnderFaults, Scope.Scope> =>
  Effect.gen(function*() {
    const { behind, log } = yield* EventStoreFaults.Injector
    const all = yield* inTime(tell(plan))
    return yield* judge(all, behind, yield* log)
  }).pipe(
    EventStoreFaults.explained,
    Effect.provide(layerOf(plan)),
    Effect.provideService(WebCrypto.WebCrypto, crypto),
    // Programs draw the length of their pauses.
    Random.withSeed(plan.seed)
  )

/** Everything in the store, oldest first. */
export const everything = (store: EventStore.EventStore["Service"]) =>
  EventStore.readAll().pipe(Stream.runCollect, Effect.provideService(EventStore.EventStore, store))
