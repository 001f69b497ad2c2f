import { assert, describe, it } from "@effect/vitest"
import { Aggregate, Domain, EventStore, Instances, Projection, Rows, Upcaster } from "@varve/core"
import { DateTime, Effect, Layer, Option, Result, Schema, Stream } from "effect"
import { Account, Deposit, Deposited, Id, Open, Opened } from "./Account.ts"

class Balances extends Projection.make("Balances", {
  row: Schema.Struct({ owner: Schema.String, balance: Schema.Int }),
  events: [Opened, Deposited],
  indexes: { byOwner: ["owner"] }
})
  .fold({
    initial: { owner: "", balance: 0 },
    on: {
      Opened: (row, { owner }) => ({ ...row, owner }),
      Deposited: (row, { cents }) => ({ ...row, balance: row.balance + cents })
    }
  })
{}

const Bank = Domain.make("Bank", { aggregates: [Account], projections: [Balances] })

const here = Layer.provide(Bank.layer(), Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))

/** What it is asked is written down, and passed on. */
const overheard = (asked: Array<string>) =>
  Layer.mergeAll(
    Instances.layer(
      Account,
      Effect.map(Instances.of(Account), (running) => ({
        ...running,
        execute: (id, command, options) => {
          asked.push(`${command._tag} ${id}`)
          return running.execute(id, command, options)
        }
      }))
    ),
    Rows.layer(
      Balances,
      Effect.map(Rows.of(Balances), (reading) => ({
        ...reading,
        get: (key, options) => {
          asked.push(`get ${key}`)
          return reading.get(key, options)
        }
      }))
    )
  ).pipe(Layer.provide(here))

describe("Instances and Rows from elsewhere", () => {
  const ada = Id.make("ada")

  it.effect("are asked by the same calls", () => {
    const asked: Array<string> = []
    return Effect.gen(function*() {
      const opened = yield* Account.execute(ada, Open.make({ owner: "Ada" }))
      yield* Account.execute(ada, Deposit.make({ cents: 5 }))
      assert.deepStrictEqual(
        yield* Balances.get(ada, { after: opened.receipt }),
        Option.some({ owner: "Ada", balance: 5 })
      )
      assert.strictEqual((yield* Account.load(ada)).version, 2)
      assert.strictEqual((yield* Stream.runCollect(Account.history(ada))).length, 2)
      assert.strictEqual(yield* Balances.count({ index: "byOwner", where: { owner: "Ada" } }), 1)
      const { after, before } = yield* Balances.diff(ada, { from: { position: 1 } })
      assert.deepStrictEqual([before, after].map(Option.map(({ balance }) => balance)), [
        Option.some(0),
        Option.some(5)
      ])
      assert.deepStrictEqual(asked, ["Open ada", "Deposit ada", "get ada"])
    }).pipe(Effect.provide(overheard(asked)))
  })

  it.effect("are refused to a commit over several instances", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Aggregate.executeAll([Aggregate.to(Account, ada, Open.make({ owner: "Ada" }))]))
      assert(error instanceof Aggregate.ExecutionError)
      assert.strictEqual(error.reason._tag, "Refused")
      assert.include(error.message, "expected instances that are run in this process, got some that are run elsewhere")
    }).pipe(Effect.provide(overheard([]))))

  it("fold rows from events that are not stored", () => {
    const event = Deposited.make({ cents: 7 })
    const envelope = {
      key: "ada",
      stream: { tenant: "", category: "Account", id: "ada" },
      version: 1,
      eventId: "1",
      occurredAt: DateTime.makeUnsafe(0),
      actor: undefined,
      correlationId: undefined,
      causationId: undefined,
      user: undefined
    }
    assert.deepStrictEqual(Rows.keysOf(Balances, event, envelope), ["ada"])
    assert.deepStrictEqual(Rows.fold(Balances, undefined, event, envelope), { owner: "", balance: 7 })
    assert.deepStrictEqual(Rows.fold(Balances, { owner: "Ada", balance: 1 }, event, envelope), {
      owner: "Ada",
      balance: 8
    })
    assert.strictEqual(Rows.fold(Balances, undefined, { _tag: "Closed" }, envelope), undefined)
    assert.deepStrictEqual(Rows.indexesOf(Balances), { byOwner: ["owner"] })
  })

  it("tell where a row stands among those of a query", () => {
    const order = Result.getOrThrow(Rows.orderOf(Balances, { index: "byOwner", from: "B" }))
    const placeOf = (key: string, owner: string) => order.placeOf(key, { owner, balance: 1 })
    assert.strictEqual(placeOf("1", "Ada"), undefined)
    assert.isBelow(order.compare(placeOf("1", "Bob")!, placeOf("1", "Cy")!), 0)
    assert.isAbove(order.compare(placeOf("2", "Bob")!, placeOf("1", "Bob")!), 0)
    const refused = Rows.orderOf(Balances, { index: "byAge" })
    assert.isTrue(Result.isFailure(refused) && refused.failure._tag === "Refused")
  })

  it("tell whose rows have one instance each", () => {
    class PerOwner extends Projection.make("PerOwner", { row: Schema.Int, events: [Opened] }).fold({
      initial: 0,
      key: { Opened: ({ owner }) => owner },
      on: { Opened: (count) => count + 1 }
    }) {}
    assert.strictEqual(Rows.ownerOf(Balances, [Account]), "Account")
    assert.strictEqual(Rows.ownerOf(Balances, []), undefined)
    assert.strictEqual(Rows.ownerOf(PerOwner, [Account]), undefined)
  })
})
