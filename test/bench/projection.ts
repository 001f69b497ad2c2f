/**
 * Folds the 262,200 events of a real log into rows, behind a checkpoint and as a rebuild in partitions, beside merely
 * reading and decoding the same events: rounds in turn, medians, on a server with fsync and on PGlite in the process.
 */
import "effect/schema/SchemaJITCompiler/enable"

import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { EventStore, type Projection, Rebuild, RowStore, Upcaster } from "@varve/core"
import { Embedded, Postgres } from "@varve/postgres"
import { Effect, Layer, ManagedRuntime, Option, Redacted, Result, Stream } from "effect"
import { Applications } from "../../examples/loans/src/Applications.ts"
import * as Import from "../../examples/loans/src/Import.ts"
import { LoanApplication } from "../../examples/loans/src/LoanApplication.ts"
import * as LogFile from "../../examples/loans/src/LogFile.ts"
import * as log from "../loans/log.ts"
import { Revised } from "../loans/revised.ts"
import { start } from "../support/PostgresServer.ts"

const rounds = 3
const partitions = 4
/** A projection is to take at most twice what it takes to read and to decode its events. */
const targetRatio = 0.5

type Services = EventStore.EventStore | RowStore.RowStore | Upcaster.Upcaster

const importLog = Effect.gen(function*() {
  const bytes = yield* LogFile.open(log.realFile)
  yield* Import.run(bytes, yield* LogFile.check(bytes))
  return yield* EventStore.EventStore.use((store) => store.head)
}).pipe(Effect.provide(NodeServices.layer))

/** What every projection has to do before it folds. */
const readAndDecode = Effect.gen(function*() {
  const { reader } = yield* Upcaster.Upcaster
  const { sources, upcast } = reader({ aggregates: [LoanApplication.name], events: LoanApplication.events })
  let decoded = 0
  yield* EventStore.readAll({ filter: { sources } }).pipe(
    Stream.runForEachArray((page) => {
      for (const stored of page) {
        const result = upcast(stored)
        if (Result.isFailure(result)) return Effect.fail(result.failure)
        decoded += result.success.length
      }
      return Effect.void
    })
  )
  return decoded
})

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

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Milliseconds of each, the first round left out: it warms up. */
const measure = async (layer: Layer.Layer<EventStore.EventStore | RowStore.RowStore | PgClient.PgClient, unknown>) => {
  const runtime = ManagedRuntime.make(Layer.merge(layer, Upcaster.layer()))
  try {
    const events = await runtime.runPromise(importLog)
    await runtime.runPromise(round)
    const results: Array<Effect.Success<typeof round>> = []
    for (let i = 0; i < rounds; i++) results.push(await runtime.runPromise(round))
    const of = (key: "read" | "stored" | "rebuilt") => median(results.map((result) => result[key]))
    return { events, read: of("read"), stored: of("stored"), rebuilt: of("rebuilt") }
  } finally {
    await runtime.dispose()
  }
}

/** Prints a table. The smaller one of both ratios. */
const report = (name: string, { events, read, rebuilt, stored }: Awaited<ReturnType<typeof measure>>): number => {
  console.log(`\n${name}, ${events.toLocaleString("en")} events, median of ${rounds} rounds`)
  const lines = [
    ["read and decode", read],
    ["async, from no rows to all", stored],
    [`rebuild in ${partitions} partitions`, rebuilt]
  ] as const
  for (const [what, millis] of lines) {
    const rate = Math.round(events / millis * 1_000).toLocaleString("en").padStart(9)
    console.log(`  ${what.padEnd(28)} ${rate} events/s  ${(read / millis).toFixed(2).padStart(5)} of reading`)
  }
  return Math.min(read / stored, read / rebuilt)
}

/**
 * Runs and prints. False when the target is missed; with `--floor RATIO`, when that is: for machines that others use as well,
 * where a figure is a tenth more or less from one run to the next.
 */
export const run = async (options: ReadonlyArray<string>): Promise<boolean> => {
  const floor = options[0] === "--floor" ? Number(options[1]) : targetRatio
  if (!(floor > 0 && floor <= targetRatio) || (options.length > 0 && options.length !== 2)) {
    console.error(`options: expected none, or --floor and a number above 0, at most ${targetRatio}`)
    return false
  }
  if (log.skipped !== undefined) {
    console.log(`Not measured: ${log.skipped}`)
    return true
  }
  const server = await start()
  let reached = true
  if ("skipped" in server) {
    console.log(`PostgreSQL: not measured, ${server.skipped}`)
  } else {
    try {
      const ratio = report(
        "PostgreSQL, fsync on",
        await measure(Postgres.layerPool({ url: Redacted.make(server.url) }))
      )
      console.log(`  target: at least ${targetRatio}: ${ratio >= targetRatio ? "reached" : "MISSED"}`)
      reached = ratio >= floor
    } finally {
      await server.stop()
    }
  }
  report("PGlite in the process, in memory", await measure(Embedded.layer()))
  return reached
}
