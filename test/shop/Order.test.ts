/** What can be done with an order, by where it stands; and the laws of the whole shop. */
import { assert, describe, it } from "@effect/vitest"
import { Laws, Scenario } from "@varve/core/testing"
import {
  AlreadyPlaced,
  AlreadyShipped,
  CancelOrder,
  NotPaid,
  NotPlaced,
  NotShipped,
  Order,
  OrderCancelled,
  OrderPaid,
  OrderPlaced,
  OrderRefused,
  OrderReturned,
  OrderShipped,
  PayOrder,
  PlaceOrder,
  RefuseOrder,
  returnDays,
  ReturnOrder,
  ReturnPeriodOver,
  ShipOrder,
  WasCancelled,
  WasRefused,
  WasReturned
} from "@varve/example-shop/domain/Order"
import { Shop } from "@varve/example-shop/domain/Shop"
import { DateTime, Result, Schema } from "effect"
import { ada, core, lens } from "./given.ts"

const lines = [{ product: lens, quantity: 2, cents: 1_890 }, { product: core, quantity: 1, cents: 12_900 }] as const
const totalCents = 16_680
const kept = { customer: ada, lines, totalCents }
const reason = "Found one on the beach"
const until = DateTime.add(Scenario.context.now, { days: returnDays })

const placed = OrderPlaced.make(kept)
const refused = OrderRefused.make({ customer: ada, reason: "Varve core: sold out." })
const paid = OrderPaid.make({ cents: totalCents })
const shipped = OrderShipped.make({ returnableUntil: until })
const cancelled = OrderCancelled.make({ reason, refundedCents: totalCents })
const returned = OrderReturned.make({ reason, refundedCents: totalCents })

const none = Scenario.given(Order)
const isRefused = Scenario.given(Order, refused)
const isPlaced = Scenario.given(Order, placed)
const isPaid = Scenario.given(Order, placed, paid)
const isShipped = Scenario.given(Order, placed, paid, shipped)
const isCancelled = Scenario.given(Order, placed, paid, cancelled)
const isReturned = Scenario.given(Order, placed, paid, shipped, returned)

const place = PlaceOrder.make({ customer: ada, lines })
const refuse = RefuseOrder.make({ customer: ada, reason: "Varve core: sold out." })
const pay = PayOrder.make({})
const ship = ShipOrder.make({})
const cancel = CancelOrder.make({ reason })
const sendBack = ReturnOrder.make({ reason })

const wasRefused = new WasRefused({ reason: "Varve core: sold out." })
const wasCancelled = new WasCancelled({ reason })

describe("PlaceOrder", () => {
  it("places an order, and adds up what it costs", () => {
    none.when(place).thenEvents(placed).thenState({ _tag: "Placed", ...kept })
  })

  it("places one order under an id", () => {
    for (const given of [isRefused, isPlaced, isPaid, isShipped, isCancelled, isReturned]) {
      given.when(place).thenRejected(new AlreadyPlaced())
    }
  })
})

describe("RefuseOrder", () => {
  it("refuses, once", () => {
    none.when(refuse).thenEvents(refused).thenState({ _tag: "Refused", customer: ada, reason: refused.reason })
    isRefused.when(refuse).thenNothing()
  })

  it("refuses nothing that was placed", () => {
    for (const given of [isPlaced, isPaid, isShipped, isCancelled, isReturned]) {
      given.when(refuse).thenRejected(new AlreadyPlaced())
    }
  })
})

describe("PayOrder", () => {
  it("pays all of it, once", () => {
    isPlaced.when(pay).thenEvents(paid).thenState({ _tag: "Paid", ...kept })
    for (const given of [isPaid, isShipped, isReturned]) given.when(pay).thenNothing()
  })

  it("pays nothing that is not to be had", () => {
    none.when(pay).thenRejected(new NotPlaced())
    isRefused.when(pay).thenRejected(wasRefused)
    isCancelled.when(pay).thenRejected(wasCancelled)
  })
})

describe("ShipOrder", () => {
  it("ships what is paid, and tells until when it can come back", () => {
    isPaid.when(ship).thenEvents(shipped).thenState({ _tag: "Shipped", ...kept, returnableUntil: until })
    isShipped.when(ship).thenNothing()
  })

  it("ships nothing that is not paid", () => {
    isPlaced.when(ship).thenRejected(new NotPaid())
  })

  it("ships nothing that is not to be had", () => {
    none.when(ship).thenRejected(new NotPlaced())
    isRefused.when(ship).thenRejected(wasRefused)
    isCancelled.when(ship).thenRejected(wasCancelled)
    isReturned.when(ship).thenRejected(new WasReturned())
  })
})

