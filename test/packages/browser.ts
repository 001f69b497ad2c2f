/**
 * What a browser runs: the definitions of a domain, the client of a server that has it, and the optimistic one in front of
 * that. `npm run packages` compiles it against the packages as users get them, bundles it, and holds the bundle to its bound.
 *
 * Each noun is imported from its own module: of a namespace that comes through a barrel, esbuild keeps everything. Rollup
 * and Rolldown, which Vite uses, keep what is used either way.
 */
import * as Aggregate from "@varve/core/Aggregate"
import * as Command from "@varve/core/Command"
import * as Decision from "@varve/core/Decision"
import * as Domain from "@varve/core/Domain"
import * as Event from "@varve/core/Event"
import * as Projection from "@varve/core/Projection"
import { Client, Optimistic } from "@varve/http/client"
import { Effect, Layer, Schema } from "effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"

export class Added extends Event.make("Added", { by: Schema.Int })
  .revise(2, { count: Schema.Int }, ({ by }) => ({ count: by }))
{}
export class Add extends Command.make("Add", { count: Schema.Int }) {}
export class TooMuch extends Schema.TaggedError<TooMuch>()("TooMuch", { limit: Schema.Int }) {}

export class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int }),
  commands: [Add],
  events: [Added],
  rejections: [TooMuch]
}).decider({
  initial: { count: 0 },
  decide: {
    Add: ({ count }, state) =>
      state.count + count > 100 ? Decision.reject(new TooMuch({ limit: 100 })) : Decision.accept(Added.make({ count }))
  },
  evolve: { Added: (state, { count }) => ({ count: state.count + count }) }
}) {}

export class Counts extends Projection.make("Counts", {
  row: Schema.Struct({ count: Schema.Int }),
  events: [Added],
  indexes: { byCount: ["count"] }
}).fold({
  initial: { count: 0 },
  on: { Added: (row, { count }) => ({ count: row.count + count }) }
}) {}

export const Counting = Domain.make("Counting", { aggregates: [Counter], projections: [Counts] })

export const layer = Optimistic.layer(Counting).pipe(
  Layer.provide(Client.layer(Counting, { url: "/api" })),
  Layer.provide(FetchHttpClient.layer)
)

export const program = Effect.gen(function*() {
  const { receipt, state } = yield* Counter.execute("a", Add.make({ count: 2 }))
  const row = yield* Counts.get("a", { after: receipt })
  const { rows } = yield* Counts.list({ index: "byCount", direction: "backward" })
  const { pending } = yield* Optimistic.Optimistic
  return { state, row, rows, pending }
}).pipe(Effect.provide(layer))
