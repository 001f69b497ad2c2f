/**
 * The part of the tour that is about read models: rows read right after a command, rows of the past, and a fold with a
 * bug that is mended while its rows are read.
 */
import { type Commit, Metadata, Projection, Rebuild } from "@varve/core"
import { DateTime, Effect, Fiber, Option, Schema, Stream } from "effect"
import { Balances } from "./Balances.ts"
import { BankAccount, Deposit, Id, MoneyDeposited, MoneyWithdrawn, Open, Withdraw } from "./BankAccount.ts"
import { Statements } from "./Statements.ts"
import type { Talk } from "./Talk.ts"
import * as Text from "./Text.ts"

const ada = Id.make("ada")
const cleo = Id.make("cleo")
const eur = (cents: number) => ({ cents, currency: "EUR" } as const)

const rowText = Option.match({
  onNone: () => "no row",
  onSome: ({ cents, currency, owner }: typeof Balances.row.Type) =>
    `{ owner: ${owner}, balance: ${Text.money(cents, currency)} }`
})

/** Reads what a command has just changed. */
const ownWrite = Effect.fnUntraced(function*({ say, step }: Talk) {
  yield* step(
    "Read models are folds of the events. Balances rides with the append: its row is there when execute returns."
  )
  const { receipt } = yield* BankAccount.execute(ada, Deposit.make(eur(1_000)))
  yield* say("Balances.get(\"ada\")", rowText(yield* Balances.get(ada)))

  yield* step("Statements are written behind a checkpoint. Who has the receipt of a command waits for what it did.")
  yield* statements(say, receipt)
})

const statements = Effect.fnUntraced(function*(say: Talk["say"], after: Option.Option<Commit.Receipt>) {
  const { rows } = yield* Statements.list({
    index: "ofAccount",
    where: { account: ada },
    direction: "backward",
    limit: 3,
    after
  })
  for (const { row: { currency, month, movements, paidIn, paidOut } } of rows) {
    const [into, out] = [paidIn, paidOut].map((cents) => Text.money(cents, currency))
    yield* say(`statement of ${month}`, `${counted(movements, "movement")}, in ${into}, out ${out}`)
  }
})

/** Three in the afternoon of the last Tuesday before today, in UTC. */
const lastTuesday = Effect.map(DateTime.now, (now) => {
  const midnight = DateTime.startOf(now, "day")
  const weekday = DateTime.getPartUtc(midnight, "weekDay")
  return DateTime.add(midnight, { days: -(((weekday + 4) % 7) + 1), hours: 15 })
})

/** Cleo's papers come in late: they happened before they were stored. */
export const enterPapers = Effect.fnUntraced(function*({ say, step }: Talk) {
  yield* step("Cleo's papers come in late. Every event has two times: when it happened, and when it was stored.")
  const tuesday = yield* lastTuesday
  const on = (occurredAt: DateTime.Utc) => Metadata.provide({ occurredAt })
  const monday = DateTime.subtract(tuesday, { days: 1 })
  yield* BankAccount.execute(cleo, Open.make({ owner: "Cleo", currency: "EUR" })).pipe(on(monday))
  yield* BankAccount.execute(cleo, Deposit.make(eur(10_000))).pipe(on(monday))
  yield* BankAccount.execute(cleo, Withdraw.make(eur(4_000))).pipe(on(DateTime.add(tuesday, { hours: 1 })))
  yield* say("Deposit 100.00", `happened ${DateTime.formatIso(monday)}`)
  yield* say("Withdraw 40.00", `happened ${DateTime.formatIso(DateTime.add(tuesday, { hours: 1 }))}`)
})

const past = Effect.fnUntraced(function*({ say, step }: Talk) {
  const tuesday = yield* lastTuesday
  yield* step("What was Cleo's balance last Tuesday at 15:00? A read model can be asked as of any time.")
  const then = yield* Balances.asOf({ occurredAt: tuesday })
  yield* say(`as of ${DateTime.formatIso(tuesday).slice(0, 16)}Z`, rowText(yield* then.get(cleo)))
  yield* say("now", rowText(yield* Balances.get(cleo)))
})

// --- A bug, and its end ------------------------------------------------------

const activity = {
  row: Schema.Struct({ deposits: Schema.Int, withdrawals: Schema.Int }),
  events: [MoneyDeposited, MoneyWithdrawn]
}
const initial = { deposits: 0, withdrawals: 0 }

class Buggy extends Projection.make("Activity", activity).fold({
  initial,
  on: {
    MoneyDeposited: (row) => ({ ...row, deposits: row.deposits + 1 }),
    MoneyWithdrawn: (row) => ({ ...row, deposits: row.deposits + 1 })
  }
}) {}

class Mended extends Projection.make("Activity", { ...activity, revision: 2 }).fold({
  initial,
  on: {
    MoneyDeposited: (row) => ({ ...row, deposits: row.deposits + 1 }),
    MoneyWithdrawn: (row) => ({ ...row, withdrawals: row.withdrawals + 1 })
  }
}) {}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

const counts = Option.match({
  onNone: () => "no row",
  onSome: ({ deposits, withdrawals }: typeof initial) => `${deposits} deposits, ${withdrawals} withdrawals`
})

/** Reads again and again, and answers with how often. A read that fails or finds nothing ends the tour. */
const readOn = Effect.gen(function*() {
  let reads = 0
  const read = Effect.tap(Buggy.get(ada), (row) =>
    Effect.sync(() => {
      if (Option.isNone(row)) throw new Error("The read model of Activity lost the row of ada")
      reads++
    }))
  const fiber = yield* Effect.forkChild(Effect.forever(read))
  return Effect.andThen(Fiber.interrupt(fiber), Effect.sync(() => reads))
})

// #region rebuild
/** Builds the mended revision beside the one that is read, and switches to it. Answers with what differed. */
const mend = Effect.gen(function*() {
  yield* Stream.runDrain(Rebuild.build(Mended))
  const comparison = yield* Rebuild.compare(Mended)
  yield* Rebuild.switchTo(Mended)
  return comparison
})
// #endregion

/** So that the next tour can tell it again: the revision that is read can go when it is the only one. */
const forget = Effect.forEach([1, 2], (revision) => Rebuild.drop(Mended, revision), { discard: true })

const bug = Effect.fnUntraced(function*({ say, step }: Talk) {
  yield* step("A fold has a bug: it counts withdrawals as deposits.")
  // A tour that was cut off may have left one of them, or both.
  yield* Effect.ignore(forget)
  yield* Effect.ignore(Rebuild.drop(Mended, 2))
  yield* Effect.gen(function*() {
    yield* Buggy.whenCaughtUp()
    yield* say("Activity, revision 1", counts(yield* Buggy.get(ada)))

    yield* step("The mended fold is revision 2: built beside the old one, which is read meanwhile, then switched to.")
    const stop = yield* readOn
    const { differing, examined } = yield* mend
    const reads = yield* stop
    yield* say(
      "compared",
      `${counted(examined, "row")}, ${differing.length} differ; ${counted(reads, "read")} meanwhile, none failed`
    )
  }).pipe(Effect.provide(Buggy.layerAsync))
  const row = yield* Mended.get(ada).pipe(Effect.provide(Mended.layerStored))
  yield* say("Activity, revision 2", counts(row))
  yield* forget
})

/** What read models can do. */
export const readModels = Effect.fnUntraced(function*(talk: Talk) {
  yield* ownWrite(talk)
  yield* past(talk)
  yield* bug(talk)
})
