/** What is derived and recorded: golden payloads, policies, the file itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Catalog from "@varve/cli/Catalog"
import { Change, Event } from "@varve/core"
import { Effect, Result, Schema } from "effect"
import { domainOf } from "./fixtures/domain.ts"
import { breaks, Closed, codeOf, findingsOf, merged, Placed, recorded, Shipped } from "./fixtures/recorded.ts"

describe("golden payloads", () => {
  it.effect("are the same ones every time, fit for a store, and different from each other", () =>
    Effect.gen(function*() {
      const again = yield* Catalog.update(undefined, merged)
      assert.strictEqual(Catalog.stringify(again), Catalog.stringify(recorded))
      for (const { revisions } of Object.values(again.events)) {
        for (const { golden } of revisions) {
          const texts = golden.generated.map((payload) => JSON.stringify(payload))
          assert.strictEqual(new Set(texts).size, texts.length)
          for (const text of texts) {
            assert.isTrue(text.isWellFormed())
            assert.notInclude(text, "\\u0000")
            assert.notInclude(text, "\\ud")
          }
        }
      }
      assert.deepStrictEqual(again.events["Closed"]!.revisions[0]!.golden.generated, [{}])
    }))

  it("show what may be left out, both ways", () => {
    const payloads = recorded.events["Placed"]!.revisions[1]!.golden.generated
    assert.lengthOf(payloads, 5)
    assert.isTrue(payloads.some((payload) => "note" in (payload as object)))
    assert.isTrue(payloads.some((payload) => !("note" in (payload as object))))
  })

  it.effect("show every case, and nothing twice", () =>
    Effect.gen(function*() {
      const cases = ["A", "B", "C", "D"].map((tag) => Schema.TaggedStruct(tag, { n: Schema.Int }))
      const code = codeOf(domainOf([
        Event.make("Cased", { it: Schema.Union(cases) }),
        Event.make("Switched", { on: Schema.Boolean })
      ]))
      const { events } = yield* Catalog.update(undefined, code)
      const generated = (type: string) => events[type]!.revisions[0]!.golden.generated as ReadonlyArray<any>
      assert.sameMembers(Array.from(new Set(generated("Cased").map(({ it }) => it._tag))), ["A", "B", "C", "D"])
      assert.sameDeepMembers(Array.from(generated("Switched")), [{ on: false }, { on: true }])
    }))

  it.effect("show texts of several lengths, also deep inside", () =>
    Effect.gen(function*() {
      const treeOf = (v: Schema.Codec<string>) => {
        const Tree = Schema.Struct({ v, kids: Schema.Array(Schema.suspend((): Schema.Codec<unknown> => Tree)) })
        return codeOf(domainOf([Event.make("E", { a: Tree })]))
      }
      const catalog = yield* Catalog.update(undefined, treeOf(Schema.String))
      const short = Schema.String.check(Schema.makeFilter((text) => text.length <= 1))
      assert.deepStrictEqual((yield* findingsOf(treeOf(short), catalog)).map(({ kind }) => kind), ["GoldenUnreadable"])
    }))

  it.effect("stand beside those of a person", () =>
    Effect.gen(function*() {
      const byHand: any = structuredClone(recorded)
      byHand.events.Placed.revisions[0].golden = { byHand: [{ customer: "Ada", total: 1.5 }], generated: [] }
      const updated = yield* Catalog.update(byHand, merged)
      assert.deepStrictEqual(updated.events["Placed"]!.revisions[0]!.golden, {
        byHand: [{ customer: "Ada", total: 1.5 }],
        generated: recorded.events["Placed"]!.revisions[0]!.golden.generated
      })
    }))

  it.effect("none are made of what cannot be generated, and it is told", () =>
    Effect.gen(function*() {
      const Rare = Schema.String.check(Schema.makeFilter((text) => text === "7f3a-1", { expected: "the checksum" }))
      const code = codeOf(
        domainOf([Event.make("Odd", { it: Rare }).revise(2, { that: Schema.String }, ({ it }) => ({ that: it }))])
      )
      const catalog = yield* Catalog.update(undefined, code)
      assert.deepStrictEqual(catalog.events["Odd"]!.revisions[0]!.golden.generated, [])
      assert.isNotEmpty(catalog.events["Odd"]!.revisions[1]!.golden.generated)
      const found = yield* findingsOf(code, catalog)
      assert.deepStrictEqual(found.map(({ event, kind, revision }) => [event, kind, revision]), [
        ["Odd", "NotChecked", 1],
        ["Odd", "NotChecked", undefined]
      ])
      assert.isFalse(found.some(Catalog.isBreaking))
      // Nobody is told of what is done.
      const byHand: any = structuredClone(catalog)
      byHand.events.Odd.revisions[0].golden.byHand.push({ it: "7f3a-1" })
      assert.deepStrictEqual(Catalog.check(byHand, code), [])
    }))
})

describe("policies that skip", () => {
  it.effect("do not hide what is unreadable", () =>
    breaks(
      codeOf(
        domainOf([
          Placed,
          Closed,
          Event.make("Shipped", { by: Schema.String.check(Schema.isMinLength(2)), at: Schema.DateTimeZoned })
        ]),
        { unknownType: "skip", newerRevision: "skip" }
      ),
      {
        kind: "GoldenUnreadable",
        event: "Shipped",
        revision: 1,
        what: /InvalidPayload/,
        remedy: /revision 1/
      }
    ))
})

describe("derive", () => {
  it("says what the code says, without payloads", () => {
    const { events, format } = Catalog.derive(merged)
    assert.strictEqual(format, 1)
    assert.deepStrictEqual(
      events["Placed"]!.revisions.map(({ downcast, golden, revision, upcast }) => [
        revision,
        upcast,
        downcast,
        golden.generated.length
      ]),
      [[1, false, false, 0], [2, true, false, 0]]
    )
    assert.deepStrictEqual(events["Shipped"]!.revisions[0]!.schema, {
      type: "object",
      properties: { by: { type: "string", minLength: 1 }, at: { type: "string" } },
      required: ["at", "by"]
    })
  })

  it("is a defect that names what JSON cannot describe", () => {
    const code = codeOf(domainOf([Event.make("Symbolic", { a: Schema.Int, [Symbol.for("s")]: Schema.String })]))
    assert.throws(() => Catalog.derive(code), /Event Symbolic, revision 1: its schema has no JSON Schema/)
  })

  it("downcasts", () => {
    const code = codeOf(domainOf([Placed.revise(3, Change.rename({ note: "remark" })), Shipped, Closed]))
    assert.isTrue(Catalog.derive(code).events["Placed"]!.revisions[2]!.downcast)
  })
})

describe("parse", () => {
  const wrong = (text: string, message: RegExp) => {
    const parsed = Catalog.parse(text)
    assert.isTrue(Result.isFailure(parsed))
    if (Result.isFailure(parsed)) assert.match(parsed.failure.message, message)
  }
  const text = Catalog.stringify(recorded)

  it("reads what was written, byte for byte", () => {
    assert.strictEqual(Catalog.stringify(Result.getOrThrow(Catalog.parse(text))), text)
    assert.isTrue(text.endsWith("}\n"))
    assert.deepStrictEqual(Result.getOrThrow(Catalog.parse(text)), recorded)
  })

  it("what is no catalogue", () => {
    wrong("", /expected JSON/)
    wrong("{ \"format\": 1", /expected JSON/)
    wrong("[]", /expected a catalogue, got something else/)
    wrong("{ \"format\": 1 }", /Missing key.*events/s)
    wrong("{ \"format\": 0, \"events\": {} }", /format/)
    wrong(
      new TextDecoder().decode(Buffer.from(`\uFEFF${text}`, "utf16le")),
      /expected JSON in UTF-8, got another encoding/
    )
    // It would be lost at the next update.
    wrong(text.replaceAll("\"byHand\": []", "\"byHand\": [],\"byhand\": [{}]"), /got something else: .*byhand/s)
    wrong("{ \"format\": 2, \"events\": [] }", /expected format 1, got format 2: a newer @varve\/cli wrote it/)
  })

  it("what a merge has damaged", () => {
    const [head, ...rest] = text.split("\n")
    wrong(
      [head, "<<<<<<< HEAD", ...rest].join("\n"),
      /take the file of the branch that this one goes to.*a conflict in line 2/
    )
    wrong([head, ...rest.slice(0, 4), "=======", ...rest.slice(4)].join("\n"), /a conflict in line 6/)
    wrong(text.replace("\"Shipped\": {", "\"Placed\": {"), /"Placed" twice/)
    wrong(text.replace("\"revision\": 2,", "\"revision\": 3,"), /revisions 1, 2, 3 and so on/)
    wrong(text.replace("\"revision\": 2,", "\"revision\": 1,"), /each once/)
  })
})
