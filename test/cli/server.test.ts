/** The commands on a PostgreSQL server answer as they do in memory. */
import { assert, describe, layer } from "@effect/vitest"
import type { Project } from "@varve/cli"
import { EventStore, Rebuild, Upcaster } from "@varve/core"
import { Effect, Layer, Stream } from "effect"
import * as TestServer from "../support/TestServer.ts"
import { OldBrightness, options } from "./look/Lamps.ts"
import * as Look from "./look/Look.ts"

/** As they come from both stores, but for the times, and for what is new in every run. */
const answers = Effect.gen(function*() {
  yield* Look.write(
    ...Array.from({ length: 1_200 }, (_, i) => ({
      id: `${i % 3}`,
      type: i % 5 === 0 ? "Darkened" : "Lit",
      revision: i % 5 === 0 ? 1 : 2,
      payload: i % 5 === 0 ? {} : { lumen: i % 600 }
    })),
    { id: "0", type: "Carried", payload: { room: "hall" } },
    // What no projection reads.
    { id: "0", type: "Stolen" }
  )
  yield* Stream.runDrain(Rebuild.build(OldBrightness))
  const lines: ReadonlyArray<ReadonlyArray<string>> = [
    ["events", "list", "--backward", "--limit", "3"],
    ["events", "list", "--stream", "Light/1", "--type", "Darkened", "--until", "100"],
    ["events", "list", "--from", "2999-01-01"],
    ["events", "list", "--to", "2999-01-01", "--after", "1195", "-p"],
    ["stream", "show", "Light/0", "--limit", "3"],
    ["stream", "show", "Light/0", "--at", "position:900", "--limit", "2"],
    ["projection", "rebuild", "Brightness", "--switch"],
    ["projection", "rollback", "Brightness"],
    ["projection", "pause", "Brightness"],
    ["projection", "list"],
    ["projection", "drop", "Brightness@2", "--yes"],
    ["projection", "status", "Brightness@2"]
  ]
  return yield* Effect.forEach(lines, (line) =>
    Effect.map(Look.varve(line), ({ code, stderr, stdout }) => {
      const plain = (stdout + stderr).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME").replaceAll(
        /[\d.]+ s\b/g,
        "SECONDS"
      )
      return `varve ${line.join(" ")}\n${plain}${code}`
    }))
})

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  const both: Layer.Layer<Project.Services | Upcaster.Upcaster> = Layer.merge(
    TestServer.layer(),
    Upcaster.layer(options)
  )
  layer(both, { excludeTestServices: true })((it) => {
    it.effect("the commands answer as in memory", () =>
      Effect.gen(function*() {
        const onServer = yield* answers
        const inMemory = yield* Effect.provide(answers, EventStore.layerMemory)
        assert.deepStrictEqual(onServer, inMemory)
        assert.match(onServer.join("\n"), /1,202 +TIME +Light\/0/)
      }), 60_000)
  })
})
