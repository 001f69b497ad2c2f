import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Failure as Failed, Target } from "../../RowStore.ts"
import * as StoredEvent from "../../StoredEvent.ts"
import { type Failure, upTo } from "./fixture.ts"
import { define, type Definition, keysOf, longLease, row, type RowFixture, tombstone, waiting } from "./rowFixture.ts"

/** A failure with everything that one can have. */
export const failureAt = (position: number): Failed => ({
  at: DateTime.makeUnsafe(1_700_000_000_123),
  position,
  eventId: "0197-1/0",
  type: "Happened",
  tenant: "acme",
  key: "a",
  attempts: 3,
  cause: "the fold threw: “no”\n  at line 1"
})

const opened = define(
  "a new entry stands at 0, runs, serves, and knows its store",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = t.target()
    const entry = yield* t.rows.open({ target, mode: "async" })
    const [{ fence: _, movedAt, ...checkpoint }] = entry.checkpoints
    yield* t.equal("its checkpoints", entry.checkpoints.length, 1)
    yield* t.equal("its checkpoint", { ...checkpoint, owner: Option.isSome(checkpoint.owner) }, {
      partition: 0,
      position: 0,
      owner: false,
      rate: 0
    })
    yield* t.holds("movedAt", DateTime.isDateTime(movedAt), "a time", movedAt)
    const { storeId } = yield* t.admin.status
    const { checkpoints: _checkpoints, failure, ...rest } = entry
    yield* t.equal("failure", Option.isSome(failure), false)
    yield* t.equal("the rest", rest, {
      target,
      storeId,
      mode: "async",
      indexes: [],
      state: "running",
      serving: true,
      parkedKeys: 0,
      parkedEvents: 0
    })
    yield* t.equal("the entry when it is asked for", yield* t.entry(target), entry)
    const { storeId: ofReceipt } = yield* t.append({
      stream: t.stream(),
      expected: 0,
      events: [{ type: "Happened", revision: 1, payload: {} }]
    })
    yield* t.equal("store of a receipt", ofReceipt, storeId)
  })
)

const openedAt = define(
  "a new entry starts where it is told, in every partition",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = t.target()
    const { checkpoints } = yield* t.rows.open({ target, mode: "inline", position: 7, partitions: 3 })
    yield* t.equal("its checkpoints", checkpoints.map(({ partition, position }) => [partition, position]), [[0, 7], [
      1,
      7
    ], [2, 7]])
    yield* t.equal("its mode", (yield* t.entry(target)).mode, "inline")
    const many = yield* t.rows.open({ target: t.target("Many"), mode: "async", partitions: 64 })
    const partitions = many.checkpoints.map(({ partition }) => partition + 1)
    yield* t.equal("partitions of the one with most of them", partitions, upTo(64))
  })
)

const openedAgain = define(
  "an entry that is opened again is found as it is, and says how it was opened last",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 2 })
    yield* t.commits("a batch", t.batch(target, { from: 0, to: 5, rows: [row("a", 3)], failure: failureAt(3) }))
    const running = yield* t.entry(target)
    yield* t.equal(
      "the entry, told another position",
      yield* t.rows.open({ target, mode: "async", position: 99 }),
      running
    )
    yield* t.leases(target, "ada")
    yield* t.rows.setState(target, "paused")
    const before = yield* t.entry(target)
    const again = yield* t.rows.open({ target, mode: "inline", position: 99 })
    yield* t.equal("the entry", again, { ...before, mode: "inline" })
    yield* t.equal("the entry when it is asked for", yield* t.entry(target), again)
    const same = yield* t.rows.open({ target, mode: "async", partitions: 2 })
    yield* t.equal("the entry opened with the partitions it has", same, before)
    yield* t.loads("its rows", target, keysOf("a"), row("a", 3))
  })
)

