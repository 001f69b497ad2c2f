import * as Arbitrary from "effect/Arbitrary"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Commit from "../../Commit.ts"
import { Refused } from "../../EventStoreError.ts"
import * as StoredEvent from "../../StoredEvent.ts"
import { commitOf, define, type Definition, event, type Failure, type Fixture, numbered, write } from "./fixture.ts"

const keys = [
  "",
  " ",
  "a",
  "A",
  "é",
  "e\u0301",
  "0",
  "00",
  "-1",
  "constructor",
  "toString",
  "hasOwnProperty",
  "😀",
  "a.b",
  "a\"b"
]

const odd: ReadonlyArray<Schema.Json> = [
  null,
  true,
  0,
  -0,
  [-0, { zero: -0 }],
  [-0, { zero: -0, one: 1 }, 1],
  Number.MAX_SAFE_INTEGER,
  2 ** 53 + 2,
  -(2 ** 63),
  1e21,
  1e308,
  -1.7976931348623157e308,
  5e-324,
  0.1 + 0.2,
  "",
  " leading and trailing ",
  "\\u0000 is text here, \\ too",
  "quotes \" ' ` and </script>",
  "\u0001\u0008\u000b\u001f\u007f\u0085\u2028\u2029\ufeff\ufffd\uffff",
  "日本語 Ελληνικά कखग",
  "👩‍👩‍👧‍👦 🏳️‍🌈 \u{10FFFF}",
  "שלום مرحبا \u202Eright to left\u202C",
  "e\u0301 is not é",
  "$1 %s {} {1,2} NULL \\N \\.",
  "'; DROP TABLE events; --",
  "x".repeat(200_000),
  [],
  [[], [[]], {}],
  {},
  Object.fromEntries(keys.map((key, i) => [key, i])),
  Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, i])),
  Array.from({ length: 5_000 }, (_, i) => i)
]

/** Fails unless all payloads come back exactly, whichever way they are read. */
const comeBack = (t: Fixture, payloads: Arr.NonEmptyReadonlyArray<Schema.JsonObject>): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    yield* t.append(write(t.stream(), 0, Arr.map(payloads, (payload) => event("Odd", payload))))
    const byStream = yield* t.events(t.stream())
    yield* t.equal("payloads by stream", byStream.map(({ payload }) => payload), payloads)
    yield* t.equal("payloads by position", (yield* t.own()).map(({ payload }) => payload), payloads)
  })

const exact = define(
  "JSON comes back exactly as it was written",
  (t) => comeBack(t, [{}, ...odd.map((value) => ({ value })), ...odd.map((value) => ({ list: [value, [value]] }))])
)

const toJson = define(
  "keys that mean something to a program are keys like others",
  (t) => comeBack(t, [{ toJSON: "text", valueOf: null, length: 3 }, JSON.parse("{\"then\":{\"then\":1}}")])
)

const escapedKeys = define(
  "keys that JSON escapes are not taken for each other",
  (t) => {
    const keys = ["\\", "\t", "\"", "\n", "é\t", "\\\\"]
    return comeBack(t, [{}, ...keys.map((key) => ({ a: 1, [key]: 1, inner: [{ a: 1, [key]: "x\ty" }] }))])
  }
)

const random = define(
  "any JSON that a store takes comes back exactly",
  Effect.fnUntraced(function*(t: Fixture) {
    const values = yield* Effect.orDie(
      Arbitrary.sampleEffect(Arbitrary.schema(Schema.Json), { count: 300, seed: t.seed, size: 12 })
    )
    const fits = (value: Schema.Json): boolean =>
      !(Commit.encode({ writes: [write(t.stream(), 0, [event("Odd", { value })])] }) instanceof Refused)
    const payloads = values.filter(fits).map((value) => ({ value }))
    yield* Effect.mapError(
      comeBack(t, [{}, ...payloads]),
      (error) =>
        error._tag === "ContractFailure" ? t.fail(`${error.what}, seed ${t.seed}`, error.expected, error.actual) : error
    )
  })
)

const copies = define(
  "what is stored is a copy",
  Effect.fnUntraced(function*(t: Fixture) {
    const list = [1, 2]
    const user = { list: [1] }
    yield* t.store.append({ writes: [write(t.stream(), 0, [event("Happened", { list })])], metadata: { user } })
    list.push(3)
    user.list.push(2)
    const [first] = yield* t.events(t.stream())
    yield* t.equal("payload after a change of what was handed in", first?.payload, { list: [1, 2] })
    yield* t.equal("metadata after a change of what was handed in", first?.metadata, { user: { list: [1] } })
    const handedOut = first?.payload as { list: Array<number> }
    handedOut.list.length = 0
    const [second] = yield* t.events(t.stream())
    yield* t.equal("payload after a change of what was read", second?.payload, { list: [1, 2] })
  })
)

