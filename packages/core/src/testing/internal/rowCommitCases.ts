import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { type Failure, upTo, write } from "./fixture.ts"
import { failureAt } from "./rowEntryCases.ts"
import { define, type Definition, inAnyOrder, keysOf, row, type RowFixture, tombstone, waiting } from "./rowFixture.ts"

const together = define(
  "a batch is stored whole: rows, checkpoint, parked events, failure and rate",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const { fence } = yield* t.lease(target, "ada")
    const park = [waiting("c", 4, { attempts: 1, cause: "no" }), waiting("c", 5)]
    const rows = [row("a", 5, { index: 2 }), tombstone("b", 3)]
    yield* t.commits(
      "a batch",
      t.batch(target, { fence, from: 0, to: 6, rows, park, rate: 1_234.5, failure: failureAt(4) })
    )
    yield* t.loads("rows", target, keysOf("a", "b", "c"), ...rows)
    yield* t.parks("parked events", target, ...park)
    const { checkpoints: [checkpoint], failure, parkedEvents, parkedKeys } = yield* t.entry(target)
    yield* t.equal("checkpoint", checkpoint.position, 6)
    yield* t.equal("rate", checkpoint.rate, 1_234.5)
    yield* t.equal("failure", Option.getOrUndefined(failure), failureAt(4))
    yield* t.equal("parked keys and events", [parkedKeys, parkedEvents], [1, 2])
    const unpark = [{ tenant: "", key: "c", position: 4, index: 0 }]
    yield* t.commits("the next", t.batch(target, { fence, from: 6, to: 9, rows: [row("b", 8)], unpark, rate: 7 }))
    yield* t.loads("rows after the next", target, keysOf("a", "b"), row("a", 5, { index: 2 }), row("b", 8))
    yield* t.parks("parked events after the next", target, waiting("c", 5))
    const after = yield* t.entry(target)
    yield* t.equal("checkpoint after the next", [after.checkpoints[0].position, after.checkpoints[0].rate], [9, 7])
    yield* t.equal("parked after the next", [after.parkedKeys, after.parkedEvents], [1, 1])
  })
)

const moved = define(
  "a batch that rests on another checkpoint writes nothing",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const { fence } = yield* t.lease(target, "ada")
    const rows = [row("a", 5), row("b", 5)]
    yield* t.commits("a batch", t.batch(target, { fence, from: 0, to: 5, rows, park: [waiting("c", 5)] }))
    const unpark = [{ tenant: "", key: "c", position: 5, index: 0 }]
    for (const [from, to] of [[0, 5], [0, 9], [4, 9], [6, 9], [9, 9]] as const) {
      for (const held of [fence, undefined]) {
        const parts = { fence: held, from, to, rows: [row("a", 9), row("n", 9)], park: [waiting("d", 9)], unpark }
        const batch = t.batch(target, { ...parts, failure: failureAt(9), rate: 3 })
        const what = `a batch from ${from}`
        yield* t.unchanged(`after ${what}`, target, keysOf("a", "b", "c", "d", "n"), t.commits(what, batch, "Moved"))
      }
    }
  })
)

const unknownTarget = define(
  "a batch of what is not there writes nothing",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const unknown = t.target("Rows", 2)
    const parts = { from: 0, to: 5, rows: [row("a", 5)], park: [waiting("b", 5)] }
    yield* t.commits("a batch of another revision", t.batch(unknown, parts), "Stopped")
    yield* t.commits("a batch of a subscription", t.batch({ ...target, kind: "subscription" }, parts), "Stopped")
    yield* t.commits("a batch of a partition that never was", t.batch(target, { ...parts, partition: 1 }), "Stopped")
    yield* t.equal("checkpoints", yield* t.positions(target), [0])
    yield* t.loads("rows", target, keysOf("a"))
    yield* t.rows.open({ target: unknown, mode: "async" })
    yield* t.loads("rows of what was opened later", unknown, keysOf("a"))
    yield* t.parks("parked events of it", unknown)
  })
)

const empty = define(
  "a batch without rows moves the checkpoint, and one that stays where it is writes rows",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    yield* t.commits("an empty batch", t.batch(target, { from: 0, to: 1_000_000_000_000 }))
    const at = 1_000_000_000_000
    yield* t.equal("checkpoint", yield* t.positions(target), [at])
    const park = [waiting("b", at)]
    const { movedAt } = (yield* t.entry(target)).checkpoints[0]
    yield* t.commits("a batch that stays", t.batch(target, { from: at, to: at, rows: [row("a", 3)], park }))
    yield* t.commits("another", t.batch(target, { from: at, to: at, rows: [row("a", 4)] }))
    yield* t.loads("rows", target, keysOf("a"), row("a", 4))
    yield* t.parks("parked events", target, waiting("b", at))
    const stayed = (yield* t.entry(target)).checkpoints[0]
    yield* t.equal("checkpoint after them", stayed.position, at)
    yield* t.equal("when it last moved", stayed.movedAt, movedAt)
    let to = at
    const next = Effect.suspend(() => t.commits("the next", t.batch(target, { from: to, to: ++to })))
    yield* t.movesInTime(target, next)
  })
)

