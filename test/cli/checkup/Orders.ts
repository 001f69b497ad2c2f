/** A domain with everything that can have become of an event, and a projection of what others write. */
import { Aggregate, Command, Decision, Domain, Event, Projection, Upcaster } from "@varve/core"
import { Effect, Schema } from "effect"

class Ordered extends Event.make("Ordered", { sum: Schema.String })
  .revise(2, { euros: Schema.Finite }, ({ sum }) => ({ euros: Number(sum) }))
  .revise(3, { cents: Schema.Int }, ({ euros }) => ({ cents: Math.round(euros * 100) }))
{}
/** Was `Sent`, in two revisions. */
class Shipped extends Event.make("Shipped", { to: Schema.NullOr(Schema.String) })
  .revise(2, { to: Schema.String }, ({ to }) => {
    if (to === null) throw new Error("nobody knows\nwhere to")
    return { to }
  })
{}
class Paid extends Event.make("Paid", { cents: Schema.Int }) {}
class Closed extends Event.make("Closed", {}) {}
/** Is split into two. */
class Settled extends Event.make("Settled", { cents: Schema.Int }) {}
/** Written by another program. */
class Rated extends Event.make("Rated", { stars: Schema.Int }) {}

class Place extends Command.make("Place", { cents: Schema.Int }) {}

class Order extends Aggregate.make("Order", {
  id: Schema.String,
  state: Schema.Int,
  commands: [Place],
  events: [Ordered, Shipped, Paid, Closed],
  rejections: []
}).decider({
  initial: 0,
  decide: { Place: ({ cents }) => Decision.accept(Ordered.make({ cents })) },
  evolve: { Ordered: (state) => state, Shipped: (state) => state, Paid: (state) => state, Closed: (state) => state }
}) {}

export const Shop = Domain.make("Shop", { aggregates: [Order], projections: [] })

export const Ratings = Projection.custom("Ratings", { events: [Rated], handle: { Rated: () => Effect.void } })

export const options: Upcaster.Options = {
  categories: { Order: "Purchase" },
  renamed: { Sent: Shipped },
  dropped: ["Nudged"],
  splits: [
    Upcaster.split(Settled, [Paid, Closed], ({ cents }) => [Paid.make({ cents }), Closed.make({})])
  ],
  // What readers of the program pass over, the doctor finds.
  unknownType: "skip",
  newerRevision: "skip",
  erased: "skip",
  readers: { Order: { unknownType: "skip" } }
}
