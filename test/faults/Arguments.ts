/**
 * What `npm run faults` is told on its command line.
 */
import { parseArgs } from "node:util"

export const suiteNames = ["kill", "kill-embedded", "proxy", "disk", "frozen", "pooler", "linear", "soak"] as const

export type SuiteName = typeof suiteNames[number]

export interface Arguments {
  /** Suites asked for by name; all unless told. */
  readonly suites: ReadonlyArray<SuiteName>
  readonly seed: number
  /** How long faults are made in each suite; what the suite thinks right, unless told. */
  readonly seconds: number | undefined
  /** How long the soak takes, whatever `seconds` tells. */
  readonly soakMinutes: number | undefined
  readonly json: boolean
}

const seedLimit = 1_000_000
const secondsLimit = 86_400
const soakMinutesLimit = 1_440

export const usage = `Usage: npm run faults -- [SUITE...] [options]

Makes faults on purpose, on servers of its own, and judges what is stored afterwards:

  kill           kill -9 of writers and of the server
  kill-embedded  kill -9 of the process of an embedded store
  proxy          connections that are cut before and after COMMIT, delayed, silenced, refused
  disk           a disk that is full (needs root, for a small tmpfs)
  frozen         the owner of a projection stands still until its lease has moved
  pooler         pgbouncer in transaction mode: contracts, and work of several processes (needs pgbouncer)
  linear         an order of all appends and reads of several processes
  soak           all of it at once, for SOAK_MINUTES (2), and memory that does not grow

  --seed <number>     makes the plan of faults that of another run
  --seconds <number>  how long faults are made in each suite (in the soak: unless SOAK_MINUTES is set)
  --json              one JSON document on the standard output, and nothing else there

What a machine lacks for a suite is told: skipped: SUITE: REASON.
Exit code: 0 when all that ran passed; 1 when something failed, when a suite that was asked for by name cannot run here,
or when none can; 2 when the command line is wrong.`

/** What is wrong with the command line, in one line. */
export class Wrong {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

const numberOf = (what: string, text: string, least: number, most: number): number | Wrong => {
  const value = Number(text)
  return /^\d+(\.\d+)?$/.test(text) && value >= least && value <= most
    ? value
    : new Wrong(`${what}: expected a number from ${least} to ${most}, got ${text === "" ? "none" : text}`)
}

/** Throws on an option that there is not. */
const parse = (args: ReadonlyArray<string>) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      seconds: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" }
    }
  })

const isSuite = (name: string): name is SuiteName => suiteNames.some((suite) => suite === name)

/** What to run, or what is wrong, or `undefined` when only help was asked for. */
export const read = (
  args: ReadonlyArray<string>,
  env: { readonly [name: string]: string | undefined }
): Arguments | Wrong | undefined => {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    return new Wrong(`${(error as Error).message.split(".")[0]} (see --help)`)
  }
  const { positionals, values } = parsed
  if (values.help === true) return undefined
  const unknown = positionals.find((name) => !isSuite(name))
  if (unknown !== undefined) return new Wrong(`expected a suite of ${suiteNames.join(", ")}, got ${unknown}`)
  const seed = values.seed === undefined ? Math.floor(Math.random() * seedLimit) : Number(values.seed)
  if (values.seed !== undefined && (!/^\d+$/.test(values.seed) || seed > seedLimit)) {
    return new Wrong(`--seed: expected a whole number up to ${seedLimit}, got ${values.seed}`)
  }
  const seconds = values.seconds === undefined ? undefined : numberOf("--seconds", values.seconds, 1, secondsLimit)
  if (seconds instanceof Wrong) return seconds
  const soak = env.SOAK_MINUTES ?? ""
  const minutes = soak === "" ? undefined : numberOf("SOAK_MINUTES", soak, 0.1, soakMinutesLimit)
  if (minutes instanceof Wrong) return minutes
  return { suites: positionals.filter(isSuite), seed, seconds, soakMinutes: minutes, json: values.json ?? false }
}
