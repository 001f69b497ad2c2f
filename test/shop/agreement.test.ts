/** Whatever people do, and however it interleaves: stock, orders, money and every read model agree. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Upcaster } from "@varve/core"
import { AddToCart, Cart, CheckOut, RemoveFromCart } from "@varve/example-shop/domain/Cart"
import { Carts } from "@varve/example-shop/domain/Carts"
import { Catalogue } from "@varve/example-shop/domain/Catalogue"
import { CancelOrder, Order, PayOrder, ReturnOrder, ShipOrder } from "@varve/example-shop/domain/Order"
import { Orders } from "@varve/example-shop/domain/Orders"
import { PackingList } from "@varve/example-shop/domain/PackingList"
import { AddProduct, Product, ReceiveStock, RepriceProduct } from "@varve/example-shop/domain/Product"
import { SalesPerDay } from "@varve/example-shop/domain/SalesPerDay"
import { Shop } from "@varve/example-shop/domain/Shop"
import { Stock } from "@varve/example-shop/domain/Stock"
import { OrderId, ProductId, totalOf } from "@varve/example-shop/domain/Values"
import * as Fulfilment from "@varve/example-shop/Fulfilment"
import { Array, Effect, Layer, Option, Schema } from "effect"
import { ada, bob } from "./given.ts"

const products = ["a", "b", "c"].map((id) => ProductId.make(id))

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))
const product = Schema.Literals([0, 1, 2])
/** Counted from the latest one. */
const order = Schema.Literals([0, 1, 2])

/** What somebody does next. Few products, few pieces and two prices: so that people are in each other's way. */
const Move = Schema.Union([
  Schema.TaggedStruct("Add", { product, quantity: upTo(3) }),
  Schema.TaggedStruct("Remove", { product, quantity: upTo(3) }),
  /** At the price that is shown; one time in four it is another one. */
  Schema.TaggedStruct("CheckOut", { glance: upTo(4) }),
  Schema.TaggedStruct("Pay", { order }),
  Schema.TaggedStruct("Ship", { order }),
  Schema.TaggedStruct("Cancel", { order }),
  Schema.TaggedStruct("Return", { order }),
  Schema.TaggedStruct("Reprice", { product, cents: upTo(2) }),
  Schema.TaggedStruct("Receive", { product, quantity: upTo(2) }),
  /** Everybody does what they should. */
  Schema.TaggedStruct("Deliver", { order }),
  Schema.TaggedStruct("Wait", {})
])
type Move = typeof Move.Type
const Moves = Schema.Array(Move).check(Schema.isMinLength(20))

type Id = typeof OrderId.Type

/** Moves of a customer, who pays, ships and cancels also what the other has ordered. */
const moving = (id: typeof ada, orders: Array<Id>) => {
  const idOf = (order: number): Id => orders.at(-1 - order) ?? OrderId.make("none")
  return (move: Move) =>
    Effect.gen(function*() {
      switch (move._tag) {
        case "Add":
          return yield* Cart.execute(id, AddToCart.make({ product: products[move.product]!, quantity: move.quantity }))
        case "Remove":
          return yield* Cart.execute(
            id,
            RemoveFromCart.make({ product: products[move.product]!, quantity: move.quantity })
          )
        case "CheckOut": {
          const { state: { pieces } } = yield* Cart.load(id)
          const shown = yield* Catalogue.getMany(products)
          const lines = pieces.map((piece) => {
            const { cents } = shown.get(piece.product)!
            return { ...piece, cents: move.glance === 1 ? 3 - cents : cents }
          })
          if (!Array.isReadonlyArrayNonEmpty(lines)) return
          const order = OrderId.make(`order-${orders.length}`)
          orders.push(order)
          return yield* Cart.execute(id, CheckOut.make({ order, lines }))
        }
        case "Pay":
          return yield* Order.execute(idOf(move.order), PayOrder.make({}))
        case "Ship":
          return yield* Order.execute(idOf(move.order), ShipOrder.make({}))
        case "Cancel":
          return yield* Order.execute(idOf(move.order), CancelOrder.make({ reason: "No more" }))
        case "Return":
          return yield* Order.execute(idOf(move.order), ReturnOrder.make({ reason: "No good" }))
        case "Reprice":
          return yield* Product.execute(products[move.product]!, RepriceProduct.make({ cents: move.cents }))
        case "Receive":
          return yield* Product.execute(products[move.product]!, ReceiveStock.make({ quantity: move.quantity }))
        case "Deliver":
          yield* Fulfilment.Fulfilment.whenCaughtUp()
          yield* Order.execute(idOf(move.order), PayOrder.make({}))
          return yield* Order.execute(idOf(move.order), ShipOrder.make({}))
        case "Wait":
          return yield* Fulfilment.Fulfilment.whenCaughtUp()
      }
    }).pipe(
      // A rejection is an answer. That it could not be asked is none.
      Effect.catch((error) =>
        error._tag === "ExecutionError" || error._tag === "ProjectionError" ? Effect.die(error) : Effect.void
      )
    )
}

