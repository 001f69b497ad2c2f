import { assert, describe, it } from "@effect/vitest"
import { Change, Event } from "@varve/core"
import { Laws } from "@varve/core/testing"
import { Effect, Result, Schema } from "effect"
import { thrown } from "../support/thrown.ts"

/** What a payload of an older revision is read as, without the tag. */
const up = (event: Event.Any, payload: unknown, revision = 1): unknown => {
  const { _tag, ...fields } = Result.getOrThrow(Event.decode(event, { revision, payload })) as { readonly _tag: string }
  assert.strictEqual(_tag, event.tag)
  return fields
}

/** What is written of an event in an older revision. */
const down = <E extends Event.Any>(event: E, fields: Omit<Event.Type<E>, "_tag">, revision = 1): unknown =>
  Result.getOrThrow(Event.encodeAs(event, { _tag: event.tag, ...fields } as never, revision))

/** Why it cannot be written. */
const unwritable = <E extends Event.Any>(event: E, value: Event.Type<E>, revision: number) => {
  const encoded = Event.encodeAs(event, value, revision)
  return Result.isFailure(encoded) ? encoded.failure : assert.fail("it was written")
}

const euros = { total: Schema.Finite, note: Schema.optionalKey(Schema.String) }
const Paid = Event.make("Paid", euros)

describe("Change.rename", () => {
  const Renamed = Paid.revise(2, Change.rename({ total: "amount" }))

  it("gives a field another name, in its place, and leaves the others as they are", () => {
    assert.deepStrictEqual(up(Renamed, { total: 1, note: "n" }), { amount: 1, note: "n" })
    assert.deepStrictEqual(up(Renamed, { total: 1 }), { amount: 1 })
    assert.deepStrictEqual(Object.keys(up(Renamed, { total: 1, note: "n" }) as object), ["amount", "note"])
    assert.deepStrictEqual(Renamed.make({ amount: 1 }), { _tag: "Paid", amount: 1 })
  })

  it("knows the way back", () => {
    assert.deepStrictEqual(down(Renamed, { amount: 1, note: "n" }), { total: 1, note: "n" })
    assert.deepStrictEqual(down(Renamed, { amount: 1 }), { total: 1 })
  })

  it("exchanges two names, and keeps one that is the same", () => {
    const Swapped = Event.make("S", { a: Schema.Int, b: Schema.String, c: Schema.Int })
      .revise(2, Change.rename({ a: "b", b: "a", c: "c" }))
    assert.deepStrictEqual(up(Swapped, { a: 1, b: "x", c: 3 }), { b: 1, a: "x", c: 3 })
    assert.deepStrictEqual(down(Swapped, { b: 1, a: "x", c: 3 }), { a: 1, b: "x", c: 3 })
  })

  it("keeps the schema of the field, its default included", () => {
    const Defaulted = Event.make("D", { a: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(7))) })
      .revise(2, Change.rename({ a: "b" }))
    assert.deepStrictEqual(Defaulted.make({}), { _tag: "D", b: 7 })
  })
})

