/**
 * A release of a bank at work on a database. Told in lines:
 *
 * - `work <commands>`: deposits on all accounts, many at a time, each under a name of its own, while it reads them again and
 *   again. Says `worked <number>` now and then, and `done <Report>` in the end.
 * - `settle`: waits until it writes every event as it is meant to be, and says `settled <position>`.
 * - `read`: reads every account and the total, and says `read <Books>`.
 * - `end`: says `ended <position>` when it has left, and ends.
 *
 * Says `ready` when it has started, or `refused <message>`. Arguments: the URL of the database, and `Orders` as JSON.
 */
import { type Aggregate, CommitId, EventStore, type ProjectionError, Rollout } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Cause, Context, Effect, Exit, Fiber, Latch, Layer, Logger, Option, Redacted, Schedule, Scope } from "effect"
import { createInterface } from "node:readline"
import * as New from "../../core/RolloutNew.ts"
import * as Old from "../../core/RolloutOld.ts"

/** What the program is told. */
export interface Orders {
  readonly release: "old" | "new"
  readonly accounts: number
  readonly expiry: number
}

/** What came of some work. */
export interface Report {
  /** Names of the deposits that were acknowledged, by account. */
  readonly deposits: { readonly [account: string]: ReadonlyArray<string> }
  /** Conflicts and other refusals that surfaced, and were tried again. */
  readonly retries: number
  /** How often all accounts were read meanwhile. */
  readonly reads: number
  /** What went wrong, each message once. */
  readonly failures: ReadonlyArray<string>
}

/** What is read, in euros. */
export interface Books {
  readonly accounts: {
    readonly [account: string]: {
      readonly owner: string | null
      readonly euros: number
      readonly deposits: { readonly [by: string]: number }
    }
  }
  readonly total: number
}

// What a test has written.
const orders = JSON.parse(process.argv[3]!) as Orders
const name = orders.release === "old" ? "bank 1.0" : "bank 2.0"
const options = { name, heartbeat: "100 millis", expiry: orders.expiry } as const

const say = (line: string) => Effect.sync(() => void process.stdout.write(`${line}\n`))

type Failed = Aggregate.ExecutionError | ProjectionError.ProjectionError

/** What both releases do, each in its own terms. */
interface Bank {
  readonly rollout: Rollout.Rollout["Service"]
  readonly open: (account: string) => Effect.Effect<unknown, Failed>
  /** Deposits one euro. */
  readonly deposit: (account: string, by: string, commitId: CommitId.CommitId) => Effect.Effect<unknown, Failed>
  readonly read: (account: string) => Effect.Effect<Books["accounts"][string], Failed>
  readonly total: Effect.Effect<number, Failed>
}

const oldBank = Effect.map(
  Layer.build(Old.Bank.layer().pipe(Layer.provideMerge(Rollout.layer({ ...options, domains: [Old.Bank] })))),
  (context): Bank => {
    const run = Effect.provideContext(context)
    return {
      rollout: Context.get(context, Rollout.Rollout),
      open: (account) => run(Old.Account.execute(account, Old.Open.make({ owner: account }))),
      deposit: (account, by, commitId) =>
        run(Old.Account.execute(account, Old.Deposit.make({ euros: 1, by }), { commitId })),
      read: (account) => run(Effect.map(Old.Account.load(account), ({ state }) => state)),
      total: run(Effect.map(Old.Total.get("all"), Option.match({ onNone: () => 0, onSome: ({ euros }) => euros })))
    }
  }
)

const newBank = Effect.map(
  Layer.build(
    New.Bank.layer().pipe(
      Layer.provideMerge(Rollout.layer({ ...options, domains: [New.Bank], upcaster: New.upcaster }))
    )
  ),
  (context): Bank => {
    const run = Effect.provideContext(context)
    return {
      rollout: Context.get(context, Rollout.Rollout),
      open: (account) => run(New.Account.execute(account, New.Open.make({ owner: account }))),
      deposit: (account, by, commitId) =>
        run(New.Account.execute(account, New.Deposit.make({ cents: 100, by }), { commitId })),
      read: (account) =>
        run(Effect.map(New.Account.load(account), ({ state: { cents, deposits, owner } }) => ({
          owner,
          euros: cents / 100,
          deposits
        }))),
      total: run(
        Effect.map(New.Total.get("all"), Option.match({ onNone: () => 0, onSome: ({ cents }) => cents / 100 }))
      )
    }
  }
)

