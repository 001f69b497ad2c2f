/**
 * Appends and loads in stores of 10 thousand, 1 million and 5 million events, which lie side by side in one database, and
 * appends of several processes at once.
 */
import { Upcaster } from "@varve/core"
import { BankAccount } from "@varve/example-bank/BankAccount"
import { Effect, Layer, ManagedRuntime } from "effect"
import { join } from "node:path"
import type { Bench, Settings } from "./frame/Bench.ts"
import * as Child from "./frame/Child.ts"
import { type Contender, interleave, type Sample } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"
import * as store from "./frame/store.ts"

const sizes = [
  { events: 10_000, schema: "small" },
  { events: 1_000_000, schema: "middle" },
  { events: 5_000_000, schema: "large" }
] as const
/** Of the smallest store's appends a second. */
const target = 0.8

const eventsPerAccount = 10
const callers = 64
const processes = [1, 2, 4]

/** Accounts of ten events each: one opened, nine deposits. Written by the database itself: nobody waits for a program. */
const fillSql = (schema: string, events: number): string =>
  `INSERT INTO ${schema}.events (position, occurred_at, recorded_at, commit_id, version, commit_index, revision,
  tenant, category, id, type, payload, metadata)
SELECT i, '2026-01-01', '2026-01-01', ('00000000-0000-7000-8000-' || lpad(to_hex((i - 1) / ${eventsPerAccount}), 12, '0'))::uuid,
  (i - 1) % ${eventsPerAccount} + 1, (i - 1) % ${eventsPerAccount}, CASE WHEN (i - 1) % ${eventsPerAccount} = 0 THEN 1 ELSE 2 END,
  '', 'BankAccount', 'account-' || (i - 1) / ${eventsPerAccount},
  CASE WHEN (i - 1) % ${eventsPerAccount} = 0 THEN 'AccountOpened' ELSE 'MoneyDeposited' END,
  CASE WHEN (i - 1) % ${eventsPerAccount} = 0 THEN '{"owner":"Ada Lovelace","currency":"EUR"}'
    ELSE '{"cents":1000,"currency":"EUR"}' END::json, '{"actor":"bench"}'
FROM generate_series(1, ${events}) i`

const hitsSql = (schema: string): string =>
  `SELECT (coalesce(heap_blks_hit, 0) + coalesce(idx_blks_hit, 0))::float8, (coalesce(heap_blks_read, 0) + coalesce(idx_blks_read, 0))::float8
FROM pg_statio_user_tables WHERE schemaname = '${schema}' AND relname = 'events'`

const load = (seconds: number, accounts: number) =>
  store.callers(1, seconds, (going, record) =>
    Effect.gen(function*() {
      while (going()) {
        const account = Math.floor(Math.random() * accounts)
        const from = performance.now()
        yield* BankAccount.load(BankAccount.id.make(`account-${account}`))
        record(from)
      }
    }))

const openAt = (url: string, schema: string, events: number) => {
  const services = Layer.provideMerge(Upcaster.layer(), store.layer(url, schema))
  const runtime = ManagedRuntime.make(Layer.provideMerge(BankAccount.layer, services))
  return { runtime, schema, events, name: events.toLocaleString("en") }
}

const bySize = async (url: string, { rounds = 5, seconds = 1 }: Settings, report: Report): Promise<void> => {
  const stores: Array<ReturnType<typeof openAt>> = []
  try {
    for (const { events, schema } of sizes) {
      report.progress(`writing ${events.toLocaleString("en")} events`)
      const opened = openAt(url, schema, events)
      stores.push(opened)
      await opened.runtime.runPromise(Effect.void)
      await server.query(url, fillSql(schema, events))
      await server.query(url, `VACUUM ANALYZE ${schema}.events`)
    }
    await server.query(url, "CHECKPOINT")
    await server.query(url, "SELECT pg_stat_reset()")
    const contenders = stores.flatMap(({ events, name, runtime }): ReadonlyArray<Contender> => [
      {
        name: `append, ${name} events stored`,
        unit: "commits/s",
        round: () => runtime.runPromise(store.append({ callers, seconds }))
      },
      {
        name: `load, ${name} events stored`,
        unit: "events/s",
        round: async () => {
          const sample = await runtime.runPromise(load(seconds / 2, events / eventsPerAccount))
          return { ...sample, value: sample.value * eventsPerAccount }
        }
      }
    ])
    const results = await interleave(contenders, { rounds, onRound: report.onRound(rounds) })
    for (const what of ["append", "load"]) {
      const group = what === "append"
        ? `append, ${callers} callers`
        : "load of 10 events, one caller, accounts at random"
      const [first, ...rest] = stores.map(({ name }) => results[`${what}, ${name} events stored`]!)
      for (const series of [first!, ...rest]) report.measure(group, series)
      rest.forEach((series, i) =>
        report.ratio(
          `${what} at ${stores[i + 1]!.name} to ${stores[0]!.name} events`,
          series,
          first!,
          what === "append" && i === rest.length - 1 ? { atLeast: target } : undefined
        )
      )
    }
    for (const { name, schema } of stores) {
      const [[hit, read] = [0, 0]] = await server.query(url, hitsSql(schema))
      const share = Number(hit) / (Number(hit) + Number(read)) * 100
      report.condition(
        `${name} events: ${share.toFixed(2)} % of the pages that were asked for lay in the server's cache`
      )
    }
  } finally {
    for (const { runtime } of stores) await runtime.dispose()
  }
}

/** Together as many callers as one process has alone, and each as many. */
const byProcesses = async (url: string, { rounds = 5, seconds = 1 }: Settings, report: Report): Promise<void> => {
  const program = join(import.meta.dirname, "programs", "appender.ts")
  const children = Array.from({ length: Math.max(...processes) }, (_, i) => Child.start(program, [url, `p${i}`]))
  try {
    // The first one makes the store.
    for (const child of children) await child.call("append", { callers: 1, seconds: 0.1 })
    const contenders = processes.map((count): Contender => ({
      name: `${count} processes`,
      unit: "commits/s",
      round: async () => {
        const samples = await Promise.all(
          children.slice(0, count).map((child) => child.call<Sample>("append", { callers, seconds }))
        )
        return {
          value: samples.reduce((sum, { value }) => sum + value, 0),
          p99: Math.max(...samples.map(({ p99 }) => p99!))
        }
      }
    }))
    const results = await interleave(contenders, { rounds, onRound: report.onRound(rounds) })
    for (const { name } of contenders) report.measure(`processes with ${callers} callers each`, results[name]!)
    for (const count of processes.slice(1)) {
      report.ratio(`appends of ${count} processes to one`, results[`${count} processes`]!, results["1 processes"]!)
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

export const bench: Bench = {
  about: "appends and loads with up to 5 million events stored, to a small store, and with several processes",
  run: async (settings, report) => {
    const { rounds = 5, seconds = 1 } = settings
    report.condition(`${rounds} rounds in turn of ${seconds} s, medians; PostgreSQL over TCP with fsync on`)
    await server.withDatabase(report, (url) => bySize(url, settings, report))
    await server.withDatabase(report, (url) => byProcesses(url, settings, report))
  }
}
