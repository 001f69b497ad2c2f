import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ListRequest, Range, RowWrite } from "../../RowStore.ts"
import { type Failure, upTo } from "./fixture.ts"
import { compareText, define, type Definition, row, RowFixture, tombstone } from "./rowFixture.ts"

/** Texts that collations, lengths and the units of UTF-16 put in another order than the bytes of UTF-8 do. */
const texts = [
  "",
  " ",
  "!",
  "0",
  "10",
  "9",
  "A",
  "B",
  "Z",
  "_",
  "a",
  "a b",
  "a!",
  "aa",
  "ab",
  "a\u0300",
  "b",
  "z",
  "~",
  "ß",
  "à",
  "ä",
  "é",
  "ı",
  "中",
  "\uD7FF",
  "\uE000",
  "\uFFFD",
  "\uFFFF",
  "\u{10000}",
  "\u{1F600}",
  "\u{10FFFF}"
]

type Page = ReadonlyArray<{ readonly sort: string; readonly key: string }>

const page = (t: RowFixture, request: ListRequest): Effect.Effect<Page, Failure> =>
  Effect.gen(function*() {
    const { rows } = yield* t.some("a page", yield* t.rows.list(request))
    return rows.map(({ row, sort }) => ({ sort, key: row.key }))
  })

const everything = { backward: false, limit: 1_000 } as const

/** Pages from the start to the end. A store that repeats itself is a failure, not a loop. */
const walk = (t: RowFixture, request: ListRequest, most = 500): Effect.Effect<Page, Failure> =>
  Effect.gen(function*() {
    const all: Array<Page[number]> = []
    let after = request.after
    while (all.length <= most) {
      const rows = yield* page(t, { ...request, after })
      yield* t.holds("length of a page", rows.length <= request.limit, `at most ${request.limit}`, rows.length)
      all.push(...rows)
      after = rows.at(-1)
      if (after === undefined) return all
    }
    return yield* t.fail("rows of all pages", `at most ${most}`, "more")
  })

const byText = define(
  "rows come in the order of the bytes of UTF-8, by key and by every index",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const source = { name: target.name, tenant: "" }
    const shuffled = texts.toSorted((a, b) => (a.length * 7 + b.length) % 5 - 2)
    // By the first index the rows are in the order of their texts, by the last in the opposite one of their keys.
    const rows = shuffled.map((text, i) =>
      row(`k${text}`, i + 1, { sorts: [text, "same", `${1_000 - texts.indexOf(text)}`, `${text}x`] })
    )
    yield* t.holding(target, 100, ...rows)
    const wanted = texts.toSorted(compareText).map((text) => `k${text}`)
    for (const [index, keys] of [[undefined, wanted], [0, wanted], [1, wanted]] as const) {
      const request = { ...source, ...everything, index }
      yield* t.equal(`keys by ${index ?? "key"}`, (yield* page(t, request)).map(({ key }) => key), keys)
      const backward = yield* page(t, { ...request, backward: true })
      yield* t.equal(`keys by ${index ?? "key"}, backward`, backward.map(({ key }) => key), keys.toReversed())
    }
    for (const index of [2, 3]) {
      const all = yield* page(t, { ...source, ...everything, index })
      const expected = rows.map(({ key, sorts }) => ({ key, sort: sorts[index]! })).toSorted((a, b) =>
        compareText(a.sort, b.sort) || compareText(a.key, b.key)
      )
      yield* t.equal(`rows by ${index}`, all, expected)
    }
    const first = yield* page(t, { ...source, ...everything, index: undefined, limit: 2 })
    yield* t.equal("sorts by key", first.map(({ sort }) => sort), first.map(({ key }) => key))
  })
)

