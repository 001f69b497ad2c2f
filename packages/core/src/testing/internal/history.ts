import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Page from "../../Page.ts"
import type { StreamName } from "../../StreamName.ts"
import { event, type Failure, type Fixture, write } from "./fixture.ts"

/** An event of a history, as far as a reader's order and filters go. */
export interface Past {
  readonly position: number
  /** Number of its commit in the history, from 0. */
  readonly commit: number
  readonly stream: StreamName
  readonly type: string
}

/** Events by stream and type, one list a commit: small ones, one that is larger than most pages, streams that mix. */
const commits: ReadonlyArray<ReadonlyArray<readonly [stream: "a" | "b" | "c" | "d", type: string]>> = [
  [["a", "Opened"]],
  [["b", "Opened"], ["a", "Moved"]],
  [["a", "Moved"]],
  [["c", "Opened"], ["d", "Opened"], ["c", "Moved"]],
  Arr.map(Arr.range(0, 11), (i) => [i % 3 === 0 ? "a" : "c", i % 4 === 0 ? "Closed" : "Moved"] as const),
  [["b", "Closed"]],
  [["d", "Moved"], ["a", "Moved"], ["d", "Moved"], ["b", "Moved"]],
  [["c", "Closed"]],
  [["a", "Closed"], ["a", "Opened"]],
  [["a", "Rare"]]
]

/** Streams of two categories and two tenants, with equal ids. */
export const streamsOf = (t: Fixture): Readonly<Record<"a" | "b" | "c" | "d", StreamName>> => ({
  a: t.stream("one"),
  b: t.stream("two"),
  c: t.stream("one", "", "Other"),
  d: t.stream("one", t.tenant("acme"))
})

/** Writes the history, and tells what any reader must find. */
export const writeHistory = (t: Fixture): Effect.Effect<ReadonlyArray<Past>, Failure> =>
  Effect.gen(function*() {
    const streams = streamsOf(t)
    const past: Array<Past> = []
    for (const [commit, events] of commits.entries()) {
      const [first, ...others] = events.map(([stream, type], i) =>
        write(streams[stream], "any", [event(type, { commit, i })])
      )
      const receipt = yield* t.append(first!, ...others)
      events.forEach(([stream, type], i) =>
        past.push({ position: receipt.first + i, commit, stream: streams[stream], type })
      )
    }
    return past
  })

const sameStream = (one: StreamName, other: StreamName): boolean =>
  one.tenant === other.tenant && one.category === other.category && one.id === other.id

/** Whether a filter lets an event through: the contract, as plain as it can be written. */
export const fits = ({ stream, type }: Past, filter: Page.Filter = {}): boolean =>
  (filter.sources === undefined
    || filter.sources.some((source) => source.category === stream.category && source.type === type))
  && (filter.categories === undefined || filter.categories.includes(stream.category))
  && (filter.types === undefined || filter.types.includes(type))
  && (filter.stream === undefined || sameStream(filter.stream, stream))
  && (filter.tenant === undefined || filter.tenant === stream.tenant)

/** What a request must yield in the end, however it is cut into pages. */
export const answer = (past: ReadonlyArray<Past>, request: Page.Request): ReadonlyArray<Past> => {
  const { direction, filter } = request
  const found = past.filter((one) => fits(one, filter))
  if (direction !== "backward") {
    const { after = 0, until = Infinity } = request
    return found.filter(({ position }) => position > after && position <= until)
  }
  const { after = Infinity, until = 1 } = request
  return found.filter(({ position }) => position < after && position >= until).reverse()
}

/** Every kind of filter, alone and together. All but the first keep to the history. */
export const filtersOf = (t: Fixture): ReadonlyArray<readonly [what: string, filter: Page.Filter]> => {
  const { a, c, d } = streamsOf(t)
  const [one, other] = [a.category, c.category]
  return [
    ["two categories", { categories: [one, other] }],
    ["one category", { categories: [other] }],
    ["a category twice", { categories: [one, one] }],
    ["types of a category", { categories: [one], types: ["Opened", "Closed"] }],
    ["a type that is rare", { categories: [one, other], types: ["Rare"] }],
    ["a source", { sources: [{ category: one, type: "Moved" }] }],
    ["sources that are pairs", { sources: [{ category: one, type: "Opened" }, { category: other, type: "Moved" }] }],
    ["a source that matches nothing", { sources: [{ category: other, type: "Rare" }] }],
    ["sources and types", {
      sources: [{ category: one, type: "Opened" }, { category: one, type: "Moved" }],
      types: ["Moved", "Closed"]
    }],
    ["sources and categories", {
      sources: [{ category: one, type: "Opened" }, { category: other, type: "Opened" }],
      categories: [other]
    }],
    ["a stream", { stream: a }],
    ["a stream of another tenant", { stream: d }],
    ["a stream and a type", { stream: a, types: ["Moved"] }],
    ["a stream without events", { stream: t.stream("nobody") }],
    ["a tenant", { tenant: d.tenant }],
    ["the default tenant in a category", { tenant: "", categories: [one] }],
    ["a tenant and a stream of another", { tenant: d.tenant, stream: a }],
    ["all of it", {
      sources: [{ category: one, type: "Moved" }],
      categories: [one],
      types: ["Moved"],
      stream: d,
      tenant: d.tenant
    }],
    ["a type that nothing has", { categories: [one], types: ["Unheard"] }],
    ["no categories", { categories: [] }],
    ["no types", { types: [], categories: [one] }],
    ["no sources", { sources: [] }],
    ["names that nothing can have", { categories: ["", "a/b", "it's"], types: ["a b", "\\", "%", "😀"] }]
  ]
}
