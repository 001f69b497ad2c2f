import { describe, expect, it } from "@effect/vitest"
import { Aggregate, Command, Decision, Event, EventStore, Limits, StreamName, Upcaster } from "@varve/core"
import { Array as Arr, Deferred, Effect, Exit, Layer, Schema, Stream } from "effect"

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

const ticks = Limits.eventsPerPageDefault

/** A stream of three pages in a store that gathers what it is asked for at one moment; its reads tell when they are on their way. */
const gathering = Effect.gen(function*() {
  const store = yield* EventStore.EventStore
  const stream = StreamName.make("Ticker", "one")
  const events = Arr.makeBy(ticks, () => ({ type: "Ticked", revision: 1, payload: {} }))
  for (let page = 0; page < 3; page++) yield* store.append({ writes: [{ stream, expected: "any", events }] })
  const sent: Array<{ readonly after: number; readonly limit: number | undefined }> = []
  const layer = Layer.succeed(EventStore.EventStore, {
    ...store,
    readStreamPage: (request) =>
      Effect.promise(() => Promise.resolve()).pipe(
        Effect.andThen(Effect.sync(() => sent.push({ after: request.after ?? 0, limit: request.limit }))),
        Effect.andThen(store.readStreamPage(request))
      )
  })
  return { layer, sent, stream }
})

class Ticked extends Event.make("Ticked", {}) {}
class Tick extends Command.make("Tick") {}

const contract = Aggregate.make("Ticker", {
  id: Schema.String,
  state: Schema.Int,
  commands: [Tick],
  events: [Ticked],
  rejections: []
})

/** Loads the stream by what an event makes of a state. */
const load = (store: Layer.Layer<EventStore.EventStore>, ticked: (state: number) => number) => {
  class Ticker extends contract.decider({
    initial: 0,
    decide: { Tick: () => Decision.accept(Ticked.make({})) },
    evolve: { Ticked: ticked }
  }) {}
  return Ticker.load("one").pipe(Effect.provide(Ticker.layer.pipe(Layer.provide([Upcaster.layer(), store]))))
}

describe("Aggregate.load", () => {
  it.effect("has the next page on its way before it folds one", () =>
    Effect.gen(function*() {
      const { layer, sent } = yield* gathering
      const seen = new Set<string>()
      const { state } = yield* load(layer, (state) => {
        seen.add(`page ${Math.floor(state / ticks) + 1}: ${sent.length} sent`)
        return state + 1
      })
      expect(state).toBe(3 * ticks)
      expect([...seen]).toEqual(["page 1: 2 sent", "page 2: 3 sent", "page 3: 3 sent"])
    }).pipe(Effect.provide(EventStore.layerMemory)))

  it.effect("stops reading ahead when its fold fails", () =>
    Effect.gen(function*() {
      const { layer } = yield* gathering
      const gone = yield* Deferred.make<void>()
      const hanging = Layer.effect(
        EventStore.EventStore,
        EventStore.EventStore.useSync((store) => ({
          ...store,
          readStreamPage: (request) =>
            request.after === ticks
              ? Effect.onInterrupt(Effect.never, () => Deferred.succeed(gone, undefined))
              : store.readStreamPage(request)
        }))
      ).pipe(Layer.provide(layer))
      const exit = yield* Effect.exit(load(hanging, () => {
        throw new Error("a fold at fault")
      }))
      expect(Exit.hasDies(exit)).toBe(true)
      expect(yield* Deferred.isDone(gone)).toBe(true)
    }).pipe(Effect.provide(EventStore.layerMemory)))
})

describe("EventStore.read", () => {
  it.effect("reads larger pages ahead from the second on", () =>
    Effect.gen(function*() {
      const { layer, sent, stream } = yield* gathering
      const versions = yield* EventStore.read(stream).pipe(
        Stream.map(({ version }) => version),
        Stream.runCollect,
        Effect.provide(layer)
      )
      expect(versions).toEqual(Array.from({ length: 3 * ticks }, (_, i) => i + 1))
      expect(sent).toEqual([
        { after: 0, limit: undefined },
        { after: ticks, limit: undefined },
        { after: 2 * ticks, limit: Limits.eventsPerPageAhead }
      ])
    }).pipe(Effect.provide(EventStore.layerMemory)))
})
