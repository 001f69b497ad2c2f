/**
 * Orders of two releases: what the first has written lies in the store, the second reads it.
 */
import { Aggregate, Command, Decision, Domain, Event, Upcaster } from "@varve/core"
import { Schema } from "effect"

/** What the first release called `total`, in whole units, is `cents` today. */
export class OrderPlaced extends Event.make("OrderPlaced", { total: Schema.Int }).revise(
  2,
  { cents: Schema.Int },
  ({ total }) => ({ cents: total * 100 })
) {}
/** Stored as `OrderSent` by the first release. */
export class OrderShipped extends Event.make("OrderShipped", { parcel: Schema.String }) {}
/** Stored as one `ContactGiven` by the first release. */
export class NameGiven extends Event.make("NameGiven", { name: Schema.String }) {}
export class PhoneGiven extends Event.make("PhoneGiven", { phone: Schema.String }) {}
export class NoteAdded extends Event.make("NoteAdded", { note: Schema.String, at: Schema.DateTimeUtcFromMillis }) {}
/** Merged into the order that it comes right behind, when the store is copied. */
export class DiscountGiven extends Event.make("DiscountGiven", { cents: Schema.Int }) {}

class ContactGiven extends Event.make("ContactGiven", { name: Schema.String, phone: Schema.String }) {}

class Place extends Command.make("Place", { cents: Schema.Int }) {}

const State = Schema.Struct({
  cents: Schema.Int,
  parcel: Schema.optionalKey(Schema.String),
  name: Schema.optionalKey(Schema.String),
  phone: Schema.optionalKey(Schema.String),
  notes: Schema.Array(Schema.String)
})
type State = typeof State.Type

/** Stored as `Purchase`. */
export class Order extends Aggregate.make("Order", {
  id: Schema.String,
  state: State,
  commands: [Place],
  events: [OrderPlaced, OrderShipped, NameGiven, PhoneGiven, NoteAdded, DiscountGiven],
  rejections: []
}).decider({
  initial: { cents: 0, notes: [] } as State,
  decide: { Place: ({ cents }) => Decision.accept(OrderPlaced.make({ cents })) },
  evolve: {
    OrderPlaced: (state, { cents }) => ({ ...state, cents }),
    OrderShipped: (state, { parcel }) => ({ ...state, parcel }),
    NameGiven: (state, { name }) => ({ ...state, name }),
    PhoneGiven: (state, { phone }) => ({ ...state, phone }),
    NoteAdded: (state, { note }) => ({ ...state, notes: [...state.notes, note] }),
    DiscountGiven: (state, { cents }) => ({ ...state, cents: state.cents - cents })
  }
}) {}

export class CartFilled extends Event.make("CartFilled", { items: Schema.Array(Schema.String) }) {}

class Fill extends Command.make("Fill", { items: Schema.Array(Schema.String) }) {}

export class Cart extends Aggregate.make("Cart", {
  id: Schema.String,
  state: Schema.Array(Schema.String),
  commands: [Fill],
  events: [CartFilled],
  rejections: []
}).decider({
  initial: [] as ReadonlyArray<string>,
  decide: { Fill: ({ items }) => Decision.accept(CartFilled.make({ items })) },
  evolve: { CartFilled: (_, { items }) => items }
}) {}

export const Shop = Domain.make("Shop", { aggregates: [Order, Cart], projections: [] })

export const options: Upcaster.Options = {
  categories: { Order: "Purchase" },
  renamed: { OrderSent: OrderShipped },
  splits: [
    Upcaster.split(ContactGiven, [NameGiven, PhoneGiven], ({ name, phone }) => [
      NameGiven.make({ name }),
      ...(phone === "" ? [] : [PhoneGiven.make({ phone })])
    ])
  ],
  dropped: ["OrderViewed"]
}
