/**
 * Rebuilds a read model of the whole log on a server while two thirds of the log are still to come and readers go on:
 *
 *     node_modules/.bin/node test/loans/rebuild.ts
 */
import "effect/schema/SchemaJITCompiler/enable"

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Upcaster } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Layer, Redacted, Stream } from "effect"
import { Applications } from "../../examples/loans/src/Applications.ts"
import { LoanApplication } from "../../examples/loans/src/LoanApplication.ts"
import * as LogFile from "../../examples/loans/src/LogFile.ts"
import { start } from "../support/PostgresServer.ts"
import * as log from "./log.ts"
import * as rebuilding from "./rebuilding.ts"

const lines = Effect.gen(function*() {
  const entries = LogFile.entries(yield* LogFile.open(log.realFile))
  return yield* entries.pipe(
    Stream.mapEffect(Effect.fromResult),
    Stream.map(({ line }) => line),
    Stream.runCollect
  )
}).pipe(Effect.provide(NodeServices.layer))

const main = async (): Promise<void> => {
  if (log.skipped !== undefined) return console.warn(`Nothing is rebuilt: ${log.skipped}`)
  const server = await start()
  if ("skipped" in server) return console.warn(`Nothing is rebuilt: ${server.skipped}`)
  try {
    const store = Postgres.layerPool({ url: Redacted.make(server.url), timeout: "60 seconds" })
    const { after, before } = await Effect.runPromise(
      Effect.flatMap(lines, rebuilding.run).pipe(
        Effect.provide(Applications.layerAsync),
        Effect.provide(LoanApplication.layer.pipe(Layer.provideMerge(Layer.merge(store, Upcaster.layer()))))
      )
    )
    const words = ({ reads, rows }: typeof before) => `${reads} answers of ${rows} rows`
    console.log(
      `rebuild: both revisions agree; before the switch ${words(before)}, after it ${words(after)}, all right`
    )
  } finally {
    await server.stop()
  }
}

await main()