const unfenced = define(
  "who has no fence relies on the checkpoint alone, whoever has the lease",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const lease = yield* t.lease(target, "ada")
    yield* t.commits("a batch of nobody", t.batch(target, { from: 0, to: 2, rows: [row("a", 2)] }))
    yield* t.equal("the lease of ada", yield* t.lease(target, "ada"), { ...lease, position: 2 })
    yield* t.equal("leases of bob", yield* t.leases(target, "bob"), [])
    yield* t.loads("rows", target, keysOf("a"), row("a", 2))
  })
)

const apart = define(
  "partitions move apart, and so do targets",
  Effect.fnUntraced(function*(t: RowFixture) {
    const [one, two] = [yield* t.opened({ partitions: 3 }), yield* t.opened({ revision: 2, partitions: 3 })]
    const commits = upTo(3).flatMap((n) =>
      [one, two].map((target, i) =>
        t.commits(
          "a batch",
          t.batch(target, { partition: n - 1, from: 0, to: n * 10 + i, rows: [row(`k${n}`, n + i)] })
        )
      )
    )
    yield* Effect.all(commits, { concurrency: "unbounded" })
    yield* t.equal("checkpoints of one", yield* t.positions(one), [10, 20, 30])
    yield* t.equal("checkpoints of two", yield* t.positions(two), [11, 21, 31])
    yield* t.loads("rows of one", one, keysOf("k1", "k2", "k3"), row("k1", 1), row("k2", 2), row("k3", 3))
    yield* t.loads("rows of two", two, keysOf("k1", "k2", "k3"), row("k1", 2), row("k2", 3), row("k3", 4))
  })
)

const manyRows = 5_000

const large = define(
  "a batch of 5,000 rows is written, loaded and rewritten",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const keys = upTo(manyRows).map((n) => `key-${n}`)
    const at = (position: number) => keys.map((key, i) => row(key, position, { index: i, sorts: [`${i % 7}`] }))
    const park = upTo(500).map((n) => waiting(`parked-${n}`, n))
    yield* t.commits("the first", t.batch(target, { from: 0, to: 1, rows: at(1), park }))
    yield* t.loads("rows", target, keysOf(...keys), ...at(1))
    const unpark = park.map(({ index, key, position, tenant }) => ({ tenant, key, position, index }))
    yield* t.commits("the second", t.batch(target, { from: 1, to: 2, rows: at(2).toReversed(), unpark }))
    yield* t.loads("rows after the second", target, keysOf(...keys), ...at(2))
    yield* t.parks("parked events after the second", target)
    const counted = yield* t.rows.count({ name: target.name, tenant: "", index: undefined })
    yield* t.equal("how many there are", (yield* t.some("what is served", counted)).count, manyRows)
  })
)

const within = define(
  "what runs within a batch runs once, and only where the batch is right",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const old = yield* t.lease(target, "ada")
    yield* t.rows.release(target, "ada")
    yield* t.lease(target, "bob")
    let runs = 0
    const count = Effect.sync(() => {
      runs++
    })
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 5, rows: [row("a", 5)] }), "Committed", count)
    yield* t.equal("runs", runs, 1)
    yield* t.commits("one from elsewhere", t.batch(target, { from: 4, to: 6, rows: [row("a", 6)] }), "Moved", count)
    yield* t.commits("one of ada", t.batch(target, { ...old, from: 5, to: 6, rows: [row("a", 6)] }), "Lost", count)
    yield* t.rows.setState(target, "paused")
    yield* t.commits("one while paused", t.batch(target, { from: 5, to: 6, rows: [row("a", 6)] }), "Stopped", count)
    yield* t.equal("runs for batches that are not right", runs, 1)
    yield* t.loads("rows", target, keysOf("a"), row("a", 5))
  })
)

const withinFails = define(
  "what fails within a batch undoes the batch, and its failure comes back",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    yield* t.holding(target, 2, row("a", 2))
    const parts = { from: 2, to: 4, rows: [row("a", 4), row("b", 4)], park: [waiting("c", 4)], failure: failureAt(4) }
    const batch = t.batch(target, parts)
    const keys = keysOf("a", "b", "c")
    const failing = Effect.gen(function*() {
      const failed = yield* Effect.flip(t.rows.commit(batch, Effect.fail({ _tag: "Mine" as const })))
      yield* t.equal("the failure", failed._tag, "Mine")
    })
    const flipped = Effect.catch(
      failing,
      () => Effect.fail(t.fail("a batch whose effect fails", "its failure", "success"))
    )
    yield* t.unchanged("after a failure within", target, keys, flipped)
    const dying = Effect.flatMap(
      Effect.exit(t.rows.commit(batch, Effect.die("mine"))),
      (exit) => t.equal("the exit of one that dies", Exit.isFailure(exit), true)
    )
    yield* t.unchanged("after a defect within", target, keys, dying)
    const interrupting = Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        t.rows.commit(batch, Effect.andThen(Deferred.succeed(started, undefined), Effect.never))
      )
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
    })
    yield* t.unchanged("after an interruption within", target, keys, interrupting)
    yield* t.commits("the same batch, when nothing fails", batch)
  })
)

