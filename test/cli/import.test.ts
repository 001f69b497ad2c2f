import { describe, expect, it } from "@effect/vitest"
import { EventStore, StoreAdmin } from "@varve/core"
import { Context, Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as History from "./copying/History.ts"
import * as Run from "./copying/Run.ts"

const seed = Date.now() % 1_000_000
console.log(`import.test.ts: seed ${seed}`)

/** Text of a history, and the store that it is from. */
const filled = (seed: number, commits: number) =>
  Effect.gen(function*() {
    const services = yield* Run.memory
    yield* History.fill(services, History.chance(seed), commits)
    const { out } = yield* Run.varve(services, "plain", ["export"])
    return { services, text: out }
  })

/** Imports a text into a store, by default a new one, and wants it refused. */
const refused = (text: string | Uint8Array, into?: Effect.Success<typeof Run.memory>) =>
  Effect.gen(function*() {
    const services = into ?? (yield* Run.memory)
    const head = yield* Context.get(services, EventStore.EventStore).head
    const { code, err, out } = yield* Run.varve(services, "plain", ["import", "-"], text)
    expect({ code, out }).toEqual({ code: 2, out: "" })
    expect(err).toMatch(/^varve: [^\n]+\n$/)
    expect(yield* Context.get(services, EventStore.EventStore).head).toBe(head)
    return err
  })

const linesOf = (lines: ReadonlyArray<string>) => lines.map((line) => `${line}\n`).join("")

/** One well-formed line, some of it changed. */
const line = (changes: { readonly [field: string]: unknown } = {}): string =>
  JSON.stringify({
    position: 1,
    recordedAt: "2026-01-31T12:00:00.000Z",
    commitId: "01a1fde3-cef5-768a-906c-524c2a5d2f11",
    commitIndex: 0,
    tenant: "",
    category: "Purchase",
    id: "1",
    version: 1,
    type: "OrderPlaced",
    revision: 1,
    occurredAt: "2026-01-31T12:00:00.000Z",
    payload: { total: 1 },
    metadata: {},
    ...changes
  })

describe("varve import", () => {
  it.effect("gives a store whose export is the same, for any history", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 25; i++) {
        const { text } = yield* filled(seed + i, 1 + i)
        const copy = yield* Run.memory
        const { code, out } = yield* Run.varve(copy, "plain", ["import"], text)
        expect({ seed: seed + i, code }).toEqual({ seed: seed + i, code: 0 })
        expect(out).toContain(`Imported ${History.lines(text).length} event`)
        expect((yield* Run.varve(copy, "plain", ["export"])).out).toBe(text)
      }
    }))

  it.effect("goes on where an import was interrupted, wherever that was", () =>
    Effect.gen(function*() {
      const { text } = yield* filled(seed, 12)
      const lines = History.lines(text)
      const ends = lines.filter(({ commitId }, i) => lines[i + 1]?.commitId !== commitId).map(({ position }) =>
        position
      )
      for (const end of [0, ...ends]) {
        const copy = yield* Run.memory
        const start = linesOf(text.split("\n").slice(0, end))
        expect((yield* Run.varve(copy, "plain", ["import"], start)).code).toBe(0)
        for (const flags of [[], ["--verify"]]) {
          const { code, out } = yield* Run.varve(copy, "plain", ["import", "--json", ...flags], text)
          expect(code).toBe(0)
          expect(JSON.parse(out).head).toBe(lines.length)
        }
        expect((yield* Run.varve(copy, "plain", ["export"])).out).toBe(text)
      }
    }))

  it.effect("reads files, also packed ones, and tells a program what came of them", () =>
    Effect.gen(function*() {
      const { text } = yield* filled(seed, 20)
      const events = History.lines(text).length
      const file = join(Run.directory(), "events.ndjson")
      writeFileSync(file, text)
      writeFileSync(`${file}.gz`, gzipSync(text))
      const copy = yield* Run.memory
      const first = yield* Run.varve(copy, "plain", ["import", "--json", `${file}.gz`])
      expect(JSON.parse(first.out)).toMatchObject({
        source: `${file}.gz`,
        written: events,
        alreadyThere: 0,
        head: events
      })
      const second = yield* Run.varve(copy, "plain", ["import", "--json", "--verify", file])
      expect(JSON.parse(second.out)).toMatchObject({ written: 0, alreadyThere: events, compared: events, head: events })
      writeFileSync(`${file}.gz`, gzipSync(text).subarray(0, -20))
      const damaged = yield* Run.varve(yield* Run.memory, "plain", ["import", `${file}.gz`])
      expect(damaged).toMatchObject({ code: 2 })
      expect(damaged.err).toContain("expected a whole gzip file, got one that is damaged or cut off")
      const missing = yield* Run.varve(copy, "plain", ["import", `${file}.no`])
      expect(missing).toMatchObject({
        code: 2,
        err: `varve: ${file}.no: expected a file, got nothing: there is no such file\n`
      })
    }))

  it.effect("takes no half of a commit, be the file cut off between two lines", () =>
    Effect.gen(function*() {
      const { text } = yield* filled(seed, 15)
      const lines = text.split("\n").slice(0, -1)
      const parsed = History.lines(text)
      let cuts = 0
      for (const [i, { commitId, commitIndex }] of parsed.entries()) {
        if (parsed[i + 1]?.commitId !== commitId) continue
        cuts++
        const [first, events] = [i + 1 - commitIndex, parsed.filter((line) => line.commitId === commitId).length]
        expect(yield* refused(linesOf(lines.slice(0, i + 1)))).toBe(
          `varve: standard input, line ${first}, the commit ${commitId} that begins there: `
            + `expected ${events} events, got ${commitIndex + 1}\n`
        )
      }
      expect(cuts).toBeGreaterThan(0)
    }))

  it.effect("tells what was erased in the store since", () =>
    Effect.gen(function*() {
      const text = linesOf([line()])
      const copy = yield* Run.memory
      yield* Run.varve(copy, "plain", ["import"], text)
      yield* Context.get(copy, StoreAdmin.StoreAdmin)
        .erase({ stream: { tenant: "", category: "Purchase", id: "1" }, from: 1, to: 1 })
      const { code, out } = yield* Run.varve(copy, "plain", ["import"], text)
      expect(code).toBe(0)
      expect(out).toContain("1 were there already, 1 of them compared, 1 of those erased since")
      // What was erased in the original is to be erased here, too.
      const other = yield* Run.memory
      yield* Run.varve(other, "plain", ["import"], text)
      expect(yield* refused(linesOf([line({ payload: null })]), other)).toContain(
        `is not what the store holds at position 1, payload: expected null, got {"total":1}`
      )
    }))

  it.effect("refuses events that do not continue the store, with position, expected and actual", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed, 20)
      const other = yield* filled(seed + 1, 30)
      expect(yield* refused(other.text, services)).toContain(
        "standard input, line 1 is not what the store holds at position 1, "
      )
      const lines = text.split("\n").slice(0, -1)
      const head = lines.length
      const behind = { commitId: "01a1fde3-cef5-768a-906c-524c2a5d2f12", recordedAt: "2100-01-01T00:00:00.000Z" }
      expect(yield* refused(linesOf([line({ ...behind, position: head + 2 })]), services)).toContain(
        `line 1 does not continue the store: expected position ${head + 1}, got ${head + 2}`
      )
      const last = History.lines(text).at(-1)!
      const longer = lines.at(-1)!.replace(`:${head},`, `:${head + 1},`)
        .replace(`"commitIndex":${last.commitIndex}`, `"commitIndex":${last.commitIndex + 1}`)
      // Of a commit that does not say how many events it has.
      const silent = linesOf([...lines, longer]).replaceAll(/"commitEvents":\d+,/g, "")
      expect(yield* refused(silent, services)).toContain(
        `the store ends at position ${head}, in the middle of this commit`
      )
      const stale = { ...behind, position: head + 1, id: "new" }
      expect(yield* refused(linesOf([line({ ...stale, version: 2 })]), services)).toContain(
        "line 1: first version to restore of Purchase/new: expected 1, the one after those it has, got 2"
      )
      expect(yield* refused(linesOf([line({ ...stale, recordedAt: "1969-01-01T00:00:00.000Z" })]), services)).toContain(
        "recordedAt"
      )
    }))

  it.effect("compares the last commit that is there, be it a sample or not", () =>
    Effect.gen(function*() {
      const count = 200
      const lines = Array.from({ length: count }, (_, i) =>
        line({
          position: i + 1,
          version: i + 1,
          commitId: `01a1fde3-cef5-768a-906c-${`${i}`.padStart(12, "0")}`
        }))
      const services = yield* Run.memory
      yield* Run.varve(services, "plain", ["import"], linesOf(lines))
      const changed = lines.with(count - 1, lines[count - 1]!.replace(`"total":1`, `"total":2`))
      expect(yield* refused(linesOf(changed), services)).toContain(
        `line ${count} is not what the store holds at position ${count}, payload: expected {"total":2}, got {"total":1}`
      )
    }))

  it.effect("compares some of what is there, and all of it with --verify", () =>
    Effect.gen(function*() {
      const { services, text } = yield* filled(seed, 300)
      const lines = text.split("\n").slice(0, -1)
      // Every event in its turn is another one, until the samples have missed one.
      for (let i = 1; i < lines.length; i++) {
        const changed = lines.with(
          i,
          lines[i]!.replace(/"occurredAt":"[^"]+"/, `"occurredAt":"0001-01-01T00:00:00.000Z"`)
        )
        const some = yield* Run.varve(services, "plain", ["import", "--json"], linesOf(changed))
        if (some.code !== 0) continue
        expect(JSON.parse(some.out).compared).toBeGreaterThan(64)
        const { code, err } = yield* Run.varve(services, "plain", ["import", "--verify"], linesOf(changed))
        expect(code).toBe(2)
        expect(err).toContain(`holds at position ${i + 1}, occurredAt: expected "0001-01-01T00:00:00.000Z", got `)
        return
      }
      throw new Error("every event was compared")
    }))
})

