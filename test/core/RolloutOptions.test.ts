import { describe, expect, it } from "@effect/vitest"
import { Aggregate, Command, Decision, Domain, Event, ProgramStore, Projection, Rollout, Upcaster } from "@varve/core"
import { Duration, Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as New from "./RolloutNew.ts"
import { inMemory, reasonOf, started, startNew, written } from "./RolloutReleases.ts"

describe("Rollout, what it asks for", () => {
  /** What a program says of itself when it starts. */
  const entryOf = (options: Rollout.Options) =>
    Effect.gen(function*() {
      let seen: ProgramStore.Entry | undefined
      const store = yield* ProgramStore.ProgramStore
      const spy = Layer.succeed(ProgramStore.ProgramStore, {
        ...store,
        enter: (entry) => {
          seen = entry
          return store.enter(entry)
        }
      })
      yield* Effect.scoped(Layer.build(Layer.provide(Rollout.layer(options), spy)))
      const shown = ({ category, revision, type }: ProgramStore.Readable) => `${category}/${type} ${revision}`
      const wanted = (one: ProgramStore.Wanted) =>
        one.formerly.length === 0 ? shown(one) : `${shown(one)} (${one.formerly.join(", ")})`
      return { reads: seen!.reads.map(shown).sort(), writes: seen!.writes.map(wanted).sort() }
    })

  it.effect("reads events of its aggregates under all their names, and writes them in every form it has", () =>
    Effect.gen(function*() {
      expect(yield* entryOf({ domains: [New.Bank], name: "bank 2.0", upcaster: New.upcaster })).toEqual({
        reads: [
          "Account/AccountClosed 1",
          "Account/AccountOpened 1",
          "Account/AccountRegistered 1",
          "Account/MoneyDeposited 2"
        ],
        writes: [
          "Account/AccountClosed 1",
          "Account/AccountOpened 1",
          "Account/AccountRegistered 1 (AccountOpened)",
          "Account/MoneyDeposited 2"
        ]
      })
    }).pipe(inMemory))

  it.effect("reads what was split and dropped, in categories under their stored names", () =>
    Effect.gen(function*() {
      class Charged extends Event.make("Charged", { cents: Schema.Int }).revise(
        2,
        { cents: Schema.Int, fee: Schema.Int },
        ({ cents }) => ({ cents, fee: 0 })
      ) {}
      const upcaster: Upcaster.Options = {
        ...New.upcaster,
        categories: { Account: "accounts" },
        splits: [
          Upcaster.split(Charged, [New.MoneyDeposited], ({ cents }) => [New.MoneyDeposited.make({ cents, by: "" })])
        ],
        dropped: ["Polled"]
      }
      const { reads, writes } = yield* entryOf({ domains: [New.Bank], name: "bank 2.0", upcaster })
      expect(reads).toEqual([
        "accounts/AccountClosed 1",
        "accounts/AccountOpened 1",
        "accounts/AccountRegistered 1",
        "accounts/Charged 2",
        "accounts/MoneyDeposited 2",
        "accounts/Polled 32767"
      ])
      expect(writes).toEqual([
        "accounts/AccountClosed 1",
        "accounts/AccountOpened 1",
        "accounts/AccountRegistered 1 (AccountOpened)",
        "accounts/MoneyDeposited 2 (Charged)"
      ])
    }).pipe(inMemory))

  it.effect("reads foreign events whatever their category, of projections and as it is told", () =>
    Effect.gen(function*() {
      class Foreign
        extends Projection.make("Foreign", { row: Schema.Struct({}), events: [New.AccountRegistered] }).fold({
          on: { AccountRegistered: () => ({}) }
        })
      {}
      const Reports = Domain.make("Reports", { aggregates: [], projections: [Foreign] })
      const options = { name: "reports 1.0", upcaster: New.upcaster, reads: [New.MoneyDeposited] }
      expect(yield* entryOf({ ...options, domains: [Reports] })).toEqual({
        reads: ["/AccountOpened 1", "/AccountRegistered 1", "/MoneyDeposited 2"],
        writes: []
      })
    }).pipe(inMemory))

  it.effect("says under which types an event was stored over the years, and that it knows what it leaves out", () =>
    Effect.gen(function*() {
      class Charged extends Event.make("Charged", { cents: Schema.Int }) {}
      class FeeTaken extends Event.make("FeeTaken", { cents: Schema.Int }) {}
      class Noted extends Event.make("Noted", {}) {}
      const upcaster: Upcaster.Options = {
        renamed: { Billed: Charged, FeePaid: FeeTaken, AccountOpened: New.AccountRegistered },
        splits: [
          Upcaster.split(Charged, [New.MoneyDeposited, Event.make("FeePaid", { cents: Schema.Int }), Noted], () => [])
        ],
        dropped: ["Noted"]
      }
      const { writes } = yield* entryOf({ domains: [New.Bank], name: "bank 3.0", upcaster })
      expect(writes).toEqual([
        "Account/AccountClosed 1",
        "Account/AccountOpened 1",
        "Account/AccountRegistered 1 (AccountOpened)",
        "Account/MoneyDeposited 2 (Billed, Charged)"
      ])
      const { reads } = yield* entryOf({ domains: [], reads: [New.MoneyDeposited], name: "report 3.0", upcaster })
      expect(reads).toEqual([
        "/Billed 1",
        "/Charged 1",
        "/FeePaid 32767",
        "/FeeTaken 32767",
        "/MoneyDeposited 2",
        "/Noted 32767"
      ])
    }).pipe(inMemory))

  it.effect("wants no more than writeRevision, so that the older release can come back", () =>
    Effect.gen(function*() {
      const pinned = { ...New.upcaster, writeRevision: { MoneyDeposited: 1, AccountOpened: 1 } }
      const Some = Domain.make("Some", { aggregates: [New.Account], projections: [] })
      const next = yield* started({ domains: [Some], name: "bank 1.9", upcaster: pinned }, Some.layer())
      const status = yield* next.rollout.status
      expect(written(status)).toEqual({
        AccountRegistered: "AccountOpened 1",
        MoneyDeposited: "MoneyDeposited 1",
        AccountClosed: "AccountClosed 1"
      })
      expect(status.settled).toBe(true)
      const opened = yield* ProgramStore.ProgramStore.use(({ writable }) => writable)
      expect(opened.map(({ revision, type }) => `${type} ${revision}`)).toEqual([
        "AccountClosed 1",
        "AccountOpened 1",
        "MoneyDeposited 1"
      ])
    }).pipe(inMemory))

  it.effect("refuses events of aggregates that it was not told of", () =>
    Effect.gen(function*() {
      class Rung extends Event.make("Rung", {}) {}
      class Ring extends Command.make("Ring") {}
      class Bell extends Aggregate.make("Bell", {
        id: Schema.String,
        state: Schema.Int,
        commands: [Ring],
        events: [Rung],
        rejections: []
      }).decider({
        initial: 0,
        decide: { Ring: () => Decision.accept(Rung.make({})) },
        evolve: { Rung: (count) => count + 1 }
      }) {}
      const next = yield* started({ domains: [New.Bank], name: "bank 2.0", upcaster: New.upcaster }, Bell.layer)
      const error = yield* Effect.flip(next.run(Bell.execute("a", Ring.make({}))))
      expect(error.reason).toMatchObject({ _tag: "Refused", what: "event Rung of Bell/a" })
    }).pipe(inMemory))

  const outOfBounds: ReadonlyArray<readonly [what: string, parts: Partial<Rollout.Options>]> = [
    ["a heartbeat of no time", { heartbeat: 0 }],
    ["a heartbeat below 100 ms", { heartbeat: "99 millis" }],
    ["a heartbeat above an hour", { heartbeat: "61 minutes" }],
    ["an expiry below three heartbeats", { heartbeat: "10 seconds", expiry: "29 seconds" }],
    ["an expiry above a day", { expiry: "25 hours" }],
    ["an expiry without an end", { expiry: Duration.infinity }],
    ["no name", { name: "" }]
  ]
  for (const [what, parts] of outOfBounds) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function*() {
        const reason = yield* reasonOf(
          Layer.build(Rollout.layer({ domains: [New.Bank], name: "bank", upcaster: New.upcaster, ...parts }))
        )
        expect(reason._tag).toBe("Refused")
      }).pipe(inMemory))
  }

  it.effect("has a longer expiry where heartbeats are rare", () =>
    Effect.gen(function*() {
      yield* startNew({ heartbeat: "1 hour" })
      yield* TestClock.adjust("59 minutes")
      expect((yield* ProgramStore.ProgramStore.use(({ programs }) => programs)).length).toBe(1)
    }).pipe(inMemory))
})
