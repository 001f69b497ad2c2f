/** Following rows: first what is there, then whatever may have changed, resumed without a gap. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Metadata, Projection, RowStore } from "@varve/core"
import { type Cause, Effect, Fiber, Layer, Option, Queue, Schema, Stream } from "effect"
import { below, Customers, modes, Orders, Placed, write } from "./Orders.ts"

type Change = Projection.Change<typeof Orders.row.Type>

/** Takes changes as they come. Bounded by the time of the test. */
const follow = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.gen(function*() {
    const queue = yield* Queue.unbounded<A, E | Cause.Done>()
    yield* Effect.forkScoped(Stream.runIntoQueue(stream, queue), { startImmediately: true })
    return Queue.take(queue)
  })

const short = ({ key, position, row }: Change) => [key, Option.getOrUndefined(row)?.cents, position]

for (const [mode, layer] of Object.entries(modes)) {
  const run = Effect.provide(Layer.provideMerge(layer, below))

  describe(`changes, ${mode}`, () => {
    it.live("sends a row as it is, and whenever it may have changed", () =>
      Effect.gen(function*() {
        yield* write("o1", ["Placed", "ada", 5])
        yield* Orders.whenCaughtUp()
        const next = yield* follow(Orders.changes("o1"))
        assert.deepStrictEqual(short(yield* next), ["o1", 5, 1])
        yield* write("o1", ["Placed", "ada", 1])
        assert.deepStrictEqual(short(yield* next), ["o1", 6, 2])
        yield* write("o2", ["Placed", "bob", 7])
        yield* write("o1", ["Cancelled"])
        const [key, cents, position] = short(yield* next)
        assert.deepStrictEqual([key, cents], ["o1", undefined])
        assert.isAtLeast(position as number, 4)
      }).pipe(Effect.scoped, run))

    it.live("sends that there is no row", () =>
      Effect.gen(function*() {
        yield* Orders.whenCaughtUp()
        const next = yield* follow(Orders.changes("o1"))
        assert.deepStrictEqual(short(yield* next), ["o1", undefined, 0])
        yield* write("o1", ["Placed", "ada", 5])
        assert.deepStrictEqual(short(yield* next), ["o1", 5, 1])
      }).pipe(Effect.scoped, run))

    it.live("sends the rows of a query, and says of those that leave it that they are gone", () =>
      Effect.gen(function*() {
        yield* write("o1", ["Placed", "ada", 5])
        yield* write("o2", ["Placed", "bob", 7])
        yield* write("o3", ["Placed", "ada", 3])
        yield* Orders.whenCaughtUp()
        const unpaid = Orders.changes({ index: "paid", where: { paid: false } })
        const next = yield* follow(unpaid)
        // Only behind the last of them all are sent.
        assert.deepStrictEqual(
          [short(yield* next), short(yield* next), short(yield* next)],
          [["o1", 5, 0], ["o2", 7, 0], ["o3", 3, 3]]
        )
        yield* write("o2", ["Paid", "2024-02-29T12:00:00.000Z"])
        assert.deepStrictEqual(short(yield* next), ["o2", undefined, 4])
        // It is known to be outside: nobody is told again.
        yield* write("o2", ["Paid", "2024-03-29T12:00:00.000Z"])
        yield* write("o4", ["Placed", "cy", 1])
        assert.deepStrictEqual(short(yield* next).slice(0, 2), ["o4", 1])
        yield* write("o2", ["Cancelled"])
        yield* write("o2", ["Placed", "bob", 8])
        // The latest row is sent, not every one in between.
        let change = short(yield* next)
        while (change[0] === "o2" && change[1] === undefined) change = short(yield* next)
        assert.deepStrictEqual(change.slice(0, 2), ["o2", 8])
      }).pipe(Effect.scoped, run))

    it.live("resumes where a reader has stopped, without a gap", () =>
      Effect.gen(function*() {
        for (let i = 1; i <= 5; i++) yield* write(`o${i}`, ["Placed", "ada", i])
        yield* Orders.whenCaughtUp()
        const taken = yield* Stream.runCollect(Stream.take(Orders.changes({}), 5))
        assert.strictEqual(taken.at(-1)!.position, 5)
        for (let i = 1; i <= 3; i++) yield* write(`o${i}`, ["Placed", "ada", 10])
        const receipt = yield* write("o6", ["Placed", "ada", 6])
        const missed = yield* Stream.runCollect(Stream.take(Orders.changes({}, { after: 5 }), 4))
        assert.deepStrictEqual(missed.map((change) => short(change).slice(0, 2)), [
          ["o1", 11],
          ["o2", 12],
          ["o3", 13],
          ["o6", 6]
        ])
        // Stopped in the middle of a page, a reader goes back to its beginning.
        const again = Orders.changes({}, { after: missed[1]!.position })
        const keys = new Set((yield* Stream.runCollect(Stream.take(again, 4))).map(({ key }) => key))
        for (const key of ["o3", "o6"]) assert.isTrue(keys.has(key))
        const next = yield* follow(Orders.changes({}, { after: receipt }))
        yield* write("o7", ["Placed", "ada", 7])
        assert.deepStrictEqual(short(yield* next), ["o7", 7, 10])
        const foreign = Stream.runDrain(Orders.changes({}, { after: { ...receipt, storeId: "another" } }))
        assert.strictEqual((yield* Effect.flip(foreign)).reason._tag, "Refused")
      }).pipe(Effect.scoped, run))

    it.live("follows what every event says, in one tenant", () =>
      Effect.gen(function*() {
        const acme = Metadata.provide({ tenant: "acme" })
        yield* Customers.whenCaughtUp()
        const stream = Customers.changes({ index: "cents", from: 10 })
        const next = yield* follow(stream).pipe(acme)
        yield* write("o1", ["Placed", "ada", 50])
        yield* write("o1", ["Placed", "ada", 9]).pipe(acme)
        assert.deepInclude(yield* next, { key: "ada", row: Option.none() })
        yield* write("o2", ["Placed", "ada", 1]).pipe(acme)
        assert.deepInclude(yield* next, { key: "ada", row: Option.some({ orders: 2, cents: 10 }) })
      }).pipe(Effect.scoped, run))

    it.live("refuses what is no query", () =>
      Effect.gen(function*() {
        const wrong = [Orders.changes(""), Orders.changes({ index: "customer", where: { cents: 5 } })]
        for (const changes of [...wrong, Orders.changes("o1", { after: -1 })]) {
          assert.strictEqual((yield* Effect.flip(Stream.runDrain(changes))).reason._tag, "Refused")
        }
      }).pipe(run))

    it.live("sends more rows than a page has", () =>
      Effect.gen(function*() {
        const store = yield* EventStore.EventStore
        for (let i = 0; i < 5; i++) {
          const [first, ...others] = Array.from({ length: 250 }, (_, j) => ({
            stream: { tenant: "", category: "Order", id: `o${i}-${j}` },
            expected: 0,
            events: [{ type: "Placed", revision: 1, payload: { customer: "ada", cents: 1 } }] as const
          }))
          yield* store.append({ writes: [first!, ...others] })
        }
        yield* Orders.whenCaughtUp()
        const taken = yield* Stream.runCollect(Stream.take(Orders.changes({}), 1_250))
        assert.strictEqual(new Set(taken.map(({ key }) => key)).size, 1_250)
        assert.deepStrictEqual(new Set(taken.slice(0, -1).map(({ position }) => position)), new Set([0]))
        assert.strictEqual(taken.at(-1)!.position, 1_250)
      }).pipe(run))
  })
}