const firstServes = define(
  "the first revision of a name serves, and later ones do not",
  Effect.fnUntraced(function*(t: RowFixture) {
    for (const revision of [3, 1, 4]) yield* t.opened({ revision })
    yield* t.opened({ name: "Other", revision: 2 })
    const serving = (yield* t.rows.entries({ kind: "projection", name: t.target().name })).map((entry) => [
      entry.target.revision,
      entry.serving
    ])
    yield* t.equal("who serves", serving, [[1, false], [3, true], [4, false]])
    yield* t.equal("another name", (yield* t.entry(t.target("Other", 2))).serving, true)
    const names = upTo(6).map((n) => `Race${n}`)
    const opens = names.flatMap((name) => [1, 1, 2, 3].map((revision) => t.opened({ name, revision })))
    yield* Effect.all(opens, { concurrency: "unbounded" })
    for (const name of names) {
      const entries = yield* t.rows.entries({ kind: "projection", name: t.target(name).name })
      yield* t.equal("revisions opened at once", entries.map(({ target }) => target.revision), [1, 2, 3])
      yield* t.equal("how many of them serve", entries.filter(({ serving }) => serving).length, 1)
    }
  })
)

const listed = define(
  "entries come by name and revision, only those that are asked for",
  Effect.fnUntraced(function*(t: RowFixture) {
    const targets: ReadonlyArray<Target> = [
      t.target("B", 2),
      t.target("A", 10),
      t.target("A", 2),
      t.target("B", 1),
      { ...t.target("A", 1), kind: "subscription" }
    ]
    for (const target of targets) yield* t.rows.open({ target, mode: "async" })
    const own = (yield* t.rows.entries({ kind: "projection" })).map(({ target }) => target).filter((target) =>
      targets.some(({ kind, name }) => kind === target.kind && name === target.name)
    )
    yield* t.equal("projections", own, [t.target("A", 2), t.target("A", 10), t.target("B", 1), t.target("B", 2)])
    const ofName = yield* t.rows.entries({ kind: "projection", name: t.target("A").name })
    yield* t.equal("projections of a name", ofName.map(({ target }) => target.revision), [2, 10])
    const subscriptions = yield* t.rows.entries({ kind: "subscription", name: t.target("A").name })
    yield* t.equal("subscriptions of a name", subscriptions.map(({ target }) => target), [targets[4]])
    yield* t.equal("entries of nobody", yield* t.rows.entries({ kind: "projection", name: t.target("C").name }), [])
  })
)

const kinds = define(
  "a projection and a subscription of one name have nothing in common",
  Effect.fnUntraced(function*(t: RowFixture) {
    const projection = yield* t.opened()
    const subscription: Target = { ...projection, kind: "subscription" }
    const other: Target = { ...subscription, name: t.target("Other").name }
    yield* t.rows.open({ target: subscription, mode: "async", position: 4 })
    yield* t.rows.open({ target: other, mode: "async" })
    yield* t.holding(projection, 9, row("a", 9))
    yield* t.equal("checkpoint of the subscription", yield* t.positions(subscription), [4])
    const park = [waiting("a", 4)]
    yield* t.commits("a batch of it", t.batch(subscription, { from: 4, to: 5, park }))
    yield* t.parks("parked events of the projection", projection)
    yield* t.parks("parked events of the subscription", subscription, waiting("a", 4))
    yield* t.loads("rows of the subscription", subscription, keysOf("a"))
    const unserved = yield* t.rows.find({ name: other.name, tenant: "" }, ["a"])
    yield* t.equal("rows that a subscription serves", Option.isSome(unserved), false)
    yield* t.rows.setState(subscription, "paused")
    yield* t.equal("state of the projection", (yield* t.entry(projection)).state, "running")
    yield* t.rows.drop(projection)
    yield* t.parks("parked events of the subscription, when it is alone", subscription, waiting("a", 4))
    const again = yield* t.rows.open({ target: projection, mode: "async" })
    yield* t.equal("whether a projection serves that comes later", again.serving, true)
  })
)

