/**
 * However a projection is run, and however often that changes: its rows are the same. A failure prints the smallest plan,
 * its seed and what replays it: `VARVE_MODES_SEED`, `VARVE_MODES_REPLAY`. `VARVE_MODES_RUNS` is how many plans are tried.
 */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, RowStore, StoreAdmin, Upcaster } from "@varve/core"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { everything, everythingHappens, Plan } from "./ModesPlan.ts"
import { halted, judged, type World } from "./ModesWorld.ts"

const runs = Number(process.env.VARVE_MODES_RUNS ?? 300)

/** Time goes on by itself, in steps that let everybody have a turn. */
const ticking = Effect.forever(TestClock.adjust("5 millis"))

const onMemory = <A, E>(use: (world: World) => Effect.Effect<A, E, Upcaster.Upcaster>) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(Layer.fresh(EventStore.layerMemory))
    yield* Effect.forkScoped(ticking)
    // The services alone: a process has a scope of its own.
    const services = Context.pick(EventStore.EventStore, RowStore.RowStore, StoreAdmin.StoreAdmin)(context)
    return yield* use({ open: Effect.succeed(services), foreign: undefined })
  }).pipe(Effect.scoped, Effect.provide(Upcaster.layer()))

describe("the modes of a projection", () => {
  it.effect.prop(
    "inline, async, live and rebuilt come to the same rows",
    [Plan],
    ([plan]) => onMemory((world) => judged(world, plan)),
    {
      timeout: 30_000 + runs * 100,
      arbitrary: { runs, size: 30, replay: process.env.VARVE_MODES_REPLAY, seed: process.env.VARVE_MODES_SEED }
    }
  )

  it.effect("come to everything that a plan can hold", () =>
    Effect.gen(function*() {
      assert.includeMembers([...(yield* onMemory((world) => judged(world, everything)))], everythingHappens)
    }), 30_000)

  for (const mode of ["inline", "async"] as const) {
    it.effect(
      `${mode}: a fold that halts does so before the commit that it cannot take`,
      () => onMemory((world) => halted(world, mode)),
      30_000
    )
  }
})
