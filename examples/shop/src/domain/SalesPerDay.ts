/**
 * Read model: what came in and what was refunded, day by day, in UTC. The key is the day: `2026-11-21`.
 */
import { Projection } from "@varve/core"
import { DateTime, Schema } from "effect"
import { OrderCancelled, OrderPaid, OrderReturned } from "./Order.ts"

// #region sales
const dayOf = (_: unknown, { occurredAt }: Pick<Projection.Envelope, "occurredAt">) =>
  DateTime.formatIsoDateUtc(occurredAt)

export class SalesPerDay extends Projection.make("SalesPerDay", {
  row: Schema.Struct({
    orders: Schema.Int,
    paidCents: Schema.Int,
    refunds: Schema.Int,
    refundedCents: Schema.Int
  }),
  events: [OrderPaid, OrderCancelled, OrderReturned]
}).fold({
  initial: { orders: 0, paidCents: 0, refunds: 0, refundedCents: 0 },
  key: {
    OrderPaid: dayOf,
    // Where nothing was paid, nothing is refunded: no day has to know.
    OrderCancelled: (event, envelope) => event.refundedCents === 0 ? [] : dayOf(event, envelope),
    OrderReturned: dayOf
  },
  on: {
    OrderPaid: (row, { cents }) => ({ ...row, orders: row.orders + 1, paidCents: row.paidCents + cents }),
    OrderCancelled: (row, { refundedCents }) => refunded(row, refundedCents),
    OrderReturned: (row, { refundedCents }) => refunded(row, refundedCents)
  }
}) {}

const refunded = <Row extends { readonly refunds: number; readonly refundedCents: number }>(
  row: Row,
  cents: number
) => ({
  ...row,
  refunds: row.refunds + 1,
  refundedCents: row.refundedCents + cents
})
// #endregion