const repartitioned = define(
  "with another number of partitions all start at the least checkpoint",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 3 })
    for (const [partition, to] of [[0, 30], [1, 10], [2, 20]] as const) {
      const parts = { partition, from: 0, to, rows: [row(`k${partition}`, to)], park: [waiting(`p${partition}`, to)] }
      yield* t.commits("a batch", t.batch(target, parts))
    }
    yield* t.equal("checkpoints before", yield* t.positions(target), [30, 10, 20])
    const more = yield* t.rows.open({ target, mode: "async", partitions: 4 })
    yield* t.equal("checkpoints of 4", more.checkpoints.map(({ partition, position }) => [partition, position]), [
      [0, 10],
      [1, 10],
      [2, 10],
      [3, 10]
    ])
    yield* t.commits("a batch of the last", t.batch(target, { partition: 3, from: 10, to: 12 }))
    const fewer = yield* t.rows.open({ target, mode: "async", partitions: 2 })
    yield* t.equal("checkpoints of 2", fewer.checkpoints.map(({ position }) => position), [10, 10])
    const one = yield* t.rows.open({ target, mode: "async", partitions: 1 })
    yield* t.equal("checkpoints of 1", one.checkpoints.map(({ position }) => position), [10])
    yield* t.equal("the entry", yield* t.entry(target), one)
    yield* t.loads("rows", target, keysOf("k0", "k1", "k2"), row("k0", 30), row("k1", 10), row("k2", 20))
    yield* t.parks("parked events", target, waiting("p0", 30), waiting("p1", 10), waiting("p2", 20))
  })
)

const level = define(
  "a number of partitions that is to change where all are level stays where they are not",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 2 })
    const open = (partitions: number) => t.rows.open({ target, mode: "async", partitions, level: true })
    yield* t.commits("a batch of one", t.batch(target, { partition: 0, from: 0, to: 7 }))
    const stays = yield* open(3)
    yield* t.equal("checkpoints", stays.checkpoints.map(({ position }) => position), [7, 0])
    yield* t.commits("a batch of the other", t.batch(target, { partition: 1, from: 0, to: 7 }))
    const changed = yield* open(3)
    yield* t.equal("checkpoints when they are level", changed.checkpoints.map(({ position }) => position), [7, 7, 7])
  })
)

const declared = define(
  "an entry keeps what its indexes are of, tells it with its rows, and is not opened with others",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = t.target()
    const open = (indexes?: ReadonlyArray<string>) => t.rows.open({ target, mode: "async", indexes })
    yield* t.equal("when it is made", (yield* open(["b", "a c"])).indexes, ["b", "a c"])
    yield* t.equal("when nothing is said", (yield* open()).indexes, ["b", "a c"])
    yield* t.equal("when the same is said", (yield* open(["b", "a c"])).indexes, ["b", "a c"])
    for (const others of [["a c", "b"], ["b"], ["b", "a c", "d"], []]) {
      yield* t.refused(`indexes ${others.join(", ")}`, open(others))
    }
    yield* t.equal("the entry", (yield* t.entry(target)).indexes, ["b", "a c"])
    const source = { name: target.name, tenant: "" }
    const found = yield* t.some("find", yield* t.rows.find(source, []))
    yield* t.equal("with its rows", found.served.indexes, ["b", "a c"])
  })
)

const unfit = define(
  "a number of partitions that cannot be is refused",
  Effect.fnUntraced(function*(t: RowFixture) {
    const open = (partitions: number) => t.rows.open({ target: t.target(), mode: "async", partitions })
    for (const partitions of [0, -1, 1.5, 65, NaN]) yield* t.refused(`${partitions} partitions`, open(partitions))
    yield* t.equal("entries", yield* t.rows.entries({ kind: "projection", name: t.target().name }), [])
  })
)

