/**
 * A product: what it is, what it costs, how many there are, and which orders hold some of them.
 *
 * This is the one place that guards the stock. What a page shows of it is never the truth, only the latest that it has
 * heard: between a click and the server somebody else may have had the last piece.
 */
import { Aggregate, Command, Decision, Event } from "@varve/core"
import { Schema } from "effect"
import { Cents, euros, Name, OrderId, ProductId, Quantity } from "./Values.ts"

/** Most pieces of one product that the shop has room for, those of open orders included. */
export const mostStock = 10_000

const Delivery = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: mostStock }))

const Description = {
  name: Name,
  description: Schema.String.check(Schema.isMaxLength(500)),
  /** An SVG image. To be shown as an image, never as part of a page. */
  picture: Schema.String.check(Schema.isMaxLength(4_000)),
  cents: Cents
}
const Reservation = Schema.Struct({ order: OrderId, quantity: Quantity })

// --- Events ------------------------------------------------------------------

// #region events
export class ProductAdded extends Event.make("ProductAdded", Description) {}
export class ProductRepriced extends Event.make("ProductRepriced", { cents: Cents }) {}
export class StockReceived extends Event.make("StockReceived", { quantity: Delivery }) {}
export class StockReserved extends Event.make("StockReserved", Reservation.fields) {}
/** The order will not need it. */
export class StockReleased extends Event.make("StockReleased", Reservation.fields) {}
/** It left with the order. */
export class StockDispatched extends Event.make("StockDispatched", Reservation.fields) {}
// #endregion

// --- Commands ----------------------------------------------------------------

// #region commands
export class AddProduct extends Command.make("AddProduct", Description) {}
export class RepriceProduct extends Command.make("RepriceProduct", { cents: Cents }) {}
export class ReceiveStock extends Command.make("ReceiveStock", { quantity: Delivery }) {}
/** Holds pieces for an order, at the price that the customer was shown. */
export class ReserveStock extends Command.make("ReserveStock", { ...Reservation.fields, cents: Cents }) {}
export class ReleaseStock extends Command.make("ReleaseStock", { order: OrderId }) {}
export class DispatchStock extends Command.make("DispatchStock", { order: OrderId }) {}
// #endregion

// --- Rejections: each says its sentence to a person. -------------------------

// #region rejections
export class AlreadyAdded extends Schema.TaggedError<AlreadyAdded>()("AlreadyAdded", { name: Name }) {
  override get message(): string {
    return `There is such a product: ${this.name}.`
  }
}
export class NotForSale extends Schema.TaggedError<NotForSale>()("NotForSale", {}) {
  override get message(): string {
    return "The shop does not have such a product."
  }
}
export class NoRoom extends Schema.TaggedError<NoRoom>()("NoRoom", { name: Name, room: Schema.Int }) {
  override get message(): string {
    return `There is room for ${this.room} more of ${this.name}.`
  }
}
export class PriceChanged extends Schema.TaggedError<PriceChanged>()("PriceChanged", {
  name: Name,
  shown: Cents,
  actual: Cents
}) {
  override get message(): string {
    return `${this.name}: the price is ${euros(this.actual)} now, it was ${euros(this.shown)}.`
  }
}
export class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", {
  name: Name,
  requested: Quantity,
  available: Schema.Int
}) {
  override get message(): string {
    return this.available === 0
      ? `${this.name}: sold out.`
      : `${this.name}: only ${this.available} left, and ${this.requested} were ordered.`
  }
}
// #endregion

// --- State -------------------------------------------------------------------

// #region state
export const State = Schema.TaggedUnion({
  Unlisted: {},
  Listed: {
    name: Name,
    cents: Cents,
    /** Pieces that nobody has reserved. */
    available: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
    /** Of orders that are neither shipped nor cancelled. Each holds a piece at least: there are at most `mostStock`. */
    reserved: Schema.Array(Reservation)
  }
})
// #endregion

type State = typeof State.Type
type Listed = Extract<State, { readonly _tag: "Listed" }>

/** What an order holds. */
const heldBy = (state: State, order: typeof OrderId.Type) =>
  state._tag === "Listed" ? state.reserved.find((one) => one.order === order) : undefined

const stockOf = ({ available, reserved }: Listed): number =>
  reserved.reduce((sum, { quantity }) => sum + quantity, available)

// --- The aggregate -----------------------------------------------------------

// #region aggregate
export class Product extends Aggregate.make("Product", {
  id: ProductId,
  state: State,
  commands: [AddProduct, RepriceProduct, ReceiveStock, ReserveStock, ReleaseStock, DispatchStock],
  events: [ProductAdded, ProductRepriced, StockReceived, StockReserved, StockReleased, StockDispatched],
  rejections: [AlreadyAdded, NotForSale, NoRoom, PriceChanged, OutOfStock]
}).decider({
  initial: { _tag: "Unlisted" },

  decide: {
    AddProduct: ({ cents, description, name, picture }, state) =>
      state._tag === "Unlisted"
        ? Decision.accept(ProductAdded.make({ name, description, picture, cents }))
        : Decision.reject(new AlreadyAdded({ name: state.name })),

    RepriceProduct: ({ cents }, state) => {
      if (state._tag === "Unlisted") return Decision.reject(new NotForSale())
      return cents === state.cents ? Decision.ignore : Decision.accept(ProductRepriced.make({ cents }))
    },

    ReceiveStock: ({ quantity }, state) => {
      if (state._tag === "Unlisted") return Decision.reject(new NotForSale())
      const room = mostStock - stockOf(state)
      return quantity > room
        ? Decision.reject(new NoRoom({ name: state.name, room }))
        : Decision.accept(StockReceived.make({ quantity }))
    },

    ReserveStock: ({ cents, order, quantity }, state) => {
      if (state._tag === "Unlisted") return Decision.reject(new NotForSale())
      if (heldBy(state, order) !== undefined) return Decision.ignore
      const { available, cents: actual, name } = state
      if (cents !== actual) return Decision.reject(new PriceChanged({ name, shown: cents, actual }))
      if (quantity > available) return Decision.reject(new OutOfStock({ name, requested: quantity, available }))
      return Decision.accept(StockReserved.make({ order, quantity }))
    },

    ReleaseStock: ({ order }, state) => {
      const held = heldBy(state, order)
      return held === undefined ? Decision.ignore : Decision.accept(StockReleased.make(held))
    },

    DispatchStock: ({ order }, state) => {
      const held = heldBy(state, order)
      return held === undefined ? Decision.ignore : Decision.accept(StockDispatched.make(held))
    }
  },

  evolve: {
    ProductAdded: (_, { cents, name }) => ({ _tag: "Listed", name, cents, available: 0, reserved: [] }),
    ProductRepriced: (state, { cents }) => state._tag === "Listed" ? { ...state, cents } : state,
    StockReceived: (state, { quantity }) =>
      state._tag === "Listed" ? { ...state, available: state.available + quantity } : state,
    StockReserved: (state, { order, quantity }) =>
      state._tag === "Listed"
        ? {
          ...state,
          available: state.available - quantity,
          reserved: [...state.reserved, { order, quantity }]
        }
        : state,
    StockReleased: (state, { order, quantity }) => withoutReservation(state, order, quantity),
    StockDispatched: (state, { order }) => withoutReservation(state, order, 0)
  }
}) {}

/** The reservation ends, and so many pieces are for everybody again. */
const withoutReservation = (state: State, order: typeof OrderId.Type, back: number): State =>
  state._tag === "Listed"
    ? {
      ...state,
      available: state.available + back,
      reserved: state.reserved.filter((one) => one.order !== order)
    }
    : state
// #endregion
