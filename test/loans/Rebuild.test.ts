/**
 * A rebuild of a read model while a writer and readers go on, on a small log that is made up. `rebuild.ts` does it with
 * the real one.
 */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, type RowStore, Upcaster } from "@varve/core"
import { Effect, Layer } from "effect"
import { Applications } from "../../examples/loans/src/Applications.ts"
import { LoanApplication } from "../../examples/loans/src/LoanApplication.ts"
import * as TestServer from "../support/TestServer.ts"
import * as log from "./log.ts"
import * as rebuilding from "./rebuilding.ts"

const lines = [...log.made({ applications: 300, rounds: 20 })]

const on = <E, R>(store: Layer.Layer<EventStore.EventStore | RowStore.RowStore, E, R>) =>
  Effect.gen(function*() {
    const { after, before } = yield* rebuilding.run(lines)
    assert.isAbove(before.rows, 0)
    assert.isAbove(after.rows, 0)
  }).pipe(
    Effect.provide(Applications.layerAsync),
    Effect.provide(LoanApplication.layer.pipe(Layer.provideMerge(Layer.merge(store, Upcaster.layer()))))
  )

describe("a rebuild under appends and reads", () => {
  it.live("shows no row half built, in memory", () => on(EventStore.layerMemory), 60_000)

  it.live.skipIf(TestServer.skipped !== undefined)(
    `shows no row half built, on a server${TestServer.skipped === undefined ? "" : ` (${TestServer.skipped})`}`,
    () => on(TestServer.layer()),
    120_000
  )
})
