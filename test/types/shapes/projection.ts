/** Projections: keys by event, fan-out, removal by undefined, an envelope of what the writer knows. */
import { Event, Projection } from "@varve/core"
import { Effect, type Option, Schema } from "effect"
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
