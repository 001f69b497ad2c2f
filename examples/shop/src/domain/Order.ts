/**
 * An order: placed or refused, paid, shipped, cancelled, returned.
 *
 * Two people are at work on it, each in front of a page that may be late. A customer cancels while the parcel is packed; a
 * packer ships what was cancelled a moment ago. Both pages accept, and show it at once. The server takes the first, and
 * rejects the second with a sentence that its page then shows.
 */
import { Aggregate, Command, Decision, Event } from "@varve/core"
import { DateTime, Schema } from "effect"
import { CustomerId, Lines, OrderId, Reason, Total, totalOf } from "./Values.ts"

/** How long a customer can send an order back, from the day that it was shipped. */
export const returnDays = 30

// #region events
export class OrderPlaced extends Event.make("OrderPlaced", { customer: CustomerId, lines: Lines, totalCents: Total }) {}
/** It was never placed: a product was not to be had, or not at that price. */
export class OrderRefused extends Event.make("OrderRefused", { customer: CustomerId, reason: Reason }) {}
export class OrderPaid extends Event.make("OrderPaid", { cents: Total }) {}
export class OrderShipped extends Event.make("OrderShipped", { returnableUntil: Schema.DateTimeUtcFromString }) {}
/** Nothing is refunded of what was not paid. */
export class OrderCancelled extends Event.make("OrderCancelled", { reason: Reason, refundedCents: Total }) {}
/** What comes back is looked at: what is good is received again, as stock, by who looked. */
export class OrderReturned extends Event.make("OrderReturned", { reason: Reason, refundedCents: Total }) {}
// #endregion

// #region commands
/** For `Fulfilment`, which reserves the stock in the same commit. */
export class PlaceOrder extends Command.make("PlaceOrder", { customer: CustomerId, lines: Lines }) {}
/** For `Fulfilment`, when a product rejects. */
export class RefuseOrder extends Command.make("RefuseOrder", { customer: CustomerId, reason: Reason }) {}
export class PayOrder extends Command.make("PayOrder") {}
export class ShipOrder extends Command.make("ShipOrder") {}
export class CancelOrder extends Command.make("CancelOrder", { reason: Reason }) {}
export class ReturnOrder extends Command.make("ReturnOrder", { reason: Reason }) {}
// #endregion

// #region rejections
export class NotPlaced extends Schema.TaggedError<NotPlaced>()("NotPlaced", {}) {
  override get message(): string {
    return "There is no such order, or not yet."
  }
}
export class AlreadyPlaced extends Schema.TaggedError<AlreadyPlaced>()("AlreadyPlaced", {}) {
  override get message(): string {
    return "There is an order of this id."
  }
}
export class WasRefused extends Schema.TaggedError<WasRefused>()("WasRefused", { reason: Reason }) {
  override get message(): string {
    return `The order was refused. ${this.reason}`
  }
}
export class WasCancelled extends Schema.TaggedError<WasCancelled>()("WasCancelled", { reason: Reason }) {
  override get message(): string {
    return `The order was cancelled: ${this.reason}`
  }
}
export class NotPaid extends Schema.TaggedError<NotPaid>()("NotPaid", {}) {
  override get message(): string {
    return "The order is not paid."
  }
}
export class NotShipped extends Schema.TaggedError<NotShipped>()("NotShipped", {}) {
  override get message(): string {
    return "The order is not shipped. It can be cancelled."
  }
}
export class AlreadyShipped extends Schema.TaggedError<AlreadyShipped>()("AlreadyShipped", {}) {
  override get message(): string {
    return "The order is shipped already. It can be sent back."
  }
}
export class WasReturned extends Schema.TaggedError<WasReturned>()("WasReturned", {}) {
  override get message(): string {
    return "The order was sent back."
  }
}
export class ReturnPeriodOver extends Schema.TaggedError<ReturnPeriodOver>()("ReturnPeriodOver", {
  until: Schema.DateTimeUtcFromString
}) {
  override get message(): string {
    return `The order could be sent back until ${DateTime.formatIsoDateUtc(this.until)}.`
  }
}
// #endregion

// #region state
const placed = { customer: CustomerId, lines: Lines, totalCents: Total }

export const State = Schema.TaggedUnion({
  Absent: {},
  Refused: { customer: CustomerId, reason: Reason },
  Placed: placed,
  Paid: placed,
  Shipped: { ...placed, returnableUntil: Schema.DateTimeUtc },
  Cancelled: { ...placed, reason: Reason },
  Returned: placed
})
// #endregion

type State = typeof State.Type

