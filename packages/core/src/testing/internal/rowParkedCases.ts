import * as Effect from "effect/Effect"
import type { Parked, RowKey } from "../../RowStore.ts"
import { upTo } from "./fixture.ts"
import { compareText, define, type Definition, keysOf, row, type RowFixture, tombstone, waiting } from "./rowFixture.ts"

const keyOf = (key: string, tenant = ""): RowKey => ({ tenant, key })

/** An event that failed, and so is the first of its key. */
const failed = (key: string, position: number, more: Partial<Parked> = {}): Parked =>
  waiting(key, position, { attempts: 1, cause: "no", ...more })

const placeOf = ({ index, key, position, tenant }: Parked) => ({ tenant, key, position, index })

const order = define(
  "parked events come by key, position and index, as they were parked",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const cause = "Error: “no” 💥\n    at fold (file.ts:1:1)\n".repeat(50)
    const events = [
      waiting("b", 9, { attempts: 3, cause, type: "Failed" }),
      waiting("b", 10, { index: 1 }),
      waiting("b", 10, { index: 2 }),
      waiting("b", 100),
      waiting("a", 50),
      waiting("a", 8, { index: 12 }),
      failed("a", 8, { index: 2 }),
      failed("B", 3),
      failed("\u{10000}", 1),
      failed("\uFFFF", 2)
    ]
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 100, park: events.toReversed() }))
    const sorted = events.toSorted((x, y) => compareText(x.key, y.key) || x.position - y.position || x.index - y.index)
    yield* t.parks("parked events", target, ...sorted)
    yield* t.equal("the first 3", yield* t.rows.parked({ target, limit: 3 }), sorted.slice(0, 3))
    const ofKey = yield* t.rows.parked({ target, key: keyOf("b"), limit: 100 })
    yield* t.equal("those of a key", ofKey, sorted.filter(({ key }) => key === "b"))
    const firstOfKey = yield* t.rows.parked({ target, key: keyOf("b"), limit: 1 })
    yield* t.equal("the first of a key", firstOfKey, ofKey.slice(0, 1))
    yield* t.equal("those of another", yield* t.rows.parked({ target, key: keyOf("c"), limit: 9 }), [])
    yield* t.equal("those that are due", yield* t.rows.parked({ target, due: true, limit: 9 }), [])
    const { parkedEvents, parkedKeys } = yield* t.entry(target)
    yield* t.equal("how many keys and events", [parkedKeys, parkedEvents], [5, 10])
  })
)

const retries = define(
  "a key is tried again on demand: all of its events are due, and no other's",
  Effect.fnUntraced(function*(t: RowFixture) {
    const [target, other] = [yield* t.opened(), yield* t.opened({ revision: 2 })]
    const park = [failed("a", 1), waiting("a", 2), failed("b", 3), failed("a", 4, { tenant: "acme" })]
    for (const one of [target, other]) yield* t.commits("a batch", t.batch(one, { from: 0, to: 4, park }))
    const retry = (key: RowKey) => t.rows.retry({ target, key, skip: false })
    yield* t.equal("how many of the key", yield* retry(keyOf("a")), 2)
    const due = park.map((event) => ({ ...event, due: event.key === "a" && event.tenant === "" }))
    const all = yield* t.waits(target)
    yield* t.equal("parked events", all.toSorted((a, b) => a.position - b.position), due)
    yield* t.equal("due events", yield* t.rows.parked({ target, due: true, limit: 9 }), due.slice(0, 2))
    yield* t.equal("the first that is due", yield* t.rows.parked({ target, due: true, limit: 1 }), due.slice(0, 1))
    const dueOfB = yield* t.rows.parked({ target, key: keyOf("b"), due: true, limit: 9 })
    yield* t.equal("due events of another key", dueOfB, [])
    yield* t.equal("how many of a key without any", yield* retry(keyOf("c")), 0)
    yield* t.equal("how many, told twice", yield* retry(keyOf("a")), 2)
    yield* t.equal("how many of the tenant", yield* retry(keyOf("a", "acme")), 1)
    yield* t.equal("due events of another revision", yield* t.rows.parked({ target: other, due: true, limit: 9 }), [])
  })
)

