/**
 * A store that five releases of one domain have written in turn: additive, rename, split, retype, drop. A failure prints
 * the smallest story, its seed and what replays it: `VARVE_EVOLUTION_SEED`, `VARVE_EVOLUTION_REPLAY`.
 * `VARVE_EVOLUTION_RUNS` is how many stories are tried.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Aggregate, EventStore } from "@varve/core"
import { Effect, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { releases } from "./releases.ts"
import { everything, parcel, Story, told } from "./Story.ts"

const runs = Number(process.env.VARVE_EVOLUTION_RUNS ?? 30)

/** Time goes on by itself, in steps that let everybody have a turn. */
const ticking = Effect.forever(TestClock.adjust("5 millis"))

const onMemory = <A, E>(use: Effect.Effect<A, E, Layer.Success<typeof EventStore.layerMemory> | Scope.Scope>) =>
  Effect.gen(function*() {
    yield* Effect.forkScoped(ticking)
    return yield* Effect.provide(use, Layer.fresh(EventStore.layerMemory))
  }).pipe(Effect.scoped)

describe("five releases", () => {
  it.effect("read what those before them have written, whatever they call it", () =>
    onMemory(Effect.gen(function*() {
      const { parcels, seen } = yield* told(everything)
      assert.deepStrictEqual(Array.from(parcels.values(), ({ version }) => version), [5, 8, 5, 8])
      assert.deepStrictEqual(Object.fromEntries(seen), { Paris: 5, Rome: 1, London: 1 })
      const { events } = yield* EventStore.EventStore.use((store) => store.readPage({ after: 0 }))
      assert.sameMembers(Array.from(new Set(events.map(({ revision, type }) => `${type} ${revision}`))), [
        "ParcelRegistered 1",
        "ParcelRegistered 2",
        "ParcelRegistered 3",
        "LabelPrinted 1",
        "ParcelScanned 1",
        "ParcelSeen 2",
        "ParcelHandedOver 1",
        "ParcelReturned 1",
        "ParcelDelivered 1",
        "ChargeCollected 1",
        "ChargeCollected 2"
      ])
    })), 30_000)

  it.effect.prop(
    "agree with an oracle on everything that was written up to them, however their projections run",
    [Story],
    ([story]) => onMemory(told(story)),
    {
      timeout: 30_000 + runs * 1_000,
      arbitrary: {
        runs,
        size: 20,
        replay: process.env.VARVE_EVOLUTION_REPLAY,
        seed: process.env.VARVE_EVOLUTION_SEED
      }
    }
  )

  for (const [i, release] of releases.slice(0, 4).entries()) {
    it.effect(`release ${release.number} says what it cannot read of the next one`, () =>
      onMemory(
        Effect.gen(function*() {
          const next = yield* releases[i + 1]!.start("live")
          for (const deed of parcel("p1")) yield* next.perform(deed)
          const old = yield* release.start("live")
          const error = yield* Effect.flip(old.load("p1"))
          assert.deepInclude((error as Aggregate.ExecutionError).reason, {
            _tag: "Unreadable",
            why: "NewerRevision",
            type: "ParcelRegistered",
            revision: release.number + 1,
            position: 1
          })
        })
      ))
  }

  /** What each release after the first is told, so that the one before it can read what it writes. */
  const asked: ReadonlyArray<{ readonly [storedType: string]: number }> = [
    { ParcelRegistered: 1 },
    { ParcelRegistered: 2, ParcelScanned: 1 },
    { ParcelRegistered: 3 },
    { ParcelRegistered: 4, ChargeCollected: 1 }
  ]
  for (const [i, writeRevision] of asked.entries()) {
    it.effect(`release ${i + 2} writes what release ${i + 1} reads, when it is told to`, () =>
      onMemory(Effect.gen(function*() {
        const [old, next] = [
          yield* releases[i]!.start("live"),
          yield* releases[i + 1]!.start("live", { writeRevision })
        ]
        for (const deed of parcel("p1")) yield* next.perform(deed)
        yield* old.perform({ _tag: "See", id: "p1", place: "Rome" })
        // What was handed over is written in two parts since release 4, which release 3 does not know.
        if (i !== 2) yield* next.perform({ _tag: "HandOver", id: "p1", to: "neighbour", cents: 1_999 })
        const { summary, version } = yield* next.load("p1")
        assert(summary !== null)
        assert.deepInclude(summary, { addressee: "Eve, née Ash; 1 Square, London", grams: 1_500, place: "Rome" })
        // A field that the older release does not have is at its default.
        assert.strictEqual(summary.express, i > 0)
        assert.deepStrictEqual(yield* old.load("p1"), { summary, version })
        assert.deepStrictEqual(yield* old.board(version), { p1: summary })
      })))
  }
})