/** Why there is nothing to be done with an order any more, or yet. */
const whyNot = (state: Extract<State, { readonly _tag: "Absent" | "Refused" | "Cancelled" }>) => {
  switch (state._tag) {
    case "Absent":
      return new NotPlaced()
    case "Refused":
      return new WasRefused({ reason: state.reason })
    case "Cancelled":
      return new WasCancelled({ reason: state.reason })
  }
}

// #region aggregate
export class Order extends Aggregate.make("Order", {
  id: OrderId,
  state: State,
  commands: [PlaceOrder, RefuseOrder, PayOrder, ShipOrder, CancelOrder, ReturnOrder],
  events: [OrderPlaced, OrderRefused, OrderPaid, OrderShipped, OrderCancelled, OrderReturned],
  rejections: [
    NotPlaced,
    AlreadyPlaced,
    WasRefused,
    WasCancelled,
    NotPaid,
    NotShipped,
    AlreadyShipped,
    WasReturned,
    ReturnPeriodOver
  ]
}).decider({
  initial: { _tag: "Absent" },

  decide: {
    PlaceOrder: ({ customer, lines }, state) =>
      state._tag === "Absent"
        ? Decision.accept(OrderPlaced.make({ customer, lines, totalCents: totalOf(lines) }))
        : Decision.reject(new AlreadyPlaced()),

    RefuseOrder: ({ customer, reason }, state) => {
      if (state._tag === "Refused") return Decision.ignore
      return state._tag === "Absent"
        ? Decision.accept(OrderRefused.make({ customer, reason }))
        : Decision.reject(new AlreadyPlaced())
    },

    PayOrder: (_, state) => {
      switch (state._tag) {
        case "Placed":
          return Decision.accept(OrderPaid.make({ cents: state.totalCents }))
        case "Paid":
        case "Shipped":
        case "Returned":
          return Decision.ignore
        case "Absent":
        case "Refused":
        case "Cancelled":
          return Decision.reject(whyNot(state))
      }
    },

    ShipOrder: (_, state, { now }) => {
      switch (state._tag) {
        case "Placed":
          return Decision.reject(new NotPaid())
        case "Paid":
          return Decision.accept(OrderShipped.make({ returnableUntil: DateTime.add(now, { days: returnDays }) }))
        case "Shipped":
          return Decision.ignore
        case "Returned":
          return Decision.reject(new WasReturned())
        case "Absent":
        case "Refused":
        case "Cancelled":
          return Decision.reject(whyNot(state))
      }
    },

    CancelOrder: ({ reason }, state) => {
      switch (state._tag) {
        case "Placed":
          return Decision.accept(OrderCancelled.make({ reason, refundedCents: 0 }))
        case "Paid":
          return Decision.accept(OrderCancelled.make({ reason, refundedCents: state.totalCents }))
        case "Shipped":
          return Decision.reject(new AlreadyShipped())
        case "Returned":
          return Decision.reject(new WasReturned())
        case "Cancelled":
          return Decision.ignore
        case "Absent":
        case "Refused":
          return Decision.reject(whyNot(state))
      }
    },

    ReturnOrder: ({ reason }, state, { now }) => {
      switch (state._tag) {
        case "Placed":
        case "Paid":
          return Decision.reject(new NotShipped())
        case "Shipped":
          return DateTime.isGreaterThan(now, state.returnableUntil)
            ? Decision.reject(new ReturnPeriodOver({ until: state.returnableUntil }))
            : Decision.accept(OrderReturned.make({ reason, refundedCents: state.totalCents }))
        case "Returned":
          return Decision.ignore
        case "Absent":
        case "Refused":
        case "Cancelled":
          return Decision.reject(whyNot(state))
      }
    }
  },

  // An event that its state does not lead to changes nothing: `decide` lets none happen.
  evolve: {
    OrderPlaced: (_, { customer, lines, totalCents }) => ({ _tag: "Placed", customer, lines, totalCents }),
    OrderRefused: (_, { customer, reason }) => ({ _tag: "Refused", customer, reason }),
    OrderPaid: (state) => state._tag === "Placed" ? { ...state, _tag: "Paid" } : state,
    OrderShipped: (state, { returnableUntil }) =>
      state._tag === "Paid" ? { ...state, _tag: "Shipped", returnableUntil } : state,
    OrderCancelled: (state, { reason }) =>
      state._tag === "Placed" || state._tag === "Paid" ? { ...state, _tag: "Cancelled", reason } : state,
    OrderReturned: (state) => {
      if (state._tag !== "Shipped") return state
      const { customer, lines, totalCents } = state
      return { _tag: "Returned", customer, lines, totalCents }
    }
  }
}) {}
// #endregion