describe("Change.add", () => {
  const Added = Paid.revise(2, (payload) =>
    payload.pipe(
      Change.add("size", Schema.Literals(["small", "large"]), ({ total }) => total > 10 ? "large" : "small"),
      Change.add("memo", Schema.optionalKey(Schema.String)),
      Change.add("copy", Schema.optionalKey(Schema.String), ({ note }) => note),
      Change.add("tries", Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(1))))
    ))

  it("takes the value from what older payloads hold, or the default, or leaves the field out", () => {
    assert.deepStrictEqual(up(Added, { total: 11, note: "n" }), {
      total: 11,
      note: "n",
      size: "large",
      copy: "n",
      tries: 1
    })
    assert.deepStrictEqual(up(Added, { total: 1 }), { total: 1, size: "small", tries: 1 })
  })

  it("leaves the field off on the way back", () => {
    assert.deepStrictEqual(down(Added, { total: 1, size: "small", memo: "m", tries: 3 }), { total: 1 })
  })

  it("shows the payload as it is after the changes before it, made and whole", () => {
    const seen: Array<unknown> = []
    const Seen = Paid.revise(2, (payload) =>
      payload.pipe(
        Change.rename({ total: "amount" }),
        Change.add(
          "line",
          Schema.Struct({ n: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(5))) }),
          () => ({})
        ),
        Change.add("last", Schema.Int, (so) => (seen.push(so), so.line.n)),
        Change.remove("note", ({ amount }) => `${amount}`)
      ))
    assert.deepStrictEqual(up(Seen, { total: 1, note: "n" }), { amount: 1, line: { n: 5 }, last: 5 })
    assert.deepStrictEqual(seen, [{ amount: 1, note: "n", line: { n: 5 } }])
  })

  it("fails at the revision when the value does not fit, and says which field and why", () => {
    const Wrong = Paid.revise(2, Change.add("cents", Schema.Int, ({ total }) => total))
    const decoded = Event.decode(Wrong, { revision: 1, payload: { total: 0.5 } })
    assert.isTrue(Result.isFailure(decoded) && decoded.failure.why === "UpcastFailed" && decoded.failure.revision === 2)
    if (Result.isFailure(decoded)) assert.match(String(decoded.failure.cause), /integer(.|\n)*cents/)
  })
})

describe("Change.retype", () => {
  const Retyped = Paid.revise(2, (payload) =>
    payload.pipe(
      Change.retype("total", Schema.Int, (euros) => Math.round(euros * 100), (cents) => cents / 100),
      Change.retype("note", Schema.String, (note) => note ?? "", (note) => note === "" ? undefined : note)
    ))

  it("maps the value; one that is missing is undefined, on both ways", () => {
    assert.deepStrictEqual(up(Retyped, { total: 12.34, note: "n" }), { total: 1234, note: "n" })
    assert.deepStrictEqual(up(Retyped, { total: 12.34 }), { total: 1234, note: "" })
    assert.deepStrictEqual(down(Retyped, { total: 1234, note: "n" }), { total: 12.34, note: "n" })
    assert.deepStrictEqual(down(Retyped, { total: 1234, note: "" }), { total: 12.34 })
  })

  it("may come to undefined, where that is a value", () => {
    const Known = Event.make("Known", { text: Schema.String })
      .revise(2, Change.retype("text", Schema.UndefinedOr(Schema.String), (text) => text === "" ? undefined : text))
    assert.deepStrictEqual(up(Known, { text: "" }), { text: undefined })
    assert.deepStrictEqual(up(Known, { text: "a" }), { text: "a" })
  })

  it("is called once for each payload, and shows later changes what its schema has made", () => {
    const values: Array<unknown> = []
    const Twice = Paid.revise(2, (payload) =>
      payload.pipe(
        Change.retype(
          "total",
          Schema.Struct({
            cents: Schema.Int,
            of: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("EUR")))
          }),
          (total) => ({ cents: total })
        ),
        Change.retype("total", Schema.String, (value) => (values.push(value), `${value.cents} ${value.of}`))
      ))
    assert.deepStrictEqual(up(Twice, { total: 3 }), { total: "3 EUR" })
    assert.deepStrictEqual(values, [{ cents: 3, of: "EUR" }])
  })
})

