/** Five releases of one code base, recorded one after the other, and a sixth that goes wrong in each way there is. */
import { assert, describe, it } from "@effect/vitest"
import * as Catalog from "@varve/cli/Catalog"
import { Change, type Domain, Event, Upcaster } from "@varve/core"
import { Effect, Result, Schema } from "effect"
import { releases } from "../evolution/releases.ts"
import * as newest from "../evolution/releases/release5.ts"
import { domainOf } from "./fixtures/domain.ts"

const codes = releases.map(({ domain, options }): Catalog.Code => ({ domains: [domain], upcaster: options }))
const tries = { runs: 100, seed: "releases" }

/** The catalogue after each release. */
const recorded = Effect.reduce(
  codes,
  (): ReadonlyArray<Catalog.Catalog> => [],
  (before, code) => Effect.map(Catalog.update(before.at(-1), code), (catalog) => [...before, catalog])
)

const breaking = (findings: ReadonlyArray<Catalog.Finding>) =>
  findings.filter(Catalog.isBreaking).map(({ event, kind, revision, what }) => ({ event, kind, revision, what }))

describe("five releases", () => {
  it.effect("each passes against the catalogue of the one before, and is recorded", () =>
    Effect.gen(function*() {
      let catalog: Catalog.Catalog | undefined
      for (const code of codes) {
        if (catalog !== undefined) assert.deepStrictEqual(breaking(Catalog.check(catalog, code)), [])
        assert.deepStrictEqual(breaking(yield* Catalog.checkUpcasts(code, tries)), [])
        const base = catalog
        catalog = yield* Catalog.update(catalog, code)
        assert.deepStrictEqual(Catalog.check(catalog, code, { base }), [])
        // Nothing is lost on the way to the file and back.
        assert.deepStrictEqual(Result.getOrThrow(Catalog.parse(Catalog.stringify(catalog))), catalog)
      }
    }))

  it.effect("golden payloads of all five are read by the fifth, and so is each by those after it", () =>
    Effect.gen(function*() {
      const catalogs = yield* recorded
      const types = new Set<string>()
      for (const [i, catalog] of catalogs.entries()) {
        for (const [type, { categories, revisions }] of Object.entries(catalog.events)) {
          types.add(type)
          for (const { golden, revision } of revisions) {
            assert.isNotEmpty(golden.generated, `${type}, revision ${revision}`)
            for (const [later, release] of releases.entries()) {
              if (later < i) continue
              const reader = Upcaster.make(release.options).reader({
                aggregates: release.domain.aggregates.map(({ tag }) => tag),
                events: release.domain.events
              })
              for (const payload of golden.generated) {
                const read = reader.upcast(storedAs(type, revision, payload, categories[0]!))
                assert.isTrue(Result.isSuccess(read), `${type}, revision ${revision}, by release ${later + 1}`)
              }
            }
          }
        }
      }
      // Whatever a release has ever stored: what was renamed, split and dropped, too.
      assert.sameMembers(Array.from(types), Object.keys(catalogs.at(-1)!.events))
      assert.isAbove(types.size, newest.Post.events.length)
    }))

  it.effect("an earlier release is refused once a later one is recorded", () =>
    Effect.gen(function*() {
      const catalogs = yield* recorded
      for (const [i, code] of codes.slice(0, -1).entries()) {
        assert.isNotEmpty(breaking(Catalog.check(catalogs[i + 1]!, code)), `release ${i + 1}`)
      }
    }))
})

const storedAs = (type: string, revision: number, payload: Schema.Json, category: string) =>
  ({
    type,
    revision,
    payload,
    position: 1,
    version: 1,
    stream: { tenant: "", category, id: "p1" }
  }) as any

