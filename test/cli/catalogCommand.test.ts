/** The gate as a team meets it: a project whose source is edited, the command, its words and its exit codes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll } from "vitest"
import { varve } from "./fixtures/run.ts"

// Inside `test`, so that a configuration finds the packages; hidden, so that nothing else finds it.
const root = join(import.meta.dirname, "../.varve")
mkdirSync(root, { recursive: true })
const made: Array<string> = []
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true })
})

const events = `
class Placed extends Event.make("Placed", { customer: Schema.NonEmptyString, total: Schema.Finite })
  .revise(2, { customer: Schema.NonEmptyString, cents: Schema.Int }, ({ customer, total }) => ({
    customer,
    cents: Math.round(total % 1e12 * 100)
  })) {}
class Shipped extends Event.make("Shipped", { by: Schema.String }) {}
`
const domain = `const Shop = domainOf([Placed, Shipped])`
const upcaster = `{}`

const source = (parts: { readonly events: string; readonly domain: string; readonly upcaster: string }) => `
import * as Project from "@varve/cli/Project"
import { Event, EventStore, Upcaster } from "@varve/core"
import { Schema } from "effect"
import { domainOf } from "../../cli/fixtures/domain.ts"
${parts.events}
${parts.domain}
export default Project.make({
  domains: [Shop],
  upcaster: Upcaster.layer(${parts.upcaster}),
  store: () => EventStore.layerMemory
})
`

/** A project that can be edited: each edit is a configuration of its own, because a module is loaded once. */
const project = () => {
  const folder = mkdtempSync(join(root, "catalog-"))
  made.push(folder)
  const catalog = join(folder, "varve.catalog.json")
  let edits = 0
  return {
    folder,
    catalog,
    read: () => readFileSync(catalog, "utf8"),
    write: (text: string) => writeFileSync(catalog, text),
    /** Replaces a text of the source. */
    edit: (...edited: ReadonlyArray<readonly [before: string, after: string]>) => {
      let text = source({ events, domain, upcaster })
      for (const [before, after] of edited) {
        assert.include(text, before)
        text = text.replace(before, after)
      }
      const file = join(folder, `edit${edits++}.config.ts`)
      writeFileSync(file, text)
      return (...args: ReadonlyArray<string>) => varve("--config", file, "catalog", ...args)
    }
  }
}

const ends = (
  { code, err, out }: { readonly code: number; readonly err: string; readonly out: string },
  wanted: number,
  ...words: ReadonlyArray<RegExp>
) => {
  assert.strictEqual(code, wanted, `${out}\n${err}`)
  for (const word of words) assert.match(wanted === 2 ? err : out, word)
  if (wanted === 2) assert.strictEqual(out, "")
}

/** A project whose catalogue was written and merged, and then edited. */
const edited = (...edit: ReadonlyArray<readonly [before: string, after: string]>) =>
  Effect.gen(function*() {
    const it = project()
    ends(yield* it.edit()("update"), 0, /Added 2 events, 3 revisions and 15 golden payloads to .*varve\.catalog\.json/)
    return { ...it, run: it.edit(...edit) }
  })

