/** Every reader of events sees the same of a store that many years have written. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Projection, Rebuild, RowStore, type Status, StreamName, Subscription, Upcaster } from "@varve/core"
import { DateTime, Effect, Fiber, Layer, Option, Stream } from "effect"
import { caughtUp, until } from "./Running.ts"
import {
  append,
  type E,
  history,
  line,
  Lines,
  lines,
  LinesAgain,
  options,
  over,
  Refunded,
  row,
  run,
  Sell,
  Sold,
  Till,
  today,
  type Written
} from "./Years.ts"

describe("of many years,", () => {
  it.effect("load folds all, and the version is that of the last stored event", () =>
    Effect.gen(function*() {
      yield* history
      assert.deepStrictEqual(yield* Till.load("t1"), { state: lines, version: 8 })
      assert.deepStrictEqual(yield* Till.load("other"), { state: [], version: 0 })
      // What follows is written behind what is left out.
      const { receipt, state, version } = yield* Till.execute("t1", Sell.make({ cents: 9 }))
      assert.deepStrictEqual([state, version], [[...lines, "Sold 9"], 9])
      assert.deepInclude(Option.getOrThrow(receipt).streams[0], { from: 9, to: 9 })
      assert.deepStrictEqual(yield* Till.load("t1"), { state: [...lines, "Sold 9"], version: 9 })
      const conflict = yield* Effect.flip(Till.execute("t1", Sell.make({ cents: 9 }), { expected: 7 }))
      assert.deepInclude(conflict.reason, { _tag: "Conflict", actual: 9 })
    }).pipe(over("live")))

  it.effect("load goes back to any version, position and time", () =>
    Effect.gen(function*() {
      yield* history
      const start = DateTime.makeUnsafe(0)
      for (const [version, seen] of [[0, 0], [1, 1], [2, 1], [3, 3], [4, 4], [5, 4], [6, 4], [7, 5], [8, 5]] as const) {
        const expected = { state: lines.slice(0, seen), version }
        assert.deepStrictEqual(yield* Till.load("t1", { at: { version } }), expected)
        assert.deepStrictEqual(yield* Till.load("t1", { at: { position: version } }), expected)
        const time = DateTime.addDuration(start, version * 1000)
        assert.deepStrictEqual(yield* Till.load("t1", { at: { recordedAt: time } }), expected)
        assert.deepStrictEqual(yield* Till.load("t1", { at: { occurredAt: time } }), expected)
      }
    }).pipe(over("live")))

  it.effect("the history of an instance has a state after each part, under the version of the whole", () =>
    Effect.gen(function*() {
      yield* history
      const evolved = yield* Stream.runCollect(Till.history("t1"))
      assert.deepStrictEqual(
        Array.from(evolved, ({ event, position, version }) => `${version} ${position} ${line(event)}`),
        ["1 1 Sold 100", "3 3 Refunded 30", "3 3 Sold 50", "4 4 Sold 2", "7 7 Sold 7"]
      )
      assert.deepStrictEqual(Array.from(evolved, ({ state }) => state.length), [1, 2, 3, 4, 5])
    }).pipe(over("live")))

  it.effect("a difference of an instance has a split in one step", () =>
    Effect.gen(function*() {
      yield* history
      const { after, before } = yield* Till.diff("t1", { from: { version: 2 }, to: { version: 3 } })
      assert.deepStrictEqual([before, after], [lines.slice(0, 1), lines.slice(0, 3)])
    }).pipe(over("live")))

  for (const mode of ["live", "inline", "async"] as const) {
    it.effect(`a projection folds all, ${mode}, and what follows`, () =>
      Effect.gen(function*() {
        yield* history
        const ready = mode === "live" ? Effect.void : caughtUp(Lines)
        yield* ready
        assert.deepStrictEqual(yield* row, lines)
        const { receipt } = yield* Till.execute("t1", Sell.make({ cents: 9 }))
        // Old programs still write.
        yield* append(StreamName.make("Kasse", "t1"), ["Exchanged", 1, { back: 1, bought: 2 }], ["Audited", 1, {}])
        yield* Till.execute("t1", Sell.make({ cents: 10 }))
        yield* ready
        assert.isTrue(Option.isSome(receipt))
        const all = [...lines, "Sold 9", "Refunded 1", "Sold 2", "Sold 10"]
        assert.deepStrictEqual(yield* row, all)
        assert.deepStrictEqual((yield* Lines.list()).rows, [{ key: "t1", row: all }])
      }).pipe(over(mode)))
  }

  for (const mode of ["live", "async"] as const) {
    it.effect(`a projection goes back, and tells its history, ${mode}`, () =>
      Effect.gen(function*() {
        yield* history
        if (mode === "async") yield* caughtUp(Lines)
        for (const [position, seen] of [[1, 1], [2, 1], [3, 3], [6, 4], [8, 5]] as const) {
          const view = yield* Lines.asOf({ position })
          assert.deepStrictEqual(Option.getOrThrow(yield* view.get("t1")), lines.slice(0, seen))
          assert.deepStrictEqual(yield* view.list(), {
            rows: [{ key: "t1", row: lines.slice(0, seen) }],
            next: Option.none()
          })
        }
        const touches = yield* Stream.runCollect(Lines.history("t1"))
        assert.deepStrictEqual(
          Array.from(
            touches,
            (
              { envelope, event, position, row }
            ) => [`${envelope.version} ${position} ${line(event)}`, Option.getOrThrow(row).length]
          ),
          [["1 1 Sold 100", 1], ["3 3 Refunded 30", 2], ["3 3 Sold 50", 3], ["4 4 Sold 2", 4], ["7 7 Sold 7", 5]]
        )
        const { after, before } = yield* Lines.diff("t1", { from: { position: 2 }, to: { position: 3 } })
        assert.deepStrictEqual([before, after], [Option.some(lines.slice(0, 1)), Option.some(lines.slice(0, 3))])
      }).pipe(over(mode)))

    it.effect(`the changes of a projection tell a split at once, ${mode}`, () =>
      Effect.gen(function*() {
        yield* history
        if (mode === "async") yield* caughtUp(Lines)
        const seen: Array<number> = []
        const fiber = yield* Effect.forkChild(
          Stream.runForEach(
            Lines.changes("t1"),
            ({ row }) => Effect.sync(() => seen.push(Option.getOrThrow(row).length))
          )
        )
        yield* until("the row is told", Effect.sync(() => seen.length === 1))
        yield* append(StreamName.make("Kasse", "t1"), ["Exchanged", 1, { back: 1, bought: 2 }])
        yield* until("the change is told", Effect.sync(() => seen.length === 2))
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(seen, [5, 7])
      }).pipe(over(mode)))
  }

  it.effect("a projection that is rebuilt comes to the same rows", () =>
    Effect.gen(function*() {
      yield* history
      yield* Stream.runDrain(Rebuild.build(Lines, { aggregates: [Till] }))
      yield* Stream.runDrain(Rebuild.build(LinesAgain, { aggregates: [Till], pageSize: 1, partitions: 3 }))
      assert.deepStrictEqual((yield* Rebuild.compare(LinesAgain)).differing, [])
      yield* Rebuild.switchTo(LinesAgain)
      const found = yield* RowStore.RowStore.use((rows) => rows.find({ name: "Lines", tenant: "" }, ["t1"]))
      const [stored] = Option.getOrThrow(found).rows
      assert.deepStrictEqual(JSON.parse(stored!.value!), lines)
      // The last part that it has seen: its place is counted with the receipt before it.
      assert.deepInclude(stored, { position: 7, index: 1 })
    }).pipe(run))

  it.effect("a custom projection is handed all, in order", () =>
    Effect.gen(function*() {
      yield* history
      const seen: Array<string> = []
      const note = (event: E, { position, version }: { readonly position: number; readonly version: number }) =>
        Effect.sync(() => seen.push(`${version} ${position} ${line(event)}`))
      const Report = Projection.custom("Report", { events: [Sold, Refunded], handle: { Sold: note, Refunded: note } })
      yield* Effect.forkScoped(Projection.run([Report]))
      yield* caughtUp(Report)
      assert.deepStrictEqual(seen, [
        "1 1 Sold 100",
        "3 3 Refunded 30",
        "3 3 Sold 50",
        "4 4 Sold 2",
        "7 7 Sold 7",
        // It names no aggregates: it has those events of whoever has any.
        "1 9 Sold 1000"
      ])
    }).pipe(run))

  it.effect("a subscription is delivered all, in order, each with its place", () =>
    Effect.gen(function*() {
      yield* history
      class Mails extends Subscription.make("Mails", { events: [Sold, Refunded], aggregates: [Till] }) {}
      const seen: Array<string> = []
      const note = (event: E, { index, version }: Subscription.Delivery) =>
        Effect.sync(() => seen.push(`${version}.${index} ${line(event)}`))
      yield* Effect.forkScoped(Mails.run({ Sold: note, Refunded: note }))
      yield* until(
        "it is at the head",
        Effect.map(Mails.status, Option.exists(({ head, position }) => position === head))
      )
      assert.deepStrictEqual(seen, today)
    }).pipe(run))
})

describe("a reader with policies of its own", () => {
  const newer: Written = ["Sold", 3, { pounds: 1 }]
  const strict = (readers: Upcaster.Options["readers"]) => Upcaster.layer({ categories: options.categories, readers })
  const skips = { newerRevision: "skip" } as const

  /** What comes of something where the reader of a name may skip, and where another may. */
  const told = <A, E1, R>(
    name: string,
    outcome: Effect.Effect<A, E1, R>
  ) => {
    const one = (readers: Upcaster.Options["readers"]) =>
      Effect.provide(
        Effect.andThen(append(StreamName.make("Kasse", "t1"), ["Sold", 2, { cents: 1 }], newer), outcome),
        [Layer.fresh(EventStore.layerMemory), strict(readers)]
      )
    return Effect.all([one({ [name]: skips }), one({ Other: skips })])
  }

  const outcomeOf = <A, E1, R>(effect: Effect.Effect<A, E1, R>) =>
    Effect.match(effect, { onFailure: () => "failed", onSuccess: () => "read" })

  /** Whether what runs gets past the event, or halts before it. */
  const stateOf = <E1, R>(status: Effect.Effect<Option.Option<Status.Status>, E1, R>) =>
    Effect.gen(function*() {
      let state = "running"
      yield* until(
        "it is at the head, or halts",
        Effect.map(
          status,
          Option.exists((now) => {
            state = now.state
            return now.state === "halted" || now.position === now.head
          })
        )
      )
      return state
    })

  it.effect("is an aggregate", () =>
    Effect.gen(function*() {
      const loaded = Effect.provide(outcomeOf(Till.load("t1")), Layer.fresh(Till.layer))
      assert.deepStrictEqual(yield* told("Till", loaded), ["read", "failed"])
      const history = Effect.provide(outcomeOf(Stream.runDrain(Till.history("t1"))), Layer.fresh(Till.layer))
      assert.deepStrictEqual(yield* told("Till", history), ["read", "failed"])
    }))

  it.effect("is a projection: live, async, inline and custom", () =>
    Effect.gen(function*() {
      const live = Effect.provide(outcomeOf(Lines.get("t1")), Layer.fresh(Lines.layerLive))
      assert.deepStrictEqual(yield* told("Lines", live), ["read", "failed"])
      const running = <P extends Projection.Runnable>(projection: P) =>
        Effect.scoped(Effect.andThen(
          Effect.forkScoped(Effect.ignore(Projection.run([projection as never]))),
          stateOf(Projection.status(projection))
        ))
      assert.deepStrictEqual(yield* told("Lines", running(Lines)), ["running", "halted"])
      const Report = Projection.custom("Report", { events: [Sold], handle: { Sold: () => Effect.void } })
      assert.deepStrictEqual(yield* told("Report", running(Report)), ["running", "halted"])
      const inline = Effect.provide(stateOf(Projection.status(Lines)), Layer.fresh(Lines.layerInline))
      assert.deepStrictEqual(yield* told("Lines", inline), ["running", "halted"])
    }))

  it.effect("is a projection that rides with an append", () =>
    Effect.gen(function*() {
      // What rides does not stop a commit: it is left behind by what it cannot read.
      const ridden = Effect.gen(function*() {
        yield* caughtUpOrHalted
        const store = yield* EventStore.EventStore
        // With all that is said of a commit that may be ridden with.
        const occurredAt = DateTime.makeUnsafe(0)
        const events = [
          { type: "Sold", revision: 3, payload: {}, occurredAt },
          { type: "Sold", revision: 2, payload: { cents: 5 }, occurredAt }
        ] as const
        yield* store.append({ writes: [{ stream: StreamName.make("Kasse", "t2"), expected: 0, events }] })
        const found = yield* RowStore.RowStore.use((rows) => rows.find({ name: "Lines", tenant: "" }, ["t2"]))
        return Option.getOrThrow(found).rows.length
      })
      const caughtUpOrHalted = stateOf(Projection.status(Lines))
      const inline = Effect.provide(ridden, Layer.fresh(Lines.layerInline))
      assert.deepStrictEqual(yield* told("Lines", inline), [1, 0])
    }))

  it.effect("is a subscription", () =>
    Effect.gen(function*() {
      class Mails extends Subscription.make("Mails", { events: [Sold] }) {}
      const delivered = Effect.scoped(Effect.andThen(
        Effect.forkScoped(Effect.ignore(Mails.run({ Sold: () => Effect.void }))),
        stateOf(Mails.status)
      ))
      assert.deepStrictEqual(yield* told("Mails", delivered), ["running", "halted"])
    }))
})