/** Numbers by chance, the same for a seed. */
const chance = (seed: number) => (below: number) => {
  seed = Math.imul(seed, 1_664_525) + 1_013_904_223 | 0
  return (seed >>> 8) % below
}

for (const mode of ["live", "live of a domain", "async", "inline"] as const) {
  describe(`changes, ${mode}, taken in pieces while others write`, () => {
    for (const seed of [1, 2, 3, 4]) {
      it.live(`come to the rows that are there: seed ${seed}`, () =>
        Effect.gen(function*() {
          const random = chance(seed)
          const happen = Effect.suspend(() => {
            const id = `o${random(6)}`
            const kind = random(5)
            return kind === 0
              ? write(id, ["Cancelled"])
              : kind === 1
              ? write(id, ["Paid", "2024-02-29T12:00:00.000Z"])
              : write(id, ["Placed", "ada", 20 + random(100)])
          })
          const writing = yield* Effect.forEach(
            Array.from({ length: 120 }),
            () => Effect.andThen(happen, Effect.yieldNow)
          ).pipe(Effect.andThen(write("the last one", ["Placed", "ada", 1])), Effect.forkScoped)
          const unpaid = { index: "paid", where: { paid: false } } as const
          const rows = new Map<string, typeof Orders.row.Type>()
          let after: number | undefined
          while (!rows.has("the last one")) {
            const changes = Orders.changes(unpaid, after === undefined ? {} : { after })
            const taken: ReadonlyArray<Change> = yield* changes.pipe(
              Stream.take(1 + random(9)),
              Stream.takeUntil(({ key }) => key === "the last one"),
              Stream.runCollect
            )
            for (const { key, position, row } of taken) {
              if (Option.isSome(row)) rows.set(key, row.value)
              else rows.delete(key)
              after = position
            }
          }
          const { last } = yield* Fiber.join(writing)
          assert.strictEqual(after, last)
          const listed = yield* Orders.list({ ...unpaid, after: last })
          const there = listed.rows.map(({ key, row }) => [key, row])
          assert.deepStrictEqual(Array.from(rows).sort(), there)
        }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(modes[mode], below))))
    }
  })
}

