/**
 * The shop as one value: what its layers, its HTTP API and its tools are derived from. The page imports it, too.
 *
 * **What a person does is one command to one aggregate**, so a browser decides it by itself, shows it at once, and is
 * sometimes wrong. There are three ways to be wrong, and each has its place on the page:
 *
 * - The cart or the order has moved on in another window: `CheckOut` of a cart that was changed or ordered there,
 *   `CancelOrder` of what is shipped, `ShipOrder` of what is cancelled. The server rejects, and what was shown is rolled
 *   back with the sentence of the rejection.
 * - The catalogue on the page was late: the last piece is gone, or the price has changed. That is not for the cart to know.
 *   The check-out is taken, the order is `received`, and `Fulfilment` on the server asks the products: it is `placed` and
 *   has its stock, or it is `refused`, with the sentence of the product that rejected.
 * - Both at once: who pays an order that was cancelled meanwhile gets told why it was.
 */
import { Domain } from "@varve/core"
import { Cart } from "./Cart.ts"
import { Carts } from "./Carts.ts"
import { Catalogue } from "./Catalogue.ts"
import { Order } from "./Order.ts"
import { Orders } from "./Orders.ts"
import { PackingList } from "./PackingList.ts"
import { Product } from "./Product.ts"
import { SalesPerDay } from "./SalesPerDay.ts"
import { Stock } from "./Stock.ts"

// #region shop
export const Shop = Domain.make("Shop", {
  aggregates: [Product, Cart, Order],
  projections: [Catalogue, Carts, Orders, PackingList, Stock, SalesPerDay]
})
// #endregion
