/** What the catalogue leaves alone: an edit of the code at a time, and types that were retired as they are to be. */
import { assert, describe, it } from "@effect/vitest"
import * as Catalog from "@varve/cli/Catalog"
import { Change, Event, Upcaster } from "@varve/core"
import { Effect, Schema } from "effect"
import { domainOf } from "./fixtures/domain.ts"
import {
  breaks,
  Closed,
  codeOf,
  Currency,
  findingsOf,
  isHarmless,
  lift,
  merged,
  Placed,
  placed,
  placedFields,
  recorded,
  Shipped,
  withPlaced
} from "./fixtures/recorded.ts"

describe("a harmless edit", () => {
  it.effect("nothing", () => isHarmless(merged))

  it.effect("docstrings", () =>
    isHarmless(withPlaced(placed({
      customer: Schema.NonEmptyString.annotate({ title: "who", description: "Who pays", examples: ["Ada"] }),
      cents: Schema.Int.annotate({ description: "An amount" }),
      currency: Currency.annotate({ identifier: "Currency" }),
      note: Schema.optionalKey(Schema.String.annotate({ documentation: "What was said" }))
    }, lift))))

  it.effect("the order of fields, events and literals", () => {
    const { cents, customer, note } = placedFields
    const event = placed({ note, currency: Schema.Literals(["USD", "EUR"]), cents, customer }, lift)
    return isHarmless(codeOf(domainOf([Closed, Shipped, event])))
  })

  it.effect("names of schemas, and fields put into a class", () => {
    const line = (S: Schema.Top) => codeOf(domainOf([Event.make("Lined", { line: S, other: S })]))
    class Before extends Schema.Class<Before>("Before")({ n: Schema.Int }) {}
    class After extends Schema.Class<After>("After")({ n: Schema.Int }) {}
    return Effect.gen(function*() {
      const catalog = yield* Catalog.update(undefined, line(Before))
      for (const same of [After, Schema.Struct({ n: Schema.Int })]) {
        assert.deepStrictEqual(yield* findingsOf(line(same), catalog), [])
      }
    })
  })

  it.effect("names of schemas that contain themselves", () => {
    interface Tree {
      readonly n: number
      readonly trees: ReadonlyArray<Tree>
    }
    const treeOf = (identifier: string, root: Schema.Codec<number>) => {
      const Tree = Schema.Struct({ n: root, trees: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)) })
        .annotate({ identifier })
      return codeOf(domainOf([Event.make("Grown", { tree: Tree, second: Schema.optionalKey(Tree) })]))
    }
    return Effect.gen(function*() {
      const catalog = yield* Catalog.update(undefined, treeOf("Tree", Schema.Int))
      assert.deepStrictEqual(yield* findingsOf(treeOf("Baum", Schema.Int), catalog), [])
      const [finding] = yield* findingsOf(treeOf("Tree", Schema.Finite), catalog)
      assert.match(finding!.what, /field \(definition 1\)\.n: integer became number/)
    })
  })

  it.effect("a new event", () =>
    isHarmless(
      codeOf(domainOf([Placed, Shipped, Closed, Event.make("Paid", { cents: Schema.Int })])),
      ["NotRecorded Paid -"]
    ))

  it.effect("a new revision with an upcast", () =>
    isHarmless(
      withPlaced(
        Placed.revise(3, Change.rename({ note: "remark" }))
      ),
      ["NotRecorded Placed 3"]
    ))

  it.effect("a rename of the type that is told", () => {
    class Sent extends Event.make("Sent", { by: Schema.String.check(Schema.isMinLength(2)), at: Schema.Date }) {}
    return isHarmless(codeOf(domainOf([Placed, Sent, Closed]), { renamed: { Shipped: Sent } }), [
      "NotRecorded Sent -",
      "NotRecorded Shipped -"
    ])
  })

  it.effect("a split that is told", () => {
    class Sent extends Event.make("Sent", { by: Schema.String }) {}
    class Stamped extends Event.make("Stamped", { at: Schema.Date }) {}
    const splits = [
      Upcaster.split(Shipped, [Sent, Stamped], ({ at, by }) => [Sent.make({ by }), Stamped.make({ at })])
    ]
    return isHarmless(codeOf(domainOf([Placed, Sent, Stamped, Closed]), { splits }), [
      "NotRecorded Sent -",
      "NotRecorded Shipped -",
      "NotRecorded Stamped -"
    ])
  })

  it.effect("a drop that is told", () =>
    isHarmless(codeOf(domainOf([Placed, Shipped]), { dropped: ["Closed"] }), ["NotRecorded Closed -"]))

  it.effect("an aggregate renamed with its category", () =>
    isHarmless(
      codeOf(domainOf([Placed, Shipped, Closed], { aggregate: "Purchase" }), { categories: { Purchase: "Order" } })
    ))

  it.effect("a change that is said with the definition of its day", () => {
    class Sold extends Event.make("Sold", { n: Schema.Int }) {}
    class Resold extends Event.make("Sold", { n: Schema.Int }).revise(2, Change.rename({ n: "count" })) {}
    const sell = Upcaster.split(Shipped, [Sold], () => [Sold.make({ n: 1 })])
    const said = { splits: [sell], renamed: { Bought: Sold } }
    return Effect.gen(function*() {
      const catalog = yield* Catalog.update(recorded, codeOf(domainOf([Placed, Sold, Closed]), said))
      const code = codeOf(domainOf([Placed, Resold, Closed]), said)
      assert.deepStrictEqual(
        (yield* findingsOf(code, catalog)).map(({ event, kind, revision }) => [event, kind, revision]),
        [
          ["Sold", "NotRecorded", 2]
        ]
      )
      // What has another meaning is another event all the same.
      const other = codeOf(domainOf([Placed, Event.make("Sold", { n: Schema.String }), Closed]), said)
      assert.include((yield* findingsOf(other, catalog)).map(({ kind }) => kind), "TwoEvents")
    })
  })

  it.effect("one definition in two domains", () =>
    isHarmless(codeOf([domainOf([Placed, Shipped, Closed]), domainOf([Closed], { aggregate: "Order", name: "Bar" })]), [
      "NotRecorded Closed -"
    ]))
})

