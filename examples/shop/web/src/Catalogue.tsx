import { Option } from "effect"
import { AddToCart, Cart } from "../../src/domain/Cart.ts"
import { Carts } from "../../src/domain/Carts.ts"
import { Catalogue as Products } from "../../src/domain/Catalogue.ts"
import { ProductId } from "../../src/domain/Values.ts"
import { useConnection, useList, useRow } from "./hooks.ts"
import { Settling, Trouble } from "./Settling.tsx"
import { euros, imageOf } from "./words.ts"

/** All products, by name. */
export const products = { index: "byName" }

export const Catalogue = () => {
  const { person, run } = useConnection()
  const list = useList(Products, products)
  const cart = useRow(Carts, person.id)
  const inCart = (product: string) =>
    Option.match(cart.row, {
      onNone: () => 0,
      onSome: ({ pieces }) => pieces.find((one) => one.product === product)?.quantity ?? 0
    })
  return (
    <section aria-labelledby="catalogue">
      <h1 id="catalogue">Catalogue</h1>
      <Trouble of={list} />
      {list.loading && list.rows.length === 0
        ? <p class="empty" role="status">The shelves are being looked at …</p>
        : (
          <ul class="products">
            {list.rows.map(({ key, pending, row: { available, cents, description, name, picture } }) => {
              const quantity = inCart(key)
              return (
                <li key={key} class="product" data-product={key}>
                  <img src={imageOf(picture)} alt="" width="96" height="96" />
                  <div class="about">
                    <h2>{name}</h2>
                    <p>{description}</p>
                  </div>
                  <div class="buy">
                    <span class="price">{euros(cents)}</span>
                    <span class={available === 0 ? "stock none" : available <= 3 ? "stock few" : "stock"}>
                      {available === 0 ? "sold out" : available <= 3 ? `${available} left` : `${available} in stock`}
                    </span>
                    <button
                      type="button"
                      class="main"
                      disabled={available === 0}
                      aria-label={`Add ${name} to the cart`}
                      onClick={() =>
                        run(Cart.execute(person.id, AddToCart.make({ product: ProductId.make(key), quantity: 1 })))}
                    >
                      {quantity === 0 ? "Add to cart" : `${quantity} in cart · add one`}
                    </button>
                    <Settling pending={pending} />
                  </div>
                </li>
              )
            })}
          </ul>
        )}
    </section>
  )
}
