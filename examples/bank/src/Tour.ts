/**
 * A guided tour: tells what the bank does while it does it. Every run adds a chapter to the same store.
 */
import {
  type Aggregate,
  type Commit,
  CommitId,
  EventStore,
  type EventStoreError,
  Metadata,
  type Projection,
  type RowStore,
  type StoredEvent,
  StreamName,
  type Upcaster
} from "@varve/core"
import { Console, DateTime, Effect, Option, Stream } from "effect"
import { BankAccount, Deposit, Id, MoneyDeposited, Open, Withdraw } from "./BankAccount.ts"
import { type Failed, failed } from "./Failed.ts"
import { type Talk, talker } from "./Talk.ts"
import * as Text from "./Text.ts"
import { enterPapers, readModels } from "./TourReadModels.ts"
import { transfer } from "./Transfer.ts"

const ada = Id.make("ada")
const bob = Id.make("bob")
const eur = (cents: number) => ({ cents, currency: "EUR" } as const)

// --- How the tour talks ------------------------------------------------------

const places = (receipt: Option.Option<Commit.Receipt>): string =>
  Option.match(receipt, {
    onNone: () => "nothing to store",
    onSome: ({ first, last, replayed }) =>
      `${replayed ? "was stored before, at" : "stored at"} position${
        first === last ? ` ${first}` : `s ${first} and ${last}`
      }`
  })

const counted = (events: number): string => `${events} event${events === 1 ? "" : "s"}`

const time = (at: DateTime.DateTime): string => DateTime.formatIso(at)

const asStored = ({ payload, position, revision, stream, type, version }: StoredEvent.StoredEvent): string =>
  `position ${position} · ${StreamName.format(stream)} version ${version} · ${type} revision ${revision} · ${
    JSON.stringify(payload)
  }`

/** The first stored deposit of an account that has the revision. */
const storedDeposit = (id: string, revision: number) =>
  EventStore.read(StreamName.make(BankAccount.name, id)).pipe(
    Stream.filter((event) => event.type === MoneyDeposited.tag && event.revision === revision),
    Stream.runHead
  )

// --- Steps that both chapters have -------------------------------------------

const overdraft = Effect.fnUntraced(function*({ say, step }: Talk) {
  const { state } = yield* BankAccount.load(ada)
  const cents = (state._tag === "Active" ? state.balance : 0) + 3_000
  yield* step("Ada asks for more than she has. The rejection is a typed value, and nothing is stored.")
  yield* BankAccount.execute(ada, Withdraw.make(eur(cents))).pipe(
    Effect.flatMap(({ receipt }) => say(`Withdraw ${Text.decimal(cents)}`, places(receipt))),
    Effect.catchTag(
      "InsufficientFunds",
      (rejected) => say(`Withdraw ${Text.decimal(cents)}`, `rejected, ${Text.rejection(rejected)}`)
    )
  )
})

/** Returns when the store took it. */
const twice = Effect.fnUntraced(function*({ say, step }: Talk, commitId: CommitId.CommitId) {
  yield* step("A command is sent twice under one commit id, as after a lost answer. It counts once.")
  let storedAt = yield* DateTime.now
  for (const which of ["first time", "second time"]) {
    const { receipt, state } = yield* BankAccount.execute(ada, Deposit.make(eur(500)), { commitId })
    yield* say(`Deposit 5.00, ${which}`, `${places(receipt)}, balance ${Text.balance(state)}`)
    if (Option.isSome(receipt)) storedAt = receipt.value.recordedAt
  }
  return storedAt
})

const transferTwenty = Effect.fnUntraced(function*({ say, step }: Talk) {
  // Times are whole milliseconds: the transfer is to be later than what came before it.
  yield* Effect.sleep("2 millis")
  yield* step("A transfer: two accounts in one commit. Both agree, or nothing happens.")
  const [from, into] = yield* transfer(ada, bob, eur(2_000))
  yield* say("Transfer 20.00, ada to bob", places(from.receipt))
  yield* say("", `ada ${Text.balance(from.state)}, bob ${Text.balance(into.state)}`)
})

const asOf = Effect.fnUntraced(function*({ say, step }: Talk, recordedAt: DateTime.Utc, words: string) {
  yield* step("Nothing is overwritten, so every earlier state can be asked for.")
  const before = yield* BankAccount.load(ada, { at: { recordedAt } })
  const now = yield* BankAccount.load(ada)
  yield* say(words, `ada ${Text.balance(before.state)}, after ${counted(before.version)} (as of ${time(recordedAt)})`)
  yield* say("now", `ada ${Text.balance(now.state)}, after ${counted(now.version)}`)
})

// --- The chapters ------------------------------------------------------------

/** Commit ids of the tour: the same for the same step of the same run, so that a run that was cut off goes on. */
const commitIdOf = (run: number, step: string) => CommitId.derive("bank tour", String(run), step)

