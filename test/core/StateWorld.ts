/**
 * Two programs on one store, which do what a plan says: with caches and snapshots, or without. What comes of it must be
 * the same.
 */
import {
  Aggregate,
  type Commit,
  CommitId,
  EventStore,
  EventStoreError,
  Snapshots,
  SnapshotStore,
  StateCache,
  StreamName,
  Upcaster
} from "@varve/core"
import { Context, Effect, Exit, Layer, Option, Random, Result, Scope } from "effect"
import { Account, Close, Deposit, Id, Open, Withdraw } from "./Account.ts"

/** What happens to the first append of a step that could be stored. */
type Fault = "pass" | "foreign" | "unavailable" | "lostBefore" | "lostAfter"

type Order =
  & { readonly account: number }
  & ({ readonly do: "open" | "close" } | {
    readonly do: "deposit" | "withdraw"
    readonly cents: number
  })

export type Step =
  | {
    readonly _tag: "Execute"
    readonly program: number
    /** Several are one commit. */
    readonly orders: ReadonlyArray<Order>
    readonly fault: Fault
    /** Which of a few ids is given. */
    readonly commitId: number | undefined
    readonly expected: number | undefined
  }
  | { readonly _tag: "Load"; readonly program: number; readonly account: number; readonly version: number | undefined }
  | { readonly _tag: "Foreign"; readonly account: number; readonly count: number }
  | { readonly _tag: "Restart"; readonly program: number }
  /** A snapshot that cannot be read takes the place of the one that is there. */
  | { readonly _tag: "Spoil"; readonly account: number }

/** How a program runs. */
export interface Settings {
  readonly capacity: number
  readonly every: number | undefined
}

const accounts = 3
const commitIds = 4
const int = Random.nextIntBetween

const orderOf = Effect.gen(function*() {
  const account = yield* int(0, accounts - 1)
  const chance = yield* int(1, 20)
  if (chance === 1) return { account, do: "close" } as const
  if (chance <= 3) return { account, do: "open" } as const
  return { account, do: chance <= 13 ? "deposit" : "withdraw", cents: yield* int(1, 9) } as const
})

const faults: ReadonlyArray<Fault> = ["foreign", "unavailable", "lostBefore", "lostAfter"]

const stepOf: Effect.Effect<Step> = Effect.gen(function*() {
  const [program, account, chance] = [yield* int(0, 1), yield* int(0, accounts - 1), yield* int(1, 20)]
  if (chance === 1) return { _tag: "Restart", program }
  if (chance === 2) return { _tag: "Spoil", account }
  if (chance <= 4) return { _tag: "Foreign", account, count: yield* int(1, 3) }
  if (chance <= 7) {
    return { _tag: "Load", program, account, version: chance === 5 ? undefined : yield* int(0, 30) }
  }
  const count = (yield* int(1, 5)) === 1 ? yield* int(2, 3) : 1
  return {
    _tag: "Execute",
    program,
    orders: yield* Effect.forEach(Array.from({ length: count }), () => orderOf),
    fault: (yield* int(1, 3)) === 1 ? faults[yield* int(0, faults.length - 1)]! : "pass",
    commitId: (yield* int(1, 6)) === 1 ? yield* int(0, commitIds - 1) : undefined,
    expected: count === 1 && (yield* int(1, 6)) === 1 ? yield* int(0, 20) : undefined
  }
})

/** A plan of so many steps: accounts are open from the beginning, so that there is something to decide. */
export const planOf = (seed: string, steps: number): Effect.Effect<ReadonlyArray<Step>> => {
  const opening = Array.from({ length: accounts }, (_, account): Step => ({
    _tag: "Execute",
    program: 0,
    orders: [{ account, do: "open" }],
    fault: "pass",
    commitId: undefined,
    expected: undefined
  }))
  return Effect.map(
    Random.withSeed(Effect.forEach(Array.from({ length: steps }), () => stepOf), seed),
    (all) => [...opening, ...all]
  )
}

const ids = Array.from(
  { length: commitIds },
  (_, i) => CommitId.make(`00000000-0000-7000-8000-00000000000${i}`)
)
const nameOf = (account: number) => Id.make(`account ${account}`)
const streamOf = (account: number) => StreamName.make("Account", nameOf(account))

const commandOf = (order: Order) => {
  switch (order.do) {
    case "open":
      return Open.make({ owner: "Ada" })
    case "close":
      return Close.make({})
    case "deposit":
      return Deposit.make({ cents: order.cents })
    case "withdraw":
      return Withdraw.make({ cents: order.cents })
  }
}

const failed = (reason: EventStoreError.OutcomeUnknown | EventStoreError.Unavailable) =>
  Effect.fail(new EventStoreError.EventStoreError({ operation: "append", reason }))

