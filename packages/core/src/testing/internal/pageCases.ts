import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "../../EventStore.ts"
import * as Limits from "../../Limits.ts"
import type * as Page from "../../Page.ts"
import { define, type Definition, type Failure, type Fixture, numbered, write } from "./fixture.ts"
import { answer, filtersOf, type Past, streamsOf, writeHistory } from "./history.ts"

const positionsOf = (events: ReadonlyArray<{ readonly position: number }>): ReadonlyArray<number> =>
  events.map(({ position }) => position)

const describe = (what: string, { after, direction = "forward", limit, until }: Page.Request): string =>
  `${what}, ${direction}, limit ${limit}, after ${after}, until ${until}`

/** Fails unless a page keeps its promises, given what lies ahead of it in the direction of reading. */
const checkPage = (
  t: Fixture,
  what: string,
  request: Page.Request & { readonly limit: number },
  ahead: ReadonlyArray<Past>,
  page: Page.Page
): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const taken = ahead.slice(0, page.events.length)
    yield* t.equal(`events of a page of ${what}`, positionsOf(page.events), positionsOf(taken))
    const [last, next] = [taken.at(-1), ahead[taken.length]]
    yield* t.holds(
      `commit at the end of a page of ${what}`,
      last === undefined || last.commit !== next?.commit,
      "the whole commit",
      "a part"
    )
    const before = taken.filter(({ commit }) => commit !== last?.commit).length
    yield* t.holds(
      `events before the last commit of a page of ${what}`,
      before < request.limit,
      `fewer than ${request.limit}`,
      before
    )
    const backward = request.direction === "backward"
    const { scannedTo } = page
    const reached = last === undefined || (backward ? scannedTo <= last.position : scannedTo >= last.position)
    yield* t.holds(`scannedTo of a page of ${what}`, reached, `at or beyond ${last?.position}`, scannedTo)
    const passed = next !== undefined && (backward ? scannedTo <= next.position : scannedTo >= next.position)
    yield* t.holds(
      `scannedTo of a page of ${what}`,
      !passed,
      `before ${next?.position}, which is not in the page`,
      scannedTo
    )
    yield* t.holds(
      `atHead of a page of ${what}`,
      !page.atHead || next === undefined,
      `false before ${next?.position}`,
      page.atHead
    )
  })

/** Fails unless all pages of a request keep their promises, and together are the answer. */
const checkWalk = (
  t: Fixture,
  past: ReadonlyArray<Past>,
  name: string,
  request: Page.Request & { readonly limit: number }
): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const what = describe(name, request)
    const whole = answer(past, request)
    let found = 0
    for (const page of yield* t.walk(request)) {
      yield* checkPage(t, what, request, whole.slice(found), page)
      found += page.events.length
    }
    yield* t.equal(`events of ${what}`, found, whole.length)
  })

const limits = [1, 2, 5, 13, Limits.eventsPerPage]

const forward = define(
  "pages forward are the whole, cut between commits, for every filter and size",
  Effect.fnUntraced(function*(t: Fixture) {
    const past = yield* writeHistory(t)
    for (const [what, filter] of filtersOf(t)) {
      for (const limit of limits) yield* checkWalk(t, past, what, { after: t.start, filter, limit })
    }
  })
)

const backward = define(
  "pages backward are the reverse of pages forward, for every filter and size",
  Effect.fnUntraced(function*(t: Fixture) {
    const past = yield* writeHistory(t)
    const until = t.start + 1
    for (const [what, filter] of filtersOf(t)) {
      for (const limit of limits) yield* checkWalk(t, past, what, { until, filter, limit, direction: "backward" })
    }
  })
)

const unfiltered = define(
  "pages without a filter hold every event of the store once, and end on commits",
  Effect.fnUntraced(function*(t: Fixture) {
    const past = yield* writeHistory(t)
    const until = past.at(-1)!.position
    const count = until - t.start
    for (const limit of limits) {
      for (const direction of ["forward", "backward"] as const) {
        const bounds = direction === "forward" ? { after: t.start, until } : { after: until + 1, until: t.start + 1 }
        const pages = yield* t.walk({ ...bounds, limit, direction })
        const positions = pages.flatMap(({ events }) => positionsOf(events))
        const wanted = Array.from({ length: count }, (_, i) => direction === "forward" ? t.start + 1 + i : until - i)
        yield* t.equal(`positions ${direction}, limit ${limit}`, positions, wanted)
        for (const [i, { events }] of pages.entries()) {
          const [last, next] = [events.at(-1), pages[i + 1]?.events[0]]
          const split = last !== undefined && last.commitId === next?.commitId
          yield* t.holds(`commits of pages ${direction}, limit ${limit}`, !split, "whole in one page", last?.commitId)
        }
      }
    }
  })
)

const bounds = define(
  "after is outside of a page and until is in it, wherever they fall",
  Effect.fnUntraced(function*(t: Fixture) {
    const past = yield* writeHistory(t)
    const filter = { categories: [streamsOf(t).a.category], types: ["Opened", "Moved"] }
    const positions = positionsOf(past)
    for (const [i, position] of positions.entries()) {
      const other = positions[i * 7 % positions.length]!
      const [low, high] = [Math.min(position, other), Math.max(position, other)]
      for (const limit of [3, 1_000]) {
        yield* checkWalk(t, past, "a range", { after: low, until: high, filter, limit })
        yield* checkWalk(t, past, "a range", { after: high, until: low, filter, limit, direction: "backward" })
      }
      yield* checkWalk(t, past, "one position", { after: position - 1, until: position, filter, limit: 10 })
      yield* checkWalk(t, past, "one position", {
        after: position + 1,
        until: position,
        filter,
        limit: 10,
        direction: "backward"
      })
      yield* checkWalk(t, past, "an empty range", { after: high, until: high, filter, limit: 10 })
      yield* checkWalk(t, past, "a range that is none", { after: high, until: low - 1, filter, limit: 10 })
      yield* checkWalk(t, past, "a range that is none", {
        after: low,
        until: high,
        filter,
        limit: 10,
        direction: "backward"
      })
    }
  })
)

