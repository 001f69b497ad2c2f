import { CommitId } from "@varve/core"
import { Array, Option } from "effect"
import { useEffect } from "preact/hooks"
import { AddToCart, Cart as CartOf, CheckOut, RemoveFromCart } from "../../src/domain/Cart.ts"
import { Carts } from "../../src/domain/Carts.ts"
import { Catalogue } from "../../src/domain/Catalogue.ts"
import { mostPieces, OrderId, totalOf } from "../../src/domain/Values.ts"
import { products } from "./Catalogue.tsx"
import { useConnection, useList, useRow } from "./hooks.ts"
import { Settling, Trouble } from "./Settling.tsx"
import { euros, imageOf } from "./words.ts"

export const Cart = () => {
  const { person, run } = useConnection()
  const catalogue = useList(Catalogue, products)
  const cart = useRow(Carts, person.id)
  // What the first click does is shown at once where the state that it is decided on is known.
  useEffect(() => run(CartOf.load(person.id)), [person.id])
  const shelf = new Map(catalogue.rows.map(({ key, row }) => [key, row]))
  const pieces = Option.match(cart.row, { onNone: () => [], onSome: ({ pieces }) => pieces })
  const lines = pieces.flatMap((piece) => {
    const product = shelf.get(piece.product)
    return product === undefined ? [] : [{ ...piece, cents: product.cents, about: product }]
  })
  const checkOut = () => {
    const order = OrderId.make(CommitId.generateUnsafe())
    const ordered = lines.map(({ cents, product, quantity }) => ({ product, quantity, cents }))
    if (!Array.isArrayNonEmpty(ordered)) return
    run(CartOf.execute(person.id, CheckOut.make({ order, lines: ordered })))
    location.hash = `#/orders/${order}`
  }
  return (
    <section aria-labelledby="cart" class="narrow">
      <h1 id="cart">Cart</h1>
      <Trouble of={cart} />
      {lines.length === 0
        ? (
          <p class="empty" role="status">
            {cart.loading ? "The cart is being fetched …" : (
              <>
                There is nothing in it. <a href="#/">To the catalogue</a>
              </>
            )}
          </p>
        )
        : (
          <>
            <ul class="lines">
              {lines.map(({ about, cents, product, quantity }) => (
                <li key={product}>
                  <img src={imageOf(about.picture)} alt="" width="48" height="48" />
                  <span class="name">{about.name}</span>
                  <span class="steps" role="group" aria-label={`Pieces of ${about.name}`}>
                    <button
                      type="button"
                      aria-label={`One ${about.name} less`}
                      onClick={() => run(CartOf.execute(person.id, RemoveFromCart.make({ product, quantity: 1 })))}
                    >
                      −
                    </button>
                    <output>{quantity}</output>
                    <button
                      type="button"
                      aria-label={`One ${about.name} more`}
                      disabled={quantity === mostPieces}
                      onClick={() => run(CartOf.execute(person.id, AddToCart.make({ product, quantity: 1 })))}
                    >
                      +
                    </button>
                  </span>
                  <span class="amount">{euros(cents * quantity)}</span>
                  {quantity > about.available && (
                    <span class="note">
                      {about.available === 0 ? "sold out meanwhile" : `only ${about.available} left`}
                    </span>
                  )}
                </li>
              ))}
            </ul>
            <div class="sum">
              <Settling pending={cart.pending} />
              <span>Together</span>
              <strong data-testid="cart-total">{euros(totalOf(lines))}</strong>
            </div>
            <button type="button" class="main wide" onClick={checkOut}>Order</button>
            <p class="hint">You see your order at once. Price and stock are looked at right after it.</p>
          </>
        )}
    </section>
  )
}
