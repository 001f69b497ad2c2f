/** The stories of `evolution.test.ts` on databases. `VARVE_EVOLUTION_RUNS`, `_SEED` and `_REPLAY` as there. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as TestServer from "../support/TestServer.ts"
import { everything, Story, told } from "./Story.ts"

const runs = Number(process.env.VARVE_EVOLUTION_RUNS ?? 3)

/** A revision that serves is told. */
const quiet = Logger.layer([])

const stories = (store: Layer.Layer<TestServer.Provides>) => {
  it.live(
    "read what those before them have written, whatever they call it",
    () => Effect.provide(Effect.scoped(told(everything)), [Layer.fresh(store), quiet]),
    30_000
  )

  it.live.prop(
    "agree with an oracle on everything that was written up to them, however their projections run",
    [Story],
    ([story]) => Effect.provide(Effect.scoped(told(story)), [Layer.fresh(store), quiet]),
    {
      timeout: 30_000 + runs * 10_000,
      // A failure is shrunk for a while only: it takes seconds to tell a story.
      arbitrary: {
        runs,
        size: 20,
        maxShrinks: 20,
        replay: process.env.VARVE_EVOLUTION_REPLAY,
        seed: process.env.VARVE_EVOLUTION_SEED
      }
    }
  )
}

describe.skipIf(TestServer.skipped !== undefined)("five releases on a server", () => {
  stories(TestServer.layer())
})

describe("five releases on an embedded database", () => {
  stories(TestServer.sharedEmbedded())
})
