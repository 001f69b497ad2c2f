import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { StoredRow } from "../../RowStore.ts"
import { commitOf, type Failure, upTo, write } from "./fixture.ts"
import { define, type Definition, keysOf, row, type RowFixture, waiting } from "./rowFixture.ts"
import { counted, goesWithout, ignored, type Manner, Rider, riding } from "./rowRider.ts"

const parked = define(
  "a commit to a parked key goes without rows, one to another key with them",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t, { lazy: true })
    const { last } = yield* t.append(write(t.stream("a"), 0, counted(1)), write(t.stream("b"), 0, counted(2)))
    const park = [waiting("a", last)]
    yield* t.commits("a batch that parks", t.batch(rider.target, { from: last, to: last, park }))
    yield* t.append(write(t.stream("b"), 1, counted(3)))
    yield* rider.isLevel("after a commit to another key")
    // The same key of another tenant is another key.
    yield* t.append(write(t.stream("a", "acme"), 0, counted(4)))
    yield* rider.isLevel("after a commit to another tenant")
    yield* goesWithout(t, "of a parked key", rider, t.append(write(t.stream("a"), 1, counted(5))))
  }),
  "inline"
)

const stopped = define(
  "a projection that is paused, halted, partitioned or dropped does not ride",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    const { target } = rider
    const append = (n: number) => t.append(write(t.stream("a"), n, counted(n)))
    yield* append(0)
    for (const [i, state] of (["paused", "halted"] as const).entries()) {
      yield* t.rows.setState(target, state)
      yield* goesWithout(t, `while ${state}`, rider, append(i * 2 + 1))
      yield* t.rows.setState(target, "running")
      const missed = rider.missed.length
      yield* append(i * 2 + 2)
      yield* rider.isLevel(`when it runs again after it was ${state}`, missed)
    }
    yield* t.rows.open({ target, mode: "async", partitions: 2 })
    yield* goesWithout(t, "of two partitions", rider, append(5))
    const { first, last } = yield* t.append(write(t.stream("b"), 0, counted(6)))
    yield* t.rows.drop(target)
    const receipt = yield* append(6)
    yield* t.equal("events of commits after it was dropped", receipt.last - last, last - first + 1)
    yield* t.equal("entries", yield* t.rows.entries({ kind: "projection", name: target.name }), [])
    yield* t.lengths("after all", [t.stream("a"), 7])
  }),
  "inline"
)

const unprepared: ReadonlyArray<readonly [name: string, manner: Manner]> = [
  ["cannot be prepared", { prepare: () => undefined }],
  ["cannot be folded", { prepare: ({ keys }) => ({ keys, fold: () => undefined }) }]
]

const withouts = unprepared.map(([name, manner]) =>
  define(
    `a commit that ${name} goes without rows`,
    Effect.fnUntraced(function*(t: RowFixture) {
      const rider = yield* riding(t, { ...manner, lazy: true })
      const other = yield* riding(t, {}, "Other")
      yield* goesWithout(t, "of the commit", rider, t.append(write(t.stream("a"), 0, counted(1))))
      yield* other.isLevel("of another projection")
      const { replayed } = yield* t.append(write(t.stream("a"), 1, counted(2)))
      yield* t.equal("replayed of the next", replayed, false)
      yield* t.lengths("after both", [t.stream("a"), 2])
    }),
    "inline"
  )
)

const throws = define(
  "a fold that throws takes neither the commit nor another projection's rows with it",
  Effect.fnUntraced(function*(t: RowFixture) {
    const manner: Manner = {
      prepare: ({ keys }) => ({
        keys,
        fold: () => {
          throw new Error("a fold that throws")
        }
      })
    }
    const rider = yield* riding(t, { ...manner, lazy: true })
    const other = yield* riding(t, {}, "Other")
    yield* goesWithout(t, "of the commit", rider, t.append(write(t.stream("a"), 0, counted(1))))
    yield* t.lengths("after it", [t.stream("a"), 1])
    yield* other.isLevel("of another projection")
  }),
  "inline"
)

const detached = define(
  "a projection rides until its scope closes",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ mode: "inline", position: yield* t.store.head })
    const rider = new Rider(t, target, {})
    const scope = yield* Scope.make()
    yield* Scope.provide(rider.attach, scope)
    const { last } = yield* t.append(write(t.stream("a"), 0, counted(1)))
    yield* Scope.close(scope, Exit.void)
    const asked = rider.prepared.length
    yield* t.append(write(t.stream("a"), 1, counted(2)))
    yield* t.equal("commits it was asked to prepare", rider.prepared.length, asked)
    yield* t.equal("positions it missed", rider.missed, [])
    yield* t.equal("checkpoint", yield* t.positions(target), [last])
    yield* rider.catchUp
    const again = new Rider(t, target, {})
    yield* again.attach
    yield* t.append(write(t.stream("a"), 2, counted(3)))
    yield* again.isLevel("of who attached it again")
    yield* t.equal("commits that the first was asked to prepare", rider.prepared.length, asked)
  }),
  "inline"
)

