/**
 * PostgreSQL's own load generator: the limit that a program in any language meets.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as os from "node:os"
import { join } from "node:path"
import { latencies, type Sample } from "./measure.ts"

/** Its version, or undefined where there is none. */
export const version: string | undefined = (() => {
  const { error, status, stdout } = spawnSync("pgbench", ["--version"], { encoding: "utf8" })
  return error === undefined && status === 0 ? stdout.trim() : undefined
})()

const run = (args: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn("pgbench", args, { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    let errors = ""
    child.stdout.on("data", (chunk) => output += chunk)
    child.stderr.on("data", (chunk) => errors += chunk)
    child.once("error", reject)
    child.once("close", (code) => code === 0 ? resolve(output) : reject(new Error(`pgbench: ${errors.trim()}`)))
  })

/** Its clock starts before its clients are connected: how much of a round may go by with that. */
const connectingShare = 0.3
const maxTries = 4

/**
 * One round: a prepared statement, again and again, each in a transaction of its own. Takes whole seconds, and as many more
 * as it takes to connect.
 */
export const round = async (url: string, statement: string, variables: Readonly<Record<string, string>>, options: {
  readonly clients: number
  readonly seconds: number
  /** Whether to write down how long each took, which costs a little. */
  readonly latencies: boolean
}): Promise<Sample> => {
  const folder = mkdtempSync(join(os.tmpdir(), "varve-pgbench-"))
  try {
    const script = join(folder, "script.sql")
    writeFileSync(script, `${statement}\n`)
    const threads = Math.min(options.clients, os.availableParallelism())
    const definitions = Object.entries(variables).flatMap(([name, value]) => ["-D", `${name}=${value}`])
    let seconds = Math.max(1, Math.round(options.seconds))
    for (let tries = 1;; tries++) {
      const log = join(folder, `log${tries}`)
      const output = await run([
        ...`-n -M prepared -c ${options.clients} -j ${threads} -T ${seconds}`.split(" "),
        ...definitions,
        ...(options.latencies ? ["-l", "--log-prefix", log] : []),
        "-f",
        script,
        url
      ])
      const value = Number(/tps = ([\d.]+)/.exec(output)?.[1])
      const connecting = Number(/initial connection time = ([\d.]+) ms/.exec(output)?.[1]) / 1_000
      if (value > 0 && (connecting < seconds * connectingShare || tries === maxTries)) {
        return options.latencies ? { value, ...latencies(readLog(folder, `log${tries}`)) } : { value }
      }
      if (tries === maxTries) throw new Error(`pgbench told no rate: ${output.slice(-500)}`)
      seconds *= 2
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Milliseconds of each transaction. A line is: client, transaction, microseconds, … */
const readLog = (folder: string, prefix: string): ReadonlyArray<number> =>
  readdirSync(folder).filter((name) => name.startsWith(prefix)).flatMap((name) =>
    readFileSync(join(folder, name), "utf8").trimEnd().split("\n").map((line) => Number(line.split(" ")[2]) / 1_000)
  )
