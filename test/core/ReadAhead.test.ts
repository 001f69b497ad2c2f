import { describe, expect, it } from "@effect/vitest"
import { EventStore, StreamName } from "@varve/core"
import { Deferred, Effect, Layer, Stream } from "effect"

const commits = 5

/** A store of five events that tells which pages were asked for, and can hold a page back. */
const watched = (options: { readonly enlisted?: boolean; readonly held?: number } = {}) =>
  Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    for (let i = 0; i < commits; i++) {
      const stream = StreamName.make("Numbers", "one")
      yield* store.append({
        writes: [{ stream, expected: i, events: [{ type: "Told", revision: 1, payload: { i } }] }]
      })
    }
    const asked: Array<number> = []
    const asking = yield* Deferred.make<void>()
    const gone = yield* Deferred.make<void>()
    const layer = Layer.succeed(EventStore.EventStore, {
      ...store,
      enlisted: Effect.succeed(options.enlisted ?? false),
      readPage: (request) =>
        Effect.suspend(() => {
          asked.push(request.after ?? 0)
          if (options.held === undefined || request.after !== options.held) return store.readPage(request)
          return Effect.andThen(Deferred.succeed(asking, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Deferred.succeed(gone, undefined))
          )
        })
    })
    return { asked, asking: Deferred.await(asking), gone: Deferred.await(gone), layer }
  })

const positions = EventStore.readAll({ limit: 1 }).pipe(Stream.map(({ position }) => position))

describe("EventStore.readAll", () => {
  it.effect("reads nothing ahead of the first page", () =>
    Effect.gen(function*() {
      const { asked, layer } = yield* watched()
      expect(yield* Stream.runCollect(Stream.take(positions, 1)).pipe(Effect.provide(layer))).toEqual([1])
      expect(asked).toEqual([0])
    }).pipe(Effect.provide(EventStore.layerMemory)))

  it.effect("reads one page ahead from the second on, and the pages in order", () =>
    Effect.gen(function*() {
      const { asked, layer } = yield* watched()
      const seen: Array<ReadonlyArray<number>> = []
      yield* positions.pipe(
        Stream.runForEach(() => Effect.sync(() => seen.push([...asked]))),
        Effect.provide(layer)
      )
      expect(seen).toEqual([[0], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]])
    }).pipe(Effect.provide(EventStore.layerMemory)))

  it.effect("stops reading ahead with its reader", () =>
    Effect.gen(function*() {
      const { asking, gone, layer } = yield* watched({ held: 2 })
      const found = yield* Stream.runCollect(Stream.take(positions, 2)).pipe(Effect.provide(layer))
      expect(found).toEqual([1, 2])
      yield* asking
      yield* gone
    }).pipe(Effect.provide(EventStore.layerMemory)))

  it.effect("reads nothing ahead in a transaction of the program", () =>
    Effect.gen(function*() {
      const { asked, layer } = yield* watched({ enlisted: true })
      const seen: Array<number> = []
      yield* positions.pipe(
        Stream.runForEach(() => Effect.sync(() => seen.push(asked.length))),
        Effect.provide(layer)
      )
      expect(seen).toEqual([1, 2, 3, 4, 5])
    }).pipe(Effect.provide(EventStore.layerMemory)))
})
