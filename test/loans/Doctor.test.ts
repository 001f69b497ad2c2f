/**
 * `varve doctor` on the first lines of the real log: it finds what is planted, and nothing else. The whole log is for
 * `doctor.ts`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { RowStore, Upcaster } from "@varve/core"
import { Effect, Layer, Stream } from "effect"
import { join } from "node:path"
import * as Import from "../../examples/loans/src/Import.ts"
import { LoanApplication } from "../../examples/loans/src/LoanApplication.ts"
import * as LogFile from "../../examples/loans/src/LogFile.ts"
import { format } from "../../examples/loans/src/LogLine.ts"
import * as Checkup from "../cli/checkup/Checkup.ts"
import * as TestServer from "../support/TestServer.ts"
import * as log from "./log.ts"
import * as planting from "./planting.ts"

const lineCount = 3_000

const imported = Effect.gen(function*() {
  const entries = LogFile.entries(yield* LogFile.open(log.realFile))
  const lines = yield* entries.pipe(
    Stream.take(lineCount),
    Stream.mapEffect(Effect.fromResult),
    Stream.map(({ line }) => format(line)),
    Stream.runCollect
  )
  const bytes = log.bytes(lines)
  yield* Import.run(bytes, yield* LogFile.check(bytes))
}).pipe(Effect.provide(Layer.mergeAll(LoanApplication.layer, NodeServices.layer)))

const found = ({ unreadable }: Checkup.Report): ReadonlyArray<planting.Planted> =>
  unreadable.map(({ position, revision, type, why }) => ({ position, type, revision, why }))

const suite = (store: Layer.Layer<TestServer.Provides>) =>
  it.live("finds exactly the five events, and what does not hold", () =>
    Effect.scoped(Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const folder = yield* Checkup.project(join(import.meta.dirname, "doctor.config.ts"))
      yield* imported
      const before = yield* folder.json("--all")
      assert.deepStrictEqual([before.code, before.unreadable, before.findings, before.hints], [0, [], [], []])
      const planted = yield* planting.plant
      assert.strictEqual(planted.length, 5)
      const all = yield* folder.json("--all")
      assert.deepStrictEqual([all.code, all.decoded.events, all.decoded.unreadable], [1, lineCount + 2, 5])
      assert.deepStrictEqual(found(all), planted)
      assert.deepStrictEqual(all.findings, [])
      const everyOne = yield* folder.json("--sample", "10000")
      assert.deepStrictEqual(found(everyOne).toSorted((a, b) => a.position - b.position), planted)
      // A few of each, too, find what is of the future: there is nothing else of its type and revision.
      const few = found(yield* folder.json("--sample", "2")).filter(({ why }) => why !== "InvalidPayload")
      assert.deepStrictEqual(few.toSorted((a, b) => a.position - b.position), planted.slice(-2))

      const rows = yield* RowStore.RowStore
      const target: RowStore.Target = { kind: "projection", name: "Ahead", revision: 1 }
      yield* rows.open({ target, mode: "async", position: 1_000_000 })
      yield* planting.unprotected(sql`DELETE FROM varve.events WHERE position = 100`)
      yield* sql`ALTER TABLE varve.events DISABLE TRIGGER events_protect_table`
      const { code, findings } = yield* folder.json()
      assert.strictEqual(code, 1)
      const expected = [
        /^position after 99$/,
        /^place in its commit of the event at position \d+$/,
        /^version after \d+ of LoanApplication\/\d+$/,
        /^trigger events_protect_table on the events$/,
        /^checkpoint of partition 0 of projection Ahead, revision 1$/
      ]
      // The event may have been the last of its commit or of its stream.
      assert.isTrue(findings.every(({ what }) => expected.some((pattern) => pattern.test(what))))
      for (const i of [0, 3, 4]) assert.isTrue(findings.some(({ what }) => expected[i]!.test(what)))
      const { stdout } = yield* folder.doctor()
      assert.include(stdout, "position after 99: expected 100, got 101\n")
      assert.match(stdout, /\nSomething is wrong\./)
    })).pipe(
      Effect.provide(Layer.merge(Layer.fresh(store), Upcaster.layer()))
    ), 60_000)

describe.skipIf(log.skipped !== undefined)(
  `a doctor of the real log${log.skipped === undefined ? "" : ` (${log.skipped})`}`,
  () => {
    describe("in an embedded database", () => void suite(TestServer.layerEmbedded()))
    describe.skipIf(TestServer.skipped !== undefined)("on a server", () => void suite(TestServer.layer()))
  }
)
