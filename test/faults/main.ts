/**
 * `npm run faults`: what Varve promises, while things go wrong.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { Effect } from "effect"
import { runCommand } from "../support/runCommand.ts"
import * as Arguments from "./Arguments.ts"
import * as Report from "./Report.ts"

/** Yields the exit code. */
const main = (asked: Arguments.Arguments): Effect.Effect<number> =>
  Effect.gen(function*() {
    // Only now: what is wrong with the command line is told at once.
    const { suites } = yield* Effect.promise(() => import("./suites.ts"))
    const { run } = yield* Effect.promise(() => import("./run.ts"))
    const { circumstances } = yield* Effect.promise(() => import("./circumstances.ts"))
    const say = asked.json ? console.error : console.log
    const at = new Date()
    say(`seed ${asked.seed}`)
    const results = yield* run(suites, asked, (result) => say(Report.describe(result)))
    const good = Report.isGood(results, asked.suites)
    if (asked.json) {
      const { seed } = asked
      console.log(JSON.stringify({ machine: circumstances(at), seed, suites: results }, null, 2))
    } else {
      console.log(`\n${Report.table(results)}\n`)
    }
    const failed = results.filter(({ status }) => status === "failed").map(({ suite }) => suite)
    if (failed.length > 0) say(`Again: npm run faults -- ${failed.join(" ")} --seed ${asked.seed}`)
    for (const { reason, status, suite } of results) {
      if (status !== "skipped" || !asked.suites.some((name) => name === suite)) continue
      console.error(`faults: ${suite} was asked for and cannot run here: ${reason}`)
    }
    say(`faults: ${Report.tally(results)} (seed ${asked.seed})`)
    return good ? 0 : 1
  })

const asked = Arguments.read(process.argv.slice(2), process.env)
if (asked === undefined) {
  console.log(Arguments.usage)
} else if (asked instanceof Arguments.Wrong) {
  console.error(`faults: ${asked.message}`)
  process.exitCode = 2
} else {
  runCommand(main(asked))
}