describe("CancelOrder", () => {
  it("cancels what is not shipped, and refunds what was paid", () => {
    isPlaced.when(cancel).thenEvents(OrderCancelled.make({ reason, refundedCents: 0 }))
      .thenState({ _tag: "Cancelled", ...kept, reason })
    isPaid.when(cancel).thenEvents(cancelled).thenState({ _tag: "Cancelled", ...kept, reason })
    isCancelled.when(cancel).thenNothing()
  })

  it("cancels nothing that has left the house, or is not there", () => {
    isShipped.when(cancel).thenRejected(new AlreadyShipped())
    isReturned.when(cancel).thenRejected(new WasReturned())
    isRefused.when(cancel).thenRejected(wasRefused)
    none.when(cancel).thenRejected(new NotPlaced())
  })

  it.each(["", " ", "no ", "a".repeat(201)])("needs a reason, and %o is none", (reason) => {
    assert.throws(() => CancelOrder.make({ reason }), /^Command CancelOrder: /)
  })
})

describe("ReturnOrder", () => {
  it("takes back what was shipped, until the last moment, and refunds it", () => {
    isShipped.when(sendBack, { now: until }).thenEvents(returned).thenState({ _tag: "Returned", ...kept })
    isReturned.when(sendBack).thenNothing()
  })

  it("takes nothing back later", () => {
    isShipped.when(sendBack, { now: DateTime.addDuration(until, "1 millis") }).thenRejected(
      new ReturnPeriodOver({ until })
    )
  })

  it("takes nothing back that was not shipped", () => {
    isPlaced.when(sendBack).thenRejected(new NotShipped())
    isPaid.when(sendBack).thenRejected(new NotShipped())
    isCancelled.when(sendBack).thenRejected(wasCancelled)
    isRefused.when(sendBack).thenRejected(wasRefused)
    none.when(sendBack).thenRejected(new NotPlaced())
  })
})

describe("rejections", () => {
  it.each([
    [new NotPlaced(), "There is no such order, or not yet."],
    [new AlreadyPlaced(), "There is an order of this id."],
    [wasRefused, "The order was refused. Varve core: sold out."],
    [wasCancelled, "The order was cancelled: Found one on the beach"],
    [new NotPaid(), "The order is not paid."],
    [new NotShipped(), "The order is not shipped. It can be cancelled."],
    [new AlreadyShipped(), "The order is shipped already. It can be sent back."],
    [new WasReturned(), "The order was sent back."],
    [new ReturnPeriodOver({ until }), "The order could be sent back until 2000-01-31."]
  ])("%s", (rejection, sentence) => {
    assert.strictEqual(rejection.message, sentence)
  })
})

describe("always", () => {
  const Step = Schema.Literals(["place", "refuse", "pay", "ship", "cancel", "sendBack"])
  const commands = { place, refuse, pay, ship, cancel, sendBack }

  it.prop("what was shipped was paid, and no more is refunded than was paid", [Schema.Array(Step)], ([steps]) => {
    let state: typeof Order.initial = Order.initial
    const seen: Array<string> = []
    let [paidCents, refundedCents] = [0, 0]
    for (const step of steps) {
      for (const event of Result.getOrElse(Order.decide(commands[step], state, Scenario.context), () => [])) {
        state = Order.evolve(state, event)
        // No event is there twice: an order only goes on.
        assert.notInclude(seen, event._tag)
        seen.push(event._tag)
        if (event._tag === "OrderShipped") assert.include(seen, "OrderPaid")
        if (event._tag === "OrderPaid") paidCents += event.cents
        if (event._tag === "OrderCancelled" || event._tag === "OrderReturned") refundedCents += event.refundedCents
      }
      assert.include([0, totalCents], paidCents - refundedCents)
      const isKept = state._tag === "Paid" || state._tag === "Shipped"
      assert.strictEqual(paidCents - refundedCents, isKept ? totalCents : 0)
    }
  })
})

describe("laws", () => {
  for (const { effect, name } of Laws.all(Shop)) it.effect(name, () => effect)
})