describe("a line of events", () => {
  const cases: ReadonlyArray<readonly [name: string, line: string | Uint8Array, message: string]> = [
    ["that is no JSON", "{", `line 1: expected a JSON object, got "{"`],
    ["with something behind it", `${line({ payload: { "\n": 1 } })} {}`, "line 1: expected a JSON object, got "],
    ["that is empty", "", "line 1: expected a JSON object, got an empty line"],
    ["that is a list", "[1]", "line 1: expected a JSON object, got [1]"],
    ["that begins with a byte order mark", `\uFEFF${line()}`, "line 1: expected a JSON object"],
    ["that is no UTF-8", new Uint8Array([0x22, 0xFF, 0x22]), "line 1: expected text in UTF-8, got other bytes"],
    ["without a field", line({ tenant: undefined }), "line 1, tenant: expected a string, got none"],
    ["with a field too many", line({ storeId: 1 }), "line 1, storeId: expected no such field, got 1"],
    ["with the field __proto__", line().replace("{", `{"__proto__":{},`), "line 1, __proto__: expected no such field"],
    ["with a fraction", line({ position: 1.5 }), "line 1, position: expected a whole number from 1 on, got 1.5"],
    [
      "with a position of text",
      line({ position: "1" }),
      `line 1, position: expected a whole number from 1 on, got "1"`
    ],
    ["with version 0", line({ version: 0 }), "line 1, version: expected a whole number from 1 on, got 0"],
    ["with a time zone", line({ recordedAt: "2026-01-31T12:00:00.000+01:00" }), "recordedAt: expected a time such as"],
    ["with microseconds", line({ recordedAt: "2026-01-31T12:00:00.000001Z" }), "recordedAt: expected a time such as"],
    [
      "with the 30th of February",
      line({ occurredAt: "2026-02-30T12:00:00.000Z" }),
      "occurredAt: expected a time such as"
    ],
    ["with the year 0", line({ occurredAt: "0000-01-31T12:00:00.000Z" }), "occurredAt: expected a time such as"],
    [
      "with a UUID in capitals",
      line({ commitId: "01A1FDE3-CEF5-768A-906C-524C2A5D2F11" }),
      "commitId: expected a UUID in"
    ],
    ["with a category of two words", line({ category: "a b" }), "category: expected a letter, then up to 127 letters"],
    ["with an empty id", line({ id: "" }), "id: expected a string that is not empty"],
    [
      "with an id of control characters",
      line({ id: "\u0001" }),
      "line 1: id of a stream of Purchase: expected no control"
    ],
    [
      "with an id that is too long",
      line({ id: "x".repeat(513) }),
      "id of a stream of Purchase: expected 1 to 512 bytes"
    ],
    ["with a payload of text", line({ payload: "x" }), "payload: expected a JSON object, or null when it was erased"],
    ["with metadata of null", line({ metadata: null }), "metadata: expected a JSON object, got null"],
    [
      "with a lone surrogate",
      line({ payload: { a: "\uD800" } }),
      "line 1: expected well-formed Unicode, got a lone surrogate"
    ],
    [
      "with a lone surrogate in a key",
      line({ payload: { "\uDC00": 1 } }),
      "line 1: expected well-formed Unicode, got a lone surrogate"
    ],
    ["with U+0000", line({ payload: { a: "x\u0000" } }), "line 1: expected text without U+0000, got U+0000 at 1"],
    [
      "with a key __proto__",
      line().replace(`"total"`, `"__proto__"`),
      "position 1: expected keys other than __proto__, got the key __proto__"
    ],
    ["with a number beyond 2^53", line().replace(":1}", ":9007199254740993}"), "exactly, got 9007199254740993"],
    ["with a number of too many digits", line().replace(":1}", ":0.12345678901234567890}"), "a double holds exactly"],
    [
      "with a number beyond all",
      line().replace(":1}", ":1e999}"),
      "expected numbers that a double holds exactly, got 1e999"
    ],
    ["with a key that stands twice", line().replace(":1}", `:1,"total":1}`), "expected every key once"],
    ["that is too long", line({ payload: { a: "x".repeat(1_200_000) } }), "expected at most 1122304 bytes, got 12"],
    [
      "with a payload that is too long",
      line({ payload: { a: "x".repeat(1_048_577) } }),
      "expected at most 1048576 bytes"
    ],
    [
      "with a payload that is too deep",
      line().replace(":1}", `:${"[".repeat(200)}${"]".repeat(200)}}`),
      "at most 100 levels"
    ],
    [
      "that is nested without end",
      line().replace(":1}", `:${"[".repeat(500_000)}${"]".repeat(500_000)}}`),
      "line 1: expected"
    ],
    [
      "that is nothing but nested without end",
      `${"[".repeat(500_000)}${"]".repeat(500_000)}`,
      "line 1: expected a JSON object, got a value that is nested too deep"
    ],
    [
      "with a payload that is a list without end",
      line().replace(`{"total":1}`, `${"[".repeat(500_000)}${"]".repeat(500_000)}`),
      "payload: expected a JSON object, or null when it was erased, got a value that is nested too deep"
    ],
    [
      "with a field of what a terminal obeys",
      line({ "\u001B[31m\u009B": 1 }),
      "line 1, \\u001b[31m\\u009b: expected no such field, got 1"
    ],
    ["with a commit of one that is said", line({ commitEvents: 1 }), "commitEvents: expected a whole number from 2 to"],
    ["of a commit that ends too early", line({ commitEvents: 3 }), "begins there: expected 3 events, got 1"],
    ["in the middle of a commit", line({ commitIndex: 1 }), "commitIndex: expected 0, the first of its commit, got 1"]
  ]
  for (const [name, text, message] of cases) {
    it.effect(`${name} is refused`, () =>
      Effect.gen(function*() {
        const bytes = typeof text === "string" ? `${text}\n` : new Uint8Array([...text, 0x0A])
        expect(yield* refused(bytes)).toContain(message)
      }))
  }

  const pairs: ReadonlyArray<readonly [name: string, second: { readonly [field: string]: unknown }, message: string]> =
    [
      ["leaves a position out", { position: 3 }, "line 2, position: expected 2, got 3"],
      [
        "leaves a place of its commit out",
        { position: 2, version: 2, commitIndex: 2 },
        "line 2, commitIndex: expected 1"
      ],
      [
        "has another time than its commit",
        { position: 2, version: 2, commitIndex: 1, recordedAt: "2026-01-31T12:00:00.001Z" },
        "line 2, recordedAt: expected 2026-01-31T12:00:00.000Z, as the rest of the commit, got 2026-01-31T12:00:00.001Z"
      ],
      [
        "has other metadata than its commit",
        { position: 2, version: 2, commitIndex: 1, metadata: { actor: "eve" } },
        "line 2, metadata: expected that of the rest of the commit"
      ],
      [
        "says as well how many events its commit has",
        { position: 2, version: 2, commitIndex: 1, commitEvents: 2 },
        "line 2, commitEvents: expected none but in the first line of a commit, got 2"
      ],
      [
        "goes back in time",
        {
          position: 2,
          version: 2,
          commitId: "01a1fde3-cef5-768a-906c-524c2a5d2f12",
          recordedAt: "2026-01-31T11:59:59.999Z"
        },
        "line 2, recordedAt: expected 2026-01-31T12:00:00.000Z or later, got 2026-01-31T11:59:59.999Z"
      ]
    ]
  for (const [name, second, message] of pairs) {
    it.effect(`that ${name} is refused`, () =>
      Effect.gen(function*() {
        const position = name === "leaves a position out" ? { commitIndex: 1, version: 2 } : {}
        expect(yield* refused(linesOf([line(), line({ ...position, ...second })]))).toContain(message)
      }))
  }

  it.effect("that is cut off is refused, and one that only lacks its end is taken", () =>
    Effect.gen(function*() {
      expect(yield* refused(`${line()}\n${line().slice(0, -5)}`)).toContain(
        "line 2: expected a whole line, got the end of the file in the middle of one"
      )
      const services = yield* Run.memory
      expect((yield* Run.varve(services, "plain", ["import"], line())).code).toBe(0)
      expect((yield* Run.varve(services, "plain", ["export"])).out).toBe(`${line()}\n`)
    }))

  it.effect("that says the same in other words is taken", () =>
    Effect.gen(function*() {
      const services = yield* Run.memory
      const words = line({ payload: { a: "é/", b: [1, -0.5, 100] } })
        .replace("é/", "\\u00e9\\/").replace("100", "1.00e+2").replace("-0.5", "-0.50").replaceAll(",\"", " , \"")
      const { code, err } = yield* Run.varve(services, "plain", ["import"], `${words}\r\n`)
      expect({ code, err }).toEqual({ code: 0, err: "" })
      const { out } = yield* Run.varve(services, "plain", ["export"])
      expect(out).toBe(`${line({ payload: { a: "é/", b: [1, -0.5, 100] } })}\n`)
    }))
})
