import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { JsonObject } from "effect/Schema"
import type { CommitId } from "../../CommitId.ts"
import * as Limits from "../../Limits.ts"
import type { EventMetadata } from "../../StoredEvent.ts"
import type { StreamName } from "../../StreamName.ts"
import { define, type Definition, event, type Failure, type Fixture, numbered, upTo, write } from "./fixture.ts"

/** Fails unless nothing at all was written in the category of the case. */
const nothing = (t: Fixture): Effect.Effect<void, Failure> =>
  Effect.flatMap(t.own(), (events) => t.equal("events of the category after refusals", events.length, 0))

const longest = "é".repeat(Limits.idBytes / 2)

const badText: ReadonlyArray<readonly [string, string]> = [
  [`${Limits.idBytes + 1} bytes of ASCII`, "x".repeat(Limits.idBytes + 1)],
  [`${Limits.idBytes + 1} bytes in fewer characters`, `${longest}x`],
  ["a null character", "a\u0000b"],
  ["a line break", "a\nb"],
  ["a tabulator", "a\tb"],
  ["DEL", "a\u007Fb"],
  ["a control character behind ASCII", "a\u0085b"],
  ["a high surrogate alone", "a\uD83D"],
  ["a low surrogate alone", "\uDE00a"]
]

const ids = define(
  "ids of streams beyond the limits are refused, and those at the limit are not",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const [what, id] of [["an empty id", ""] as const, ...badText]) {
      const stream = t.stream(id)
      yield* t.refused(what, t.append(write(stream)))
      yield* t.refused(`${what}, second`, t.append(write(t.stream("good")), write(stream)))
      const checks = [{ _tag: "Stream", stream, expected: "any" }] as const
      yield* t.refused(`${what}, checked`, t.store.append({ writes: [write(t.stream("good"))], checks }))
      yield* t.refused(`${what}, read`, t.store.readStreamPage({ stream }))
      yield* t.refused(`${what}, as a filter`, t.store.readPage({ filter: { stream } }))
    }
    yield* nothing(t)
    const fits = ["x".repeat(Limits.idBytes), longest, "😀".repeat(Limits.idBytes / 4), "x"]
    for (const id of fits) yield* t.append(write(t.stream(id), 0))
    yield* t.lengths("at the limit", ...fits.map((id) => [t.stream(id), 1] as const))
  })
)

const tenants = define(
  "tenants beyond the limits are refused, and those at the limit are not",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const [what, tenant] of badText) {
      yield* t.refused(what, t.append(write(t.stream("a", tenant))))
      yield* t.refused(`${what}, read`, t.store.readStreamPage({ stream: t.stream("a", tenant) }))
    }
    yield* nothing(t)
    const fits = ["", "x".repeat(Limits.idBytes), longest]
    for (const tenant of fits) yield* t.append(write(t.stream("a", tenant), 0))
    yield* t.lengths("at the limit", ...fits.map((tenant) => [t.stream("a", tenant), 1] as const))
  })
)

const badNames = [
  "",
  "1a",
  "_a",
  "a-b",
  "a b",
  "a/b",
  "a.b",
  "é",
  "Ünder",
  "a\u0000",
  "a\n",
  "a'b",
  `a${"b".repeat(128)}`
]

const names = define(
  "categories and event types are letters, digits and underscores, and nothing else",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const name of badNames) {
      const stream: StreamName = { ...t.stream(), category: name }
      yield* t.refused(`category ${JSON.stringify(name)}`, t.append(write(stream)))
      yield* t.refused(`category ${JSON.stringify(name)}, read`, t.store.readStreamPage({ stream }))
      yield* t.refused(`type ${JSON.stringify(name)}`, t.append(write(t.stream(), 0, [event(name)])))
    }
    yield* nothing(t)
    const types = ["a", "Z9_", "constructor", "select", `T${"b".repeat(127)}`] as const
    for (const type of types) yield* t.append(write(t.stream(), "any", [event(type)]))
    yield* t.equal("types at the limit", (yield* t.events(t.stream())).map(({ type }) => type), types)
    const category = t.category("c".repeat(127 - t.category("").length))
    yield* t.append(write({ ...t.stream(), category: `${category}x` }))
    yield* t.refused("a category of 129 characters", t.append(write({ ...t.stream(), category: `${category}xx` })))
  })
)

const revisions = define(
  "revisions are whole numbers from 1 to 32,767",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const revision of [0, -1, 1.5, NaN, Infinity, 32_768]) {
      yield* t.refused(`revision ${revision}`, t.append(write(t.stream(), 0, [event("Happened", {}, revision)])))
    }
    yield* nothing(t)
    yield* t.append(write(t.stream(), 0, [event("Happened", {}, 1), event("Happened", {}, 32_767)]))
    yield* t.equal("revisions", (yield* t.events(t.stream())).map(({ revision }) => revision), [1, 32_767])
  })
)

