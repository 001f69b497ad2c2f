import { assert, it } from "@effect/vitest"
import { Projection, Rebuild, Upcaster } from "@varve/core"
import { Effect, Exit, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { BankAccount, Deposit, Id, Open, Withdraw } from "../../examples/bank/src/BankAccount.ts"
import { Movements } from "../../examples/bank/src/Movements.ts"
import * as TestServer from "../support/TestServer.ts"

const layer = BankAccount.layer.pipe(Layer.provideMerge(Layer.merge(TestServer.layerEmbedded(), Upcaster.layer())))

it.live(
  "movements are there once, in a table that SQL can ask, and go with their revision",
  () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const ada = Id.make("ada")
      yield* BankAccount.execute(ada, Open.make({ owner: "Ada", currency: "EUR" }))
      yield* BankAccount.execute(ada, Deposit.make({ cents: 500, currency: "EUR" }))
      yield* BankAccount.execute(ada, Withdraw.make({ cents: 200, currency: "EUR" }))
      for (const _ of ["a run", "another run, which finds nothing new"]) {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* Effect.forkScoped(Projection.run([Movements]))
          yield* Projection.whenCaughtUp(Movements)
        }))
      }
      assert.deepStrictEqual(yield* Projection.parked(Movements), [])
      const sums = sql`SELECT account, count(*)::int AS n, sum(cents)::int AS cents FROM ${
        sql(Movements.table("movements"))
      } GROUP BY account`
      assert.deepStrictEqual(yield* sums, [{ account: "ada", n: 2, cents: 300 }])
      yield* Rebuild.drop(Movements, 1)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(sums)))
    }).pipe(Effect.provide(layer)),
  60_000
)