const comesDue = define(
  "a key is due with all of its events: when one of them is, and when its first waits behind nothing",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const asked = [failed("asked", 1), waiting("asked", 2)]
    const stuck = [failed("stuck", 3), waiting("stuck", 4), waiting("stuck", 5)]
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 5, park: [...asked, ...stuck] }))
    const due = Effect.map(t.rows.parked({ target, due: true, limit: 99 }), (events) => events.map(placeOf))
    yield* t.equal("what is due when nobody has asked", yield* due, [])
    yield* t.rows.retry({ target, key: keyOf("asked"), skip: false })
    const behind = waiting("asked", 7)
    yield* t.commits("a batch that parks behind", t.batch(target, { from: 5, to: 7, park: [behind] }))
    yield* t.parks("parked events", target, ...asked.map((event) => ({ ...event, due: true })), behind, ...stuck)
    yield* t.equal("what is due with it", yield* due, [...asked, behind].map(placeOf))
    const left = [waiting("left", 8), waiting("left", 9)]
    yield* t.commits("a batch that parks behind nothing", t.batch(target, { from: 7, to: 9, park: left }))
    yield* t.equal("what is due with what waits behind nothing", yield* due, [...asked, behind, ...left].map(placeOf))
    const [first, ...others] = stuck
    yield* t.commits("a batch with the first of a key", t.batch(target, { from: 9, to: 9, unpark: [placeOf(first!)] }))
    const ofKey = yield* t.rows.parked({ target, key: keyOf("stuck"), due: true, limit: 99 })
    yield* t.equal("what is due of the key that has lost its first", ofKey, others)
    const one = yield* t.rows.parked({ target, key: keyOf("stuck"), due: true, limit: 1 })
    yield* t.equal("the first of them", one, others.slice(0, 1))
  })
)

const skips = define(
  "the first event of a key can be given up, and then the others are due",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const park = [waiting("a", 9, { index: 1 }), waiting("a", 10), waiting("a", 9), waiting("b", 1), waiting("b", 2)]
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 10, park }))
    const skip = (key: string) => t.rows.retry({ target, key: keyOf(key), skip: true })
    yield* t.equal("how many there were", yield* skip("a"), 3)
    const left = [waiting("a", 9, { index: 1, due: true }), waiting("a", 10, { due: true })]
    yield* t.parks("after it", target, ...left, waiting("b", 1), waiting("b", 2))
    yield* t.equal("how many there were then", yield* skip("a"), 2)
    yield* t.equal("and then", yield* skip("a"), 1)
    yield* t.parks("after all of them", target, waiting("b", 1), waiting("b", 2))
    yield* t.equal("of none", yield* skip("a"), 0)
    const loaded = yield* t.rows.load(target, keysOf("a", "b"))
    yield* t.equal("parked keys", loaded.parked, keysOf("b"))
    const { parkedEvents, parkedKeys } = yield* t.entry(target)
    yield* t.equal("how many keys and events", [parkedKeys, parkedEvents], [1, 2])
  })
)

const drains = define(
  "parked events leave with the batch that they are folded by, one by one or all",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const park = upTo(4).flatMap((n) => [waiting("a", n), waiting("b", n), waiting("a", n, { tenant: "acme" })])
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 9, park }))
    yield* t.rows.retry({ target, key: keyOf("a"), skip: false })
    const of = (key: string, ...positions: ReadonlyArray<number>) =>
      positions.map((position) => placeOf(waiting(key, position)))
    const first = { from: 9, to: 9, rows: [row("a", 1)], unpark: of("a", 1) }
    yield* t.commits("a batch with the first", t.batch(target, first))
    const waits = (key: string, tenant = "") =>
      Effect.map(
        t.rows.parked({ target, key: keyOf(key, tenant), limit: 9 }),
        (events) => events.map((e) => e.position)
      )
    yield* t.equal("what still waits", yield* waits("a"), [2, 3, 4])
    yield* t.loads("the row", target, keysOf("a"), row("a", 1))
    yield* t.commits("a batch from elsewhere", t.batch(target, { from: 8, to: 9, unpark: of("a", 2) }), "Moved")
    yield* t.equal("what waits after it", yield* waits("a"), [2, 3, 4])
    const rest = { from: 9, to: 9, rows: [row("a", 4)], unpark: of("a", 2, 3, 4) }
    const more = { ...rest, unpark: of("a", 1, 2, 3, 4) }
    yield* t.commits("a batch with the rest, and one that is done with already", t.batch(target, more), "Moved")
    yield* t.equal("what waits after that", yield* waits("a"), [2, 3, 4])
    yield* t.loads("the row after that", target, keysOf("a"), row("a", 1))
    yield* t.commits("a batch with the rest", t.batch(target, rest))
    yield* t.equal("what waits after all", yield* waits("a"), [])
    yield* t.equal("what waits of another key", yield* waits("b"), [1, 2, 3, 4])
    yield* t.equal("what waits of another tenant", yield* waits("a", "acme"), [1, 2, 3, 4])
    const loaded = yield* t.rows.load(target, [keyOf("a"), keyOf("b"), keyOf("a", "acme")])
    const keys = loaded.parked.map(({ key, tenant }) => `${tenant}/${key}`).toSorted()
    yield* t.equal("parked keys", keys, ["/b", "acme/a"])
  })
)

