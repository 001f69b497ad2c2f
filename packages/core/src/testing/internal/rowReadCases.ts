import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Batch, RowKey } from "../../RowStore.ts"
import { upTo } from "./fixture.ts"
import { define, type Definition, inAnyOrder, keysOf, row, type RowFixture, tombstone, waiting } from "./rowFixture.ts"

const tenantKeys = (tenant: string, ...keys: ReadonlyArray<string>): ReadonlyArray<RowKey> =>
  keys.map((key) => ({ tenant, key }))

const loads = define(
  "loading gives rows and tombstones under the keys asked for, and which of the keys are parked",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const rows = [row("a", 1, { index: 4 }), tombstone("b", 2), row("c", 3), row("unasked", 4)]
    const park = [waiting("c", 5), waiting("c", 6), waiting("d", 6), waiting("other", 6)]
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 7, rows, park }))
    const loaded = yield* t.rows.load(target, keysOf("d", "c", "b", "a", "absent"))
    yield* t.equal("rows", inAnyOrder(loaded.rows), inAnyOrder(rows.slice(0, 3)))
    yield* t.equal("parked keys", loaded.parked.map(({ key, tenant }) => `${tenant}/${key}`).toSorted(), ["/c", "/d"])
    yield* t.equal("nothing", yield* t.rows.load(target, []), { rows: [], parked: [] })
    yield* t.equal("keys that are not there", yield* t.rows.load(target, keysOf("x", "y")), { rows: [], parked: [] })
  })
)

const empty = define(
  "a target is empty until a row, a tombstone or an event that waits is stored under it",
  Effect.fnUntraced(function*(t: RowFixture) {
    const stored: ReadonlyArray<readonly [string, Pick<Batch, "rows"> | Pick<Batch, "park">]> = [
      ["a row", { rows: [row("a", 1)] }],
      ["a row of a tenant", { rows: [row("a", 1, { tenant: "acme" })] }],
      ["a tombstone", { rows: [tombstone("a", 1)] }],
      ["an event that waits", { park: [waiting("a", 1)] }]
    ]
    const others = yield* t.opened({ name: "Empty" })
    for (const [n, [what, parts]] of stored.entries()) {
      const target = yield* t.opened({ name: `Rows${n}`, partitions: 2 })
      yield* t.equal("whether a new target is empty", yield* t.rows.isEmpty(target), true)
      yield* t.commits("a batch of no rows", t.batch(target, { from: 0, to: 1 }))
      yield* t.equal("whether it is empty at 1", yield* t.rows.isEmpty(target), true)
      yield* t.commits("a batch", t.batch(target, { partition: 1, from: 0, to: 1, ...parts }))
      yield* t.equal(`whether it is empty with ${what}`, yield* t.rows.isEmpty(target), false)
      const next = yield* t.opened({ name: `Rows${n}`, revision: 2 })
      yield* t.equal("whether another revision is empty", yield* t.rows.isEmpty(next), true)
    }
    yield* t.equal("whether another target is empty", yield* t.rows.isEmpty(others), true)
    yield* t.holding(others, 1, row("a", 1))
    yield* t.rows.drop(others)
    yield* t.rows.open({ target: others, mode: "async" })
    yield* t.equal("whether what was dropped and made again is empty", yield* t.rows.isEmpty(others), true)
  })
)

const tenants = define(
  "tenants have nothing in common",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const of = ["", "acme", "Acme", "acme "]
    const rows = of.flatMap((
      tenant,
      n
    ) => [row("a", n + 1, { tenant, value: `${n}`, sorts: [`${n}`] }), row(`k${n}`, 9, { tenant, sorts: ["x"] })])
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 9, rows, park: [waiting("a", 9, { tenant: "acme" })] }))
    for (const [n, tenant] of of.entries()) {
      const own = rows.filter((row) => row.tenant === tenant)
      const loaded = yield* t.rows.load(target, tenantKeys(tenant, "a", "k0", "k1", "k2", "k3"))
      yield* t.equal(`rows of "${tenant}"`, inAnyOrder(loaded.rows), inAnyOrder(own))
      yield* t.equal(`parked keys of "${tenant}"`, loaded.parked.length, tenant === "acme" ? 1 : 0)
      const source = { name: target.name, tenant }
      const found = yield* t.some("find", yield* t.rows.find(source, ["a", "k0", "k1", "k2", "k3"]))
      yield* t.equal(`what "${tenant}" finds`, inAnyOrder(found.rows), inAnyOrder(own))
      for (const index of [undefined, 0]) {
        const page = yield* t.some("list", yield* t.rows.list({ ...source, index, backward: false, limit: 9 }))
        yield* t.equal(`what "${tenant}" lists`, page.rows.map(({ row }) => row.key), ["a", `k${n}`])
        const counted = yield* t.some("count", yield* t.rows.count({ ...source, index }))
        yield* t.equal(`what "${tenant}" counts`, counted.count, 2)
      }
    }
    const nobody = yield* t.some("find", yield* t.rows.find({ name: target.name, tenant: "nobody" }, ["a"]))
    yield* t.equal("what nobody finds", nobody.rows, [])
    const removal = { from: 9, to: 10, rows: [tombstone("a", 10, { tenant: "acme" })] }
    yield* t.commits("a removal", t.batch(target, removal))
    const keys = of.flatMap((tenant) => tenantKeys(tenant, "a"))
    const left = rows.filter(({ key, tenant }) => key === "a" && tenant !== "acme")
    yield* t.loads("rows after a removal", target, keys, ...left, tombstone("a", 10, { tenant: "acme" }))
  })
)

