/** A commit over several instances: a tuple of outcomes, a union of rejections. */
import { Aggregate } from "@varve/core"
import {
  BankAccount,
  Deposit,
  type ForeignCurrency,
  Id,
  type InsufficientFunds,
  type NotOpen,
  Withdraw
} from "@varve/example-bank/BankAccount"
import { Effect } from "effect"
import type { Equals } from "../Equals.ts"

const money = { cents: 5, currency: "EUR" } as const

const transfer = (from: typeof Id.Type, into: typeof Id.Type) =>
  Aggregate.executeAll([
    Aggregate.to(BankAccount, from, Withdraw.make(money)),
    Aggregate.to(BankAccount, into, Deposit.make(money))
  ])

type Executed = Aggregate.Executed<Aggregate.StateOf<typeof BankAccount>, Aggregate.EventOf<typeof BankAccount>>

export const types: [
  Equals<
    Effect.Error<ReturnType<typeof transfer>>,
    NotOpen | ForeignCurrency | InsufficientFunds | Aggregate.ExecutionError
  >,
  Equals<Effect.Success<ReturnType<typeof transfer>>, readonly [Executed, Executed]>,
  Equals<Effect.Services<ReturnType<typeof transfer>>, Aggregate.Instances<"BankAccount">>
] = [true, true, true]

export const program = Effect.gen(function*() {
  const [from, into] = yield* transfer(Id.make("a"), Id.make("b"))
  return from.version + into.version
})

export const compiled = () => {
  // @ts-expect-error not a command of the account
  Aggregate.to(BankAccount, Id.make("a"), { _tag: "Nope" })
  // @ts-expect-error a plain string is not an account id
  Aggregate.to(BankAccount, "a", Withdraw.make(money))
  // @ts-expect-error at least one command
  Aggregate.executeAll([])
  // @ts-expect-error there is no third outcome
  Effect.map(transfer(Id.make("a"), Id.make("b")), ([, , third]) => third)
}
