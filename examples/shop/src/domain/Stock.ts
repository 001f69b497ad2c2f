/**
 * Read model: where the pieces of every product are. What the people of the shop see.
 */
import { Projection } from "@varve/core"
import { Schema } from "effect"
import { ProductAdded, StockDispatched, StockReceived, StockReleased, StockReserved } from "./Product.ts"

// #region stock
export class Stock extends Projection.make("Stock", {
  row: Schema.Struct({
    name: Schema.String,
    /** Ever. What was received is available, reserved or dispatched. */
    received: Schema.Int,
    available: Schema.Int,
    /** Held by orders that are to be paid or packed. */
    reserved: Schema.Int,
    dispatched: Schema.Int
  }),
  events: [ProductAdded, StockReceived, StockReserved, StockReleased, StockDispatched],
  indexes: { scarcest: ["available"] }
}).fold({
  on: {
    ProductAdded: (_, { name }) => ({ name, received: 0, available: 0, reserved: 0, dispatched: 0 }),
    StockReceived: (row, { quantity }) =>
      row && { ...row, received: row.received + quantity, available: row.available + quantity },
    StockReserved: (row, { quantity }) =>
      row && { ...row, available: row.available - quantity, reserved: row.reserved + quantity },
    StockReleased: (row, { quantity }) =>
      row && { ...row, available: row.available + quantity, reserved: row.reserved - quantity },
    StockDispatched: (row, { quantity }) =>
      row && { ...row, reserved: row.reserved - quantity, dispatched: row.dispatched + quantity }
  }
}) {}
// #endregion
