/** What can be done with a cart, and what a late page is told. */
import { assert, describe, it } from "@effect/vitest"
import { Scenario } from "@varve/core/testing"
import {
  AddToCart,
  Cart,
  CartChanged,
  CartCheckedOut,
  CartIsEmpty,
  CheckOut,
  ProductAddedToCart,
  ProductRemovedFromCart,
  RemoveFromCart,
  TooManyPieces,
  TooManyProducts
} from "@varve/example-shop/domain/Cart"
import { type Line, mostLines, mostPieces, ProductId } from "@varve/example-shop/domain/Values"
import { core, first, lens, second } from "./given.ts"

const added = (product: typeof ProductId.Type, quantity: number) => ProductAddedToCart.make({ product, quantity })
const add = (product: typeof ProductId.Type, quantity: number) => AddToCart.make({ product, quantity })
const remove = (product: typeof ProductId.Type, quantity: number) => RemoveFromCart.make({ product, quantity })
const line = (product: typeof ProductId.Type, quantity: number, cents = 1_890): Line => ({ product, quantity, cents })

describe("AddToCart", () => {
  it("adds pieces, to those that are there", () => {
    Scenario.given(Cart, added(lens, 1), added(core, 1)).when(add(lens, 2)).thenEvents(added(lens, 2)).thenState({
      pieces: [{ product: lens, quantity: 3 }, { product: core, quantity: 1 }],
      lastOrder: null
    })
  })

  it("adds so many pieces of a product at the most", () => {
    const given = Scenario.given(Cart, added(lens, mostPieces - 1))
    given.when(add(lens, 1)).thenEvents(added(lens, 1))
    given.when(add(lens, 2)).thenRejected(new TooManyPieces({ limit: mostPieces }))
    given.when(add(core, 2)).thenEvents(added(core, 2))
  })

  it("adds so many products at the most", () => {
    const ids = Array.from({ length: mostLines }, (_, i) => ProductId.make(`p${i}`))
    const given = Scenario.given(Cart, ...ids.map((id) => added(id, 1)))
    given.when(add(lens, 1)).thenRejected(new TooManyProducts({ limit: mostLines }))
    given.when(add(ids[0]!, 1)).thenEvents(added(ids[0]!, 1))
  })

  it.each([0, -1, 1.5, mostPieces + 1])("is none of %s pieces", (quantity) => {
    assert.throws(() => add(lens, quantity), /^Command AddToCart: /)
  })

  it.each(["", "A", "a_b", "-a", "a".repeat(65), "__proto__", "a\n"])("is none of the product %o", (id) => {
    assert.throws(() => ProductId.make(id))
  })
})

describe("RemoveFromCart", () => {
  it("takes some", () => {
    Scenario.given(Cart, added(lens, 3)).when(remove(lens, 1))
      .thenEvents(ProductRemovedFromCart.make({ product: lens, quantity: 1 }))
      .thenState({ pieces: [{ product: lens, quantity: 2 }], lastOrder: null })
  })

  it("takes as many as there are", () => {
    Scenario.given(Cart, added(lens, 3), added(core, 1)).when(remove(lens, 99))
      .thenEvents(ProductRemovedFromCart.make({ product: lens, quantity: 3 }))
      .thenState({ pieces: [{ product: core, quantity: 1 }], lastOrder: null })
  })

  it("is nothing where there are none", () => {
    Scenario.given(Cart, added(core, 3)).when(remove(lens, 1)).thenNothing()
  })
})

describe("CheckOut", () => {
  const lines = [line(lens, 2), line(core, 1, 12_900)] as const
  const full = Scenario.given(Cart, added(core, 1), added(lens, 2))
  const checkedOut = CartCheckedOut.make({ order: first, lines })

  it("orders what is in the cart, in whatever order it is shown, and empties it", () => {
    full.when(CheckOut.make({ order: first, lines })).thenEvents(checkedOut).thenState({
      pieces: [],
      lastOrder: first
    })
  })

  it.each([
    ["another number", [line(lens, 1), line(core, 1)]],
    ["another product", [line(lens, 2), line(ProductId.make("mug"), 1)]],
    ["a line more", [line(lens, 2), line(core, 1), line(ProductId.make("mug"), 1)]],
    ["a line less", [line(lens, 2)]]
  ])("orders nothing when the page shows %s", (_, [first_, ...others]) => {
    full.when(CheckOut.make({ order: first, lines: [first_!, ...others] })).thenRejected(new CartChanged())
  })

  it("orders nothing when another window was faster", () => {
    Scenario.given(Cart, added(core, 1), added(lens, 2), checkedOut).when(CheckOut.make({ order: second, lines }))
      .thenRejected(new CartIsEmpty())
    Scenario.given(Cart).when(CheckOut.make({ order: first, lines })).thenRejected(new CartIsEmpty())
  })

  it("is nothing the second time, also when the cart is filled again", () => {
    Scenario.given(Cart, added(core, 1), added(lens, 2), checkedOut).when(CheckOut.make({ order: first, lines }))
      .thenNothing()
    Scenario.given(Cart, added(core, 1), added(lens, 2), checkedOut, added(core, 1), added(lens, 2))
      .when(CheckOut.make({ order: first, lines })).thenNothing()
  })

  it("is none with a product twice, without a line, or with too many", () => {
    const lines = Array.from({ length: mostLines + 1 }, (_, i) => line(ProductId.make(`p${i}`), 1))
    for (const wrong of [[line(lens, 1), line(lens, 2)], [], lines]) {
      assert.throws(() => CheckOut.make({ order: first, lines: wrong as never }), /^Command CheckOut: /)
    }
  })
})

describe("rejections", () => {
  it.each([
    [new TooManyPieces({ limit: 99 }), "A cart holds at most 99 pieces of a product."],
    [new TooManyProducts({ limit: 20 }), "A cart holds at most 20 different products."],
    [new CartIsEmpty(), "The cart is empty. Was it checked out in another window?"],
    [new CartChanged(), "The cart was changed in another window. Look at it again before you order."]
  ])("%s", (rejection, sentence) => {
    assert.strictEqual(rejection.message, sentence)
  })
})
