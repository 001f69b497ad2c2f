/** Every reader of events sees the same of a store that many years have written. */
import { assert, describe, it } from "@effect/vitest"
import {
  Aggregate,
  Command,
  Decision,
  Domain,
  Event,
  EventStore,
  Projection,
  Rebuild,
  RowStore,
  type Status,
  StreamName,
  Subscription,
  Upcaster
} from "@varve/core"
import { DateTime, Effect, Fiber, Layer, Option, Schedule, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { caughtUp, until } from "./Running.ts"

class Sold extends Event.make("Sold", { euros: Schema.Finite })
  .revise(2, { cents: Schema.Int }, ({ euros }) => ({ cents: Math.round(euros * 100) }), ({ cents }) => ({
    euros: cents / 100
  }))
{}
class Refunded extends Event.make("Refunded", { cents: Schema.Int }) {}

/** What was, years ago. An exchange was a return and a sale; a sale with a receipt was two things; a return is a refund. */
class Exchanged extends Event.make("Exchanged", { back: Schema.Int, bought: Schema.Int }) {}
class Returned extends Event.make("Returned", { cents: Schema.Int }) {}
class SoldWithReceipt extends Event.make("SoldWithReceipt", { cents: Schema.Int }) {}
class ReceiptPrinted extends Event.make("ReceiptPrinted", {}) {}

const options: Upcaster.Options = {
  renamed: { PaidIn: Sold, Returned: Refunded },
  splits: [
    Upcaster.split(Exchanged, [Returned, SoldWithReceipt], ({ back, bought }) => [
      Returned.make({ cents: back }),
      SoldWithReceipt.make({ cents: bought })
    ]),
    Upcaster.split(SoldWithReceipt, [ReceiptPrinted, Sold], ({ cents }) => [
      ReceiptPrinted.make({}),
      Sold.make({ cents })
    ])
  ],
  dropped: ["ReceiptPrinted", "Audited"],
  categories: { Till: "Kasse" },
  unknownType: "skip",
  newerRevision: "skip"
}

type Written = readonly [type: string, revision: number, payload: Schema.JsonObject]

const past: ReadonlyArray<Written> = [
  ["PaidIn", 1, { euros: 1 }],
  ["Audited", 1, { by: "eve" }],
  ["Exchanged", 1, { back: 30, bought: 50 }],
  ["Sold", 2, { cents: 2 }],
  ["Unheard", 1, {}],
  ["Sold", 3, { pounds: 1 }],
  ["SoldWithReceipt", 1, { cents: 7 }],
  ["Audited", 1, { by: "eve" }]
]

/** What it is today: version (and position), place among the parts, event. The receipt has its place and is not there. */
const today = ["1.0 Sold 100", "3.0 Refunded 30", "3.2 Sold 50", "4.0 Sold 2", "7.1 Sold 7"]

/** The same without versions and places. */
const lines = today.map((line) => line.slice(4))

const append = (stream: StreamName.StreamName, ...events: ReadonlyArray<Written>) =>
  EventStore.EventStore.use((store) =>
    Effect.forEach(events, ([type, revision, payload]) =>
      Effect.andThen(
        TestClock.adjust("1 second"),
        store.append({
          writes: [{ stream, expected: "any", events: [{ type, revision, payload }] }]
        })
      ))
  )

const history = Effect.andThen(
  append(StreamName.make("Kasse", "t1"), ...past),
  // Of the same types, and nobody's.
  append(StreamName.make("Till", "t1"), ["Sold", 2, { cents: 1_000 }])
)

class Sell extends Command.make("Sell", { cents: Schema.Int }) {}

class Till extends Aggregate.make("Till", {
  id: Schema.String,
  state: Schema.Array(Schema.String),
  commands: [Sell],
  events: [Sold, Refunded],
  rejections: []
}).decider({
  initial: [],
  decide: { Sell: ({ cents }) => Decision.accept(Sold.make({ cents })) },
  evolve: {
    Sold: (lines, { cents }) => [...lines, `Sold ${cents}`],
    Refunded: (lines, { cents }) => [...lines, `Refunded ${cents}`]
  }
}) {}

type E = Event.Type<typeof Sold> | Event.Type<typeof Refunded>

const line = ({ _tag, cents }: E): string => `${_tag} ${cents}`

/** Rows of one key, or of a key for each kind of event. */
const rows = Schema.Array(Schema.String)

class Lines extends Projection.make("Lines", { row: rows, events: [Sold, Refunded] }).fold({
  initial: [],
  on: {
    Sold: (lines, event) => [...lines, line(event)],
    Refunded: (lines, event) => [...lines, line(event)]
  }
}) {}

class LinesAgain extends Projection.make("Lines", { row: rows, events: [Sold, Refunded], revision: 2 }).fold({
  initial: [],
  on: {
    Sold: (lines, event) => [...lines, line(event)],
    Refunded: (lines, event) => [...lines, line(event)]
  }
}) {}

const Shop = Domain.make("Shop", { aggregates: [Till], projections: [Lines] })

const base = Layer.mergeAll(EventStore.layerMemory, Upcaster.layer(options))
const over = (mode: Domain.Mode) => Effect.provide(Layer.provideMerge(Shop.layer({ Lines: mode }), base))
const run = Effect.provide(base)

const row = Effect.map(Lines.get("t1"), Option.getOrThrow)

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

/** A release that knows exchanges as they were stored, and stumbles over them. */
const before = Upcaster.make({ dropped: ["Audited"] })
const after = Upcaster.make(options)

const stumbles = (): never => {
  throw new Error("What is an exchange?")
}

const parked: ReadonlyArray<Written> = [
  ["Sold", 2, { cents: 1 }],
  ["Exchanged", 1, { back: 30, bought: 50 }],
  ["Sold", 2, { cents: 2 }]
]

const mended = ["Sold 1", "Refunded 30", "Sold 50", "Sold 2"]

const behind = append(StreamName.make("Kasse", "t1"), ...parked)

const as = (upcaster: Upcaster.Upcaster["Service"]) => Effect.provideService(Upcaster.Upcaster, upcaster)

const inMemory = Effect.provide(EventStore.layerMemory)

const rowNow = Effect.map(
  RowStore.RowStore.use((rows) => rows.find({ name: "Lines", tenant: "" }, ["t1"])),
  (found) => {
    const [row] = Option.getOrThrow(found).rows
    return { lines: JSON.parse(row!.value!), position: row!.position, index: row!.index }
  }
)

/** `undefined` before it has begun. */
const parkedOf = (mails: { readonly parked: ReturnType<typeof Subscription.make>["parked"] }) =>
  Effect.orElseSucceed(mails.parked(), () => undefined)

describe("an event that was parked, and is several today,", () => {
  it.effect("is folded whole when it is tried again, and what waits behind it", () =>
    Effect.gen(function*() {
      class Old extends Projection.make("Lines", { row: rows, events: [Sold, Exchanged] }).fold({
        initial: [],
        on: { Sold: (lines, event) => [...lines, line(event)], Exchanged: stumbles }
      }) {}
      yield* behind
      const old = yield* Effect.forkChild(as(before)(Projection.run([Old])))
      yield* caughtUp(Old)
      yield* Fiber.interrupt(old)
      assert.deepInclude(yield* rowNow, { lines: ["Sold 1"], position: 1 })
      yield* Effect.forkScoped(as(after)(Projection.run([Lines])))
      yield* Projection.retry(Lines, "t1")
      yield* until("it is drained", Effect.map(rowNow, ({ position }) => position === 3))
      assert.deepStrictEqual(yield* rowNow, { lines: mended, position: 3, index: 0 })
      assert.deepStrictEqual(yield* Projection.parked(Lines), [])
    }).pipe(inMemory))

  it.effect("stays parked where one of its parts fails, and the others are folded once", () =>
    Effect.gen(function*() {
      let broken = true
      class Old extends Projection.make("Lines", { row: rows, events: [Sold, Exchanged] }).fold({
        initial: [],
        on: { Sold: (lines, event) => [...lines, line(event)], Exchanged: stumbles }
      }) {}
      class New extends Projection.make("Lines", { row: rows, events: [Sold, Refunded] }).fold({
        initial: [],
        on: {
          Sold: (lines, event) => {
            if (event.cents === 50 && broken) throw new Error("Fifty")
            return [...lines, line(event)]
          },
          Refunded: (lines, event) => [...lines, line(event)]
        }
      }) {}
      yield* behind
      const old = yield* Effect.forkChild(as(before)(Projection.run([Old])))
      yield* caughtUp(Old)
      yield* Fiber.interrupt(old)
      yield* Effect.forkScoped(as(after)(Projection.run([New])))
      yield* Projection.retry(New, "t1")
      yield* until(
        "it has failed again",
        Effect.map(Projection.parked(New), ([first]) => first?.attempts === 2 && !first.due)
      )
      assert.deepStrictEqual(yield* rowNow, { lines: mended.slice(0, 2), position: 2, index: 0 })
      const [first, second, ...others] = yield* Projection.parked(New)
      assert.deepInclude(first, { position: 2, index: 0, cause: "Fifty" })
      assert.deepInclude(second, { position: 3 })
      assert.deepStrictEqual(others, [])
      broken = false
      yield* Projection.retry(New, "t1")
      yield* until("it is drained", Effect.map(rowNow, ({ position }) => position === 3))
      assert.deepStrictEqual(yield* rowNow, { lines: mended, position: 3, index: 0 })
    }).pipe(inMemory))

  it.effect("is handled whole by a custom projection, in one transaction", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const note = (event: E) => Effect.sync(() => seen.push(line(event)))
      const Old = Projection.custom("Report", {
        events: [Sold, Exchanged],
        retry: Schedule.recurs(0),
        handle: { Sold: note, Exchanged: () => Effect.sync(stumbles) }
      })
      const New = Projection.custom("Report", { events: [Sold, Refunded], handle: { Sold: note, Refunded: note } })
      yield* behind
      const old = yield* Effect.forkChild(as(before)(Projection.run([Old])))
      yield* caughtUp(Old)
      yield* Fiber.interrupt(old)
      // In memory nothing is undone: the first one was handled with the page, and again without what stumbled.
      seen.length = 0
      yield* Effect.forkScoped(as(after)(Projection.run([New])))
      yield* Projection.retry(New, "t1")
      yield* until("it is drained", Effect.map(Projection.parked(New), (parked) => parked.length === 0))
      assert.deepStrictEqual(seen, mended.slice(1))
    }).pipe(inMemory))

  it.effect("is delivered whole by a subscription", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const note = (event: E, { attempt, index }: Subscription.Delivery) =>
        Effect.sync(() => seen.push(`${line(event)}, ${index}, attempt ${attempt}`))
      class Old extends Subscription.make("Mails", { events: [Sold, Exchanged], retry: Schedule.recurs(0) }) {}
      class New extends Subscription.make("Mails", { events: [Sold, Refunded] }) {}
      yield* behind
      const old = yield* Effect.forkChild(as(before)(Old.run({ Sold: note, Exchanged: () => Effect.sync(stumbles) })))
      const level = Effect.map(Old.status, Option.exists(({ head, position }) => position === head))
      yield* until("it is at the head", level)
      yield* Fiber.interrupt(old)
      yield* Effect.forkScoped(as(after)(New.run({ Sold: note, Refunded: note })))
      yield* New.retry("t1")
      yield* until("it is drained", Effect.map(New.parked(), (parked) => parked.length === 0))
      assert.deepStrictEqual(seen, [
        "Sold 1, 0, attempt 1",
        "Refunded 30, 0, attempt 2",
        "Sold 50, 2, attempt 2",
        "Sold 2, 0, attempt 1"
      ])
    }).pipe(inMemory))

  it.effect("leaves parked what fails behind it, and nothing else", () =>
    Effect.gen(function*() {
      class Old extends Projection.make("Lines", { row: rows, events: [Sold, Exchanged] }).fold({
        initial: [],
        on: { Sold: (lines, event) => [...lines, line(event)], Exchanged: stumbles }
      }) {}
      class New extends Projection.make("Lines", { row: rows, events: [Sold, Refunded] }).fold({
        initial: [],
        on: {
          Sold: (lines, event) => {
            if (event.cents === 2) throw new Error("Two")
            return [...lines, line(event)]
          },
          Refunded: (lines, event) => [...lines, line(event)]
        }
      }) {}
      yield* behind
      const old = yield* Effect.forkChild(as(before)(Projection.run([Old])))
      yield* caughtUp(Old)
      yield* Fiber.interrupt(old)
      yield* Effect.forkScoped(as(after)(Projection.run([New])))
      yield* Projection.retry(New, "t1")
      yield* until("it has failed", Effect.map(Projection.parked(New), ([first]) => first?.cause === "Two"))
      assert.deepStrictEqual(yield* rowNow, { lines: mended.slice(0, 3), position: 2, index: 2 })
      assert.deepStrictEqual((yield* Projection.parked(New)).map(({ position }) => position), [3])
    }).pipe(inMemory))

  it.effect("is delivered from the part on that was parked, each part once", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      let fails: ReadonlyArray<number> = [50]
      const note = (event: E, { attempt, index }: Subscription.Delivery) =>
        Effect.suspend(() => {
          seen.push(`${line(event)}, ${index}, attempt ${attempt}`)
          return fails.includes(event.cents) ? Effect.fail(new Error("no")) : Effect.void
        })
      class Mails extends Subscription.make("Mails", { events: [Sold, Refunded], retry: Schedule.recurs(0) }) {}
      const parkedNow = Effect.map(parkedOf(Mails), (parked) =>
        parked?.map(({ attempts, due, index, position }) =>
          `${position}.${index} ${attempts}${due ? " due" : ""}`
        ))
      const parkedIs = (...expected: ReadonlyArray<string>) =>
        until(
          `parked: ${expected.join(", ")}`,
          Effect.map(parkedNow, (parked) => parked?.join() === expected.join())
        )
      yield* append(StreamName.make("Kasse", "t1"), ["Exchanged", 1, { back: 30, bought: 50 }])
      yield* Effect.forkScoped(as(after)(Mails.run({ Sold: note, Refunded: note })))
      // The first part was delivered, the second is parked: that one is tried again.
      yield* parkedIs("1.2 1")
      fails = []
      yield* Mails.retry("t1")
      yield* parkedIs()
      assert.deepStrictEqual(seen.splice(0), [
        "Refunded 30, 0, attempt 1",
        "Sold 50, 2, attempt 1",
        "Sold 50, 2, attempt 2"
      ])
      // The first part fails, and again: the second waits behind it.
      fails = [31]
      yield* append(StreamName.make("Kasse", "t1"), ["Exchanged", 1, { back: 31, bought: 51 }])
      yield* parkedIs("2.0 1", "2.2 0")
      yield* Mails.retry("t1")
      yield* parkedIs("2.0 2", "2.2 0")
      fails = []
      yield* Mails.retry("t1")
      yield* parkedIs()
      assert.deepStrictEqual(seen, [
        "Refunded 31, 0, attempt 1",
        "Refunded 31, 0, attempt 2",
        "Refunded 31, 0, attempt 3",
        "Sold 51, 2, attempt 1"
      ])
    }).pipe(inMemory))

  it.effect("stays parked where its first part fails when it is delivered", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const note = (event: E) =>
        Effect.suspend(() => {
          seen.push(line(event))
          return event.cents === 30 ? Effect.fail(new Error("no")) : Effect.void
        })
      class Old extends Subscription.make("Mails", { events: [Exchanged], retry: Schedule.recurs(0) }) {}
      class New extends Subscription.make("Mails", { events: [Sold, Refunded], retry: Schedule.recurs(0) }) {}
      yield* append(StreamName.make("Kasse", "t1"), ["Exchanged", 1, { back: 30, bought: 50 }])
      const old = yield* Effect.forkChild(as(before)(Old.run({ Exchanged: () => Effect.sync(stumbles) })))
      yield* until("it is parked", Effect.map(parkedOf(Old), (parked) => parked?.length === 1))
      yield* Fiber.interrupt(old)
      yield* Effect.forkScoped(as(after)(New.run({ Sold: note, Refunded: note })))
      yield* New.retry("t1")
      yield* until("it has failed", Effect.map(New.parked(), ([first]) => first?.attempts === 2 && !first.due))
      assert.deepStrictEqual(seen, ["Refunded 30"])
    }).pipe(inMemory))

  it.effect("is left out where nothing of it is left", () =>
    Effect.gen(function*() {
      class Old extends Projection.make("Lines", { row: rows, events: [Sold, Exchanged] }).fold({
        initial: [],
        on: { Sold: (lines, event) => [...lines, line(event)], Exchanged: stumbles }
      }) {}
      yield* behind
      const old = yield* Effect.forkChild(as(before)(Projection.run([Old])))
      yield* caughtUp(Old)
      yield* Fiber.interrupt(old)
      yield* Effect.forkScoped(as(Upcaster.make({ dropped: ["Exchanged"] }))(Projection.run([Lines])))
      yield* Projection.retry(Lines, "t1")
      yield* until("it is drained", Effect.map(rowNow, ({ position }) => position === 3))
      assert.deepStrictEqual((yield* rowNow).lines, ["Sold 1", "Sold 2"])
    }).pipe(inMemory))
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
