/** The post, release 2: a parcel may go express (a field with a default), and may be returned (a new event). */
import { Aggregate, Change, Command, Decision, Domain, Event, Projection } from "@varve/core"
import { Effect, Schema } from "effect"
import { byKey, Deed, make, type Summary } from "../Release.ts"

export class ParcelRegistered extends Event.make("ParcelRegistered", {
  recipient: Schema.NonEmptyString,
  kilos: Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 1_000 }))
}).revise(2, Change.add("express", Schema.Boolean, () => false)) {}
export class LabelPrinted extends Event.make("LabelPrinted", { printer: Schema.Int }) {}
export class ParcelScanned extends Event.make("ParcelScanned", { depot: Schema.String }) {}
export class ParcelHandedOver extends Event.make("ParcelHandedOver", {
  to: Schema.String,
  euros: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 10_000 }))
}) {}
export class ParcelReturned extends Event.make("ParcelReturned", {}) {}

class Perform extends Command.make("Perform", { deed: Deed }) {}

const Row = Schema.Struct({
  recipient: Schema.String,
  kilos: Schema.Finite,
  express: Schema.Boolean,
  depot: Schema.NullOr(Schema.String),
  status: Schema.Literals(["underway", "delivered", "returned"]),
  euros: Schema.Finite
})
type Row = typeof Row.Type

const registered = ({ express, kilos, recipient }: Event.Type<typeof ParcelRegistered>): Row => ({
  recipient,
  kilos,
  express,
  depot: null,
  status: "underway",
  euros: 0
})

export class Parcel extends Aggregate.make("Parcel", {
  id: Schema.String,
  state: Schema.NullOr(Row),
  commands: [Perform],
  events: [ParcelRegistered, LabelPrinted, ParcelScanned, ParcelHandedOver, ParcelReturned],
  rejections: []
}).decider({
  initial: null,
  decide: {
    Perform: ({ deed }, row) => {
      if (deed._tag === "Register" && row === null) {
        const { address, express, halfKilos, name } = deed
        return Decision.accept(
          ParcelRegistered.make({ recipient: `${name}; ${address}`, kilos: halfKilos / 2, express }),
          LabelPrinted.make({ printer: 0 })
        )
      }
      if (row === null || row.status !== "underway") return Decision.ignore
      switch (deed._tag) {
        case "Print":
          return Decision.accept(LabelPrinted.make({ printer: deed.printer }))
        case "See":
          return Decision.accept(ParcelScanned.make({ depot: deed.place }))
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
    ParcelScanned: (row, { depot }) => row && { ...row, depot },
    ParcelHandedOver: (row, { euros }) => row && { ...row, status: "delivered" as const, euros: row.euros + euros },
    ParcelReturned: (row) => row && { ...row, status: "returned" as const }
  }
}) {}

export class Board extends Projection.make("Board", {
  row: Row,
  revision: 2,
  events: [ParcelRegistered, ParcelScanned, ParcelHandedOver, ParcelReturned]
}).fold({
  on: {
    ParcelRegistered: (_, event) => registered(event),
    ParcelScanned: (row, { depot }) => row && { ...row, depot },
    ParcelHandedOver: (row, { euros }) => row && { ...row, status: "delivered", euros: row.euros + euros },
    ParcelReturned: (row) => row && { ...row, status: "returned" }
  }
}) {}

export class Depots extends Projection.make("Depots", { row: Schema.Int, events: [ParcelScanned] }).fold({
  initial: 0,
  key: { ParcelScanned: ({ depot }) => depot },
  on: { ParcelScanned: (count) => count + 1 }
}) {}

export const Post = Domain.make("Post", { aggregates: [Parcel], projections: [Board, Depots] })

const summary = ({ depot, euros, express, kilos, recipient, status }: Row): Summary => ({
  addressee: recipient,
  grams: kilos * 1000,
  express,
  place: depot,
  status,
  cents: Math.round(euros * 100)
})

export const release = make({
  number: 2,
  domain: Post,
  layer: (mode) => Post.layer({ Board: mode, Depots: mode }),
  ways: {
    perform: (deed) => Parcel.execute(deed.id, Perform.make({ deed })),
    load: (id) => Effect.map(Parcel.load(id), ({ state, version }) => ({ summary: state && summary(state), version })),
    board: (after) => Effect.map(Board.list({ after }), (listed) => byKey(listed, summary)),
    depots: (after) => Effect.map(Depots.list({ after }), (listed) => byKey(listed, (count) => count))
  }
})
