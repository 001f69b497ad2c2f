/** The shop at work, in memory and on an embedded database: from the cart to the day's sales. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Subscription, Upcaster } from "@varve/core"
import { assortment, stockUp } from "@varve/example-shop/Assortment"
import { AddToCart, Cart, CartCheckedOut, CheckOut } from "@varve/example-shop/domain/Cart"
import { Carts } from "@varve/example-shop/domain/Carts"
import { Catalogue } from "@varve/example-shop/domain/Catalogue"
import {
  CancelOrder,
  Order,
  OrderCancelled,
  OrderShipped,
  PayOrder,
  ReturnOrder,
  ShipOrder,
  WasCancelled
} from "@varve/example-shop/domain/Order"
import { Orders } from "@varve/example-shop/domain/Orders"
import { PackingList } from "@varve/example-shop/domain/PackingList"
import { Product, RepriceProduct } from "@varve/example-shop/domain/Product"
import { SalesPerDay } from "@varve/example-shop/domain/SalesPerDay"
import { Shop } from "@varve/example-shop/domain/Shop"
import { Stock } from "@varve/example-shop/domain/Stock"
import { type CustomerId, OrderId, ProductId } from "@varve/example-shop/domain/Values"
import * as Fulfilment from "@varve/example-shop/Fulfilment"
import { Array, DateTime, Effect, Layer, Option } from "effect"
import * as TestServer from "../support/TestServer.ts"
import { ada, bob, core, first, lens } from "./given.ts"

type Customer = typeof CustomerId.Type
type Pieces = { readonly [product: string]: number }

const ammonite = ProductId.make("ammonite")

const fill = (customer: Customer, pieces: Pieces) =>
  Effect.forEach(
    Object.entries(pieces),
    ([product, quantity]) => Cart.execute(customer, AddToCart.make({ product: ProductId.make(product), quantity })),
    { discard: true }
  )

/** Orders what a page shows: what the read models have. */
const checkOut = Effect.fnUntraced(function*(customer: Customer, order: typeof OrderId.Type) {
  const { pieces } = Option.getOrThrow(yield* Carts.get(customer))
  const products = yield* Catalogue.getMany(pieces.map(({ product }) => product))
  const lines = pieces.map((piece) => ({ ...piece, cents: products.get(piece.product)!.cents }))
  if (!Array.isReadonlyArrayNonEmpty(lines)) return assert.fail("A cart in the read model is not empty")
  const { receipt } = yield* Cart.execute(customer, CheckOut.make({ order, lines }))
  yield* Orders.whenCaughtUp({ after: Option.getOrThrow(receipt) })
})

/** Until everything is done that follows from what was done, and every read model has seen it. */
const settled = Effect.gen(function*() {
  yield* Fulfilment.Fulfilment.whenCaughtUp()
  for (const projection of Shop.projections) yield* projection.whenCaughtUp()
  assert.deepStrictEqual(yield* Fulfilment.Fulfilment.parked(), [])
})

const rowOf = (order: typeof OrderId.Type) => Effect.map(Orders.get(order), Option.getOrThrow)
const stockOf = (product: string) => Effect.map(Stock.get(product), Option.getOrThrow)
const toPack = Effect.map(
  PackingList.list({ index: "toPack", where: { paid: true } }),
  ({ rows }) => rows.map(({ key }) => key)
)
const sales = Effect.map(SalesPerDay.list(), ({ rows }) => rows)
const today = Effect.map(DateTime.now, DateTime.formatIsoDateUtc)

