/** A store that many years have written, and what reads it. */
import { Aggregate, Command, Decision, Domain, Event, EventStore, Projection, StreamName, Upcaster } from "@varve/core"
import { Effect, Layer, Option, Schema } from "effect"
import { TestClock } from "effect/testing"

export class Sold extends Event.make("Sold", { euros: Schema.Finite })
  .revise(2, { cents: Schema.Int }, ({ euros }) => ({ cents: Math.round(euros * 100) }), ({ cents }) => ({
    euros: cents / 100
  }))
{}
export class Refunded extends Event.make("Refunded", { cents: Schema.Int }) {}

/** What was, years ago. An exchange was a return and a sale; a sale with a receipt was two things; a return is a refund. */
export class Exchanged extends Event.make("Exchanged", { back: Schema.Int, bought: Schema.Int }) {}
export class Returned extends Event.make("Returned", { cents: Schema.Int }) {}
export class SoldWithReceipt extends Event.make("SoldWithReceipt", { cents: Schema.Int }) {}
export class ReceiptPrinted extends Event.make("ReceiptPrinted", {}) {}

export const options: Upcaster.Options = {
  renamed: { PaidIn: Sold, Returned: Refunded },
  splits: [
    Upcaster.split(Exchanged, [Returned, SoldWithReceipt], ({ back, bought }) => [
      Returned.make({ cents: back }),
      SoldWithReceipt.make({ cents: bought })
    ]),
    Upcaster.split(SoldWithReceipt, [ReceiptPrinted, Sold], ({ cents }) => [
      ReceiptPrinted.make({}),
      Sold.make({ cents })
    ])
  ],
  dropped: ["ReceiptPrinted", "Audited"],
  categories: { Till: "Kasse" },
  unknownType: "skip",
  newerRevision: "skip"
}

export type Written = readonly [type: string, revision: number, payload: Schema.JsonObject]

export const past: ReadonlyArray<Written> = [
  ["PaidIn", 1, { euros: 1 }],
  ["Audited", 1, { by: "eve" }],
  ["Exchanged", 1, { back: 30, bought: 50 }],
  ["Sold", 2, { cents: 2 }],
  ["Unheard", 1, {}],
  ["Sold", 3, { pounds: 1 }],
  ["SoldWithReceipt", 1, { cents: 7 }],
  ["Audited", 1, { by: "eve" }]
]

/** What it is today: version (and position), place among the parts, event. The receipt has its place and is not there. */
export const today = ["1.0 Sold 100", "3.0 Refunded 30", "3.2 Sold 50", "4.0 Sold 2", "7.1 Sold 7"]

/** The same without versions and places. */
export const lines = today.map((line) => line.slice(4))

export const append = (stream: StreamName.StreamName, ...events: ReadonlyArray<Written>) =>
  EventStore.EventStore.use((store) =>
    Effect.forEach(events, ([type, revision, payload]) =>
      Effect.andThen(
        TestClock.adjust("1 second"),
        store.append({
          writes: [{ stream, expected: "any", events: [{ type, revision, payload }] }]
        })
      ))
  )

export const history = Effect.andThen(
  append(StreamName.make("Kasse", "t1"), ...past),
  // Of the same types, and nobody's.
  append(StreamName.make("Till", "t1"), ["Sold", 2, { cents: 1_000 }])
)

export class Sell extends Command.make("Sell", { cents: Schema.Int }) {}

export class Till extends Aggregate.make("Till", {
  id: Schema.String,
  state: Schema.Array(Schema.String),
  commands: [Sell],
  events: [Sold, Refunded],
  rejections: []
}).decider({
  initial: [],
  decide: { Sell: ({ cents }) => Decision.accept(Sold.make({ cents })) },
  evolve: {
    Sold: (lines, { cents }) => [...lines, `Sold ${cents}`],
    Refunded: (lines, { cents }) => [...lines, `Refunded ${cents}`]
  }
}) {}

export type E = Event.Type<typeof Sold> | Event.Type<typeof Refunded>

export const line = ({ _tag, cents }: E): string => `${_tag} ${cents}`

/** Rows of one key, or of a key for each kind of event. */
export const rows = Schema.Array(Schema.String)

export class Lines extends Projection.make("Lines", { row: rows, events: [Sold, Refunded] }).fold({
  initial: [],
  on: {
    Sold: (lines, event) => [...lines, line(event)],
    Refunded: (lines, event) => [...lines, line(event)]
  }
}) {}

export class LinesAgain extends Projection.make("Lines", { row: rows, events: [Sold, Refunded], revision: 2 }).fold({
  initial: [],
  on: {
    Sold: (lines, event) => [...lines, line(event)],
    Refunded: (lines, event) => [...lines, line(event)]
  }
}) {}

export const Shop = Domain.make("Shop", { aggregates: [Till], projections: [Lines] })

export const base = Layer.mergeAll(EventStore.layerMemory, Upcaster.layer(options))
export const over = (mode: Domain.Mode) => Effect.provide(Layer.provideMerge(Shop.layer({ Lines: mode }), base))
export const run = Effect.provide(base)

export const row = Effect.map(Lines.get("t1"), Option.getOrThrow)