const beyond = define(
  "a page never claims to have looked beyond the head",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* t.append(write(t.stream(), 0, numbered(2)))
    const filters: ReadonlyArray<Page.Filter | undefined> = [undefined, { stream: t.stream() }, {
      categories: [t.category("No")]
    }]
    for (const filter of filters) {
      for (const bounds of [{}, { until: Number.MAX_SAFE_INTEGER }]) {
        const after = yield* t.store.head
        const empty = yield* t.store.readPage({ ...bounds, after, filter })
        // Others may have written in the meantime.
        const own = empty.events.filter(({ stream }) => stream.category === t.category())
        yield* t.equal("events behind the head", [own.length, empty.atHead], [0, true])
        const head = yield* t.store.head
        yield* t.holds("scannedTo behind the head", empty.scannedTo <= head, `at most ${head}`, empty.scannedTo)
      }
    }
    const after = (yield* t.store.head) + 1_000
    const far = yield* t.store.readPage({ after })
    // A reader that comes from the future of a restored store is not sent back to an earlier place.
    yield* t.equal("a page far behind the head", [far.events.length, far.scannedTo, far.atHead], [0, after, true])
    const none = yield* t.store.readPage({ after: 0, until: 0 })
    yield* t.equal("a page up to 0", [none.events.length, none.scannedTo, none.atHead], [0, 0, true])
    for (const after of [0, 1]) {
      const none = yield* t.store.readPage({ after, direction: "backward" })
      yield* t.equal(`a page backward from ${after}`, [none.events.length, none.atHead], [0, true])
    }
  })
)

const goingOn = define(
  "a reader at the head goes on where it has looked to, and finds what came since, once",
  Effect.fnUntraced(function*(t: Fixture) {
    const filters: ReadonlyArray<Page.Filter> = [{ stream: t.stream("a") }, { categories: [t.category()] }, {
      types: ["Unheard"]
    }]
    const places = filters.map((): number => t.start)
    const found = filters.map((): Array<string> => [])
    for (const id of ["b", "b", "a", "b", "a", "a", "b"]) {
      yield* t.append(write(t.stream(id), "any", numbered(2)))
      for (const [i, filter] of filters.entries()) {
        const pages = yield* t.walk({ after: places[i], filter, limit: 1 })
        pages.forEach(({ events }) => found[i]!.push(...events.map(({ stream }) => stream.id)))
        const { scannedTo } = pages.at(-1)!
        const head = yield* t.store.head
        yield* t.holds(
          "scannedTo at the head",
          scannedTo > places[i]! && scannedTo <= head,
          `above ${places[i]}, up to ${head}`,
          scannedTo
        )
        places[i] = scannedTo
      }
    }
    yield* t.equal("what was found", found.map((ids) => ids.join("")), ["aaaaaa", "bbbbaabbaaaabb", ""])
  })
)

const refusals = define(
  "a page of a size or a place that makes no sense is refused",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    yield* t.append(write(stream, 0, numbered(3)))
    const sizes = [0, -1, Limits.eventsPerPage + 1, 1.5, NaN, Infinity]
    const requests: ReadonlyArray<Omit<Page.Request, "filter">> = [
      ...sizes.map((limit) => ({ limit })),
      ...[-1, 0.5, NaN, Infinity].flatMap((place) => [{ after: place }, { until: place }])
    ]
    for (const request of requests) {
      for (const direction of ["forward", "backward"] as const) {
        const what = describe("a page", { ...request, direction })
        yield* t.refused(what, t.store.readPage({ ...request, direction }))
        yield* t.refused(`${what}, of a stream`, t.store.readStreamPage({ ...request, direction, stream }))
      }
    }
    const { events } = yield* t.store.readPage({ after: t.start, filter: { stream }, limit: Limits.eventsPerPage })
    yield* t.equal("the largest page", events.length, 3)
  })
)

const streamed = define(
  "readAll is all pages, one after the other",
  Effect.fnUntraced(function*(t: Fixture) {
    const past = yield* writeHistory(t)
    const filter = { categories: [streamsOf(t).a.category] }
    const requests: ReadonlyArray<Page.Request> = [
      { after: t.start, filter },
      { after: t.start, filter, limit: 1 },
      { after: past[4]!.position, until: past[12]!.position, filter, limit: 2 },
      { until: t.start + 1, filter, limit: 2, direction: "backward" },
      { after: past[12]!.position, until: past[4]!.position, filter, limit: 1, direction: "backward" }
    ]
    for (const request of requests) {
      const found = yield* Stream.runCollect(EventStore.readAll(request))
      yield* t.equal(describe("readAll", request), positionsOf(found), positionsOf(answer(past, request)))
    }
    const first = yield* EventStore.readAll({ after: t.start, filter, limit: 2 }).pipe(
      Stream.take(3),
      Stream.runCollect
    )
    yield* t.equal("the first three", positionsOf(first), positionsOf(answer(past, { filter })).slice(0, 3))
  })
)

/** Pages of the whole store. */
export const cases: ReadonlyArray<Definition> = [
  forward,
  backward,
  unfiltered,
  bounds,
  beyond,
  goingOn,
  refusals,
  streamed
]
