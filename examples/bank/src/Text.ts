/**
 * How the bank puts things into words.
 */
import type { Aggregate } from "@varve/core"
import { Context } from "effect"
import type { BankAccount, State } from "./BankAccount.ts"

/** Emphasis where a terminal shows it. Plain, unless `main` finds a terminal. */
export interface Style {
  readonly strong: (text: string) => string
  readonly faint: (text: string) => string
}

export const Style: Context.Reference<Style> = Context.Reference<Style>("@varve/example-bank/Style", {
  defaultValue: () => ({ strong: (text) => text, faint: (text) => text })
})

const escape = (code: number) => (text: string) => `\u001B[${code}m${text}\u001B[0m`

export const styleOfTerminal: Style = { strong: escape(1), faint: escape(2) }

/** `12.34` for 1234 cents. Whole numbers only, so nothing is rounded. */
export const decimal = (cents: number): string => {
  const digits = String(Math.abs(cents)).padStart(3, "0")
  return `${cents < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

export const money = (cents: number, currency: string): string => `${decimal(cents)} ${currency}`

export const balance = (state: typeof State.Type): string =>
  state._tag === "Active" ? money(state.balance, state.currency) : state._tag.toLowerCase()

type Rejected = Aggregate.Rejection<(typeof BankAccount)["~decide"], "Open" | "Deposit" | "Withdraw" | "Close">

export const rejection = (rejected: Rejected): string => {
  switch (rejected._tag) {
    case "NotOpen":
      return "NotOpen: the account is not open"
    case "AlreadyOpened":
      return "AlreadyOpened: the account was opened before"
    case "ForeignCurrency":
      return `ForeignCurrency: the account is in ${rejected.expected}, the money in ${rejected.actual}`
    case "InsufficientFunds":
      return `InsufficientFunds: ${decimal(rejected.balance)} there, ${decimal(rejected.requested)} asked for`
    case "BalanceRemains":
      return `BalanceRemains: ${decimal(rejected.balance)} still there`
  }
}
