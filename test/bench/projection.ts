/**
 * Events of the bank into a row for each account, behind a checkpoint, beside merely reading and decoding the same
 * events, and beside Emmett's consumer with its own kind of projection.
 */
import { RowStore, Upcaster } from "@varve/core"
import { Balances } from "@varve/example-bank/Balances"
import { BankAccount } from "@varve/example-bank/BankAccount"
import { Effect, Layer, ManagedRuntime, Option } from "effect"
import * as bank from "./frame/bank.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import type { Child } from "./frame/Child.ts"
import { readAndDecode } from "./frame/feed.ts"
import { type Contender, interleave, type Series } from "./frame/measure.ts"
import { emmett } from "./frame/peer.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"
import * as store from "./frame/store.ts"

const accounts = 20_000
const eventsPerAccount = 10
const events = accounts * eventsPerAccount

/** Of what it takes to read and to decode. */
const readingTarget = 0.6
const emmettTarget = 100

/** Emmett is given fewer events, because it takes minutes for all: the more there are, the slower each is. */
const emmettAccounts = 1_000
const emmettRounds = 3

const balances: RowStore.Target = { kind: "projection", name: Balances.tag, revision: Balances.revision }

/** From no rows to all of them. What is built is counted and dropped, and that is not timed. */
const project = Effect.gen(function*() {
  const from = performance.now()
  yield* Balances.whenCaughtUp({ timeout: "10 minutes" }).pipe(Effect.provide(Balances.layerAsync))
  const rate = events / (performance.now() - from) * 1_000
  const rows = yield* RowStore.RowStore
  const count = yield* rows.count({ name: Balances.tag, revision: Balances.revision, tenant: "", index: undefined })
  const found = Option.match(count, { onNone: () => 0, onSome: ({ count }) => count })
  if (found !== accounts) return yield* Effect.die(new Error(`expected ${accounts} rows, got ${found}`))
  yield* rows.drop(balances)
  return rate
})

const measureVarve = async (url: string, rounds: number, report: Report): Promise<Series> => {
  const runtime = ManagedRuntime.make(Layer.provideMerge(Upcaster.layer(), store.layer(url)))
  try {
    report.progress(`writing ${events.toLocaleString("en")} events`)
    await runtime.runPromise(
      bank.writeAccounts({ name: "a", accounts, events: eventsPerAccount, perCommit: eventsPerAccount })
    )
    const results = await interleave([
      {
        name: "read and decode",
        unit: "events/s",
        round: async () => {
          const from = performance.now()
          return await runtime.runPromise(readAndDecode(BankAccount)) / (performance.now() - from) * 1_000
        }
      },
      {
        name: "async projection, from no rows to all",
        unit: "events/s",
        round: async () => {
          const rate = await runtime.runPromise(project)
          // What a round leaves behind would slow down the next one, at a time that nobody chose.
          await server.query(url, "VACUUM")
          return rate
        }
      }
    ], { rounds, onRound: report.onRound(rounds) })
    for (const series of Object.values(results)) report.measure("Varve", series)
    const projected = results["async projection, from no rows to all"]
    report.ratio("a projection to catch-up", projected, results["read and decode"], { atLeast: readingTarget })
    return projected
  } finally {
    await runtime.dispose()
  }
}

const measureEmmett = async (peer: Child, rounds: number, varve: Series, report: Report): Promise<void> => {
  const count = emmettAccounts * eventsPerAccount
  const forms = ["as shipped", "with an index on its global position"] as const
  report.progress(`writing ${count.toLocaleString("en")} events for Emmett`)
  // One after the other: of what is committed side by side, its consumer leaves some out.
  const options = {
    name: "a",
    accounts: emmettAccounts,
    events: eventsPerAccount,
    perCommit: eventsPerAccount,
    callers: 1
  }
  await peer.call("fill", options)
  await peer.call("analyze")
  let collections = 0
  const contender = (name: string): Contender => ({
    name,
    unit: "events/s",
    round: async () => {
      const millis = await peer.call<number>("project", {
        accounts: emmettAccounts,
        collection: `balances${collections++}`
      })
      return count / millis * 1_000
    }
  })
  const measured: Array<Series> = []
  for (const form of forms) {
    if (form !== "as shipped") await peer.call("index")
    report.progress(`Emmett ${form}`)
    const name = `Emmett ${form}, ${count.toLocaleString("en")} events`
    measured.push((await interleave([contender(name)], { rounds, warmUps: 0 }))[name]!)
  }
  const [shipped, indexed] = measured
  for (const series of measured) report.measure("Emmett's consumer and its own kind of projection", series)
  report.ratio("a projection to Emmett's as shipped", varve, shipped!, { atLeast: emmettTarget })
  report.ratio("a projection to Emmett's with the index that it lacks", varve, indexed!)
}

const onServer = async (url: string, settings: Settings, report: Report): Promise<void> => {
  const { rounds = 5 } = settings
  report.condition(
    `${rounds} rounds over ${events.toLocaleString("en")} events of ${
      accounts.toLocaleString("en")
    } accounts, medians; PostgreSQL over TCP with fsync on`
  )
  const varve = await measureVarve(url, rounds, report)
  const peer = await emmett(settings, report, url)
  if (peer === undefined) return
  try {
    const fewer = Math.min(rounds, emmettRounds)
    await measureEmmett(peer, fewer, { ...varve, samples: varve.samples.slice(0, fewer) }, report)
  } finally {
    await peer.stop()
  }
}

export const bench: Bench = {
  about: "200,000 events into rows, to reading them, and to Emmett's consumer",
  run: (settings, report) => server.withDatabase(report, (url) => onServer(url, settings, report))
}
