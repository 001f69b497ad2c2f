/**
 * Benchmarks: rounds in turn on one machine. What counts is ratios, to a limit of the database or to another library,
 * measured in the same run.
 *
 *     npm run bench [NAME ...] [-- --rounds N --seconds N --json --no-peers --slack FACTOR --floor RATIO]
 */
import "effect/schema/SchemaJITCompiler/enable"

import { machine } from "../support/machine.ts"
import { benches } from "./benches.ts"
import * as Options from "./frame/options.ts"
import { emmettVersion } from "./frame/peer.ts"
import * as pgbench from "./frame/pgbench.ts"
import { format, missed, Report, type Result } from "./frame/Report.ts"
import * as server from "./frame/server.ts"

const help = async (): Promise<string> => {
  const names = Object.keys(benches)
  const width = Math.max(...names.map((name) => name.length))
  const lines = await Promise.all(
    names.map(async (name) => `  ${name.padEnd(width)}  ${(await benches[name]!()).bench.about}`)
  )
  return `npm run bench [NAME ...] [-- OPTIONS]   all of them, unless named

${lines.join("\n")}

  --rounds N      rounds that are counted, in place of a bench's own
  --seconds N     seconds of a round that ends by the clock, in place of a bench's own
  --no-peers      measure beside no other library, and install none
  --json          one JSON document on stdout
  --slack FACTOR  a target that is missed by at most this factor does not fail the run
  --floor RATIO   a target of "at least" that is above this ratio does not fail the run where this one is reached
`
}

/** Where a run took place, and what took part. */
const circumstances = async (at: Date) => ({
  at: at.toISOString(),
  ...machine(),
  postgres: await server.about() ?? null,
  pgbench: pgbench.version ?? null,
  emmett: emmettVersion
})

const run = async (options: Options.Options): Promise<number> => {
  const at = new Date()
  // With --json, stdout has the document alone.
  const tell = (line: string) => void process.stderr.write(`${line}\n`)
  const results: Array<Result> = []
  let failed = false
  for (const name of options.names) {
    const { bench } = await benches[name]!()
    const report = new Report(name, bench.about, tell)
    try {
      await bench.run(options, report)
    } catch (error) {
      report.failed = (error instanceof Error ? error.message : String(error)).split("\n")[0]!
      if (process.env.DEBUG !== undefined) console.error(error)
    }
    const { result } = report
    results.push(result)
    if (!options.json) console.log(format(result))
    if (result.failed !== undefined || missed(result, options).length > 0) failed = true
  }
  if (options.json) console.log(JSON.stringify({ machine: await circumstances(at), benches: results }, null, 2))
  await server.stop()
  return failed ? 1 : 0
}

const options = Options.parse(process.argv.slice(2), Object.keys(benches))
if (typeof options === "string") {
  console.error(`bench: ${options}`)
  process.exitCode = 2
} else if (options.help) console.log(await help())
else process.exitCode = await run(options)
