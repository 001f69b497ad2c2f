/** `varve migrate`: what is pending is told, and applied when it is asked for, and by no other command. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { join } from "node:path"
import { migrations } from "../../packages/postgres/src/internal/migrate.ts"
import * as Cli from "../support/Cli.ts"
import * as TestServer from "../support/TestServer.ts"
import { openAt } from "./checkup/Opening.ts"

const config = join(import.meta.dirname, "checkup", "opening.config.ts")

const varve = (...args: ReadonlyArray<string>) => Cli.run([...args, "--config", config])

const count = migrations.length
const steps = migrations.map(({ name, number }) => ({ number, name }))

const line = (state: string) => ({ name, number }: { readonly name: string; readonly number: number }) =>
  new RegExp(`\\n +${number} {2}${name} +${state}(\\n|$)`)

const change = (url: string, statement: string) =>
  Effect.scoped(
    PgClient.PgClient.use((sql) => sql.unsafe(statement)).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(url) }))
    )
  )

const test = (name: string, body: (url: string) => Effect.Effect<void, unknown>) =>
  it.live(name, () =>
    Effect.scoped(Effect.flatMap(TestServer.database, (url) => {
      openAt(url)
      return body(url)
    })))

describe.skipIf(TestServer.skipped !== undefined)("migrate", () => {
  test("makes a store where there is none, and tells what is pending", () =>
    Effect.gen(function*() {
      const before = yield* varve("migrate", "status")
      assert.strictEqual(before.code, 1)
      assert.match(
        before.stdout,
        /^store {4}none yet\nengine {3}PostgreSQL \d+\.\d+.*\nhead {5}0\nschema {3}0, this program knows \d+\n/
      )
      for (const step of steps) assert.match(before.stdout, line("pending")(step))
      // It has only looked.
      assert.strictEqual((yield* varve("migrate", "status")).code, 1)

      const up = yield* varve("migrate", "up")
      assert.strictEqual(up.code, 0)
      assert.strictEqual(
        up.stdout.replace(/[0-9a-f-]{36}/, "ID"),
        [...steps.map(({ name, number }) => `applied ${number} ${name}`), `The store ID is at migration ${count}.`, ""]
          .join("\n")
      )

      const after = yield* varve("migrate", "status")
      assert.strictEqual(after.code, 0)
      assert.match(after.stdout, /^store {4}[0-9a-f-]{36}\n/)
      for (const step of steps) assert.match(after.stdout, line("applied")(step))
      const again = yield* varve("migrate", "up")
      assert.deepStrictEqual(again, {
        code: 0,
        stderr: "",
        stdout: `Nothing to do: the store is at migration ${count}.\n`
      })
    }))

  test("answers to programs", () =>
    Effect.gen(function*() {
      const json = (...args: ReadonlyArray<string>) =>
        Effect.map(
          varve(...args, "--json"),
          ({ code, stderr, stdout }) => ({ code, stderr, answer: JSON.parse(stdout) })
        )
      const before = yield* json("migrate", "status")
      assert.deepStrictEqual([before.code, before.stderr], [1, ""])
      assert.deepInclude(before.answer, { storeId: "", schema: 0, programSchema: count, applied: [], pending: steps })
      const up = yield* json("migrate", "up")
      assert.deepStrictEqual([up.code, up.answer.schema, up.answer.applied], [0, count, steps])
      const after = yield* json("migrate", "status")
      assert.deepStrictEqual(after.code, 0)
      assert.deepInclude(after.answer, { storeId: up.answer.storeId, schema: count, applied: steps, pending: [] })
    }))

  test("is what other commands ask for, and never do", () =>
    Effect.gen(function*() {
      const doctor = yield* varve("doctor")
      assert.deepStrictEqual(doctor, {
        code: 2,
        stdout: "",
        stderr:
          `varve: the store does not open: schema "varve": expected migration ${count}, got migration 0, and no leave to`
          + " migrate: run varve migrate up\n"
      })
      assert.include((yield* varve("migrate", "status")).stdout, "none yet")
    }))

  test("takes a store that is ahead as it is, as long as this program may go on", (url) =>
    Effect.gen(function*() {
      yield* varve("migrate", "up")
      yield* change(url, "UPDATE varve.meta SET schema = 99")
      const { code, stdout } = yield* varve("migrate", "status")
      assert.strictEqual(code, 0)
      assert.include(stdout, `schema   99, this program knows ${count}\n`)
      yield* change(url, "UPDATE varve.meta SET min_program = 99")
      const { stderr, ...ended } = yield* varve("migrate", "up")
      assert.deepStrictEqual(ended, { code: 2, stdout: "" })
      assert.include(stderr, "expected a program that knows migration 99, got one that knows")
    }))

  test("tells who has no leave to migrate", (url) =>
    Effect.gen(function*() {
      const role = `nobody_${Math.random().toString(36).slice(2)}`
      yield* change(url, `CREATE ROLE ${role} LOGIN PASSWORD 'nothing'`)
      const other = new URL(url)
      other.username = role
      other.password = "nothing"
      openAt(other.href)
      const { code, stderr } = yield* varve("migrate", "up")
      assert.deepStrictEqual([code, stderr], [
        2,
        "varve: database: expected a user with the permission, got permission denied\n"
      ])
      yield* change(url, `DROP ROLE ${role}`)
    }))
})
