/** Changes of many years, one behind the other. */
import { assert, describe, it } from "@effect/vitest"
import { Event, Limits, Upcaster } from "@varve/core"
import { Result, Schema } from "effect"
import { storedAs } from "./Stored.ts"

const cents = { cents: Schema.Int }
const upcastOf = (cents: number) => ({ cents: cents * 100 })

/** Revision 1 in euros, 2 in cents. */
class Sold extends Event.make("Sold", { euros: Schema.Finite }).revise(2, cents, ({ euros }) => upcastOf(euros)) {}
/** `Sold` as it was when it had one revision. */
class SoldOfOld extends Event.make("Sold", { euros: Schema.Finite }) {}
class Refunded extends Event.make("Refunded", cents) {}
class Returned extends Event.make("Returned", cents) {}
class TakenBack extends Event.make("TakenBack", cents) {}
class Noted extends Event.make("Noted", { text: Schema.String }) {}
class Exchanged extends Event.make("Exchanged", { ...cents, back: Schema.Int }) {}
class Dealt extends Event.make("Dealt", { times: Schema.Int }) {}

const reader = (options: Upcaster.Options, ...events: ReadonlyArray<Event.Any>) =>
  Upcaster.make(options).reader({ aggregates: ["Shop"], events: events.length === 0 ? [Sold, Refunded] : events })

const read = (options: Upcaster.Options, ...stored: Parameters<typeof storedAs>) => {
  const { success } = Object(reader(options).upcast(storedAs(...stored)))
  return success as ReadonlyArray<Upcaster.Upcast<{ readonly _tag: string }>>
}

const unreadable = (options: Upcaster.Options, ...stored: Parameters<typeof storedAs>): Upcaster.Unreadable => {
  const result = reader(options).upcast(storedAs(...stored))
  return Result.isFailure(result) ? result.failure : assert.fail("it was read")
}

const sold = (cents: number, index = 0) => ({ event: { _tag: "Sold", cents }, index })
const refunded = (cents: number, index = 0) => ({ event: { _tag: "Refunded", cents }, index })

const exchanged = Upcaster.split(Exchanged, [Returned, Sold], ({ back, cents }) => [
  Returned.make({ cents: back }),
  Sold.make({ cents })
])

