import { describe, expect, it } from "@effect/vitest"
import { Aggregate, EventStore, Limits, StoreAdmin, Upcaster } from "@varve/core"
import { Context, Effect } from "effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as History from "./copying/History.ts"
import { Cart, options, Order } from "./copying/Orders.ts"
import * as Place from "./copying/Place.ts"
import * as Run from "./copying/Run.ts"

const seed = Date.now() % 1_000_000
console.log(`importUpcast.test.ts: seed ${seed}`)

const filled = (seed: number, commits: number, erasing = true) =>
  Effect.gen(function*() {
    const services = yield* Run.memory
    yield* History.fill(services, History.chance(seed), commits, erasing)
    const { out } = yield* Run.varve(services, "plain", ["export"])
    const file = join(Run.directory(), "events.ndjson")
    writeFileSync(file, out)
    return { services, text: out, lines: History.lines(out), file }
  })

const exported = (services: Effect.Success<typeof Run.memory>) =>
  Effect.map(Run.varve(services, "plain", ["export"]), ({ out }) => out)

const mapOf = (file: string): ReadonlyMap<number, ReadonlyArray<number>> => {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line))
  const map = new Map<number, ReadonlyArray<number>>(lines.map(({ from, to }) => [from, to]))
  expect(map.size).toBe(lines.length)
  return map
}

/** How many old events became what, each counted once. */
const fates = (lines: ReturnType<typeof History.lines>, copied: ReturnType<typeof History.copied>) => {
  const counts = { split: 0, renamed: 0, upcast: 0 }
  for (const { position, revision, type } of lines) {
    const [to, ...others] = copied.map.get(position)!
    if (to === undefined) continue
    const made = copied.lines[to - 1]!
    if (others.length > 0) counts.split++
    else if (made.type !== type) counts.renamed++
    else if (made.revision !== revision) counts.upcast++
  }
  return counts
}

const configs = ["plain", "merging"] as const

