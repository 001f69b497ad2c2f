import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "../../EventStore.ts"
import type * as Page from "../../Page.ts"
import { define, type Definition, event, type Failure, type Fixture, numbered, upTo, write } from "./fixture.ts"

const length = 17

/** A stream of 17 events in commits of several sizes, with others between them. */
const fill = (t: Fixture): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    for (const count of [1, 3, 8, 1, 4]) {
      yield* t.append(write(t.stream("other")), write(t.stream(), "any", numbered(count)), write(t.stream("other")))
    }
  })

const versionsOf = (pages: ReadonlyArray<Page.StreamPage>): ReadonlyArray<number> =>
  pages.flatMap(({ events }) => events.map(({ version }) => version))

const answer = ({ after, direction, until }: Omit<Page.StreamRequest, "stream">): ReadonlyArray<number> =>
  direction === "backward"
    ? upTo(length).filter((version) => version < (after ?? Infinity) && version >= (until ?? 1)).reverse()
    : upTo(length).filter((version) => version > (after ?? 0) && version <= (until ?? Infinity))

/** Fails unless the pages of a request are whole, full, and together the answer. */
const checkWalk = (t: Fixture, request: Omit<Page.StreamRequest, "stream">): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const { after, direction = "forward", limit, until } = request
    const what = `${direction}, limit ${limit}, after ${after}, until ${until}`
    const pages = yield* t.walkStream({ ...request, stream: t.stream() })
    yield* t.equal(`versions ${what}`, versionsOf(pages), answer(request))
    for (const { events } of pages) {
      yield* t.holds(
        `events of a page ${what}`,
        events.length <= (limit ?? Infinity),
        `at most ${limit}`,
        events.length
      )
    }
  })

const all = define(
  "pages of a stream hold its versions, forward and backward, at every size",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* fill(t)
    for (const direction of ["forward", "backward", undefined] as const) {
      for (const limit of [1, 2, 4, 5, 16, 17, 18, 10_000, undefined]) yield* checkWalk(t, { direction, limit })
    }
  })
)

const bounds = define(
  "after is outside of a page of a stream and until is in it, wherever they fall",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* fill(t)
    const places = [0, 1, 2, 4, 16, 17, 18, 1_000, undefined]
    for (const direction of ["forward", "backward"] as const) {
      for (const after of places) {
        for (const until of places) yield* checkWalk(t, { after, until, direction, limit: 5 })
      }
    }
  })
)

const end = define(
  "a page of a stream tells whether something is left",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* fill(t)
    const stream = t.stream()
    const atEnd = (request: Omit<Page.StreamRequest, "stream">) =>
      Effect.map(t.store.readStreamPage({ ...request, stream }), (page) => page.atEnd)
    yield* t.equal("one short of the end", yield* atEnd({ limit: 16 }), false)
    yield* t.equal("exactly at the end", yield* atEnd({ limit: 17 }), true)
    yield* t.equal("within until", yield* atEnd({ until: 4, limit: 3 }), false)
    yield* t.equal("at until", yield* atEnd({ until: 4, limit: 4 }), true)
    yield* t.equal("before the first, backward", yield* atEnd({ direction: "backward", limit: 16 }), false)
    yield* t.equal("at the first, backward", yield* atEnd({ direction: "backward", limit: 17 }), true)
    yield* t.equal("at until, backward", yield* atEnd({ direction: "backward", until: 10, limit: 8 }), true)
    yield* t.append(write(stream))
    const { events } = yield* t.store.readStreamPage({ stream, after: 17 })
    yield* t.equal("what came since", events.map(({ version }) => version), [18])
  })
)

const unknown = define(
  "a stream that nobody wrote to is empty, and reading does not make it",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream("nobody")
    for (const direction of ["forward", "backward"] as const) {
      for (const after of [undefined, 0, 5]) {
        const page = yield* t.store.readStreamPage({ stream, direction, after })
        yield* t.equal("page", page, { events: [], atEnd: true })
      }
    }
    yield* t.append(write(stream, 0))
    yield* t.lengths("after its first commit", [stream, 1])
  })
)