const again = define(
  "an event that is parked again has its new attempts and cause, and is not due any more",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const first = waiting("a", 3, { index: 1, attempts: 1, cause: "no" })
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 5, park: [first, waiting("a", 5)] }))
    yield* t.rows.retry({ target, key: keyOf("a"), skip: false })
    const second = {
      ...waiting("a", 3, { index: 1, attempts: 2, cause: "still no" }),
      parkedAt: waiting("x", 77).parkedAt
    }
    yield* t.commits("a batch that fails", t.batch(target, { from: 5, to: 5, park: [second, waiting("a", 5)] }))
    yield* t.parks("parked events", target, second, waiting("a", 5))
    yield* t.equal("how many", (yield* t.entry(target)).parkedEvents, 2)
    const more = { from: 5, to: 8, park: [waiting("a", 8)], unpark: [placeOf(waiting("a", 5))] }
    yield* t.commits("a batch that parks and drains", t.batch(target, more))
    yield* t.parks("parked events after it", target, second, waiting("a", 8))
  })
)

const sweeps = define(
  "tombstones are swept when no replay can reach them, and rows never",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 2 })
    const [one, two] = [{ partition: 0 }, { partition: 1 }]
    const gone = [tombstone("t1", 1), tombstone("t10", 10, { index: 5, tenant: "acme" })]
    const kept = [tombstone("t11", 11), tombstone("t20", 20)]
    const rows = [row("r1", 1), row("r10", 10, { tenant: "acme" }), row("r20", 20)]
    yield* t.commits("a batch", t.batch(target, { ...one, from: 0, to: 20, rows: [...gone, ...kept, ...rows] }))
    const keys = [...gone, ...kept, ...rows].map(({ key, tenant }) => ({ tenant, key }))
    yield* t.unchanged(
      "by a sweep while a partition is at 0",
      target,
      keys,
      Effect.flatMap(t.rows.sweep(target), (count) => t.equal("how many are swept", count, 0))
    )
    const other = yield* t.opened({ revision: 2 })
    yield* t.holding(other, 20, ...gone, ...rows)
    yield* t.commits("a batch of the other", t.batch(target, { ...two, from: 0, to: 10, park: [waiting("t1", 1)] }))
    yield* t.equal("how many are swept at 10", yield* t.rows.sweep(target), 2)
    yield* t.loads("what is left at 10", target, keys, ...kept, ...rows)
    yield* t.equal("how many are swept again", yield* t.rows.sweep(target), 0)
    yield* t.parks("parked events", target, waiting("t1", 1))
    yield* t.loads("rows of another revision", other, keys, ...gone, ...rows)
    yield* t.commits("the next of the other", t.batch(target, { ...two, from: 10, to: 30, rows: [row("t20", 30)] }))
    yield* t.equal("how many are swept at 20", yield* t.rows.sweep(target), 1)
    yield* t.loads("what is left at 20", target, keys, row("t20", 30), ...rows)
    yield* t.equal("checkpoints", yield* t.positions(target), [20, 30])
  })
)

/** Parked events and tombstones. */
export const cases: ReadonlyArray<Definition> = [order, retries, comesDue, skips, drains, again, sweeps]
