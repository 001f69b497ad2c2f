/** The workflow that the README shows, run as GitHub would: in a repository, on a branch that goes to another. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { afterAll, beforeAll } from "vitest"

const cli = join(import.meta.dirname, "../../packages/cli")
const workflow = readFileSync(join(cli, "examples/catalogue.yml"), "utf8")

/** The script of its last step. */
const script = workflow.slice(workflow.lastIndexOf("- run: |\n") + "- run: |\n".length)
  .split("\n")
  .map((line) => line.slice(10))
  .join("\n")

const source = (event: string) => `
import * as Project from "@varve/cli/Project"
import { Event, EventStore } from "@varve/core"
import { Schema } from "effect"
import { domainOf } from "../../cli/fixtures/domain.ts"
class Placed extends ${event} {}
export default Project.make({ domains: [domainOf([Placed])], store: () => EventStore.layerMemory })
`

const placed = (type: "String" | "Int") => `Event.make("Placed", { customer: Schema.${type} })`

let folder = ""
const run = (command: string, ...args: ReadonlyArray<string>) =>
  spawnSync(command, args, {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
    env: {
      ...process.env,
      PATH: `${join(folder, "bin")}${delimiter}${process.env["PATH"]}`,
      GITHUB_BASE_REF: "main",
      RUNNER_TEMP: folder,
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_SYSTEM: "/dev/null"
    }
  })
const git = (...args: ReadonlyArray<string>) => {
  const { status, stderr } = run("git", "-c", "user.name=t", "-c", "user.email=t@localhost", ...args)
  assert.strictEqual(status, 0, stderr)
}
const edit = (event: string) => writeFileSync(join(folder, "varve.config.ts"), source(event))
const update = () => assert.strictEqual(run("npx", "varve", "catalog", "update").status, 0)

beforeAll(() => {
  const root = join(import.meta.dirname, "../.varve")
  mkdirSync(root, { recursive: true })
  folder = mkdtempSync(join(root, "workflow-"))
  // What `npx` finds after an install.
  mkdirSync(join(folder, "bin"))
  writeFileSync(
    join(folder, "bin/npx"),
    `#!/bin/sh\nshift\nexec "${process.execPath}" "${join(cli, "src/bin.ts")}" "$@"\n`
  )
  chmodSync(join(folder, "bin/npx"), 0o755)
  git("init", "--quiet", "--initial-branch=main")
  edit(placed("String"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("the workflow", () => {
  it("is what the README shows", () => {
    assert.include(readFileSync(join(cli, "README.md"), "utf8"), `\`\`\`yaml\n${workflow}\`\`\`\n`)
  })

  it("fails on what would make stored events unreadable, and passes what does not", () => {
    // The first change brings the catalogue: there is none before it.
    git("commit", "--quiet", "--allow-empty", "--message=first")
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    update()
    assert.strictEqual(run("bash", "-e", "-c", script).status, 0)
    git("add", "varve.config.ts", "varve.catalog.json")
    git("commit", "--quiet", "--message=catalogue")
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert.strictEqual(run("bash", "-e", "-c", script).status, 0)

    // An edit in place.
    edit(placed("Int"))
    const edited = run("bash", "-e", "-c", script)
    assert.strictEqual(edited.status, 1, edited.stderr)
    assert.match(edited.stdout, /Placed, revision 1: it was edited in place: field customer: string became integer/)

    // The same, with a catalogue that was made to fit.
    rmSync(join(folder, "varve.catalog.json"))
    update()
    const fitted = run("bash", "-e", "-c", script)
    assert.strictEqual(fitted.status, 1, fitted.stderr)
    assert.match(fitted.stdout, /Placed, revision 1: its schema in the catalogue was edited/)

    // A revision of its own, first without the update.
    git("checkout", "--quiet", "varve.catalog.json")
    edit(`${placed("String")}.revise(2, { customer: Schema.Int }, () => ({ customer: 1 }))`)
    assert.strictEqual(run("bash", "-e", "-c", script).status, 1)
    update()
    const revised = run("bash", "-e", "-c", script)
    assert.strictEqual(revised.status, 0, `${revised.stdout}${revised.stderr}`)
  }, 120_000)
})
