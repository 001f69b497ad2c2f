/**
 * What follows when a cart is checked out, and when an order is shipped or cancelled: the server's part, which no page does.
 *
 * **A check-out becomes an order in one commit** over the order and its products: all of them have the pieces, at the prices
 * that the customer was shown, and hold them; or nothing happens, and the order is refused with the sentence of the product
 * that rejected. So no order ever waits for stock that it does not have, and no stock is held for an order that is not there.
 *
 * Events are delivered at least once, and what is done twice is there once: an order is placed or refused once, and a
 * product knows which orders hold some of it.
 */
import {
  Aggregate,
  type EventStore,
  Policy,
  type ProjectionError,
  type RowStore,
  Subscription,
  type Upcaster
} from "@varve/core"
import { Array, Effect, type Layer, Schedule } from "effect"
import { Cart, CartCheckedOut } from "./domain/Cart.ts"
import { Order, OrderCancelled, OrderShipped, PlaceOrder, RefuseOrder } from "./domain/Order.ts"
import { DispatchStock, Product, ReleaseStock, ReserveStock } from "./domain/Product.ts"
import { CustomerId, type Lines, OrderId } from "./domain/Values.ts"

// #region subscription
/** A store that cannot be reached for half a minute is no reason to leave an order lying. */
const retry = Schedule.max([Schedule.exponential("100 millis"), Schedule.recurs(8)])

export class Fulfilment extends Subscription.make("Fulfilment", {
  events: [CartCheckedOut, OrderShipped, OrderCancelled],
  aggregates: [Cart, Order],
  // What concerns one order is done one after the other.
  key: { CartCheckedOut: ({ order }) => order },
  retry
}) {}
// #endregion

/** Its events are told apart from those of people, and it may do what no person may. */
const asItself = Policy.as({ id: "fulfilment", roles: ["server"] })

// #region place
/** Places the order and reserves its stock, or refuses it. */
const place = Effect.fn("Fulfilment.place")(function*(
  { lines, order }: typeof CartCheckedOut.schema.Type,
  { stream }: Pick<Subscription.Delivery, "stream">
) {
  // A cart has the id of its customer.
  const customer = CustomerId.make(stream.id)
  const refuse = ({ message }: Error) => Order.execute(order, RefuseOrder.make({ customer, reason: message }))
  yield* Aggregate.executeAll([
    Aggregate.to(Order, order, PlaceOrder.make({ customer, lines })),
    ...lines.map(({ product, ...reservation }) =>
      Aggregate.to(Product, product, ReserveStock.make({ order, ...reservation }))
    )
  ]).pipe(
    Effect.catchTag(["NotForSale", "OutOfStock", "PriceChanged"], refuse),
    // It was placed or refused before; or somebody has taken the id of another's order, and gets nothing by it.
    Effect.catchTag("AlreadyPlaced", () => Effect.logDebug(`Order ${order}: there is one of this id`))
  )
})
// #endregion

// #region products
type ForProduct = typeof ReleaseStock | typeof DispatchStock

/** The same to every product of an order, in one commit. */
const toProducts = Effect.fn("Fulfilment.toProducts")(function*(id: string, command: ForProduct) {
  // An order has brought the event.
  const order = OrderId.make(id)
  const { state } = yield* Order.load(order)
  // Neither has lines; nothing was reserved.
  if (state._tag === "Absent" || state._tag === "Refused") return
  const lines: Lines = state.lines
  yield* Aggregate.executeAll(
    Array.map(lines, ({ product }) => Aggregate.to(Product, product, command.make({ order })))
  )
})
// #endregion

// #region layer
/** What is done, event by event. */
export const handlers = {
  CartCheckedOut: (event: typeof CartCheckedOut.schema.Type, delivery: Subscription.Delivery) =>
    place(event, delivery).pipe(asItself),
  OrderShipped: (_: unknown, { stream }: Subscription.Delivery) => toProducts(stream.id, DispatchStock).pipe(asItself),
  OrderCancelled: (_: unknown, { stream }: Subscription.Delivery) => toProducts(stream.id, ReleaseStock).pipe(asItself)
}

/** Does all this in the background, while the layer is there. Any number of processes share the work. */
export const layer: Layer.Layer<
  never,
  ProjectionError.ProjectionError,
  | Aggregate.Instances<"Order" | "Product">
  | EventStore.EventStore
  | RowStore.RowStore
  | Upcaster.Upcaster
> = Fulfilment.layer(handlers)
// #endregion