const isolated = define(
  "a page of a stream holds no other stream's events",
  Effect.fnUntraced(function*(t: Fixture) {
    const streams = [t.stream("a"), t.stream("b"), t.stream("a", t.tenant("acme")), t.stream("a", "", "Other")]
    for (const _ of upTo(3)) {
      const [first, ...others] = streams.map((stream) => write(stream, "any", numbered(2)))
      yield* t.append(first!, ...others)
    }
    const found = yield* Effect.forEach(streams, (stream) => t.events(stream), { concurrency: "unbounded" })
    const names = found.map((events) => events.map(({ stream }) => stream))
    yield* t.equal("streams of the events", names, streams.map((stream) => upTo(6).map(() => stream)))
    const positions = found.map((events) => events.map(({ position }) => position))
    yield* t.equal("positions", positions, positions.map((list) => list.toSorted((a, b) => a - b)))
  })
)

const atOnce = define(
  "pages of many streams read at once are those read one by one",
  Effect.fnUntraced(function*(t: Fixture) {
    const ids = upTo(40)
    yield* Effect.forEach(ids, (n) => t.append(write(t.stream(`s${n}`), 0, numbered(n % 7 + 1))), {
      concurrency: "unbounded"
    })
    const requests = ids.flatMap((n): ReadonlyArray<Page.StreamRequest> => [
      { stream: t.stream(`s${n}`) },
      { stream: t.stream(`s${n}`), limit: 2, direction: "backward" },
      { stream: t.stream(`s${n}`), after: 1, until: n % 5 + 1, limit: 3 },
      { stream: t.stream(`nobody${n}`) }
    ])
    const pages = yield* Effect.forEach(requests, (request) => t.store.readStreamPage(request), {
      concurrency: "unbounded"
    })
    for (const [i, request] of requests.entries()) {
      yield* t.equal(`page ${i}`, pages[i], yield* t.store.readStreamPage(request))
    }
    const lengths = ids.map((n) => pages[n * 4 - 4]!.events.length)
    yield* t.equal("lengths", lengths, ids.map((n) => n % 7 + 1))
  })
)

const refusedAmong = define(
  "a page that is refused does not disturb the pages read at the same time",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* fill(t)
    const good = { stream: t.stream(), limit: 3 }
    const bad = [{ ...good, limit: 0 }, { stream: t.stream("") }]
    const requests = upTo(10).flatMap(() => [good, ...bad])
    const outcomes = yield* Effect.forEach(requests, (request) => Effect.result(t.store.readStreamPage(request)), {
      concurrency: "unbounded"
    })
    const words = outcomes.map((outcome) =>
      outcome._tag === "Success" ? outcome.success.events.length : outcome.failure.reason._tag
    )
    yield* t.equal("outcomes", words, upTo(10).flatMap(() => [3, "Refused", "Refused"]))
  })
)

const streamed = define(
  "read is all pages of a stream, one after the other",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* fill(t)
    const requests: ReadonlyArray<Omit<Page.StreamRequest, "stream">> = [
      {},
      { limit: 1 },
      { limit: 3, after: 2, until: 12 },
      { limit: 3, direction: "backward" },
      { limit: 4, direction: "backward", after: 15, until: 2 }
    ]
    for (const request of requests) {
      const found = yield* Stream.runCollect(EventStore.read(t.stream(), request))
      yield* t.equal("versions", found.map(({ version }) => version), answer(request))
    }
    const none = yield* Stream.runCollect(EventStore.read(t.stream("nobody")))
    yield* t.equal("versions of a stream without events", none.length, 0)
  })
)

const payloads = define(
  "a page of payloads only tells of its events what a fold needs, as any page does",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* fill(t)
    yield* t.append(write(t.stream(), "any", [{ ...event(), revision: 3 }]))
    const told = (page: Page.StreamPage) => ({
      atEnd: page.atEnd,
      events: page.events.map(({ payload, position, revision, stream, type, version }) => ({
        payload,
        position,
        revision,
        stream,
        type,
        version
      }))
    })
    const requests = (["forward", "backward"] as const).flatMap((direction) =>
      [{}, { limit: 3 }, { after: 2, until: 18, limit: 10 }].map((range) => ({
        ...range,
        direction,
        stream: t.stream()
      }))
    )
    const whole = yield* Effect.forEach(requests, (request) => t.store.readStreamPage(request))
    for (const concurrency of [1, "unbounded"] as const) {
      const found = yield* Effect.forEach(
        requests,
        (request) => t.store.readStreamPage({ ...request, only: "payloads" }),
        { concurrency }
      )
      yield* t.equal("pages", found.map(told), whole.map(told))
    }
  })
)

/** Pages of one stream. */
export const cases: ReadonlyArray<Definition> = [
  all,
  bounds,
  end,
  unknown,
  isolated,
  atOnce,
  refusedAmong,
  streamed,
  payloads
]
