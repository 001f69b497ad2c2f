/**
 * Imports the whole log into every kind of store, twice each, and wants every figure exact; then reports of it, twice,
 * where the store keeps it. Takes about two minutes:
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

/** Reports twice: the first time folds all events, the second one only reads rows. */
const reportTwice = async (where: string, place: ReadonlyArray<string>) => {
  for (const time of ["first", "second"]) {
    console.log(`\n== ${where}, the ${time} report`)
    const run = program.start(["report", ...place], { heard: console.log })
    program.expectEqual(`${where}, the ${time} report`, run, await run.code)
  }
}

/** There is no report of nothing. */
const reportNothing = async () => {
  for (const place of [["--memory"], ["--data", join(program.temporaryDirectory(), "empty")]]) {
    const code = await program.start(["report", ...place]).code
    if (code !== 1) throw new Error(`report ${place[0]} of nothing: expected the exit code 1, got ${code}`)
  }
}

const main = async (): Promise<void> => {
  if (log.skipped !== undefined) return console.warn(`The whole log is not imported: ${log.skipped}`)
  const streamed = [`--max-old-space-size=${heapMegabytes}`]
  await reportNothing()
  await importTwice("memory", ["--memory"])
  const embedded = ["--data", join(program.temporaryDirectory(), "loans")]
  await importTwice("embedded", embedded, streamed)
  await reportTwice("embedded", embedded)
  const server = await startServer()
  if ("skipped" in server) return console.warn(`The whole log is not imported on a server: ${server.skipped}`)
  try {
    await importTwice("server", ["--server", server.url], streamed)
    await reportTwice("server", ["--server", server.url])
  } finally {
    await server.stop()
  }
  console.log("\nfull: every figure exact")
}

await main()
