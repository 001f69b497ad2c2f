/**
 * Catching up: every event of a store read and decoded, beside the driver alone reading the same rows.
 */
import { Upcaster } from "@varve/core"
import { BankAccount } from "@varve/example-bank/BankAccount"
import { Layer, ManagedRuntime } from "effect"
import * as bank from "./frame/bank.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import { readAndDecode, readBare } from "./frame/feed.ts"
import { interleave } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"
import * as store from "./frame/store.ts"

const accounts = 20_000
const events = 10
/** Of what the driver alone reads. */
const target = 0.6

const onServer = async (url: string, settings: Settings, report: Report): Promise<void> => {
  const { rounds = 7 } = settings
  const all = accounts * events
  report.condition(
    `${rounds} rounds in turn over ${all.toLocaleString("en")} events of ${
      accounts.toLocaleString("en")
    } accounts, medians`
  )
  const runtime = ManagedRuntime.make(Layer.provideMerge(Upcaster.layer(), store.layer(url)))
  const rate = (read: ReturnType<typeof readAndDecode> | ReturnType<typeof readBare>) => async () => {
    const from = performance.now()
    const count = await runtime.runPromise(read)
    if (count !== all) throw new Error(`expected ${all} events, got ${count}`)
    return count / (performance.now() - from) * 1_000
  }
  try {
    report.progress(`writing ${all.toLocaleString("en")} events`)
    await runtime.runPromise(bank.writeAccounts({ name: "a", accounts, events, perCommit: events }))
    await server.query(url, "VACUUM ANALYZE")
    const results = await interleave([
      { name: "the driver, JSON parsed", unit: "events/s", round: rate(readBare("parsed")) },
      { name: "the driver, JSON as text", unit: "events/s", round: rate(readBare("text")) },
      { name: "Varve, decoded", unit: "events/s", round: rate(readAndDecode(BankAccount)) }
    ], { rounds, onRound: report.onRound(rounds) })
    for (const series of Object.values(results)) report.measure("from the first event to the last", series)
    const varve = results["Varve, decoded"]
    report.ratio("catch-up, decoded, to the bare driver", varve, results["the driver, JSON parsed"], {
      atLeast: target
    })
    report.ratio(
      "catch-up, decoded, to the bare driver that parses nothing",
      varve,
      results["the driver, JSON as text"]
    )
  } finally {
    await runtime.dispose()
  }
}

export const bench: Bench = {
  about: "all events read and decoded, to the bare driver reading the same rows",
  run: (settings, report) => server.withDatabase(report, (url) => onServer(url, settings, report))
}
