import { assert, describe, it } from "@effect/vitest"
import { Event } from "@varve/core"
import { DateTime, Effect, Option, Result, Schema, SchemaGetter } from "effect"
import { thrown } from "../support/thrown.ts"

/** Through the text that a store keeps. */
const stored = <E extends Event.Any>(event: E, value: Event.Type<E>): unknown =>
  JSON.parse(JSON.stringify(Result.getOrThrow(Event.encode(event, value))))

class Deposited extends Event.make("Deposited", { euros: Schema.Finite }).revise(
  2,
  { cents: Schema.Int.check(Schema.isGreaterThan(0)), currency: Schema.Literals(["EUR", "USD"]) },
  ({ euros }) => ({ cents: Math.round(euros * 100), currency: "EUR" })
) {}

describe("Event.make", () => {
  it("is a tag, a revision, its schema and every revision before", () => {
    assert.strictEqual(Deposited.tag, "Deposited")
    assert.strictEqual(Deposited.name, "Deposited")
    assert.strictEqual(Deposited.revision, 2)
    assert.deepStrictEqual(Deposited.revisions.map(({ revision }) => revision), [1, 2])
    assert.deepStrictEqual(Deposited.make({ cents: 5, currency: "USD" }), {
      _tag: "Deposited",
      cents: 5,
      currency: "USD"
    })
  })

  it("builds plain objects, not instances of the class", () => {
    assert.strictEqual(Object.getPrototypeOf(Deposited.make({ cents: 5, currency: "USD" })), Object.prototype)
  })

  it("says which event, which revision and which field does not fit", () => {
    const message = thrown(() => Deposited.make({ cents: 0, currency: "EUR" }))
    assert.include(message, "Event Deposited, revision 2")
    assert.include(message, "cents")
    assert.match(message, /greater than 0/)
    assert.notInclude(message, "[object Object]")
    assert.include(thrown(() => Deposited.make({ cents: 1 } as never)), "currency")
  })

  it("refuses names that cannot be stored, a field called _tag, and a revision out of turn", () => {
    for (const name of ["", "1st", "has space", "has-dash", "ä", "a".repeat(129)]) {
      assert.include(thrown(() => Event.make(name, {})), "expected a letter")
    }
    assert.strictEqual(Event.make(`A${"a".repeat(127)}`, {}).revision, 1)
    assert.include(thrown(() => Event.make("A", { _tag: Schema.String })), "_tag")
    assert.strictEqual(
      thrown(() => Event.make("A", {}).revise(3 as never, {}, () => ({}))),
      "Event A: expected revision 2 after 1, got 3: the hop from 1 to 2 is missing, so write revise(2, …) first"
    )
    assert.strictEqual(
      thrown(() => Event.make("A", {}).revise(2, {}, () => ({})).revise(2 as never, {}, () => ({}))),
      "Event A: expected revision 3 after 2, got 2: revisions up to 2 are declared already, so write revise(3, …)"
    )
    assert.include(
      thrown(() => Event.make("A", {}).revise(2, { _tag: Schema.String }, () => ({ _tag: "" }))),
      "revision 2"
    )
  })

  it("tells tools which revision is out of turn", () => {
    for (const next of [2, 4]) {
      try {
        Event.make("A", {}).revise(2, {}, () => ({})).revise(next as never, {}, () => ({}))
        assert.fail("it was revised")
      } catch (error) {
        assert.deepInclude(Object(error)["~@varve/core/EventTrouble"], {
          kind: "MissingRevision",
          event: "A",
          revision: 3,
          what: `expected revision 3 after 2, got ${next}`
        })
      }
    }
  })

  it("leaves the event it revises as it was", () => {
    const first = Event.make("A", { a: Schema.Int })
    const second = first.revise(2, { b: Schema.Int }, ({ a }) => ({ b: a }))
    assert.strictEqual(first.revision, 1)
    assert.lengthOf(first.revisions, 1)
    assert.strictEqual(second.revision, 2)
  })
})

