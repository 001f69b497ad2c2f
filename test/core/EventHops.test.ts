/** A hop is a shortcut past the `make` of its revision: whatever an upcast returns, `make` has the last word. */
import { assert, describe, it } from "@effect/vitest"
import { Event } from "@varve/core"
import { Effect, Option, Result, Schema } from "effect"

const defaulted = <S extends Schema.Top & Schema.WithoutConstructorDefault>(schema: S, value: S["~type.make.in"]) =>
  schema.pipe(Schema.withConstructorDefault<S>(Effect.succeed(value)))

class Money extends Schema.Class<Money>("Money")({ cents: Schema.Int, of: defaulted(Schema.String, "EUR") }) {}

/** A default that a stored value may be without: it comes when the value is made again. */
const Late = Schema.Struct({ a: defaulted(Schema.optionalKey(Schema.Int), 7), b: Schema.String })

interface Tree {
  readonly n: number
  readonly late?: number
  readonly children?: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  n: Schema.Int,
  late: defaulted(Schema.optionalKey(Schema.Int), 7),
  children: Schema.optionalKey(Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)))
})
const Branches = Schema.Array(Schema.suspend(() => Tree))

/** Every kind of field there is, with values that fit and values that do not. */
const kinds = {
  text: [Schema.String, "a", "", 5, undefined, null],
  checked: [Schema.Int.check(Schema.isGreaterThan(0)), 1, 0, -1, 1.5, Number.NaN, "1"],
  branded: [Schema.String.pipe(Schema.brand("Branded")), "a", 5],
  literal: [Schema.Literals(["a", "b"]), "a", "b", "c"],
  nullable: [Schema.NullOr(Schema.Int), null, 1, "a", undefined],
  undefinedOr: [Schema.UndefinedOr(Schema.Int), undefined, 1, null],
  optionalKey: [Schema.optionalKey(Schema.Int), 1, undefined, "a"],
  optional: [Schema.optional(Schema.Int), 1, undefined, null],
  number: [Schema.Number, 1, Number.NaN, Number.POSITIVE_INFINITY, -0, "1"],
  big: [Schema.BigInt, 1n, 1],
  date: [Schema.Date, new Date(0), new Date(Number.NaN), "1970"],
  option: [Schema.Option(Schema.Int), Option.some(1), Option.none(), Option.some("a"), 1],
  struct: [
    Schema.Struct({ a: Schema.Int, b: Schema.optionalKey(Schema.String) }),
    { a: 1 },
    { a: 1, b: "x", junk: true },
    { a: "1" },
    { a: 1, b: undefined },
    []
  ],
  inner: [Schema.Struct({ a: defaulted(Schema.Int, 7), b: Schema.String }), { b: "x" }, { a: 1, b: "x" }, {}],
  late: [Late, { b: "x" }, { a: 1, b: "x" }, {}],
  lateInTuple: [Schema.Tuple([Schema.String, Late]), ["x", { b: "x" }], ["x", { a: 1, b: "x" }], ["x", 5]],
  lateInRest: [Schema.Array(Late), [{ b: "x" }], [5]],
  lateInMap: [Schema.ReadonlyMap(Schema.String, Late), new Map([["x", { b: "x" }]]), new Map([["x", 5]]), 5],
  lateInUnion: [Schema.Union([Schema.Int, Late]), 1, { b: "x" }, "x"],
  lateInRecord: [Schema.Record(Schema.String, Late), { x: { b: "x" } }, { x: 5 }],
  branches: [Branches, [{ n: 1 }], [{ n: 1, children: [{ n: 2 }] }], [5]],
  list: [Schema.Array(Schema.Struct({ a: Schema.Int })), [], [{ a: 1 }], [{ a: 1, junk: 2 }], [{ a: 0.5 }], {}],
  tuple: [Schema.Tuple([Schema.Int, Schema.String]), [1, "a"], ["a", 1], [1]],
  record: [Schema.Record(Schema.String, Schema.Int), {}, { x: 1 }, { x: "1" }],
  either: [Schema.Union([Schema.Struct({ a: Schema.Int }), Schema.String]), { a: 1, junk: 1 }, "a", 5],
  class: [Money, new Money({ cents: 1 }), { cents: 1 }, { cents: "1" }],
  tree: [Tree, { n: 1 }, { n: 1, children: [{ n: 2 }] }, { n: 1, children: [{ n: "2" }] }],
  withDefault: [defaulted(Schema.Int, 7), 1, undefined, "a"],
  optionalDefault: [defaulted(Schema.optionalKey(Schema.Int), 7), 1, undefined, null],
  eitherDefault: [defaulted(Schema.optional(Schema.Int), 7), 1, undefined, null],
  unknown: [Schema.Unknown, 1, undefined, { a: 1 }],
  json: [Schema.Json, 1, null, { a: [1] }]
} satisfies Record<string, readonly [Schema.Top, ...ReadonlyArray<unknown>]>

