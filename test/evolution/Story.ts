/** Five releases that write one store in turn, and what each of them must read of it. */
import { assert } from "@effect/vitest"
import { EventStore, Projection } from "@varve/core"
import { Effect, Option, Schedule, Schema } from "effect"
import { Deed, type Mode, type Program, type Release, type Summary } from "./Release.ts"
import { releases } from "./releases.ts"

/** What is done in the days of one release, and how its projections run. */
const Chapter = Schema.Struct({
  mode: Schema.Literals(["live", "inline", "async"]),
  deeds: Schema.Array(Deed).check(Schema.isMaxLength(20))
})

/** A chapter for each release. */
export const Story = Schema.Tuple([Chapter, Chapter, Chapter, Chapter, Chapter])
export type Story = typeof Story.Type

/** What is done with a parcel at first. */
export const parcel = (id: "p1" | "p2" | "p3" | "p4"): ReadonlyArray<Deed> => [
  { _tag: "Register", id, name: "Eve, née Ash", address: "1 Square, London", halfKilos: 3, express: true },
  { _tag: "Print", id, printer: 7 },
  { _tag: "See", id, place: "Paris" }
]

/** Every kind of event of every release, and streams that several releases have written. */
export const everything: Story = [
  {
    mode: "async",
    deeds: [...parcel("p1"), ...parcel("p2"), { _tag: "HandOver", id: "p1", to: "neighbour", cents: 1_999 }]
  },
  { mode: "inline", deeds: [{ _tag: "See", id: "p2", place: "Rome" }, ...parcel("p3"), { _tag: "Return", id: "p3" }] },
  { mode: "async", deeds: [{ _tag: "See", id: "p2", place: "London" }, ...parcel("p4")] },
  { mode: "inline", deeds: [{ _tag: "HandOver", id: "p2", to: "addressee", cents: 500 }, ...parcel("p4")] },
  { mode: "async", deeds: [{ _tag: "HandOver", id: "p4", to: "addressee", cents: 1 }] }
]

/** What the post is, by no code of any release. */
export class Oracle {
  readonly parcels = new Map<string, { summary: Summary; version: number }>()
  readonly seen = new Map<string, number>()

  do(release: number, deed: Deed): void {
    const parcel = this.parcels.get(deed.id)
    if (deed._tag === "Register") {
      if (parcel !== undefined) return
      const { address, express, halfKilos, name } = deed
      this.parcels.set(deed.id, {
        summary: {
          addressee: `${name}; ${address}`,
          grams: halfKilos * 500,
          // Before release 2 nobody could say so.
          express: release >= 2 && express,
          place: null,
          status: "underway",
          cents: 0
        },
        // With a label, as long as there were labels.
        version: release <= 4 ? 2 : 1
      })
      return
    }
    if (parcel === undefined || parcel.summary.status !== "underway") return
    const happens = (events: number, change: Partial<Summary>) => {
      parcel.version += events
      parcel.summary = { ...parcel.summary, ...change }
    }
    switch (deed._tag) {
      case "Print":
        if (release <= 4) happens(1, {})
        break
      case "See":
        happens(1, { place: deed.place })
        this.seen.set(deed.place, (this.seen.get(deed.place) ?? 0) + 1)
        break
      case "HandOver":
        happens(release >= 4 && deed.cents > 0 ? 2 : 1, { status: "delivered", cents: deed.cents })
        break
      case "Return":
        if (release >= 2) happens(1, { status: "returned" })
    }
  }

  get board(): Readonly<Record<string, Summary>> {
    return Object.fromEntries(Array.from(this.parcels, ([id, { summary }]) => [id, summary]))
  }
}

/** Looks often, and not for ever. */
const often = { schedule: Schedule.spaced("5 millis"), times: 5_000 }

/** Waits until the stored rows of a release serve, and have seen everything. */
const settled = ({ projections }: Release) =>
  Effect.forEach(projections, (projection) =>
    Projection.status(projection).pipe(
      Effect.flatMap((status) =>
        Option.exists(status, ({ head, position, serving }) => serving && position === head)
          ? Effect.void
          : Effect.fail(new Error(`${projection.tag} does not serve: ${JSON.stringify(status)}`))
      ),
      Effect.retry(often)
    ), { discard: true })

/** What a program of a release reads is what has happened. */
const reads = Effect.fnUntraced(function*(release: Release, mode: Mode, program: Program, oracle: Oracle) {
  if (mode !== "live") yield* settled(release)
  const head = yield* EventStore.EventStore.use((store) => store.head)
  const what = `release ${release.number}, ${mode}`
  for (const id of ["p1", "p2", "p3", "p4"]) {
    const expected = oracle.parcels.get(id) ?? { summary: null, version: 0 }
    assert.deepStrictEqual(yield* program.load(id), expected, `${what}: ${id}`)
  }
  assert.deepStrictEqual(yield* program.board(head), oracle.board, `${what}: board`)
  assert.deepStrictEqual(yield* program.depots(head), Object.fromEntries(oracle.seen), `${what}: depots`)
})

/** Tells a story: each release in turn reads what those before it have left, adds to it, and reads all of it. */
export const told = Effect.fnUntraced(function*(story: Story) {
  const oracle = new Oracle()
  for (const [i, release] of releases.entries()) {
    const { deeds, mode } = story[i]!
    const work = Effect.gen(function*() {
      const program = yield* release.start(mode)
      yield* reads(release, mode, program, oracle)
      for (const deed of deeds) {
        yield* program.perform(deed)
        oracle.do(release.number, deed)
      }
      yield* reads(release, mode, program, oracle)
    })
    yield* Effect.scoped(work)
    const live = Effect.flatMap(release.start("live"), (program) => reads(release, "live", program, oracle))
    yield* Effect.scoped(live)
  }
  return oracle
})