const bounds = define(
  "a range has its lower bound and not its upper one, in both directions, for pages and counts",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const source = { name: target.name, tenant: "" }
    const rows = texts.flatMap((text, i) => [1, 2].map((n) => row(`${text}-${n}`, i + 1, { sorts: [text] })))
    yield* t.holding(target, 100, ...rows)
    const edges = [undefined, "", "a", "ab", "m", "\uFFFF", "\u{10000}", "\u{10FFFF}"]
    const inside = (text: string, { atLeast, below }: Pick<Range, "atLeast" | "below">) =>
      (atLeast === undefined || compareText(text, atLeast) >= 0)
      && (below === undefined || compareText(text, below) < 0)
    for (const index of [0, undefined]) {
      const sortOf = ({ key, sorts }: RowWrite) => index === undefined ? key : sorts[index]!
      for (const atLeast of edges) {
        for (const below of edges) {
          const wanted = rows.filter((row) => inside(sortOf(row), { atLeast, below })).map((row) => row.key)
          const request = { ...source, ...everything, index, atLeast, below }
          const what = `from ${JSON.stringify(atLeast)} to ${JSON.stringify(below)} by ${index ?? "key"}`
          const found = (yield* page(t, request)).map(({ key }) => key)
          yield* t.equal(`rows ${what}`, found.toSorted(compareText), wanted.toSorted(compareText))
          const counted = yield* t.some("a count", yield* t.rows.count({ ...source, index, atLeast, below }))
          yield* t.equal(`count ${what}`, counted.count, wanted.length)
        }
      }
      const some = { ...source, ...everything, index, atLeast: "a", below: "é" }
      const forward = yield* page(t, some)
      yield* t.equal("backward", yield* page(t, { ...some, backward: true }), forward.toReversed())
      yield* t.equal("by pages of 3", yield* walk(t, { ...some, limit: 3 }), forward)
      yield* t.equal(
        "by pages of 3, backward",
        yield* walk(t, { ...some, backward: true, limit: 3 }),
        forward.toReversed()
      )
    }
  })
)

const equalSorts = define(
  "rows that are equal in an index come by key, and pages that end among them skip none",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const source = { name: target.name, tenant: "" }
    const rows = upTo(30).map((n) => row(`k${n}`, n, { sorts: [n % 10 === 0 ? "last" : "equal"] }))
    yield* t.holding(target, 30, ...rows)
    const wanted = rows.map(({ key, sorts }) => ({ sort: sorts[0]!, key })).toSorted((a, b) =>
      compareText(a.sort, b.sort) || compareText(a.key, b.key)
    )
    for (const limit of [1, 2, 7, 29, 30, 31]) {
      const request = { ...source, index: 0, backward: false, limit }
      yield* t.equal(`by pages of ${limit}`, yield* walk(t, request), wanted)
      yield* t.equal(
        `by pages of ${limit}, backward`,
        yield* walk(t, { ...request, backward: true }),
        wanted.toReversed()
      )
    }
  })
)

const between = define(
  "rows that come, go and move between pages neither repeat nor hide the others",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const source = { name: target.name, tenant: "" }
    const name = (n: number) => `${100 + n}`
    const at = (n: number, position: number) => row(name(n), position, { sorts: [name(n)] })
    yield* t.holding(target, 1, ...upTo(20).map((n) => at(n * 2, 1)))
    let position = 1
    const change = (...rows: ReadonlyArray<RowWrite>) =>
      Effect.suspend(() => t.commits("a change", t.batch(target, { from: position, to: ++position, rows })))
    for (const index of [undefined, 0]) {
      for (const backward of [false, true]) {
        const request = { ...source, index, backward, limit: 5 }
        const first = yield* page(t, request)
        const next = (yield* page(t, { ...request, after: first.at(-1) }))[0]!
        const second = Number(next.key) - 100
        // One comes on the page that was read, the row that the page ended with goes, and one comes on the next page.
        const [read, coming] = [Number(first[0]!.key) - 100 + (backward ? -1 : 1), second + (backward ? -1 : 1)]
        const last = Number(first.at(-1)!.key) - 100
        yield* change(at(read, position + 1), tombstone(name(last), position + 1), at(coming, position + 1))
        const rest = yield* walk(t, { ...request, after: first.at(-1) })
        const evens = upTo(20).map((n) => n * 2).filter((n) => backward ? n <= second : n >= second)
        const wanted = [...evens, coming].toSorted((a, b) => backward ? b - a : a - b).map(name)
        yield* t.equal(`the rest by ${index ?? "key"}`, rest.map(({ key }) => key), wanted)
        yield* change(
          tombstone(name(read), position + 1),
          at(last, position + 1),
          tombstone(name(coming), position + 1)
        )
      }
    }
    const [a, b] = [name(2), name(40)]
    const start = yield* page(t, { ...source, index: 0, backward: false, limit: 3 })
    yield* change(row(a, position + 1, { sorts: [b] }))
    const rest = yield* walk(t, { ...source, index: 0, backward: false, limit: 3, after: start.at(-1) })
    yield* t.equal("a row that moved on comes again, where it is now", rest.filter(({ key }) => key === a), [{
      sort: b,
      key: a
    }])
    yield* t.equal("how many there are then", rest.length, 18)
  })
)

