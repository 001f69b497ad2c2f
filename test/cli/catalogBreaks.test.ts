/** What the catalogue finds: a breaking edit of the code, or of the catalogue, at a time. */
import { assert, describe, it } from "@effect/vitest"
import * as Catalog from "@varve/cli/Catalog"
import { Domain, Event, Projection, Upcaster } from "@varve/core"
import { Effect, Schema, SchemaGetter } from "effect"
import { domainOf } from "./fixtures/domain.ts"
import {
  breaks,
  Closed,
  codeOf,
  findingsOf,
  lift,
  merged,
  Placed,
  placed,
  placedFields,
  recorded,
  Shipped,
  withPlaced,
  withShipped
} from "./fixtures/recorded.ts"

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