const withinRace = define(
  "of two batches that rest on one checkpoint one is committed, however long what runs within them takes",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const long = Effect.forEach(upTo(20), () => Effect.yieldNow, { discard: true })
    for (const at of [0, 10, 20]) {
      const commits = [1, 2, 3].map((n) =>
        t.rows.commit(
          t.batch(target, {
            from: at,
            to: at + 10,
            rows: [row("a", at + 10, { value: `${n}` }), row(`${at}-${n}`, at + 10)]
          }),
          n === 3 ? undefined : long
        )
      )
      const outcomes = yield* Effect.all(commits, { concurrency: "unbounded" })
      yield* t.equal("outcomes", outcomes.toSorted(), ["Committed", "Moved", "Moved"])
      const winner = outcomes.indexOf("Committed") + 1
      const rows = [row("a", at + 10, { value: `${winner}` }), row(`${at}-${winner}`, at + 10)]
      yield* t.loads("rows", target, keysOf("a", ...[1, 2, 3].map((n) => `${at}-${n}`)), ...rows)
    }
  })
)

const enlisted = define(
  "what runs within a batch is undone with it: events that it appends are not there",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const append = (id: string) => Effect.asVoid(t.append(write(t.stream(id), 0)))
    const batch = t.batch(target, { from: 0, to: 3, rows: [row("a", 3)] })
    const failing = Effect.andThen(append("undone"), Effect.fail("mine" as const))
    const undone = yield* Effect.exit(t.rows.commit(batch, failing))
    yield* t.equal("the exit of one that fails", Exit.isFailure(undone), true)
    yield* t.lengths("after it", [t.stream("undone"), 0])
    yield* t.loads("rows after it", target, keysOf("a"))
    yield* t.equal("the outcome", yield* t.rows.commit(batch, append("kept")), "Committed")
    yield* t.lengths("after one that does not fail", [t.stream("kept"), 1])
    yield* t.loads("rows", target, keysOf("a"), row("a", 3))
  }),
  "transactions"
)

const interrupted = define(
  "a batch that is interrupted is written whole or not at all",
  Effect.fnUntraced(function*(t: RowFixture) {
    for (const n of upTo(24)) {
      const target = yield* t.opened({ name: `Rows${n}` })
      const rows = [row("a", n), row("b", n)]
      const fiber = yield* Effect.forkChild(t.rows.commit(t.batch(target, { from: 0, to: n, rows })))
      for (const _ of upTo(n % 8)) yield* Effect.yieldNow
      if (n % 3 === 0) yield* t.store.head
      yield* Fiber.interrupt(fiber)
      // What was sent may still arrive, so both are looked at in one snapshot.
      const found = yield* t.rows.find({ name: target.name, tenant: "" }, ["a", "b"])
      const { rows: read, served } = yield* t.some("what is served", found)
      const written = served.positions[0] !== 0
      yield* t.equal("checkpoint", served.positions, [written ? n : 0])
      yield* t.equal("rows", inAnyOrder(read), inAnyOrder(written ? rows : []))
    }
  })
)

const replaced = define(
  "a row that is written again has its new value, and its new place in every index",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const source = { name: target.name, tenant: "" }
    const keysBy = (index: number | undefined): Effect.Effect<ReadonlyArray<string>, Failure> =>
      Effect.gen(function*() {
        const page = yield* t.rows.list({ ...source, index, backward: false, limit: 10 })
        return (yield* t.some("a page", page)).rows.map(({ row }) => row.key)
      })
    yield* t.holding(target, 1, row("a", 1, { sorts: ["1", "z"] }), row("b", 1, { sorts: ["2", "y"] }))
    yield* t.equal("by the first index", yield* keysBy(0), ["a", "b"])
    yield* t.equal("by the second", yield* keysBy(1), ["b", "a"])
    yield* t.commits("a batch", t.batch(target, { from: 1, to: 2, rows: [row("a", 2, { sorts: ["3", "x"] })] }))
    yield* t.equal("by the first index, later", yield* keysBy(0), ["b", "a"])
    yield* t.equal("by the second, later", yield* keysBy(1), ["a", "b"])
    yield* t.commits("a removal", t.batch(target, { from: 2, to: 3, rows: [tombstone("b", 3)] }))
    for (const index of [0, 1, undefined]) yield* t.equal("without what was removed", yield* keysBy(index), ["a"])
    const rows = [row("b", 4, { sorts: ["9", "0"] })]
    yield* t.commits("its return", t.batch(target, { from: 3, to: 4, rows }))
    yield* t.equal("by the first index, when it is back", yield* keysBy(0), ["a", "b"])
    yield* t.equal("by the second, when it is back", yield* keysBy(1), ["b", "a"])
  })
)

/** Batches: what is written together, and when nothing is. */
export const cases: ReadonlyArray<Definition> = [
  together,
  moved,
  unknownTarget,
  empty,
  unfenced,
  apart,
  large,
  within,
  withinFails,
  withinRace,
  enlisted,
  interrupted,
  replaced
]
