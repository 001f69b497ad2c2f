/**
 * Folds the 262,200 events of a real log into rows, behind a checkpoint and as a rebuild in partitions, beside merely
 * reading and decoding the same events: rounds in turn, medians, on a server with fsync and on PGlite in the process.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { EventStore, type Projection, Rebuild, RowStore, Upcaster } from "@varve/core"
import { Embedded, Postgres } from "@varve/postgres"
import { Effect, Layer, ManagedRuntime, Option, Redacted, Stream } from "effect"
import { Applications } from "../../examples/loans/src/Applications.ts"
import * as Import from "../../examples/loans/src/Import.ts"
import { LoanApplication } from "../../examples/loans/src/LoanApplication.ts"
import * as LogFile from "../../examples/loans/src/LogFile.ts"
import * as log from "../loans/log.ts"
import { Revised } from "../loans/revised.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import * as feed from "./frame/feed.ts"
import type { Series } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"

const partitions = 4
/** A projection is to take at most twice what it takes to read and to decode its events. */
const targetRatio = 0.5

type Services = EventStore.EventStore | RowStore.RowStore | Upcaster.Upcaster

const importLog = Effect.gen(function*() {
  const bytes = yield* LogFile.open(log.realFile)
  yield* Import.run(bytes, yield* LogFile.check(bytes))
  return yield* EventStore.EventStore.use((store) => store.head)
}).pipe(Effect.provide(NodeServices.layer))

const readAndDecode = feed.readAndDecode(LoanApplication)

const target = ({ revision, tag: name }: Projection.Any): RowStore.Target => ({ kind: "projection", name, revision })

const drop = (projection: Projection.Any) => RowStore.RowStore.use((store) => store.drop(target(projection)))

/** From no rows to all of them. */
const async = Applications.whenCaughtUp({ timeout: "10 minutes" }).pipe(Effect.provide(Applications.layerAsync))

/** The same, beside rows that serve. */
const rebuild = Stream.runDrain(Rebuild.build(Revised, { aggregates: [LoanApplication], partitions }))

const timed = (program: Effect.Effect<unknown, unknown, Services>): Effect.Effect<number, unknown, Services> =>
  Effect.suspend(() => {
    const from = performance.now()
    return Effect.map(program, () => performance.now() - from)
  })

/** One after the other; what was built is dropped, and not timed. */
const round = Effect.gen(function*() {
  const read = yield* timed(readAndDecode)
  const stored = yield* timed(async)
  const rebuilt = yield* timed(rebuild)
  const rows = yield* RowStore.RowStore.use((store) =>
    Effect.all(
      [1, 2].map((revision) => store.count({ name: Applications.tag, revision, tenant: "", index: undefined }))
    )
  )
  const [first, second] = rows.map(Option.match({ onNone: () => 0, onSome: ({ count }) => count }))
  if (first === 0 || first !== second) {
    return yield* Effect.die(new Error(`expected as many rows twice, got ${first} and ${second}`))
  }
  yield* drop(Revised)
  yield* drop(Applications)
  // What a round leaves behind would slow down the next one, at a time that nobody chose.
  yield* PgClient.PgClient.use((sql) => sql`VACUUM`)
  return { read, stored, rebuilt }
})

const names = {
  read: "read and decode",
  stored: "async, from no rows to all",
  rebuilt: `rebuild in ${partitions} partitions`
} as const

/** Measures a store, the first round left out: it warms up. */
const measure = async (
  group: string,
  layer: Layer.Layer<EventStore.EventStore | RowStore.RowStore | PgClient.PgClient, unknown>,
  rounds: number,
  report: Report
) => {
  const runtime = ManagedRuntime.make(Layer.merge(layer, Upcaster.layer()))
  try {
    report.progress(`${group}: writing the log`)
    const events = await runtime.runPromise(importLog)
    report.condition(`${group}: ${events.toLocaleString("en")} events, ${rounds} rounds, medians`)
    const onRound = report.onRound(rounds)
    const results: Array<Effect.Success<typeof round>> = []
    for (let i = 0; i <= rounds; i++) {
      onRound(i)
      const result = await runtime.runPromise(round)
      if (i > 0) results.push(result)
    }
    const series = (key: keyof typeof names): Series => ({
      name: names[key],
      unit: "events/s",
      samples: results.map((result) => ({ value: events / result[key] * 1_000 }))
    })
    const all = { read: series("read"), stored: series("stored"), rebuilt: series("rebuilt") }
    for (const each of Object.values(all)) report.measure(group, each)
    return all
  } finally {
    await runtime.dispose()
  }
}

const run = async (settings: Settings, report: Report): Promise<void> => {
  if (log.skipped !== undefined) return report.skip("the log of loan applications", log.skipped)
  const { rounds = 3 } = settings
  await server.withDatabase(report, async (url) => {
    const group = "PostgreSQL, fsync on"
    const { read, rebuilt, stored } = await measure(
      group,
      Postgres.layerPool({ url: Redacted.make(url) }),
      rounds,
      report
    )
    report.ratio("a projection to reading its events", stored, read, { atLeast: targetRatio })
    report.ratio("a rebuild to reading its events", rebuilt, read, { atLeast: targetRatio })
  })
  const { read, rebuilt, stored } = await measure("PGlite in the process, in memory", Embedded.layer(), rounds, report)
  report.ratio("a projection to reading its events, embedded", stored, read)
  report.ratio("a rebuild to reading its events, embedded", rebuilt, read)
}

export const bench: Bench = {
  about: "the events of a real log into rows, behind a checkpoint and as a rebuild, to merely reading them",
  run
}
