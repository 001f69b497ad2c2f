/**
 * Imports and exports in processes of their own, killed in the middle (`kill -9`) and run again.
 */
import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { Postgres } from "@varve/postgres"
import { Context, Effect, Layer, Redacted, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as TestServer from "../support/TestServer.ts"
import * as History from "./copying/History.ts"
import * as Run from "./copying/Run.ts"

const seed = Date.now() % 1_000_000
console.log(`importKilled: seed ${seed}`)

const bin = new URL("../../packages/cli/src/bin.ts", import.meta.url).pathname
const configOf = (name: string) => new URL(`./copying/${name}.config.ts`, import.meta.url).pathname

/** More events than go to the store in a few calls. */
const commits = 1_500

/** Runs the command on a database; kills it when it has come to what it is to be killed at. */
const varve = (config: string, url: string, args: ReadonlyArray<string>, until?: Effect.Effect<boolean>) =>
  Effect.gen(function*() {
    const env = { ...process.env, DATABASE_URL: url }
    const child = spawn(process.execPath, ["--no-warnings", bin, "--config", configOf(config), ...args], {
      env,
      stdio: ["ignore", "ignore", "pipe"]
    })
    let err = ""
    child.stderr.on("data", (chunk) => err += chunk)
    const ended = Effect.callback<number | null>((resume) =>
      void child.once("close", (code) => resume(Effect.succeed(code)))
    )
    if (until === undefined) return { code: yield* ended, err }
    const often = { until: (done: boolean) => done || child.exitCode !== null, schedule: Schedule.spaced("2 millis") }
    yield* Effect.repeat(until, often)
    child.kill("SIGKILL")
    return { code: yield* ended, err }
  })

describe.skipIf(TestServer.skipped !== undefined)("a command that is killed and run again", () => {
  const folder = Run.directory()
  const file = join(folder, "events.ndjson")

  const written = Effect.gen(function*() {
    if (existsSync(file)) return readFileSync(file, "utf8")
    const services = yield* Run.memory
    yield* History.fill(services, History.chance(seed), commits)
    const { out } = yield* Run.varve(services, "plain", ["export"])
    writeFileSync(file, out)
    return out
  }).pipe(Effect.provide(TestClock.layer()))

  /** An empty store, and how many events it has. */
  const emptyStore = Effect.gen(function*() {
    const url = yield* TestServer.database
    // Opened by a program, so it is migrated.
    const sql = Context.get(yield* Layer.build(Postgres.layerPool({ url: Redacted.make(url) })), PgClient.PgClient)
    const head = Effect.orDie(
      Effect.map(
        sql<{ head: number }>`SELECT coalesce(max(position), 0)::int AS head FROM varve.events`,
        (rows) => rows[0]!.head
      )
    )
    return { url, head }
  })

  const exported = (url: string, name: string) =>
    Effect.gen(function*() {
      expect(yield* varve("plain", url, ["export", "-o", join(folder, name)])).toMatchObject({ code: 0 })
      return readFileSync(join(folder, name), "utf8")
    })

  const cases: ReadonlyArray<readonly [config: string, args: ReadonlyArray<string>]> = [
    ["plain", ["import"]],
    ["merging", ["import", "--upcast"]]
  ]
  for (const [config, args] of cases) {
    it.live(`varve ${args.join(" ")} ends the same`, () =>
      Effect.gen(function*() {
        const text = yield* written
        const copied = History.copied(History.lines(text), config === "merging").lines
        const count = args.length === 1 ? History.lines(text).length : copied.length
        const { head, url } = yield* emptyStore
        for (const share of [0.05, 0.5]) {
          const { code } = yield* varve(config, url, [...args, file], Effect.map(head, (head) => head > count * share))
          expect(code).toBe(null)
          const at = yield* head
          expect(at).toBeGreaterThan(0)
          expect(at).toBeLessThan(count)
        }
        const map = `${file}.map`
        if (args.length > 1) {
          expect({ whole: existsSync(map), half: existsSync(`${map}.partial`) }).toEqual({ whole: false, half: true })
        }
        expect(yield* varve(config, url, [...args, file])).toMatchObject({ code: 0 })
        const after = yield* exported(url, `${config}.ndjson`)
        if (args.length === 1) {
          expect(after === text).toBe(true)
        } else expect(History.lines(after)).toEqual(copied)
      }).pipe(Effect.scoped), 120_000)
  }

  it.live("varve export --output ends the same", () =>
    Effect.gen(function*() {
      const text = yield* written
      const { url } = yield* emptyStore
      expect(yield* varve("plain", url, ["import", file])).toMatchObject({ code: 0 })
      const output = join(folder, "killed.ndjson")
      const size = () => existsSync(`${output}.partial`) ? statSync(`${output}.partial`).size : 0
      for (const share of [0.01, 0.4]) {
        const enough = Effect.sync(() => size() > text.length * share)
        expect(yield* varve("plain", url, ["export", "-o", output], enough)).toMatchObject({ code: null })
        expect({ size: size(), whole: existsSync(output) }).toMatchObject({ whole: false })
      }
      expect(yield* varve("plain", url, ["export", "-o", output])).toMatchObject({ code: 0 })
      expect(readFileSync(output, "utf8") === text).toBe(true)
    }).pipe(Effect.scoped), 120_000)
})