const firstChapter = Effect.fnUntraced(function*(talk: Talk) {
  const { say, step } = talk
  const store = yield* EventStore.EventStore

  yield* step("Ada and Bob open accounts. A command is decided, and what happened is stored as an event.")
  for (const [id, owner] of [[ada, "Ada"], [bob, "Bob"]] as const) {
    const { events, receipt } = yield* BankAccount.execute(id, Open.make({ owner, currency: "EUR" }))
    yield* say(`Open ${id}`, `${events[0]?._tag} ${places(receipt)}`)
  }

  yield* step("Ada deposits 50.00 EUR.")
  const deposited = yield* BankAccount.execute(ada, Deposit.make(eur(5_000)))
  yield* say(
    "Deposit 50.00",
    `${deposited.events[0]?._tag} ${places(deposited.receipt)}, balance ${Text.balance(deposited.state)}`
  )

  yield* overdraft(talk)

  yield* step("The deposit as it lies in the store.")
  yield* Option.match(yield* storedDeposit(ada, 2), {
    onNone: () => Effect.void,
    onSome: (event) => say(asStored(event))
  })

  yield* step("Years ago, deposits were stored in euros: revision 1. One of those, written as the old program did.")
  const { version } = yield* BankAccount.load(bob)
  yield* store.append({
    writes: [{
      stream: StreamName.make(BankAccount.name, bob),
      expected: version,
      events: [{ type: MoneyDeposited.tag, revision: 1, payload: { euros: 12.34 } }]
    }]
  })
  yield* Option.match(yield* storedDeposit(bob, 1), {
    onNone: () => Effect.void,
    onSome: (event) => say(asStored(event))
  })
  const { state } = yield* BankAccount.load(bob)
  yield* say(`read as revision ${MoneyDeposited.revision}`, `1234 cents, EUR: bob has ${Text.balance(state)}`)

  const before = yield* twice(talk, yield* commitIdOf(1, "gift"))
  yield* transferTwenty(talk)
  yield* asOf(talk, before, "before the transfer")
  yield* enterPapers(talk)
  yield* readModels(talk)
})

const nextChapter = Effect.fnUntraced(function*(talk: Talk, run: number, last: StoredEvent.StoredEvent) {
  const { say, step } = talk

  yield* step("Nothing was kept in memory: the accounts are folded from their events.")
  for (const id of [ada, bob]) {
    const { state, version } = yield* BankAccount.load(id)
    yield* say(id, `${counted(version)}, balance ${Text.balance(state)}`)
  }

  yield* step("Accounts are not opened twice.")
  for (const [id, owner] of [[ada, "Ada"], [bob, "Bob"]] as const) {
    yield* BankAccount.execute(id, Open.make({ owner, currency: "EUR" })).pipe(
      // Where the run before was cut off too early.
      Effect.flatMap(({ receipt }) => say(`Open ${id}`, places(receipt))),
      Effect.catchTag("AlreadyOpened", (rejected) => say(`Open ${id}`, `rejected, ${Text.rejection(rejected)}`))
    )
  }

  yield* step("The gift of the run before is sent again under its commit id, as if its answer had been lost.")
  const gift = yield* BankAccount.execute(ada, Deposit.make(eur(500)), { commitId: yield* commitIdOf(run - 1, "gift") })
  yield* say("Deposit 5.00", places(gift.receipt))

  yield* step("Ada deposits 30.00 EUR.")
  const deposited = yield* BankAccount.execute(ada, Deposit.make(eur(3_000)))
  yield* say(
    "Deposit 30.00",
    `${deposited.events[0]?._tag} ${places(deposited.receipt)}, balance ${Text.balance(deposited.state)}`
  )

  yield* overdraft(talk)
  yield* Option.match(yield* storedDeposit(bob, 1), {
    onNone: () => Effect.void,
    onSome: (event) =>
      Effect.andThen(
        step("Bob's old deposit still lies there as it was written. It is read anew each time."),
        say(asStored(event))
      )
  })
  yield* twice(talk, yield* commitIdOf(run, "gift"))
  yield* transferTwenty(talk)
  yield* asOf(talk, last.recordedAt, "at the end of the last run")
  yield* readModels(talk)
})

/** How many runs there were: each has stamped its number on what it wrote. */
const runsBefore = EventStore.read(StreamName.make(BankAccount.name, ada), { direction: "backward" }).pipe(
  Stream.filter(({ metadata }) => typeof metadata.user?.["run"] === "number"),
  Stream.runHead
)

/** Takes the tour. `place` says where the events are kept. */
export const tour = Effect.fnUntraced(function*(place: string): Effect.fn.Return<
  void,
  Failed | Aggregate.ExecutionError | EventStoreError.EventStoreError | Projection.ProjectionError,
  | Aggregate.Instances<"BankAccount">
  | Projection.Rows<"Balances" | "Statements">
  | EventStore.EventStore
  | RowStore.RowStore
  | Upcaster.Upcaster
> {
  const talk = yield* talker
  const store = yield* EventStore.EventStore
  const head = yield* store.head
  const last = yield* runsBefore
  const run = 1 + Option.match(last, { onNone: () => 0, onSome: ({ metadata }) => Number(metadata.user?.["run"]) })
  yield* talk.title("Varve: a small bank, kept as events")
  yield* Console.log(place)
  yield* Console.log(
    run === 1
      ? `It holds ${head === 0 ? "no events" : `${counted(head)}, none of this tour`}: this is the first run.`
      : `It holds ${counted(head)}. The last run was at ${
        Option.match(last, { onNone: () => "", onSome: ({ recordedAt }) => time(recordedAt) })
      }: this is run ${run}.`
  )
  const chapter = Option.match(last, {
    onNone: () => firstChapter(talk),
    onSome: (event) => nextChapter(talk, run, event)
  })
  yield* chapter.pipe(
    Metadata.provide({ actor: "tour", user: { run } }),
    // Whoever else writes to this store may have closed an account, or emptied it.
    Effect.catchTag(
      ["NotOpen", "AlreadyOpened", "ForeignCurrency", "InsufficientFunds"],
      (rejected) => Effect.fail(failed("the tour", "the accounts as its last run left them", Text.rejection(rejected)))
    )
  )
  yield* Console.log(
    `\nThe store now holds ${yield* store.head} events. Run me again: they are still there, and the story goes on.`
  )
})