const whole = Effect.gen(function*() {
  yield* stockUp
  // The shop is opened again.
  yield* stockUp
  assert.strictEqual(yield* Catalogue.count(), assortment.length)
  assert.strictEqual((yield* stockOf(lens)).available, 40)

  yield* fill(ada, { [lens]: 2, [core]: 1 })
  yield* fill(ada, { [lens]: 1 })
  assert.deepStrictEqual(
    yield* Carts.get(ada),
    Option.some({ pieces: [{ product: lens, quantity: 3 }, { product: core, quantity: 1 }] })
  )
  yield* checkOut(ada, first)
  assert.deepStrictEqual(yield* Carts.get(ada), Option.none())
  yield* settled
  const totalCents = 3 * 1_890 + 12_900
  assert.deepInclude(yield* rowOf(first), {
    customer: ada,
    status: "placed",
    totalCents,
    refundedCents: 0,
    paidAt: null
  })
  assert.deepStrictEqual(yield* stockOf(lens), {
    name: "Hand lens",
    received: 40,
    available: 37,
    reserved: 3,
    dispatched: 0
  })
  assert.strictEqual(Option.getOrThrow(yield* Catalogue.get(core)).available, 2)
  assert.deepStrictEqual(yield* toPack, [])

  yield* Order.execute(first, PayOrder.make({}))
  yield* settled
  assert.strictEqual((yield* rowOf(first)).status, "paid")
  assert.deepStrictEqual(yield* toPack, [first])
  const day = yield* today
  assert.deepStrictEqual(yield* sales, [{
    key: day,
    row: { orders: 1, paidCents: totalCents, refunds: 0, refundedCents: 0 }
  }])

  yield* Order.execute(first, ShipOrder.make({}))
  yield* settled
  assert.deepStrictEqual(yield* toPack, [])
  assert.strictEqual((yield* rowOf(first)).status, "shipped")
  assert.deepInclude(yield* stockOf(lens), { available: 37, reserved: 0, dispatched: 3 })

  yield* Order.execute(first, ReturnOrder.make({ reason: "It was dark" }))
  yield* settled
  assert.deepInclude(yield* rowOf(first), { status: "returned", reason: "It was dark", refundedCents: totalCents })
  assert.deepInclude((yield* sales)[0]!.row, {
    orders: 1,
    paidCents: totalCents,
    refunds: 1,
    refundedCents: totalCents
  })
  // Whether it can be sold again, somebody has to look at.
  assert.deepInclude(yield* stockOf(lens), { available: 37, reserved: 0, dispatched: 3 })
})

const lastPiece = Effect.gen(function*() {
  yield* stockUp
  const [first, second] = [OrderId.make("order-3"), OrderId.make("order-4")]
  const before = { lens: yield* stockOf(lens), sales: yield* sales }
  // Both pages show one ammonite.
  yield* fill(ada, { [ammonite]: 1 })
  yield* fill(bob, { [lens]: 2, [ammonite]: 1 })
  yield* checkOut(ada, first)
  yield* checkOut(bob, second)
  yield* settled
  assert.strictEqual((yield* rowOf(first)).status, "placed")
  assert.deepInclude(yield* rowOf(second), { customer: bob, status: "refused", reason: "Ammonite: sold out." })
  // All of an order or nothing.
  assert.deepStrictEqual(yield* stockOf(lens), before.lens)
  assert.strictEqual((yield* Effect.flip(Order.execute(second, PayOrder.make({}))))._tag, "WasRefused")

  // The one who has it lets it go.
  yield* Order.execute(first, CancelOrder.make({ reason: "Too heavy" }))
  yield* settled
  assert.deepInclude(yield* stockOf(ammonite), { available: 1, reserved: 0 })
  const late = yield* Effect.flip(Order.execute(first, PayOrder.make({})))
  assert.deepStrictEqual(late, new WasCancelled({ reason: "Too heavy" }))
  // Nothing was paid, so no day knows of it.
  assert.deepStrictEqual(yield* sales, before.sales)
})

const modes = {
  Catalogue: "inline",
  Carts: "inline",
  Orders: "inline",
  PackingList: "async",
  Stock: "async",
  SalesPerDay: "async"
} as const

const memory = Fulfilment.layer.pipe(
  Layer.provideMerge(Shop.layer()),
  Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))
)

