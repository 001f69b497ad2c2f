import { assert, describe, it } from "@effect/vitest"
import { EventStore, StreamName } from "@varve/core"
import { Effect } from "effect"
import { TestClock } from "effect/testing"

const stream = StreamName.make("Account", "1")
const append = EventStore.EventStore.use((store) =>
  store.append({ writes: [{ stream, expected: "any", events: [{ type: "Changed", revision: 1, payload: {} }] }] })
)

describe("the store in memory", () => {
  it.effect("records by the clock, from 1970 on, and does not go back with it", () =>
    Effect.gen(function*() {
      const times: Array<number> = []
      for (const time of [0, 1_000, 500, 2_000]) {
        yield* TestClock.setTime(time)
        times.push((yield* append).recordedAt.epochMilliseconds)
      }
      assert.deepStrictEqual(times, [0, 1_000, 1_000, 2_000])
    }).pipe(Effect.provide(EventStore.layerMemory)))

  it.effect("gives a fold what it asks for, and nothing else", () =>
    Effect.gen(function*() {
      yield* append
      const { events: [event] } = yield* EventStore.EventStore.use((store) =>
        store.readStreamPage({ stream, only: "payloads" })
      )
      const { payload, position, revision, type, version } = event!
      assert.deepStrictEqual({ payload, position: Number(position), revision, type, version }, {
        payload: {},
        position: 1,
        revision: 1,
        type: "Changed",
        version: 1
      })
      for (const key of ["id", "commitId", "commitIndex", "metadata", "occurredAt", "recordedAt"] as const) {
        assert.throws(() => event![key], `Event at position 1: its ${key} was not asked for, only its payload`)
      }
    }).pipe(Effect.provide(EventStore.layerMemory)))

  it.effect("reads back to its first event", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 3; i++) yield* append
      const page = yield* EventStore.EventStore.use((store) => store.readPage({ direction: "backward" }))
      assert.deepStrictEqual(page.events.map(({ position }) => Number(position)), [3, 2, 1])
      assert.isTrue(page.atHead)
    }).pipe(Effect.provide(EventStore.layerMemory)))
})
