import { assert, describe, it } from "@effect/vitest"
import { Aggregate, Command, CommitId, Decision, Event } from "@varve/core"
import { Scenario } from "@varve/core/testing"
import { DateTime, Result, Schema } from "effect"
import {
  Account,
  active,
  Close,
  Closed,
  Deposit,
  Deposited,
  Insufficient,
  NotOpen,
  Open,
  Opened,
  Withdraw,
  Withdrawn
} from "./Account.ts"

const opened = Opened.make({ owner: "Ada" })
const deposited = (cents: number) => Deposited.make({ cents })
const rich = () => Scenario.given(Account, opened, deposited(100))

/** The failure of a scenario that must fail. */
const failureOf = (scenario: () => unknown): Scenario.ScenarioFailure => {
  try {
    scenario()
  } catch (error) {
    if (error instanceof Scenario.ScenarioFailure) return error
    throw error
  }
  return assert.fail("the scenario passed")
}

describe("Scenario", () => {
  it("passes when what happens is what was said", () => {
    rich().when(Withdraw.make({ cents: 40 })).thenEvents(Withdrawn.make({ cents: 40 })).thenState(active(60))
    rich().when(Withdraw.make({ cents: 150 })).thenRejected(new Insufficient({ balance: 100, requested: 150 }))
    Scenario.given(Account).when(Deposit.make({ cents: 1 })).thenRejected(new NotOpen()).thenState({ _tag: "Unopened" })
    Scenario.given(Account, opened, Closed.make({ at: Scenario.context.now })).when(Close.make({})).thenNothing()
      .thenEvents()
  })

  it("gives the decision", () => {
    const { decision } = rich().when(Withdraw.make({ cents: 40 }))
    assert.deepStrictEqual(Result.getOrThrow(decision), [{ _tag: "Withdrawn", cents: 40 }])
  })

  it("decides at 2000-01-01T00:00:00Z, as nobody, under a fixed commit id, unless told", () => {
    assert.strictEqual(DateTime.formatIso(Scenario.context.now), "2000-01-01T00:00:00.000Z")
    assert.strictEqual(Scenario.context.actor, undefined)
    assert.strictEqual(Scenario.context.commitId, CommitId.make("00000000-0000-7000-8000-000000000000"))
    Scenario.given(Account, opened).when(Close.make({})).thenEvents(Closed.make({ at: Scenario.context.now }))
    const now = DateTime.makeUnsafe("2024-02-29T12:00:00Z")
    Scenario.given(Account, opened).when(Close.make({}), { now, actor: "ada" })
      .thenEvents(Closed.make({ at: now, by: "ada" }))
  })

  it("tells another value of a field", () => {
    const failure = failureOf(() => rich().when(Withdraw.make({ cents: 40 })).thenEvents(Withdrawn.make({ cents: 41 })))
    assert.strictEqual(
      failure.message,
      `Scenario of Account went another way
given
  Opened { owner: "Ada" }
  Deposited { cents: 100 }
when
  Withdraw { cents: 40 }
then (- expected, + actual)
  events
-   Withdrawn { cents: 41 }
+   Withdrawn { cents: 40 }`
    )
    assert.strictEqual(failure._tag, "ScenarioFailure")
    assert.strictEqual(failure.aggregate, "Account")
  })

  it("tells a rejection from events, from nothing, and from another rejection", () => {
    const overdrawn = () => rich().when(Withdraw.make({ cents: 150 }))
    assert.include(
      failureOf(() => overdrawn().thenEvents(Withdrawn.make({ cents: 150 }))).message,
      `then (- expected, + actual)
- events
-   Withdrawn { cents: 150 }
+ rejected
+   Insufficient { balance: 100, requested: 150 }`
    )
    assert.include(failureOf(() => overdrawn().thenNothing()).message, "- nothing\n+ rejected")
    assert.include(
      failureOf(() => overdrawn().thenRejected(new NotOpen())).message,
      "-   NotOpen {}\n+   Insufficient {"
    )
    // The fields of a rejection count, not only its tag.
    failureOf(() => overdrawn().thenRejected(new Insufficient({ balance: 99, requested: 150 })))
    assert.include(
      failureOf(() => rich().when(Withdraw.make({ cents: 1 })).thenRejected(new NotOpen())).message,
      "- rejected\n-   NotOpen {}\n+ events\n+   Withdrawn { cents: 1 }"
    )
  })

  it("tells missing, additional and reordered events", () => {
    const withdrawn = () => rich().when(Withdraw.make({ cents: 1 }))
    failureOf(() => withdrawn().thenEvents())
    failureOf(() => withdrawn().thenNothing())
    failureOf(() => withdrawn().thenEvents(Withdrawn.make({ cents: 1 }), Withdrawn.make({ cents: 1 })))
    failureOf(() => Scenario.given(Account).when(Open.make({ owner: "Ada" })).thenNothing())
  })

  it("tells another state", () => {
    assert.include(
      failureOf(() => rich().when(Withdraw.make({ cents: 1 })).thenState(active(98))).message,
      "  state\n-   Active { balance: 98 }\n+   Active { balance: 99 }"
    )
  })

  it("compares dates, nested values, and a missing field with one that is undefined", () => {
    class Noted extends Event.make("Noted", {
      at: Schema.Date,
      tags: Schema.Array(Schema.Struct({ key: Schema.String, weight: Schema.optional(Schema.Number) }))
    }) {}
    class Note extends Command.make("Note") {}
    const tags = [{ key: "a", weight: 1 }, { key: "b" }]
    class Notes extends Aggregate.make("Notes", {
      id: Schema.String,
      state: Schema.Null,
      commands: [Note],
      events: [Noted],
      rejections: []
    }).decider({
      initial: null,
      decide: { Note: () => Decision.accept(Noted.make({ at: new Date(1), tags })) },
      evolve: { Noted: () => null }
    }) {}
    const noted = Scenario.given(Notes).when(Note.make({}))
    noted.thenEvents(Noted.make({ at: new Date(1), tags: [{ key: "a", weight: 1 }, { key: "b" }] }))
    failureOf(() => noted.thenEvents(Noted.make({ at: new Date(2), tags })))
    failureOf(() => noted.thenEvents(Noted.make({ at: new Date(1), tags: [{ key: "a", weight: 2 }, { key: "b" }] })))
    const undefinedField = {
      _tag: "Noted" as const,
      at: new Date(1),
      tags: [{ key: "a", weight: 1 }, { key: "b", weight: undefined }]
    }
    failureOf(() => noted.thenEvents(undefinedField))
  })

  it("takes only events of the aggregate, and only rejections of the command", () => {
    class Foreign extends Event.make("Foreign", {}) {}
    class Unknown extends Command.make("Unknown") {}
    const compiles = () => {
      // @ts-expect-error not an event of the account
      Scenario.given(Account, Foreign.make({}))
      // @ts-expect-error not a command of the account
      Scenario.given(Account).when(Unknown.make({}))
      const deposit = rich().when(Deposit.make({ cents: 1 }))
      // @ts-expect-error a deposit is never rejected for lack of money
      deposit.thenRejected(new Insufficient({ balance: 0, requested: 0 }))
      // @ts-expect-error not an event of the account
      deposit.thenEvents(Foreign.make({}))
      // @ts-expect-error not a state of the account
      deposit.thenState({ _tag: "Nope" })
    }
    assert.isFunction(compiles)
  })
})
