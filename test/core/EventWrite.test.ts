import { assert, describe, it } from "@effect/vitest"
import { Event } from "@varve/core"
import { Effect, Result, Schema, SchemaGetter } from "effect"

class Deposited extends Event.make("Deposited", { euros: Schema.Finite })
  .revise(2, { cents: Schema.Int }, ({ euros }) => ({ cents: Math.round(euros * 100) }))
  .revise(
    3,
    { cents: Schema.Int.check(Schema.isGreaterThan(0)), currency: Schema.Literals(["EUR", "USD"]) },
    ({ cents }) => ({ cents, currency: "EUR" }),
    ({ cents, currency }) => {
      if (currency === "USD") throw new Error("dollars were not known")
      return { cents }
    }
  )
  .revise(
    4,
    { amount: Schema.BigInt, currency: Schema.Literals(["EUR", "USD"]), at: Schema.optionalKey(Schema.Date) },
    ({ cents, currency }) => ({ amount: BigInt(cents), currency }),
    ({ amount, currency }) => ({ cents: Number(amount), currency })
  )
{}

const event = Deposited.make({ amount: 5n, currency: "EUR", at: new Date(0) })

const failureOf = (encoded: ReturnType<typeof Event.encodeAs>) =>
  Result.isFailure(encoded) ? encoded.failure : assert.fail(`it was written: ${JSON.stringify(encoded.success)}`)

const failure = (value: Event.Type<typeof Deposited>, revision: number) =>
  failureOf(Event.encodeAs(Deposited, value, revision))

describe("Event.encodeAs", () => {
  it("writes the newest revision as encode does", () => {
    const encoded = Result.getOrThrow(Event.encode(Deposited, event))
    assert.deepStrictEqual(Event.encodeAs(Deposited, event, 4), Result.succeed(encoded))
  })

  it("goes down hop by hop, to JSON without the tag", () => {
    assert.deepStrictEqual(Event.encodeAs(Deposited, event, 3), Result.succeed({ cents: 5, currency: "EUR" }))
    assert.deepStrictEqual(Event.encodeAs(Deposited, event, 2), Result.succeed({ cents: 5 }))
  })

  it("is read back as what the older revision can say", () => {
    const payload = Result.getOrThrow(Event.encodeAs(Deposited, event, 2))
    assert.deepStrictEqual(
      Event.decode(Deposited, { revision: 2, payload }),
      Result.succeed(Deposited.make({ amount: 5n, currency: "EUR" }))
    )
  })

  it("leaves the event as it was", () => {
    Event.encodeAs(Deposited, Object.freeze(event), 2)
    assert.deepStrictEqual(event, Deposited.make({ amount: 5n, currency: "EUR", at: new Date(0) }))
  })

  it("says why it cannot be written, and at which revision", () => {
    assert.deepInclude(failure(event, 1), { why: "NoDowncast", revision: 2 })
    for (const revision of [0, 5, -1, 1.5, Number.NaN]) {
      assert.deepInclude(failure(event, revision), { why: "UnknownRevision", revision })
    }
    const dollars = failure(Deposited.make({ amount: 5n, currency: "USD" }), 2)
    assert.deepInclude(dollars, { why: "DowncastFailed", revision: 3 })
    assert.include(String(dollars.cause), "dollars were not known")
    // Revision 3 takes no zero, and a number that is none is no Int.
    const zero = failure(Deposited.make({ amount: 0n, currency: "EUR" }), 2)
    assert.deepInclude(zero, { why: "DowncastFailed", revision: 4 })
    assert.match(String(zero.cause), /greater than 0(.|\n)*cents/)
  })

  it("writes in no revision what does not fit the newest", () => {
    const wrong = { _tag: "Deposited", amount: 5n, currency: "DEM" } as never
    for (const revision of [4, 3, 2]) {
      const { cause, ...rest } = failure(wrong, revision)
      assert.deepStrictEqual(rest, { why: "InvalidEvent", revision: 4 })
      assert.include(String(cause), "currency")
    }
  })

  it("passes each hop through the make of the older revision: defaults are there", () => {
    class Defaulted extends Event.make("Defaulted", {
      price: Schema.Finite,
      times: Schema.Finite.pipe(Schema.withConstructorDefault(Effect.succeed(3)))
    }).revise(2, { total: Schema.Finite }, ({ price, times }) => ({ total: price * times }), ({ total }) => ({
      price: total / 3
    })) {}
    assert.deepStrictEqual(
      Event.encodeAs(Defaulted, Defaulted.make({ total: 6 }), 1),
      Result.succeed({ price: 2, times: 3 })
    )
  })

  it("passes each hop through the make of its revision, also where one that it does not come from has its field", () => {
    const positive = Schema.Int.check(Schema.isGreaterThan(0))
    class Before extends Event.make("Before", { n: positive })
      .revise(2, { n: positive }, ({ n }) => ({ n }), ({ n }) => ({ n: Math.abs(n) }))
      .revise(3, { n: Schema.Int }, ({ n }) => ({ n }), ({ n }) => ({ n }))
    {}
    class After extends Event.make("After", { n: positive })
      .revise(2, { n: Schema.Int }, ({ n }) => ({ n }), ({ n }) => ({ n }))
      .revise(3, { n: positive }, ({ n }) => ({ n: Math.abs(n) }), ({ n }) => ({ n: -n }))
    {}
    const [before, after] = [
      Event.encodeAs(Before, Before.make({ n: -1 }), 1),
      Event.encodeAs(After, After.make({ n: 1 }), 1)
    ]
    assert.deepInclude(failureOf(before), { why: "DowncastFailed", revision: 3 })
    assert.deepInclude(failureOf(after), { why: "DowncastFailed", revision: 2 })
  })

  it("names the downcast to what cannot be encoded", () => {
    const Unwritten = Schema.Int.pipe(Schema.decodeTo(Schema.Int, {
      decode: SchemaGetter.passthrough(),
      encode: SchemaGetter.forbidden(() => "it is only read")
    }))
    class Read extends Event.make("Read", { n: Schema.Int })
      .revise(2, { n: Unwritten }, (payload) => payload, (payload) => payload)
      .revise(3, { n: Schema.Int }, (payload) => payload, (payload) => payload)
    {}
    const { cause, ...rest } = failureOf(Event.encodeAs(Read, Read.make({ n: 1 }), 2))
    assert.deepStrictEqual(rest, { why: "DowncastFailed", revision: 3 })
    assert.include(String(cause), "it is only read")
  })

  it("writes a revision without fields as an empty object, and shows the downcast no tag", () => {
    const seen: Array<unknown> = []
    class Grown extends Event.make("Grown", {}).revise(2, { n: Schema.Int }, () => ({ n: 1 }), (next) => {
      seen.push(next)
      return { ...next }
    }) {}
    assert.deepStrictEqual(Event.encodeAs(Grown, Grown.make({ n: 2 }), 1), Result.succeed({}))
    assert.deepStrictEqual(seen, [{ n: 2 }])
  })
})

describe("Event.oldestWritable", () => {
  it("is the revision that the downcasts lead to", () => {
    assert.strictEqual(Event.oldestWritable(Deposited), 2)
    assert.strictEqual(Event.oldestWritable(Event.make("A", {})), 1)
    assert.strictEqual(Event.oldestWritable(Event.make("A", {}).revise(2, {}, () => ({}))), 2)
    assert.strictEqual(Event.oldestWritable(Event.make("A", {}).revise(2, {}, () => ({}), () => ({}))), 1)
  })
})
