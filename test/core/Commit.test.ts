import { assert, describe, it } from "@effect/vitest"
import { Commit, CommitId, EventStoreError, Limits, StreamName } from "@varve/core"
import { DateTime } from "effect"

const stream = StreamName.make("Account", "1")
const event: Commit.NewEvent = { type: "Changed", revision: 1, payload: {} }

const writeOf = (count: number, payload: Commit.NewEvent["payload"] = {}): Commit.Write => ({
  stream,
  expected: "any",
  events: [{ ...event, payload }, ...Array.from({ length: count - 1 }, () => ({ ...event, payload }))]
})

/** What is refused, with which limit, and what was there instead. */
const refusal = (commit: Commit.Commit) => {
  const refused = Commit.encode(commit)
  if (!(refused instanceof EventStoreError.Refused)) return assert.fail("it was not refused")
  return [refused.what, refused.expected, refused.actual]
}

describe("Commit.encode", () => {
  it("counts the events of all writes of a commit that has too many", () => {
    const writes = [writeOf(Limits.eventsPerCommit), writeOf(2)] as const
    assert.deepStrictEqual(refusal({ writes }), [
      "events of one commit",
      `at most ${Limits.eventsPerCommit}`,
      `${Limits.eventsPerCommit + 2}`
    ])
  })

  it("says whether the id was given: only then it can have been stored before", () => {
    const writes = [writeOf(1)] as const
    assert.include(Commit.encode({ writes }), { givenId: false })
    assert.include(Commit.encode({ id: CommitId.generateUnsafe(), writes }), { givenId: true })
  })

  it("keeps the fingerprint of metadata that was read from a store, unless it has one of its own", () => {
    const [writes, metadata] = [[writeOf(1)] as const, { actor: "Ada", fingerprint: "read" }]
    const of = (commit: Commit.Commit) => {
      const encoded = Commit.encode(commit)
      return encoded instanceof EventStoreError.Refused ? assert.fail(encoded.message) : encoded
    }
    for (const [given, fingerprint] of [[{}, "read"], [{ fingerprint: "own" }, "own"]] as const) {
      const encoded = of({ writes, metadata, ...given })
      assert.include(encoded, { fingerprint })
      assert.deepStrictEqual(JSON.parse(encoded.metadata), { actor: "Ada", fingerprint })
    }
  })

  it("tells which versions would fit after the writes before", () => {
    const twice = (first: Commit.Expected, second: Commit.Expected) =>
      refusal({ writes: [{ ...writeOf(2), expected: first }, { ...writeOf(1), expected: second }] })
    const what = `expected version of ${StreamName.format(stream)}`
    assert.deepStrictEqual(twice("any", 1), [what, "a number from 2 on after 2 events of its own commit", "1"])
    assert.deepStrictEqual(twice(5, 6), [what, "7 after 2 events of its own commit", "6"])
    const commitId = CommitId.generateUnsafe()
    assert.strictEqual(twice("any", { version: 7, commitId })[2], `version 7 of commit ${commitId}`)
  })

  it("shows what it refuses, and of what is long the beginning", () => {
    const actual = (type: string) => refusal({ writes: [{ ...writeOf(1), events: [{ ...event, type }] }] })[2]
    assert.strictEqual(actual("has space"), "\"has space\"")
    assert.strictEqual(actual("x".repeat(200)), `"${"x".repeat(99)}… (202 characters)`)
  })

  it("tells what is in the way of JSON, and where", () => {
    const actual = (payload: unknown) =>
      refusal({ writes: [writeOf(1, payload as Commit.NewEvent["payload"])] }).slice(1)
    const odd: ReadonlyArray<readonly [payload: unknown, expected: string, actual: string]> = [
      [[], "a JSON object", "an array"],
      [null, "a JSON object", "null"],
      ["text", "a JSON object", "\"text\""],
      [{ a: [0, { b: Number.NaN }] }, "a finite number", "NaN at [\"a\",1,\"b\"]"],
      [{ a: undefined }, "a JSON value", "undefined at [\"a\"]"],
      [{ a: 1n }, "a JSON value", "a bigint at [\"a\"]"],
      [{ a: new Date(0) }, "a plain object", "an object of class Date at [\"a\"]"],
      [{ a: new (class {})() }, "a plain object", "an object with a prototype of its own at [\"a\"]"],
      [{ a: new (class List extends Array {})() }, "a plain array", "an object of class List at [\"a\"]"],
      [{ a: "b\u0000" }, "text without U+0000", "U+0000 at 1 at [\"a\"]"],
      [{ [Symbol.iterator]: 1 }, "string keys", "a symbol key"]
    ]
    for (const [payload, ...texts] of odd) assert.deepStrictEqual(actual(payload), texts)
  })

  it("tells which character an id must not have, and where", () => {
    const actual = (id: string) => refusal({ writes: [{ ...writeOf(1), stream: StreamName.make("Account", id) }] })[2]
    assert.deepStrictEqual([actual("a\u0001b"), actual("\u009F")], ["U+0001 at 1", "U+009F at 0"])
  })

  it("takes times of the years 1 to 9999, and no others", () => {
    const commitAt = (millis: number): Commit.Commit => ({
      writes: [{ ...writeOf(1), events: [{ ...event, occurredAt: DateTime.makeUnsafe(millis) }] }]
    })
    for (const millis of [Limits.earliestMillis, 0, Limits.latestMillis]) {
      assert.deepInclude(Commit.encode(commitAt(millis)), {
        events: [{ ...event, slot: 0, payload: "{}", occurredAt: millis }]
      })
    }
    for (const millis of [Limits.earliestMillis - 1, Limits.latestMillis + 1]) {
      assert.strictEqual(refusal(commitAt(millis))[2], `${millis} ms since 1970`)
    }
  })
})
