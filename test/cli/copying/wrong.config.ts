import { Copy, Project } from "@varve/cli"
import { Aggregate, Command, Decision, Domain, Event, Upcaster } from "@varve/core"
import { Schema, SchemaTransformation } from "effect"
import { options, Order, Shop } from "./Orders.ts"
import * as Place from "./Place.ts"

/** What the test says, however wrong. */
const merge = Copy.merge(Order, (origins) => Place.merge(origins) as never)

/** Reads another number than it writes. */
const Odd = Schema.Int.pipe(
  Schema.decodeTo(Schema.Int, SchemaTransformation.transform({ decode: (n) => n + 1, encode: (n) => n }))
)

class OddCounted extends Event.make("OddCounted", { odd: Odd }) {}
/** Its upcast leaves fields undefined, which JSON does not know. */
class CountNamed extends Event.make("CountNamed", {}).revise(
  2,
  { name: Schema.optional(Schema.String), in: Schema.Array(Schema.Struct({ at: Schema.optional(Schema.Int) })) },
  () => ({ name: undefined, in: [{ at: undefined }] })
) {}
class Count extends Command.make("Count") {}
class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Unknown,
  commands: [Count],
  events: [OddCounted, CountNamed],
  rejections: []
}).decider({
  initial: {},
  decide: { Count: () => Decision.accept(OddCounted.make({ odd: 1 })) },
  evolve: { OddCounted: (_, { odd }) => odd, CountNamed: (_, event) => event }
}) {}

const Counting = Domain.make("Counting", { aggregates: [Counter], projections: [] })

export default Project.make({
  domains: [Shop, Counting],
  upcaster: Upcaster.layer(options),
  store: Place.store,
  copy: [merge]
})