const unknown = define(
  "what is not there cannot be made to serve, nor paused",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const unknown = t.target("Rows", 2)
    yield* t.unchanged(
      "after refusals",
      target,
      [],
      Effect.gen(function*() {
        yield* t.refused("to serve a revision that is not there", t.rows.serve(unknown))
        yield* t.refused("to serve a name that is not there", t.rows.serve(t.target("Nobody")))
        yield* t.refused("to pause a revision that is not there", t.rows.setState(unknown, "paused"))
        yield* t.refused(
          "to halt a name that is not there",
          t.rows.setState(t.target("Nobody"), "halted", failureAt(1))
        )
        yield* t.refused("to tell whether a name that is not there is empty", t.rows.isEmpty(t.target("Nobody")))
      })
    )
  })
)

const switches = 20

const atomic = define(
  "whoever reads while another revision begins to serve reads one of them",
  Effect.fnUntraced(function*(t: RowFixture) {
    const { name } = t.target()
    for (const revision of [1, 2]) {
      const target = yield* t.opened({ revision })
      yield* t.holding(target, revision * 10, row("a", revision, { value: `{"revision":${revision}}` }))
    }
    let done = false
    const switching = Effect.gen(function*() {
      for (const n of upTo(switches)) {
        yield* t.rows.serve(t.target("Rows", n % 2 + 1))
        yield* Effect.yieldNow
      }
      done = true
    })
    const finding: Effect.Effect<void, Failure> = Effect.gen(function*() {
      while (!done) {
        const { rows, served } = yield* t.some("what is served", yield* t.rows.find({ name, tenant: "" }, ["a"]))
        const values = rows.map(({ value }) => StoredEvent.parseJson(value ?? ""))
        yield* t.equal("rows of the revision that serves", values, [{ revision: served.revision }])
        yield* t.equal("its checkpoints", served.positions, [served.revision * 10])
        yield* Effect.yieldNow
      }
    })
    const counting: Effect.Effect<void, Failure> = Effect.gen(function*() {
      while (!done) {
        const entries = yield* t.rows.entries({ kind: "projection", name })
        yield* t.equal("how many revisions serve", entries.filter(({ serving }) => serving).length, 1)
        yield* Effect.yieldNow
      }
    })
    yield* Effect.all([switching, finding, counting], { concurrency: "unbounded" })
    const other = yield* t.opened({ name: "Other" })
    yield* t.rows.serve(t.target("Rows", 2))
    yield* t.rows.serve(t.target("Rows", 2))
    yield* t.equal("another name", (yield* t.entry(other)).serving, true)
    yield* t.equal("revision 1", (yield* t.entry(t.target("Rows", 1))).serving, false)
    yield* t.equal("revision 2, told twice", (yield* t.entry(t.target("Rows", 2))).serving, true)
  })
)

const paused = define(
  "what is paused or halted does not move until it runs again, and is read meanwhile",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    yield* t.holding(target, 3, row("a", 3))
    for (const state of ["paused", "halted"] as const) {
      const { fence, position } = yield* t.lease(target, "ada")
      yield* t.rows.setState(target, state)
      yield* t.equal("state", (yield* t.entry(target)).state, state)
      const refused = { from: position, to: position + 1, rows: [row("a", position + 1)], park: [waiting("b", 1)] }
      yield* t.unchanged(
        `while ${state}`,
        target,
        keysOf("a", "b"),
        Effect.gen(function*() {
          const acquired = yield* t.rows.acquire({ target, owner: "ada", lease: longLease })
          yield* t.equal("acquired", acquired, { state, partitions: 1, leases: [] })
          yield* t.commits(`a batch while ${state}`, t.batch(target, { ...refused, fence }), "Stopped")
          yield* t.commits(`a batch without a fence while ${state}`, t.batch(target, refused), "Stopped")
        })
      )
      const found = yield* t.some("what is served", yield* t.rows.find({ name: target.name, tenant: "" }, ["a"]))
      yield* t.equal("its state", found.served.state, state)
      yield* t.equal("its rows", found.rows.length, 1)
      yield* t.rows.setState(target, "running")
      const lease = yield* t.lease(target, "ada")
      yield* t.equal("position of the lease", lease.position, position)
      const batch = t.batch(target, { ...refused, park: [], fence: lease.fence })
      yield* t.commits("a batch when it runs again", batch)
    }
  })
)

