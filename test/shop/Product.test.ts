/** What can be done with a product, and that its stock is never promised twice. */
import { assert, describe, it } from "@effect/vitest"
import { Scenario } from "@varve/core/testing"
import {
  AddProduct,
  AlreadyAdded,
  DispatchStock,
  mostStock,
  NoRoom,
  NotForSale,
  OutOfStock,
  PriceChanged,
  Product,
  ProductAdded,
  ProductRepriced,
  ReceiveStock,
  ReleaseStock,
  RepriceProduct,
  ReserveStock,
  StockDispatched,
  StockReceived,
  StockReleased,
  StockReserved
} from "@varve/example-shop/domain/Product"
import { OrderId } from "@varve/example-shop/domain/Values"
import { Result, Schema } from "effect"
import { first, second } from "./given.ts"

const about = { name: "Hand lens", description: "Ten times", picture: "<svg/>", cents: 1_890 }
const added = ProductAdded.make(about)
const received = StockReceived.make({ quantity: 5 })
const listed = { _tag: "Listed", name: "Hand lens", cents: 1_890 } as const
const reserve = (order: typeof OrderId.Type, quantity: number, cents = 1_890) =>
  ReserveStock.make({ order, quantity, cents })
const reserved = (order: typeof OrderId.Type, quantity: number) => StockReserved.make({ order, quantity })

describe("AddProduct", () => {
  it("brings a product in, without stock", () => {
    Scenario.given(Product).when(AddProduct.make(about)).thenEvents(added).thenState({
      ...listed,
      available: 0,
      reserved: []
    })
  })

  it("brings it in once", () => {
    Scenario.given(Product, added).when(AddProduct.make(about)).thenRejected(new AlreadyAdded({ name: "Hand lens" }))
  })

  it.each([
    { cents: 0 },
    { cents: 1_000_001 },
    { cents: 1.5 },
    { name: "" },
    { name: " a" },
    { name: "a".repeat(61) },
    { description: "a".repeat(501) },
    { picture: "a".repeat(4_001) }
  ])("is none with %o", (wrong) => {
    assert.throws(() => AddProduct.make({ ...about, ...wrong }), /^Command AddProduct: /)
  })
})

describe("RepriceProduct", () => {
  it("sets a price", () => {
    Scenario.given(Product, added).when(RepriceProduct.make({ cents: 2_000 }))
      .thenEvents(ProductRepriced.make({ cents: 2_000 }))
      .thenState({ ...listed, cents: 2_000, available: 0, reserved: [] })
  })

  it("is nothing when that is the price", () => {
    Scenario.given(Product, added).when(RepriceProduct.make({ cents: 1_890 })).thenNothing()
  })

  it("needs a product", () => {
    Scenario.given(Product).when(RepriceProduct.make({ cents: 1 })).thenRejected(new NotForSale())
  })
})

describe("ReceiveStock", () => {
  it("adds to what is there", () => {
    Scenario.given(Product, added, received).when(ReceiveStock.make({ quantity: 2 }))
      .thenEvents(StockReceived.make({ quantity: 2 }))
      .thenState({ ...listed, available: 7, reserved: [] })
  })

  it("takes what there is room for, what is reserved included", () => {
    const given = Scenario.given(Product, added, received, reserved(first, 3))
    given.when(ReceiveStock.make({ quantity: mostStock - 5 })).thenEvents(
      StockReceived.make({ quantity: mostStock - 5 })
    )
    given.when(ReceiveStock.make({ quantity: mostStock - 4 })).thenRejected(
      new NoRoom({ name: "Hand lens", room: mostStock - 5 })
    )
  })

  it("needs a product", () => {
    Scenario.given(Product).when(ReceiveStock.make({ quantity: 1 })).thenRejected(new NotForSale())
  })
})

describe("ReserveStock", () => {
  it("holds pieces for an order", () => {
    Scenario.given(Product, added, received).when(reserve(first, 5)).thenEvents(reserved(first, 5)).thenState({
      ...listed,
      available: 0,
      reserved: [{ order: first, quantity: 5 }]
    })
  })

  it("holds no more than is there", () => {
    Scenario.given(Product, added, received, reserved(first, 3)).when(reserve(second, 3))
      .thenRejected(new OutOfStock({ name: "Hand lens", requested: 3, available: 2 }))
    Scenario.given(Product, added).when(reserve(first, 1))
      .thenRejected(new OutOfStock({ name: "Hand lens", requested: 1, available: 0 }))
  })

  it("sells at the price that the customer was shown, or not at all", () => {
    const given = Scenario.given(Product, added, received, ProductRepriced.make({ cents: 2_000 }))
    for (const shown of [1_890, 2_001]) {
      given.when(reserve(first, 1, shown)).thenRejected(
        new PriceChanged({ name: "Hand lens", shown, actual: 2_000 })
      )
    }
    given.when(reserve(first, 1, 2_000)).thenEvents(reserved(first, 1))
  })

  it("is nothing the second time, whatever became of price and stock", () => {
    Scenario.given(Product, added, received, reserved(first, 5), ProductRepriced.make({ cents: 1 }))
      .when(reserve(first, 5)).thenNothing()
  })

  it("needs a product", () => {
    Scenario.given(Product).when(reserve(first, 1)).thenRejected(new NotForSale())
  })
})

