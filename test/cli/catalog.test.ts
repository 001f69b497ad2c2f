/** What the catalogue finds, and what it leaves alone: an edit of the code at a time. */
import { assert, describe, it } from "@effect/vitest"
import * as Catalog from "@varve/cli/Catalog"
import { Change, Domain, Event, Projection, Upcaster } from "@varve/core"
import { Effect, Result, Schema, SchemaGetter } from "effect"
import { domainOf } from "./fixtures/domain.ts"

const seed = "catalog"

const codeOf = (
  domains: Domain.Any | ReadonlyArray<Domain.Any>,
  upcaster: Upcaster.Options = {}
): Catalog.Code => ({ domains: [domains].flat() as ReadonlyArray<Domain.Any>, upcaster })

const Currency = Schema.Literals(["EUR", "USD"])

// What was merged, and is in stores.
class Placed extends Event.make("Placed", { customer: Schema.NonEmptyString, total: Schema.Finite }).revise(
  2,
  { customer: Schema.NonEmptyString, cents: Schema.Int, currency: Currency, note: Schema.optionalKey(Schema.String) },
  ({ customer, total }) => ({ customer, cents: Math.round(total % 1e12 * 100), currency: "EUR" })
) {}
class Shipped extends Event.make("Shipped", { by: Schema.String.check(Schema.isMinLength(2)), at: Schema.Date }) {}
class Closed extends Event.make("Closed", {}) {}

const merged = codeOf(domainOf([Placed, Shipped, Closed]))
const recorded = Effect.runSync(Catalog.update(undefined, merged))

const findingsOf = (code: Catalog.Code, catalog = recorded, base?: Catalog.Catalog) =>
  Effect.gen(function*() {
    const found = Catalog.check(catalog, code, { base })
    if (found.some(({ kind }) => kind === "TwoEvents" || kind === "StillUsed")) return found
    return [...found, ...yield* Catalog.checkUpcasts(code, { runs: 60, seed })]
  })

/** The one finding of a kind, which names the event and the revision, and says what to do. */
const breaks = Effect.fnUntraced(function*(
  code: Catalog.Code,
  expected: Pick<Catalog.Finding, "kind" | "event" | "revision"> & { readonly what: RegExp; readonly remedy: RegExp },
  catalog = recorded,
  base?: Catalog.Catalog
) {
  const found = yield* findingsOf(code, catalog, base)
  const finding = found.find(({ event, kind, revision }) =>
    kind === expected.kind && event === expected.event && revision === expected.revision
  )
  assert.isDefined(finding, `no such finding among ${JSON.stringify(found, undefined, 2)}`)
  assert.isTrue(Catalog.isBreaking(finding!))
  assert.match(finding!.what, expected.what)
  assert.match(finding!.remedy, expected.remedy)
  return found
})

/** Nothing but what is not recorded yet. */
const isHarmless = Effect.fnUntraced(function*(code: Catalog.Code, notes: ReadonlyArray<string> = []) {
  const found = yield* findingsOf(code)
  assert.deepStrictEqual(found.map(({ event, kind, revision }) => `${kind} ${event} ${revision ?? "-"}`), notes)
  // It can be recorded, and then there is nothing to tell.
  const updated = yield* Catalog.update(recorded, code)
  assert.deepStrictEqual(yield* findingsOf(code, updated, recorded), [])
})

const placed = (fields: Schema.Struct.Fields, upcast: (from: any) => any) =>
  Event.make("Placed", { customer: Schema.NonEmptyString, total: Schema.Finite }).revise(2, fields as {}, upcast)
const placedFields = {
  customer: Schema.NonEmptyString,
  cents: Schema.Int,
  currency: Currency,
  note: Schema.optionalKey(Schema.String)
}
const lift = ({ customer, total }: { customer: string; total: number }) => ({
  customer,
  cents: Math.round(total % 1e12 * 100),
  currency: "EUR"
})
const withPlaced = (event: Event.Any) => codeOf(domainOf([event, Shipped, Closed]))
const withShipped = (fields: Schema.Struct.Fields) =>
  codeOf(domainOf([Placed, Event.make("Shipped", fields as {}), Closed]))

