/** The command as its user has it: a process, its two outputs, and the code it ends with. */
import { assert, describe, it } from "@effect/vitest"
import { Embedded } from "@varve/postgres"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import * as Look from "./look/Look.ts"

const bin = join(import.meta.dirname, "../../packages/cli/src/bin.ts")
const look = (name: string) => join(import.meta.dirname, "look", `${name}.config.ts`)

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-cli-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const environment = (env: Record<string, string>) => {
  // What decides about colours is what the test says.
  const { FORCE_COLOR: _, NO_COLOR: __, ...rest } = process.env
  return { ...rest, ...env }
}

const varveWith = (env: Record<string, string>, ...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [bin, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: environment(env),
    maxBuffer: 16_777_216,
    timeout: 60_000
  })
  return { code: status, stderr, stdout }
}

const varve = (...args: ReadonlyArray<string>) => varveWith({}, ...args)

/** One line on standard error, nothing on standard output, and 2. */
const failed = (result: ReturnType<typeof varve>, wanted: RegExp) => {
  assert.match(result.stderr, wanted)
  assert.strictEqual(result.stderr.trimEnd().split("\n").length, 1, result.stderr)
  assert.strictEqual(result.stdout, "")
  assert.strictEqual(result.code, 2)
}

describe("a configuration", () => {
  it("that is not there", () => {
    failed(varve("events", "list"), /^varve: configuration: expected varve\.config\.ts in .* or above, got none\n$/)
    failed(
      varve("events", "list", "-c", "gone.ts"),
      /^varve: configuration: expected a file, got none at .*gone\.ts\n$/
    )
    failed(
      varve("events", "list", "--json", "-c", "gone.ts"),
      /^\{"error":"configuration: expected a file, got none at .*gone\.ts"\}\n$/
    )
    failed(varve("events", "list", "-c", "."), /^varve: configuration: expected a file, got a directory, \/.+\n$/)
  }, 60_000)

  const imported = `import { Project } from ${
    JSON.stringify(join(import.meta.dirname, "../../packages/cli/src/index.ts"))
  }`
  const files: ReadonlyArray<readonly [name: string, text: string, message: RegExp]> = [
    [
      "throws",
      "throw new Error(\"the moon\\n  is full\")",
      /^varve: .*throws\.ts cannot be loaded: the moon, is full \(at \/.*throws\.ts:1\)\n$/
    ],
    [
      "syntax",
      "const a = 1\nexport default {",
      /^varve: .*syntax\.ts cannot be loaded: .+ \(at \/.*syntax\.ts:\d+\)\n$/
    ],
    [
      "elsewhere",
      `import "./throws.ts"`,
      /^varve: .*elsewhere\.ts cannot be loaded: the moon, is full \(at \/.*throws\.ts:1\)\n$/
    ],
    [
      "types",
      `${imported}\nexport default Project.make({\n  domains: {}, store: () => 1 })`,
      /^varve: .*types\.ts cannot be loaded: Project\.make, domains: expected a list of domains, got a value of type object \(at \/.*types\.ts:\d\)\n$/
    ],
    [
      "domain",
      `${imported}\nexport default Project.make({ domains: [undefined], store: () => 1 })`,
      /cannot be loaded: Project\.make, domains: expected what Domain\.make has made in the list, got undefined \(at/
    ],
    [
      "store",
      `${imported}\nexport default Project.make({ domains: [] })`,
      /cannot be loaded: Project\.make, store: expected a function that makes the layer of the store, got undefined \(at/
    ],
    [
      "upcaster",
      `${imported}\nexport default Project.make({ domains: [], store: () => 1, upcaster: { renamed: {} } })`,
      /cannot be loaded: Project\.make, upcaster: expected a layer, Upcaster\.layer\(…\), got a value of type object \(at/
    ],
    [
      "imports",
      "import \"./nobody.ts\"",
      /^varve: .*imports\.ts cannot be loaded: Cannot find module .*nobody\.ts.*\n$/
    ],
    [
      "empty",
      "export {}",
      /^varve: .*empty\.ts: expected a default export made with Project\.make, got no default export\n$/
    ],
    ["other", "export default {}", /^varve: .*other\.ts: expected a default export .*, got something else\n$/],
    ["nothing", "export default null", /^varve: .*nothing\.ts: expected a default export .*, got something else\n$/]
  ]
  for (const [name, text, message] of files) {
    it(`that is wrong: ${name}`, () => {
      const file = join(folder, `${name}.ts`)
      writeFileSync(file, text)
      failed(varve("stream", "show", "Light/1", "-c", file), message)
    }, 60_000)
  }

  it("is found in a folder above", () => {
    const inner = join(folder, "a/b")
    mkdirSync(inner, { recursive: true })
    writeFileSync(join(folder, "a/varve.config.ts"), `export { default } from ${JSON.stringify(look("filled"))}`)
    const { status, stdout } = spawnSync(process.execPath, [bin, "events", "list", "--limit", "1", "--json"], {
      cwd: inner,
      encoding: "utf8"
    })
    assert.strictEqual(status, 0)
    assert.strictEqual(JSON.parse(stdout).position, 1)
  }, 60_000)
})

describe("a store that does not open", () => {
  const stores: ReadonlyArray<readonly [name: string, message: RegExp]> = [
    ["fails", /^varve: the store does not open: no, key\n$/],
    ["dies", /^varve: the store does not open: wrong wiring\n$/],
    ["throws", /^varve: the store does not open: no such variable\n$/],
    ["away", /^varve: the store does not open: (?!.*secret).+\n$/]
  ]
  for (const [name, message] of stores) {
    it(name, () => {
      failed(varveWith({ VARVE_TEST_STORE: name }, "projection", "list", "-c", look("closed")), message)
    }, 60_000)
  }
})

describe("a command that is wrong", () => {
  it("is told what is wrong, and where the help is", () => {
    const { code, stderr, stdout } = varve("frobnicate")
    assert.strictEqual(code, 2)
    assert.strictEqual(stdout, "")
    assert.strictEqual(
      stderr,
      "varve: Unknown subcommand \"frobnicate\" for \"varve\"\nusage: varve <subcommand> [flags]\nvarve --help tells more\n"
    )
    const near = varve("events", "lst")
    assert.match(near.stderr, /^varve: Unknown subcommand "lst" for "varve events"\. Did you mean list\?\n/)
    failed(varve("events", "list", "--limit", "x", "--json"), /^\{"error":".*--limit.*"\}\n$/)
    failed(varve("events", "list", "--nope", "--json"), /^\{"error":"Unrecognized flag: --nope.*"\}\n$/)
  }, 60_000)
})

describe("what is printed", () => {
  const config = ["-c", look("filled")]

  it("has colours on a terminal alone, and never with NO_COLOR", () => {
    const plain = varve("stream", "show", "Light/1", ...config)
    assert.strictEqual(plain.code, 0)
    assert.notInclude(plain.stdout, "\u001B")
    const forced = varveWith({ FORCE_COLOR: "1" }, "stream", "show", "Light/1", ...config)
    assert.include(forced.stdout, "\u001B[1mState of Lamp")
    const refused = varveWith({ FORCE_COLOR: "1", NO_COLOR: "1" }, "stream", "show", "Light/1", ...config)
    assert.notInclude(refused.stdout, "\u001B")
  }, 60_000)

  it("is all of it, also through a pipe", () => {
    const { code, stderr, stdout } = varve("events", "list", "--json", ...config)
    assert.strictEqual(stderr, "")
    assert.strictEqual(code, 0)
    const positions = stdout.trimEnd().split("\n").map((line) => JSON.parse(line).position)
    assert.deepStrictEqual(positions, Array.from({ length: 5_000 }, (_, i) => i + 1))
  }, 60_000)

  it("may be read by nobody any more", () => {
    const command = [process.execPath, bin, "events", "list", "--json", ...config].map((word) => `'${word}'`).join(" ")
    const { stderr, stdout } = spawnSync("bash", ["-c", `${command} | head -n 1; echo "\${PIPESTATUS[0]}"`], {
      encoding: "utf8",
      timeout: 60_000
    })
    assert.strictEqual(stderr, "")
    const [first, code] = stdout.trimEnd().split("\n")
    assert.strictEqual(JSON.parse(first!).position, 1)
    // As a program that a signal has ended.
    assert.strictEqual(code, "141")
  }, 60_000)
})

describe("an interrupt", () => {
  it("ends it quietly with 130, and gives back what it held", async () => {
    const data = join(folder, "data")
    const env = { VARVE_TEST_DATA: data }
    const up = varveWith(env, "migrate", "up", "-c", look("embedded"))
    assert.strictEqual(up.code, 0, up.stderr)
    await Effect.runPromise(
      Effect.provide(Look.write({ id: "a", type: "Darkened" }), Embedded.layer({ dataDir: data, migrate: false }))
    )
    const child = spawn(process.execPath, [bin, "events", "follow", "--after", "0", "-c", look("embedded")], {
      cwd: folder,
      env: environment(env)
    })
    const ended = once(child, "exit")
    const errors: Array<string> = []
    child.stderr.on("data", (chunk) => errors.push(`${chunk}`))
    // It prints what is there, and waits for more.
    await once(child.stdout, "data")
    // While it has the directory, nobody else gets it.
    const list = () => varveWith(env, "events", "list", "-c", look("embedded"))
    failed(list(), /the store does not open: .*it is open in process \d+$/m)
    child.kill("SIGINT")
    const [code] = await ended
    assert.strictEqual(code, 130)
    assert.deepStrictEqual(errors, [])
    const after = list()
    assert.strictEqual(after.stderr, "")
    assert.match(after.stdout, /Light\/a/)
  }, 120_000)
})