describe("ReleaseStock", () => {
  it("gives back what the order held", () => {
    Scenario.given(Product, added, received, reserved(first, 3), reserved(second, 1))
      .when(ReleaseStock.make({ order: first }))
      .thenEvents(StockReleased.make({ order: first, quantity: 3 }))
      .thenState({ ...listed, available: 4, reserved: [{ order: second, quantity: 1 }] })
  })

  it("is nothing where nothing is held", () => {
    Scenario.given(Product, added, received).when(ReleaseStock.make({ order: first })).thenNothing()
    Scenario.given(Product).when(ReleaseStock.make({ order: first })).thenNothing()
    Scenario.given(Product, added, received, reserved(first, 3), StockReleased.make({ order: first, quantity: 3 }))
      .when(ReleaseStock.make({ order: first })).thenNothing()
  })
})

describe("DispatchStock", () => {
  it("lets go what the order held", () => {
    Scenario.given(Product, added, received, reserved(first, 3))
      .when(DispatchStock.make({ order: first }))
      .thenEvents(StockDispatched.make({ order: first, quantity: 3 }))
      .thenState({ ...listed, available: 2, reserved: [] })
  })

  it("is nothing where nothing is held", () => {
    Scenario.given(Product, added, received).when(DispatchStock.make({ order: first })).thenNothing()
    Scenario.given(Product).when(DispatchStock.make({ order: first })).thenNothing()
  })
})

describe("rejections", () => {
  it.each([
    [new AlreadyAdded({ name: "Hand lens" }), "There is such a product: Hand lens."],
    [new NotForSale(), "The shop does not have such a product."],
    [new NoRoom({ name: "Hand lens", room: 3 }), "There is room for 3 more of Hand lens."],
    [
      new PriceChanged({ name: "Hand lens", shown: 1_890, actual: 2_005 }),
      "Hand lens: the price is 20.05 € now, it was 18.90 €."
    ],
    [new OutOfStock({ name: "Hand lens", requested: 2, available: 0 }), "Hand lens: sold out."],
    [
      new OutOfStock({ name: "Hand lens", requested: 2, available: 1 }),
      "Hand lens: only 1 left, and 2 were ordered."
    ]
  ])("%s", (rejection, sentence) => {
    assert.strictEqual(rejection.message, sentence)
  })
})

describe("always", () => {
  // Few orders and few prices: so that what is done to one of them is undone again, and meets what is there.
  const order = Schema.Literals(["a", "b", "c"]).pipe(Schema.decodeTo(OrderId))
  const cents = Schema.Literals([1, 2])
  const few = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))
  const Step = Schema.Union([
    Schema.TaggedStruct("RepriceProduct", { cents }),
    Schema.TaggedStruct("ReceiveStock", { quantity: few }),
    Schema.TaggedStruct("ReserveStock", { order, quantity: few, cents }),
    Schema.TaggedStruct("ReleaseStock", { order }),
    Schema.TaggedStruct("DispatchStock", { order })
  ])

  it.prop(
    "pieces are available, reserved or dispatched, and none of that is below zero",
    [Schema.Array(Step)],
    ([steps]) => {
      let state = Product.fold([ProductAdded.make({ ...about, cents: 1 })])
      let [received, dispatched] = [0, 0]
      for (const step of steps) {
        for (const event of Result.getOrElse(Product.decide(step, state, Scenario.context), () => [])) {
          state = Product.evolve(state, event)
          if (event._tag === "StockReceived") received += event.quantity
          if (event._tag === "StockDispatched") dispatched += event.quantity
        }
        if (state._tag !== "Listed") return assert.fail("A product does not go")
        assert.isAtLeast(state.available, 0)
        assert.isTrue(state.reserved.every(({ quantity }) => quantity > 0))
        const orders = state.reserved.map(({ order }) => order)
        assert.strictEqual(new Set(orders).size, orders.length)
        const reserved = state.reserved.reduce((sum, { quantity }) => sum + quantity, 0)
        assert.strictEqual(state.available + reserved + dispatched, received)
      }
    }
  )
})
