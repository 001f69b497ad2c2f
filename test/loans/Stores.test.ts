/**
 * The first lines of the real log, on the stores that have a database. The whole log is for `full.ts`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Upcaster } from "@varve/core"
import { Effect, Layer, Stream } from "effect"
import * as Figures from "../../examples/loans/src/Figures.ts"
import * as Import from "../../examples/loans/src/Import.ts"
import { LoanApplication } from "../../examples/loans/src/LoanApplication.ts"
import * as LogFile from "../../examples/loans/src/LogFile.ts"
import { format } from "../../examples/loans/src/LogLine.ts"
import * as TestServer from "../support/TestServer.ts"
import * as log from "./log.ts"

const lineCount = 6_000

const firstLines = Effect.gen(function*() {
  const entries = LogFile.entries(yield* LogFile.open(log.realFile))
  const lines = yield* entries.pipe(
    Stream.take(lineCount),
    Stream.mapEffect(Effect.fromResult),
    Stream.map(({ line }) => format(line)),
    Stream.runCollect
  )
  return log.bytes(lines)
})

const importTwice = Effect.gen(function*() {
  const bytes = yield* firstLines
  const checked = yield* LogFile.check(bytes)
  for (const expected of [{ added: lineCount, alreadyThere: 0 }, { added: 0, alreadyThere: lineCount }]) {
    const { added, alreadyThere } = yield* Import.run(bytes, checked)
    assert.deepStrictEqual({ added, alreadyThere }, expected)
    assert.strictEqual(yield* EventStore.EventStore.use(({ head }) => head), lineCount)
    const { rows } = yield* Figures.compare(checked)
    assert.deepStrictEqual(rows.filter(({ ok }) => !ok), [])
  }
})

const on = <E, R>(store: Layer.Layer<EventStore.EventStore, E, R>) =>
  Effect.provide(
    importTwice,
    LoanApplication.layer.pipe(
      Layer.provideMerge(Layer.merge(store, Upcaster.layer())),
      Layer.merge(NodeServices.layer)
    )
  )

describe.skipIf(log.skipped !== undefined)(
  `the real log${log.skipped === undefined ? "" : ` (${log.skipped})`}`,
  () => {
    it.live("is imported exactly in memory", () => on(EventStore.layerMemory))

    it.live("is imported exactly into an embedded database", () => on(TestServer.layerEmbedded()), 60_000)

    it.live.skipIf(TestServer.skipped !== undefined)(
      "is imported exactly into a server",
      () => on(TestServer.layer()),
      60_000
    )
  }
)
