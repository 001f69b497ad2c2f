/**
 * Many programs' worth of trouble on two accounts, against a model: whatever is told of an outcome must be so in the
 * store. A failure prints the token that replays it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Aggregate, CommitId, EventStore, StreamName, Upcaster } from "@varve/core"
import { Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Account, active, Deposit, Id, Insufficient, Open, Withdraw } from "./Account.ts"
import * as ControlledStore from "./ControlledStore.ts"

const { Control } = ControlledStore

const layer = Account.layer.pipe(Layer.provideMerge(Layer.mergeAll(
  ControlledStore.layer({ type: "Withdrawn", revision: 1, payload: { cents: 1 } }),
  Upcaster.layer()
)))

const Plan = Schema.Array(Schema.Struct({
  account: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
  kind: Schema.Literals(["deposit", "withdraw", "move", "interrupted"]),
  /** Thousands of cents; what is below says which command it was. */
  amount: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })),
  /** Whether the caller gives the commit id. */
  given: Schema.Boolean,
  /** Turns of the scheduler before it begins. */
  delay: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 }))
})).check(Schema.isMaxLength(40))

const Faults = Schema.Array(
  Schema.Literals(["pass", "pass", "foreign", "lostBefore", "lostAfter", "late", "unavailable"])
)
  .check(Schema.isMaxLength(60))

const ids = [Id.make("a"), Id.make("b")] as const

type Step = (typeof Plan.Type)[number]

interface Told {
  readonly step: Step
  readonly cents: number
  /** Versions of the account when the command began and when it ended. */
  readonly from: number
  readonly to: number
  readonly exit: Exit.Exit<ReadonlyArray<Aggregate.Executed<unknown, unknown>>, unknown>
}

const start = 10_000

/** Balances of an account after each version, and the amounts that moved, as they lie in the store. */
const storyOf = Effect.fnUntraced(function*(id: typeof Id.Type) {
  const store = (yield* Control).behind
  const events = yield* EventStore.read(StreamName.make("Account", id)).pipe(
    Stream.runCollect,
    Effect.provideService(EventStore.EventStore, store)
  )
  const balances = [0]
  for (const { payload, type } of events) {
    const { cents = 0 } = payload as { readonly cents?: number }
    balances.push(balances.at(-1)! + (type === "Deposited" ? cents : type === "Withdrawn" ? -cents : 0))
  }
  return { events, balances }
})

const versionOf = (id: typeof Id.Type) =>
  Control.use(({ behind }) =>
    Effect.map(
      behind.readStreamPage({ stream: StreamName.make("Account", id), limit: 10_000 }),
      ({ events }) => events.length
    )
  )

const command = ({ account, kind }: Step, cents: number, options: { readonly commitId?: CommitId.CommitId }) => {
  const [id, other] = account === 0 ? ids : [ids[1], ids[0]]
  switch (kind) {
    case "deposit":
    case "interrupted":
      return Effect.map(Account.execute(id, Deposit.make({ cents }), options), (one) => [one])
    case "withdraw":
      return Effect.map(Account.execute(id, Withdraw.make({ cents }), options), (one) => [one])
    case "move":
      return Aggregate.executeAll([
        Aggregate.to(Account, id, Withdraw.make({ cents })),
        Aggregate.to(Account, other, Deposit.make({ cents }))
      ], options)
  }
}

type Outcome = Effect.Effect<
  Told["exit"] extends Exit.Exit<infer A, unknown> ? A : never,
  Effect.Error<ReturnType<typeof command>>,
  Effect.Services<ReturnType<typeof command>>
>

/** Under an id that it gave a caller asks until it knows; after that, `Unavailable` says only that it knows no more. */
const execute = (step: Step, cents: number): Outcome => {
  if (!step.given) return command(step, cents, {})
  const commitId = CommitId.make(`00000000-0000-7000-8000-${cents.toString().padStart(12, "0")}`)
  const once: Outcome = Effect.suspend((): Outcome => command(step, cents, { commitId }))
  const untilKnown: Outcome = once.pipe(
    Effect.catchReason("ExecutionError", "OutcomeUnknown", () => untilKnown),
    Effect.catchReason("ExecutionError", "Unavailable", () => untilKnown)
  )
  return Effect.catchReason(once, "ExecutionError", "OutcomeUnknown", () => untilKnown)
}

const play = (plan: typeof Plan.Type) =>
  Effect.forEach(plan, (step, index) =>
    Effect.gen(function*() {
      const cents = step.amount * 1_000 + index + 2
      const id = ids[step.account]!
      yield* Effect.replicateEffect(Effect.yieldNow, step.delay)
      const from = yield* versionOf(id)
      const fiber = yield* Effect.forkChild(execute(step, cents))
      if (step.kind === "interrupted") {
        yield* Effect.replicateEffect(Effect.yieldNow, step.delay)
        yield* Fiber.interrupt(fiber)
      }
      const exit = yield* Fiber.await(fiber)
      return { step, cents, from, to: yield* versionOf(id), exit } satisfies Told
    }), { concurrency: "unbounded" })

