/**
 * Commits a second of the same appends at concurrency 1, 16 and 64: rounds in turn, medians, on a server with fsync and
 * on PGlite in the process.
 */
import { PgClient } from "@effect/sql-pg"
import { EventStore, StreamName } from "@varve/core"
import { Embedded, Postgres } from "@varve/postgres"
import { Effect, type Layer, ManagedRuntime, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import { start } from "../support/PostgresServer.ts"

const concurrencies = [1, 16, 64]
const rounds = 7
const roundMillis = 400
/** What group commit is for: 64 callers get at least this many times what one gets. */
const targetRatio = 5

const payload = { owner: "Ada Lovelace", note: "x".repeat(120), amount: 1_234, currency: "EUR" }
const metadata = { correlationId: "5b1c3e4f-7f1a-4a55-9c1c-0f7f2f6f9d11", actor: "bench" }

let streams = 0

/** One caller after the other starts: each appends an event to a new stream, again and again, until the time is up. */
const round = (concurrency: number): Effect.Effect<number, unknown, EventStore.EventStore> =>
  Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    let done = 0
    const from = performance.now()
    const until = from + roundMillis
    const caller = Effect.gen(function*() {
      while (performance.now() < until) {
        const stream = StreamName.make("Bench", `${streams++}`)
        yield* store.append({
          writes: [{ stream, expected: 0, events: [{ type: "Happened", revision: 1, payload }] }],
          metadata
        })
        done++
      }
    })
    yield* Effect.all(Array.from({ length: concurrency }, () => caller), { concurrency: "unbounded", discard: true })
    return done / (performance.now() - from) * 1_000
  })

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Commits a second per concurrency: medians of rounds that take turns, so that a slow moment meets all of them. */
const measure = async (
  layer: Layer.Layer<EventStore.EventStore, unknown>
): Promise<ReadonlyArray<{ readonly concurrency: number; readonly perSecond: number }>> => {
  const runtime = ManagedRuntime.make(layer)
  try {
    for (const concurrency of concurrencies) await runtime.runPromise(round(concurrency))
    const results = concurrencies.map(() => new Array<number>())
    for (let i = 0; i < rounds; i++) {
      for (const [at, concurrency] of concurrencies.entries()) {
        results[at]!.push(await runtime.runPromise(round(concurrency)))
      }
    }
    return concurrencies.map((concurrency, at) => ({ concurrency, perSecond: median(results[at]!) }))
  } finally {
    await runtime.dispose()
  }
}

const report = (name: string, results: Awaited<ReturnType<typeof measure>>): number => {
  const ratio = results.at(-1)!.perSecond / results[0]!.perSecond
  console.log(`\n${name}, one event of about 200 bytes a commit, median of ${rounds} rounds`)
  for (const { concurrency, perSecond } of results) {
    const rate = Math.round(perSecond).toLocaleString("en").padStart(9)
    console.log(
      `  ${`${concurrency}`.padStart(3)} callers ${rate} commits/s  ${
        (perSecond / results[0]!.perSecond).toFixed(1).padStart(5)
      } times one caller`
    )
  }
  return ratio
}

/** Runs and prints. False when the target is missed. */
export const run = async (): Promise<boolean> => {
  const given = process.env.DATABASE_URL
  const server = given === undefined ? await start() : { url: given, stop: async () => {} }
  let reached = true
  if ("skipped" in server) {
    console.log(`PostgreSQL: not measured, ${server.skipped}`)
  } else {
    try {
      // A schema of its own: a database that is given may hold something.
      const schema = `varve_bench_${randomBytes(4).toString("hex")}`
      const url = Redacted.make(server.url)
      const ratio = report("PostgreSQL, fsync on", await measure(Postgres.layerPool({ url, schema })))
      await Effect.runPromise(Effect.provide(
        PgClient.PgClient.use((sql) => sql`DROP SCHEMA ${sql(schema)} CASCADE`),
        PgClient.layer({ url, maxConnections: 1 })
      ))
      reached = ratio >= targetRatio
      console.log(`  target: at least ${targetRatio} times: ${reached ? "reached" : "MISSED"}`)
    } finally {
      await server.stop()
    }
  }
  report("PGlite in the process, in memory", await measure(Embedded.layer()))
  return reached
}
