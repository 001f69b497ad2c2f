/** The store that the command and a test both have, in one process. */
import type { Project } from "@varve/cli"
import { EventStore, ProgramStore, RowStore, StoreAdmin } from "@varve/core"
import { Context, Effect, Layer } from "effect"

// The configuration may be loaded beside the modules of the test.
const place = Symbol.for("varve/test/cli/held")
const holder = globalThis as { [place]?: Context.Context<Project.Services> }

/** Nothing but the store: what else a test provides, such as a console of its own, is not for the command. */
export const hold: Effect.Effect<void, never, Project.Services> = Effect.map(
  Effect.context<Project.Services>(),
  (context) => {
    holder[place] = Context.pick(
      EventStore.EventStore,
      RowStore.RowStore,
      StoreAdmin.StoreAdmin,
      ProgramStore.ProgramStore
    )(context)
  }
)

export const layer: Layer.Layer<Project.Services> = Layer.suspend(() => Layer.succeedContext(holder[place]!))
