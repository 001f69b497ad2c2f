/**
 * Read model: what is in the cart of every customer. An empty cart has no row.
 */
import { Projection } from "@varve/core"
import { Schema } from "effect"
import { CartCheckedOut, minus, Piece, plus, ProductAddedToCart, ProductRemovedFromCart } from "./Cart.ts"

// #region carts
export class Carts extends Projection.make("Carts", {
  row: Schema.Struct({ pieces: Schema.Array(Piece) }),
  events: [ProductAddedToCart, ProductRemovedFromCart, CartCheckedOut]
}).fold({
  on: {
    ProductAddedToCart: (row, { product, quantity }) => ({ pieces: plus(row?.pieces ?? [], product, quantity) }),
    ProductRemovedFromCart: (row, { product, quantity }) => {
      const pieces = minus(row?.pieces ?? [], product, quantity)
      return pieces.length === 0 ? undefined : { pieces }
    },
    CartCheckedOut: () => undefined
  }
}) {}
// #endregion