describe("a sixth release", () => {
  const { ChargeCollected, ParcelDelivered, ParcelRegistered, ParcelReturned, ParcelSeen } = newest
  const all = { ChargeCollected, ParcelDelivered, ParcelRegistered, ParcelReturned, ParcelSeen }
  type Changed = { readonly [K in keyof typeof all]?: Event.Any | undefined }

  const sixth = (
    changed: Changed,
    upcaster: Upcaster.Options = newest.options,
    aggregate = "Shipment"
  ): Catalog.Code => ({
    domains: [
      domainOf(Object.values({ ...all, ...changed }).filter((event) => event !== undefined), {
        aggregate,
        name: "Post"
      }) as Domain.Any
    ],
    upcaster
  })

  /** Without what comes after: what a release does that is right otherwise. */
  const finds = (
    name: string,
    code: Catalog.Code,
    kind: Catalog.Kind,
    event: string,
    revision: number | undefined,
    remedy: RegExp
  ) =>
    it.effect(`${name}: ${kind}`, () =>
      Effect.gen(function*() {
        const catalog = (yield* recorded).at(-1)!
        const ambiguous = kind === "TwoEvents" || kind === "StillUsed"
        const found = [
          ...Catalog.check(catalog, code),
          ...ambiguous ? [] : yield* Catalog.checkUpcasts(code, tries)
        ]
        const finding = found.find((one) => one.kind === kind && one.event === event && one.revision === revision)
        assert.isDefined(finding, JSON.stringify(found, undefined, 2))
        assert.match(finding!.remedy, remedy)
      }))

  it.effect("that changes nothing finds nothing", () =>
    Effect.gen(function*() {
      const catalog = (yield* recorded).at(-1)!
      assert.deepStrictEqual(breaking(Catalog.check(catalog, sixth({}))), [])
      // The split still makes the event of its day, which is read as the one of today.
      const grown = sixth({ ParcelDelivered: ParcelDelivered.revise(2, Change.rename({ to: "by" })) })
      assert.deepStrictEqual(breaking(Catalog.check(catalog, grown)), [])
      assert.deepStrictEqual(yield* Catalog.checkUpcasts(grown, { runs: 20, seed: "sixth" }), [])
    }))

  finds(
    "edits a field in place",
    sixth({ ParcelReturned: Event.make("ParcelReturned", { why: Schema.String }) }),
    "EditedInPlace",
    "ParcelReturned",
    1,
    /\.revise\(2, …\)/
  )
  finds(
    "forgets a hop",
    sixth({ ParcelSeen: Event.make("ParcelSeen", { depot: Schema.String }) }, {
      ...newest.options,
      renamed: {}
    }),
    "MissingRevision",
    "ParcelSeen",
    2,
    /put \.revise\(2, …\) back/
  )
  finds(
    "forgets an event",
    sixth({ ParcelReturned: undefined }),
    "MissingEvent",
    "ParcelReturned",
    undefined,
    /dropped: /
  )
  finds(
    "forgets a rename of long ago",
    sixth({}, { ...newest.options, renamed: {} }),
    "MissingEvent",
    "ParcelScanned",
    undefined,
    /renamed: \{ ParcelScanned/
  )
  finds(
    "forgets a split of long ago",
    sixth({}, { ...newest.options, splits: [] }),
    "MissingEvent",
    "ParcelHandedOver",
    undefined,
    /a split/
  )
  finds(
    "forgets a drop of long ago",
    sixth({}, { ...newest.options, dropped: [] }),
    "MissingEvent",
    "LabelPrinted",
    undefined,
    /dropped: \["LabelPrinted"\]/
  )
  finds(
    "forgets a category of long ago",
    sixth({}, { ...newest.options, categories: {} }),
    "MissingCategory",
    "ParcelReturned",
    undefined,
    /categories: \{ Shipment: "Parcel" \}/
  )
  finds(
    "has two events of one tag",
    sixth({ ParcelDelivered: Event.make("ParcelDelivered", { to: Schema.Int }) }),
    "TwoEvents",
    "ParcelDelivered",
    undefined,
    /a tag of its own/
  )
  finds(
    "drops what it uses",
    sixth({}, { ...newest.options, dropped: ["LabelPrinted", "ParcelReturned"] }),
    "StillUsed",
    "ParcelReturned",
    undefined,
    /take it out/
  )
  finds(
    "lifts what it does not take",
    sixth({
      ParcelRegistered: ParcelRegistered.revise(6, (payload) =>
        payload.pipe(
          Change.retype("grams", Schema.Int.check(Schema.isLessThan(100_000)), (grams) => Math.ceil(grams))
        ))
    }),
    "UpcastFails",
    "ParcelRegistered",
    1,
    /let the upcast of revision 6 take every payload that revision 1 accepts/
  )
  finds(
    "refuses what was stored, where JSON Schema does not see it",
    sixth({
      ChargeCollected: Event.make("ChargeCollected", {
        euros: Schema.Finite.check(Schema.makeFilter((euros) => euros === 1, { expected: "one euro" }))
      }).revise(2, { cents: Schema.Int }, () => ({ cents: 1 }))
    }, { ...newest.options, splits: [] }),
    "GoldenUnreadable",
    "ChargeCollected",
    1,
    /put the schema of revision 1 back/
  )
})
