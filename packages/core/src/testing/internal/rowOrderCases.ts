import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { RowWrite, StoredRow } from "../../RowStore.ts"
import * as StoredEvent from "../../StoredEvent.ts"
import { type Failure, upTo } from "./fixture.ts"
import { define, type Definition, inAnyOrder, keysOf, row, RowFixture, tombstone } from "./rowFixture.ts"

const neverBack = define(
  "a row never goes back: not to an earlier position, nor to an earlier index of its own",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const first = row("a", 10, { index: 3, value: "\"first\"", sorts: ["first"] })
    yield* t.holding(target, 10, first)
    const stale = [[9, 0], [9, 99], [1, 4], [10, 2], [10, 0], [10, 3]] as const
    for (const [position, index] of stale) {
      const what = `a write of (${position}, ${index})`
      const rows = [
        row("a", position, { index, value: "\"stale\"", sorts: ["stale"] }),
        row(`n${position}-${index}`, 10)
      ]
      yield* t.commits(what, t.batch(target, { from: 10, to: 10, rows }))
      yield* t.loads(`the row after ${what}`, target, keysOf("a"), first)
      yield* t.loads("the row beside it", target, [rows[1]!], rows[1]!)
      yield* t.commits("a removal", t.batch(target, { from: 10, to: 10, rows: [tombstone("a", position, { index })] }))
      yield* t.loads(`the row after a removal of (${position}, ${index})`, target, keysOf("a"), first)
    }
    for (const [position, index] of [[10, 4], [10, 10], [11, 0], [100, 1]] as const) {
      const next = row("a", position, { index, value: JSON.stringify([position, index]) })
      yield* t.commits(`a write of (${position}, ${index})`, t.batch(target, { from: 10, to: 10, rows: [next] }))
      yield* t.loads("the row after it", target, keysOf("a"), next)
    }
  })
)

const tombstones = define(
  "a row that was removed does not come back by an earlier event",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const write = (...rows: ReadonlyArray<RowWrite>) =>
      t.commits("a batch", t.batch(target, { from: 20, to: 20, rows }))
    yield* t.holding(target, 20, row("a", 5), tombstone("never", 8, { index: 1 }))
    yield* write(tombstone("a", 10, { index: 2 }))
    yield* t.loads(
      "tombstones",
      target,
      keysOf("a", "never"),
      tombstone("a", 10, { index: 2 }),
      tombstone("never", 8, { index: 1 })
    )
    yield* write(row("a", 9), row("never", 8))
    yield* write(row("a", 10, { index: 2 }), row("never", 8, { index: 1 }))
    yield* t.loads(
      "after earlier events",
      target,
      keysOf("a", "never"),
      tombstone("a", 10, { index: 2 }),
      tombstone("never", 8, { index: 1 })
    )
    yield* write(tombstone("a", 12), row("never", 9))
    yield* t.loads("after later ones", target, keysOf("a", "never"), tombstone("a", 12), row("never", 9))
    yield* write(row("a", 12, { index: 1 }))
    yield* t.loads("after one of the same position", target, keysOf("a"), row("a", 12, { index: 1 }))
  })
)

const replay = define(
  "batches that come a second time, after the partitions were changed, change no row",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 2 })
    const rows = [row("a", 10), row("b", 4), tombstone("c", 8)]
    yield* t.commits("a batch", t.batch(target, { partition: 0, from: 0, to: 10, rows }))
    yield* t.commits(
      "the first half of it again",
      t.batch(target, { partition: 1, from: 0, to: 4, rows: [row("d", 4)] })
    )
    yield* t.rows.open({ target, mode: "async", partitions: 1 })
    const early = [row("a", 2), row("b", 4), row("c", 3), row("d", 3)]
    yield* t.commits("what comes again", t.batch(target, { from: 4, to: 4, rows: early }))
    yield* t.loads("rows", target, keysOf("a", "b", "c", "d"), ...rows, row("d", 4))
    yield* t.commits(
      "what is new",
      t.batch(target, { from: 4, to: 12, rows: [row("b", 12), row("c", 11), row("d", 11)] })
    )
    yield* t.loads(
      "rows after it",
      target,
      keysOf("a", "b", "c", "d"),
      row("a", 10),
      row("b", 12),
      row("c", 11),
      row("d", 11)
    )
  })
)

