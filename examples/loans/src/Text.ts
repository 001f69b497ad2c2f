/**
 * How applications are put into words.
 */
import { Context } from "effect"
import type { State } from "./LoanApplication.ts"
import type { LoanEvent } from "./LogLine.ts"

/** Emphasis where a terminal shows it. Plain, unless `main` finds a terminal. */
export interface Style {
  readonly strong: (text: string) => string
  readonly faint: (text: string) => string
}

export const Style: Context.Reference<Style> = Context.Reference<Style>("@varve/example-loans/Style", {
  defaultValue: () => ({ strong: (text) => text, faint: (text) => text })
})

const escape = (code: number) => (text: string) => `\u001B[${code}m${text}\u001B[0m`

export const styleOfTerminal: Style = { strong: escape(1), faint: escape(2) }

/** `CallingAfterOffers` is `calling after offers`. */
export const words = (name: string): string => name.replace(/(?!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase()

export const euros = (amount: number): string => `EUR ${amount.toLocaleString("en-US")}`

const units = [["day", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]] as const

/** The two largest units: `12 days 7 h`. */
export const duration = (millis: number): string => {
  const from = units.findIndex(([, size]) => millis >= size)
  if (from === -1) return `${Math.round(millis)} ms`
  let rest = millis
  return units.slice(from, from + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return `${count} ${unit === "day" && count !== 1 ? "days" : unit}`
  }).join(" ")
}

const by = (resource: string | null): string => resource === null ? "" : ` by ${resource}`

export const event = (event: LoanEvent): string => {
  if ("work" in event) return `${words(event.work)}: ${words(event._tag.slice("LoanWork".length))}${by(event.resource)}`
  const amount = event._tag === "LoanApplicationSubmitted" ? `, ${euros(event.amountRequested)}` : ""
  return `${words(event._tag.slice("Loan".length))}${amount}${by(event.resource)}`
}

export const stage = (state: State): string => words(state.stages.at(-1) ?? "nothing")

/** `2 created, 2 sent, 1 accepted`, or `no offer`. */
export const offers = ({ offers }: State): string => {
  const parts = Object.entries(offers).filter(([, count]) => count > 0).map(([step, count]) =>
    `${count} ${words(step)}`
  )
  return parts.length === 0 ? "no offer" : `offers: ${parts.join(", ")}`
}

/** What is waiting for somebody, or under way. */
export const work = ({ work }: State): string => {
  const open = work.filter(({ step }) => step !== "Completed").map(({ step, work }) =>
    `${words(work)} (${words(step)})`
  )
  return open.length === 0 ? "no work open" : `work: ${open.join(", ")}`
}

export const state = (state: State): string => {
  const last = state.lastResource === null ? "" : `; last ${state.lastResource}`
  return `${stage(state)}; ${offers(state)}; ${work(state)}${last}`
}