describe("Change.split", () => {
  const Split = Event.make("Joined", { name: Schema.String, age: Schema.Int }).revise(
    2,
    Change.split(
      "name",
      { first: Schema.String, last: Schema.NonEmptyString, middle: Schema.optionalKey(Schema.String) },
      (name) => {
        const words = name.split(" ")
        const middle = words.slice(1, -1).join(" ")
        return { first: words.length > 1 ? words[0]! : "", last: words.at(-1)!, ...(middle !== "" && { middle }) }
      },
      ({ first, last, middle }) => [first, middle, last].filter((word) => word).join(" ")
    )
  )

  it("puts several fields in the place of one, and joins them again", () => {
    assert.deepStrictEqual(up(Split, { name: "Ada King Lovelace", age: 36 }), {
      first: "Ada",
      last: "Lovelace",
      middle: "King",
      age: 36
    })
    assert.deepStrictEqual(up(Split, { name: "Ada Lovelace", age: 36 }), { first: "Ada", last: "Lovelace", age: 36 })
    assert.deepStrictEqual(Object.keys(up(Split, { name: "Ada B C", age: 1 }) as object).at(-1), "age")
    assert.deepStrictEqual(down(Split, { first: "Ada", last: "B", middle: "C", age: 1 }), { name: "Ada C B", age: 1 })
    assert.deepStrictEqual(down(Split, { first: "", last: "B", age: 1 }), { name: "B", age: 1 })
  })

  it("fails when a part does not fit", () => {
    const decoded = Event.decode(Split, { revision: 1, payload: { name: "Ada ", age: 1 } })
    assert.isTrue(Result.isFailure(decoded) && decoded.failure.why === "UpcastFailed" && decoded.failure.revision === 2)
  })

  it("may keep the name for a part", () => {
    const Same = Paid.revise(
      2,
      Change.split("total", { total: Schema.Int, cents: Schema.Int }, (total) => {
        const whole = Math.trunc(total)
        return { total: whole, cents: Math.round((total - whole) * 100) }
      }, ({ cents, total }) => total + cents / 100)
    )
    assert.deepStrictEqual(up(Same, { total: 2.5 }), { total: 2, cents: 50 })
    assert.deepStrictEqual(down(Same, { total: 2, cents: 50 }), { total: 2.5 })
  })
})

describe("Change.remove", () => {
  it("takes the field off; what is written down holds what the function makes of the rest", () => {
    const Removed = Paid.revise(2, Change.remove("total", ({ note }) => note === undefined ? 0 : note.length))
    assert.deepStrictEqual(up(Removed, { total: 1, note: "n" }), { note: "n" })
    assert.deepStrictEqual(down(Removed, { note: "abc" }), { total: 3, note: "abc" })
    assert.deepStrictEqual(down(Removed, {}), { total: 0 })
  })

  it("needs no function for a field that may be left out, or that has a default", () => {
    const Optional = Paid.revise(2, Change.remove("note"))
    assert.deepStrictEqual(up(Optional, { total: 1, note: "n" }), { total: 1 })
    assert.deepStrictEqual(down(Optional, { total: 1 }), { total: 1 })
    const Defaulted = Event.make("D", { a: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(7))) })
      .revise(2, Change.remove("a"))
    assert.deepStrictEqual(up(Defaulted, { a: 1 }), {})
    assert.deepStrictEqual(down(Defaulted, {}), { a: 7 })
  })

  it("makes a field of the same name a new one", () => {
    const Again = Paid.revise(
      2,
      (payload) => payload.pipe(Change.remove("note"), Change.add("note", Schema.optionalKey(Schema.Int)))
    )
    assert.deepStrictEqual(up(Again, { total: 1, note: "old" }), { total: 1 })
    assert.deepStrictEqual(down(Again, { total: 1, note: 5 }), { total: 1 })
  })
})

