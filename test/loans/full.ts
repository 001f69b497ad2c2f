/**
 * Imports the whole log into every kind of store, twice each, and wants every figure exact. Takes about two minutes:
 *
 *     node_modules/.bin/node test/loans/full.ts
 */
import { join } from "node:path"
import { start as startServer } from "../support/PostgresServer.ts"
import * as log from "./log.ts"
import * as program from "./program.ts"

/** A heap that the log does not fit into: what goes through it is streamed. The stores need what they need beside it. */
const heapMegabytes = 128

const importTwice = async (where: string, place: ReadonlyArray<string>, execArgv: ReadonlyArray<string> = []) => {
  for (const time of ["first", "second"]) {
    console.log(`\n== ${where}, the ${time} time ${execArgv.join(" ")}`)
    const run = program.start(["import", log.realFile, ...place], { execArgv, heard: console.log })
    program.expectExact(`${where}, the ${time} time`, run, await run.code)
    // Memory forgets, so there is no second time.
    if (where === "memory") return
    const said = time === "first" ? "Imported 262,200 lines" : "all 262,200 lines were there already"
    if (!run.lines.some((line) => line.includes(said))) throw new Error(`${where}: expected to be told "${said}"`)
  }
}

const main = async (): Promise<void> => {
  if (log.skipped !== undefined) return console.warn(`The whole log is not imported: ${log.skipped}`)
  const streamed = [`--max-old-space-size=${heapMegabytes}`]
  await importTwice("memory", ["--memory"])
  await importTwice("embedded", ["--data", join(program.temporaryDirectory(), "loans")], streamed)
  const server = await startServer()
  if ("skipped" in server) return console.warn(`The whole log is not imported on a server: ${server.skipped}`)
  try {
    await importTwice("server", ["--server", server.url], streamed)
  } finally {
    await server.stop()
  }
  console.log("\nfull: every figure exact")
}

await main()
