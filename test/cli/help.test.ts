/** Every command explains itself, and what its examples show is a command that is there. */
import { assert, describe, it } from "@effect/vitest"
import { Varve } from "@varve/cli"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Cli from "../support/Cli.ts"

interface Node {
  readonly path: ReadonlyArray<string>
  readonly command: Command.Command.Any
}

const below = ({ command, path }: Node): ReadonlyArray<Node> =>
  command.subcommands.flatMap(({ commands }) => commands.map((command) => ({ command, path: [...path, command.name] })))

const walk = (node: Node): ReadonlyArray<Node> => [node, ...below(node).flatMap(walk)]

const all = walk({ command: Varve.command, path: [] })

const wanted = [
  "catalog check",
  "catalog update",
  "catalog show",
  "doctor",
  "migrate status",
  "migrate up",
  "events list",
  "events follow",
  "stream show",
  "projection list",
  "projection status",
  "projection rebuild",
  "projection pause",
  "projection resume",
  "projection retry",
  "projection skip",
  "export",
  "import"
]

describe("the help", () => {
  it("is of all commands", () => {
    assert.includeMembers(all.map(({ path }) => path.join(" ")), wanted)
  })

  for (const { path } of all) {
    const name = ["varve", ...path].join(" ")
    it.effect(`${name} --help`, () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* Cli.run([...path, "--help"])
        assert.strictEqual(code, 0)
        assert.strictEqual(stderr, "")
        assert.match(stdout, /^DESCRIPTION\n {2}[A-Z].*[^.]$/m)
        assert.include(stdout, `USAGE\n  ${name}`)
        assert.include(stdout, "--json")
        assert.notInclude(stdout, "\u001B")
        // A group has its commands, what can be done has an example.
        const group = all.some((other) =>
          other.path.length > path.length && path.every((part, i) => other.path[i] === part)
        )
        if (group) assert.match(stdout, /^SUBCOMMANDS$/m)
        else assert.match(stdout, /^EXAMPLES$/m)
        for (const [line] of stdout.matchAll(/^ {2}varve .*$/gm)) {
          if (line.includes(`${name} <`) || line.includes(`${name} [`)) continue
          const words = line.trim().split(" ")
          const known = wanted.concat(all.map(({ path }) => path.join(" "))).filter((path) => path !== "")
          assert.isTrue(
            known.some((path) => words.slice(1).join(" ").startsWith(path)),
            `${line}: there is no such command`
          )
        }
      }))
  }

  it.effect("of flags in examples is right", () =>
    Effect.gen(function*() {
      for (const { path } of all) {
        const { stdout } = yield* Cli.run([...path, "--help"])
        for (const [, line] of stdout.matchAll(/^ {2}(varve .*)$/gm)) {
          if (/[<[]/.test(line!)) continue
          const words = line!.split(/[|>]/)[0]!.trim().split(" ").slice(1)
          // All but the configuration is right, and that is what it is told.
          const { code, stderr } = yield* Cli.run([...words, "--config", "/nowhere/varve.config.ts"])
          assert.strictEqual(stderr.split("\n")[0], wordsOf(words), line)
          assert.strictEqual(code, 2)
        }
      }
    }))

  it.effect("of a group is what the group alone prints", () =>
    Effect.gen(function*() {
      const group = yield* Cli.run(["projection"])
      const help = yield* Cli.run(["projection", "--help"])
      assert.deepStrictEqual(group, help)
    }))
})

/** What an example says when there is no configuration. */
const wordsOf = (words: ReadonlyArray<string>): string => {
  const message = "configuration: expected a file, got none at /nowhere/varve.config.ts"
  return words.includes("--json") ? JSON.stringify({ error: message }) : `varve: ${message}`
}

describe("the version and the completions", () => {
  it.effect("are those of the package", () =>
    Effect.gen(function*() {
      const manifest = JSON.parse(readFileSync(join(import.meta.dirname, "../../packages/cli/package.json"), "utf8"))
      const { stdout } = yield* Cli.run(["--version"])
      assert.strictEqual(stdout, `varve v${manifest.version}\n`)
    }))

  for (const shell of ["bash", "zsh", "fish"]) {
    it.effect(`for ${shell} know every command`, () =>
      Effect.gen(function*() {
        const { code, stdout } = yield* Cli.run(["--completions", shell])
        assert.strictEqual(code, 0)
        for (const { path } of all) for (const part of path) assert.include(stdout, part)
        assert.include(stdout, "backward")
      }))
  }
})