/** The store in memory, whose next append that could be stored can go wrong. */
const faulty = (behind: EventStore.EventStore["Service"]) => {
  let next: Fault = "pass"
  let read = 0
  const deposit = (stream: StreamName.StreamName) => ({
    stream,
    expected: "exists" as const,
    events: [{ type: "Deposited", revision: 2, payload: { cents: 1 } }] as const
  })
  const versionOf = (stream: StreamName.StreamName) =>
    Effect.map(
      behind.readStreamPage({ stream, direction: "backward", limit: 1 }),
      ({ events }) => events[0]?.version ?? 0
    )
  /** Whether a commit is new, and meets what it expects. To one that does not the store has an answer, whatever else happens. */
  const couldBeStored = Effect.fnUntraced(function*({ checks = [], id, writes }: Commit.Commit) {
    if (id !== undefined && Option.isSome(yield* behind.findCommit(id))) return false
    for (const { expected, stream } of [...writes, ...checks]) {
      const version = yield* versionOf(stream)
      if (typeof expected === "number" && expected !== version) return false
      if (typeof expected === "object" && expected.version !== version) return false
    }
    return true
  })
  const append = Effect.fnUntraced(function*(commit: Commit.Commit) {
    if (next === "pass" || !(yield* couldBeStored(commit))) return yield* behind.append(commit)
    const fault = next
    next = "pass"
    const lost = failed(new EventStoreError.OutcomeUnknown({ commitId: commit.id! }))
    switch (fault) {
      case "foreign": {
        const [{ stream }] = commit.writes
        if ((yield* versionOf(stream)) > 0) yield* behind.append({ writes: [deposit(stream)] })
        return yield* behind.append(commit)
      }
      case "unavailable":
        return yield* failed(new EventStoreError.Unavailable({ what: "store", expected: "an answer", actual: "none" }))
      case "lostBefore":
        return yield* lost
      case "lostAfter":
        return yield* Effect.andThen(behind.append(commit), lost)
    }
  })
  const store: EventStore.EventStore["Service"] = {
    ...behind,
    append,
    readStreamPage: (request) =>
      Effect.tap(behind.readStreamPage(request), ({ events }) => Effect.sync(() => read += events.length))
  }
  return { store, deposit, versionOf, fault: (fault: Fault) => next = fault, read: () => read }
}

/** What came of something, without ids and times, which differ. */
const shown = (exit: Exit.Exit<unknown, unknown>): unknown => {
  const found = Exit.match(exit, { onSuccess: Result.succeed, onFailure: (cause) => Result.fail(cause) })
  if (Result.isFailure(found)) {
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    if (!(error instanceof Aggregate.ExecutionError)) return error === undefined ? String(found.failure) : { ...error }
    const { reason } = error
    return reason._tag === "Conflict" ? ["Conflict", reason.expected, reason.actual] : [reason._tag]
  }
  return found.success
}

const outcome = ({ events, receipt, state, version }: Aggregate.Executed<unknown, { readonly _tag: string }>) => ({
  events: events.map(({ _tag }) => _tag),
  stored: Option.isSome(receipt),
  state,
  version
})

/** Runs a plan. Tells what came of each step, what is stored in the end, and how many events were read. */
export const run = (
  plan: ReadonlyArray<Step>,
  settings: readonly [Settings, Settings],
  storeLayer: Layer.Layer<EventStore.EventStore | SnapshotStore.SnapshotStore> = EventStore.layerMemory
) =>
  Effect.scoped(Effect.gen(function*() {
    const services = yield* Layer.build(Layer.fresh(storeLayer))
    const snapshots = Context.get(services, SnapshotStore.SnapshotStore)
    const { deposit, fault, read, store, versionOf } = faulty(Context.get(services, EventStore.EventStore))
    const below = Layer.succeedContext(Context.add(services, EventStore.EventStore, store))

    const startOf = (program: number) =>
      Effect.gen(function*() {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const { capacity, every } = settings[program]!
        const layer = Layer.fresh(Account.layer).pipe(
          Layer.provide([
            Upcaster.layer(),
            StateCache.layer({ capacity }),
            every === undefined ? Layer.empty : Snapshots.layer({ every })
          ]),
          Layer.provide(below)
        )
        return { scope, context: yield* Layer.buildWithScope(layer, scope) }
      })
    const programs = [yield* startOf(0), yield* startOf(1)]

    const execute = (step: Extract<Step, { readonly _tag: "Execute" }>) => {
      const { expected, orders } = step
      const commitId = step.commitId === undefined ? undefined : ids[step.commitId]
      const [first, ...others] = orders.map((order) => Aggregate.to(Account, nameOf(order.account), commandOf(order)))
      const executed: Effect.Effect<unknown, unknown, Aggregate.Instances<"Account">> = others.length === 0
        ? Effect.map(
          Account.execute(nameOf(orders[0]!.account), commandOf(orders[0]!), { commitId, expected }),
          outcome
        )
        : Effect.map(Aggregate.executeAll([first!, ...others], { commitId }), (all) => all.map(outcome))
      return Effect.provideContext(executed, programs[step.program]!.context)
    }

    const take = Effect.fnUntraced(function*(step: Step) {
      switch (step._tag) {
        case "Execute": {
          fault(step.fault)
          const exit = yield* Effect.exit(execute(step))
          fault("pass")
          return shown(exit)
        }
        case "Load": {
          const { account, program, version } = step
          const at = version === undefined ? undefined : { version }
          return shown(
            yield* Effect.exit(
              Effect.provideContext(Account.load(nameOf(account), { at }), programs[program]!.context)
            )
          )
        }
        case "Foreign": {
          const stream = streamOf(step.account)
          if ((yield* versionOf(stream)) === 0) return undefined
          for (let i = 0; i < step.count; i++) yield* store.append({ writes: [deposit(stream)] })
          return undefined
        }
        case "Restart":
          yield* Scope.close(programs[step.program]!.scope, Exit.void)
          programs[step.program] = yield* startOf(step.program)
          return undefined
        case "Spoil": {
          const stream = streamOf(step.account)
          const found = yield* snapshots.find(stream, 1)
          if (Option.isNone(found)) return undefined
          return yield* snapshots.save({ stream, revision: 1, version: found.value.version, state: { _tag: "Rotten" } })
        }
      }
    })

    const outcomes = yield* Effect.forEach(plan, take)
    const events = read()
    const stored = yield* Effect.forEach(
      Array.from({ length: accounts }, (_, i) => streamOf(i)),
      (stream) =>
        Effect.map(
          store.readStreamPage({ stream }),
          ({ events }) =>
            events.map(({ payload, type }) => type === "Closed" ? type : `${type} ${JSON.stringify(payload)}`)
        )
    )
    return { outcomes, stored, events }
  }))
