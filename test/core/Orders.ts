/** Orders: a read model that is listed in several orders, and the ways to run it. */
import { Aggregate, Domain, Event, EventStore, Metadata, Projection, StreamName, Upcaster } from "@varve/core"
import { type DateTime, Effect, Layer, Schema } from "effect"

export class Placed extends Event.make("Placed", { customer: Schema.String, cents: Schema.Int }) {}
export class Paid extends Event.make("Paid", { at: Schema.DateTimeUtc }) {}
export class Cancelled extends Event.make("Cancelled", {}) {}

export const Row = Schema.Struct({
  customer: Schema.String,
  cents: Schema.Int,
  paid: Schema.Boolean,
  at: Schema.NullOr(Schema.DateTimeUtc)
})

/** Keyed by the order. 13 cents are too much for it. */
export class Orders extends Projection.make("Orders", {
  row: Row,
  events: [Placed, Paid, Cancelled],
  indexes: { customer: ["customer", "cents"], paid: ["paid"], at: ["at"] }
}).fold({
  on: {
    Placed: (row, { cents, customer }) => {
      if (cents === 13) throw new Error("Thirteen")
      return { customer, cents: cents + (row?.cents ?? 0), paid: row?.paid ?? false, at: row?.at ?? null }
    },
    Paid: (row, { at }) => row && { ...row, paid: true, at },
    Cancelled: () => undefined
  }
}) {}

/** Keyed by what an event says. */
export class Customers extends Projection.make("Customers", {
  row: Schema.Struct({ orders: Schema.Int, cents: Schema.Int }),
  events: [Placed],
  indexes: { cents: ["cents"] }
}).fold({
  initial: { orders: 0, cents: 0 },
  key: { Placed: ({ customer }) => customer },
  on: { Placed: (row, { cents }) => ({ orders: row.orders + 1, cents: row.cents + cents }) }
}) {}

/** Whose events they are. Nobody commands them here: their events are appended. */
class Order extends Aggregate.make("Order", {
  id: Schema.String,
  state: Schema.Null,
  commands: [],
  events: [Placed, Cancelled],
  rejections: []
}).decider({ initial: null, decide: {}, evolve: { Placed: () => null, Cancelled: () => null } }) {}

class Payment extends Aggregate.make("Payment", {
  id: Schema.String,
  state: Schema.Null,
  commands: [],
  events: [Paid],
  rejections: []
}).decider({ initial: null, decide: {}, evolve: { Paid: () => null } }) {}

export const Shop = Domain.make("Shop", { aggregates: [Order, Payment], projections: [Orders, Customers] })

export const below = Layer.mergeAll(EventStore.layerMemory, Upcaster.layer())

/** Every way to run them in one process. */
export const modes = {
  live: Layer.mergeAll(Orders.layerLive, Customers.layerLive),
  "live of a domain": Shop.layer(),
  async: Layer.mergeAll(Orders.layerAsync, Customers.layerAsync),
  inline: Layer.mergeAll(Orders.layerInline, Customers.layerInline)
}

type Happened =
  | readonly ["Placed", customer: string, cents: number]
  | readonly ["Paid", at: string]
  | readonly ["Cancelled"]

const encode = ([type, ...values]: Happened): { readonly type: string; readonly payload: Schema.JsonObject } =>
  type === "Placed"
    ? { type, payload: { customer: values[0]!, cents: values[1]! } }
    : { type, payload: type === "Paid" ? { at: values[0]! } : {} }

/** Appends what happened to an order, or to its payment. */
export const write = (
  id: string,
  happened: Happened,
  options: { readonly occurredAt?: DateTime.Utc } = {}
) =>
  Effect.flatMap(Metadata.Current, ({ tenant }) =>
    EventStore.EventStore.use((store) =>
      store.append({
        writes: [{
          stream: StreamName.make(happened[0] === "Paid" ? "Payment" : "Order", id, tenant),
          expected: "any",
          events: [{ revision: 1, occurredAt: options.occurredAt, ...encode(happened) }]
        }]
      })
    ))
