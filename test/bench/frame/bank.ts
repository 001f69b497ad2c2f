/**
 * The bank of the examples, as benches use it: accounts with histories, and callers that send commands.
 */
import { EventStore, StreamName } from "@varve/core"
import { BankAccount, Deposit, Open, Withdraw } from "@varve/example-bank/BankAccount"
import { Effect } from "effect"
import type { Sample } from "./measure.ts"
import { callers } from "./store.ts"

const euros = (cents: number) => ({ cents, currency: "EUR" as const })

/** What an account is sent from its first command on. None is rejected, and half of them load 10 events or more. */
export const commands = [
  Open.make({ owner: "Ada Lovelace", currency: "EUR" }),
  ...Array.from({ length: 19 }, (_, i) => i % 3 === 2 ? Withdraw.make(euros(100)) : Deposit.make(euros(1_000)))
]

/** The same, for a program that has no classes. */
export const plainCommands = commands.map(({ _tag: type, ...data }) => ({ type, data }))

let accounts = 0

/** Callers that each open an account, send it its commands one by one, and go on to the next. */
export const execute = (count: number, seconds: number): Effect.Effect<Required<Sample>, unknown, Services> =>
  callers(count, seconds, (going, record) =>
    Effect.gen(function*() {
      while (going()) {
        const id = BankAccount.id.make(`account-${accounts++}`)
        for (const command of commands) {
          if (!going()) return
          const from = performance.now()
          yield* BankAccount.execute(id, command)
          record(from)
        }
      }
    }))

type Services = Effect.Services<ReturnType<typeof BankAccount.execute>>

/** The nth event of an account. */
const eventOf = (n: number) => {
  if (n === 0) return { type: "AccountOpened", revision: 1, payload: { owner: "Ada Lovelace", currency: "EUR" } }
  return n % 3 === 0
    ? { type: "MoneyWithdrawn", revision: 1, payload: euros(100) }
    : { type: "MoneyDeposited", revision: 2, payload: euros(1_000) }
}

/** Writes accounts `name-0` and so on, with so many events each, in commits of at most `perCommit`. */
export const writeAccounts = (options: {
  readonly name: string
  readonly accounts: number
  readonly events: number
  readonly perCommit: number
}): Effect.Effect<void, unknown, EventStore.EventStore> =>
  Effect.gen(function*() {
    const { accounts, events, name, perCommit } = options
    const store = yield* EventStore.EventStore
    const account = Effect.fnUntraced(function*(i: number) {
      const stream = StreamName.make(BankAccount.name, `${name}-${i}`)
      for (let from = 0; from < events; from += perCommit) {
        const batch = Array.from({ length: Math.min(perCommit, events - from) }, (_, n) => eventOf(from + n))
        yield* store.append({
          // At least one.
          writes: [{ stream, expected: from, events: batch as [typeof batch[0], ...typeof batch] }]
        })
      }
    })
    yield* Effect.forEach(Array.from({ length: accounts }, (_, i) => i), account, { concurrency: 64, discard: true })
  })