const revisions = define(
  "readers get the revision that serves, or the one they name",
  Effect.fnUntraced(function*(t: RowFixture) {
    const { name } = t.target()
    for (const revision of [1, 2, 3]) {
      const target = yield* t.opened({ revision, partitions: revision })
      const rows = upTo(revision).map((n) => row(`k${n}`, n, { value: `${revision}`, sorts: [`${n}`] }))
      yield* t.commits("a batch", t.batch(target, { partition: revision - 1, from: 0, to: revision * 10, rows }))
    }
    yield* t.rows.setState(t.target("Rows", 3), "paused")
    const { storeId } = yield* t.admin.status
    const positions = [[10], [0, 20], [0, 0, 30]] as const
    const look = (revision: number, named: number | undefined) =>
      Effect.gen(function*() {
        const source = { name, tenant: "", revision: named }
        const served = {
          revision,
          storeId,
          indexes: [],
          state: revision === 3 ? "paused" : "running",
          positions: positions[revision - 1]
        }
        const keys = upTo(revision).map((n) => `k${n}`)
        const found = yield* t.some("find", yield* t.rows.find(source, ["k1", "k2", "k3", "k4"]))
        yield* t.equal("who was found", found.served, served)
        yield* t.equal(
          "what was found",
          inAnyOrder(found.rows).map(({ key, value }) => [key, value]),
          keys.map((key) => [key, { json: revision }])
        )
        const page = yield* t.some("list", yield* t.rows.list({ ...source, index: 0, backward: false, limit: 9 }))
        yield* t.equal("who was listed", page.served, served)
        yield* t.equal("what was listed", page.rows.map(({ row }) => row.key), keys)
        const counted = yield* t.some("count", yield* t.rows.count({ ...source, index: undefined }))
        yield* t.equal("who was counted", counted.served, served)
        yield* t.equal("what was counted", counted.count, revision)
      })
    for (const serving of [1, 2, 3, 1]) {
      yield* t.rows.serve(t.target("Rows", serving))
      yield* look(serving, undefined)
      for (const named of [1, 2, 3]) yield* look(named, named)
    }
  })
)

const noEntry = define(
  "a projection that has no entry has no rows to tell of",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    yield* t.holding(target, 1, row("a", 1))
    for (
      const source of [{ name: t.target("Nobody").name, tenant: "" }, { name: target.name, revision: 2, tenant: "" }]
    ) {
      yield* t.equal("find", Option.isSome(yield* t.rows.find(source, ["a"])), false)
      const page = yield* t.rows.list({ ...source, index: undefined, backward: false, limit: 9 })
      yield* t.equal("list", Option.isSome(page), false)
      yield* t.equal("count", Option.isSome(yield* t.rows.count({ ...source, index: undefined })), false)
    }
    const nothing = yield* t.opened({ name: "Nothing" })
    const source = { name: nothing.name, tenant: "" }
    const found = yield* t.some("find", yield* t.rows.find(source, ["a"]))
    yield* t.equal("rows of one that has none", found.rows, [])
    const counted = yield* t.some("count", yield* t.rows.count({ ...source, index: 0 }))
    yield* t.equal("how many it has", counted.count, 0)
  })
)

const removed = define(
  "readers never get what was removed",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const keys = upTo(10).map((n) => `k${n - 1}`)
    yield* t.holding(target, 1, ...keys.map((key) => row(key, 1, { sorts: [key] })))
    const gone = keys.filter((_, i) => i % 2 === 0)
    yield* t.commits("a removal", t.batch(target, { from: 1, to: 2, rows: gone.map((key) => tombstone(key, 2)) }))
    const left = keys.filter((_, i) => i % 2 === 1)
    const source = { name: target.name, tenant: "" }
    const found = yield* t.some("find", yield* t.rows.find(source, keys))
    yield* t.equal("what is found", inAnyOrder(found.rows).map(({ key }) => key), left)
    for (const index of [undefined, 0]) {
      const counted = yield* t.some("count", yield* t.rows.count({ ...source, index }))
      yield* t.equal("what is counted", counted.count, left.length)
      const page = yield* t.some("list", yield* t.rows.list({ ...source, index, backward: false, limit: 4 }))
      yield* t.equal("a page of 4", page.rows.map(({ row }) => row.key), left.slice(0, 4))
      const back = yield* t.some("list", yield* t.rows.list({ ...source, index, backward: true, limit: 4 }))
      yield* t.equal("a page of 4, backward", back.rows.map(({ row }) => row.key), left.toReversed().slice(0, 4))
    }
  })
)

const many = define(
  "many keys are found at once, each as often as it is there",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const rows = upTo(2_000).map((n) => row(`k${n}`, n))
    yield* t.holding(target, 2_000, ...rows)
    const keys = upTo(4_000).map((n) => `k${n}`).toReversed()
    const found = yield* t.some("find", yield* t.rows.find({ name: target.name, tenant: "" }, keys))
    yield* t.equal("what is found", inAnyOrder(found.rows), inAnyOrder(rows))
    const none = yield* t.some("find", yield* t.rows.find({ name: target.name, tenant: "" }, []))
    yield* t.equal("what is found under no key", none.rows, [])
  })
)

/** What readers get. */
export const cases: ReadonlyArray<Definition> = [loads, empty, tenants, revisions, noEntry, removed, many]