const few = Arbitrary.schema(Schema.Literals(["", "a", "ab", "b", "ä", "\uFFFF", "\u{10000}", "\u{10000}a"]))

const lists = Arbitrary.all({
  rows: Arbitrary.array(Arbitrary.all({ key: few, first: few, second: few }), { maxLength: 12 }),
  index: Arbitrary.schema(Schema.Literals([0, 1, -1])),
  atLeast: few,
  below: few,
  bounded: Arbitrary.schema(Schema.Literals([0, 1, 2, 3])),
  backward: Arbitrary.schema(Schema.Boolean),
  limit: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })))
})

type Lists = typeof lists extends Arbitrary.Arbitrary<infer A> ? A : never

const runList = (t: RowFixture, random: Lists): Effect.Effect<boolean, Failure> =>
  Effect.gen(function*() {
    const target = yield* t.opened()
    const written = random.rows.map(({ first, key, second }, i) => row(`k${key}`, i + 1, { sorts: [first, second] }))
    const rows = [...new Map(written.map((row) => [row.key, row])).values()]
    yield* t.holding(target, 20, ...rows)
    const index = random.index === -1 ? undefined : random.index
    const [lower, upper] = index === undefined
      ? [`k${random.atLeast}`, `k${random.below}`]
      : [random.atLeast, random.below]
    const atLeast = random.bounded % 2 === 1 ? lower : undefined
    const below = random.bounded >= 2 ? upper : undefined
    const places = rows.map(({ key, sorts }) => ({ sort: index === undefined ? key : sorts[index]!, key }))
    const wanted = places.filter(({ sort }) =>
      (atLeast === undefined || compareText(sort, atLeast) >= 0)
      && (below === undefined || compareText(sort, below) < 0)
    ).toSorted((a, b) => compareText(a.sort, b.sort) || compareText(a.key, b.key))
    const range = { name: target.name, tenant: "", index, atLeast, below }
    const pages = yield* walk(t, { ...range, backward: random.backward, limit: random.limit })
    yield* t.equal("rows by pages", pages, random.backward ? wanted.toReversed() : wanted)
    const counted = yield* t.some("a count", yield* t.rows.count(range))
    yield* t.equal("count", counted.count, wanted.length)
    return true
  })

const anyList = define(
  "a list by pages is the sorted whole: any rows, ranges and pages",
  Effect.fnUntraced(function*(t: RowFixture) {
    const result = yield* Arbitrary.checkEffect(
      lists,
      (random) => runList(new RowFixture(t.name, t.seed, t.store, t.admin, t.rows, t.start), random),
      { runs: 60, maxShrinks: 30, seed: t.seed }
    )
    const failure = Arbitrary.formatCheckFailure(result)
    yield* t.holds(`property with seed ${t.seed}`, failure === undefined, "no list that breaks it", failure)
  })
)

/** Lists and counts by index. */
export const cases: ReadonlyArray<Definition> = [byText, bounds, equalSorts, between, anyList]
