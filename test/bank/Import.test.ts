import { assert, describe, it } from "@effect/vitest"
import { Aggregate, EventStore, StreamName, Upcaster } from "@varve/core"
import { Bank } from "@varve/example-bank/Bank"
import { BankAccount, Close, Id } from "@varve/example-bank/BankAccount"
import { run } from "@varve/example-bank/Import"
import { header } from "@varve/example-bank/Transactions"
import { DateTime, Effect, Layer, Stream } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as TestServer from "../support/TestServer.ts"

const listFile = join(import.meta.dirname, "../../../shared/data/bank-transactions.csv")
const list = existsSync(listFile) ? readFileSync(listFile) : undefined

const bankOn = <E>(store: Layer.Layer<EventStore.EventStore, E>) =>
  Bank.layer().pipe(Layer.provideMerge(Layer.mergeAll(store, Upcaster.layer())))

const stores = {
  memory: bankOn(EventStore.layerMemory),
  embedded: bankOn(TestServer.sharedEmbedded())
}

const imported = (bytes: Uint8Array | string) =>
  Effect.gen(function*() {
    const problems: Array<string> = []
    const chunks = Stream.fromIterable([Buffer.from(bytes)])
    const summary = yield* run(chunks, (problem) => Effect.sync(() => problems.push(problem)))
    return { summary, problems }
  })

const file = (...lines: ReadonlyArray<string>) => [header, ...lines].join("\n")
const head = EventStore.EventStore.use((store) => store.head)
const balance = (account: string) =>
  Effect.map(BankAccount.load(Id.make(account)), ({ state }) => state._tag === "Active" ? state.balance : state._tag)

