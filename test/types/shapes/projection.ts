/** Projections: keys by event, fan-out, removal by undefined, an envelope of what the writer knows. */
import { Domain, Event, Projection } from "@varve/core"
import { DateTime, Effect, type Option, Schema } from "effect"
import type { Equals } from "../Equals.ts"

class OrderPlaced extends Event.make("OrderPlaced", { customerId: Schema.String, cents: Schema.Int }) {}
class OrderShipped extends Event.make("OrderShipped", {}) {}
class CustomersMerged extends Event.make("CustomersMerged", { from: Schema.String, into: Schema.String }) {}
class CustomerForgotten extends Event.make("CustomerForgotten", {}) {}

const Row = Schema.Struct({ orders: Schema.Int, cents: Schema.Int })

class CustomerTotals extends Projection.make("CustomerTotals", {
  row: Row,
  events: [OrderPlaced, CustomersMerged, CustomerForgotten]
}).fold({
  // Others: the id of the stream.
  key: { OrderPlaced: (event) => event.customerId, CustomersMerged: (event) => [event.from, event.into] },
  on: {
    OrderPlaced: (row, { cents }) => ({ orders: (row?.orders ?? 0) + 1, cents: (row?.cents ?? 0) + cents }),
    // Removal is undefined; which key it is has to be known.
    CustomersMerged: (row, { from }, { key }) => key === from ? undefined : row,
    CustomerForgotten: () => undefined
  }
}) {}

class Orders extends Projection.make("Orders", {
  row: Schema.Struct({
    customer: Schema.String,
    cents: Schema.Int,
    at: Schema.NullOr(Schema.DateTimeUtc),
    tags: Schema.Array(Schema.String)
  }),
  events: [OrderPlaced],
  indexes: { customer: ["customer", "cents"], at: ["at"] }
}).fold({ on: { OrderPlaced: () => undefined } }) {}

export const asked = () => {
  Orders.list()
  Orders.list({ index: "customer", where: { customer: "ada" }, from: 5, direction: "backward", limit: 10 })
  Orders.count({ index: "at", to: DateTime.makeUnsafe(0), after: 5, timeout: "1 second" })
  Orders.changes("o1", { after: 5 })
  Orders.changes({ index: "at", where: { at: null } })
  Effect.flatMap(Orders.asOf({ recordedAt: DateTime.makeUnsafe(0) }), (view) => view.list({ index: "customer" }))
  // @ts-expect-error no such index
  Orders.list({ index: "nope" })
  // @ts-expect-error a field that is not of the index
  Orders.list({ index: "at", where: { customer: "ada" } })
  // @ts-expect-error of another type
  Orders.list({ index: "customer", where: { customer: 5 } })
  // @ts-expect-error fields are of an index
  Orders.list({ where: { customer: "ada" } })
  // @ts-expect-error no order of arrays
  Orders.list({ index: "customer", from: [] })
  // @ts-expect-error changes come as they come
  Orders.changes({ index: "at", limit: 5 })
  // @ts-expect-error the past has passed: there is nothing to wait for
  Effect.flatMap(Orders.asOf({ position: 1 }), (view) => view.get("o1", { after: 5 }))
  // @ts-expect-error no such point in the history
  Orders.asOf({ version: 1 })
  Projection.make("X", {
    row: Schema.Struct({ tags: Schema.Array(Schema.String) }),
    events: [OrderPlaced],
    // @ts-expect-error nothing is ordered by an array
    indexes: { tags: ["tags"] }
  })
  // @ts-expect-error no such field
  Projection.make("X", { row: Row, events: [OrderPlaced], indexes: { x: ["nope"] } })
}

const Report = Projection.custom("Report", { events: [OrderPlaced], handle: { OrderPlaced: () => Effect.void } })

export const custom = () => {
  // @ts-expect-error its tables are the program's own: nobody can fold them for a question
  void Report.layerLive
  // @ts-expect-error nor as they were in the past
  void Report.asOf
  // @ts-expect-error missing case
  Projection.custom("Report", { events: [OrderPlaced, OrderShipped], handle: { OrderPlaced: () => Effect.void } })
  // @ts-expect-error a domain's projections are folds
  Domain.make("Shop", { aggregates: [], projections: [Report] })
}

const totals = CustomerTotals.get("ada")
export const reading: [
  Equals<Effect.Success<typeof totals>, Option.Option<typeof Row.Type>>,
  Equals<Effect.Services<typeof totals>, Projection.Rows<"CustomerTotals">>
] = [true, true]

export const compiled = () => {
  const contract = Projection.make("X", { row: Row, events: [OrderPlaced, OrderShipped] })
  // with an initial row a handler has one
  contract.fold({
    initial: { orders: 0, cents: 0 },
    on: { OrderPlaced: (row) => ({ ...row, orders: row.orders + 1 }), OrderShipped: (row) => row }
  })
  contract.fold({
    initial: { orders: 0, cents: 0 },
    // @ts-expect-error OrderShipped has no customerId: the compiler says so
    key: { OrderPlaced: (event) => event.customerId, OrderShipped: (event) => event.customerId },
    on: { OrderPlaced: (row) => row, OrderShipped: (row) => row }
  })
  // @ts-expect-error missing case
  contract.fold({ on: { OrderPlaced: (row) => row } })
  // @ts-expect-error a row is whole
  contract.fold({ on: { OrderPlaced: () => ({ orders: 1 }), OrderShipped: (row) => row } })
  // @ts-expect-error without an initial row there may be none
  contract.fold({ on: { OrderPlaced: (row) => ({ ...row, orders: row.orders + 1 }), OrderShipped: (row) => row } })
  contract.fold({
    on: {
      // @ts-expect-error a position exists only in the store: a browser has none
      OrderPlaced: (row, _, { position }) => position === 1 ? undefined : row,
      OrderShipped: (row) => row
    }
  })
  contract.fold({
    // @ts-expect-error the key is what is asked for here
    key: { OrderPlaced: (_, { key }) => key },
    on: { OrderPlaced: (row) => row, OrderShipped: (row) => row }
  })
  // @ts-expect-error rows are not there unless a layer provides them
  Effect.runPromise(totals)
}