const failures = define(
  "the last failure is kept, word for word, and stays when the target runs again",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const failure = Effect.map(t.entry(target), (entry) => Option.getOrUndefined(entry.failure))
    yield* t.rows.setState(target, "halted", failureAt(5))
    yield* t.equal("failure of a halt", yield* failure, failureAt(5))
    yield* t.rows.setState(target, "running")
    yield* t.equal("failure after it", yield* failure, failureAt(5))
    const early: Failed = { ...failureAt(6), key: undefined, tenant: "", attempts: 1 }
    yield* t.commits("a batch that fails", t.batch(target, { from: 0, to: 6, failure: early }))
    yield* t.equal("failure of a batch, before its key was known", yield* failure, early)
    yield* t.commits("a batch that does not", t.batch(target, { from: 6, to: 7 }))
    yield* t.equal("failure after it", yield* failure, early)
  })
)

const drops = define(
  "what is dropped is gone, and its name can be made again",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 2 })
    const rows = [row("a", 3, { sorts: ["x"] }), tombstone("b", 4)]
    const batch = t.batch(target, { from: 0, to: 4, rows, park: [waiting("c", 2)], failure: failureAt(2) })
    yield* t.commits("a batch", batch)
    yield* t.rows.drop(target)
    yield* t.equal("entries", yield* t.rows.entries({ kind: "projection", name: target.name }), [])
    const found = yield* t.rows.find({ name: target.name, tenant: "" }, ["a"])
    yield* t.equal("what is served", Option.isSome(found), false)
    yield* t.commits("a batch of what was dropped", t.batch(target, { from: 4, to: 5, rows: [row("a", 5)] }), "Stopped")
    const again = yield* t.rows.open({ target, mode: "async" })
    yield* t.equal("checkpoints of the new one", again.checkpoints.map(({ position }) => position), [0])
    yield* t.equal("failure of the new one", Option.isSome(again.failure), false)
    yield* t.equal("whether it serves", again.serving, true)
    yield* t.loads("rows of the new one", target, keysOf("a", "b", "c"))
    yield* t.parks("parked events of the new one", target)
    yield* t.commits("its first batch", t.batch(target, { from: 0, to: 1, rows: [row("a", 1), row("b", 1)] }))
    yield* t.loads("rows it is given", target, keysOf("a", "b"), row("a", 1), row("b", 1))
  })
)

const dropsBeside = define(
  "a revision that serves beside others cannot be dropped, and dropping one leaves the others",
  Effect.fnUntraced(function*(t: RowFixture) {
    const [one, two] = [yield* t.opened({ revision: 1 }), yield* t.opened({ revision: 2 })]
    for (const target of [one, two]) {
      yield* t.commits("a batch", t.batch(target, { from: 0, to: 2, rows: [row("a", 2)], park: [waiting("b", 1)] }))
    }
    yield* t.unchanged("after a refusal", one, keysOf("a"), t.refused("to drop what serves", t.rows.drop(one)))
    yield* t.rows.serve(two)
    yield* t.unchanged("after its neighbour was dropped", two, keysOf("a"), t.rows.drop(one))
    const gone = yield* t.rows.find({ name: one.name, revision: 1, tenant: "" }, ["a"])
    yield* t.equal("rows of what was dropped", Option.isSome(gone), false)
    yield* t.rows.drop(two)
    yield* t.equal("entries", yield* t.rows.entries({ kind: "projection", name: one.name }), [])
  })
)

/** Entries: how they come, serve, stop and go. */
export const cases: ReadonlyArray<Definition> = [
  opened,
  openedAt,
  openedAgain,
  firstServes,
  listed,
  kinds,
  repartitioned,
  level,
  declared,
  unfit,
  unknown,
  atomic,
  paused,
  failures,
  drops,
  dropsBeside
]