const accounts = Array.from({ length: orders.accounts }, (_, i) => `account-${i}`)

/** Deposits of this process so far, so that each has a name of its own. */
let names = 0

/** Commands at a time. */
const concurrency = 48

const work = (bank: Bank, commands: number) =>
  Effect.gen(function*() {
    const deposits: { [account: string]: Array<string> } = {}
    const failures = new Set<string>()
    let retries = 0
    let reads = 0
    let done = 0
    // An account is opened by both: the second time nothing happens.
    yield* Effect.forEach(accounts, (account) =>
      Effect.retry(bank.open(account), { while: isPassing, times: 100, schedule: Schedule.spaced("5 millis") }), {
      concurrency
    })
    const one = Effect.gen(function*() {
      const by = `${orders.release}-${process.pid}-${names++}`
      const account = accounts[names % accounts.length]!
      const commitId = yield* CommitId.generate
      const exit = yield* bank.deposit(account, by, commitId).pipe(
        Effect.tapError(() =>
          Effect.sync(() => {
            retries++
          })
        ),
        Effect.retry({ while: isPassing, times: 100, schedule: Schedule.spaced("5 millis") }),
        Effect.exit
      )
      if (Exit.isFailure(exit)) {
        failures.add(`deposit: ${Cause.pretty(exit.cause)}`)
      } else (deposits[account] ??= []).push(by)
      if (++done % 250 === 0) {
        yield* say(`worked ${done}`)
      }
    })
    const read = yield* Latch.make()
    const reading = Effect.gen(function*() {
      for (const account of accounts) {
        yield* bank.read(account)
      }
      yield* bank.total
      reads++
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.sync(() =>
          failures.add(`read: ${Cause.pretty(cause)}`)
        )
      ),
      Effect.andThen(Latch.open(read)),
      Effect.andThen(Effect.sleep("500 millis")),
      Effect.forever
    )
    const reader = yield* Effect.forkChild(reading)
    yield* Effect.forEach(Array.from({ length: commands }), () => one, { concurrency, discard: true })
    yield* Latch.await(read)
    yield* Fiber.interrupt(reader)
    const report: Report = { deposits, retries, reads, failures: [...failures] }
    return report
  })

/** What goes by: another writer was quicker, or the server is busy. */
const isPassing = ({ reason }: Failed): boolean => reason._tag === "Conflict" || reason._tag === "Unavailable"

const read = (bank: Bank) =>
  Effect.gen(function*() {
    const all = yield* Effect.forEach(accounts, (account) =>
      Effect.map(bank.read(account), (book) => [account, book] as const), { concurrency: 8 })
    const books: Books = { accounts: Object.fromEntries(all), total: yield* bank.total }
    return books
  })

const head = EventStore.EventStore.use((store) => store.head)

const serve = Effect.gen(function*() {
  const scope = yield* Scope.make()
  const started = yield* Effect.exit(
    Effect.provideService(orders.release === "old" ? oldBank : newBank, Scope.Scope, scope)
  )
  if (Exit.isFailure(started)) {
    const error = Cause.squash(started.cause)
    return yield* say(`refused ${error instanceof Error ? error.message : String(error)}`)
  }
  const bank = started.value
  yield* say("ready")
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  while (true) {
    const { done, value: line = "" } = yield* Effect.promise(() => lines.next())
    const [what, count] = line.split(" ")
    if (done === true) return
    if (what === "work") yield* say(`done ${JSON.stringify(yield* work(bank, Number(count)))}`)
    else if (what === "read") yield* say(`read ${JSON.stringify(yield* read(bank))}`)
    else if (what === "settle") {
      yield* bank.rollout.settled({ within: "15 seconds" })
      yield* say(`settled ${yield* head}`)
    } else if (what === "end") {
      yield* Scope.close(scope, Exit.void)
      return yield* say(`ended ${yield* head}`)
    }
  }
})

await Effect.runPromise(
  serve.pipe(
    Effect.provide(Postgres.layerPool({ url: Redacted.make(process.argv[2]!) })),
    // Lines are what the test reads.
    Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]))
  )
)
process.exit()
