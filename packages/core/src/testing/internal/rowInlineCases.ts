import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { commitOf, event, type Failure, upTo, write } from "./fixture.ts"
import { define, type Definition, keysOf, row, type RowFixture, tombstone } from "./rowFixture.ts"
import { counted, goesWithout, ignored, type Manner, removed, Rider, riding } from "./rowRider.ts"

const ns = (...values: ReadonlyArray<number>) => JSON.stringify({ ns: values })

const level = define(
  "rows ride with the append: they are there when it returns, and the checkpoint with them",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    const { target } = rider
    const [a, b] = [t.stream("a"), t.stream("b", "acme")]
    const commit = commitOf(write(a, 0, counted(1)))
    const first = yield* t.store.append(commit)
    yield* t.equal("commits it was asked to prepare", [...new Set(rider.prepared)], [commit.id])
    yield* t.loads("the row", target, keysOf("a"), row("a", first.last, { value: ns(1) }))
    const found = yield* t.some("find", yield* t.rows.find({ name: target.name, tenant: "" }, ["a"]))
    yield* t.equal("the checkpoint that a reader gets", found.served.positions, [first.last])
    yield* rider.isLevel("after the first")
    const second = yield* t.append(
      write(a, 1, [ignored, counted(2)[0], counted(3)[0]]),
      write(b, 0, counted(4)),
      write(t.stream("a", "", "Foreign"), 0, counted(5)),
      write(a, 4, counted(6))
    )
    const rows = [
      row("a", second.last, { value: ns(1, 2, 3, 6) }),
      row("b", second.first + 3, { tenant: "acme", value: ns(4) })
    ]
    yield* t.loads("rows of a commit over streams", target, [...keysOf("a"), { tenant: "acme", key: "b" }], ...rows)
    yield* rider.isLevel("after a commit over streams")
    const page = yield* t.some(
      "a page",
      yield* t.rows.list({ name: target.name, tenant: "", index: 0, backward: false, limit: 9 })
    )
    yield* t.equal("places in the index", page.rows.map(({ row, sort }) => [row.key, sort]), [["a", "1003"]])
  }),
  "inline"
)

const matchless = define(
  "a commit that no row is about moves the checkpoint all the same",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    yield* t.append(write(t.stream("a"), 0, counted(1)))
    for (const n of upTo(3)) {
      yield* t.append(write(t.stream("other", "", "Foreign"), n - 1, [event()]))
      yield* rider.isLevel(`after ${n} of them`)
    }
    yield* t.append(write(t.stream("a"), 1, counted(2)))
    yield* rider.isLevel("after one that a row is about")
    yield* t.movesInTime(rider.target, t.append(write(t.stream("a"), "any", counted(3))))
  }),
  "inline"
)

const removes = define(
  "a row that an event removes leaves a tombstone, which the next event comes behind",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    const stream = t.stream("a")
    const { last } = yield* t.append(write(stream, 0, [...counted(1), removed]))
    yield* t.loads("the tombstone", rider.target, keysOf("a"), tombstone("a", last))
    const found = yield* t.some("find", yield* t.rows.find({ name: rider.target.name, tenant: "" }, ["a"]))
    yield* t.equal("what is found", found.rows, [])
    const next = yield* t.append(write(stream, 2, counted(2)))
    yield* t.loads("the row", rider.target, keysOf("a"), row("a", next.last, { value: ns(2) }))
    yield* rider.isLevel("after all")
  }),
  "inline"
)

const conflicts = define(
  "a commit that conflicts leaves rows and checkpoint alone",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    const [a, b] = [t.stream("a"), t.stream("b")]
    yield* t.append(write(a, 0, counted(1)))
    const conflicting = Effect.gen(function*() {
      yield* t.reason("a commit", t.append(write(a, 0, counted(2))), "Conflict")
      yield* t.reason("one over streams", t.append(write(b, 0, counted(3)), write(a, 9, counted(4))), "Conflict")
      yield* t.reason("one that is refused", t.append(write(a, -1, counted(5))), "Refused")
    })
    yield* t.unchanged("after conflicts", rider.target, keysOf("a", "b"), conflicting)
    yield* rider.isLevel("after conflicts")
  }),
  "inline"
)

const replays = define(
  "a commit that comes again applies no row twice",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    const commit = commitOf(write(t.stream("a"), "any", counted(1, 2)))
    yield* t.store.append(commit)
    const again = yield* t.store.append(commit)
    yield* t.equal("replayed", again.replayed, true)
    yield* rider.isLevel("after it came again")
    const others = upTo(8).map((n) => t.append(write(t.stream(`s${n % 3}`), "any", counted(n))))
    const comes = upTo(4).map(() => t.store.append(commit))
    yield* Effect.all([...comes, ...others, ...comes], { concurrency: "unbounded" })
    yield* rider.catchUp
    yield* rider.isRight("after it came among others")
  }),
  "inline"
)

/** A rider whose target stands before events of the case, attached. */
const ridingBehind = (t: RowFixture, manner: Manner): Effect.Effect<Rider, Failure, Scope.Scope> =>
  Effect.gen(function*() {
    yield* t.append(write(t.stream("a"), "any", counted(1)))
    const rider = new Rider(t, yield* t.opened({ mode: "inline", position: t.start }), manner)
    yield* rider.attach
    return rider
  })

const behind = define(
  "while a projection is behind, commits go without its rows, and it is told which it missed",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* ridingBehind(t, { lazy: true })
    yield* goesWithout(t, "of the first commit", rider, t.append(write(t.stream("a"), 1, counted(2))))
    yield* goesWithout(t, "of the second", rider, t.append(write(t.stream("b"), 0, counted(3))))
    yield* goesWithout(t, "of one that no row is about", rider, t.append(write(t.stream("c"), 0, [ignored])))
    const asked = rider.catchUps.length
    yield* t.holds("how often it was asked to catch up", asked > 0, "at least once", asked)
    yield* rider.catchUp
    yield* rider.isRight("when it has caught up")
    const missed = rider.missed.length
    yield* t.append(write(t.stream("b"), 1, counted(4)))
    yield* rider.isLevel("after an append when it has caught up", missed)
  }),
  "inline"
)

const catchesUp = define(
  "a projection that is behind is brought to the head before the next append",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* ridingBehind(t, {})
    // Who attaches says nothing of where it stands: the first commit may be how the store finds out.
    const first = yield* t.append(write(t.stream("a"), 1, counted(2)))
    const missed = rider.missed.length
    yield* t.append(write(t.stream("b"), 0, counted(3)))
    yield* rider.isLevel("after the second append", missed)
    const asked = rider.catchUps.length
    yield* t.holds("how often it was asked to catch up", asked > 0, "at least once", asked)
    const heads = rider.catchUps.every((head) => head <= first.last)
    yield* t.holds("heads when it was asked", heads, `at most ${first.last}`, rider.catchUps)
    for (const n of upTo(5)) yield* t.append(write(t.stream("a"), n + 1, counted(n)))
    yield* rider.isLevel("after more of them", missed)
    yield* t.equal("how often it was asked when it was level", rider.catchUps.length, asked)
  }),
  "inline"
)

/** Inline rows, one append after the other. */
export const cases: ReadonlyArray<Definition> = [
  level,
  matchless,
  removes,
  conflicts,
  replays,
  behind,
  catchesUp
]