const counts = define(
  "a commit has at most 1,000 events and 256 streams, and at least one event",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    yield* t.refused("1,001 events of one write", t.append(write(a, 0, numbered(1_001))))
    yield* t.refused("1,001 events of two writes", t.append(write(a, 0, numbered(1_000)), write(b, 0)))
    const writes = Arr.map(Arr.range(1, 257), (n) => write(t.stream(`s${n}`), 0))
    yield* t.refused("257 streams", t.append(writes[0], ...writes.slice(1)))
    const checks = writes.slice(1).map(({ stream }) => ({ _tag: "Stream", stream, expected: 0 } as const))
    yield* t.refused("257 streams, most of them checked", t.store.append({ writes: [writes[0]], checks }))
    // A program without types may come with these.
    yield* t.refused("no writes", t.store.append({ writes: [] as never }))
    yield* t.refused("no events", t.append(write(a, 0, [] as never)))
    yield* nothing(t)
    yield* t.append(write(a, 0, numbered(999)), write(b, 0))
    yield* t.append(writes[0], ...writes.slice(1, 256))
    yield* t.lengths("at the limit", [a, 999], [b, 1], [writes[255]!.stream, 1])
  })
)

/** A payload of so many bytes of JSON. */
const sized = (bytes: number, character = "x"): JsonObject => {
  const width = new TextEncoder().encode(character).length
  const room = bytes - "{\"text\":\"\"}".length
  return { text: character.repeat(Math.floor(room / width)) + "x".repeat(room % width) }
}

const sizes = define(
  "a payload has at most 1 MiB of JSON, counted in bytes",
  Effect.fnUntraced(function*(t: Fixture) {
    const over = Limits.payloadBytes + 1
    for (const character of ["x", "é", "漢", "😀"]) {
      const payload = sized(over, character)
      yield* t.refused(`${over} bytes of ${character}`, t.append(write(t.stream(), 0, [event("Large", payload)])))
    }
    yield* t.refused("20 MB", t.append(write(t.stream(), 0, [event(), event("Large", sized(20_000_000))])))
    yield* nothing(t)
    const fits = ["x", "漢"].map((character) => sized(Limits.payloadBytes, character))
    for (const payload of fits) yield* t.append(write(t.stream(), "any", [event("Large", payload)]))
    yield* t.equal("payloads at the limit", (yield* t.events(t.stream())).map(({ payload }) => payload), fits)
  })
)

const commitSize = define(
  "the payloads of a commit have at most 8 MiB together",
  Effect.fnUntraced(function*(t: Fixture) {
    const full = event("Large", sized(Limits.payloadBytes))
    const eight = Arr.map(Arr.range(1, 8), () => full)
    yield* t.refused("8 MiB and an event", t.append(write(t.stream(), 0, eight), write(t.stream("b"), 0)))
    yield* nothing(t)
    yield* t.append(write(t.stream(), 0, eight))
    const { events } = yield* t.store.readStreamPage({ stream: t.stream(), direction: "backward", limit: 1 })
    yield* t.equal("the last of 8 MiB", events[0]?.version, 8)
  })
)

const commitBytes = define(
  "the size of a commit is counted in bytes, not in characters",
  Effect.fnUntraced(function*(t: Fixture) {
    const full = event("Large", sized(Limits.payloadBytes, "漢"))
    const nine = Arr.map(Arr.range(1, 9), () => full)
    yield* t.refused("9 MiB in 3 million characters", t.append(write(t.stream(), 0, nine)))
    yield* nothing(t)
  })
)

const badIds = [
  "",
  "nonsense",
  "0190f3a0-0000-7000-8000-00000000000",
  "0190f3a0-0000-7000-8000-00000000000g",
  "0190F3A0-0000-7000-8000-00000000000A"
]

const commitIds = define(
  "a commit id that is no UUID in lower case is refused, or found nowhere",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    for (const text of badIds) {
      // A program without types may come with these.
      const commitId = text as CommitId
      yield* t.refused(`commit id ${JSON.stringify(text)}`, t.store.append({ id: commitId, writes: [write(stream)] }))
      yield* t.refused(`expected commit ${JSON.stringify(text)}`, t.append(write(stream, { version: 1, commitId })))
      const found = yield* Effect.result(t.store.findCommit(commitId))
      const word = found._tag === "Success" ? found.success._tag : found.failure.reason._tag
      yield* t.holds(
        `findCommit of ${JSON.stringify(text)}`,
        word === "None" || word === "Refused",
        "None or Refused",
        word
      )
    }
    yield* nothing(t)
  })
)

const nested = (levels: number, array: boolean): JsonObject => {
  let value: JsonObject | ReadonlyArray<unknown> = {}
  for (let depth = 2; depth < levels; depth++) value = array ? [value] : { a: value } as JsonObject
  return { value } as JsonObject
}

