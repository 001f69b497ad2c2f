/** The post, release 5: whole numbers of grams and cents, and nobody asks for labels any more. */
import { Aggregate, Change, Command, Decision, Domain, Event, Projection, Upcaster } from "@varve/core"
import { Effect, Schema } from "effect"
import { byKey, Deed, make, type Summary } from "../Release.ts"

export class ParcelRegistered extends Event.make("ParcelRegistered", {
  recipient: Schema.NonEmptyString,
  kilos: Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 1_000 }))
})
  .revise(2, Change.add("express", Schema.Boolean, () => false))
  .revise(3, Change.rename({ recipient: "addressee" }))
  .revise(
    4,
    Change.split(
      "addressee",
      { name: Schema.String, address: Schema.String },
      (addressee) => {
        const [name = "", ...address] = addressee.split("; ")
        return { name, address: address.join("; ") }
      },
      ({ address, name }) => `${name}; ${address}`
    )
  )
  .revise(5, (payload) =>
    payload.pipe(
      Change.rename({ kilos: "grams" }),
      Change.retype("grams", Schema.Finite, (kilos) => kilos * 1000, (grams) => grams / 1000)
    ))
{}
export class ParcelSeen extends Event.make("ParcelSeen", { depot: Schema.String }).revise(
  2,
  { place: Schema.String },
  ({ depot }) => ({ place: depot }),
  ({ place }) => ({ depot: place })
) {}
export class ParcelDelivered extends Event.make("ParcelDelivered", { to: Schema.String }) {}
export class ChargeCollected extends Event.make("ChargeCollected", {
  euros: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 10_000 }))
}).revise(
  2,
  { cents: Schema.Int },
  ({ euros }) => ({ cents: Math.round(euros * 100) }),
  ({ cents }) => ({ euros: cents / 100 })
) {}
export class ParcelReturned extends Event.make("ParcelReturned", {}) {}

/** Nobody writes it any more. */
export class ParcelHandedOver extends Event.make("ParcelHandedOver", {
  to: Schema.String,
  euros: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 10_000 }))
}) {}

export const options: Upcaster.Options = {
  renamed: { ParcelScanned: ParcelSeen },
  splits: [
    Upcaster.split(ParcelHandedOver, [ParcelDelivered, ChargeCollected], ({ euros, to }) => [
      ParcelDelivered.make({ to }),
      ...(euros === 0 ? [] : [ChargeCollected.make({ cents: Math.round(euros * 100) })])
    ])
  ],
  dropped: ["LabelPrinted"],
  categories: { Shipment: "Parcel" }
}

class Perform extends Command.make("Perform", { deed: Deed }) {}

const Row = Schema.Struct({
  name: Schema.String,
  address: Schema.String,
  grams: Schema.Finite,
  express: Schema.Boolean,
  place: Schema.NullOr(Schema.String),
  status: Schema.Literals(["underway", "delivered", "returned"]),
  cents: Schema.Int
})
type Row = typeof Row.Type

const registered = ({ address, express, grams, name }: Event.Type<typeof ParcelRegistered>): Row => ({
  name,
  address,
  grams,
  express,
  place: null,
  status: "underway",
  cents: 0
})

export class Shipment extends Aggregate.make("Shipment", {
  id: Schema.String,
  state: Schema.NullOr(Row),
  commands: [Perform],
  events: [ParcelRegistered, ParcelSeen, ParcelDelivered, ChargeCollected, ParcelReturned],
  rejections: []
}).decider({
  initial: null,
  decide: {
    Perform: ({ deed }, row) => {
      if (deed._tag === "Register" && row === null) {
        const { address, express, halfKilos, name } = deed
        return Decision.accept(ParcelRegistered.make({ name, address, grams: halfKilos * 500, express }))
      }
      if (row === null || row.status !== "underway") return Decision.ignore
      switch (deed._tag) {
        case "See":
          return Decision.accept(ParcelSeen.make({ place: deed.place }))
        case "HandOver": {
          const charge = deed.cents === 0 ? [] : [ChargeCollected.make({ cents: deed.cents })]
          return Decision.accept(
            ParcelDelivered.make({ to: deed.to }),
            ...charge
          )
        }
        case "Return":
          return Decision.accept(ParcelReturned.make({}))
        default:
          return Decision.ignore
      }
    }
  },
  evolve: {
    ParcelRegistered: (_, event) => registered(event),
    ParcelSeen: (row, { place }) => row && { ...row, place },
    ParcelDelivered: (row) => row && { ...row, status: "delivered" as const },
    ChargeCollected: (row, { cents }) => row && { ...row, cents: row.cents + cents },
    ParcelReturned: (row) => row && { ...row, status: "returned" as const }
  }
}) {}

export class Board extends Projection.make("Board", {
  row: Row,
  revision: 5,
  events: [ParcelRegistered, ParcelSeen, ParcelDelivered, ChargeCollected, ParcelReturned]
}).fold({
  on: {
    ParcelRegistered: (_, event) => registered(event),
    ParcelSeen: (row, { place }) => row && { ...row, place },
    ParcelDelivered: (row) => row && { ...row, status: "delivered" },
    ChargeCollected: (row, { cents }) => row && { ...row, cents: row.cents + cents },
    ParcelReturned: (row) => row && { ...row, status: "returned" }
  }
}) {}

export class Depots extends Projection.make("Depots", { row: Schema.Int, events: [ParcelSeen] }).fold({
  initial: 0,
  key: { ParcelSeen: ({ place }) => place },
  on: { ParcelSeen: (count) => count + 1 }
}) {}

export const Post = Domain.make("Post", { aggregates: [Shipment], projections: [Board, Depots] })

const summary = ({ address, cents, express, grams, name, place, status }: Row): Summary => ({
  addressee: `${name}; ${address}`,
  grams,
  express,
  place,
  status,
  cents
})

export const release = make({
  number: 5,
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
