import { describe, expect, it } from "@effect/vitest"
import { EventStore, EventStoreError, ProgramStore, Rollout } from "@varve/core"
import { Duration, Effect, Fiber, Latch, Layer, Logger, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as New from "./RolloutNew.ts"
import * as Old from "./RolloutOld.ts"
import { inMemory, reasonOf, startNew, startOld, stored, written } from "./RolloutReleases.ts"

/** A store that can be told to fail, or to do something else, when a program enters. */
const disturbed = (
  enter: (
    real: ProgramStore.ProgramStore["Service"]["enter"],
    entry: ProgramStore.Entry
  ) => ReturnType<ProgramStore.ProgramStore["Service"]["enter"]>
) =>
  Layer.effect(
    ProgramStore.ProgramStore,
    Effect.map(
      ProgramStore.ProgramStore,
      (real) => ({ ...real, enter: (entry: ProgramStore.Entry) => enter(real.enter, entry) })
    )
  ).pipe(Layer.provideMerge(EventStore.layerMemory))

const away = new EventStoreError.EventStoreError({
  operation: "programs",
  reason: new EventStoreError.Unavailable({ what: "database", expected: "an answer", actual: "none" })
})

describe("Rollout", () => {
  it.effect("writes what the older release reads, until it has gone", () =>
    Effect.gen(function*() {
      const old = yield* startOld()
      yield* old.run(Old.Account.execute("a", Old.Open.make({ owner: "Ada" })))
      const next = yield* startNew()
      expect(written(yield* next.rollout.status)).toEqual({
        AccountRegistered: "AccountOpened 1",
        MoneyDeposited: "MoneyDeposited 1",
        AccountClosed: null
      })
      const first = yield* next.run(New.Account.execute("a", New.Deposit.make({ cents: 700, by: "new" })))
      expect(first.events).toEqual([New.MoneyDeposited.make({ cents: 700, by: "new" })])
      yield* next.run(New.Account.execute("b", New.Open.make({ owner: "Bob" })))
      yield* old.run(Old.Account.execute("b", Old.Deposit.make({ euros: 2, by: "old" })))
      const read = yield* old.run(Old.Account.load("a"))
      expect(read.state).toEqual({ owner: "Ada", euros: 7, deposits: { new: 1 } })
      expect(yield* stored).toEqual(["AccountOpened 1", "MoneyDeposited 1", "AccountOpened 1", "MoneyDeposited 1"])

      yield* old.end
      expect(written(yield* next.rollout.refresh)).toEqual({
        AccountRegistered: "AccountRegistered 1",
        MoneyDeposited: "MoneyDeposited 2",
        AccountClosed: "AccountClosed 1"
      })
      yield* next.run(New.Account.execute("b", New.Deposit.make({ cents: 301, by: "new" })))
      yield* next.run(New.Account.execute("c", New.Open.make({ owner: "Cyd" })))
      yield* next.run(New.Account.execute("b", New.Close.make({})))
      expect((yield* stored).slice(4)).toEqual(["MoneyDeposited 2", "AccountRegistered 1", "AccountClosed 1"])
      const all = yield* next.run(New.Account.load("b"))
      expect(all.state).toEqual({ owner: "Bob", cents: 501, closed: true, deposits: { old: 1, new: 1 } })
      expect(all.version).toBe(4)
    }).pipe(inMemory))

  it.effect("reads back what was written lower as what was decided on it", () =>
    Effect.gen(function*() {
      yield* startOld()
      const next = yield* startNew()
      // The older revision cannot hold it exactly: what counts is what is stored.
      const { events, state } = yield* next.run(New.Account.execute("a", New.Deposit.make({ cents: 749, by: "new" })))
      expect(events).toEqual([New.MoneyDeposited.make({ cents: 700, by: "new" })])
      expect(state.cents).toBe(700)
      const again = yield* next.run(New.Account.execute("a", New.Deposit.make({ cents: 100, by: "new" })))
      expect(again.state).toEqual((yield* next.run(New.Account.load("a"))).state)
    }).pipe(inMemory))

  it.effect("refuses an event that has no form that the older release knows, and names it", () =>
    Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew()
      const error = yield* Effect.flip(next.run(New.Account.execute("a", New.Close.make({}))))
      expect(error.reason).toMatchObject({
        _tag: "Refused",
        what: "revision 1 of AccountClosed of Account/a",
        expected: "one that every program at work can read (bank 1.0 does not know it)"
      })
      expect(yield* stored).toEqual([])
      yield* old.end
      // The last answer counts until there is another.
      yield* Effect.flip(next.run(New.Account.execute("a", New.Close.make({}))))
      yield* next.rollout.refresh
      yield* next.run(New.Account.execute("a", New.Close.make({})))
      expect(yield* stored).toEqual(["AccountClosed 1"])
    }).pipe(inMemory))

  it.effect("refuses what cannot be read by all at once where the policy says so", () =>
    Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew({ policy: "refuse" })
      const error = yield* Effect.flip(next.run(New.Account.execute("a", New.Deposit.make({ cents: 100, by: "new" }))))
      expect(error.reason).toMatchObject({
        _tag: "Refused",
        what: "revision 2 of MoneyDeposited of Account/a",
        expected: "one that every program at work can read (bank 1.0 reads 1)",
        actual: "one that they cannot, and the policy is to refuse"
      })
      expect(written(yield* next.rollout.status)).toEqual({
        AccountRegistered: null,
        MoneyDeposited: null,
        AccountClosed: null
      })
      yield* old.end
      yield* next.rollout.refresh
      yield* next.run(New.Account.execute("a", New.Deposit.make({ cents: 100, by: "new" })))
      expect(yield* stored).toEqual(["MoneyDeposited 2"])
    }).pipe(inMemory))

  it.effect("refuses to start beside history that it cannot read", () =>
    Effect.gen(function*() {
      const next = yield* startNew()
      const reason = yield* reasonOf(startOld())
      expect(reason).toMatchObject({ _tag: "Refused", what: "program bank 1.0" })
      expect(reason.message).toContain("AccountClosed")
      expect(reason.message).toContain("bank 2.0")
      yield* next.end
      yield* reasonOf(startOld())
      expect(yield* ProgramStore.ProgramStore.use(({ programs }) => programs)).toEqual([])
    }).pipe(inMemory))

  it.effect("hears of it with a heartbeat that the older release has gone, and by itself that it is dead", () =>
    Effect.gen(function*() {
      const old = yield* startOld()
      const dead: ProgramStore.Entry = {
        id: "00000000-0000-4000-8000-00000000dead",
        name: "bank 0.9",
        reads: ["AccountOpened", "MoneyDeposited"].map((type) => ({ category: "Account", type, revision: 1 })),
        writes: [],
        expiry: Duration.seconds(30)
      }
      yield* ProgramStore.ProgramStore.use(({ enter }) => enter(dead))
      const next = yield* startNew()
      yield* TestClock.adjust("4 seconds")
      yield* old.end
      expect(written(yield* next.rollout.status).MoneyDeposited).toBe("MoneyDeposited 1")
      yield* TestClock.adjust("24 seconds")
      expect((yield* next.rollout.status).programs.map(({ name }) => name)).toEqual(["bank 0.9", "bank 2.0"])
      expect(written(yield* next.rollout.status).MoneyDeposited).toBe("MoneyDeposited 1")
      yield* TestClock.adjust("7 seconds")
      const status = yield* next.rollout.status
      expect(status.programs.map(({ name }) => name)).toEqual(["bank 2.0"])
      expect(written(status).MoneyDeposited).toBe("MoneyDeposited 2")
      expect(status.settled).toBe(true)
      // Hours later it is still there: nobody takes it for dead.
      yield* TestClock.adjust("2 hours")
      expect((yield* next.rollout.status).programs.map(({ name }) => name)).toEqual(["bank 2.0"])
    }).pipe(inMemory))

  it.effect("leaves when its scope closes", () =>
    Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew()
      const names = ProgramStore.ProgramStore.use(({ programs }) => programs).pipe(
        Effect.map((programs) => programs.map(({ name }) => name))
      )
      expect(yield* names).toEqual(["bank 1.0", "bank 2.0"])
      yield* next.end
      expect(yield* names).toEqual(["bank 1.0"])
      yield* TestClock.adjust("1 minute")
      expect(yield* names).toEqual(["bank 1.0"])
      yield* old.end
      expect(yield* names).toEqual([])
    }).pipe(inMemory))
})