describe("Event.decode", () => {
  it("reads the newest revision, and lifts an old one", () => {
    assert.deepStrictEqual(
      Event.decode(Deposited, { revision: 2, payload: { cents: 7, currency: "USD" } }),
      Result.succeed({ _tag: "Deposited" as const, cents: 7, currency: "USD" as const })
    )
    assert.deepStrictEqual(
      Event.decode(Deposited, { revision: 1, payload: { euros: 12.34 } }),
      Result.succeed({ _tag: "Deposited" as const, cents: 1234, currency: "EUR" as const })
    )
  })

  it("runs every hop once, in order, from where the payload is", () => {
    const hops: Array<number> = []
    class Chain extends Event.make("Chain", { path: Schema.String })
      .revise(2, { path: Schema.String }, ({ path }) => (hops.push(2), { path: `${path}2` }))
      .revise(3, { path: Schema.String }, ({ path }) => (hops.push(3), { path: `${path}3` }))
      .revise(4, { path: Schema.String }, ({ path }) => (hops.push(4), { path: `${path}4` }))
    {}
    for (const [from, path] of [[1, "1234"], [2, "234"], [3, "34"], [4, "4"]] as const) {
      hops.length = 0
      const decoded = Event.decode(Chain, { revision: from, payload: { path: `${from}` } })
      assert.strictEqual(Result.getOrThrow(decoded).path, path)
      assert.deepStrictEqual(hops, [2, 3, 4].slice(from - 1))
    }
  })

  // A chain that type-checks, with a default in the middle: without the `make` of revision 2 the total is NaN.
  class Priced extends Event.make("Priced", { price: Schema.Finite })
    .revise(2, {
      price: Schema.Finite,
      amount: Schema.Finite.pipe(Schema.withConstructorDefault(Effect.succeed(3)))
    }, ({ price }) => ({ price }))
    .revise(3, { total: Schema.Number }, ({ amount, price }) => ({ total: price * amount }))
  {}

  it("passes each hop through the make of its revision: defaults are there", () => {
    const decoded = Event.decode(Priced, { revision: 1, payload: { price: 2 } })
    assert.deepStrictEqual(Result.getOrThrow(decoded), { _tag: "Priced", total: 6 })
  })

  it("passes each hop through the make of its revision: checks hold", () => {
    class Checked extends Event.make("Checked", { n: Schema.Int })
      .revise(2, { n: Schema.Int.check(Schema.isGreaterThan(0)) }, ({ n }) => ({ n }))
      .revise(3, { n: Schema.Int }, ({ n }) => ({ n: Math.abs(n) }))
    {}
    const decoded = Event.decode(Checked, { revision: 1, payload: { n: -1 } })
    // Revision 3 would take it; revision 2 does not.
    assert.isTrue(Result.isFailure(decoded) && decoded.failure.why === "UpcastFailed" && decoded.failure.revision === 2)
    if (Result.isFailure(decoded)) assert.match(String(decoded.failure.cause), /greater than 0/)
  })

  it("tells NewerRevision, InvalidPayload and UpcastFailed apart, and where", () => {
    const failure = (revision: number, payload: unknown) => {
      const decoded = Event.decode(Deposited, { revision, payload })
      return Result.isFailure(decoded) ? decoded.failure : assert.fail("it was decoded")
    }
    assert.deepInclude(failure(3, {}), { why: "NewerRevision", revision: 3 })
    assert.deepInclude(failure(1, { euros: "1" }), { why: "InvalidPayload", revision: 1 })
    assert.deepInclude(failure(2, { cents: 0, currency: "EUR" }), { why: "InvalidPayload", revision: 2 })
    assert.deepInclude(failure(2, null), { why: "InvalidPayload", revision: 2 })
    assert.include(String(failure(2, { cents: 1 }).cause), "currency")
    assert.deepInclude(failure(1, { euros: 0 }), { why: "UpcastFailed", revision: 2 })
    class Throws extends Event.make("Throws", {}).revise(2, {}, () => {
      throw new Error("out of order")
    }) {}
    const decoded = Event.decode(Throws, { revision: 1, payload: {} })
    assert.isTrue(Result.isFailure(decoded) && decoded.failure.why === "UpcastFailed")
    if (Result.isFailure(decoded)) assert.include(String(decoded.failure.cause), "out of order")
    for (const revision of [0, -1, 1.5, Number.NaN]) {
      assert.isTrue(Result.isFailure(Event.decode(Deposited, { revision, payload: {} })))
    }
  })

  it("never changes the stored payload, and takes a frozen one", () => {
    const freeze = <A extends object>(value: A): A => {
      for (const field of Object.values(value)) if (typeof field === "object" && field !== null) freeze(field)
      return Object.freeze(value)
    }
    class Nested extends Event.make("Nested", { list: Schema.Array(Schema.Struct({ a: Schema.Int })) })
      .revise(
        2,
        { list: Schema.Array(Schema.Struct({ a: Schema.Int })), n: Schema.Int },
        ({ list }) => ({ list, n: 1 })
      )
    {}
    for (const revision of [1, 2]) {
      const payload = freeze(revision === 1 ? { list: [{ a: 1 }] } : { list: [{ a: 1 }], n: 1 })
      const before = JSON.stringify(payload)
      assert.deepStrictEqual(Result.getOrThrow(Event.decode(Nested, { revision, payload })), {
        _tag: "Nested",
        list: [{ a: 1 }],
        n: 1
      })
      assert.strictEqual(JSON.stringify(payload), before)
    }
    class Empty extends Event.make("Empty", {}) {}
    const payload = Object.freeze({})
    assert.deepStrictEqual(Result.getOrThrow(Event.decode(Empty, { revision: 1, payload })), { _tag: "Empty" })
    assert.deepStrictEqual(payload, {})
  })

  it("drops what the schema does not name, an old tag included", () => {
    const payload = { cents: 7, currency: "USD", extra: true, _tag: "Another" }
    assert.deepStrictEqual(
      Result.getOrThrow(Event.decode(Deposited, { revision: 2, payload })),
      { _tag: "Deposited", cents: 7, currency: "USD" }
    )
  })
})