const metadata = define(
  "metadata comes back exactly as it was written",
  Effect.fnUntraced(function*(t: Fixture) {
    const all: ReadonlyArray<StoredEvent.EventMetadata | undefined> = [
      undefined,
      {},
      { actor: "ada" },
      { correlationId: "", causationId: "a/0", actor: "שלום 😀", command: "Deposit" },
      { trace: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" } },
      { user: {} },
      { user: { "": -0, odd: odd.slice(0, 20), nested: { deeper: [null, { n: 1e308 }] } } },
      { correlationId: "c", user: { correlationId: "mine", actor: null } }
    ]
    for (const one of all) yield* t.store.append({ writes: [write(t.stream(), "any", numbered(2))], metadata: one })
    const wanted = all.flatMap((one) => [one ?? {}, one ?? {}])
    yield* t.equal("metadata by stream", (yield* t.events(t.stream())).map((event) => event.metadata), wanted)
    yield* t.equal("metadata by position", (yield* t.own()).map((event) => event.metadata), wanted)
  })
)

const instants = [
  "2024-02-29T23:59:59.999Z",
  "2000-01-01T00:00:00.001Z",
  "1970-01-01T00:00:00.000Z",
  "1969-12-31T23:59:59.999Z",
  "1969-07-20T20:17:40.123Z",
  "1900-01-01T00:00:00.007Z",
  "1582-10-10T12:00:00.500Z",
  "0099-12-31T23:59:59.999Z",
  "0001-01-01T00:00:00.000Z",
  "2038-01-19T03:14:08.001Z",
  "9999-12-31T23:59:59.999Z"
]

const times = define(
  "the time of an event is kept to the millisecond",
  Effect.fnUntraced(function*(t: Fixture) {
    const wanted = instants.map((instant) => DateTime.makeUnsafe(instant))
    const [first, ...others] = wanted.map((occurredAt) => ({ ...event(), occurredAt }))
    yield* t.append(write(t.stream(), 0, [first!, ...others]))
    yield* t.equal("times by stream", (yield* t.events(t.stream())).map(({ occurredAt }) => occurredAt), wanted)
    yield* t.equal("times by position", (yield* t.own()).map(({ occurredAt }) => occurredAt), wanted)
  })
)

const farTimes = define(
  "a time that is too far away to be kept is refused, never changed",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const milliseconds of [-8.64e15, -210_866_803_200_001, -62_135_596_800_001, 253_402_300_800_000, 8.64e15]) {
      const occurredAt = DateTime.makeUnsafe(milliseconds)
      const stream = t.stream(`${milliseconds}`)
      const outcome = yield* Effect.result(t.append(write(stream, 0, [{ ...event(), occurredAt }])))
      const kept = outcome._tag === "Success"
      if (!kept) yield* t.equal(`reason at ${milliseconds} ms`, outcome.failure.reason._tag, "Refused")
      const times = (yield* t.events(stream)).map((event) => event.occurredAt)
      yield* t.equal(`times at ${milliseconds} ms`, times, kept ? [occurredAt] : [])
    }
  })
)

const defaultTime = define(
  "an event without a time happened when it was recorded",
  Effect.fnUntraced(function*(t: Fixture) {
    const told = DateTime.makeUnsafe("2001-01-01T00:00:00Z")
    const receipt = yield* t.append(
      write(t.stream(), 0, [event(), { ...event(), occurredAt: told }, { ...event(), occurredAt: undefined }])
    )
    const stored = yield* t.events(t.stream())
    yield* t.equal("times", stored.map(({ occurredAt }) => occurredAt), [receipt.recordedAt, told, receipt.recordedAt])
    yield* t.equal(
      "times of recording",
      stored.map(({ recordedAt }) => recordedAt),
      stored.map(() => receipt.recordedAt)
    )
  })
)

const wholeEvent = define(
  "an event comes back with everything that is known of it",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream("ada", t.tenant("acme"))
    yield* t.append(write(t.stream()), write(stream))
    const commit = {
      ...commitOf(write(t.stream()), write(stream, 1, [event("Moved", { to: "x" }, 7)])),
      metadata: { actor: "ada" }
    }
    const receipt = yield* t.store.append(commit)
    const wanted: StoredEvent.StoredEvent = {
      id: StoredEvent.id(commit.id, 1),
      commitId: commit.id,
      commitIndex: 1,
      stream,
      version: 2,
      position: receipt.last,
      type: "Moved",
      revision: 7,
      payload: { to: "x" },
      metadata: { actor: "ada" },
      occurredAt: receipt.recordedAt,
      recordedAt: receipt.recordedAt
    }
    yield* t.equal("event by stream", (yield* t.events(stream)).at(-1), wanted)
    yield* t.equal("event by position", (yield* t.own()).at(-1), wanted)
  })
)

/** What goes in comes out. */
export const cases: ReadonlyArray<Definition> = [
  exact,
  toJson,
  escapedKeys,
  random,
  copies,
  metadata,
  times,
  farTimes,
  defaultTime,
  wholeEvent
]