describe("varve catalog check", () => {
  const fails = (
    name: string,
    edit: ReadonlyArray<readonly [before: string, after: string]>,
    ...words: ReadonlyArray<RegExp>
  ) =>
    it.effect(`fails on ${name}`, () =>
      Effect.gen(function*() {
        const { read, run } = yield* edited(...edit)
        const before = read()
        ends(yield* run("check", "--seed", "1"), 1, ...words)
        // Nor can it be recorded.
        ends(yield* run("update", "--seed", "1"), 1, ...words)
        assert.strictEqual(read(), before)
        const json = yield* run("check", "--seed", "1", "--json")
        assert.strictEqual(json.code, 1)
        const { findings } = JSON.parse(json.out)
        for (const finding of findings) assert.containsAllKeys(finding, ["kind", "event", "what", "remedy"])
        const told = findings.map(({ event, revision, what }: any) =>
          `${event}${revision === undefined ? "" : `, revision ${revision}`}: ${what}`
        )
        assert.isTrue(told.some((one: string) => words[0]!.test(one)), told.join("\n"))
      }))

  fails(
    "a revision edited in place",
    [["cents: Schema.Int }", "cents: Schema.Finite }"]],
    /Placed, revision 2: it was edited in place: field cents: integer became number/,
    /put revision 2 of Placed back as it was, and write the change as a revision of its own, \.revise\(3, …\)/
  )
  fails(
    "a hop taken away",
    [[events.slice(events.indexOf("\n  .revise"), events.indexOf(" {}\nclass Shipped")), ""]],
    /Placed, revision 2: the hop is missing: the code has Placed up to revision 1/,
    /put \.revise\(2, …\) back/
  )
  fails(
    "a hop left out",
    [[".revise(2,", ".revise(3,"]],
    /Placed, revision 2: .*expected revision 2 after 1, got 3/,
    /the hop from 1 to 2 is missing, so write revise\(2, …\) first/,
    /The configuration does not load/
  )
  fails(
    "a tag that disappeared",
    [["\"Shipped\"", "\"Sent\""]],
    /Shipped: it is in the catalogue, and no domain has it any more/,
    /renamed: \{ Shipped: Sent \}, a split, or dropped: \["Shipped"\]/
  )
  fails(
    "two events of one tag",
    [["[Placed, Shipped]", "[Placed, Shipped, Event.make(\"Placed\", { other: Schema.Int })]"]],
    /Placed: .*two events of the tag Placed/,
    /give one of them a tag of its own/
  )
  fails(
    "an upcast that fails",
    [["Math.round(total % 1e12 * 100)", "total"]],
    /Placed, revision 1: a payload that its schema accepts is not read: UpcastFailed at revision 2/,
    /--seed 1/
  )
  fails(
    "a golden payload that is not read any more",
    [[
      "by: Schema.String",
      "by: Schema.String.check(Schema.makeFilter((text) => text === \"DHL\", { expected: \"DHL\" }))"
    ]],
    /Shipped, revision 1: the golden payload .* cannot be read: InvalidPayload: .*Expected DHL/s,
    /put the schema of revision 1 back as it was/
  )

  it.effect("passes what is harmless, and says what is not recorded", () =>
    Effect.gen(function*() {
      const { catalog, run } = yield* edited(
        [domain, "class Paid extends Event.make(\"Paid\", {}) {}\nconst Shop = domainOf([Paid, Shipped, Placed])"],
        ["total: Schema.Finite", "total: Schema.Finite.annotate({ description: \"In euros\" })"]
      )
      ends(yield* run("check"), 0, /· Paid: it is not in the catalogue/, /run `varve catalog update`/, /seed -?\d+$/)
      ends(yield* run("check", "--strict"), 1, /✗ Paid: it is not in the catalogue/, /1 finding\./)
      ends(yield* run("update"), 0, /Added 1 event, 1 revision and 1 golden payload/)
      ends(yield* run("check", "--strict"), 0)
      const { ino } = statSync(catalog)
      ends(yield* run("update"), 0, /has it all already/)
      // The file was not even put in its own place.
      assert.strictEqual(statSync(catalog).ino, ino)
    }))

  it.effect("compares with the catalogue of the base branch", () =>
    Effect.gen(function*() {
      const { catalog, folder, read, run, write } = yield* edited(["cents: Schema.Int }", "cents: Schema.Finite }"])
      const base = join(folder, "base.json")
      writeFileSync(base, read())
      // Somebody makes the catalogue fit the edit.
      rmSync(catalog)
      ends(yield* run("update"), 0)
      ends(yield* run("check", "--strict"), 0)
      ends(
        yield* run("check", "--base", base),
        1,
        /Placed, revision 2: its schema in the catalogue was edited: field cents: integer became number/,
        /take the catalogue of the base branch as it is/
      )
      write(readFileSync(base, "utf8"))
      ends(yield* run("check", "--base", base), 1, /edited in place/)
      ends(yield* run("check", "--base", join(folder, "none.json")), 2, /catalogue: expected a file.*got none at/)
    }))

  it.effect("tries the same payloads again with a seed", () =>
    Effect.gen(function*() {
      const { run } = yield* edited(["Math.round(total % 1e12 * 100)", "Math.round(total)"])
      const first = yield* run("check", "--runs", "300", "--json")
      const { findings, seed } = JSON.parse(first.out)
      assert.include(findings.map(({ kind }: any) => kind), "UpcastFails")
      const again = yield* run("check", "--runs", "300", "--seed", seed, "--json")
      assert.deepStrictEqual(JSON.parse(again.out), JSON.parse(first.out))
    }))

  it.effect("cannot look without a catalogue that can be read", () =>
    Effect.gen(function*() {
      const it = project()
      const run = it.edit()
      ends(
        yield* run("check"),
        2,
        /catalogue: expected a file \(run `varve catalog update` once, .*got none at .*varve\.catalog\.json/
      )
      it.write("no JSON")
      ends(yield* run("check"), 2, /varve\.catalog\.json: expected JSON/)
      ends(yield* run("update"), 2, /expected JSON/)
      it.write("{ \"format\": 7, \"events\": {} }")
      ends(yield* run("check"), 2, /expected format 1, got format 7: a newer @varve\/cli wrote it/)
      it.write("{\n<<<<<<< HEAD\n")
      ends(yield* run("check"), 2, /a conflict in line 2/)
      // Nothing was put in its place.
      assert.deepStrictEqual(readdirSync(it.folder).sort(), ["edit0.config.ts", "varve.catalog.json"])
      assert.strictEqual(it.read(), "{\n<<<<<<< HEAD\n")
    }))

  it.effect("cannot look at a configuration that contradicts itself", () =>
    Effect.gen(function*() {
      const twice = yield* edited([
        upcaster === "{}" ? "Upcaster.layer({})" : "",
        "Upcaster.layer({ dropped: [\"A\", \"A\"] })"
      ])
      ends(yield* twice.run("check"), 2, /the upcaster cannot be made: .*\bA\b/)
      const thrown = yield* edited([domain, `${domain}\nthrow new Error("no such luck")`])
      ends(yield* thrown.run("check"), 2, /cannot be loaded: no such luck/)
    }))

  it.effect("refuses runs that nobody means", () =>
    Effect.gen(function*() {
      const { run } = yield* edited()
      assert.strictEqual((yield* run("check", "--runs", "0")).code, 2)
      assert.strictEqual((yield* run("check", "--runs", "1e9")).code, 2)
    }))
})

describe("varve catalog update", () => {
  it.effect("writes the same bytes again, wherever it is", () =>
    Effect.gen(function*() {
      const [first, second] = [project(), project()]
      yield* first.edit()("update")
      yield* second.edit(["[Placed, Shipped]", "[Shipped, Placed]"])("update")
      assert.strictEqual(first.read(), second.read())
      assert.notInclude(first.read(), first.folder)
    }))

  it.effect("adds, and never edits", () =>
    Effect.gen(function*() {
      const { read, run, write } = yield* edited(
        ["class Shipped", "class Sent extends Event.make(\"Sent\", { by: Schema.String }) {}\nclass Shipped"],
        ["[Placed, Shipped]", "[Placed, Sent]"],
        ["Upcaster.layer({})", "Upcaster.layer({ renamed: { Shipped: Sent } })"]
      )
      const before = JSON.parse(read())
      before.events.Placed.revisions[0].golden.byHand.push({ customer: "Ada", total: 12.5 })
      write(JSON.stringify(before))
      const json = yield* run("update", "--json")
      assert.deepInclude(JSON.parse(json.out), {
        written: true,
        added: { events: 1, revisions: 1, golden: 5 },
        findings: [],
        notes: []
      })
      const after = JSON.parse(read())
      assert.deepStrictEqual(after.events.Placed, before.events.Placed)
      assert.deepStrictEqual(after.events.Shipped.revisions, before.events.Shipped.revisions)
      assert.deepStrictEqual(after.events.Shipped.read, { _tag: "Renamed", to: "Sent" })
      ends(yield* run("check", "--strict"), 0)
      ends(
        yield* run("show"),
        0,
        /^EVENT +REVISIONS +GOLDEN +READ AS +CATEGORIES$/m,
        /^Shipped +1 +5 +renamed to Sent +Order$/m
      )
    }))
})

describe("a catalogue that was not written by an update", () => {
  it.effect("may have the line ends of Windows", () =>
    Effect.gen(function*() {
      const { read, run, write } = yield* edited()
      const windows = read().replaceAll("\n", "\r\n")
      write(windows)
      ends(yield* run("check", "--strict"), 0)
      ends(yield* run("update"), 0, /has it all already/)
      assert.strictEqual(read(), windows)
    }))

  it.effect("is put in order, and what is said of it is true", () =>
    Effect.gen(function*() {
      const { read, run, write } = yield* edited()
      const ordered = read()
      write(JSON.stringify(JSON.parse(ordered)))
      ends(yield* run("update"), 0, /Nothing is new; /)
      assert.strictEqual(read(), ordered)
    }))
})

describe("varve catalog show", () => {
  it.effect("lists, and tells of one event", () =>
    Effect.gen(function*() {
      const { edit, read, run } = yield* edited()
      ends(yield* run("show"), 0, /^Placed +2 +10 +itself +Order$/m)
      ends(
        yield* run("show", "Placed"),
        0,
        /^Placed of Shop, in streams of Order, read as itself$/m,
        /^revision 2 \(from 1\)$/m,
        /^cents +integer$/m,
        /^customer +string \(at least 1\)$/m,
        /^\{"cents":-?\d+,"customer":".*"\}$/m
      )
      assert.deepStrictEqual(JSON.parse((yield* run("show", "--json")).out), JSON.parse(read()))
      const one = JSON.parse((yield* run("show", "Placed", "--json")).out)
      assert.deepStrictEqual(one, { Placed: JSON.parse(read()).events.Placed })
      const retired = edit([domain, "const Shop = domainOf([Placed])"], [
        upcaster === "{}" ? "Upcaster.layer({})" : "",
        "Upcaster.layer({ dropped: [\"Shipped\"] })"
      ])
      ends(yield* retired("update"), 0)
      ends(yield* retired("show", "Shipped"), 0, /^Shipped of .+, in streams of Order, dropped$/m)
      ends(yield* run("show", "Nothing"), 2, /event: expected one of the 2 types .*got Nothing/)
      ends(yield* run("show", "constructor"), 2, /got constructor/)
    }))
})

describe("as a process", () => {
  const bin = join(import.meta.dirname, "../../packages/cli/src/bin.ts")
  const spawned = (cwd: string, ...args: ReadonlyArray<string>) =>
    spawnSync(process.execPath, [bin, ...args], { cwd, encoding: "utf8", timeout: 60_000 })

  it("ends with 0, 1 and 2, and finds its configuration from below", () => {
    const it = project()
    it.edit()
    it.edit(["by: Schema.String", "by: Schema.Int"])
    const missing = spawned(it.folder, "-c", "edit0.config.ts", "catalog", "check")
    assert.deepStrictEqual([missing.status, missing.stdout], [2, ""])
    assert.match(missing.stderr, /^varve: catalogue: expected a file/)
    assert.strictEqual(spawned(it.folder, "-c", "edit0.config.ts", "catalog", "update").status, 0)
    writeFileSync(join(it.folder, "varve.config.ts"), readFileSync(join(it.folder, "edit1.config.ts")))
    const below = join(it.folder, "src")
    mkdirSync(below)
    const wrong = spawned(below, "catalog", "check")
    assert.deepStrictEqual([wrong.status, wrong.stderr], [1, ""])
    assert.match(wrong.stdout, /Shipped, revision 1: it was edited in place: field by: string became integer/)
    assert.notInclude(wrong.stdout, "\u001B[")
    const json = spawned(below, "catalog", "check", "--json")
    assert.deepStrictEqual([json.status, json.stderr], [1, ""])
    assert.deepInclude(JSON.parse(json.stdout).findings[0], { kind: "EditedInPlace", event: "Shipped", revision: 1 })
  }, 60_000)
})
