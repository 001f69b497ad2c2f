import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { EventStore, type EventStoreError, Projection, RowStore, Upcaster } from "@varve/core"
import { DateTime, Duration, Effect, Layer, Option, Stream } from "effect"
import { Activities } from "../../examples/loans/src/Activities.ts"
import { Applications } from "../../examples/loans/src/Applications.ts"
import * as CatchUp from "../../examples/loans/src/CatchUp.ts"
import * as Import from "../../examples/loans/src/Import.ts"
import { LoanApplication } from "../../examples/loans/src/LoanApplication.ts"
import { Loans } from "../../examples/loans/src/Loans.ts"
import * as LogFile from "../../examples/loans/src/LogFile.ts"
import type { LogLine } from "../../examples/loans/src/LogLine.ts"
import * as Report from "../../examples/loans/src/Report.ts"
import * as Text from "../../examples/loans/src/Text.ts"
import { Throughput } from "../../examples/loans/src/Throughput.ts"
import * as TestServer from "../support/TestServer.ts"
import * as log from "./log.ts"
import * as reference from "./reference.ts"

/** What the last line of an application tells, by its number: three decisions, and one that is still open. */
const ends = ["A_APPROVED", "A_DECLINED", "A_CANCELLED", "A_ACCEPTED"] as const

const rounds = 8

const lines: ReadonlyArray<LogLine> = log.made({ applications: 41, rounds }).map((line, i) =>
  line.seq < rounds ? line : { ...line, activity: ends[i % ends.length]!, lifecycle: "COMPLETE" }
)

const importLines = (lines: ReadonlyArray<LogLine>) =>
  Effect.flatMap(log.check(lines), (checked) => Import.run(log.bytes(lines), checked))

const exact = Effect.fnUntraced(function*(lines: ReadonlyArray<LogLine>) {
  const { throughput, ...told } = yield* Report.gather(false)
  assert.deepStrictEqual(told, reference.of(lines))
  assert.deepStrictEqual(reference.sizesOf(throughput), reference.throughputOf(lines))
  assert.deepStrictEqual(told.figures.filter((figure) => !Report.agrees(figure)), [])
})

const asyncModes = { LoanApplications: "async", LoanActivities: "async", LoanThroughput: "async" } as const
const inlineModes = { LoanApplications: "inline", LoanActivities: "inline", LoanThroughput: "inline" } as const

const withStore = <E, R>(
  store: Layer.Layer<EventStore.EventStore | RowStore.RowStore, E, R>
) => Layer.provideMerge(LoanApplication.layer, Layer.merge(store, Upcaster.layer()))

const memory = withStore(EventStore.layerMemory)

describe("the report", () => {
  it.effect("is exact where rows are folded when they are asked for", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      yield* exact(lines)
    }).pipe(Effect.provide(Loans.layer()), Effect.provide(memory)))

  it.live("is exact where rows are stored behind a checkpoint", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      const { head } = yield* CatchUp.run
      assert.strictEqual(head, lines.length)
      yield* exact(lines)
    }).pipe(Effect.provide(Loans.layer(asyncModes)), Effect.provide(memory)))

  it.live("is exact where rows are stored with the events", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      yield* CatchUp.run
      yield* exact(lines)
    }).pipe(Effect.provide(Loans.layer(inlineModes)), Effect.provide(memory)))

  it.effect("tells of nothing when there is nothing", () =>
    Effect.gen(function*() {
      yield* exact([])
    }).pipe(Effect.provide(Loans.layer()), Effect.provide(memory)))

  it.effect("says when a figure is not what the log states", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      const { figures } = yield* Report.gather(true)
      assert.strictEqual(figures.filter(Report.agrees).length, 0)
    }).pipe(Effect.provide(Loans.layer()), Effect.provide(memory)))
})