describe("changes of stored rows", () => {
  let broken = true
  class Fragile extends Projection.make("Fragile", { row: Schema.Int, events: [Placed] }).fold({
    initial: 0,
    on: {
      Placed: (row, { cents }) => {
        if (broken && cents === 13) throw new Error("Thirteen")
        return row + cents
      }
    }
  }) {}
  const run = Effect.provide(Layer.provideMerge(Fragile.layerAsync, below))

  it.live("tell of a row that was parked, when it is drained", () =>
    Effect.gen(function*() {
      broken = true
      const rows = yield* RowStore.RowStore
      yield* write("o1", ["Placed", "ada", 1])
      yield* write("o2", ["Placed", "ada", 13])
      yield* Fragile.whenCaughtUp()
      // One has seen the key being parked, the other finds it so.
      const late = yield* follow(Fragile.changes({}, { after: 2 }))
      const next = yield* follow(Fragile.changes({}))
      assert.deepInclude(yield* next, { key: "o1", row: Option.some(1) })
      yield* write("o1", ["Placed", "ada", 13])
      yield* write("o1", ["Placed", "ada", 2])
      yield* Fragile.whenCaughtUp()
      broken = false
      const target = { kind: "projection", name: "Fragile", revision: 1 } as const
      for (const key of ["o1", "o2"]) {
        assert.isAbove(yield* rows.retry({ target, key: { tenant: "", key }, skip: false }), 0)
      }
      for (const take of [next, late]) {
        const latest = new Map<string, number | undefined>()
        while (latest.get("o1") !== 16 || latest.get("o2") !== 13) {
          const { key, row } = yield* take
          latest.set(key, Option.getOrUndefined(row))
        }
      }
    }).pipe(Effect.scoped, run))

  it.live("start anew when another revision serves", () =>
    Effect.gen(function*() {
      class Next extends Projection.make("Fragile", { row: Schema.Int, events: [Placed], revision: 2 }).fold({
        initial: 100,
        on: { Placed: (row, { cents }) => row + cents }
      }) {}
      yield* write("o1", ["Placed", "ada", 1])
      yield* Fragile.whenCaughtUp()
      const next = yield* follow(Fragile.changes("o1"))
      assert.deepStrictEqual((yield* next).row, Option.some(1))
      const running = yield* Effect.forkScoped(Projection.run([Next]))
      assert.deepStrictEqual((yield* next).row, Option.some(101))
      yield* write("o1", ["Placed", "ada", 1])
      assert.deepStrictEqual((yield* next).row, Option.some(102))
      yield* Fiber.interrupt(running)
    }).pipe(Effect.scoped, run))
})