describe("a chain of changes", () => {
  it("reads several old names of an event, whatever their revision", () => {
    const options = { renamed: { PaidIn: Sold, Bought: Sold } }
    assert.deepStrictEqual(read(options, "PaidIn", { euros: 1 }), [sold(100)])
    assert.deepStrictEqual(read(options, "Bought", { cents: 7 }, 2), [sold(7)])
    assert.sameMembers([...reader(options).types], ["Sold", "Refunded", "PaidIn", "Bought"])
    assert.strictEqual(unreadable(options, "Bought", { cents: 7 }, 3).why, "NewerRevision")
    assert.strictEqual(unreadable(options, "PaidIn", { euros: "1" }).why, "InvalidPayload")
  })

  it("follows a rename of what was renamed, with the newest revisions of the last", () => {
    class Bought extends Event.make("Bought", { euros: Schema.Finite }) {}
    const options = { renamed: { PaidIn: Bought, Bought: Sold } }
    assert.deepStrictEqual(read(options, "PaidIn", { euros: 1 }), [sold(100)])
    assert.deepStrictEqual(read(options, "Bought", { euros: 1 }), [sold(100)])
    // It took over the name, and with it what was written under it since.
    assert.deepStrictEqual(read(options, "PaidIn", { cents: 7 }, 2), [sold(7)])
  })

  it("reads a definition that a change was said with as the one of today", () => {
    assert.deepStrictEqual(read({ renamed: { PaidIn: SoldOfOld } }, "PaidIn", { euros: 1 }), [sold(100)])
    const split = Upcaster.split(Noted, [SoldOfOld], ({ text }) => [SoldOfOld.make({ euros: Number(text) })])
    assert.deepStrictEqual(read({ splits: [split] }, "Noted", { text: "2" }), [sold(200)])
  })

  it("splits what was renamed", () => {
    const options = { renamed: { Swapped: Exchanged, Returned: Refunded }, splits: [exchanged] }
    assert.deepStrictEqual(read(options, "Swapped", { back: 1, cents: 2 }), [refunded(1), sold(2, 1)])
    assert.sameMembers([...reader(options).types], ["Sold", "Refunded", "Swapped", "Exchanged", "Returned"])
  })

  it("renames, splits and drops what came of a split, and counts all of it", () => {
    const options: Upcaster.Options = {
      renamed: { Returned: TakenBack },
      splits: [
        exchanged,
        Upcaster.split(TakenBack, [Noted, Refunded, Noted], ({ cents }) => [
          Noted.make({ text: "in" }),
          Refunded.make({ cents }),
          Noted.make({ text: "out" })
        ])
      ],
      dropped: ["Noted"]
    }
    assert.deepStrictEqual(read(options, "Exchanged", { back: 1, cents: 2 }), [refunded(1, 1), sold(2, 3)])
    assert.deepStrictEqual(read(options, "Returned", { cents: 5 }), [refunded(5, 1)])
    assert.deepStrictEqual(read(options, "TakenBack", { cents: 5 }), [refunded(5, 1)])
    assert.deepStrictEqual(read(options, "Noted", { text: "" }), [])
    const { dropped, types } = reader(options)
    assert.sameMembers([...types], ["Sold", "Refunded", "Exchanged", "Returned", "TakenBack"])
    assert.deepStrictEqual(dropped, ["Noted"])
    // A reader of some has those places, too, and asks for all that leads to it.
    const some = reader(options, Refunded)
    assert.deepStrictEqual(Object(some.upcast(storedAs("Exchanged", { back: 1, cents: 2 }))).success, [refunded(1, 1)])
    assert.sameMembers([...some.types], ["Refunded", "Exchanged", "Returned", "TakenBack"])
  })

  it("passes over what was renamed or split into what is dropped", () => {
    const options: Upcaster.Options = {
      renamed: { Remarked: Noted },
      splits: [Upcaster.split(Dealt, [Noted], () => [])],
      dropped: ["Noted"]
    }
    for (const type of ["Remarked", "Dealt", "Noted"]) {
      assert.deepStrictEqual(read(options, type, { any: "thing" }), [])
      assert.deepStrictEqual(read(options, type, null), [])
    }
    assert.sameMembers([...reader(options).dropped], ["Remarked", "Dealt", "Noted"])
    assert.sameMembers([...reader(options).types], ["Sold", "Refunded"])
  })

  it("tells the newest revision that is read of a stored type", () => {
    const options: Upcaster.Options = {
      renamed: { PaidIn: Sold, Swapped: Exchanged },
      splits: [Upcaster.split(Exchanged, [Sold], () => [])],
      dropped: ["Noted"]
    }
    const { newest } = reader(options)
    assert.deepStrictEqual(
      ["Sold", "Refunded", "PaidIn", "Exchanged", "Swapped", "Noted", "Unheard"].map(newest),
      [2, 1, 2, 1, 1, Limits.revisions, 0]
    )
  })

  it("does not read more than its limit, of all levels together", () => {
    const times = (from: Event.Any, into: Event.Any, n: number) =>
      Upcaster.split(from, [into], () => Array.from({ length: n }, () => ({ _tag: into.tag, cents: 1, back: 1 })))
    const chain = (first: number, second: number): Upcaster.Options => ({
      splits: [times(Dealt, Exchanged, first), times(Exchanged, Refunded, second)]
    })
    assert.strictEqual(read(chain(10, 10), "Dealt", { times: 1 }).length, 100)
    assert.strictEqual(read(chain(100, 1), "Dealt", { times: 1 }).length, 100)
    const error = unreadable(chain(10, 11), "Dealt", { times: 1 })
    assert.strictEqual(error.why, "UpcastFailed")
    assert.include(error.message, "more than 100 events")
    assert.include(
      unreadable(chain(101, 1), "Dealt", { times: 1 }).message,
      "The split of Dealt returned more than 100"
    )
    // What nobody asks for counts as well.
    const dropping = (first: number): Upcaster.Options => ({
      splits: [
        times(Dealt, Exchanged, first),
        Upcaster.split(Exchanged, [Noted, Refunded], ({ cents }) => [
          ...Array.from({ length: 9 }, () => Noted.make({ text: "" })),
          Refunded.make({ cents })
        ])
      ],
      dropped: ["Noted"]
    })
    assert.strictEqual(read(dropping(10), "Dealt", { times: 1 }).at(-1)?.index, 99)
    assert.include(unreadable(dropping(11), "Dealt", { times: 1 }).message, "more than 100 events")
  })

  it("does not read what a later step does not accept, and names the step", () => {
    class Positive extends Event.make("Returned", { cents: Schema.Int })
      .revise(2, { cents: Schema.Int.check(Schema.isGreaterThan(0)) }, (payload) => payload)
    {}
    const options = { splits: [exchanged] }
    const result = reader(options, Positive).upcast(storedAs("Exchanged", { back: 0, cents: 1 }))
    assert.isTrue(Result.isFailure(result))
    const { message, type, why } = (result as Result.Failure<unknown, Upcaster.Unreadable>).failure
    assert.deepStrictEqual([why, type], ["UpcastFailed", "Exchanged"])
    assert.include(message, "cents")
  })

  it("is a defect where a type comes back to itself, by whatever way", () => {
    const message = (options: Upcaster.Options) => {
      try {
        Upcaster.make(options)
      } catch (error) {
        return String(error)
      }
      return assert.fail("it was taken")
    }
    assert.include(
      message({ renamed: { Sold } }),
      "stored type Sold comes back to itself: Sold -> Sold. What it has become needs a tag of its own"
    )
    assert.include(
      message({ renamed: { Returned: TakenBack, TakenBack: Returned } }),
      "comes back to itself: Returned -> TakenBack -> Returned"
    )
    assert.include(message({ splits: [Upcaster.split(Sold, [Refunded, Sold], () => [])] }), "Sold -> Sold")
    assert.include(
      message({ renamed: { PaidIn: Exchanged, Returned: Exchanged }, splits: [exchanged] }),
      "Exchanged -> Returned -> Exchanged"
    )
    // Two ways to one end are no circle.
    Upcaster.make({ renamed: { Returned: Refunded, TakenBack: Refunded, Swapped: Exchanged }, splits: [exchanged] })
  })

  it("is a defect where a definition has more revisions than the one that it is read as", () => {
    const message = /Sold has 2 revisions and is read as Refunded, which has 1: who takes over a stored type/
    assert.throws(() => reader({ renamed: { PaidIn: Sold, Sold: Refunded } }, Refunded), message)
    assert.throws(() => reader({ renamed: { PaidIn: Sold } }, SoldOfOld), /Sold has 2 revisions and is read as Sold/)
    assert.throws(
      () => reader({ splits: [exchanged] }, SoldOfOld),
      /Sold has 2 revisions and is read as Sold, which has 1/
    )
  })
})

describe("policies of a reader", () => {
  const stored = {
    unknownType: storedAs("Unheard", {}),
    newerRevision: storedAs("Sold", {}, 3),
    erased: storedAs("Sold", null)
  }
  const outcome = (options: Upcaster.Options, name: string | undefined) => {
    const { upcast } = Upcaster.make(options).reader({ name, aggregates: ["Shop"], events: [Sold] })
    return Object.values(stored).map((event) => Result.isSuccess(upcast(event)) ? "skip" : "fail")
  }

  it("are those of all readers, unless its name says otherwise", () => {
    const options: Upcaster.Options = {
      unknownType: "skip",
      readers: {
        Report: { newerRevision: "skip", unknownType: "fail" },
        Erasures: { erased: "skip" },
        Mails: {},
        undefined: { erased: "skip" }
      }
    }
    assert.deepStrictEqual(outcome(options, "Report"), ["fail", "skip", "fail"])
    assert.deepStrictEqual(outcome(options, "Erasures"), ["skip", "fail", "skip"])
    for (const name of ["Mails", "Other", "constructor", undefined]) {
      assert.deepStrictEqual(outcome(options, name), ["skip", "fail", "fail"])
    }
  })
})
