/**
 * The cart of a customer, under the id of the customer: filled, and checked out.
 *
 * **A check-out is one command to one aggregate**, so that a browser can decide it on the spot and show its order at once.
 * The command holds the lines as the page showed them, prices included. Whether the cart is still that one, the cart
 * decides: a customer has it on the telephone as well. Whether prices and stock are still those, only the products know:
 * `Fulfilment` asks them on the server, all in one commit, and the order is placed or refused.
 */
import { Aggregate, Command, Decision, Event } from "@varve/core"
import { Schema } from "effect"
import { CustomerId, Lines, mostLines, mostPieces, OrderId, ProductId, Quantity } from "./Values.ts"

export const Piece = Schema.Struct({ product: ProductId, quantity: Quantity })

// #region events
export class ProductAddedToCart extends Event.make("ProductAddedToCart", Piece.fields) {}
export class ProductRemovedFromCart extends Event.make("ProductRemovedFromCart", Piece.fields) {}
export class CartCheckedOut extends Event.make("CartCheckedOut", { order: OrderId, lines: Lines }) {}
// #endregion

// #region commands
export class AddToCart extends Command.make("AddToCart", Piece.fields) {}
/** Takes so many pieces out, or as many as there are. */
export class RemoveFromCart extends Command.make("RemoveFromCart", Piece.fields) {}
/** Orders what is in the cart. The id of the order is the customer's choice: a random one. */
export class CheckOut extends Command.make("CheckOut", { order: OrderId, lines: Lines }) {}
// #endregion

// #region rejections
export class TooManyPieces extends Schema.TaggedError<TooManyPieces>()("TooManyPieces", { limit: Schema.Int }) {
  override get message(): string {
    return `A cart holds at most ${this.limit} pieces of a product.`
  }
}
export class TooManyProducts extends Schema.TaggedError<TooManyProducts>()("TooManyProducts", { limit: Schema.Int }) {
  override get message(): string {
    return `A cart holds at most ${this.limit} different products.`
  }
}
export class CartIsEmpty extends Schema.TaggedError<CartIsEmpty>()("CartIsEmpty", {}) {
  override get message(): string {
    return "The cart is empty. Was it checked out in another window?"
  }
}
export class CartChanged extends Schema.TaggedError<CartChanged>()("CartChanged", {}) {
  override get message(): string {
    return "The cart was changed in another window. Look at it again before you order."
  }
}
// #endregion

// #region state
export const State = Schema.Struct({
  pieces: Schema.Array(Piece),
  /** The order that the cart was checked out as, the last time. */
  lastOrder: Schema.NullOr(OrderId)
})
// #endregion

type Pieces = typeof State.Type["pieces"]
type ProductId = typeof ProductId.Type

const countOf = (pieces: Pieces, product: ProductId): number =>
  pieces.find((one) => one.product === product)?.quantity ?? 0

/** Pieces in the order in which their products came in. Pure; also what the read model is folded by. */
export const plus = (pieces: Pieces, product: ProductId, quantity: number): Pieces => {
  const count = countOf(pieces, product)
  return count === 0
    ? [...pieces, { product, quantity }]
    : pieces.map((one) => one.product === product ? { product, quantity: count + quantity } : one)
}

export const minus = (pieces: Pieces, product: ProductId, quantity: number): Pieces =>
  pieces.flatMap((one) => {
    if (one.product !== product) return [one]
    return one.quantity > quantity ? [{ product, quantity: one.quantity - quantity }] : []
  })

const areThose = (pieces: Pieces, lines: Pieces): boolean =>
  pieces.length === lines.length && lines.every(({ product, quantity }) => countOf(pieces, product) === quantity)

// #region aggregate
export class Cart extends Aggregate.make("Cart", {
  id: CustomerId,
  state: State,
  commands: [AddToCart, RemoveFromCart, CheckOut],
  events: [ProductAddedToCart, ProductRemovedFromCart, CartCheckedOut],
  rejections: [TooManyPieces, TooManyProducts, CartIsEmpty, CartChanged]
}).decider({
  initial: { pieces: [], lastOrder: null },

  decide: {
    AddToCart: ({ product, quantity }, { pieces }) => {
      const count = countOf(pieces, product)
      if (count + quantity > mostPieces) return Decision.reject(new TooManyPieces({ limit: mostPieces }))
      if (count === 0 && pieces.length === mostLines) return Decision.reject(new TooManyProducts({ limit: mostLines }))
      return Decision.accept(ProductAddedToCart.make({ product, quantity }))
    },

    RemoveFromCart: ({ product, quantity }, { pieces }) => {
      const count = countOf(pieces, product)
      return count === 0
        ? Decision.ignore
        : Decision.accept(ProductRemovedFromCart.make({ product, quantity: Math.min(quantity, count) }))
    },

    CheckOut: ({ lines, order }, { lastOrder, pieces }) => {
      // A second click, or the same command sent again.
      if (order === lastOrder) return Decision.ignore
      if (pieces.length === 0) return Decision.reject(new CartIsEmpty())
      if (!areThose(pieces, lines)) return Decision.reject(new CartChanged())
      return Decision.accept(CartCheckedOut.make({ order, lines }))
    }
  },

  evolve: {
    ProductAddedToCart: (state, { product, quantity }) => ({ ...state, pieces: plus(state.pieces, product, quantity) }),
    ProductRemovedFromCart: (state, { product, quantity }) => ({
      ...state,
      pieces: minus(state.pieces, product, quantity)
    }),
    CartCheckedOut: (_, { order }) => ({ pieces: [], lastOrder: order })
  }
}) {}
// #endregion
