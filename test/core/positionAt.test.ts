/** A time is a place among positions. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, StreamName } from "@varve/core"
import { DateTime, Effect } from "effect"
import { TestClock } from "effect/testing"

/** Numbers that look like chance and are the same every time. */
const random = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return seed / 2_147_483_648
}

describe("positionAt", () => {
  it.effect("is 0 in an empty store", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* EventStore.positionAt(DateTime.makeUnsafe(0)), 0)
    }).pipe(Effect.provide(EventStore.layerMemory)))

  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it.effect(`is the last position recorded by then (seed ${seed})`, () =>
      Effect.gen(function*() {
        const next = random(seed)
        const store = yield* EventStore.EventStore
        const times: Array<number> = []
        let now = 1_000
        for (let i = 0; i < Math.floor(next() * 60); i++) {
          // Several commits of one moment, and pauses.
          now += Math.floor(next() * 3)
          yield* TestClock.setTime(now)
          const events = Array.from({ length: 1 + Math.floor(next() * 4) }, () => ({
            type: "Happened",
            revision: 1,
            payload: {}
          }))
          const stream = StreamName.make("Thing", `${i}`)
          yield* store.append({ writes: [{ stream, expected: 0, events: [events[0]!, ...events.slice(1)] }] })
          times.push(...events.map(() => now))
        }
        for (let time = 998; time <= now + 2; time++) {
          const expected = times.filter((recorded) => recorded <= time).length
          assert.strictEqual(yield* EventStore.positionAt(DateTime.makeUnsafe(time)), expected, `at ${time}`)
        }
      }).pipe(Effect.provide(EventStore.layerMemory)))
  }

  it.effect("takes few reads", () =>
    Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      for (let i = 0; i < 1_000; i++) {
        yield* TestClock.setTime(i)
        const stream = StreamName.make("Thing", "one")
        yield* store.append({
          writes: [{ stream, expected: i, events: [{ type: "Happened", revision: 1, payload: {} }] }]
        })
      }
      let reads = 0
      const counted = Effect.updateService(EventStore.positionAt(DateTime.makeUnsafe(700)), EventStore.EventStore, (
        store
      ) => ({
        ...store,
        readPage: (request) => {
          reads++
          return store.readPage(request)
        }
      }))
      assert.strictEqual(yield* counted, 701)
      assert.isAtMost(reads, 11)
    }).pipe(Effect.provide(EventStore.layerMemory)))
})
