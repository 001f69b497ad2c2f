/**
 * The property of `test/core/Modes.test.ts` where processes have stores of their own on one database, and where a foreign
 * writer is one that knows of no projection. `VARVE_MODES_SEED`, `VARVE_MODES_REPLAY` and `VARVE_MODES_RUNS` as there.
 */
import { PgClient } from "@effect/sql-pg"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { EventStore, Upcaster } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Context, Effect, Layer, Logger, ManagedRuntime, Redacted } from "effect"
import { everything, everythingHappens, Plan } from "../core/ModesPlan.ts"
import { halted, judged, type World } from "../core/ModesWorld.ts"
import * as TestServer from "../support/TestServer.ts"

const runs = Number(process.env.VARVE_MODES_RUNS ?? 3)

/** What is parked is warned of. */
const quiet = Logger.layer([])

let schemas = 0

/** A world in a schema of its own: that takes less than a database. Every process has a store of its own. */
const inSchema = <A, E>(use: (world: World) => Effect.Effect<A, E, Upcaster.Upcaster>) =>
  Effect.gen(function*() {
    const client = yield* PgClient.PgClient
    const open = Layer.build(Layer.fresh(Postgres.layer({ schema: `modes_${schemas++}` }))).pipe(
      Effect.provideService(PgClient.PgClient, client)
    )
    const foreign = Context.get(yield* open, EventStore.EventStore)
    return yield* use({ open, foreign })
  }).pipe(Effect.scoped, Effect.provide([Upcaster.layer(), quiet]))

const properties = (client: Effect.Effect<Context.Context<PgClient.PgClient>, unknown>) => {
  const inWorld = <A, E>(use: (world: World) => Effect.Effect<A, E, Upcaster.Upcaster>) =>
    Effect.flatMap(client, (context) => Effect.provideContext(inSchema(use), context))

  it.live.prop(
    "inline, async, live and rebuilt come to the same rows",
    [Plan],
    ([plan]) => inWorld((world) => judged(world, plan)),
    {
      timeout: 30_000 + runs * 5_000,
      // A failure is shrunk for a while only: it takes a second to judge a plan.
      arbitrary: {
        runs,
        size: 20,
        maxShrinks: 30,
        replay: process.env.VARVE_MODES_REPLAY,
        seed: process.env.VARVE_MODES_SEED
      }
    }
  )

  it.live("come to everything that a plan can hold", () =>
    Effect.gen(function*() {
      assert.includeMembers([...(yield* inWorld((world) => judged(world, everything)))], everythingHappens)
    }), 40_000)

  for (const mode of ["inline", "async"] as const) {
    it.live(
      `${mode}: a fold that halts does so before the commit that it cannot take`,
      () => inWorld((world) => halted(world, mode)),
      30_000
    )
  }
}

describe.skipIf(TestServer.skipped !== undefined)("the modes of a projection on a server", () => {
  const runtime = ManagedRuntime.make(
    Layer.unwrap(Effect.map(TestServer.database, (url) => PgClient.layer({ url: Redacted.make(url) })))
  )
  afterAll(() => runtime.dispose())
  properties(runtime.contextEffect)
})

describe("the modes of a projection on an embedded database", () => {
  const runtime = ManagedRuntime.make(TestServer.layerEmbedded())
  // Starting takes seconds, which are not a test's.
  beforeAll(() => runtime.runPromise(Effect.void))
  afterAll(() => runtime.dispose())
  properties(runtime.contextEffect)
})
