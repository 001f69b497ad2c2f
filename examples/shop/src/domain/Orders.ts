/**
 * Read model: every order, by its id, with its lines, where it stands and when it came there.
 *
 * The row begins with the check-out, not with the answer to it. So the page has the order at once, as `received`, from the
 * one command that the browser decides by itself.
 */
import { Projection } from "@varve/core"
import { Schema } from "effect"
import { CartCheckedOut } from "./Cart.ts"
import { OrderCancelled, OrderPaid, OrderPlaced, OrderRefused, OrderReturned, OrderShipped } from "./Order.ts"
import { Lines, Total, totalOf } from "./Values.ts"

// #region orders
/** `received` while prices and stock are looked at; then `placed` or `refused`. */
export const Status = Schema.Literals(["received", "refused", "placed", "paid", "shipped", "cancelled", "returned"])

const Time = Schema.NullOr(Schema.DateTimeUtc)

const Row = Schema.Struct({
  customer: Schema.String,
  status: Status,
  lines: Lines,
  totalCents: Total,
  refundedCents: Total,
  /** Why it was refused, cancelled or returned. */
  reason: Schema.NullOr(Schema.String),
  orderedAt: Schema.DateTimeUtc,
  paidAt: Time,
  shippedAt: Time,
  returnableUntil: Time,
  /** When it was refused, cancelled or returned. */
  closedAt: Time
})
type Row = typeof Row.Type

const received = (customer: string, lines: Lines, { occurredAt }: Projection.Envelope): Row => ({
  customer,
  status: "received",
  lines,
  totalCents: totalOf(lines),
  refundedCents: 0,
  reason: null,
  orderedAt: occurredAt,
  paidAt: null,
  shippedAt: null,
  returnableUntil: null,
  closedAt: null
})

export class Orders extends Projection.make("Orders", {
  row: Row,
  events: [CartCheckedOut, OrderPlaced, OrderRefused, OrderPaid, OrderShipped, OrderCancelled, OrderReturned],
  indexes: { ofCustomer: ["customer", "orderedAt"], byStatus: ["status", "orderedAt"] }
}).fold({
  key: { CartCheckedOut: ({ order }) => order },
  on: {
    // Whoever checks out under the id of another's order changes nothing of it.
    CartCheckedOut: (row, { lines }, envelope) => row ?? received(envelope.stream.id, lines, envelope),
    OrderPlaced: (row, { customer, lines }, envelope) => ({
      ...received(customer, lines, envelope),
      orderedAt: row?.orderedAt ?? envelope.occurredAt,
      status: "placed"
    }),
    OrderRefused: (row, { reason }, { occurredAt }) =>
      row && { ...row, status: "refused", reason, closedAt: occurredAt },
    OrderPaid: (row, _, { occurredAt }) => row && { ...row, status: "paid", paidAt: occurredAt },
    OrderShipped: (row, { returnableUntil }, { occurredAt }) =>
      row && { ...row, status: "shipped", shippedAt: occurredAt, returnableUntil },
    OrderCancelled: (row, { reason, refundedCents }, { occurredAt }) =>
      row && { ...row, status: "cancelled", reason, refundedCents, closedAt: occurredAt },
    OrderReturned: (row, { reason, refundedCents }, { occurredAt }) =>
      row && { ...row, status: "returned", reason, refundedCents, closedAt: occurredAt }
  }
}) {}
// #endregion