describe("Rollout, beside others", () => {
  /** Log messages of warnings, as they come. */
  const warnings = () => {
    const messages: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") messages.push(String(message))
    })
    return { messages, layer: Logger.layer([logger]) }
  }

  it.effect("goes on with what it was told while the store is away, and says so once", () => {
    let isAway = false
    const log = warnings()
    return Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew()
      isAway = true
      yield* old.end
      yield* TestClock.adjust("1 minute")
      const status = yield* next.rollout.status
      expect(written(status).MoneyDeposited).toBe("MoneyDeposited 1")
      expect(status.refused).toBeNull()
      yield* next.run(New.Account.execute("a", New.Deposit.make({ cents: 100, by: "new" })))
      expect(yield* reasonOf(next.rollout.refresh)).toMatchObject({ _tag: "Unavailable" })
      expect(log.messages).toEqual([expect.stringContaining("bank 2.0")])
      isAway = false
      yield* TestClock.adjust("5 seconds")
      expect(written(yield* next.rollout.status).MoneyDeposited).toBe("MoneyDeposited 2")
      isAway = true
      yield* TestClock.adjust("1 minute")
      expect(log.messages.length).toBe(2)
      expect(written(yield* next.rollout.status).MoneyDeposited).toBe("MoneyDeposited 2")
      expect(yield* stored).toEqual(["MoneyDeposited 1"])
    }).pipe(
      Effect.provide([disturbed((real, entry) => isAway ? Effect.fail(away) : real(entry)), log.layer])
    )
  })

  it.effect("does not start while the store is away", () =>
    Effect.gen(function*() {
      expect(yield* reasonOf(startNew())).toMatchObject({ _tag: "Unavailable" })
    }).pipe(Effect.provide(disturbed(() => Effect.fail(away)))))

  it.effect("writes what it was told when it was taken for dead and others went on, and says so once", () => {
    let frozen = ""
    const log = warnings()
    return Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew()
      frozen = "bank 1.0"
      yield* TestClock.adjust("1 minute")
      expect(written(yield* next.rollout.status).MoneyDeposited).toBe("MoneyDeposited 2")
      frozen = ""
      yield* TestClock.adjust("1 minute")
      const status = yield* old.rollout.status
      expect(status.refused).toContain("program bank 1.0")
      expect(written(status)).toEqual({ AccountOpened: "AccountOpened 1", MoneyDeposited: "MoneyDeposited 1" })
      // Once that it does not get through, and nothing new when it is refused.
      expect(log.messages.length).toBe(1)
      yield* old.run(Old.Account.execute("a", Old.Deposit.make({ euros: 1, by: "old" })))
      const { state } = yield* next.run(New.Account.execute("a", New.Deposit.make({ cents: 1, by: "new" })))
      expect(state.cents).toBe(101)
      expect(yield* stored).toEqual(["MoneyDeposited 1", "MoneyDeposited 2"])
      // This is what nobody can prevent: it is there, and cannot read what was written meanwhile.
      const error = yield* Effect.flip(old.run(Old.Account.load("a")))
      expect(error.reason).toMatchObject({ _tag: "Unreadable", why: "NewerRevision" })
    }).pipe(
      Effect.provide([
        disturbed((real, entry) => entry.name === frozen ? Effect.fail(away) : real(entry)),
        log.layer
      ])
    )
  })

  it.effect("takes nobody for dead when the store was away for all of them", () => {
    let isAway = false
    return Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew()
      isAway = true
      yield* TestClock.adjust("10 minutes")
      isAway = false
      expect(written(yield* next.rollout.refresh).MoneyDeposited).toBe("MoneyDeposited 1")
      // Nor does a program that starts before the old one is heard of again.
      const another = yield* startNew({ name: "bank 2.1" })
      expect(written(yield* another.rollout.status).MoneyDeposited).toBe("MoneyDeposited 1")
      yield* TestClock.adjust("10 minutes")
      yield* next.run(New.Account.execute("a", New.Deposit.make({ cents: 100, by: "new" })))
      expect((yield* old.run(Old.Account.load("a"))).state.euros).toBe(1)
      expect((yield* old.rollout.status).refused).toBeNull()
      yield* old.end
      expect(written(yield* next.rollout.refresh).MoneyDeposited).toBe("MoneyDeposited 2")
    }).pipe(Effect.provide(disturbed((real, entry) => isAway ? Effect.fail(away) : real(entry))))
  })

  it.effect("is heard of again after a heartbeat that dies, and says so once", () => {
    let dies = false
    const log = warnings()
    return Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew()
      dies = true
      yield* TestClock.adjust("12 seconds")
      dies = false
      yield* TestClock.adjust("1 hour")
      const status = yield* next.rollout.status
      expect(status.programs.map(({ name }) => name)).toEqual(["bank 1.0", "bank 2.0"])
      expect(written(status).MoneyDeposited).toBe("MoneyDeposited 1")
      expect(log.messages).toEqual([
        "bank 1.0 is not heard of, and writes what it was told last: no answer that can be read"
      ])
      yield* old.end
      yield* TestClock.adjust("5 seconds")
      expect(written(yield* next.rollout.status).MoneyDeposited).toBe("MoneyDeposited 2")
    }).pipe(
      Effect.provide([
        disturbed((real, entry) =>
          dies && entry.name === "bank 1.0" ? Effect.die(new Error("no answer that can be read")) : real(entry)
        ),
        log.layer
      ])
    )
  })

  it.effect("takes the higher of two answers that overtake each other", () => {
    let late: Effect.Effect<void> = Effect.void
    return Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew()
      const latch = yield* Effect.all([Latch.make(), Latch.make()])
      // It is answered while the old release is there, and the answer is long under way.
      late = Effect.andThen(latch[0].open, latch[1].await)
      const slow = yield* Effect.forkChild(next.rollout.refresh)
      yield* latch[0].await
      late = Effect.void
      yield* old.end
      yield* next.rollout.refresh
      yield* latch[1].open
      yield* Fiber.join(slow)
      expect(written(yield* next.rollout.status).MoneyDeposited).toBe("MoneyDeposited 2")
    }).pipe(
      Effect.provide(disturbed((real, entry) => Effect.tap(real(entry), () => Effect.suspend(() => late))))
    )
  })
})

