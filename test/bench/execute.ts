/**
 * Commands of the bank: load, decide, append, beside Emmett's command handler on the same domain; with the states read
 * anew for each, and with states that are kept.
 */
import { StateCache, Upcaster } from "@varve/core"
import { BankAccount } from "@varve/example-bank/BankAccount"
import { Layer, ManagedRuntime } from "effect"
import * as bank from "./frame/bank.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import { type Contender, interleave, type Sample } from "./frame/measure.ts"
import { emmett } from "./frame/peer.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"
import * as store from "./frame/store.ts"

/** At least this many times what Emmett's command handler reaches with as many callers. */
const targets = [
  { callers: 1, read: 1.3, kept: 2.2 },
  { callers: 16, read: 6, kept: 9 },
  { callers: 64, read: 12, kept: 18 }
] as const

const keptInstances = 10_000

const onServer = async (url: string, settings: Settings, report: Report): Promise<void> => {
  const { rounds = 7, seconds = 1 } = settings
  report.condition(`${rounds} rounds in turn of ${seconds} s, medians; PostgreSQL over TCP with fsync on`)
  report.condition(
    `accounts with ${bank.commands.length} commands each, one event a command: ${
      bank.commands.length / 2 - 0.5
    } loaded on average`
  )
  const services = Layer.provideMerge(Upcaster.layer(), store.layer(url))
  const reading = ManagedRuntime.make(BankAccount.layer.pipe(Layer.provide(services)))
  const keeping = ManagedRuntime.make(
    BankAccount.layer.pipe(Layer.provide([services, StateCache.layer({ capacity: keptInstances })]))
  )
  const peer = await emmett(settings, report, url)
  try {
    const contenders = targets.flatMap(({ callers }): ReadonlyArray<Contender> => [
      {
        name: `Varve, ${callers}`,
        unit: "commands/s",
        round: () => reading.runPromise(bank.execute(callers, seconds))
      },
      {
        name: `Varve with a cache, ${callers}`,
        unit: "commands/s",
        round: () => keeping.runPromise(bank.execute(callers, seconds))
      },
      ...(peer === undefined ? [] : [{
        name: `Emmett, ${callers}`,
        unit: "commands/s" as const,
        round: () => peer.call<Sample>("execute", { callers, seconds, commands: bank.plainCommands })
      }])
    ])
    const results = await interleave(contenders, { rounds, onRound: report.onRound(rounds) })
    for (const { callers, kept, read } of targets) {
      const group = callers === 1 ? "one caller" : `${callers} callers at a time`
      const [reads, keeps, theirs] = ["Varve", "Varve with a cache", "Emmett"].map((name) =>
        results[`${name}, ${callers}`]
      )
      report.measure(group, reads!)
      report.measure(group, keeps!)
      report.ratio(`execute at ${callers}, cache to none`, keeps!, reads!)
      if (theirs === undefined) continue
      report.measure(group, theirs)
      report.ratio(`execute at ${callers} to Emmett`, reads!, theirs, { atLeast: read })
      report.ratio(`execute at ${callers} with a cache to Emmett`, keeps!, theirs, { atLeast: kept })
    }
  } finally {
    await reading.dispose()
    await keeping.dispose()
    await peer?.stop()
  }
}

export const bench: Bench = {
  about: "commands a second, loaded and decided and appended, to Emmett's command handler",
  run: (settings, report) => server.withDatabase(report, (url) => onServer(url, settings, report))
}