/** A field that is not there, and one that is the value it was. */
const missing = Symbol()
const same = Symbol()

/** An event whose hop returns what is told, with a field more than its schema names. */
const toldOf = (name: string, field: Schema.Top, value: unknown) =>
  Event.make("E", { [name]: field, other: Schema.Int })
    .revise(2, { [name]: field, other: Schema.Int }, (previous) => {
      const { [name]: before, ...rest } = previous as Record<string, unknown>
      const had = name in previous ? { [name]: before } : {}
      return { junk: 1, ...rest, ...(value === same ? had : value === missing ? {} : { [name]: value }) } as never
    })

/** The same, and a second hop that hands it on under another name. */
const renamedOf = (name: string, field: Schema.Top, value: unknown) =>
  toldOf(name, field, value).revise(3, { renamed: field, other: Schema.Int }, (previous) => {
    const { [name]: renamed, ...rest } = previous as Record<string, unknown>
    return (name in previous ? { ...rest, renamed } : rest) as never
  })

/** The same by the `make` of every revision. */
const oracle = ({ revisions, tag }: Event.Any, payload: unknown): Result.Result<unknown, unknown> => {
  const [first, ...others] = revisions
  return Result.try(() => {
    const before: unknown = Schema.decodeUnknownSync(Schema.toCodecJson(first!.schema))(payload)
    const last = others.reduce((value, { schema, upcast }) => schema.make(upcast(value as never)), before)
    return { _tag: tag, ...last as object }
  })
}