describe.each(configs)("varve import --upcast, %s", (config) => {
  it.effect("writes what the events are today, for any history", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 20; i++) {
        const { file, lines } = yield* filled(seed + i, 2 + 2 * i)
        const copy = yield* Run.memory
        const { code, err, out } = yield* Run.varve(copy, config, ["import", "--upcast", "--json", file])
        expect({ seed: seed + i, code, err }).toEqual({ seed: seed + i, code: 0, err: "" })
        const expected = History.copied(lines, config === "merging")
        expect(History.lines(yield* exported(copy))).toEqual(expected.lines)
        expect(new Map(Array.from(mapOf(`${file}.map`)).sort(([a], [b]) => a - b))).toEqual(expected.map)
        if (config === "plain") expect(JSON.parse(out)).toMatchObject(fates(lines, expected))
        expect(JSON.parse(out)).toMatchObject({
          read: lines.length,
          written: expected.lines.length,
          head: expected.lines.length,
          gone: Array.from(expected.map.values()).filter(({ length }) => length === 0).length,
          categories: { Purchase: "Order" }
        })
      }
    }))

  it.effect("goes on where a copy was interrupted, wherever that was, and ends the same", () =>
    Effect.gen(function*() {
      const { file } = yield* filled(seed, 15)
      const whole = yield* Run.memory
      yield* Run.varve(whole, config, ["import", "--upcast", file])
      const text = yield* exported(whole)
      const map = readFileSync(`${file}.map`, "utf8")
      const lines = History.lines(text)
      const ends = lines.filter(({ commitId }, i) => lines[i + 1]?.commitId !== commitId).map(({ position }) =>
        position
      )
      for (const end of ends) {
        const copy = yield* Run.memory
        yield* Run.varve(copy, config, ["import"], text.split("\n").slice(0, end).map((line) => `${line}\n`).join(""))
        const { code, out } = yield* Run.varve(copy, config, ["import", "--upcast", file])
        expect(code).toBe(0)
        expect(out).toMatch(
          end === lines.length ? / is there already, compared in / : new RegExp(`\n${end} were there already`)
        )
        expect(yield* exported(copy)).toBe(text)
        expect(readFileSync(`${file}.map`, "utf8")).toBe(map)
      }
    }))

  it.effect("reads standard input as well as a file", () =>
    Effect.gen(function*() {
      const { file, text } = yield* filled(seed, 15)
      const [one, two] = [yield* Run.memory, yield* Run.memory]
      const map = join(Run.directory(), "below", "positions.map")
      yield* Run.varve(one, config, ["import", "--upcast", file])
      const { code } = yield* Run.varve(two, config, ["import", "--upcast", "--map", map, "-"], text)
      expect(code).toBe(0)
      expect(yield* exported(two)).toBe(yield* exported(one))
      expect(readFileSync(map, "utf8")).toBe(readFileSync(`${file}.map`, "utf8"))
      expect(existsSync(`${map}.partial`)).toBe(false)
    }))

  it.effect("leaves states as they are, for a program that knows only events of today", () =>
    Effect.gen(function*() {
      const { file, lines, services } = yield* filled(seed, 40, false)
      const copy = yield* Run.memory
      const { code, out } = yield* Run.varve(copy, config, ["import", "--upcast", "--json", file])
      expect(code).toBe(0)
      const load = (services: Context.Context<EventStore.EventStore>, options: Upcaster.Options) => (id: string) =>
        Effect.all([Aggregate.loadAny(Order, id), Aggregate.loadAny(Cart, id)]).pipe(
          Effect.map((loaded) => loaded.map(({ state }) => state)),
          Effect.provide(services),
          Effect.provide(Upcaster.layer(options))
        )
      const ids = ["1", "2", "ä@b", "%40", "4"]
      expect(yield* Effect.forEach(ids, load(copy, {}))).toEqual(yield* Effect.forEach(ids, load(services, options)))
      const streams = new Set(
        History.copied(lines, false).lines.map(({ category, id, tenant }) => `${category}/${id}@${tenant}`)
      )
      const folded = Array.from(streams).filter((stream) => config === "plain" || stream.startsWith("Cart/")).length
      expect(JSON.parse(out).equalStates).toBe(folded)
    }))
})