describe("in memory", () => {
  it.live("an order is placed, paid, shipped and returned", () => Effect.provide(whole, memory))

  it.live("the last piece is sold once", () => Effect.provide(lastPiece, memory))

  it.live("an order at a price of yesterday is refused", () =>
    Effect.gen(function*() {
      yield* stockUp
      yield* fill(ada, { [core]: 1 })
      const lines = [{ product: core, quantity: 1, cents: 12_900 }] as const
      yield* Product.execute(core, RepriceProduct.make({ cents: 14_900 }))
      yield* Cart.execute(ada, CheckOut.make({ order: first, lines }))
      yield* settled
      const reason = "Varve core: the price is 149.00 € now, it was 129.00 €."
      assert.deepInclude(yield* rowOf(first), { status: "refused", reason })
    }).pipe(Effect.provide(memory)))

  it.live("an order of what the shop does not have is refused", () =>
    Effect.gen(function*() {
      const nothing = ProductId.make("moon-rock")
      yield* fill(ada, { [nothing]: 1 })
      const lines = [{ product: nothing, quantity: 1, cents: 1 }] as const
      yield* Cart.execute(ada, CheckOut.make({ order: first, lines }))
      yield* settled
      assert.deepInclude(yield* rowOf(first), {
        status: "refused",
        reason: "The shop does not have such a product."
      })
    }).pipe(Effect.provide(memory)))

  it.live("who takes the id of another's order gets nothing, and changes nothing", () =>
    Effect.gen(function*() {
      yield* stockUp
      yield* fill(ada, { [lens]: 1 })
      yield* checkOut(ada, first)
      yield* settled
      const before = yield* rowOf(first)
      yield* fill(bob, { [core]: 3 })
      yield* checkOut(bob, first)
      yield* settled
      assert.deepStrictEqual(yield* rowOf(first), before)
      assert.deepInclude(yield* stockOf(core), { available: 3, reserved: 0 })
    }).pipe(Effect.provide(memory)))

  it.live("what is delivered twice is there once", () =>
    Effect.gen(function*() {
      yield* stockUp
      for (const [i, customer] of [ada, bob].entries()) {
        const order = OrderId.make(`twice-${i}`)
        yield* fill(customer, { [ammonite]: 1, [lens]: 2 })
        yield* checkOut(customer, order)
        yield* settled
      }
      const [shipped, refused] = [OrderId.make("twice-0"), OrderId.make("twice-1")]
      yield* Order.execute(shipped, PayOrder.make({}))
      yield* Order.execute(shipped, ShipOrder.make({}))
      yield* fill(ada, { [lens]: 4 })
      yield* checkOut(ada, first)
      yield* settled
      yield* Order.execute(first, CancelOrder.make({ reason: "Too many" }))
      yield* settled
      assert.strictEqual((yield* rowOf(refused)).status, "refused")
      const head = EventStore.EventStore.use((store) => store.head)
      const before = yield* head
      class Again extends Subscription.make("Again", {
        events: [CartCheckedOut, OrderShipped, OrderCancelled],
        aggregates: [Cart, Order]
      }) {}
      yield* Effect.provide(Again.whenCaughtUp(), Again.layer(Fulfilment.handlers))
      assert.deepStrictEqual(yield* Again.parked(), [])
      assert.strictEqual(yield* head, before)
    }).pipe(Effect.provide(memory)))

  it.live("what the server does is told apart from what people do", () =>
    Effect.gen(function*() {
      yield* stockUp
      yield* fill(ada, { [lens]: 1 })
      yield* checkOut(ada, first)
      yield* settled
      const { events } = yield* EventStore.EventStore.use((store) =>
        store.readPage({ after: 0, filter: { types: ["CartCheckedOut", "OrderPlaced"] }, limit: 10 })
      )
      const [checkedOut, placed] = events
      assert.strictEqual(checkedOut!.metadata.actor, undefined)
      assert.strictEqual(placed!.metadata.actor, "fulfilment")
      assert.strictEqual(placed!.metadata.causationId, checkedOut!.id)
    }).pipe(Effect.provide(memory)))
})

describe("on an embedded database", () => {
  const layer = Fulfilment.layer.pipe(
    Layer.provideMerge(Shop.layer(modes)),
    Layer.provideMerge(Layer.mergeAll(TestServer.layerEmbedded(), Upcaster.layer()))
  )

  it.live(
    "an order is returned, and the last piece is sold once",
    () => Effect.provide(Effect.andThen(whole, lastPiece), layer),
    60_000
  )
})