describe("Event.encode", () => {
  const Branded = Schema.String.pipe(Schema.brand("Branded"))
  class Rich extends Event.make("Rich", {
    at: Schema.Date,
    when: Schema.DateTimeUtc,
    big: Schema.BigInt,
    number: Schema.Number,
    optional: Schema.optionalKey(Schema.String),
    maybe: Schema.Option(Schema.String),
    branded: Branded,
    shape: Schema.TaggedUnion({ Circle: { radius: Schema.Finite }, Square: { side: Schema.Finite } }),
    map: Schema.ReadonlyMap(Schema.String, Schema.Date)
  }) {}

  const rich = (number: number, maybe: Option.Option<string>) =>
    Rich.make({
      at: new Date("2024-02-29T12:34:56.789Z"),
      when: DateTime.makeUnsafe("2024-02-29T12:34:56.789Z"),
      big: 2n ** 80n,
      number,
      maybe,
      branded: Branded.make("x"),
      shape: { _tag: "Circle", radius: 1.5 },
      map: new Map([["a", new Date(0)]])
    })

  it("makes JSON of it, without the tag", () => {
    assert.deepStrictEqual(
      Event.encode(Deposited, Deposited.make({ cents: 7, currency: "USD" })),
      Result.succeed({ cents: 7, currency: "USD" })
    )
    assert.deepInclude(stored(Rich, rich(1, Option.none())) as object, {
      at: "2024-02-29T12:34:56.789Z",
      when: "2024-02-29T12:34:56.789Z",
      big: "1208925819614629174706176",
      shape: { _tag: "Circle", radius: 1.5 }
    })
    assert.notProperty(stored(Rich, rich(1, Option.none())), "_tag")
    assert.notProperty(stored(Rich, rich(1, Option.none())), "optional")
  })

  it("reads back what it wrote: dates, bigints, options, numbers that are none, brands, unions", () => {
    for (const number of [0, 1.5, Number.MAX_VALUE, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const maybe of [Option.none(), Option.some("there")]) {
        const event = rich(number, maybe)
        const decoded = Event.decode(Rich, { revision: 1, payload: stored(Rich, event) })
        assert.deepStrictEqual(Result.getOrThrow(decoded), event)
      }
    }
  })

  it("fails for what does not satisfy the schema, and says why", () => {
    const encoded = Event.encode(Deposited, { _tag: "Deposited", cents: 0, currency: "EUR" })
    assert.isTrue(Result.isFailure(encoded))
    if (Result.isFailure(encoded)) assert.match(encoded.failure.message, /greater than 0/)
  })

  it("lets a codec that throws be a defect, not an event that does not fit", () => {
    const Throws = Schema.String.pipe(Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.passthrough(),
      encode: SchemaGetter.transform(() => {
        throw new TypeError("broken codec")
      })
    }))
    class Broken extends Event.make("Broken", { text: Throws }) {}
    assert.throws(() => Event.encode(Broken, Broken.make({ text: "a" })))
  })

  it("leaves the event as it was", () => {
    const event = Object.freeze(Deposited.make({ cents: 7, currency: "USD" }))
    Event.encode(Deposited, event)
    assert.deepStrictEqual(event, { _tag: "Deposited", cents: 7, currency: "USD" })
  })

  it.prop("reads back every event there can be", [Deposited.schema], ([event]) => {
    assert.deepStrictEqual(
      Event.decode(Deposited, { revision: 2, payload: stored(Deposited, event) }),
      Result.succeed(event)
    )
  })
})