describe("varve import --upcast", () => {
  it.effect("says in words what became of the events, and what is left to do", () =>
    Effect.gen(function*() {
      const { file } = yield* filled(7, 40)
      const copy = yield* Run.memory
      const { err, out } = yield* Run.varve(copy, "merging", ["import", "--upcast", file])
      expect(err).toBe("")
      expect(out).toMatch(
        /^Copied \d+ events as \d+ in [^:]+: \d+ upcast, \d+ renamed, \d+ split, \d+ merged of several, \d+ left out, \d+ erased, and as they were\n/
      )
      expect(out).toContain(`Old to new positions: ${file}.map\n`)
      expect(out).toContain("Order was stored as Purchase and is stored under its own name now")
      expect(out).toMatch(/read in its newest revision, \d+ instances? of both stores ha(ve|s) equal states\n/)
    }))

  it.effect("says nothing of states where none can be compared", () =>
    Effect.gen(function*() {
      const text = line(1, { category: "Purchase", type: "OrderSent", payload: { parcel: "a" } })
      const args = ["import", "--upcast", "--map", join(Run.directory(), "map"), "-"]
      const { code, err, out } = yield* Run.varve(yield* Run.memory, "merging", args, text)
      expect({ code, err }).toEqual({ code: 0, err: "" })
      expect(out).toMatch(/^Verified: .*every event is read in its newest revision$/m)
    }))

  it.effect("refuses a store that holds something else", () =>
    Effect.gen(function*() {
      const { file, services, text } = yield* filled(7, 10)
      // The old store itself, and one that the events were imported into as they are.
      const { code, err } = yield* Run.varve(services, "plain", ["import", "--upcast", file])
      expect(code).toBe(2)
      expect(err).toMatch(
        /line \d+ is not what the store holds at position \d+, category: expected "Order", got "Purchase"/
      )
      expect(yield* exported(services)).toBe(text)
    }))

  it.effect("finds an event of the copy that somebody wrote otherwise", () =>
    Effect.gen(function*() {
      const { file } = yield* filled(seed, 100)
      const copy = yield* Run.memory
      yield* Run.varve(copy, "plain", ["import", "--upcast", file])
      const lines = (yield* exported(copy)).split("\n").slice(0, -1)
      const at = History.chance(seed)(lines.length)
      const time = "0001-01-01T00:00:00.000Z"
      const other = lines.with(at, lines[at]!.replace(/"occurredAt":"[^"]+"/, `"occurredAt":"${time}"`))
      const wrong = yield* Run.memory
      yield* Run.varve(wrong, "plain", ["import"], other.map((line) => `${line}\n`).join(""))
      const { code, err } = yield* Run.varve(wrong, "plain", ["import", "--upcast", file])
      expect({ seed, code }).toEqual({ seed, code: 2 })
      expect(err).toContain(`is not what the store holds at position ${at + 1}, occurredAt: expected "`)
      expect(err).toContain(`, got "${time}"`)
    }))

  const line = (position: number, changes: object): string =>
    `${
      JSON.stringify({
        position,
        recordedAt: "2026-01-31T12:00:00.000Z",
        commitId: `01a1fde3-cef5-768a-906c-${`${position}`.padStart(12, "0")}`,
        commitIndex: 0,
        tenant: "",
        category: "Purchase",
        id: "1",
        version: position,
        type: "NameGiven",
        revision: 1,
        occurredAt: "2026-01-31T12:00:00.000Z",
        payload: { name: "ada" },
        metadata: {},
        ...changes
      })
    }\n`

  const unreadable: ReadonlyArray<readonly [name: string, changes: object, message: string]> = [
    [
      "an unknown type",
      { type: "OrderLost" },
      "OrderLost, revision 1, at version 2 of Purchase/1 (position 2) cannot be read: UnknownType"
    ],
    [
      "a newer revision",
      { revision: 9 },
      "NameGiven, revision 9, at version 2 of Purchase/1 (position 2) cannot be read: NewerRevision"
    ],
    ["a wrong payload", { payload: { name: 1 } }, "cannot be read: InvalidPayload"],
    [
      "an unknown category",
      { category: "Order", version: 1 },
      "expected a category of the project (Purchase, Cart), got Order"
    ],
    ["an event of another aggregate", { type: "CartFilled", payload: { items: [] } }, "expected events of Order ("]
  ]
  for (const [name, changes, message] of unreadable) {
    it.effect(`refuses ${name}, unless it may be left out`, () =>
      Effect.gen(function*() {
        const text = line(1, {}) + line(2, changes) + line(3, "category" in changes ? { version: 2 } : {})
        for (const config of configs) {
          const copy = yield* Run.memory
          const args = ["import", "--upcast", "--map", join(Run.directory(), "map")]
          const refused = yield* Run.varve(copy, config, args, text)
          expect(refused.code).toBe(2)
          expect(refused.err).toContain("standard input, line ")
          expect(refused.err).toContain(message)
          expect(refused.err).toContain("--skip-unreadable leaves it out")
          const { code, out } = yield* Run.varve(copy, config, [...args, "--json", "--skip-unreadable"], text)
          expect(code).toBe(0)
          expect(JSON.parse(out)).toMatchObject({ read: 3, written: 2, gone: 1, unreadable: 1 })
          expect(Array.from(mapOf(args[3]!))).toEqual([[1, [1]], [2, []], [3, [2]]])
        }
      }))
  }

  const placed = { _tag: "OrderPlaced", cents: 1 }
  const wrongs: ReadonlyArray<readonly [name: string, merged: () => unknown, message: string]> = [
    ["throws", () => {
      throw new Error("ouch")
    }, "Copy.merge of Order for Purchase/1 throws: ouch"],
    [
      "names an origin that is not there",
      () => [{ event: placed, from: [0, 3] }],
      "event 0, from: expected indices from 0 to 2, got 3"
    ],
    [
      "names half an origin",
      () => [{ event: placed, from: [0.5] }],
      "event 0, from: expected indices from 0 to 2, got 0.5"
    ],
    ["names no origin", () => [{ event: placed, from: [] }], "event 0, from: expected an index at the least, got none"],
    [
      "takes a place that is none of its origins",
      () => [{ event: placed, from: [0], at: 1 }],
      "event 0, at: expected one of from (0), got 1"
    ],
    [
      "goes back",
      () => [{ event: placed, from: [0, 1] }, { event: placed, from: [0] }],
      "event 1: expected places that do not go back: 1 or more, got 0"
    ],
    [
      "makes an event of another aggregate",
      () => [{ event: { _tag: "CartFilled", items: [] }, from: [0] }],
      "event 0: expected events of Order (OrderPlaced, "
    ],
    [
      "makes an event that does not fit",
      () => [{ event: { _tag: "OrderPlaced", cents: 0.5 }, from: [0] }],
      "event 0: expected a OrderPlaced that fits its schema, got "
    ]
  ]
  for (const [name, merged, message] of wrongs) {
    it.effect(`refuses a merge that ${name}`, () =>
      Effect.gen(function*() {
        Place.setMerge(merged)
        const copy = yield* Run.memory
        const args = ["import", "--upcast", "--map", join(Run.directory(), "map"), "-"]
        const { code, err } = yield* Run.varve(copy, "wrong", args, line(1, {}) + line(2, {}) + line(3, {}))
        expect(code).toBe(2)
        expect(err).toContain("standard input, line 1: Copy.merge of Order for Purchase/1")
        expect(err).toContain(message)
        expect(yield* Context.get(copy, EventStore.EventStore).head).toBe(0)
      }))
  }

  it.effect("finds an event that the copy does not read as it was read", () =>
    Effect.gen(function*() {
      const text = line(1, { category: "Counter", type: "OddCounted", payload: { odd: 1 } })
      const args = ["import", "--upcast", "--map", join(Run.directory(), "map"), "-"]
      const { code, err } = yield* Run.varve(yield* Run.memory, "wrong", args, text)
      expect(code).toBe(2)
      expect(err).toContain("the copy, OddCounted at position 1, as the program reads it: expected {\"odd\":2,")
      expect(err).toContain("got {\"odd\":3,")
    }))

  it.effect("keeps a field that an upcast leaves undefined", () =>
    Effect.gen(function*() {
      const text = line(1, { category: "Counter", type: "CountNamed", payload: {} })
      const args = ["import", "--upcast", "--json", "--map", join(Run.directory(), "map"), "-"]
      const copy = yield* Run.memory
      const { code, err, out } = yield* Run.varve(copy, "wrong", args, text)
      expect({ code, err }).toEqual({ code: 0, err: "" })
      expect(JSON.parse(out)).toMatchObject({ upcast: 1, equalStates: 1 })
      expect(History.lines(yield* exported(copy))).toMatchObject([
        { revision: 2, payload: { name: null, in: [{ at: null }] } }
      ])
    }))

  it.effect("ends with 1 when the new store has findings", () =>
    Effect.gen(function*() {
      const services = yield* Run.memory
      const admin = Context.get(services, StoreAdmin.StoreAdmin)
      const verify = Effect.succeed([{ what: "checkpoint", expected: "at most 1", actual: "2" }])
      const args = ["import", "--upcast", "--map", join(Run.directory(), "map"), "-"]
      const broken = Context.add(services, StoreAdmin.StoreAdmin, { ...admin, verify })
      const { code, err, out } = yield* Run.varve(broken, "plain", args, line(1, {}))
      expect({ code, out }).toEqual({ code: 1, out: "" })
      expect(err).toContain("checkpoint: expected at most 1, got 2\n")
    }))

  it.effect("begins with the first event", () =>
    Effect.gen(function*() {
      const { err } = yield* Run.varve(yield* Run.memory, "plain", [
        "import",
        "--upcast",
        "--map",
        join(Run.directory(), "map"),
        "-"
      ], line(2, { version: 1 }))
      expect(err).toContain("standard input, position: expected 1: a copy begins with the first event, got 2")
    }))

  it.effect("refuses a commit that becomes too large", () =>
    Effect.gen(function*() {
      const contact = { type: "ContactGiven", payload: { name: "ada", phone: "1" } }
      const text = Array.from({ length: 501 }, (_, i) =>
        line(i + 1, { ...contact, commitId: "01a1fde3-cef5-768a-906c-524c2a5d2f11", commitIndex: i })).join("")
      const { err } = yield* Run.varve(yield* Run.memory, "plain", [
        "import",
        "--upcast",
        "--map",
        join(Run.directory(), "map"),
        "-"
      ], text)
      expect(err).toContain(
        "line 1: what commit 01a1fde3-cef5-768a-906c-524c2a5d2f11 becomes: expected at most 1000 events, got 1002"
      )
    }))

  it.effect("writes events that become far larger, as many at a time as a store takes", () =>
    Effect.gen(function*() {
      const name = "x".repeat(1_000_000)
      const count = Math.floor(Limits.bytesPerRestore / name.length) + 1
      Place.setMerge((origins) => origins.map((_, i) => ({ event: { _tag: "NameGiven", name }, from: [i] })))
      const text = Array.from({ length: count }, (_, i) => line(i + 1, {})).join("")
      const copy = yield* Run.memory
      const args = ["import", "--upcast", "--map", join(Run.directory(), "map"), "-"]
      const { code, err } = yield* Run.varve(copy, "wrong", args, text)
      expect({ code, err }).toEqual({ code: 0, err: "" })
      expect(yield* Context.get(copy, EventStore.EventStore).head).toBe(count)
    }))

  it.effect("leaves a commit out that nothing is left of", () =>
    Effect.gen(function*() {
      const copy = yield* Run.memory
      const text = line(1, { type: "OrderViewed" }) + line(2, {}) + line(3, { type: "OrderViewed" })
      const { code } = yield* Run.varve(
        copy,
        "plain",
        ["import", "--upcast", "--map", join(Run.directory(), "map")],
        text
      )
      expect(code).toBe(0)
      const lines = History.lines(yield* exported(copy))
      expect(lines.map(({ commitId, position, version }) => [commitId.slice(-1), position, version])).toEqual([[
        "2",
        1,
        1
      ]])
      expect(yield* Context.get(copy, StoreAdmin.StoreAdmin).verify).toEqual([])
    }))

  it.effect("does not write the map over the events", () =>
    Effect.gen(function*() {
      const { file, text } = yield* filled(7, 3)
      const copy = yield* Run.memory
      const { code, err } = yield* Run.varve(copy, "plain", [
        "import",
        "--upcast",
        "--map",
        `${file}/../events.ndjson`,
        file
      ])
      expect(code).toBe(2)
      expect(err).toContain("--map: expected another file than that of the events, got")
      expect(readFileSync(file, "utf8")).toBe(text)
      expect(yield* Context.get(copy, EventStore.EventStore).head).toBe(0)
    }))

  it.effect("knows no --map and no --skip-unreadable without --upcast", () =>
    Effect.gen(function*() {
      for (const flags of [["--map", "x"], ["--skip-unreadable"]]) {
        const { code, err } = yield* Run.varve(yield* Run.memory, "plain", ["import", ...flags], line(1, {}))
        expect(code).toBe(2)
        expect(err).toContain(`${flags[0]}: expected --upcast, got an import of events as they are`)
      }
    }))
})
