/**
 * What reads of an instance cost, and what `If-Match` and `Varve-After` make of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, StreamName, Upcaster } from "@varve/core"
import { Api, Limits } from "@varve/http"
import { Clock, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { atlas, Book, Library } from "./Library.ts"
import { type Answer, handler, send } from "./OverHttp.ts"

/** A store in memory that counts the events of streams that are read of it. */
const counted = () => {
  const counter = { events: 0 }
  const layer = Layer.effect(
    EventStore.EventStore,
    Effect.map(EventStore.EventStore, (store) => ({
      ...store,
      readStreamPage: (request: Parameters<typeof store.readStreamPage>[0]) =>
        Effect.tap(store.readStreamPage(request), ({ events }) => Effect.sync(() => counter.events += events.length))
    }))
  )
  return { counter, layer: Layer.provideMerge(layer, EventStore.layerMemory) }
}

const added = { type: "BookAdded", revision: 1, payload: atlas }

describe("A page of the history of an instance", () => {
  it.live("reads what it holds, one event more, and nothing before it", () =>
    Effect.gen(function*() {
      const { counter, layer } = counted()
      const world = Layer.provideMerge(Library.layer(), Layer.mergeAll(layer, Upcaster.layer()))
      const context = yield* Layer.build(world)
      yield* Effect.provideContext(
        Effect.gen(function*() {
          const store = yield* EventStore.EventStore
          const events = Array.from({ length: 1_000 }, () => added) as [typeof added, ...Array<typeof added>]
          yield* store.append({ writes: [{ stream: StreamName.make(Book.name, "a"), expected: 0, events }] })
        }),
        context
      )
      let now = 0
      const clock = { ...(yield* Clock.Clock), currentTimeMillis: Effect.sync(() => now) }
      const clocked = HttpRouter.middleware((effect) => Effect.provideService(effect, Clock.Clock, clock), {
        global: true
      })
      const routes = Layer.merge(Api.make(Library).layer, clocked)
      const fetch = yield* handler(routes, Layer.succeedContext(context))
      const versions: Array<number> = []
      let after: number | null = 0
      while (after !== null) {
        counter.events = 0
        const { body: page }: Answer = yield* send(fetch, "GET", `/books/a/history?after=${after}&limit=100`)
        assert.isAtMost(counter.events, 101, `the page behind ${after}`)
        versions.push(...page.history.map((entry: any) => entry.version))
        after = page.next
      }
      assert.deepStrictEqual(versions, Array.from({ length: 1_000 }, (_, i) => i + 1))
      // Somewhere that nobody has read to, it reads what a load reads.
      counter.events = 0
      const { body } = yield* send(fetch, "GET", "/books/a/history?after=950&limit=10")
      assert.deepStrictEqual([body.next, counter.events], [960, 961])
      // So it does where somebody has read to, a long time ago.
      counter.events = 0
      now += Limits.pageEndMillis + 1
      yield* send(fetch, "GET", "/books/a/history?after=900&limit=10")
      assert.strictEqual(counter.events, 911)
    }).pipe(Effect.scoped))
})

describe("If-Match", () => {
  it.live("of any version, and of several, lets those through that fit", () =>
    Effect.gen(function*() {
      const { layer } = counted()
      const world = Library.layer().pipe(Layer.provide(Layer.mergeAll(layer, Upcaster.layer())))
      const fetch = yield* handler(Api.make(Library).layer, world)
      const lend = { to: "Ada", due: null }
      const post = (path: string, body: object, match: string, key?: string) =>
        send(fetch, "POST", path, { body, headers: { "if-match": match, ...(key && { "idempotency-key": key }) } })
      const statuses = [
        yield* post("/books/a/add", atlas, "\"3\", \"0\""),
        yield* post("/books/a/lend", lend, "*"),
        yield* post("/books/a/return", {}, "\"1\",\"2\"", "k"),
        // What was done under a key is answered again, whatever has become of the versions.
        yield* post("/books/a/return", {}, "\"1\",\"2\"", "k"),
        yield* post("/books/a/lend", lend, "\"1\",\"2\"")
      ].map(({ headers, status }) => [status, headers.get("idempotency-replayed")])
      assert.deepStrictEqual(statuses, [[200, null], [200, null], [200, null], [200, "true"], [412, null]])
    }).pipe(Effect.scoped))
})

describe("Varve-After", () => {
  it.live("of an own write lets an instance and its history be read at once", () =>
    Effect.gen(function*() {
      const { layer } = counted()
      const world = Library.layer().pipe(Layer.provide(Layer.mergeAll(layer, Upcaster.layer())))
      const fetch = yield* handler(Api.make(Library).layer, world)
      const written = yield* send(fetch, "POST", "/books/a/add", { body: atlas })
      const headers = { "varve-after": written.headers.get("varve-position")!, "varve-wait": "0" }
      assert.strictEqual((yield* send(fetch, "GET", "/books/a", { headers })).status, 200)
      assert.strictEqual((yield* send(fetch, "GET", "/books/a/history", { headers })).status, 200)
      assert.strictEqual((yield* send(fetch, "GET", "/books/a", { headers: { "varve-after": "soon" } })).status, 400)
    }).pipe(Effect.scoped))
})