describe("a revision made of changes", () => {
  it("has a downcast exactly when each of them has a way back", () => {
    const whole = Paid.revise(2, (payload) =>
      payload.pipe(
        Change.rename({ total: "amount" }),
        Change.add("x", Schema.Int, () => 1),
        Change.retype("x", Schema.String, String, Number),
        Change.remove("note")
      ))
    assert.isDefined(whole.revisions[1]!.downcast)
    assert.strictEqual(Event.oldestWritable(whole), 1)
    const oneWays = [
      Paid.revise(2, Change.retype("total", Schema.Int, Math.round)),
      Paid.revise(2, Change.remove("total")),
      Paid.revise(2, Change.split("total", { a: Schema.Int }, () => ({ a: 1 }))),
      Paid.revise(
        2,
        (payload) =>
          payload.pipe(Change.remove("total"), Change.add("x", Schema.Int, () => 1), Change.rename({ note: "memo" }))
      )
    ]
    for (const event of oneWays) {
      assert.isUndefined(event.revisions[1]!.downcast)
      assert.strictEqual(Event.oldestWritable(event), 2)
    }
    const { x } = { x: oneWays[0]! }
    assert.deepInclude(unwritable(x, x.make({ total: 1 } as never), 1), { why: "NoDowncast", revision: 2 })
  })

  it("goes back over the last change first", () => {
    const Chained = Paid.revise(2, (payload) =>
      payload.pipe(
        Change.retype("total", Schema.String, (total) => `${total}`, (text) => Number(text) + 1),
        Change.split("total", { text: Schema.String }, (total) => ({ text: `${total}0` }), ({ text }) =>
          text.slice(0, -1)),
        Change.retype("text", Schema.BigInt, BigInt, (big) =>
          `${big}`),
        Change.add("next", Schema.BigInt, ({ text }) =>
          text + 1n),
        Change.remove("text", ({ next }) =>
          next - 1n)
      ))
    assert.deepStrictEqual(up(Chained, { total: 4 }), { next: 41n })
    assert.deepStrictEqual(down(Chained, { next: 41n }), { total: 5 })
  })

  it("holds fields of any name, and undefined where it is a value", () => {
    const Odd = Event.make("Odd", {
      constructor: Schema.Int,
      ["__proto__"]: Schema.Int,
      maybe: Schema.UndefinedOr(Schema.Int)
    })
      .revise(2, Change.add("x", Schema.Int, () => 1))
    const payload = JSON.parse(`{ "constructor": 1, "__proto__": 2, "maybe": null }`)
    const event = Result.getOrThrow(Event.decode(Odd, { revision: 1, payload }))
    assert.strictEqual(JSON.stringify(event), `{"constructor":1,"__proto__":2,"x":1,"_tag":"Odd"}`)
    assert.deepStrictEqual(Object.keys(event), ["constructor", "__proto__", "maybe", "x", "_tag"])
    assert.deepStrictEqual(Object.getOwnPropertyDescriptor(event, "__proto__"), {
      value: 2,
      writable: true,
      enumerable: true,
      configurable: true
    })
    assert.strictEqual(Object.getPrototypeOf(event), Object.prototype)
  })

  it("leaves the payload alone, and the default of one payload out of the next", () => {
    const List = Event.make("List", { a: Schema.Struct({ n: Schema.Int }) })
      .revise(2, Change.add("list", Schema.Array(Schema.Int), () => []))
    const payload = Object.freeze({ a: Object.freeze({ n: 1 }) })
    const [first, second] = [up(List, payload), up(List, payload)]
    assert.deepStrictEqual(first, { a: { n: 1 }, list: [] })
    assert.notStrictEqual(first, second)
    assert.deepStrictEqual(payload, { a: { n: 1 } })
  })

  it("goes on from an event without fields, and comes to one", () => {
    const Grown = Event.make("Grown", {}).revise(2, Change.add("n", Schema.Int, () => 1))
    assert.deepStrictEqual(up(Grown, {}), { n: 1 })
    assert.deepStrictEqual(down(Grown, { n: 1 }), {})
    const Shrunk = Event.make("Shrunk", { n: Schema.Int }).revise(2, Change.remove("n", () => 3))
    assert.deepStrictEqual(up(Shrunk, { n: 1 }), {})
    assert.deepStrictEqual(down(Shrunk, {}), { n: 3 })
  })

  it("follows one that is written by hand, and is followed by one", () => {
    const Mixed = Paid
      .revise(2, { cents: Schema.Int }, ({ total }) => ({ cents: Math.round(total * 100) }))
      .revise(3, Change.rename({ cents: "amount" }))
      .revise(
        4,
        { text: Schema.String },
        ({ amount }) => ({ text: `${amount}` }),
        ({ text }) => ({ amount: Number(text) })
      )
    assert.deepStrictEqual(up(Mixed, { total: 0.5 }), { text: "50" })
    assert.deepStrictEqual(up(Mixed, { amount: 5 }, 3), { text: "5" })
    assert.deepStrictEqual(down(Mixed, { text: "7" }, 2), { cents: 7 })
    assert.strictEqual(Event.oldestWritable(Mixed), 2)
  })
})