const tagOf = (exit: Told["exit"]): string => {
  if (Exit.isSuccess(exit)) return "Accepted"
  const error = Exit.findErrorOption(exit)
  if (error._tag === "None") return Exit.hasInterrupts(exit) ? "Interrupted" : assert.fail(String(exit))
  return error.value instanceof Aggregate.ExecutionError
    ? error.value.reason._tag
    : (error.value as { _tag: string })._tag
}

type Story = Effect.Success<ReturnType<typeof storyOf>>

/** Versions at which an amount moved: which command it was is in the amount. */
const placesOf = ({ events }: Story, type: string, cents: number) =>
  events.filter((event) => event.type === type && (event.payload as { readonly cents?: number }).cents === cents)
    .map(({ version }) => version)

const judge = ({ cents, exit, from, step, to }: Told, stories: ReadonlyArray<Story>) => {
  const [here, there] = step.account === 0 ? [stories[0]!, stories[1]!] : [stories[1]!, stories[0]!]
  const out = step.kind === "withdraw" || step.kind === "move"
  const places = placesOf(here, out ? "Withdrawn" : "Deposited", cents)
  const tag = tagOf(exit)
  assert.isAtMost(places.length, 1, "an effect is there twice")
  if (step.kind === "move") {
    assert.strictEqual(placesOf(there, "Deposited", cents).length, places.length, "half of a commit")
  }
  switch (tag) {
    case "Accepted": {
      if (!Exit.isSuccess(exit)) return assert.fail()
      const { state, version } = exit.value[0]!
      assert.deepStrictEqual(places, [version], "an accepted command is where it was said to be")
      assert.deepStrictEqual(state, active(here.balances[version]!), "and the state is what the store tells")
      break
    }
    case "Insufficient": {
      assert.isEmpty(places, "a rejection writes nothing")
      const { value } = Exit.findErrorOption(exit) as { readonly value: Insufficient }
      assert.strictEqual(value.requested, cents)
      assert.isBelow(value.balance, cents)
      const between = here.balances.slice(from, to + 1)
      assert.include(between, value.balance, "a rejection rests on a balance that was there while it was asked")
      break
    }
    case "Unavailable":
    case "Conflict":
      assert.isEmpty(places, `${tag} means that nothing was written`)
      break
    case "OutcomeUnknown":
    case "Interrupted":
      break
    default:
      assert.fail(`an outcome that nobody expects: ${tag}`)
  }
  return tag
}

const inTime = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(self, Effect.forever(Effect.andThen(TestClock.adjust("1 second"), Effect.yieldNow)))

const world = (plan: typeof Plan.Type, faults: typeof Faults.Type) =>
  inTime(Effect.gen(function*() {
    const control = yield* Control
    for (const id of ids) {
      yield* Account.execute(id, Open.make({ owner: "Ada" }))
      yield* Account.execute(id, Deposit.make({ cents: start }))
    }
    yield* control.faults(...faults)
    const told = yield* play(plan)
    yield* control.faults()
    // What is late arrives behind these.
    for (const id of ["x", "y", "z"]) yield* Account.execute(Id.make(id), Open.make({ owner: id }))
    const stories = yield* Effect.forEach(ids, storyOf)
    const tags = told.map((one) => judge(one, stories))
    for (const [index, { balances, events }] of stories.entries()) {
      assert.isTrue(balances.every((balance, version) =>
        version === 0 || balance >= 0 || events[version - 1]!.metadata.command === undefined
      ))
      // What the instances go on with is what is stored.
      const { state, version } = yield* Account.execute(ids[index]!, Deposit.make({ cents: 1 }))
      assert.deepStrictEqual([version, state], [events.length + 1, active(balances.at(-1)! + 1)])
    }
    return tags
  })).pipe(Effect.provide(layer))

describe("concurrent commands, a store that fails, and other writers", () => {
  it.effect.prop(
    "tell what is so: every accepted command is there once, every other one is not",
    [Plan, Faults],
    ([plan, faults]) => world(plan, faults),
    { timeout: 60_000, arbitrary: { runs: 150, size: 30 } }
  )

  it.effect("come to every outcome that there is", () =>
    Effect.gen(function*() {
      const step = (kind: Step["kind"], amount: number, delay = 0): Step => ({
        account: 0,
        kind,
        amount,
        given: delay % 2 === 1,
        delay
      })
      const cycle = ["lostAfter", "foreign", "pass", "unavailable", "lostBefore"] as const
      const faults = Array.from({ length: 60 }, (_, i) => cycle[i % 5]!)
      const plan = Array.from({ length: 40 }, (_, i) =>
        step((["deposit", "withdraw", "move", "interrupted", "withdraw"] as const)[i % 5]!, 3, i % 7))
      const tags = new Set(yield* world(plan, faults))
      const lost = new Set(
        yield* world(
          [step("deposit", 1)],
          Array.from({ length: 10 }, () =>
            "lostBefore")
        )
      )
      const foreign = new Set(yield* world([step("deposit", 1)], Array.from({ length: 10 }, () => "foreign")))
      assert.includeMembers([...tags, ...lost, ...foreign], [
        "Accepted",
        "Insufficient",
        "Unavailable",
        "Conflict",
        "OutcomeUnknown",
        "Interrupted"
      ])
    }), 60_000)
})
