/**
 * What the page says to a person.
 */
import { DateTime } from "effect"
import type { Orders } from "../../src/domain/Orders.ts"
export { euros } from "../../src/domain/Values.ts"

export type Order = typeof Orders.row.Type

export const statuses: { readonly [S in Order["status"]]: string } = {
  received: "Being looked at",
  refused: "Refused",
  placed: "Placed",
  paid: "Paid",
  shipped: "Shipped",
  cancelled: "Cancelled",
  returned: "Sent back"
}

const commands: { readonly [tag: string]: string } = {
  AddToCart: "Put into the cart",
  RemoveFromCart: "Take out of the cart",
  CheckOut: "Order",
  PayOrder: "Pay",
  ShipOrder: "Ship",
  CancelOrder: "Cancel the order",
  ReturnOrder: "Send back",
  ReceiveStock: "Receive stock"
}

export const sentenceOf = (command: { readonly _tag: string }): string => commands[command._tag] ?? command._tag

const reasons: { readonly [tag: string]: string } = {
  Forbidden: "You may not do that.",
  Conflict: "It was changed in another place at the same moment. Try again.",
  Unavailable: "The shop could not be reached in time.",
  OutcomeUnknown: "The shop could not be asked what came of it.",
  Unreadable: "The shop has something that this page cannot read. Load the page anew.",
  Refused: "The shop does not take it."
}

/** Why something came to nothing. A rejection says its sentence itself. */
export const whyOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "Something went wrong."
  const reason = (error as { readonly reason?: { readonly _tag?: unknown } }).reason
  return (typeof reason?._tag === "string" ? reasons[reason._tag] : undefined) ?? error.message
}

const time = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" })
const exactTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" })

export const timeOf = (at: DateTime.Utc): string => time.format(DateTime.toEpochMillis(at))
export const exactTimeOf = (at: DateTime.Utc): string => exactTime.format(DateTime.toEpochMillis(at))

export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`

/** An id that a person can compare with another: its end, which is random. */
export const shortOf = (id: string): string => id.slice(-6)

/** An SVG image, shown as an image: nothing in it runs. */
export const imageOf = (svg: string): string => `data:image/svg+xml,${encodeURIComponent(svg)}`
