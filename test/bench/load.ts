/**
 * Loads of accounts of 10, 1,000 and 10,000 events, decoded and folded, beside Emmett on the same ones.
 */
import { Upcaster } from "@varve/core"
import { BankAccount } from "@varve/example-bank/BankAccount"
import { Effect, Layer, ManagedRuntime } from "effect"
import * as bank from "./frame/bank.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import { type Contender, interleave, type Sample } from "./frame/measure.ts"
import { emmett } from "./frame/peer.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"
import * as store from "./frame/store.ts"

const sizes = [
  { events: 10, accounts: 200 },
  { events: 1_000, accounts: 20, target: 4 },
  { events: 10_000, accounts: 4 }
] as const

const perCommit = 500

const onServer = async (url: string, settings: Settings, report: Report): Promise<void> => {
  const { rounds = 7, seconds = 0.5 } = settings
  report.condition(
    `${rounds} rounds in turn of ${seconds} s, medians; one caller, each stream loaded from its beginning`
  )
  const runtime = ManagedRuntime.make(
    BankAccount.layer.pipe(Layer.provideMerge(Layer.provideMerge(Upcaster.layer(), store.layer(url))))
  )
  const peer = await emmett(settings, report, url)
  /** Events a second: as many loads, times what a stream has. */
  const eventsOf = (sample: Required<Sample>, events: number) => ({ ...sample, value: sample.value * events })
  const load = (name: string, accounts: number, events: number) =>
    store.callers(1, seconds, (going, record) =>
      Effect.gen(function*() {
        for (let i = 0; going(); i++) {
          const from = performance.now()
          const { version } = yield* BankAccount.load(BankAccount.id.make(`${name}-${i % accounts}`))
          record(from)
          if (version !== events) return yield* Effect.die(new Error(`expected ${events} events, got ${version}`))
        }
      }))
  try {
    for (const { accounts, events } of sizes) {
      report.progress(`writing ${accounts} streams of ${events.toLocaleString("en")} events`)
      const options = { name: `of${events}`, accounts, events, perCommit }
      await runtime.runPromise(bank.writeAccounts(options))
      await peer?.call("fill", options)
    }
    await server.query(url, "VACUUM ANALYZE")
    const contenders = sizes.flatMap(({ accounts, events }): ReadonlyArray<Contender> => [
      {
        name: `Varve, ${events}`,
        unit: "events/s",
        round: async () => eventsOf(await runtime.runPromise(load(`of${events}`, accounts, events)), events)
      },
      ...(peer === undefined ? [] : [{
        name: `Emmett, ${events}`,
        unit: "events/s" as const,
        round: async () => eventsOf(await peer.call("load", { name: `of${events}`, accounts, seconds }), events)
      }])
    ])
    const results = await interleave(contenders, { rounds, onRound: report.onRound(rounds) })
    for (const { events, ...size } of sizes) {
      const group = `streams of ${events.toLocaleString("en")} events`
      const [ours, theirs] = [results[`Varve, ${events}`]!, results[`Emmett, ${events}`]]
      report.measure(group, ours)
      if (theirs === undefined) continue
      report.measure(group, theirs)
      const target = "target" in size ? { atLeast: size.target } : undefined
      report.ratio(`load of ${events.toLocaleString("en")} events to Emmett`, ours, theirs, target)
    }
  } finally {
    await runtime.dispose()
    await peer?.stop()
  }
}

export const bench: Bench = {
  about: "loads of streams of 10, 1,000 and 10,000 events, decoded and folded, to Emmett",
  run: (settings, report) => server.withDatabase(report, (url) => onServer(url, settings, report))
}
