/** A store in memory, with some thousand events, made anew by every process. */
import { Project } from "@varve/cli"
import { EventStore, StreamName, Upcaster } from "@varve/core"
import { Effect, Layer } from "effect"
import { Lamps, options } from "./Lamps.ts"

const fill = Effect.gen(function*() {
  const store = yield* EventStore.EventStore
  for (let i = 0; i < 5_000; i++) {
    const stream = StreamName.make("Light", `${i % 10}`)
    const events = [{ type: "Lit", revision: 2, payload: { lumen: i, note: "x".repeat(100) } }] as const
    yield* store.append({ writes: [{ stream, expected: "any", events }] })
  }
})

export default Project.make({
  domains: [Lamps],
  upcaster: Upcaster.layer(options),
  store: () => Layer.effectDiscard(fill).pipe(Layer.orDie, Layer.provideMerge(EventStore.layerMemory))
})