const depth = define(
  "a payload has at most 100 levels",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const array of [false, true]) {
      const deep = [nested(Limits.payloadDepth + 1, array), nested(10_000, array)]
      for (const payload of deep) {
        yield* t.refused("too many levels", t.append(write(t.stream(), 0, [event("Deep", payload)])))
      }
    }
    const endless: Record<string, unknown> = {}
    endless["self"] = endless
    yield* t.refused(
      "a value that holds itself",
      t.append(write(t.stream(), 0, [event("Deep", endless as JsonObject)]))
    )
    yield* nothing(t)
    const fits = [nested(Limits.payloadDepth, false), nested(Limits.payloadDepth, true)]
    for (const payload of fits) yield* t.append(write(t.stream(), "any", [event("Deep", payload)]))
    const stored = (yield* t.events(t.stream())).map(({ payload }) => JSON.stringify(payload))
    yield* t.equal("payloads at the limit", stored, fits.map((payload) => JSON.stringify(payload)))
  })
)

const metadata = define(
  "metadata of a commit has at most 64 KiB of JSON, and is JSON",
  Effect.fnUntraced(function*(t: Fixture) {
    const withUser = (user: unknown) =>
      t.store.append({ writes: [write(t.stream())], metadata: { user } as EventMetadata })
    const room = Limits.metadataBytes - "{\"user\":{\"text\":\"\"}}".length
    yield* t.refused("a byte too many", withUser({ text: "x".repeat(room + 1) }))
    yield* t.refused("too many bytes in fewer characters", withUser({ text: "漢".repeat(room / 3 + 1) }))
    for (const [what, value] of notJson) yield* t.refused(what, withUser({ value }))
    yield* nothing(t)
    yield* withUser({ text: "x".repeat(room) })
    const [stored] = yield* t.events(t.stream())
    yield* t.equal("metadata at the limit", stored?.metadata.user?.["text"], "x".repeat(room))
  })
)

/** What JSON would change, drop, or not take, and what a database would not take. */
const notJson: ReadonlyArray<readonly [string, unknown]> = [
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["undefined", undefined],
  ["a bigint", 1n],
  ["a symbol", Symbol("s")],
  ["a function", () => 1],
  ["a date", new Date(0)],
  ["an invalid date", new Date(NaN)],
  ["a map", new Map([["a", 1]])],
  ["a set", new Set([1])],
  ["a regular expression", /a/],
  ["bytes", new Uint8Array([1])],
  ["a boxed number", Object(1)],
  ["an object with a prototype of its own", Object.create({ inherited: 1 })],
  [
    "an instance of a class",
    new (class Money {
      readonly amount = 1
    })()
  ],
  ["an object with toJSON", { toJSON: () => 1 }],
  ["a symbol key", { [Symbol("s")]: 1 }],
  ["a toJSON that is not enumerable", Object.defineProperty({ t: 1 }, "toJSON", { value: () => ({ z: 9 }) })],
  ["the key __proto__", JSON.parse("{\"__proto__\":1}")],
  ["a sparse array", new Array(2)],
  ["an array with a property", Object.assign([1], { more: 2 })],
  ["U+0000 in a text", "a\u0000b"],
  ["U+0000 in a key", { "a\u0000b": 1 }],
  ["a lone surrogate in a text", "a\uD800"],
  ["a lone surrogate in a key", { "\uDFFFa": 1 }],
  ["a promise", Promise.resolve(1)],
  ["an error", new Error("no")]
]

const notPayload: ReadonlyArray<readonly [string, unknown]> = [
  ["null as a payload", null],
  ["an array as a payload", [1]],
  ["a text as a payload", "text"],
  ["a number as a payload", 1],
  ["nothing as a payload", undefined],
  ["a map as a payload", new Map()],
  ["a date as a payload", new Date(0)]
]

const values = define(
  "what JSON cannot hold exactly is refused, wherever it stands",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    for (const [what, value] of notJson) {
      const payloads = [{ value }, { list: [0, [value]] }, { deep: { deeper: { value } } }] as ReadonlyArray<JsonObject>
      for (const payload of payloads) {
        yield* t.refused(what, t.append(write(stream, 0, [event("Odd", payload)])))
      }
      const second = [event(), event("Odd", payloads[0]!)] as const
      yield* t.refused(`${what} among others`, t.append(write(t.stream("b"), 0), write(stream, 0, second)))
    }
    for (const [what, payload] of notPayload) {
      yield* t.refused(what, t.append(write(stream, 0, [{ ...event(), payload: payload as JsonObject }])))
    }
    yield* nothing(t)
  })
)

const filters = define(
  "a filter has at most 10,000 names",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* t.append(write(t.stream()))
    const types = upTo(Limits.namesPerFilter).map((n) => `T${n}`)
    const source = { category: t.category(), type: "Happened" }
    yield* t.refused("10,001 types", t.store.readPage({ filter: { types: [...types, "T"] } }))
    yield* t.refused(
      "10,001 names",
      t.store.readPage({ filter: { types: types.slice(1), sources: [source], categories: ["C"] } })
    )
    const { events } = yield* t.store.readPage({
      after: t.start,
      filter: { types: [...types.slice(1), "Happened"], stream: t.stream() }
    })
    yield* t.equal("events by one of 10,000 types", events.length, 1)
  })
)

/** Bounds on what a caller hands to a store. */
export const cases: ReadonlyArray<Definition> = [
  ids,
  tenants,
  names,
  revisions,
  counts,
  sizes,
  commitSize,
  commitBytes,
  commitIds,
  depth,
  metadata,
  values,
  filters
]
