import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { atOnce } from "./StateAtOnce.ts"
import { planOf, run, type Settings } from "./StateWorld.ts"

const seeds = Array.from({ length: 40 }, (_, i) => `states ${i}`)
const steps = 80

/** Time goes on while the effect runs, so that pauses end. */
const inTime = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(self, Effect.forever(Effect.andThen(TestClock.adjust("1 second"), Effect.yieldNow)))

const plain: Settings = { capacity: 0, every: undefined }
const caches = [0, 1, 2, 100]

/** The settings of a program: with and without a cache, with and without snapshots, each by itself or together. */
const settingsOf = Effect.gen(function*() {
  const capacity = caches[yield* Random.nextIntBetween(0, caches.length - 1)]!
  const every = yield* Random.nextIntBetween(0, 7)
  return { capacity, every: every === 0 ? undefined : every }
})

const same = Effect.fnUntraced(function*(seed: string, settings: readonly [Settings, Settings]) {
  const plan = yield* planOf(seed, steps)
  const reference = yield* inTime(run(plan, [plain, plain]))
  const subject = yield* inTime(run(plan, settings))
  const at = plan.findIndex((_, i) => JSON.stringify(reference.outcomes[i]) !== JSON.stringify(subject.outcomes[i]))
  const about = `seed "${seed}", settings ${JSON.stringify(settings)}`
  assert.strictEqual(
    at,
    -1,
    `${about}, step ${at}: ${JSON.stringify(plan[at])}: ${JSON.stringify(subject.outcomes[at])}, without ${
      JSON.stringify(reference.outcomes[at])
    }`
  )
  assert.deepStrictEqual(subject.stored, reference.stored, about)
  return { without: reference.events, having: subject.events, reference }
})

describe("states that are kept", () => {
  it.effect("change nothing of what comes of commands and loads", () =>
    Effect.gen(function*() {
      const seen = new Set<string>()
      for (const seed of seeds) {
        const settings = [
          yield* Random.withSeed(settingsOf, `${seed} a`),
          yield* Random.withSeed(settingsOf, `${seed} b`)
        ] as const
        const { reference } = yield* same(seed, settings)
        for (const outcome of reference.outcomes) {
          const tag = typeof outcome === "object" && outcome !== null && "_tag" in outcome ? outcome._tag : undefined
          seen.add(String(Array.isArray(outcome) ? typeof outcome[0] === "string" ? outcome[0] : "several" : tag))
        }
      }
      console.log(`seeds "${seeds[0]}" to "${seeds.at(-1)}": ${[...seen].toSorted().join(", ")}`)
      // The plans come to everything there is to come to.
      const all = ["Conflict", "Insufficient", "NotOpen", "AlreadyOpened", "Refused", "Unavailable", "several"]
      assert.includeMembers([...seen], all)
    }), 60_000)

  it.effect("spare the reading, and are what is gone on from", () =>
    Effect.gen(function*() {
      const total = (every: Settings) =>
        Effect.map(
          Effect.forEach(seeds.slice(0, 10), (seed) => same(seed, [every, every])),
          (all) => {
            const sum = (of: (one: typeof all[number]) => number) => all.reduce((sum, one) => sum + of(one), 0)
            return sum(({ having }) => having) / sum(({ without }) => without)
          }
        )
      const cached = yield* total({ capacity: 100, every: undefined })
      const snapped = yield* total({ capacity: 0, every: 3 })
      const both = yield* total({ capacity: 100, every: 3 })
      console.log(`events read, of those without: cache ${cached}, snapshots ${snapped}, both ${both}`)
      assert.isBelow(cached, 0.5)
      assert.isBelow(snapped, 0.6)
      assert.isBelow(both, cached)
    }), 60_000)
})

describe("commands at the same time", () => {
  it.effect("come to the states that the store has at their versions", () =>
    Effect.gen(function*() {
      for (const seed of seeds.slice(0, 12)) {
        const settings = [
          yield* Random.withSeed(settingsOf, `${seed} a`),
          yield* Random.withSeed(settingsOf, `${seed} b`)
        ] as const
        const wrong = yield* inTime(atOnce(seed, settings))
        assert.deepStrictEqual(wrong, [], `seed "${seed}", settings ${JSON.stringify(settings)}`)
      }
    }), 60_000)
})
