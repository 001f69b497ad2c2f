/**
 * `varve doctor` on the whole log: interrupted and resumed, it finds exactly the five events that are planted. Takes about
 * half a minute:
 *
 *     node_modules/.bin/node test/loans/doctor.ts
 */
import { Postgres } from "@varve/postgres"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { existsSync, watch, writeFileSync } from "node:fs"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { start as startServer } from "../support/PostgresServer.ts"
import * as log from "./log.ts"
import * as planting from "./planting.ts"
import * as program from "./program.ts"

const lineCount = 262_200

const bin = new URL("../../packages/cli/src/bin.ts", import.meta.url).pathname
const config = new URL("../../examples/loans/varve.config.ts", import.meta.url).pathname

const directory = program.temporaryDirectory()
const own = join(directory, "varve.config.ts")
const state = join(directory, ".varve", "doctor.json")

interface Ran {
  readonly code: number | null
  readonly stdout: string
}

/** Runs the command, as its users do. `started` gets the process, to do with it what they may do. */
const doctor = (
  url: string,
  flags: ReadonlyArray<string>,
  started: (interrupt: () => void) => void = () => {}
): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, "doctor", ...flags, "--config", own], {
      env: { ...process.env, DATABASE_URL: url },
      stdio: ["ignore", "pipe", "inherit"]
    })
    const parts: Array<Buffer> = []
    child.stdout.on("data", (part: Buffer) => void parts.push(part))
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, stdout: Buffer.concat(parts).toString() }))
    started(() => child.kill("SIGINT"))
  })

const expect = (what: string, actual: unknown, expected: unknown): void => {
  if (isDeepStrictEqual(actual, expected)) return
  throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`)
}

const found = (stdout: string) => {
  const { decoded, findings, hints, unreadable } = JSON.parse(stdout)
  const cases = unreadable.map(({ position, revision, type, why }: planting.Planted) => ({
    position,
    type,
    revision,
    why
  }))
  return { decoded, findings, hints, cases }
}

const examine = async (url: string): Promise<void> => {
  const importing = program.start(["import", log.realFile, "--server", url])
  program.expectExact("the import", importing, await importing.code)
  const planted = await Effect.runPromise(
    Effect.provide(planting.plant, Postgres.layerPool({ url: Redacted.make(url), timeout: "60 seconds" }))
  )
  console.log(planted.map(({ position, type, why }) => `planted ${type} at ${position}: ${why}`).join("\n"))

  mkdirSync(join(directory, ".varve"))
  const interrupted = await doctor(url, ["--all", "--json"], (interrupt) => {
    // As soon as it has told where it is.
    const watcher = watch(join(directory, ".varve"), () => {
      if (!existsSync(state)) return
      watcher.close()
      interrupt()
    })
  })
  expect("exit code of the doctor that was interrupted", interrupted, { code: 130, stdout: "" })
  expect("a state to go on with", existsSync(state), true)

  const since = performance.now()
  const { code, stdout } = await doctor(url, ["--all", "--json"])
  const { cases, decoded, findings, hints } = found(stdout)
  expect("exit code", code, 1)
  expect("what cannot be read", cases, planted)
  expect("what does not hold, and hints", [findings, hints], [[], []])
  const { events, resumed, unreadable } = decoded
  expect("counts", { events, resumed, unreadable }, { events: lineCount + 2, resumed: true, unreadable: 5 })
  expect("a state when all is done", existsSync(state), false)
  const seconds = ((performance.now() - since) / 1_000).toFixed(1)
  console.log(`doctor: interrupted and resumed, exactly the five of ${events} events, the rest of them in ${seconds} s`)
}

const main = async (): Promise<void> => {
  if (log.skipped !== undefined) return console.warn(`Nobody is examined: ${log.skipped}`)
  writeFileSync(own, `export { default } from ${JSON.stringify(config)}\n`)
  const server = await startServer()
  if ("skipped" in server) return console.warn(`Nobody is examined: ${server.skipped}`)
  try {
    await examine(server.url)
  } finally {
    await server.stop()
  }
}

await main()
