/** `npm run verify:store` as its user sees it: a process, its output, its exit code, and what it leaves behind. */
import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import * as TestServer from "../support/TestServer.ts"

const main = join(import.meta.dirname, "main.ts")

/** That of the agents: starting processes is most of what this file takes. */
const compileCache = join(import.meta.dirname, "../node_modules/.cache/varve-verify")

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-verify-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Options {
  readonly url?: string
  readonly args?: ReadonlyArray<string>
  /** Sends Ctrl-C when it has printed this. */
  readonly interruptAt?: string
  /** Listens no more when it has printed this, as `| head` does. */
  readonly deafAt?: string
}

const run = ({ args = [], deafAt, interruptAt, url }: Options): Effect.Effect<Ended> =>
  Effect.callback<Ended>((resume) => {
    const { DATABASE_URL: _, ...env } = process.env
    const child = spawn(process.execPath, ["--no-warnings", main, ...args], {
      env: { ...env, NODE_COMPILE_CACHE: compileCache, ...(url !== undefined && { DATABASE_URL: url }) },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let [stdout, stderr] = ["", ""]
    let interrupted = false
    child.stderr.on("data", (chunk) => stderr += chunk)
    child.stdout.on("data", (chunk) => {
      stdout += chunk
      if (deafAt !== undefined && stdout.includes(deafAt)) child.stdout.destroy()
      if (interrupted || interruptAt === undefined || !stdout.includes(interruptAt)) return
      interrupted = child.kill("SIGINT")
    })
    child.once("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** One line that says why nothing can be run, and no more. */
const cannot = (options: Options, wanted: RegExp) =>
  Effect.map(run(options), ({ code, stderr, stdout }) => {
    expect(stderr.trimEnd()).toMatch(wanted)
    expect(stderr.trimEnd().split("\n").length).toBe(1)
    expect(stdout).toBe("")
    expect(code).toBe(2)
  })

const on = <A>(url: string, use: (sql: PgClient.PgClient) => Effect.Effect<A, unknown>) =>
  Effect.scoped(
    PgClient.PgClient.use(use).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })))
  ).pipe(Effect.orDie)

const schemas = (url: string) => on(url, (sql) => sql`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'varve%'`)

/** Somebody who may log in and nothing else, and the URL of a database for that person. */
const guest: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function*() {
  const name = `varve_guest_${randomBytes(6).toString("hex")}`
  yield* Effect.acquireRelease(
    on(TestServer.serverUrl, (sql) => sql.unsafe(`CREATE ROLE ${name} LOGIN PASSWORD 'guest'`)),
    () => on(TestServer.serverUrl, (sql) => sql.unsafe(`DROP ROLE ${name}`))
  )
  const url = new URL(yield* TestServer.database)
  url.username = name
  url.password = "guest"
  return url.href
})

const test = (name: string, body: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body), 120_000)

describe.concurrent("says in one line why it cannot run", () => {
  test(
    "without a database",
    cannot({}, /^verify:store: set DATABASE_URL to the database to verify: DATABASE_URL=\S+ npm run verify:store$/)
  )
  test(
    "with something else than a URL",
    cannot({ url: "ada:s3cret" }, /^verify:store: DATABASE_URL: expected postgres:\/\/\S+, got something else$/)
  )
  test(
    "on a server that is not there",
    cannot(
      { url: "postgres://ada:s3cret@127.0.0.1:1/books" },
      /^verify:store: database books at 127\.0\.0\.1:1: expected a server that listens, got connection refused$/
    )
  )
  test(
    "with an option that there is not",
    cannot({ args: ["--fast"] }, /^verify:store: Unknown option '--fast' \(see --help\)$/)
  )
  test(
    "with a report that cannot be written",
    cannot(
      { url: "postgres://ada@127.0.0.1:1/books", args: ["--report", "/no/such/folder/report.md"] },
      /^verify:store: --report: ENOENT/
    )
  )
})

describe.skipIf(TestServer.skipped !== undefined).concurrent("on a server", () => {
  test(
    "says in one line that no schema may be made",
    Effect.flatMap(guest, (url) =>
      cannot(
        { url },
        /^verify:store: database varve_test_\w+: expected a user that may create a schema, got varve_guest_\w+, who may not \(GRANT CREATE ON DATABASE "\w+" TO "\w+"\)$/
      ))
  )

  test(
    "reports what has passed, and leaves nothing",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const file = join(folder, "report.md")
      const { code, stderr, stdout } = yield* run({ url, args: ["--only", "races", "--seed", "7", "--report", file] })
      expect(stderr).toBe("")
      const report = readFileSync(file, "utf8")
      expect(stdout).toContain(report)
      expect(report).toMatch(/^# Varve, verification of a store: 3 passed, 0 failed, \d+ skipped\n/)
      expect(report).toMatch(/\| server +\| PostgreSQL \d+/)
      expect(report).toMatch(/\| fsync +\| on +\|/)
      expect(report).toMatch(/\| races +\| 3 +\| 0 +\| 0 +\|/)
      expect(report).toMatch(/^- contract: .* \(left out by --only\)$/m)
      expect(report).toContain("--seed 7")
      expect(code).toBe(0)
      expect(yield* schemas(url)).toEqual([])
    })
  )

  test(
    "names what has failed, with expected and actual, and leaves nothing",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const name = new URL(url).pathname.slice(1)
      yield* on(url, (sql) => sql.unsafe(`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`))
      const { code, stdout } = yield* run({ url, args: ["--only", "races"] })
      expect(stdout).toMatch(/^# Varve, verification of a store: 0 passed, 3 failed, \d+ skipped$/m)
      expect(stdout).toMatch(/\| default_transaction_isolation +\| serializable +\| appends are refused/)
      const failed = /^### races: of 64 writers .*\n\n- what: (.*)\n- expected: (.*)\n- actual: (.*)$/m.exec(stdout)
      expect(failed?.slice(1)).toEqual(["winners of the race at version 0", "1", "0"])
      expect(code).toBe(1)
      expect(yield* schemas(url)).toEqual([])
    })
  )

  test(
    "leaves nothing when it is interrupted",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { code, stderr, stdout } = yield* run({ url, args: ["--only", "races"], interruptAt: "races: 3 cases" })
      expect(stdout).toMatch(/The schema varve_verify_\w+ is removed\.\n$/)
      expect(stderr).toBe("verify:store: interrupted, so nothing is verified\n")
      expect(code).toBe(130)
      expect(yield* schemas(url)).toEqual([])
    })
  )

  test(
    "leaves nothing when nobody listens any more",
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { code } = yield* run({ url, args: ["--only", "races"], deafAt: "schema varve_verify_" })
      expect(code).toBe(130)
      expect(yield* schemas(url)).toEqual([])
    })
  )
})