describe("Rollout.settled", () => {
  it.effect("waits until every event is written as it is meant to be", () =>
    Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew()
      const settled = yield* Effect.forkChild(next.rollout.settled())
      yield* TestClock.adjust("9 minutes")
      expect(settled.pollUnsafe()).toBeUndefined()
      yield* old.end
      yield* TestClock.adjust("5 seconds")
      const status = yield* Fiber.join(settled)
      expect(status.settled).toBe(true)
      expect(written(status).AccountClosed).toBe("AccountClosed 1")
    }).pipe(inMemory))

  it.effect("waits on while the store is away, and tells of it where that lasts too long", () => {
    let isAway = false
    return Effect.gen(function*() {
      const old = yield* startOld()
      const next = yield* startNew()
      isAway = true
      const settled = yield* Effect.forkChild(next.rollout.settled())
      const short = yield* Effect.forkChild(Effect.flip(next.rollout.settled({ within: "12 seconds" })))
      yield* TestClock.adjust("11 seconds")
      expect([settled.pollUnsafe(), short.pollUnsafe()]).toEqual([undefined, undefined])
      yield* TestClock.adjust("1 second")
      expect((yield* Fiber.join(short)).reason).toBe(away.reason)
      isAway = false
      yield* old.end
      yield* TestClock.adjust("5 seconds")
      expect((yield* Fiber.join(settled)).settled).toBe(true)
    }).pipe(Effect.provide(disturbed((real, entry) => isAway ? Effect.fail(away) : real(entry))))
  })

  it.effect("waits no longer once it is refused", () => {
    let isRefused = false
    const refused = new EventStoreError.EventStoreError({
      operation: "programs",
      reason: new EventStoreError.Refused({ what: "program", expected: "another", actual: "this one" })
    })
    return Effect.gen(function*() {
      yield* startOld()
      const next = yield* startNew()
      isRefused = true
      expect((yield* Effect.flip(next.rollout.settled())).reason).toBe(refused.reason)
    }).pipe(Effect.provide(disturbed((real, entry) => isRefused ? Effect.fail(refused) : real(entry))))
  })

  it.effect("tells whom it has waited for in vain", () =>
    Effect.gen(function*() {
      yield* startOld()
      const next = yield* startNew()
      const settled = yield* Effect.forkChild(Effect.flip(next.rollout.settled({ within: "12 seconds" })))
      yield* TestClock.adjust("11 seconds")
      expect(settled.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      const { reason } = yield* Fiber.join(settled)
      expect(reason).toMatchObject({
        _tag: "Unavailable",
        what: "rollout of bank 2.0",
        actual: "3 that wait for bank 1.0"
      })
    }).pipe(inMemory))

  it.effect("refuses to wait for ever", () =>
    Effect.gen(function*() {
      const next = yield* startNew()
      expect(yield* reasonOf(next.rollout.settled({ within: "2 days" }))).toMatchObject({ _tag: "Refused" })
    }).pipe(inMemory))
})

describe("Rollout.Status", () => {
  it.effect("tells who is at work and who is waited for, as data", () =>
    Effect.gen(function*() {
      yield* startOld()
      const next = yield* startNew()
      const status = yield* next.rollout.status
      expect(status).toMatchObject({ name: "bank 2.0", policy: "downcast", refused: null, settled: false })
      expect(status.programs.map(({ name }) => name)).toEqual(["bank 1.0", "bank 2.0"])
      const [old] = status.programs
      expect(status.events.find(({ event }) => event === "MoneyDeposited")).toEqual({
        category: "Account",
        event: "MoneyDeposited",
        wanted: { type: "MoneyDeposited", revision: 2 },
        written: { type: "MoneyDeposited", revision: 1 },
        waitingFor: [{ program: "bank 1.0", id: old!.id, reads: 1 }]
      })
      const codec = Schema.toCodecJson(Rollout.Status)
      const json = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(status)))
      expect(Schema.decodeUnknownSync(codec)(json)).toEqual(status)
    }).pipe(inMemory))
})
