/** A store that does not open, each time for another reason. */
import { Project } from "@varve/cli"
import { EventStore } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Layer, Redacted } from "effect"
import { Lamps } from "./Lamps.ts"

const stores: Record<string, (opening: Project.Opening) => Layer.Layer<Project.Services, unknown>> = {
  fails: () => Layer.effectDiscard(Effect.fail(new Error("no\nkey"))).pipe(Layer.provideMerge(EventStore.layerMemory)),
  dies: () =>
    Layer.effectDiscard(Effect.die(new Error("wrong wiring"))).pipe(Layer.provideMerge(EventStore.layerMemory)),
  throws: () => {
    throw new Error("no such variable")
  },
  away: (opening) => Postgres.layerPool({ url: Redacted.make("postgres://nobody:secret@127.0.0.1:1/x"), ...opening })
}

export default Project.make({ domains: [Lamps], store: stores[process.env["VARVE_TEST_STORE"]!]! })
