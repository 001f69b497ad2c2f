/**
 * Read model: the orders that are to leave the house. Those to be packed are `paid`, the one that waits longest first:
 *
 *     PackingList.list({ index: "toPack", where: { paid: true } })
 */
import { Projection } from "@varve/core"
import { Schema } from "effect"
import { OrderCancelled, OrderPaid, OrderPlaced, OrderShipped } from "./Order.ts"
import { CustomerId, Lines, piecesOf } from "./Values.ts"

// #region packingList
export class PackingList extends Projection.make("PackingList", {
  row: Schema.Struct({
    customer: CustomerId,
    lines: Lines,
    pieces: Schema.Int,
    /** What is placed and not paid is here as well: what is to be packed is known from then. */
    paid: Schema.Boolean,
    paidAt: Schema.NullOr(Schema.DateTimeUtc)
  }),
  events: [OrderPlaced, OrderPaid, OrderShipped, OrderCancelled],
  indexes: { toPack: ["paid", "paidAt"] }
}).fold({
  on: {
    OrderPlaced: (_, { customer, lines }) => ({
      customer,
      lines,
      pieces: piecesOf(lines),
      paid: false,
      paidAt: null
    }),
    OrderPaid: (row, _, { occurredAt }) => row && { ...row, paid: true, paidAt: occurredAt },
    OrderShipped: () => undefined,
    OrderCancelled: () => undefined
  }
}) {}
// #endregion
