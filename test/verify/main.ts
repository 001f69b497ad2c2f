/**
 * `npm run verify:store`: does the PostgreSQL of DATABASE_URL keep what Varve promises?
 */
import "effect/schema/SchemaJITCompiler/enable"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { runCommand } from "../support/runCommand.ts"
import { CannotRun, type Options, suiteNames } from "./Options.ts"
import * as Report from "./Report.ts"

const usage = `Usage: DATABASE_URL=postgres://user:password@host:port/database npm run verify:store -- [options]

Runs the suites of Varve against that database, in a schema of their own that is removed afterwards.

  --report <file>  writes the report, in Markdown, to a file as well
  --only <suite>   runs one suite, or several when given again: ${suiteNames.join(", ")}
  --seed <number>  makes the random moments those of another run
  --kills <number> processes to kill at random moments (12)
  --no-prepare     prepares no statements: for a pooler that knows none

Exit code: 0 when all that ran passed, 1 when something failed, 2 when nothing could be run.`

interface Arguments extends Options {
  readonly report: string | undefined
}

const seedLimit = 1_000_000
const killsLimit = 10_000

const numberOf = (option: string, text: string | undefined, otherwise: number, limit: number): number | CannotRun => {
  if (text === undefined) return otherwise
  const value = Number(text)
  return /^\d+$/.test(text) && value <= limit
    ? value
    : new CannotRun({ message: `--${option}: expected a number up to ${limit}, got ${text}` })
}

/** Throws on an option that there is not. */
const parse = (args: ReadonlyArray<string>) =>
  parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      report: { type: "string" },
      only: { type: "string", multiple: true },
      seed: { type: "string" },
      kills: { type: "string" },
      prepare: { type: "boolean" },
      help: { type: "boolean" }
    }
  }).values

/** What to run, or why not, or `undefined` when only help was asked for. */
const readArguments = (args: ReadonlyArray<string>): Arguments | CannotRun | undefined => {
  let values: ReturnType<typeof parse>
  try {
    values = parse(args)
  } catch (error) {
    return new CannotRun({ message: `${(error as Error).message.split(".")[0]} (see --help)` })
  }
  if (values.help === true) return undefined
  const seed = numberOf("seed", values.seed, Math.floor(Math.random() * seedLimit), seedLimit)
  const kills = numberOf("kills", values.kills, 12, killsLimit)
  if (seed instanceof CannotRun) return seed
  if (kills instanceof CannotRun) return kills
  const only = values.only ?? []
  const names: ReadonlyArray<string> = suiteNames
  const unknown = only.find((suite) => !names.includes(suite))
  if (unknown !== undefined) {
    return new CannotRun({ message: `--only: expected one of ${suiteNames.join(", ")}, got ${unknown}` })
  }
  const url = process.env.DATABASE_URL ?? ""
  if (url === "") {
    return new CannotRun({
      message: "set DATABASE_URL to the database to verify: "
        + "DATABASE_URL=postgres://user:password@host:port/database npm run verify:store"
    })
  }
  return { url, seed, kills, only, prepare: values.prepare ?? true, report: values.report }
}

/** Finds out now whether the file can be written, not when all is done. */
const writeReport = (file: string | undefined, text: string): Effect.Effect<void, CannotRun> =>
  Effect.try({
    try: () => file === undefined ? undefined : writeFileSync(file, text),
    catch: (error) => new CannotRun({ message: `--report: ${(error as Error).message}` })
  })

/** Yields the exit code. */
const main = (options: Arguments): Effect.Effect<number> =>
  Effect.gen(function*() {
    const unfinished = "# Varve, verification of a store: not finished\n"
    yield* writeReport(options.report, unfinished)
    // Only now: what is wrong with the options is told at once.
    const { verify } = yield* Effect.promise(() => import("./verify.ts"))
    const report = yield* verify(options)
    const text = Report.render(report)
    console.log(`\n${text}`)
    yield* writeReport(options.report, text)
    if (options.report !== undefined) console.log(`The report is in ${options.report}.`)
    return Report.isGood(report.results) ? 0 : 1
  }).pipe(
    Effect.catch(({ message }) =>
      Effect.sync(() => {
        console.error(`verify:store: ${message}`)
        return 2
      })
    ),
    Effect.onInterrupt(() => Effect.sync(() => console.error("verify:store: interrupted, so nothing is verified")))
  )

const options = readArguments(process.argv.slice(2))
if (options === undefined) {
  console.log(usage)
} else if (options instanceof CannotRun) {
  console.error(`verify:store: ${options.message}`)
  process.exitCode = 2
} else {
  runCommand(main(options))
}
