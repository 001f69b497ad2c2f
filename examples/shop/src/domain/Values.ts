/**
 * What the shop counts and names: ids, money, quantities, lines of an order. Each with its bounds.
 */
import { Schema } from "effect"

// #region values
/** Small letters, digits and hyphens: such an id is safe in an address, in a file and in a log. */
const Id = Schema.String.check(
  Schema.isPattern(/^[a-z0-9][a-z0-9-]{0,63}$/, { expected: "1 to 64 small letters, digits and hyphens" })
)
export const ProductId = Id.pipe(Schema.brand("Shop/ProductId"))
export const CustomerId = Id.pipe(Schema.brand("Shop/CustomerId"))
export const OrderId = Id.pipe(Schema.brand("Shop/OrderId"))

/** The price of one piece: a cent at least, ten thousand euros at most. */
export const Cents = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))

/** How many pieces of one product a customer can have in a cart or an order. */
export const mostPieces = 99
export const Quantity = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: mostPieces }))

/** How many different products a cart or an order can hold. */
export const mostLines = 20

/** So many pieces of a product, each at this price. */
export const Line = Schema.Struct({ product: ProductId, quantity: Quantity, cents: Cents })
export interface Line extends Schema.Schema.Type<typeof Line> {}

/** The lines of an order: at least one, each of another product. */
export const Lines = Schema.NonEmptyArray(Line).check(
  Schema.isMaxLength(mostLines),
  Schema.makeFilter((lines) => new Set(lines.map(({ product }) => product)).size === lines.length, {
    expected: "lines of different products"
  })
)
export type Lines = typeof Lines.Type

/** A sum of money: far below where numbers stop being exact. */
export const Total = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: mostLines * mostPieces * 1_000_000 }))

/** What a person reads: without a space at either end, and not empty. */
const Text = Schema.String.check(Schema.isTrimmed(), Schema.isMinLength(1))

export const Name = Text.check(Schema.isMaxLength(60))

/** What a person gives as a reason, or is given. */
export const Reason = Text.check(Schema.isMaxLength(200))
// #endregion

/** What lines cost together. */
export const totalOf = (lines: ReadonlyArray<Pick<Line, "cents" | "quantity">>): number =>
  lines.reduce((sum, { cents, quantity }) => sum + cents * quantity, 0)

/** How many pieces lines are together. */
export const piecesOf = (lines: ReadonlyArray<Pick<Line, "quantity">>): number =>
  lines.reduce((sum, { quantity }) => sum + quantity, 0)

/** An amount as a person reads it: `24.90 €`. */
export const euros = (cents: number): string =>
  `${Math.floor(cents / 100)}.${(cents % 100).toString().padStart(2, "0")} €`
