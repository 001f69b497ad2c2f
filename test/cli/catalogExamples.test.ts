/** The catalogues that are committed here: they have everything, and nothing of them is broken. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { varve } from "./fixtures/run.ts"

const examples = join(import.meta.dirname, "../../examples")

describe.each(["bank", "loans", "shop"])("the catalogue of the %s", (name) => {
  const config = join(examples, name, "varve.config.ts")
  const file = join(examples, name, "varve.catalog.json")

  it.effect("passes the strictest check", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* varve("--config", config, "catalog", "check", "--strict", "--base", file)
      assert.strictEqual(code, 0, `${out}\n${err}`)
    }))

  it.effect("is what an update gives", () =>
    Effect.gen(function*() {
      const before = readFileSync(file, "utf8")
      const { code, err, out } = yield* varve("--config", config, "catalog", "update", "--json")
      assert.strictEqual(code, 0, `${out}\n${err}`)
      assert.deepInclude(JSON.parse(out), { written: false, findings: [], notes: [] })
      assert.strictEqual(readFileSync(file, "utf8"), before)
    }))
})