describe("a breaking edit", () => {
  const inPlace = (what: RegExp, revision = 2) => ({
    kind: "EditedInPlace" as const,
    event: "Placed",
    revision,
    what,
    remedy: /put revision \d of Placed back as it was, .*\.revise\(3, …\)/
  })

  it.effect("a field added in place", () =>
    breaks(
      withPlaced(placed({ ...placedFields, vip: Schema.Boolean }, (from) => ({ ...lift(from), vip: false }))),
      inPlace(/field vip \(boolean\) is new/)
    ))

  it.effect("a field removed in place", () => {
    const { note: _, ...fields } = placedFields
    return breaks(withPlaced(placed(fields, lift)), inPlace(/field note \(string\) is gone/))
  })

  it.effect("a field retyped in place", () =>
    breaks(
      withPlaced(placed({ ...placedFields, cents: Schema.String }, (from) => ({ ...lift(from), cents: "1" }))),
      inPlace(/field cents: integer became string/)
    ))

  it.effect("a field renamed in place", () => {
    const { cents, ...fields } = placedFields
    return breaks(
      withPlaced(placed({ ...fields, amount: cents }, (from) => ({ ...lift(from), amount: 1 }))),
      inPlace(/field amount \(integer\) is new; field cents \(integer\) is gone/)
    )
  })

  it.effect("a field made required in place", () =>
    breaks(
      withPlaced(placed({ ...placedFields, note: Schema.String }, (from) => ({ ...lift(from), note: "" }))),
      inPlace(/field note became required/)
    ))

  it.effect("a bound moved in place", () =>
    breaks(
      withPlaced(placed({ ...placedFields, cents: Schema.Int.check(Schema.isGreaterThan(0)) }, lift)),
      inPlace(/field cents: exclusiveMinimum 0 is new; field cents: minimum -9007199254740991 is gone/)
    ))

  it.effect("a literal taken away in place", () =>
    breaks(
      withPlaced(placed({ ...placedFields, currency: Schema.Literals(["EUR"]) }, lift)),
      inPlace(/field currency no longer takes "USD"/)
    ))

  it.effect("an old revision edited in place", () =>
    breaks(
      withPlaced(
        Event.make("Placed", { customer: Schema.String, total: Schema.Finite }).revise(2, placedFields, (from) => ({
          ...lift(from),
          customer: "c",
          currency: "EUR" as const
        }))
      ),
      inPlace(/field customer: minLength 1 is gone/, 1)
    ))

  it.effect("a field inside a field, and in an array", () => {
    const one = (inner: Schema.Top) =>
      codeOf(domainOf([Event.make("Deep", { lines: Schema.Array(Schema.Struct({ item: inner })) })]))
    return Effect.flatMap(Catalog.update(undefined, one(Schema.Int)), (catalog) =>
      breaks(one(Schema.String), {
        kind: "EditedInPlace",
        event: "Deep",
        revision: 1,
        what: /field lines\[\]\.item: integer became string/,
        remedy: /\.revise\(2, …\)/
      }, catalog))
  })

  it.effect("a revision taken away", () =>
    breaks(withPlaced(Event.make("Placed", { customer: Schema.NonEmptyString, total: Schema.Finite })), {
      kind: "MissingRevision",
      event: "Placed",
      revision: 2,
      what: /the hop is missing: the code has Placed up to revision 1/,
      remedy: /put \.revise\(2, …\) back/
    }))

  it.effect("a chain begun anew", () =>
    breaks(
      withPlaced(Event.make("Placed", placedFields)),
      inPlace(/field cents \(integer\) is new.*total .* is gone/, 1)
    ))

  it.effect("a tag that is gone", () =>
    breaks(codeOf(domainOf([Placed, Closed])), {
      kind: "MissingEvent",
      event: "Shipped",
      revision: undefined,
      what: /no domain has it any more/,
      remedy: /renamed: \{ Shipped: TheNewEvent \}, a split, or dropped: \["Shipped"\]/
    }))

  it.effect("a tag renamed to an event that no domain has", () => {
    class Sent extends Event.make("Sent", { by: Schema.String.check(Schema.isMinLength(2)), at: Schema.Date }) {}
    return breaks(codeOf(domainOf([Placed, Closed]), { renamed: { Shipped: Sent } }), {
      kind: "MissingEvent",
      event: "Shipped",
      revision: undefined,
      what: /renamed to Sent, and no domain has Sent/,
      remedy: /put it back into its domain/
    })
  })

  it.effect("a tag renamed to an event with another payload", () => {
    class Sent extends Event.make("Sent", { to: Schema.String }) {}
    return breaks(codeOf(domainOf([Placed, Sent, Closed]), { renamed: { Shipped: Sent } }), {
      kind: "EditedInPlace",
      event: "Shipped",
      revision: 1,
      what: /field at \(string\) is gone; field by .* is gone; field to \(string\) is new/,
      remedy: /put revision 1 of Sent back as it was/
    })
  })

  it.effect("an event dropped and still used", () =>
    breaks(codeOf(domainOf([Placed, Shipped, Closed]), { dropped: ["Closed"] }), {
      kind: "StillUsed",
      event: "Closed",
      revision: undefined,
      what: /dropped in the Upcaster options, and still an event of the domain Shop/,
      remedy: /take it out of the options, or out of the domain/
    }))

  it.effect("two events of one tag in two domains", () => {
    class Closed2 extends Event.make("Closed", { why: Schema.String }) {}
    return breaks(
      codeOf([domainOf([Placed, Shipped, Closed]), domainOf([Closed2], { aggregate: "Till", name: "Bar" })]),
      {
        kind: "TwoEvents",
        event: "Closed",
        revision: undefined,
        what: /domains Bar and Shop/,
        remedy: /give the newer one a tag of its own/
      }
    )
  })

  it.effect("an aggregate renamed without its category", () =>
    breaks(codeOf(domainOf([Placed, Shipped, Closed], { aggregate: "Purchase" })), {
      kind: "MissingCategory",
      event: "Placed",
      revision: undefined,
      what: /stored in streams of Order, and looked for in streams of Purchase/,
      remedy: /categories: \{ Purchase: "Order" \}/
    }))

  describe("an event that an aggregate has lost, and meets in its streams", () => {
    const losing = (upcaster: Upcaster.Options = {}) => {
      class Notes extends Projection.make("Notes", { row: Schema.Null, events: [Shipped] }).fold({
        on: { Shipped: () => null }
      }) {}
      const rest = domainOf([Placed, Closed])
      return codeOf(Domain.make("Shop", { ...rest, projections: [Notes] }) as Domain.Any, upcaster)
    }
    const lost = {
      kind: "MissingEvent" as const,
      event: "Shipped",
      revision: undefined,
      what: /stored in streams of Order, and the aggregate Order does not have it any more/,
      remedy: /let Order have the event.*readers: \{ Order: \{ unknownType: "skip" \} \}/
    }

    it.effect("is still in a projection", () => breaks(losing(), lost))

    it.effect("is in another aggregate now", () => {
      const till = domainOf([Shipped], { aggregate: "Till", name: "Bar" })
      return breaks(codeOf([domainOf([Placed, Closed]), till]), lost)
    })

    it.effect("was renamed to what another aggregate has", () => {
      class Sent extends Event.make("Sent", { by: Schema.String.check(Schema.isMinLength(2)), at: Schema.Date }) {}
      const till = domainOf([Sent], { aggregate: "Till", name: "Bar" })
      return breaks(codeOf([domainOf([Placed, Closed]), till], { renamed: { Shipped: Sent } }), lost)
    })

    it.effect("is no harm where it is said that it is passed over", () =>
      Effect.gen(function*() {
        for (const said of [{ unknownType: "skip" }, { readers: { Order: { unknownType: "skip" } } }] as const) {
          assert.deepStrictEqual((yield* findingsOf(losing(said))).filter(Catalog.isBreaking), [])
        }
        const told = { unknownType: "skip", readers: { Order: { unknownType: "fail" } } } as const
        yield* breaks(losing(told), lost)
      }))
  })

  it.effect("an upcast that fails on what the old schema accepts", () =>
    breaks(
      withPlaced(placed(placedFields, ({ customer, total }) => ({ ...lift({ customer, total }), cents: total * 2 }))),
      {
        kind: "UpcastFails",
        event: "Placed",
        revision: 1,
        what:
          /a payload that its schema accepts is not read: UpcastFailed at revision 2: .*payload \{.*"total".*\}; seed "catalog"/s,
        remedy: /let the upcast of revision 2 take every payload that revision 1 accepts; .* --seed catalog/
      }
    ))

  it.effect("an upcast that throws now and then", () =>
    breaks(
      withPlaced(placed(placedFields, (from) => {
        if (from.total < 0) throw new Error("a negative total")
        return lift(from)
      })),
      {
        kind: "UpcastFails",
        event: "Placed",
        revision: 1,
        what: /a negative total/,
        remedy: /upcast of revision 2/
      }
    ))

  it.effect("a split that fails on what its origin accepts", () => {
    class Sent extends Event.make("Sent", { by: Schema.String.check(Schema.isMinLength(3)) }) {}
    class Stamped extends Event.make("Stamped", { at: Schema.Date }) {}
    const splits = [
      Upcaster.split(Shipped, [Sent, Stamped], ({ at, by }) => [{ _tag: "Sent" as const, by }, Stamped.make({ at })])
    ]
    return breaks(codeOf(domainOf([Placed, Sent, Stamped, Closed]), { splits }), {
      kind: "UpcastFails",
      event: "Shipped",
      revision: 1,
      what: /is not split: UpcastFailed: The split of Shipped returned a Sent that does not fit its schema/,
      remedy: /--seed catalog/
    })
  })

  it.effect("a check that JSON Schema does not see", () => {
    const by = Schema.String.check(
      Schema.isMinLength(2),
      Schema.makeFilter((text) => text === "DHL", { expected: "DHL" })
    )
    return breaks(withShipped({ by, at: Schema.Date }), {
      kind: "GoldenUnreadable",
      event: "Shipped",
      revision: 1,
      what: /the golden payload \{.*\} cannot be read: InvalidPayload: .*Expected DHL/s,
      remedy: /put the schema of revision 1 back as it was/
    })
  })

  it.effect("a transformation that JSON Schema does not see", () =>
    // Both are texts to JSON Schema.
    breaks(withShipped({ by: Schema.String.check(Schema.isMinLength(2)), at: Schema.DateTimeZoned }), {
      kind: "GoldenUnreadable",
      event: "Shipped",
      revision: 1,
      what: /cannot be read: InvalidPayload/,
      remedy: /revision of its own/
    }))

  it.effect("another encoding of the same values", () => {
    const shout = Schema.String.check(Schema.isMinLength(2)).pipe(
      Schema.encodeTo(Schema.String.check(Schema.isMinLength(2)), {
        decode: SchemaGetter.transform((text: string) => text),
        encode: SchemaGetter.transform((text: string) => `${text}!`)
      })
    )
    return breaks(withShipped({ by: shout, at: Schema.Date }), {
      kind: "GoldenChanged",
      event: "Shipped",
      revision: 1,
      what: /what was written as .* would be written as .*!/,
      remedy: /\.revise\(2, …\)/
    })
  })
})

