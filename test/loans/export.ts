/**
 * Exports the whole log from a server, imports it into another database and into an embedded one, and wants the second
 * export to be the same bytes; kills an export and an import again and again (`kill -9`), and wants what is resumed to be
 * the same as well:
 *
 *     node_modules/.bin/node test/loans/export.ts [seed]
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createReadStream, existsSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { random } from "../cli/copying/History.ts"
import { start } from "../support/PostgresServer.ts"
import * as log from "./log.ts"
import * as program from "./program.ts"

const bin = new URL("../../packages/cli/src/bin.ts", import.meta.url).pathname
const config = new URL("../../examples/loans/varve.config.ts", import.meta.url).pathname

const eventCount = 262_200

/** A heap that the store does not fit into: what goes through it is streamed. */
const heap = "--max-old-space-size=256"

/** Kills in the middle of each command. */
const kills = 2

/** Runs that may end before they are killed, or be killed before they begin, until this is a test of nothing. */
const runsLimit = 15

interface Ended {
  readonly code: number | null
  readonly out: string
}

/** Runs the `varve` command on a database, or where the configuration keeps its own. */
const varve = (
  url: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd?: string; readonly life?: number } = {}
) =>
  new Promise<Ended>((resolve, reject) => {
    const env = { ...process.env, DATABASE_URL: url }
    const child = spawn(process.execPath, [heap, bin, "--config", config, ...args], {
      env,
      cwd: options.cwd,
      stdio: ["ignore", "pipe", "inherit"]
    })
    let out = ""
    child.stdout.on("data", (chunk) => out += chunk)
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, out }))
    if (options.life !== undefined) {
      void sleep(options.life, undefined, { ref: false }).then(() => child.kill("SIGKILL"))
    }
  })

const well = async (url: string, args: ReadonlyArray<string>, cwd?: string): Promise<string> => {
  const { code, out } = await varve(url, args, cwd === undefined ? {} : { cwd })
  if (code !== 0) throw new Error(`varve ${args.join(" ")}: expected to end well, got the exit code ${code}\n${out}`)
  return out.trim()
}

const digestOf = async (file: string): Promise<string> => {
  const hash = createHash("sha256")
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return `${hash.digest("hex")}, ${statSync(file).size} bytes`
}

const expectSame = async (what: string, file: string, digest: string): Promise<void> => {
  const actual = await digestOf(file)
  if (actual !== digest) throw new Error(`${what}: expected ${digest}, got ${actual}`)
  console.log(`${what}: the same bytes`)
}

const main = async (): Promise<void> => {
  if (log.skipped !== undefined) return console.warn(`Nothing is exported: ${log.skipped}`)
  const server = await start()
  if ("skipped" in server) return console.warn(`Nothing is exported: ${server.skipped}`)
  const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
  const next = random(seed)
  console.log(`seed ${seed}`)
  const folder = program.temporaryDirectory()
  const file = (name: string) => join(folder, name)

  const run = <A>(use: (sql: PgClient.PgClient) => Effect.Effect<A, unknown>, url = server.url): Promise<A> =>
    Effect.runPromise(
      Effect.flatMap(PgClient.PgClient, use).pipe(
        Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })),
        Effect.scoped
      )
    )

  const database = async (name: string): Promise<string> => {
    await run((sql) => sql`CREATE DATABASE ${sql(name)}`)
    const url = new URL(server.url)
    url.pathname = `/${name}`
    return url.href
  }

  /** A database with an empty store in it. */
  const emptyStore = async (name: string): Promise<string> => {
    const url = await database(name)
    await well(url, ["migrate", "up"])
    return url
  }

  const heldBy = async (url: string): Promise<number> => {
    const [row] = await run(
      (sql) => sql<{ head: number }>`SELECT coalesce(max(position), 0)::int AS head FROM varve.events`,
      url
    )
    return row!.head
  }

  /** Kills a command in the middle of what took `millis` as a whole, until it was half done often enough. */
  const kill = async (
    millis: number,
    command: () => Promise<readonly [string, ReadonlyArray<string>]>,
    held: () => Promise<number>
  ) => {
    for (let [run, half] = [0, 0]; half < kills; run++) {
      if (run === runsLimit) throw new Error(`only ${half} of ${runsLimit} runs were killed in the middle`)
      const [url, args] = await command()
      const { code } = await varve(url, args, { life: Math.round(millis * (0.2 + 0.3 * next())) })
      const share = await held()
      if (code !== null) console.log(`varve ${args[0]} ended before it was killed`)
      if (code === null && share > 0 && share < 1) {
        half++
        console.log(`killed varve ${args[0]} at ${Math.round(share * 100)} %`)
      }
    }
  }

  const timed = async (url: string, args: ReadonlyArray<string>): Promise<number> => {
    const begun = performance.now()
    console.log(await well(url, args))
    return performance.now() - begun
  }

  try {
    const source = await database("original")
    const imported = program.start(["import", log.realFile, "--server", source])
    program.expectExact("the log", imported, await imported.code)
    const exporting = await timed(source, ["export", "--output", file("original.ndjson")])
    const digest = await digestOf(file("original.ndjson"))
    console.log(`the first export: ${digest}`)

    const copy = await emptyStore("copy")
    const importing = await timed(copy, ["import", file("original.ndjson")])
    console.log(await well(copy, ["export", "--output", file("copy.ndjson")]))
    await expectSame("the export of the copy", file("copy.ndjson"), digest)

    const sizeOf = (name: string) => existsSync(file(name)) ? statSync(file(name)).size : 0
    const exportOf = ["export", "--output", file("killed.ndjson")]
    await kill(exporting, async () => {
      rmSync(file("killed.ndjson"), { force: true })
      return [source, exportOf]
    }, async () => sizeOf("killed.ndjson.partial") / sizeOf("original.ndjson"))
    await well(source, exportOf)
    await expectSame("an export that was killed and resumed", file("killed.ndjson"), digest)

    let resumed = await emptyStore("resumed")
    await kill(importing, async () => {
      if ((await heldBy(resumed)) === eventCount) resumed = await emptyStore(`resumed_${Math.floor(next() * 1e9)}`)
      return [resumed, ["import", file("original.ndjson")]]
    }, async () => (await heldBy(resumed)) / eventCount)
    console.log(await well(resumed, ["import", file("original.ndjson")]))
    await well(resumed, ["export", "--output", file("resumed.ndjson")])
    await expectSame("the export of an import that was killed and resumed", file("resumed.ndjson"), digest)

    await well("", ["migrate", "up"], folder)
    console.log(await well("", ["import", file("original.ndjson")], folder))
    await well("", ["export", "--output", file("embedded.ndjson")], folder)
    await expectSame("the export of an embedded copy", file("embedded.ndjson"), digest)
  } finally {
    await server.stop()
  }
  console.log(`export: all the same, ${eventCount} events (seed ${seed})`)
}

await main()