describe("a retired type", () => {
  class Sent extends Event.make("Sent", { by: Schema.String.check(Schema.isMinLength(2)), at: Schema.Date }) {}
  const renamed = codeOf(domainOf([Placed, Sent, Closed]), { renamed: { Shipped: Sent } })

  it.effect("stays for ever, with its golden payloads", () =>
    Effect.gen(function*() {
      const catalog = yield* Catalog.update(recorded, renamed)
      assert.deepStrictEqual(catalog.events["Shipped"]!.revisions, recorded.events["Shipped"]!.revisions)
      assert.deepStrictEqual(catalog.events["Shipped"]!.read, { _tag: "Renamed", to: "Sent" })
      // The revisions that the new name gets later are not the old name's.
      const later = Sent.revise(2, Change.rename({ by: "carrier" }))
      const next = codeOf(domainOf([Placed, later, Closed]), { renamed: { Shipped: later } })
      const updated = yield* Catalog.update(catalog, next)
      assert.lengthOf(updated.events["Shipped"]!.revisions, 1)
      assert.lengthOf(updated.events["Sent"]!.revisions, 2)
      assert.deepStrictEqual(yield* findingsOf(next, updated, catalog), [])
      // And the old name must not be forgotten.
      yield* breaks(codeOf(domainOf([Placed, later, Closed])), {
        kind: "MissingEvent",
        event: "Shipped",
        revision: undefined,
        what: /no domain has it any more/,
        remedy: /renamed/
      }, updated)
    }))

  it.effect("is read through its rename, also by what JSON Schema does not see", () => {
    // Both are texts to JSON Schema.
    const other = Event.make("Sent", { by: Schema.String.check(Schema.isMinLength(2)), at: Schema.DateTimeZoned })
    return breaks(codeOf(domainOf([Placed, other, Closed]), { renamed: { Shipped: other } }), {
      kind: "GoldenUnreadable",
      event: "Shipped",
      revision: 1,
      what: /cannot be read: InvalidPayload/,
      remedy: /put the schema of revision 1 back as it was/
    })
  })

  it.effect("is read through its split", () => {
    class Stamped extends Event.make("Stamped", { at: Schema.Date }) {}
    const splits = [Upcaster.split(Shipped, [Stamped], () => [])]
    const wrong = [
      Upcaster.split(Shipped, [Stamped], ({ by }) => {
        throw new Error(`what is ${by}?`)
      })
    ]
    return Effect.gen(function*() {
      yield* isHarmless(codeOf(domainOf([Placed, Stamped, Closed]), { splits }), [
        "NotRecorded Shipped -",
        "NotRecorded Stamped -"
      ])
      yield* breaks(codeOf(domainOf([Placed, Stamped, Closed]), { splits: wrong }), {
        kind: "GoldenUnreadable",
        event: "Shipped",
        revision: 1,
        what: /UpcastFailed: what is/,
        remedy: /mend the upcast or the split/
      })
    })
  })
})
