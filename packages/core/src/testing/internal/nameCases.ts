import * as Effect from "effect/Effect"
import { define, type Definition, event, type Fixture, numbered, write } from "./fixture.ts"

const oddIds = [
  "a",
  "A",
  " a",
  "a ",
  "a  ",
  "a/b",
  "a//b",
  "/",
  "a@b",
  "a@",
  "@",
  "a%40",
  "a%40b",
  "a+b",
  "a%20b",
  "a b",
  "a\u00A0b",
  "é",
  "e\u0301",
  "ß",
  "ss",
  "İ",
  "i",
  "😀",
  "😁",
  "\u200Ba",
  "Ａ",
  "'",
  "''",
  "\"",
  "\\",
  "a\\",
  "`",
  "%",
  "_",
  "*",
  "?",
  "$1",
  "${id}",
  "{a,b}",
  "NULL",
  "null",
  "undefined",
  "0",
  "00",
  "1e3",
  "1000",
  "-",
  "__proto__",
  "constructor",
  "'; DROP TABLE events; --",
  "' OR '1'='1",
  "שלום",
  "a\u202Eb"
]

const separate = define(
  "streams with ids that look alike are separate, and are read back exactly",
  Effect.fnUntraced(function*(t: Fixture) {
    const [first, ...others] = oddIds.map((id) => write(t.stream(id), 0, [event("Named", { id })]))
    yield* t.append(first!, ...others)
    for (const [i, id] of oddIds.entries()) {
      yield* t.append(write(t.stream(id), 1, [event("Named", { id }), event("Counted", { i })]))
    }
    for (const [i, id] of oddIds.entries()) {
      const found = (yield* t.events(t.stream(id))).map(({ payload, stream, version }) => [stream, version, payload])
      const stream = t.stream(id)
      yield* t.equal(`stream ${JSON.stringify(id)}`, found, [[stream, 1, { id }], [stream, 2, { id }], [stream, 3, {
        i
      }]])
      const page = yield* t.store.readPage({ after: t.start, filter: { stream } })
      yield* t.equal(`ids by the filter ${JSON.stringify(id)}`, page.events.map(({ stream }) => stream.id), [
        id,
        id,
        id
      ])
    }
  })
)

const tenants = define(
  "one id under several tenants is several streams",
  Effect.fnUntraced(function*(t: Fixture) {
    const names = ["", t.tenant("acme"), t.tenant("Acme"), t.tenant("acme "), t.tenant("a@b/c"), t.tenant("😀'--")]
    for (const [i, tenant] of names.entries()) {
      yield* t.append(write(t.stream("a", tenant), 0, numbered(i + 1)))
    }
    for (const [i, tenant] of names.entries()) {
      const stream = t.stream("a", tenant)
      yield* t.conflict("a first commit", t.append(write(stream, 0)), { stream, expected: 0, actual: i + 1 })
      const { streams } = yield* t.append(write(stream, i + 1))
      yield* t.equal("receipt", streams, [{ stream, from: i + 2, to: i + 2 }])
      const tenants = (yield* t.events(stream)).map(({ stream }) => stream.tenant)
      yield* t.equal("tenants of the events", tenants, numbered(i + 2).map(() => tenant))
    }
    yield* t.lengths("after all", ...names.map((tenant, i) => [t.stream("a", tenant), i + 2] as const))
    yield* t.lengths("of a tenant without events", [t.stream("a", t.tenant("nobody")), 0])
  })
)

const tenantAndId = define(
  "where a tenant ends and an id begins is never in doubt",
  Effect.fnUntraced(function*(t: Fixture) {
    const x = t.tenant("x")
    const streams = [
      t.stream("a@b", x),
      t.stream("a", `b@${x}`),
      t.stream(`a@${x}`),
      t.stream(`a@${x}`, x),
      t.stream("a", `a@${x}`)
    ]
    for (const [i, stream] of streams.entries()) yield* t.append(write(stream, 0, numbered(i + 1)))
    yield* t.lengths("after all", ...streams.map((stream, i) => [stream, i + 1] as const))
  })
)

const acrossTenants = define(
  "a commit may span tenants and categories",
  Effect.fnUntraced(function*(t: Fixture) {
    const streams = [t.stream("a"), t.stream("a", t.tenant("acme")), t.stream("a", "", "Other")]
    const [first, ...others] = streams.map((stream) => write(stream, 0))
    const receipt = yield* t.append(first!, ...others)
    yield* t.equal("streams of the receipt", receipt.streams, streams.map((stream) => ({ stream, from: 1, to: 1 })))
    yield* t.conflict("a conflict of one tenant", t.append(write(streams[0]!), write(streams[1]!, 0)), {
      stream: streams[1]!,
      expected: 0,
      actual: 1
    })
    yield* t.lengths("after it", ...streams.map((stream) => [stream, 1] as const))
  })
)

const categories = define(
  "one id under several categories is several streams",
  Effect.fnUntraced(function*(t: Fixture) {
    const streams = ["Contract", "contract", "CONTRACT", "Contract_"].map((category) => t.stream("a", "", category))
    for (const [i, stream] of streams.entries()) yield* t.append(write(stream, 0, numbered(i + 1)))
    yield* t.lengths("after all", ...streams.map((stream, i) => [stream, i + 1] as const))
    for (const [i, { category }] of streams.entries()) {
      yield* t.equal(`events of the category ${category}`, (yield* t.own(category)).length, i + 1)
    }
  })
)

/** Names of streams. */
export const cases: ReadonlyArray<Definition> = [separate, tenants, tenantAndId, acrossTenants, categories]