/** All of them in one event, in chains. */
const Order = Event.make("Order", {
  client: Schema.String,
  total: Schema.Finite,
  note: Schema.optionalKey(Schema.String),
  at: Schema.DateTimeUtc
})
  .revise(2, Change.rename({ total: "amount", client: "customer" }))
  .revise(3, (payload) =>
    payload.pipe(
      Change.retype("amount", Schema.Tuple([Schema.Finite]), (amount) => [amount], ([amount]) => amount),
      Change.add("currency", Schema.Literals(["EUR", "USD"]), () => "EUR")
    ))
  .revise(
    4,
    Change.split("customer", { initial: Schema.String, name: Schema.String }, (name) => ({
      initial: name.slice(0, 1),
      name: name.slice(1)
    }), ({ initial, name }) => initial + name)
  )

describe("there and back", () => {
  for (const { revision, schema } of Order.revisions) {
    it.prop(`what revision ${revision} says is the same after it was read and written again`, [schema], ([payload]) => {
      const stored = Result.getOrThrow(Schema.encodeUnknownResult(Schema.toCodecJson(schema))(payload))
      const read = Result.getOrThrow(Event.decode(Order, { revision, payload: stored }))
      const written = Result.getOrThrow(Event.encodeAs(Order, read, revision))
      // JSON of numbers has one zero.
      assert.deepStrictEqual(JSON.stringify(written), JSON.stringify(stored))
      assert.deepStrictEqual(Event.decode(Order, { revision, payload: written }), Result.succeed(read))
    })
  }

  it.effect("keeps the laws of events", () =>
    Effect.forEach(Laws.all({ name: "Orders", aggregates: [], events: [Order] }), ({ effect }) => effect))
})

describe("a mistake that types would have found", () => {
  const revise = (change: unknown): string => thrown(() => Paid.revise(2, change as never))
  const any = Change as unknown as Record<string, (...args: ReadonlyArray<unknown>) => unknown>

  it("is a defect that names the event, the revision, the change and the field", () => {
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [any["rename"]!({ totl: "amount" }), "Change.rename: there is no field totl; there are: total, note"],
      [any["rename"]!({ total: "note" }), "Change.rename: there is a field note already: choose another name"],
      [any["rename"]!({ total: "x", note: "x" }), "Change.rename: there is a field x already"],
      [any["add"]!("note", Schema.Int, () => 1), "Change.add: there is a field note already"],
      [any["add"]!("x", Schema.Int), "Change.add: x may not be left out: say the value of older payloads"],
      [any["add"]!("_tag", Schema.Int, () => 1), "\"_tag\" is the tag, not a field"],
      [any["rename"]!({ total: "_tag" }), "\"_tag\" is the tag, not a field"],
      [any["retype"]!("x", Schema.Int, () => 1), "Change.retype: there is no field x"],
      [any["split"]!("x", {}, () => ({})), "Change.split: there is no field x"],
      [any["split"]!("total", { note: Schema.Int }, () => ({})), "Change.split: there is a field note already"],
      [any["remove"]!("x"), "Change.remove: there is no field x"]
    ]
    for (const [change, message] of cases) {
      assert.include(revise(change), message)
      assert.include(revise(change), "Event Paid, revision 2: ")
    }
    assert.include(
      thrown(() => Event.make("E", {}).revise(2, any["remove"]!("x") as never)),
      "there is no field x; there is none"
    )
  })

  it("is a defect when what is given is no change of this payload", () => {
    let other: unknown
    Event.make("Other", euros).revise(2, (payload) => (other = payload, payload))
    for (const wrong of [() => undefined, () => ({}), Change.rename, () => other]) {
      assert.include(revise(wrong), "Event Paid, revision 2: expected a change of the payload that was given")
    }
    assert.include(
      thrown(() => Paid.revise(2, { a: Schema.Int } as never)),
      "Event Paid, revision 2: the hop to it is missing: give revise an upcast after the fields, or a change"
    )
  })
})
