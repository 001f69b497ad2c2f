/**
 * The post, release 3: other words. A recipient is an addressee, a depot a place, `ParcelScanned` is `ParcelSeen`, and
 * parcels are shipments, in streams that keep their category.
 */
import { Aggregate, Change, Command, Decision, Domain, Event, Projection, type Upcaster } from "@varve/core"
import { Effect, Schema } from "effect"
import { byKey, Deed, make, type Summary } from "../Release.ts"

export class ParcelRegistered extends Event.make("ParcelRegistered", {
  recipient: Schema.NonEmptyString,
  kilos: Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 1_000 }))
})
  .revise(2, Change.add("express", Schema.Boolean, () => false))
  .revise(3, Change.rename({ recipient: "addressee" }))
{}
export class LabelPrinted extends Event.make("LabelPrinted", { printer: Schema.Int }) {}
/** Its first revision is that of `ParcelScanned`. */
export class ParcelSeen extends Event.make("ParcelSeen", { depot: Schema.String }).revise(
  2,
  { place: Schema.String },
  ({ depot }) => ({ place: depot }),
  ({ place }) => ({ depot: place })
) {}
export class ParcelHandedOver extends Event.make("ParcelHandedOver", {
  to: Schema.String,
  euros: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 10_000 }))
}) {}
export class ParcelReturned extends Event.make("ParcelReturned", {}) {}

export const options: Upcaster.Options = {
  renamed: { ParcelScanned: ParcelSeen },
  categories: { Shipment: "Parcel" }
}

class Perform extends Command.make("Perform", { deed: Deed }) {}

const Row = Schema.Struct({
  addressee: Schema.String,
  kilos: Schema.Finite,
  express: Schema.Boolean,
  place: Schema.NullOr(Schema.String),
  status: Schema.Literals(["underway", "delivered", "returned"]),
  euros: Schema.Finite
})
type Row = typeof Row.Type

const registered = ({ addressee, express, kilos }: Event.Type<typeof ParcelRegistered>): Row => ({
  addressee,
  kilos,
  express,
  place: null,
  status: "underway",
  euros: 0
})

export class Shipment extends Aggregate.make("Shipment", {
  id: Schema.String,
  state: Schema.NullOr(Row),
  commands: [Perform],
  events: [ParcelRegistered, LabelPrinted, ParcelSeen, ParcelHandedOver, ParcelReturned],
  rejections: []
}).decider({
  initial: null,
  decide: {
    Perform: ({ deed }, row) => {
      if (deed._tag === "Register" && row === null) {
        const { address, express, halfKilos, name } = deed
        return Decision.accept(
          ParcelRegistered.make({ addressee: `${name}; ${address}`, kilos: halfKilos / 2, express }),
          LabelPrinted.make({ printer: 0 })
        )
      }
      if (row === null || row.status !== "underway") return Decision.ignore
      switch (deed._tag) {
        case "Print":
          return Decision.accept(LabelPrinted.make({ printer: deed.printer }))
        case "See":
          return Decision.accept(ParcelSeen.make({ place: deed.place }))
        case "HandOver":
          return Decision.accept(ParcelHandedOver.make({ to: deed.to, euros: deed.cents / 100 }))
        case "Return":
          return Decision.accept(ParcelReturned.make({}))
        default:
          return Decision.ignore
      }
    }
  },
  evolve: {
    ParcelRegistered: (_, event) => registered(event),
    LabelPrinted: (row) => row,
    ParcelSeen: (row, { place }) => row && { ...row, place },
    ParcelHandedOver: (row, { euros }) => row && { ...row, status: "delivered" as const, euros: row.euros + euros },
    ParcelReturned: (row) => row && { ...row, status: "returned" as const }
  }
}) {}

export class Board extends Projection.make("Board", {
  row: Row,
  revision: 3,
  events: [ParcelRegistered, ParcelSeen, ParcelHandedOver, ParcelReturned]
}).fold({
  on: {
    ParcelRegistered: (_, event) => registered(event),
    ParcelSeen: (row, { place }) => row && { ...row, place },
    ParcelHandedOver: (row, { euros }) => row && { ...row, status: "delivered", euros: row.euros + euros },
    ParcelReturned: (row) => row && { ...row, status: "returned" }
  }
}) {}

/** Its rows are what they were: no new revision. */
export class Depots extends Projection.make("Depots", { row: Schema.Int, events: [ParcelSeen] }).fold({
  initial: 0,
  key: { ParcelSeen: ({ place }) => place },
  on: { ParcelSeen: (count) => count + 1 }
}) {}

export const Post = Domain.make("Post", { aggregates: [Shipment], projections: [Board, Depots] })

const summary = ({ addressee, euros, express, kilos, place, status }: Row): Summary => ({
  addressee,
  grams: kilos * 1000,
  express,
  place,
  status,
  cents: Math.round(euros * 100)
})

export const release = make({
  number: 3,
  domain: Post,
  options,
  layer: (mode) => Post.layer({ Board: mode, Depots: mode }),
  ways: {
    perform: (deed) => Shipment.execute(deed.id, Perform.make({ deed })),
    load: (id) =>
      Effect.map(Shipment.load(id), ({ state, version }) => ({ summary: state && summary(state), version })),
    board: (after) => Effect.map(Board.list({ after }), (listed) => byKey(listed, summary)),
    depots: (after) => Effect.map(Depots.list({ after }), (listed) => byKey(listed, (count) => count))
  }
})