const several = define(
  "projections ride side by side: one that is behind keeps no other from it",
  Effect.fnUntraced(function*(t: RowFixture) {
    yield* t.append(write(t.stream("a"), 0, counted(1)))
    const late = new Rider(t, yield* t.opened({ name: "Late", position: t.start }), { lazy: true })
    yield* late.attach
    const [one, two] = [yield* riding(t, {}, "One"), yield* riding(t, {}, "Two")]
    for (const rider of [one, two]) yield* rider.catchUp
    const { rows } = yield* t.rows.load(one.target, keysOf("a"))
    yield* t.equal("rows from before they rode", rows, [])
    const receipt = yield* t.append(write(t.stream("b"), 0, counted(2)), write(t.stream("c"), 0, [ignored]))
    for (const rider of [one, two]) {
      yield* t.equal("checkpoint", yield* t.positions(rider.target), [receipt.last])
      yield* t.loads("rows", rider.target, keysOf("a", "b"), row("b", receipt.first, { value: "{\"ns\":[2]}" }))
      yield* t.equal("missed", rider.missed, [])
    }
    yield* t.equal("checkpoint of the late one", yield* t.positions(late.target), [t.start])
    yield* t.loads("rows of the late one", late.target, keysOf("a", "b"))
    yield* t.holds("missed by the late one", late.missed.includes(receipt.last), `${receipt.last}`, late.missed)
    yield* late.catchUp
    yield* late.isRight("of the late one when it has caught up")
  }),
  "inline"
)

const large = define(
  "the rows of a commit of 1,000 events ride with it",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    const [first, ...others] = upTo(200).map((n) => write(t.stream(`s${n}`), 0, counted(1, 2, 3, 4, 5)))
    yield* t.append(first!, ...others)
    yield* rider.isLevel("after it")
  }),
  "inline"
)

const writers = 24

const concurrent = define(
  "whatever writers do at once, rows are those of the commits that were written, each once",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    const again = commitOf(write(t.stream("again"), "any", counted(1)), write(t.stream("s0"), "any", counted(2)))
    for (const round of upTo(4)) {
      const appends = upTo(writers).map((n) => {
        const [mine, shared] = [t.stream(`s${n % 5}`), t.stream(`race-${round}`)]
        if (n % 6 === 0) return t.store.append(again)
        if (n % 2 === 0) return t.append(write(mine, "any", counted(n, round)))
        // Of these one wins, and what the others would have added to the rows of others is nowhere.
        return t.append(write(mine, "any", counted(-n)), write(shared, 0, counted(n)))
      })
      yield* Effect.forEach(appends, Effect.result, { concurrency: "unbounded" })
      const head = yield* t.store.head
      const [at = 0] = yield* t.positions(rider.target)
      const told = at === head || rider.missed.includes(head)
      yield* t.holds(`checkpoint of round ${round}`, told, `${head}, or told that it was missed`, at)
    }
    yield* rider.catchUp
    yield* rider.isRight("after all")
  }),
  "inline"
)

const beside = define(
  "a runner beside the writers neither loses what they fold nor folds it twice",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    let done = false
    const appending = Effect.forEach(upTo(120), (n) => t.append(write(t.stream(`s${n % 7}`), "any", counted(n, -n))), {
      concurrency: 8,
      discard: true
    }).pipe(Effect.andThen(Effect.sync(() => {
      done = true
    })))
    // While it catches up, commits go with their rows or without: by the checkpoint alone one of the two is too late.
    const running = Effect.gen(function*() {
      while (!done) {
        yield* rider.catchUp
        yield* Effect.yieldNow
      }
    })
    yield* Effect.all([appending, running], { concurrency: "unbounded" })
    yield* rider.catchUp
    yield* rider.isLevel("after all", rider.missed.length)
  }),
  "inline"
)

const interrupted = define(
  "an append that is interrupted is written with its rows, or is not written",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    for (const n of upTo(24)) {
      const commit = commitOf(write(t.stream(`a${n % 5}`), "any", counted(n)), write(t.stream(`b${n}`), 0, counted(n)))
      const fiber = yield* Effect.forkChild(t.store.append(commit))
      for (const _ of upTo(n % 8)) yield* Effect.yieldNow
      if (n % 3 === 0) yield* t.store.head
      yield* Fiber.interrupt(fiber)
      // Known again or new, it is there afterwards, once.
      yield* t.store.append(commit)
    }
    yield* rider.catchUp
    yield* rider.isRight("after all")
    yield* t.lengths("of each", ...upTo(24).map((n) => [t.stream(`b${n}`), 1] as const))
  }),
  "inline"
)

/** Marks in a row beside the numbers of its events. Rows are written by the rider, and by who marks them. */
const marked = (row: StoredRow | undefined): { readonly ns: ReadonlyArray<number>; readonly marks?: number } =>
  JSON.parse(row?.value ?? "{}")

const drainsMost = 400