describe("an edit of the catalogue", () => {
  const edit = (f: (catalog: any) => void) => {
    const copy = structuredClone(recorded)
    f(copy)
    return copy
  }
  const edited = (catalog: Catalog.Catalog, what: RegExp, revision?: number) =>
    breaks(
      merged,
      {
        kind: "CatalogEdited",
        event: "Placed",
        revision,
        what,
        remedy: /take the catalogue of the base branch as it is, and run `varve catalog update`/
      },
      catalog,
      recorded
    )

  it.effect("an event taken out", () => edited(edit(({ events }) => delete events.Placed), /has it, this one has not/))
  it.effect("a revision taken out", () =>
    edited(edit(({ events }) => events.Placed.revisions.pop()), /has it, this one has not/, 2))
  it.effect("a schema", () =>
    edited(
      edit(({ events }) => events.Placed.revisions[0].schema.properties.total = { type: "string" }),
      /its schema in the catalogue was edited: field total: number became string/,
      1
    ))
  it.effect("a golden payload taken out", () =>
    edited(edit(({ events }) => events.Placed.revisions[1].golden.generated.pop()), /was removed or edited/, 2))
  it.effect("all golden payloads of a revision, told once", () =>
    Effect.gen(function*() {
      const without = edit(({ events }) => events.Placed.revisions[1].golden.generated = [])
      const found = yield* edited(without, /the golden payload .* and 4 more were removed or edited/, 2)
      assert.lengthOf(found.filter(({ kind }) => kind === "CatalogEdited"), 1)
      const another = edit(({ events }) => {
        const [, second] = events.Placed.revisions
        Object.assign(second, { schema: { type: "object" }, golden: { byHand: [], generated: [] } })
      })
      const told = yield* edited(another, /its schema in the catalogue was edited/, 2)
      assert.lengthOf(told.filter(({ kind }) => kind === "CatalogEdited"), 1)
    }))
  it.effect("a golden payload edited", () =>
    edited(edit(({ events }) => events.Placed.revisions[1].golden.generated[0].cents++), /was removed or edited/, 2))
  it.effect("a category taken out", () =>
    edited(edit(({ events }) => events.Placed.categories = []), /stored in streams of Order/))

  it.effect("golden payloads added by hand are no edit", () =>
    Effect.gen(function*() {
      const added = edit(({ events }) => events.Placed.revisions[0].golden.byHand.push({ customer: "Ada", total: 1.5 }))
      assert.deepStrictEqual(yield* findingsOf(merged, added, recorded), [])
    }))
})

describe("a golden payload added by hand", () => {
  const withPayload = (payload: Schema.Json) => {
    const copy: any = structuredClone(recorded)
    copy.events.Placed.revisions[0].golden.byHand.push(payload)
    return copy as Catalog.Catalog
  }

  it.effect("is read", () =>
    breaks(merged, {
      kind: "GoldenUnreadable",
      event: "Placed",
      revision: 1,
      what: /\{"customer":"","total":1\} cannot be read: InvalidPayload/,
      remedy: /put the schema of revision 1 back/
    }, withPayload({ customer: "", total: 1 })))

  it.effect("is what a program writes", () =>
    breaks(merged, {
      kind: "GoldenChanged",
      event: "Placed",
      revision: 1,
      what: /"vip":true.* would be written as \{"customer":"Ada","total":1\} now/,
      remedy: /if the payload was just added by hand, no program has written it so/
    }, withPayload({ customer: "Ada", total: 1, vip: true })))
})

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
