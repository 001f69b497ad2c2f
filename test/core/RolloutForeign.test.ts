/** Rollouts beside programs that read events by their types alone, of which some were renamed or split. */
import { describe, expect, it } from "@effect/vitest"
import { Aggregate, Command, Decision, Domain, Event, Projection, Rollout, Upcaster } from "@varve/core"
import { Effect, Layer, Schema } from "effect"
import * as New from "./RolloutNew.ts"
import * as Old from "./RolloutOld.ts"
import { inMemory, reasonOf, started, startNew, startOld, stored, written } from "./RolloutReleases.ts"

/** A program that reads some events whatever writes them. */
const startReport = (reads: ReadonlyArray<Event.Any>, options: Partial<Omit<Rollout.Options, "reads">> = {}) =>
  started({ domains: [], reads, name: "report 1.0", ...options }, Layer.empty)

describe("Rollout, beside a reader of an event that was renamed", () => {
  it.effect("writes the old name until the reader has gone, and then refuses it", () =>
    Effect.gen(function*() {
      const report = yield* startReport([Old.AccountOpened])
      const next = yield* startNew()
      const status = yield* next.rollout.status
      expect(written(status)).toEqual({
        AccountRegistered: "AccountOpened 1",
        MoneyDeposited: "MoneyDeposited 2",
        AccountClosed: "AccountClosed 1"
      })
      expect(status.events.find(({ event }) => event === "AccountRegistered")?.waitingFor).toEqual([
        { program: "report 1.0", id: status.programs.find(({ name }) => name === "report 1.0")!.id, reads: 0 }
      ])
      yield* next.run(New.Account.execute("a", New.Open.make({ owner: "Ada" })))
      yield* report.end
      yield* next.rollout.refresh
      yield* next.run(New.Account.execute("b", New.Open.make({ owner: "Bob" })))
      expect(yield* stored).toEqual(["AccountOpened 1", "AccountRegistered 1"])
      const reason = yield* reasonOf(startReport([Old.AccountOpened]))
      expect(reason).toMatchObject({
        _tag: "Refused",
        what: "program report 1.0",
        expected: expect.stringContaining("AccountRegistered of Account, in place of AccountOpened"),
        actual: "one that reads AccountOpened, which is written as AccountRegistered now, and does not know that"
      })
      yield* next.end
      yield* reasonOf(startReport([Old.AccountOpened]))
      yield* startReport([New.AccountRegistered], { upcaster: New.upcaster })
    }).pipe(inMemory))

  it.effect("waits for a projection of another domain, as for what it is told of", () =>
    Effect.gen(function*() {
      class Owners extends Projection.make("Owners", { row: Schema.Struct({}), events: [Old.AccountOpened] }).fold({
        on: { AccountOpened: () => ({}) }
      }) {}
      yield* startReport([], { domains: [Domain.make("Reports", { aggregates: [], projections: [Owners] })] })
      const next = yield* startNew({ policy: "refuse" })
      const error = yield* Effect.flip(next.run(New.Account.execute("a", New.Open.make({ owner: "Ada" }))))
      expect(error.reason).toMatchObject({
        _tag: "Refused",
        what: "revision 1 of AccountRegistered of Account/a",
        expected: "one that every program at work can read (report 1.0 does not know it)"
      })
      expect(yield* stored).toEqual([])
    }).pipe(inMemory))

  it.effect("does not wait for one that knows the new name", () =>
    Effect.gen(function*() {
      yield* startReport([New.AccountRegistered], { upcaster: New.upcaster })
      const next = yield* startNew()
      expect((yield* next.rollout.status).settled).toBe(true)
      // The release before it is still refused by what it lacks itself.
      expect(yield* reasonOf(startOld())).toMatchObject({ _tag: "Refused" })
    }).pipe(inMemory))
})

describe("Rollout, beside a reader of an event that was split", () => {
  class Sold extends Event.make("Sold", { cents: Schema.Int }) {}
  class Paid extends Event.make("Paid", { cents: Schema.Int }) {}
  class Shipped extends Event.make("Shipped", {}) {}
  class Pay extends Command.make("Pay", { cents: Schema.Int }) {}

  class Order extends Aggregate.make("Order", {
    id: Schema.String,
    state: Schema.Int,
    commands: [Pay],
    events: [Paid, Shipped],
    rejections: []
  }).decider({
    initial: 0,
    decide: { Pay: ({ cents }) => Decision.accept(Paid.make({ cents })) },
    evolve: { Paid: (sum, { cents }) => sum + cents, Shipped: (sum) => sum }
  }) {}

  const Shop = Domain.make("Shop", { aggregates: [Order], projections: [] })
  const upcaster: Upcaster.Options = {
    splits: [Upcaster.split(Sold, [Paid, Shipped], ({ cents }) => [Paid.make({ cents }), Shipped.make({})])]
  }
  const startShop = started({ domains: [Shop], name: "shop 2.0", upcaster }, Shop.layer())

  it.effect("refuses its parts until the reader has gone, and then refuses the reader", () =>
    Effect.gen(function*() {
      const report = yield* startReport([Sold])
      const shop = yield* startShop
      const error = yield* Effect.flip(shop.run(Order.execute("a", Pay.make({ cents: 7 }))))
      expect(error.reason).toMatchObject({
        _tag: "Refused",
        expected: "one that every program at work can read (report 1.0 does not know it)"
      })
      yield* report.end
      yield* shop.rollout.refresh
      yield* shop.run(Order.execute("a", Pay.make({ cents: 7 })))
      expect(yield* stored).toEqual(["Paid 1"])
      const reason = yield* reasonOf(startReport([Sold]))
      expect(reason.message).toContain("reads Sold, which is written as Paid now")
    }).pipe(inMemory))

  it.effect("waits for nobody that knows the split, though it reads one part alone", () =>
    Effect.gen(function*() {
      yield* startReport([Paid], { upcaster })
      const shop = yield* startShop
      expect((yield* shop.rollout.status).settled).toBe(true)
      yield* startReport([Shipped], { name: "report 1.1", upcaster })
      expect((yield* shop.rollout.refresh).settled).toBe(true)
    }).pipe(inMemory))
})
