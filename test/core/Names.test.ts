import { assert, describe, it } from "@effect/vitest"
import { Commit, CommitId, EventStoreError, Limits, StoredEvent, StreamName } from "@varve/core"
import { Effect, Schema } from "effect"

describe("StreamName", () => {
  it("is read by a person", () => {
    assert.deepStrictEqual(StreamName.make("BankAccount", "ada"), { tenant: "", category: "BankAccount", id: "ada" })
    assert.strictEqual(StreamName.format(StreamName.make("BankAccount", "ada")), "BankAccount/ada")
    assert.strictEqual(StreamName.format(StreamName.make("BankAccount", "ada", "acme")), "BankAccount/ada@acme")
    assert.strictEqual(StreamName.format(StreamName.make("BankAccount", "a/b")), "BankAccount/a/b")
  })

  // Few characters, among them all that the format uses, so that two names look alike as often as can be.
  const tricky = Schema.String.check(Schema.isPattern(/^[@/%a24F0]{0,4}$/))
  const category = Schema.Literals(["A", "B", "Aa"])

  it.prop(
    "gives equal texts only to equal names",
    [category, tricky, tricky, category, tricky, tricky],
    ([category1, id1, tenant1, category2, id2, tenant2]) => {
      const one = StreamName.make(category1, id1, tenant1)
      const two = StreamName.make(category2, id2, tenant2)
      const same = category1 === category2 && id1 === id2 && tenant1 === tenant2
      assert.strictEqual(StreamName.format(one) === StreamName.format(two), same)
    },
    { arbitrary: { runs: 2_000 } }
  )

  it("gives different texts to all short names", () => {
    const texts = ["", "@", "%", "%40", "a", "a@", "@a", "a@b", "/", "%2F", "a%40b"]
    const formatted = ["A", "B"].flatMap((category) =>
      texts.flatMap((id) => texts.map((tenant) => StreamName.format(StreamName.make(category, id, tenant))))
    )
    assert.strictEqual(new Set(formatted).size, 2 * texts.length ** 2)
  })
})

describe("CommitId", () => {
  it("takes UUIDs, in lower case", () => {
    assert.strictEqual(CommitId.make("018F3A5C-0000-7000-8000-0123456789AB"), "018f3a5c-0000-7000-8000-0123456789ab")
    for (const wrong of ["", "x", "018f3a5c-0000-7000-8000-0123456789a", "018f3a5c00007000800000123456789ab"]) {
      assert.throws(() => CommitId.make(wrong))
    }
  })

  it.effect("generates UUIDs of version 7 that sort in the order they are made", () =>
    Effect.gen(function*() {
      const ids = yield* Effect.replicateEffect(CommitId.generate, 1_000)
      for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.deepStrictEqual([...ids].sort(), ids)
      assert.strictEqual(new Set(ids).size, ids.length)
    }))

  it.effect("derives the same UUID of version 8 for the same parts, for ever", () =>
    Effect.gen(function*() {
      const id = yield* CommitId.derive("import", "transactions.csv", "17")
      // Stored by programs of the past: this value never changes.
      assert.strictEqual(id, "9c6622a5-ae32-846c-aa33-0447fdbf21ed")
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.isTrue(Schema.is(CommitId.CommitId)(id))
    }))

  it.effect("derives from the parts, not from their sum", () =>
    Effect.gen(function*() {
      const all = yield* Effect.forEach(
        [["ab", "c"], ["a", "bc"], ["abc"], ["a", "b", "c"], ["abc", ""], ["", "abc"], [], [""], ["\"a\",\"bc\""], [
          "ä"
        ]],
        (parts) => CommitId.derive(...parts)
      )
      assert.strictEqual(new Set(all).size, all.length)
    }))
})

describe("Limits", () => {
  const refusedBy = (id: string, tenant = "", category = "A", payload: Schema.JsonObject = {}) => {
    const encoded = Commit.encode({
      writes: [{
        stream: StreamName.make(category, id, tenant),
        expected: "any",
        events: [{ type: "E", revision: 1, payload }]
      }]
    })
    return encoded instanceof EventStoreError.Refused ? encoded.message : undefined
  }

  it("bound ids and tenants in bytes, not in characters", () => {
    assert.strictEqual(Limits.idBytes, 512)
    assert.isUndefined(refusedBy("a".repeat(512)))
    assert.isUndefined(refusedBy("ä".repeat(256)))
    assert.isUndefined(refusedBy("😀".repeat(128)))
    assert.include(refusedBy("a".repeat(513)), "512 bytes of UTF-8, got 513 bytes")
    assert.include(refusedBy("ä".repeat(257)), "got 514 bytes")
    assert.include(refusedBy("😀".repeat(129)), "got 516 bytes")
    assert.include(refusedBy(""), "1 to 512")
    assert.isUndefined(refusedBy("a", ""))
    assert.include(refusedBy("a", "t".repeat(513)), "tenant")
  })

  it("refuse what no database takes unchanged", () => {
    for (const id of ["a\u0000", "a\n", "a\u007F", "a\u009F", "\uD800", "a\uDC00b"]) {
      assert.isString(refusedBy(id), JSON.stringify(id))
    }
    for (const id of ["a b", "a/b", "ä", "日本", "'", "%", "\u00A0"]) {
      assert.isUndefined(refusedBy(id), JSON.stringify(id))
    }
    for (const category of ["", "1a", "a-b", "ä", "a".repeat(129)]) assert.isString(refusedBy("a", "", category))
    assert.isUndefined(refusedBy("a", "", "a".repeat(128)))
  })

  it("bound the size and the depth of a payload", () => {
    const room = Limits.payloadBytes - "{\"a\":\"\"}".length
    assert.isUndefined(refusedBy("a", "", "A", { a: "x".repeat(room) }))
    assert.include(refusedBy("a", "", "A", { a: "x".repeat(room + 1) }), `at most ${Limits.payloadBytes} bytes`)
    assert.isString(refusedBy("a", "", "A", { a: "ä".repeat(room / 2 + 1) }))
    const nested = (depth: number): Schema.JsonObject => depth === 1 ? {} : { a: nested(depth - 1) }
    assert.isUndefined(refusedBy("a", "", "A", nested(Limits.payloadDepth)))
    assert.include(refusedBy("a", "", "A", nested(Limits.payloadDepth + 1)), `at most ${Limits.payloadDepth} levels`)
  })

  it("are whole numbers of one to two to the 31st, so that every store can count them", () => {
    for (const [name, value] of Object.entries(Limits)) {
      if (value instanceof RegExp || name.endsWith("Millis")) continue
      assert.isTrue(Number.isInteger(value) && value > 0 && value < 2 ** 31, name)
    }
  })

  it("give positions from 0 on", () => {
    assert.strictEqual(StoredEvent.position(0), 0)
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => StoredEvent.position(wrong))
    }
  })
})