const meeting = define(
  "a row that somebody else has moved is never written over by a commit that had not seen it",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t, { lazy: true })
    const { target } = rider
    const keys = ["k0", "k1", "k2"]
    const streams = keys.map((key) => t.stream(key))
    for (const stream of streams) yield* t.append(write(stream, 0, counted(0)))
    // Who runs a projection does one thing after the other; only appends come in between.
    const runner = Semaphore.makeUnsafe(1)
    let done = false
    const appending = Effect.gen(function*() {
      for (const n of upTo(40)) {
        const missed = rider.missed.length
        yield* t.append(write(streams[n % 3]!, "any", counted(n)))
        if (rider.missed.length > missed) yield* runner.withPermit(rider.catchUp)
        yield* Effect.yieldNow
      }
      done = true
    })
    // Like who drains parked events: the row moves, and the checkpoint stays.
    const marks = new Map(keys.map((key) => [key, 0]))
    const drain = Effect.fnUntraced(function*(key: string) {
      const [at = 0] = yield* t.positions(target)
      const { rows: [before] } = yield* t.rows.load(target, keysOf(key))
      yield* Effect.yieldNow
      const { marks: known = 0, ns } = marked(before)
      const { index, position } = before!
      const rows = [row(key, position, { index: index + 1, value: JSON.stringify({ marks: known + 1, ns }) })]
      const outcome = yield* t.rows.commit(t.batch(target, { from: at, to: at, rows }))
      if (outcome === "Committed") marks.set(key, marks.get(key)! + 1)
    })
    const draining = Effect.gen(function*() {
      for (let i = 0; i < drainsMost && !done; i++) {
        yield* runner.withPermit(drain(keys[i % 3]!))
        yield* Effect.yieldNow
      }
    })
    yield* Effect.all([appending, draining], { concurrency: "unbounded" })
    yield* rider.catchUp
    for (const [n, key] of keys.entries()) {
      const { rows: [after] } = yield* t.rows.load(target, keysOf(key))
      const { marks: known = 0, ns } = marked(after)
      yield* t.equal(`events in the row of ${key}`, ns.length, (yield* t.events(streams[n]!)).length)
      yield* t.equal(`marks in the row of ${key}`, known, marks.get(key))
    }
  }),
  "inline"
)

const undone = define(
  "rows that ride with an append are undone with it",
  Effect.fnUntraced(function*(t: RowFixture) {
    const rider = yield* riding(t)
    const batch = t.batch(yield* t.opened({ name: "Around" }), { from: 0, to: 1 })
    const append = (n: number) => t.append(write(t.stream("a"), 0, counted(n)))
    const failing = t.rows.commit(batch, Effect.andThen(append(1), Effect.fail("mine" as const)))
    const failed = Effect.flatMap(
      Effect.exit(failing),
      (exit) => t.equal("the exit of one that fails", Exit.isFailure(exit), true)
    )
    yield* t.unchanged("after it", rider.target, keysOf("a"), failed)
    yield* t.equal("missed", rider.missed, [])
    yield* append(2)
    yield* rider.catchUp
    yield* rider.isRight("after one that is not undone")
    yield* t.lengths("after it", [t.stream("a"), 1])
  }),
  "transactions"
)

/** Longest time until a hint must have come. */
const hintSeconds = 8

/** Fails unless who listens hears of a move, that is made again and again: nobody knows when a listener listens. */
const hears = (t: RowFixture, what: string, move: Effect.Effect<unknown, Failure>): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const heard = yield* Deferred.make<void>()
    const listening = Effect.flatMap(
      Stream.runHead(t.rows.moves),
      (hint) => Option.isSome(hint) ? Deferred.succeed(heard, undefined) : Effect.void
    )
    const moving = Effect.forever(Effect.andThen(move, Effect.yieldNow))
    yield* Effect.raceFirst(
      Effect.raceFirst(Effect.andThen(listening, Deferred.await(heard)), moving),
      Effect.void.pipe(Effect.delay(`${hintSeconds} seconds`))
    )
    const came = yield* Deferred.isDone(heard)
    yield* t.holds(`hints of ${what}`, came, `one within ${hintSeconds} seconds`, "none")
  })

const moves = define(
  "whoever listens hears that a checkpoint has moved",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    let at = 0
    const commit = Effect.suspend(() => t.commits("a batch", t.batch(target, { from: at, to: ++at })))
    yield* hears(t, "batches", commit)
  }),
  "moves"
)

const rides = define(
  "whoever listens hears that a checkpoint has moved with an append",
  Effect.fnUntraced(function*(t: RowFixture) {
    yield* riding(t)
    yield* hears(t, "appends", t.append(write(t.stream("a"), "any", counted(1))))
  }),
  "moves"
)

/** Inline rows beside others, and hints. */
export const cases: ReadonlyArray<Definition> = [
  parked,
  stopped,
  ...withouts,
  throws,
  detached,
  several,
  large,
  concurrent,
  beside,
  interrupted,
  meeting,
  undone,
  moves,
  rides
]
