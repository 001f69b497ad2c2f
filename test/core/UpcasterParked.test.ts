/** An event that was parked under one release is several under the next. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Projection, RowStore, StreamName, Subscription, Upcaster } from "@varve/core"
import { Effect, Fiber, Option, Schedule } from "effect"
import { caughtUp, until } from "./Running.ts"
import { append, type E, Exchanged, line, Lines, options, Refunded, rows, Sold, type Written } from "./Years.ts"

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

/** The release before, until it has come somewhere. */
const runBefore = <E, R, E2, R2>(run: Effect.Effect<never, E, R>, reached: Effect.Effect<void, E2, R2>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(as(before)(run))
    yield* reached
    yield* Fiber.interrupt(fiber)
  })

/** `Lines`, as the release before had it. */
class OldLines extends Projection.make("Lines", { row: rows, events: [Sold, Exchanged] }).fold({
  initial: [],
  on: { Sold: (lines, event) => [...lines, line(event)], Exchanged: stumbles }
}) {}

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
      yield* behind
      yield* runBefore(Projection.run([OldLines]), caughtUp(OldLines))
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
      yield* runBefore(Projection.run([OldLines]), caughtUp(OldLines))
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
      yield* runBefore(Projection.run([Old]), caughtUp(Old))
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
      yield* runBefore(
        Old.run({ Sold: note, Exchanged: () => Effect.sync(stumbles) }),
        until("it is at the head", Effect.map(Old.status, Option.exists(({ head, position }) => position === head)))
      )
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
      yield* runBefore(Projection.run([OldLines]), caughtUp(OldLines))
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
      yield* runBefore(
        Old.run({ Exchanged: () => Effect.sync(stumbles) }),
        until("it is parked", Effect.map(parkedOf(Old), (parked) => parked?.length === 1))
      )
      yield* Effect.forkScoped(as(after)(New.run({ Sold: note, Refunded: note })))
      yield* New.retry("t1")
      yield* until("it has failed", Effect.map(New.parked(), ([first]) => first?.attempts === 2 && !first.due))
      assert.deepStrictEqual(seen, ["Refunded 30"])
    }).pipe(inMemory))

  it.effect("is left out where nothing of it is left", () =>
    Effect.gen(function*() {
      yield* behind
      yield* runBefore(Projection.run([OldLines]), caughtUp(OldLines))
      yield* Effect.forkScoped(as(Upcaster.make({ dropped: ["Exchanged"] }))(Projection.run([Lines])))
      yield* Projection.retry(Lines, "t1")
      yield* until("it is drained", Effect.map(rowNow, ({ position }) => position === 3))
      assert.deepStrictEqual((yield* rowNow).lines, ["Sold 1", "Sold 2"])
    }).pipe(inMemory))
})
