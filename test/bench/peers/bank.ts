/**
 * The bank account of the examples, written as this library's users write theirs.
 */
import { type Command, type Event, IllegalStateError } from "@event-driven-io/emmett"

type Currency = "CZK" | "EUR" | "USD"

export type BankEvent =
  | Event<"AccountOpened", { owner: string; currency: Currency }>
  | Event<"MoneyDeposited", { cents: number; currency: Currency }>
  | Event<"MoneyWithdrawn", { cents: number; currency: Currency }>
  | Event<"AccountClosed", Record<string, never>>

export type BankCommand =
  | Command<"Open", { owner: string; currency: Currency }>
  | Command<"Deposit", { cents: number; currency: Currency }>
  | Command<"Withdraw", { cents: number; currency: Currency }>
  | Command<"Close", Record<string, never>>

export type Account =
  | { readonly status: "Unopened" }
  | { readonly status: "Active"; readonly currency: Currency; readonly balance: number }
  | { readonly status: "Closed" }

export const initialState = (): Account => ({ status: "Unopened" })

const active = (state: Account, currency: Currency) => {
  if (state.status !== "Active") throw new IllegalStateError("not open")
  if (state.currency !== currency) throw new IllegalStateError("foreign currency")
  return state
}

export const decide = ({ data, type }: BankCommand, state: Account): Array<BankEvent> => {
  switch (type) {
    case "Open":
      if (state.status !== "Unopened") throw new IllegalStateError("already opened")
      return [{ type: "AccountOpened", data }]
    case "Deposit":
      active(state, data.currency)
      return [{ type: "MoneyDeposited", data }]
    case "Withdraw":
      if (data.cents > active(state, data.currency).balance) throw new IllegalStateError("insufficient funds")
      return [{ type: "MoneyWithdrawn", data }]
    case "Close":
      if (state.status === "Closed") return []
      if (state.status === "Unopened") throw new IllegalStateError("not open")
      if (state.balance !== 0) throw new IllegalStateError("balance remains")
      return [{ type: "AccountClosed", data: {} }]
  }
}

export const evolve = (state: Account, { data, type }: BankEvent): Account => {
  switch (type) {
    case "AccountOpened":
      return { status: "Active", currency: data.currency, balance: 0 }
    case "MoneyDeposited":
      return state.status === "Active" ? { ...state, balance: state.balance + data.cents } : state
    case "MoneyWithdrawn":
      return state.status === "Active" ? { ...state, balance: state.balance - data.cents } : state
    case "AccountClosed":
      return { status: "Closed" }
  }
}
