/** A small domain that has changed over the years, for commands that look at a store. */
import { Aggregate, Command, Decision, Domain, Event, Projection, Upcaster } from "@varve/core"
import { Effect, Schema } from "effect"

export class Lit
  extends Event.make("Lit", { percent: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 })) })
    .revise(2, { lumen: Schema.Int }, ({ percent }) => ({ lumen: percent * 8 }))
{}
export class Darkened extends Event.make("Darkened", {}) {}
/** Known by another name in the beginning. */
export class Moved extends Event.make("Moved", { room: Schema.String }) {}

export class Light extends Command.make("Light", { lumen: Schema.Int }) {}
export class Darken extends Command.make("Darken") {}

export class Lamp extends Aggregate.make("Lamp", {
  id: Schema.String,
  state: Schema.Struct({ lumen: Schema.Int, room: Schema.NullOr(Schema.String) }),
  commands: [Light, Darken],
  events: [Lit, Darkened, Moved],
  rejections: []
}).decider({
  initial: { lumen: 0, room: null },
  decide: {
    Light: ({ lumen }) => Decision.accept(Lit.make({ lumen })),
    Darken: (_, { lumen }) => lumen === 0 ? Decision.ignore : Decision.accept(Darkened.make({}))
  },
  evolve: {
    Lit: (state, { lumen }) => ({ ...state, lumen }),
    Darkened: (state) => ({ ...state, lumen: 0 }),
    Moved: (state, { room }) => ({ ...state, room })
  }
}) {}

const brightness = { row: Schema.Int, events: [Lit, Darkened] }

/** What the rows were folded like before. */
export class OldBrightness extends Projection.make("Brightness", brightness).fold({
  initial: 0,
  on: { Lit: (times) => times + 1, Darkened: (times) => times }
}) {}

export class Brightness extends Projection.make("Brightness", { ...brightness, revision: 2 }).fold({
  initial: 0,
  on: {
    Lit: (_, { lumen }) => {
      if (lumen === 666) throw new Error("too bright\nfor this\u001B[31m row")
      return lumen
    },
    Darkened: () => 0
  }
}) {}

export const Lamps = Domain.make("Lamps", { aggregates: [Lamp], projections: [Brightness] })

/** Rows that nobody but their handler knows. */
export class Counts extends Projection.custom("Counts", {
  events: [Lit],
  handle: { Lit: () => Effect.void }
}) {}

export const options: Upcaster.Options = {
  renamed: { Carried: Moved },
  categories: { Lamp: "Light" },
  dropped: ["Dusted"]
}