describe("catching up", () => {
  const storedModes = { LoanApplications: "stored", LoanActivities: "stored", LoanThroughput: "stored" } as const
  const message = Effect.map(Effect.flip(CatchUp.run), ({ message }) => message)

  it.live("says when nobody has run the read models", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      assert.match(
        yield* Effect.provide(message, Loans.layer(storedModes)),
        /^Loan\w+: expected to go on, got one that is absent at event 0 of 328$/
      )
    }).pipe(Effect.provide(memory)))

  it.live("says when a read model is paused", () =>
    Effect.gen(function*() {
      yield* CatchUp.run
      yield* Projection.pause(Throughput)
      yield* importLines(lines)
      assert.strictEqual(
        yield* message,
        "LoanThroughput: expected to go on, got one that is paused at event 0 of 328"
      )
    }).pipe(Effect.provide(Loans.layer(asyncModes)), Effect.provide(memory)))

  it.live("says when events are parked", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      yield* Effect.provide(CatchUp.run, Loans.layer(asyncModes))
      const park = {
        tenant: "",
        key: "START",
        position: 3,
        index: 0,
        eventId: "3",
        type: "LoanWorkStarted",
        attempts: 1,
        cause: "no luck",
        parkedAt: DateTime.makeUnsafe(0),
        due: false
      }
      const committed = yield* RowStore.RowStore.use((store) =>
        store.commit({
          target: { kind: "projection", name: "LoanActivities", revision: 1 },
          partition: 0,
          fence: undefined,
          from: lines.length,
          to: lines.length,
          rows: [],
          park: [park],
          unpark: [],
          rate: 0,
          lease: Duration.seconds(1)
        })
      )
      assert.strictEqual(committed, "Committed")
      assert.match(
        yield* Effect.provide(message, Loans.layer(storedModes)),
        /^LoanActivities: expected no parked events, got 1 \(keys: 1\): /
      )
    }).pipe(Effect.provide(memory)))
})

describe("rows", () => {
  it.effect("of an application tell where it stands", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      const row = Option.getOrThrow(yield* Applications.get("200002"))
      const own = lines.filter(({ application }) => application === "200002")
      assert.strictEqual(row.stage, ends[(41 * (rounds - 1) + 2) % 4] === "A_ACCEPTED" ? "Accepted" : row.outcome)
      assert.strictEqual(row.amountRequested, 1_002)
      assert.strictEqual(row.events, rounds)
      assert.strictEqual(row.submittedAt?.epochMilliseconds, Date.parse(own[0]!.time))
      assert.strictEqual(row.lastAt?.epochMilliseconds, Date.parse(own.at(-1)!.time))
    }).pipe(Effect.provide(Loans.layer()), Effect.provide(memory)))

  it.effect("of an activity and of a day add up", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      assert.strictEqual(Option.getOrThrow(yield* Activities.get("A_SUBMITTED")).events, 41)
      assert.strictEqual(Option.getOrThrow(yield* Activities.get("START")).kind, "Lifecycle")
      assert.deepStrictEqual(Option.getOrThrow(yield* Throughput.get("2011-10-30/")), {
        day: "2011-10-30",
        resource: null,
        completed: lines.filter(({ lifecycle, resource }) => lifecycle === "COMPLETE" && resource === null).length
      })
    }).pipe(Effect.provide(Loans.layer()), Effect.provide(memory)))
})

describe("words", () => {
  it("tell a time in its two largest units", () => {
    assert.deepStrictEqual(
      [0, 999, 1_000, 61_000, 3_600_000, 86_400_000, 2 * 86_400_000 + 3_700_000].map(Text.duration),
      ["0 ms", "999 ms", "1 s", "1 min 1 s", "1 h 0 min", "1 day 0 h", "2 days 1 h"]
    )
  })

  it("know the middle", () => {
    assert.deepStrictEqual([[], [3], [3, 4], [1, 3, 9]].map(Report.median), [undefined, 3, 3.5, 3])
  })
})

// --- The real log ------------------------------------------------------------

const lineCount = 6_000

const firstLines = Effect.gen(function*() {
  const entries = LogFile.entries(yield* LogFile.open(log.realFile))
  return yield* entries.pipe(
    Stream.take(lineCount),
    Stream.mapEffect(Effect.fromResult),
    Stream.map(({ line }) => line),
    Stream.runCollect
  )
}).pipe(Effect.provide(NodeServices.layer))

const reportTwice = Effect.gen(function*() {
  const lines = yield* firstLines
  yield* importLines(lines)
  for (const _ of ["first", "second"]) {
    yield* Effect.provide(Effect.andThen(CatchUp.run, exact(lines)), Loans.layer(asyncModes))
  }
  // Nobody runs them now: what was stored is enough.
  yield* Effect.provide(
    exact(lines),
    Loans.layer({ LoanApplications: "stored", LoanActivities: "stored", LoanThroughput: "stored" })
  )
})

const on = <R, E extends EventStoreError.EventStoreError>(
  store: Layer.Layer<EventStore.EventStore | RowStore.RowStore, E, R>
) => Effect.provide(reportTwice, withStore(store))

describe.skipIf(log.skipped !== undefined)(
  `a report of the real log${log.skipped === undefined ? "" : ` (${log.skipped})`}`,
  () => {
    it.live("is exact in memory", () => on(EventStore.layerMemory), 30_000)

    it.live("is exact in an embedded database", () => on(TestServer.layerEmbedded()), 60_000)

    it.live.skipIf(TestServer.skipped !== undefined)("is exact on a server", () => on(TestServer.layer()), 60_000)
  }
)