for (const [name, layer] of Object.entries(stores)) {
  describe(`import, ${name}`, () => {
    it.live.skipIf(list === undefined)(
      `100 real transactions, twice${list === undefined ? ` (skipped: there is no ${listFile})` : ""}`,
      () =>
        Effect.gen(function*() {
          const { problems, summary } = yield* imported(list!)
          assert.deepStrictEqual(problems, [])
          assert.deepStrictEqual(summary, { lines: 100, added: 100, alreadyThere: 0, bad: 0, equal: 100 })
          const before = yield* head
          const again = yield* imported(list!)
          assert.deepStrictEqual(again.problems, [])
          assert.deepStrictEqual(again.summary, { lines: 100, added: 0, alreadyThere: 100, bad: 0, equal: 100 })
          assert.strictEqual(yield* head, before)
          assert.strictEqual(yield* balance("2378"), 796_800)
        }).pipe(Effect.provide(layer)),
      60_000
    )

    it.live("opens an account with its first line, at its date, in one commit", () =>
      Effect.gen(function*() {
        yield* imported(file("1;7;930105;PRIJEM;VKLAD;0.10;0.10;SIPO;;", "2;7;930107;VYDAJ;VYBER;0.10;0.00;;;"))
        const events = yield* Stream.runCollect(EventStore.read(StreamName.make("BankAccount", "7")))
        assert.deepStrictEqual(
          events.map(({ occurredAt, type }) => [type, DateTime.formatIso(occurredAt)]),
          [
            ["AccountOpened", "1993-01-05T00:00:00.000Z"],
            ["MoneyDeposited", "1993-01-05T00:00:00.000Z"],
            ["MoneyWithdrawn", "1993-01-07T00:00:00.000Z"]
          ]
        )
        assert.strictEqual(events[0]!.commitId, events[1]!.commitId)
        assert.deepStrictEqual(events[1]!.metadata.user, { operation: "VKLAD", symbol: "SIPO" })
      }).pipe(Effect.provide(layer)), 60_000)

    it.live("names bad lines and goes on", () =>
      Effect.gen(function*() {
        const { problems, summary } = yield* imported(file(
          "1;7;930101;PRIJEM;VKLAD;700.00;700.00;;;",
          "2;7;930102",
          "",
          "3;7;930103;PRIJEM;VKLAD;abc;700.00;;;",
          "4;7;930231;PRIJEM;VKLAD;1.00;700.00;;;",
          "5;7;930103;ODJEZD;VKLAD;1.00;700.00;;;",
          "6;7;930103;PRIJEM;VKLAD;0.00;700.00;;;",
          "\u0001",
          "x".repeat(5_000),
          "7;7;930104;VYDAJ;VYBER;700.01;-0.01;;;",
          "8;8;930104;VYDAJ;VYBER;1.00;99.00;;;",
          "9;7;930105;VYDAJ;VYBER;0.30;699.70;;;"
        ))
        assert.deepStrictEqual(problems.map((problem) => problem.replace(/, got "[^]*/, "")), [
          "line 3: expected 10 fields, got 3",
          "line 4: expected a transaction, got an empty line",
          "line 5: amount: expected an amount above 0 and below ten billion, with at most two decimals",
          "line 6: date: expected a day of the 1990s as YYMMDD",
          "line 7: type: expected PRIJEM, VYDAJ or VYBER",
          "line 8: amount: expected an amount above 0 and below ten billion, with at most two decimals",
          "line 9: expected text, got the control character U+0001 at column 1",
          "line 10: expected at most 4096 bytes, got 5000",
          "line 11: transaction 7: account 7 says InsufficientFunds: 700.00 there, 700.01 asked for",
          "line 12: transaction 8: account 8 says InsufficientFunds: 0.00 there, 1.00 asked for"
        ])
        assert.deepStrictEqual(summary, { lines: 12, added: 2, alreadyThere: 0, bad: 10, equal: 2 })
        // The account of a line that was rejected was not opened either.
        assert.strictEqual(yield* balance("8"), "Unopened")
      }).pipe(Effect.provide(layer)), 60_000)

    it.live("tells a transaction from another one of its number", () =>
      Effect.gen(function*() {
        const first = "1;7;930101;PRIJEM;VKLAD;5.00;5.00;;;"
        const second = "2;7;930102;PRIJEM;VKLAD;6.00;11.00;;;"
        const { problems, summary } = yield* imported(file(
          first,
          second,
          first,
          second,
          "1;7;930101;PRIJEM;VKLAD;5.01;5.00;;;",
          "2;7;930102;VYDAJ;VKLAD;6.00;11.00;;;",
          "1;9;930101;PRIJEM;VKLAD;5.00;5.00;;;"
        ))
        assert.deepStrictEqual(summary, { lines: 7, added: 3, alreadyThere: 2, bad: 2, equal: 5 })
        assert.match(problems[0]!, /^line 6: transaction 1: .*other content/)
        assert.match(problems[1]!, /^line 7: transaction 2: .*other content/)
      }).pipe(Effect.provide(layer)), 60_000)
  })
}

describe("import", () => {
  it.effect("reports balances that are not the bank's, once for each difference", () =>
    Effect.gen(function*() {
      const { problems, summary } = yield* imported(file(
        "1;7;930101;PRIJEM;VKLAD;5.00;105.00;;;",
        "2;7;930102;PRIJEM;VKLAD;5.00;110.00;;;",
        "3;7;930103;PRIJEM;VKLAD;5.00;-1.00;;;",
        "4;8;930103;PRIJEM;VKLAD;5.00;5.00;;;"
      ))
      assert.deepStrictEqual(problems.map((problem) => problem.replace(/ from before .*/, "")), [
        "line 2: account 7 has 5.00, the bank says 105.00: 100.00",
        "line 4: account 7 has 15.00, the bank says -1.00: -16.00"
      ])
      assert.deepStrictEqual(summary, { lines: 4, added: 4, alreadyThere: 0, bad: 0, equal: 1 })
    }).pipe(Effect.provide(stores.memory)))

  it.effect("goes on where an earlier list ended, also when an account was closed since", () =>
    Effect.gen(function*() {
      const january = file("1;7;930101;PRIJEM;VKLAD;5.00;5.00;;;")
      const february = file("2;7;930201;VYDAJ;VYBER;5.00;0.00;;;")
      assert.strictEqual((yield* imported(january)).summary.equal, 1)
      assert.strictEqual((yield* imported(february)).summary.equal, 1)
      yield* BankAccount.execute(Id.make("7"), Close.make({}))
      for (const list of [january, february]) {
        assert.deepStrictEqual((yield* imported(list)).summary, {
          lines: 1,
          added: 0,
          alreadyThere: 1,
          bad: 0,
          equal: 1
        })
      }
      const { problems } = yield* imported(file("3;7;930301;PRIJEM;VKLAD;5.00;5.00;;;"))
      assert.deepStrictEqual(problems, [
        "line 2: transaction 3: account 7 says AlreadyOpened: the account was opened before"
      ])
    }).pipe(Effect.provide(stores.memory)))

  it.effect("keeps the order of an account's lines, over many batches", () =>
    Effect.gen(function*() {
      const lines = Array.from({ length: 1_000 }, (_, i) =>
        `${i};${i % 7};930101;PRIJEM;VKLAD;0.01;${(Math.floor(i / 7) + 1) / 100};;;`)
      const { problems, summary } = yield* imported(file(...lines))
      assert.deepStrictEqual(problems, [])
      assert.deepStrictEqual(summary, { lines: 1_000, added: 1_000, alreadyThere: 0, bad: 0, equal: 1_000 })
    }).pipe(Effect.provide(stores.memory)))

  it.effect.each(
    [
      ["", "an empty file"],
      ["\n", "an empty line"],
      ["1;7;930101;PRIJEM;VKLAD;5.00;5.00;;;\n", "\"1;7;930101"],
      ["\u0000\u0001", "the control character U+0000"]
    ] as const
  )("refuses what is no list: %j", ([content, actual]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(imported(content))
      assert.isFalse(error instanceof Aggregate.ExecutionError)
      assert.isTrue(error.message.startsWith(`line 1: expected the header ${header}, got ${actual}`), error.message)
      assert.strictEqual(yield* head, 0)
    }).pipe(Effect.provide(stores.memory)))
})
