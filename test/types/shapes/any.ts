/** Structural tops: every definition fits, and its parts are read by property. */
import type { Command, Domain, Event, Projection } from "@varve/core"
import { Aggregate } from "@varve/core"
import { Scenario } from "@varve/core/testing"
import { Balances } from "@varve/example-bank/Balances"
import { BankAccount, Close, MoneyDeposited, type MoneyWithdrawn, Withdraw } from "@varve/example-bank/BankAccount"
import type { Equals } from "../Equals.ts"

export const aggregate: Aggregate.Any = BankAccount
export const part: Domain.AggregatePart = BankAccount
export const subject: Scenario.Subject = BankAccount
export const events: ReadonlyArray<Event.Any> = [MoneyDeposited, ...BankAccount.events]
export const commands: ReadonlyArray<Command.Any> = [Withdraw, Close, ...BankAccount.commands]
export const projection: Projection.Any = Balances

export const parts: [
  Equals<Aggregate.CommandOf<typeof BankAccount>["_tag"], "Open" | "Deposit" | "Withdraw" | "Close">,
  Equals<
    Aggregate.EventOf<typeof BankAccount>["_tag"],
    "AccountOpened" | "MoneyDeposited" | "MoneyWithdrawn" | "AccountClosed"
  >,
  Equals<Aggregate.StateOf<typeof BankAccount>, typeof BankAccount.initial>,
  Equals<Event.Type<typeof MoneyDeposited>, MoneyDeposited>,
  Equals<Event.WithTag<typeof MoneyDeposited | typeof MoneyWithdrawn, "MoneyDeposited">, typeof MoneyDeposited>,
  Equals<(typeof BankAccount)["tag"], "BankAccount">
] = [true, true, true, true, true, true]

/** A function over any aggregate keeps what it knows of the one it gets. */
const nameOf = <A extends Aggregate.Any>(aggregate: A): A["tag"] => aggregate.tag
export const name: "BankAccount" = nameOf(BankAccount)

// @ts-expect-error an event is no aggregate
export const wrong: Aggregate.Any = MoneyDeposited
