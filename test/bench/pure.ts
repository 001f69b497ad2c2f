/**
 * Decoding, deciding and folding alone, beside a plain switch that does the same by hand.
 */
import { CommitId, Event } from "@varve/core"
import { AccountOpened, BankAccount, MoneyDeposited, MoneyWithdrawn, Withdraw } from "@varve/example-bank/BankAccount"
import { DateTime, Result } from "effect"
import type { Bench, Settings } from "./frame/Bench.ts"
import { interleaveCalls } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"

// Short rounds: one that is interrupted is one of many, and the median does not see it.
const roundsOfItsOwn = 301
const callsPerRound = 2_000

type Currency = "CZK" | "EUR" | "USD"
type Plain =
  | { readonly _tag: "AccountOpened"; readonly owner: string; readonly currency: Currency }
  | { readonly _tag: "MoneyDeposited"; readonly cents: number; readonly currency: Currency }
  | { readonly _tag: "MoneyWithdrawn"; readonly cents: number; readonly currency: Currency }
type State = typeof BankAccount.initial

const isCents = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1e12
const isCurrency = (value: unknown): value is Currency => value === "CZK" || value === "EUR" || value === "USD"

/** What the schemas of the bank say, in code that somebody wrote. */
const decodeByHand = (type: string, payload: Record<string, unknown>): Plain | undefined => {
  const { cents, currency, owner } = payload
  if (!isCurrency(currency)) return undefined
  switch (type) {
    case "AccountOpened":
      return typeof owner === "string" && owner.length > 0 ? { _tag: type, owner, currency } : undefined
    case "MoneyDeposited":
      return isCents(cents) ? { _tag: type, cents, currency } : undefined
    case "MoneyWithdrawn":
      return isCents(cents) ? { _tag: type, cents, currency } : undefined
    default:
      return undefined
  }
}

const evolveByHand = (state: State, event: Plain): State => {
  switch (event._tag) {
    case "AccountOpened":
      return { _tag: "Active", currency: event.currency, balance: 0 }
    case "MoneyDeposited":
      return state._tag === "Active" ? { ...state, balance: state.balance + event.cents } : state
    case "MoneyWithdrawn":
      return state._tag === "Active" ? { ...state, balance: state.balance - event.cents } : state
  }
}

const decideByHand = (
  command: { readonly cents: number; readonly currency: Currency },
  state: State
): Plain | string => {
  if (state._tag !== "Active") return "NotOpen"
  if (command.currency !== state.currency) return "ForeignCurrency"
  if (command.cents > state.balance) return "InsufficientFunds"
  return { _tag: "MoneyWithdrawn", cents: command.cents, currency: command.currency }
}

const payloads = {
  AccountOpened: { owner: "Ada Lovelace", currency: "EUR" },
  MoneyDeposited: { cents: 1_000, currency: "EUR" },
  MoneyWithdrawn: { cents: 100, currency: "EUR" }
} as const

const definitions = { AccountOpened, MoneyDeposited, MoneyWithdrawn }

const order = Array.from(
  { length: callsPerRound },
  (_, i): keyof typeof payloads => i % 10 === 0 ? "AccountOpened" : i % 3 === 0 ? "MoneyWithdrawn" : "MoneyDeposited"
)
/** Each parsed by itself, as they come from a store. */
const stored = order.map((type) => ({
  type,
  revision: definitions[type].revision,
  payload: JSON.parse(JSON.stringify(payloads[type]))
}))
const texts = stored.map(({ payload }) => JSON.stringify(payload))
const events = order.map((type) => ({ _tag: type, ...payloads[type] })) as ReadonlyArray<Plain>

const account: State = { _tag: "Active", currency: "EUR", balance: 1_000_000 }
const command = Withdraw.make({ cents: 100, currency: "EUR" })
const context = {
  now: DateTime.makeUnsafe(0),
  actor: undefined,
  commitId: CommitId.make("00000000-0000-7000-8000-000000000000")
}

/** What was made last: so that nothing of it is left out by a compiler. */
let last: unknown

const cases = {
  "JSON.parse alone": () => {
    for (const text of texts) last = JSON.parse(text)
  },
  "decode by hand": () => {
    for (const { payload, type } of stored) last = decodeByHand(type, payload)
  },
  "decode": () => {
    for (const each of stored) {
      const decoded = Event.decode(definitions[each.type], each)
      if (Result.isFailure(decoded)) throw new Error("a payload cannot be read")
      last = decoded.success
    }
  },
  "evolve by hand": () => {
    let state: State = BankAccount.initial
    for (const event of events) state = evolveByHand(state, event)
    last = state
  },
  "evolve": () => {
    last = BankAccount.fold(events)
  },
  "decide by hand": () => {
    for (let i = 0; i < callsPerRound; i++) last = decideByHand(command, account)
  },
  "decide": () => {
    for (let i = 0; i < callsPerRound; i++) last = BankAccount.decide(command, account, context)
  }
}

const run = async ({ rounds = roundsOfItsOwn }: Settings, report: Report): Promise<void> => {
  const names = Object.keys(cases) as ReadonlyArray<keyof typeof cases>
  const results = await interleaveCalls(cases, { calls: callsPerRound, rounds })
  if (last === undefined) throw new Error("nothing was made")
  report.condition(`events and commands of the bank, median of ${rounds} rounds of ${callsPerRound} calls`)
  for (const name of names) report.measure("a call", results[name])
  for (const name of ["decode", "evolve", "decide"] as const) {
    report.ratio(`${name} to a plain switch`, results[name], results[`${name} by hand`])
  }
  report.ratio("decode to JSON.parse", results.decode, results["JSON.parse alone"])
}

export const bench: Bench = {
  about: "decode, decide and evolve alone, in nanoseconds, to a plain switch",
  run
}
