/**
 * What `npm run bench -- --json` and `npm run faults -- --json` have written, and how it is kept: of each benchmark and of
 * each suite the newest result, beside the circumstances of its run.
 */
import { readFileSync } from "node:fs"
import { benches } from "../../test/bench/benches.ts"
import type { Result as Measured } from "../../test/bench/frame/Report.ts"
import { suiteNames } from "../../test/faults/Arguments.ts"
import type { Circumstances } from "../../test/faults/circumstances.ts"
import type { Result as Judged } from "../../test/faults/Report.ts"
import type { Machine } from "../../test/support/machine.ts"

/** Where benchmarks ran, and beside what. */
export interface BenchMachine extends Machine {
  readonly at: string
  readonly postgres: { readonly version: string; readonly [setting: string]: string } | null
  readonly pgbench: string | null
  readonly emmett: string
}

export interface BenchRun {
  readonly machine: BenchMachine
  readonly benches: ReadonlyArray<Measured>
}

export interface FaultsRun {
  readonly machine: Circumstances
  readonly seed: number
  readonly suites: ReadonlyArray<Judged>
}

/** What is kept. */
export interface Kept {
  readonly bench: ReadonlyArray<BenchRun>
  readonly faults: ReadonlyArray<FaultsRun>
}

/** A result, and where it is from. */
export interface Found<Run extends { readonly machine: unknown }, Result> {
  readonly machine: Run["machine"]
  readonly result: Result
}

/** Of two of one moment the first stays first: what is given comes before what is kept. */
const newestFirst = <Run extends { readonly machine: { readonly at: string } }>(runs: ReadonlyArray<Run>) =>
  runs.toSorted((a, b) => Date.parse(b.machine.at) - Date.parse(a.machine.at))

/** Drops what a newer run has, too, and what there is no more, and runs of which nothing is left. */
const thin = <Run extends { readonly machine: { readonly at: string } }, Result>(
  runs: ReadonlyArray<Run>,
  known: ReadonlyArray<string>,
  parts: {
    readonly of: (run: Run) => ReadonlyArray<Result>
    readonly name: (result: Result) => string
    readonly with: (run: Run, results: ReadonlyArray<Result>) => Run
  }
): ReadonlyArray<Run> => {
  const seen = new Set<string>()
  return newestFirst(runs).flatMap((run) => {
    const left = parts.of(run).filter((result) => known.includes(parts.name(result)) && !seen.has(parts.name(result)))
    for (const result of left) seen.add(parts.name(result))
    return left.length === 0 ? [] : [parts.with(run, left)]
  })
}

export const benchNames: ReadonlyArray<string> = Object.keys(benches)

/** Digits of a figure that say something. */
const digits = 4

const rounded = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(digits)) : value

/** As it comes back from a document, so that a page says the same of what is given and of what is kept. */
const asKept = <A>(value: A): A => JSON.parse(JSON.stringify(value, rounded))

/** Of each benchmark and each suite the newest result. */
export const merge = ({ bench, faults }: Kept): Kept => ({
  bench: thin(asKept(bench), benchNames, {
    of: (run) => run.benches,
    name: (result) => result.bench,
    with: (run, benches) => ({ ...run, benches })
  }),
  faults: thin(asKept(faults), suiteNames, {
    of: (run) => run.suites,
    name: (result) => result.suite,
    with: (run, suites) => ({ ...run, suites })
  })
})

/** The results of the benchmarks, in the order in which they run. */
export const measured = ({ bench }: Kept): ReadonlyArray<Found<BenchRun, Measured>> =>
  bench.flatMap(({ benches, machine }) => benches.map((result) => ({ machine, result })))
    .sort((a, b) => benchNames.indexOf(a.result.bench) - benchNames.indexOf(b.result.bench))

/** The results of the suites, in the order in which they run. */
export const judged = ({ faults }: Kept): ReadonlyArray<Found<FaultsRun, Judged>> => {
  const names: ReadonlyArray<string> = suiteNames
  return faults.flatMap(({ machine, suites }) => suites.map((result) => ({ machine, result })))
    .sort((a, b) => names.indexOf(a.result.suite) - names.indexOf(b.result.suite))
}

const isFlat = (value: unknown): boolean =>
  typeof value !== "object" || value === null
  || Object.values(value).every((part) =>
    typeof part !== "object" || part === null || Object.values(part).every((each) => typeof each !== "object")
  )

/** JSON, with a line for each measure, ratio and suite, so that a change of one is a change of one line. */
const lines = (value: unknown, indent = ""): string => {
  if (isFlat(value)) return JSON.stringify(value)
  // Whatever is not flat is an array or an object.
  const parts = Array.isArray(value)
    ? value.map((part) => lines(part, `${indent}  `))
    : Object.entries(value as object).map(([name, part]) => `${JSON.stringify(name)}: ${lines(part, `${indent}  `)}`)
  const [open, close] = Array.isArray(value) ? "[]" : "{}"
  return `${open}\n${parts.map((part) => `${indent}  ${part}`).join(",\n")}\n${indent}${close}`
}

/** What is kept, as it is written down. */
export const format = (runs: ReadonlyArray<BenchRun | FaultsRun>): string => `${lines({ runs })}\n`

/** Reads what a command has written, or what is kept. Throws a line that says what is wrong. */
const read = <Run>(file: string, key: string, command: string): ReadonlyArray<Run> => {
  let document: { readonly runs?: ReadonlyArray<unknown> }
  try {
    document = JSON.parse(readFileSync(file, "utf8"))
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error })
  }
  const runs = document.runs ?? [document]
  const fits = (run: unknown) => {
    const { machine, [key]: results } = run as { readonly [key: string]: unknown }
    return Array.isArray(results) && typeof (machine as { readonly at?: unknown } | undefined)?.at === "string"
  }
  if (!Array.isArray(runs) || !runs.every(fits)) {
    throw new Error(`${file}: expected what \`${command} -- --json\` writes, got something else`)
  }
  // The rest is as the command has written it.
  return runs as ReadonlyArray<Run>
}

export const readBench = (file: string) => read<BenchRun>(file, "benches", "npm run bench")

export const readFaults = (file: string) => read<FaultsRun>(file, "suites", "npm run faults")