const open = Effect.forEach(products, (id) =>
  Effect.andThen(
    Product.execute(id, AddProduct.make({ name: id, description: "", picture: "", cents: 1 })),
    Product.execute(id, ReceiveStock.make({ quantity: 4 }))
  ), { discard: true })

/** Every order that was checked out, with its row. */
const ordersWithRows = Effect.map(
  Orders.list(),
  ({ rows }) => rows.map(({ key, row }) => ({ id: OrderId.make(key), row }))
)

const checkOrders = Effect.gen(function*() {
  for (const { id, row } of yield* ordersWithRows) {
    const { state } = yield* Order.load(id)
    assert.strictEqual(row.status, state._tag.toLowerCase())
    assert.strictEqual(row.totalCents, totalOf(row.lines))
    if (row.shippedAt !== null) assert.isNotNull(row.paidAt)
    if (state._tag === "Absent" || state._tag === "Refused") continue
    assert.deepStrictEqual([row.customer, row.lines, row.totalCents], [state.customer, state.lines, state.totalCents])
  }
  const paid = (yield* ordersWithRows).filter(({ row }) => row.status === "paid").map(({ id }) => id)
  const { rows } = yield* PackingList.list({ index: "toPack", where: { paid: true } })
  assert.sameMembers(rows.map(({ key }) => key), paid)
})

const checkProducts = Effect.gen(function*() {
  const orders = yield* ordersWithRows
  const held = (product: string, ...statuses: ReadonlyArray<string>) =>
    orders.filter(({ row }) => statuses.includes(row.status)).flatMap(({ id, row }) =>
      row.lines.flatMap((line) => line.product === product ? [{ order: id, quantity: line.quantity }] : [])
    )
  const sum = (lines: ReadonlyArray<{ readonly quantity: number }>) =>
    lines.reduce((sum, { quantity }) => sum + quantity, 0)
  for (const id of products) {
    const { state } = yield* Product.load(id)
    if (state._tag !== "Listed") return assert.fail(`${id} is listed`)
    const { available, cents, name, reserved } = state
    // An order holds its pieces from when it is placed until it is shipped or cancelled, and no other does.
    assert.sameDeepMembers([...reserved], held(id, "placed", "paid"))
    assert.isAtLeast(available, 0)
    assert.deepInclude(Option.getOrThrow(yield* Catalogue.get(id)), { name, available, cents })
    const row = Option.getOrThrow(yield* Stock.get(id))
    assert.deepStrictEqual([row.available, row.reserved], [available, sum(reserved)])
    assert.strictEqual(row.dispatched, sum(held(id, "shipped", "returned")))
    assert.strictEqual(row.received, row.available + row.reserved + row.dispatched)
  }
})

const checkMoney = Effect.gen(function*() {
  let [orders, paidCents, refunds, refundedCents] = [0, 0, 0, 0]
  for (const { row } of (yield* SalesPerDay.list()).rows) {
    orders += row.orders
    paidCents += row.paidCents
    refunds += row.refunds
    refundedCents += row.refundedCents
  }
  const rows = (yield* ordersWithRows).map(({ row }) => row)
  const paid = rows.filter(({ paidAt }) => paidAt !== null)
  const cents = (some: typeof rows) => some.reduce((sum, { totalCents }) => sum + totalCents, 0)
  assert.deepStrictEqual([orders, paidCents], [paid.length, cents(paid)])
  const refunded = rows.filter(({ refundedCents }) => refundedCents > 0)
  assert.deepStrictEqual([refunds, refundedCents], [refunded.length, cents(refunded)])
  // What is kept is what was paid for orders that stand.
  const stand = rows.filter(({ status }) => status === "paid" || status === "shipped")
  assert.strictEqual(paidCents - refundedCents, cents(stand))
})

const checkCarts = Effect.forEach([ada, bob], (id) =>
  Effect.gen(function*() {
    const { state: { pieces } } = yield* Cart.load(id)
    assert.deepStrictEqual(yield* Carts.get(id), pieces.length === 0 ? Option.none() : Option.some({ pieces }))
  }))

const layer = Fulfilment.layer.pipe(
  Layer.provideMerge(Shop.layer()),
  Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))
)

/** Both at once; then everything is looked at. */
const judged = (adas: ReadonlyArray<Move>, bobs: ReadonlyArray<Move>) =>
  Effect.gen(function*() {
    yield* open
    const orders: Array<Id> = []
    yield* Effect.all([
      Effect.forEach(adas, moving(ada, orders)),
      Effect.forEach(bobs, moving(bob, orders))
    ], { concurrency: 2 })
    yield* Fulfilment.Fulfilment.whenCaughtUp()
    assert.deepStrictEqual(yield* Fulfilment.Fulfilment.parked(), [])
    yield* checkOrders
    yield* checkProducts
    yield* checkMoney
    yield* checkCarts
  }).pipe(Effect.provide(layer))

describe("two customers, and a shop with little stock", () => {
  it.live.prop(
    "agree about everything",
    [Moves, Moves],
    ([adas, bobs]) => judged(adas, bobs),
    {
      timeout: 60_000,
      arbitrary: { runs: 40, size: 40, replay: process.env.VARVE_SHOP_REPLAY, seed: process.env.VARVE_SHOP_SEED }
    }
  )
})