describe("what an upcast returns", () => {
  for (const [name, [schema, ...values]] of Object.entries(kinds)) {
    it(`is what make makes of it, and refused where make refuses it: ${name}`, () => {
      const { schema: first } = toldOf(name, schema, same).revisions[0]!
      const encode = Schema.encodeUnknownResult(Schema.toCodecJson(first))
      const payloads = [...values, missing]
        .map((value) => encode(value === missing ? { other: 1 } : { [name]: value, other: 1 }))
        .filter(Result.isSuccess)
        .map(({ success }) => JSON.parse(JSON.stringify(success)))
      const outcomes = { read: 0, refused: 0 }
      for (const payload of payloads) {
        for (const value of [same, missing, ...values]) {
          for (const event of [toldOf(name, schema, value), renamedOf(name, schema, value)]) {
            const [read, expected] = [Event.decode(event, { revision: 1, payload }), oracle(event, payload)]
            if (Result.isSuccess(expected)) {
              outcomes.read++
              assert.deepStrictEqual(read as typeof expected, expected)
            } else {
              outcomes.refused++
              assert.isTrue(Result.isFailure(read) && read.failure.why === "UpcastFailed", `${name}: ${String(value)}`)
            }
          }
        }
      }
      assert.isAbove(outcomes.read, 0)
      if (name !== "unknown" && name !== "json") assert.isAbove(outcomes.refused, 0)
    })
  }

  it("is made by its revision, also where one that it does not come from has the very same field", () => {
    const positive = Schema.Int.check(Schema.isGreaterThan(0))
    const before = Event.make("E", { n: Schema.Int })
      .revise(2, { n: positive }, ({ n }) => ({ n }))
      .revise(3, { n: positive }, ({ n }) => ({ n: Math.abs(n) }))
    const after = Event.make("E", { n: positive })
      .revise(2, { n: Schema.Int }, ({ n }) => ({ n: -n }))
      .revise(3, { n: positive }, ({ n }) => ({ n }))
    for (const [event, at, n] of [[before, 2, -1], [after, 3, 1]] as const) {
      const read = Event.decode(event, { revision: 1, payload: { n } })
      assert.isTrue(Result.isFailure(read) && read.failure.why === "UpcastFailed" && read.failure.revision === at)
    }
  })

  it("is made anew where the upcast has changed the payload that it got", () => {
    const event = Event.make("E", { n: Schema.Int }).revise(
      2,
      { n: Schema.Int },
      (payload) => Object.assign(payload, { n: payload.n + 0.5 })
    )
    const read = Event.decode(event, { revision: 1, payload: { n: 1 } })
    assert.isTrue(Result.isFailure(read) && read.failure.why === "UpcastFailed" && read.failure.revision === 2)
  })

  it("has fields of any name", () => {
    const fields = { a: Schema.Int, ["__proto__"]: Schema.Int }
    const event = Event.make("E", fields).revise(2, fields, (payload) => payload)
    const payload = JSON.parse(`{ "a": 1, "__proto__": 2 }`)
    const read = Result.getOrThrow(Event.decode(event, { revision: 1, payload }))
    assert.strictEqual(JSON.stringify(read), `{"a":1,"__proto__":2,"_tag":"E"}`)
    assert.strictEqual(Object.getPrototypeOf(read), Object.prototype)
    // What a revision itself has are names like others.
    for (const name of ["revision", "schema", "empty", "upcast", "downcast", "made"]) {
      const own = Event.make("E", { [name]: Schema.Int }).revise(
        2,
        { [name]: Schema.Int },
        (payload) => ({ ...payload })
      )
      const read = Event.decode(own, { revision: 1, payload: { [name]: 1 } })
      assert.deepStrictEqual(read as unknown, Result.succeed({ _tag: "E", [name]: 1 }))
    }
  })

  it("is refused when it is no object, and says why", () => {
    for (const value of [5, null, undefined, "text", [], [1]]) {
      const first = Event.make("E", { a: Schema.Int })
      for (
        const event of [
          first.revise(2, { a: Schema.Int }, () => value as never),
          first.revise(2, {}, () => value as never)
        ]
      ) {
        const read = Event.decode(event, { revision: 1, payload: { a: 1 } })
        assert.isTrue(Result.isFailure(read) && read.failure.why === "UpcastFailed" && read.failure.revision === 2)
        if (Result.isFailure(read)) assert.include(String(read.failure.cause), "Expected object")
      }
    }
  })

  it("is never changed, be it the same for every payload or frozen", () => {
    for (const fields of [{ a: Schema.Int }, {}, { a: Schema.Struct({ b: Schema.Int }) }]) {
      const constant = Object.freeze(
        "a" in fields && "ast" in fields.a ? { a: fields.a === Schema.Int ? 1 : { b: 1 } } : {}
      )
      const event = Event.make("E", {}).revise(2, fields as Schema.Struct.Fields, () => constant as never)
      for (let i = 0; i < 2; i++) {
        const read = Result.getOrThrow(Event.decode(event, { revision: 1, payload: {} }))
        assert.deepStrictEqual(read as object, { _tag: "E", ...constant })
      }
      assert.notProperty(constant, "_tag")
    }
  })

  it("goes through a schema that asks for an effect, where it can be run at once", () => {
    const lazy = Schema.Int.pipe(Schema.withConstructorDefault(Effect.sync(() => 7)))
    const event = Event.make("E", { a: Schema.Int })
      .revise(2, { a: Schema.Int, b: lazy }, ({ a }) => ({ a }))
      .revise(3, { a: Schema.Int, b: Schema.Int }, (previous) => previous)
    assert.deepStrictEqual(
      Event.decode(event, { revision: 1, payload: { a: 1 } }),
      Result.succeed({ _tag: "E" as const, a: 1, b: 7 })
    )
  })
})
