import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { utf8Bytes } from "../../internal/text.ts"
import * as Limits from "../../Limits.ts"
import * as StoredEvent from "../../StoredEvent.ts"
import { upTo } from "./fixture.ts"
import { define, type Definition, inAnyOrder, row, type RowFixture, tombstone, waiting } from "./rowFixture.ts"

/** JSON that stores have changed on its way: written as text, since not every program can write all of it. */
const values: ReadonlyArray<readonly [name: string, text: string]> = [
  ["null", "null"],
  ["a truth value", "false"],
  ["an empty text", "\"\""],
  ["a text that looks like null", "\"null\""],
  ["an empty object", "{}"],
  ["an empty array", "[]"],
  ["numbers", "[0,-0,0.1,1e21,1e-7,9007199254740991,-9007199254740991,1.7976931348623157e308,5e-324]"],
  ["keys of an object's prototype", "{\"__proto__\":{\"x\":1},\"constructor\":2,\"toString\":3,\"\":4}"],
  ["keys that differ little", "{\"a\":1,\"A\":2,\"a \":3,\"à\":4,\"a\u0300\":5}"],
  ["text of all planes", JSON.stringify("a\u0300ß中\uFFFF😀\u{10FFFF}\u2028\u2029")],
  ["controls", JSON.stringify("\u0001\b\t\n\f\r\u001F\u007F\u0085")],
  ["text with quotes and backslashes", JSON.stringify("' \" \\ \\n \\u0000 {a,b} $1 %s ;--")],
  ["null in places", "[null,{\"a\":null},[null]]"],
  ["text that looks like a time", "\"2026-01-01T00:00:00.000Z\""],
  ["deep nesting", `${"[".repeat(90)}1${"]".repeat(90)}`]
]

const fidelity = define(
  "values come back as they were written",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const rows = values.map(([name, value], i) => row(name, 1, { index: i, value, sorts: [`${i + 10}`] }))
    yield* t.holding(target, 1, ...rows)
    const keys = rows.map(({ key, tenant }) => ({ tenant, key }))
    for (const one of rows) yield* t.loads(`a row of ${one.key}`, target, [one], one)
    yield* t.loads("all rows", target, keys, ...rows)
    const source = { name: target.name, tenant: "" }
    const found = yield* t.some("find", yield* t.rows.find(source, keys.map(({ key }) => key)))
    yield* t.equal("what is found", inAnyOrder(found.rows), inAnyOrder(rows))
    const page = yield* t.some("list", yield* t.rows.list({ ...source, index: 0, backward: false, limit: 100 }))
    const wanted = rows.map(({ value }) => StoredEvent.parseJson(value ?? ""))
    yield* t.equal("what is listed", page.rows.map(({ row }) => StoredEvent.parseJson(row.value ?? "")), wanted)
  })
)

const big = define(
  "the largest row is written and read",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const empty = utf8Bytes(JSON.stringify({ text: "" }))
    const texts = ["x".repeat(Limits.rowBytes - empty), "中".repeat(Math.floor((Limits.rowBytes - empty) / 3))]
    const rows = texts.map((text, i) =>
      row(`big-${i}`, 1, { value: JSON.stringify({ text } satisfies Schema.JsonObject) })
    )
    yield* t.holding(target, 1, ...rows)
    yield* t.loads("them", target, rows, ...rows)
  })
)

/** A text of so many bytes that no database can make much smaller. */
const dense = (bytes: number, seed: number): string => {
  let state = seed
  return upTo(bytes).map(() => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return String.fromCharCode(0x21 + Math.floor(state / 65_536) % 94)
  }).join("")
}

const keys = [
  "a",
  " ",
  "  a  ",
  "A",
  "a/b",
  "a\\b",
  "'; drop table rows; --",
  "{\"a\",NULL}",
  "NULL",
  "%_$1?",
  "ä",
  "a\u0308",
  "中文",
  "😀",
  "\u{10FFFF}",
  "\u00A0",
  "\u200B",
  "0",
  "00",
  "__proto__",
  "constructor"
]

const odd = define(
  "keys are kept apart by their bytes, whatever they look like",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const rows = keys.flatMap((key, i) => [
      row(key, 1, { value: `${i}`, sorts: [key] }),
      row("same", 1, { tenant: key, value: `${-i - 1}`, sorts: [key] })
    ])
    const park = keys.map((key) => waiting(key, 1))
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 1, rows, park }))
    yield* t.loads("rows", target, rows, ...rows)
    for (const [i, key] of keys.entries()) {
      const found = yield* t.some("find", yield* t.rows.find({ name: target.name, tenant: "" }, [key]))
      yield* t.equal(`the row under ${JSON.stringify(key)}`, found.rows.map(({ value }) => value), [`${i}`])
      const ofTenant = yield* t.some("find", yield* t.rows.find({ name: target.name, tenant: key }, ["same"]))
      yield* t.equal(`the row of ${JSON.stringify(key)}`, ofTenant.rows.map(({ value }) => value), [`${-i - 1}`])
      const parked = yield* t.rows.parked({ target, key: { tenant: "", key }, limit: 9 })
      yield* t.equal(`parked events of ${JSON.stringify(key)}`, parked.map((event) => event.key), [key])
    }
    yield* t.equal("parked keys", (yield* t.entry(target)).parkedKeys, keys.length)
    const page = yield* t.some(
      "list",
      yield* t.rows.list({ name: target.name, tenant: "", index: 0, backward: false, limit: 100 })
    )
    yield* t.equal("how many are listed", page.rows.length, keys.length)
  })
)

const longest = define(
  "the longest keys, tenants and places in an index are kept whole",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const tenant = dense(Limits.idBytes, 1)
    const key = dense(Limits.idBytes - 1, 2)
    const sort = dense(Limits.indexBytes - 1, 3)
    // They differ in the last byte only.
    const rows = ["a", "b"].map((last) =>
      row(`${key}${last}`, 1, {
        tenant,
        sorts: upTo(Limits.indexesPerProjection).map((n) => n % 2 === 0 ? `${sort}${last}` : sort)
      })
    )
    const wide = row("𝄞".repeat(Limits.idBytes / 4), 1, { tenant, sorts: ["z", "z", "z", "z"] })
    const park = rows.map(({ key }) => waiting(key, 1, { tenant }))
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 1, rows: [...rows, wide], park }))
    yield* t.loads("rows", target, [...rows, wide], ...rows, wide)
    yield* t.equal("parked events", (yield* t.waits(target)).map(({ key }) => key), rows.map(({ key }) => key))
    const source = { name: target.name, tenant, below: "z" }
    for (const index of upTo(Limits.indexesPerProjection).map((n) => n - 1)) {
      const request = { ...source, index, backward: false, limit: 1 }
      const first = yield* t.some("list", yield* t.rows.list(request))
      yield* t.equal(`the first row by ${index}`, first.rows.map(({ row }) => row.key), [rows[0]!.key])
      const after = { sort: first.rows[0]!.sort, key: rows[0]!.key }
      const next = yield* t.some("list", yield* t.rows.list({ ...request, after }))
      yield* t.equal(`the next row by ${index}`, next.rows.map(({ row }) => row.key), [rows[1]!.key])
    }
    yield* t.commits("a removal", t.batch(target, { from: 1, to: 2, rows: [tombstone(rows[0]!.key, 2, { tenant })] }))
    const counted = yield* t.some("count", yield* t.rows.count({ ...source, index: 0 }))
    yield* t.equal("how many are left", counted.count, 1)
  })
)

/** What rows and keys can hold. */
export const cases: ReadonlyArray<Definition> = [fidelity, big, odd, longest]
