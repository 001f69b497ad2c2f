/** Each `@ts-expect-error` is a mistake that must stay a compile error: `tsc` fails if one stops being so. */
import { Aggregate, Command, Decision, Event } from "@varve/core"
import {
  AccountClosed,
  AccountOpened,
  BankAccount,
  type Currency,
  Deposit,
  type ForeignCurrency,
  Id,
  InsufficientFunds,
  MoneyDeposited,
  MoneyWithdrawn,
  NotOpen,
  State,
  Withdraw
} from "@varve/example-bank/BankAccount"
import { Effect, Schema } from "effect"
import type { Equals } from "./Equals.ts"

const money = { cents: 1, currency: "EUR" } as const

/** Nothing here runs: it is compiled. */
export const compiled = () => {
  // revisions go up by exactly one
  // @ts-expect-error Argument of type '3' is not assignable to parameter of type '2'
  Event.make("X", { a: Schema.Int }).revise(3, { b: Schema.Int }, ({ a }) => ({ b: a }))
  // @ts-expect-error Argument of type '2' is not assignable to parameter of type '3'
  Event.make("X", {}).revise(2, {}, () => ({})).revise(2, {}, () => ({}))
  // an upcast sees revision n and must return revision n + 1
  // @ts-expect-error Property 'b' does not exist
  Event.make("X", { a: Schema.Int }).revise(2, { b: Schema.Int }, ({ b }) => ({ b }))
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  Event.make("X", { a: Schema.Int }).revise(2, { b: Schema.Int }, () => ({ b: "1" }))
  // @ts-expect-error Property 'b' is missing
  Event.make("X", { a: Schema.Int }).revise(2, { b: Schema.Int }, () => ({}))
  // writers cannot produce an old revision
  // @ts-expect-error 'euros' does not exist
  MoneyDeposited.make({ euros: 1 })
  // @ts-expect-error a command has its fields
  Withdraw.make({})
  // @ts-expect-error an event is not built with new
  return new MoneyDeposited(money)
}
export const newest: 2 = MoneyDeposited.revision

class Touch extends Command.make("Touch") {}
const contract = Aggregate.make("A", {
  id: Id,
  state: State,
  commands: [Touch],
  events: [AccountOpened, AccountClosed],
  rejections: [NotOpen]
})
type S = typeof State.Type
const evolve = { AccountOpened: (state: S) => state, AccountClosed: (state: S) => state }
const initial = { _tag: "Unopened" } as const

// the contract alone is right
export const right = contract.decider({ initial, decide: { Touch: () => Decision.reject(new NotOpen()) }, evolve })

export const deciders = () => {
  // every event needs a case
  // @ts-expect-error Property 'AccountClosed' is missing
  contract.decider({ initial, decide: { Touch: () => Decision.ignore }, evolve: { AccountOpened: (s) => s } })
  // every command needs a case
  // @ts-expect-error Property 'Touch' is missing
  contract.decider({ initial, decide: {}, evolve })
  // no case for a command that does not exist
  // @ts-expect-error Type '() => ...' is not assignable to type 'never'
  contract.decider({ initial, decide: { Touch: () => Decision.ignore, Nope: () => Decision.ignore }, evolve })
  // decide returns only this aggregate's events
  // @ts-expect-error Type '"MoneyWithdrawn"' is not assignable to type '"AccountClosed"'
  contract.decider({ initial, decide: { Touch: () => Decision.accept(MoneyWithdrawn.make(money)) }, evolve })
  // evolve returns the state
  const astray = { ...evolve, AccountClosed: () => ({ _tag: "Nope" as const }) }
  // @ts-expect-error Type '"Nope"' is not assignable
  contract.decider({ initial, decide: { Touch: () => Decision.ignore }, evolve: astray })
  // the initial state is a state
  // @ts-expect-error Type '"Nope"' is not assignable
  contract.decider({ initial: { _tag: "Nope" }, decide: { Touch: () => Decision.ignore }, evolve })
  const overdrawn = () => Decision.reject(new InsufficientFunds({ balance: 0, requested: 1 }))
  // decide rejects only with what the contract declares
  // @ts-expect-error Type 'InsufficientFunds' is not assignable to type 'NotOpen'
  contract.decider({ initial, decide: { Touch: overdrawn }, evolve })
}

// rejections are per command, in the error channel
const id = Id.make("a")
const withdraw = BankAccount.execute(id, Withdraw.make(money))
const deposit = BankAccount.execute(id, Deposit.make(money))
export const rejections: [
  Equals<Effect.Error<typeof withdraw>, Aggregate.ExecutionError | NotOpen | ForeignCurrency | InsufficientFunds>,
  Equals<Effect.Error<typeof deposit>, Aggregate.ExecutionError | NotOpen | ForeignCurrency>,
  Equals<Effect.Services<typeof deposit>, Aggregate.Instances<"BankAccount">>
] = [true, true, true]

export const calls = () => {
  // @ts-expect-error a deposit cannot be rejected for lack of funds
  Effect.catchTag(deposit, "InsufficientFunds", () => Effect.void)
  // @ts-expect-error there is no such reason
  Effect.catchReason(deposit, "ExecutionError", "Nope", () => Effect.void)
  // @ts-expect-error a plain string is not an account id
  BankAccount.execute("a", Deposit.make(money))
  // @ts-expect-error not a command of this aggregate
  BankAccount.execute(id, Touch.make({}))
  // @ts-expect-error a plain string is not a commit id
  BankAccount.execute(id, Deposit.make(money), { commitId: "a" })
  // @ts-expect-error no such point in the history
  BankAccount.load(id, { at: { nope: 1 } })
  // @ts-expect-error the instances are not there unless a layer provides them
  Effect.runPromise(deposit)
}
export const currency: typeof Currency.Type = "EUR"