const between = (minimum: number, maximum: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const writes = Arbitrary.array(
  Arbitrary.array(
    Arbitrary.all({ key: between(0, 5), position: between(1, 6), index: between(0, 2), kind: between(0, 3) }),
    {
      minLength: 1,
      maxLength: 5
    }
  ),
  { minLength: 1, maxLength: 12 }
)

type Writes = typeof writes extends Arbitrary.Arbitrary<infer A> ? A : never

/** What each batch writes: one row a key, told apart by a number. */
const batchesOf = (random: Writes): ReadonlyArray<ReadonlyArray<RowWrite>> => {
  let n = 0
  return random.map((batch) => {
    const rows = batch.map(({ index, key, kind, position }) =>
      kind === 0
        ? tombstone(`k${key}`, position, { index })
        : row(`k${key}`, position, { index, value: JSON.stringify({ n: n++ }) })
    )
    return [...new Map(rows.map((row) => [row.key, row])).values()]
  })
}

const latest = (batches: ReadonlyArray<ReadonlyArray<RowWrite>>): ReadonlyMap<string, StoredRow> => {
  const rows = new Map<string, StoredRow>()
  for (const write of batches.flat()) {
    const known = rows.get(write.key)
    const seen = known !== undefined
      && (known.position > write.position || (known.position === write.position && known.index >= write.index))
    if (!seen) rows.set(write.key, write)
  }
  return rows
}

const runWrites = (t: RowFixture, random: Writes): Effect.Effect<boolean, Failure> =>
  Effect.gen(function*() {
    const target = yield* t.opened()
    const batches = batchesOf(random)
    for (const [i, rows] of batches.entries()) {
      yield* t.commits("a batch", t.batch(target, { from: i, to: i + 1, rows }))
    }
    const wanted = [...latest(batches).values()]
    const keys = upTo(6).map((n) => `k${n - 1}`)
    yield* t.loads("rows", target, keysOf(...keys), ...wanted)
    const found = yield* t.some("what is served", yield* t.rows.find({ name: target.name, tenant: "" }, keys))
    const there = wanted.filter(({ value }) => value !== null)
    yield* t.equal("rows that readers get", inAnyOrder(found.rows), inAnyOrder(there))
    return true
  })

const anyOrder = define(
  "every row is that of the last event it was written for: any batches",
  Effect.fnUntraced(function*(t: RowFixture) {
    const result = yield* Arbitrary.checkEffect(
      writes,
      (random) => runWrites(new RowFixture(t.name, t.seed, t.store, t.admin, t.rows, t.start), random),
      { runs: 20, maxShrinks: 30, seed: t.seed }
    )
    const failure = Arbitrary.formatCheckFailure(result)
    yield* t.holds(`property with seed ${t.seed}`, failure === undefined, "no batches that break it", failure)
  })
)

const racers = 16

const oneWinner = define(
  "of batches that rest on one checkpoint exactly one is committed, and its rows alone are there",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    for (const round of upTo(6)) {
      const from = (round - 1) * 100
      const commits = upTo(racers).map((n) =>
        t.rows.commit(
          t.batch(target, {
            from,
            to: from + n,
            rows: [row("shared", from + n, { value: `${n}` }), row(`${round}-${n}`, from + 1)]
          })
        )
      )
      const outcomes = yield* Effect.all(commits, { concurrency: "unbounded" })
      yield* t.equal("outcomes", outcomes.toSorted(), ["Committed", ...upTo(racers - 1).map(() => "Moved")])
      const winner = outcomes.indexOf("Committed") + 1
      yield* t.equal("checkpoint", yield* t.positions(target), [from + winner])
      const keys = keysOf("shared", ...upTo(racers).map((n) => `${round}-${n}`))
      const rows = [row("shared", from + winner, { value: `${winner}` }), row(`${round}-${winner}`, from + 1)]
      yield* t.loads("rows", target, keys, ...rows)
      yield* t.commits("the rest of the round", t.batch(target, { from: from + winner, to: round * 100 }))
    }
  })
)

const steps = 40

const snapshots = define(
  "a reader sees rows and checkpoint as they were together",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const source = { name: target.name, tenant: "" }
    const keys = upTo(20).map((n) => `k${n}`)
    const rowsAt = (n: number) => keys.map((key) => row(key, n, { value: `${n}`, sorts: [`${n % 3}`] }))
    let done = false
    const writing = Effect.gen(function*() {
      for (const n of upTo(steps)) {
        const rows = [...rowsAt(n), row(`one-${n}`, n, { tenant: "more" })]
        yield* t.commits("a batch", t.batch(target, { from: n - 1, to: n, rows }))
        yield* Effect.yieldNow
      }
      done = true
    })
    const look = (
      what: string,
      read: Effect.Effect<readonly [position: number, rows: ReadonlyArray<StoredRow>], Failure>
    ): Effect.Effect<void, Failure> =>
      Effect.gen(function*() {
        let before = 0
        while (!done) {
          const [position, rows] = yield* read
          yield* t.holds("checkpoint", position >= before, `at least ${before}`, position)
          before = position
          const values = new Set(rows.map(({ value }) => StoredEvent.parseJson(value ?? "")))
          yield* t.equal(`values of ${what} at ${position}`, [...values], position === 0 ? [] : [position])
          yield* t.equal(`how many rows of ${what}`, rows.length, position === 0 ? 0 : keys.length)
          yield* Effect.yieldNow
        }
      })
    const find = Effect.gen(function*() {
      const { rows, served } = yield* t.some("what is served", yield* t.rows.find(source, keys))
      return [served.positions[0], rows] as const
    })
    const list = Effect.gen(function*() {
      const page = yield* t.rows.list({ ...source, index: 0, backward: false, limit: 100 })
      const { rows, served } = yield* t.some("a page", page)
      return [served.positions[0], rows.map(({ row }) => row)] as const
    })
    const count = Effect.gen(function*() {
      while (!done) {
        const { count, served } = yield* t.some(
          "a count",
          yield* t.rows.count({ ...source, tenant: "more", index: undefined })
        )
        yield* t.equal("count, which is one more with every batch", count, served.positions[0])
        yield* Effect.yieldNow
      }
    })
    yield* Effect.all([writing, look("find", find), look("list", list), count], { concurrency: "unbounded" })
  })
)

/** The order of what a row has seen, and who comes first. */
export const cases: ReadonlyArray<Definition> = [
  neverBack,
  tombstones,
  replay,
  anyOrder,
  oneWinner,
  snapshots
]
