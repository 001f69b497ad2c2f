/**
 * Read model: what the shop sells, by product. What a customer sees.
 */
import { Projection } from "@varve/core"
import { Schema } from "effect"
import { ProductAdded, ProductRepriced, StockReceived, StockReleased, StockReserved } from "./Product.ts"
import { Cents } from "./Values.ts"

// #region catalogue
export class Catalogue extends Projection.make("Catalogue", {
  row: Schema.Struct({
    name: Schema.String,
    description: Schema.String,
    /** An SVG image. */
    picture: Schema.String,
    cents: Cents,
    /** Pieces that can be ordered. */
    available: Schema.Int
  }),
  events: [ProductAdded, ProductRepriced, StockReceived, StockReserved, StockReleased],
  indexes: { byName: ["name"], byPrice: ["cents"] }
}).fold({
  on: {
    ProductAdded: (_, { cents, description, name, picture }) => ({ name, description, picture, cents, available: 0 }),
    ProductRepriced: (row, { cents }) => row && { ...row, cents },
    StockReceived: (row, { quantity }) => row && { ...row, available: row.available + quantity },
    StockReserved: (row, { quantity }) => row && { ...row, available: row.available - quantity },
    StockReleased: (row, { quantity }) => row && { ...row, available: row.available + quantity }
  }
}) {}
// #endregion
