/**
 * PGlite in the process: the same appends and loads as on a server, beside PGlite's own way of queries, and what starting
 * takes.
 */
import { PGlite } from "@electric-sql/pglite"
import { Upcaster } from "@varve/core"
import { BankAccount } from "@varve/example-bank/BankAccount"
import { Embedded } from "@varve/postgres"
import { Effect, Layer, ManagedRuntime } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import * as os from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import * as bank from "./frame/bank.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import { closedLoop, type Contender, interleave, type Series } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"
import * as store from "./frame/store.ts"

const concurrencies = [1, 16, 64]
const loaded = { name: "of1000", accounts: 10, events: 1_000, perCommit: 500 }
const startRounds = 3

const texts = [JSON.stringify(store.payload), JSON.stringify(store.metadata)]

/** PGlite's own queries, one row each. It has one session, so more callers gain nothing: each of them waits. */
const insert = (db: PGlite, seconds: number) =>
  closedLoop(1, seconds, async (_, going, record) => {
    while (going()) {
      const from = performance.now()
      await db.query("INSERT INTO bare (payload, metadata) VALUES ($1, $2)", texts)
      record(performance.now() - from)
    }
  })

const load = (seconds: number) =>
  store.callers(1, seconds, (going, record) =>
    Effect.gen(function*() {
      for (let i = 0; going(); i++) {
        const from = performance.now()
        yield* BankAccount.load(BankAccount.id.make(`${loaded.name}-${i % loaded.accounts}`))
        record(from)
      }
    }))

const appendAndLoad = async ({ rounds = 5, seconds = 0.5 }: Settings, report: Report): Promise<void> => {
  report.condition(`appends and loads: ${rounds} rounds in turn of ${seconds} s, medians; in memory, in this process`)
  const services = Layer.provideMerge(Upcaster.layer(), Embedded.layer())
  const runtime = ManagedRuntime.make(Layer.provideMerge(BankAccount.layer, services))
  const db = await PGlite.create()
  try {
    await db.exec("CREATE TABLE bare (position bigserial PRIMARY KEY, payload text, metadata text)")
    await runtime.runPromise(bank.writeAccounts(loaded))
    const contenders: ReadonlyArray<Contender> = [
      { name: "PGlite's own query, bare INSERT", unit: "commits/s", round: () => insert(db, seconds) },
      ...concurrencies.map((callers): Contender => ({
        name: `append, ${callers}`,
        unit: "commits/s",
        round: () => runtime.runPromise(store.append({ callers, seconds }))
      })),
      {
        name: `load of ${loaded.events.toLocaleString("en")} events`,
        unit: "events/s",
        round: async () => {
          const sample = await runtime.runPromise(load(seconds))
          return { ...sample, value: sample.value * loaded.events }
        }
      }
    ]
    const results = await interleave(contenders, { rounds, onRound: report.onRound(rounds) })
    for (const { name } of contenders) report.measure("append and load", results[name]!)
    for (const callers of concurrencies) {
      report.ratio(
        `append at ${callers} to PGlite's own bare INSERT`,
        results[`append, ${callers}`]!,
        results["PGlite's own query, bare INSERT"]!
      )
    }
  } finally {
    await runtime.dispose()
    await db.close()
  }
}

const program = join(import.meta.dirname, "programs", "embedded.ts")

const start = async (
  kind: string,
  directory?: string
): Promise<{ readonly millis: number; readonly megabytes: number }> => {
  const args = ["--no-warnings", program, kind, ...(directory === undefined ? [] : [directory])]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout)
}

/** A first start, which makes the database, and a second one, which finds it; with the memory of the process. */
const startUp = async (settings: Settings, report: Report): Promise<void> => {
  const rounds = Math.min(settings.rounds ?? startRounds, startRounds)
  report.condition(`starts: ${rounds} of each, in a process of their own, to the first row written and read`)
  const all: Record<string, Array<{ readonly first: Awaited<ReturnType<typeof start>>; readonly again: number }>> = {}
  for (let round = 0; round < rounds; round++) {
    report.progress(`start ${round + 1} of ${rounds}`)
    for (const kind of ["varve", "bare"]) {
      const folder = mkdtempSync(join(os.tmpdir(), "varve-bench-"))
      try {
        const first = await start(kind, join(folder, "data"))
        const again = await start(kind, join(folder, "data"))
        all[kind] = [...all[kind] ?? [], { first, again: again.millis }]
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }
  }
  const of = (
    kind: string,
    what: string,
    value: (sample: { first: { millis: number; megabytes: number }; again: number }) => number,
    unit: "ms" | "MB"
  ): Series => {
    const series = {
      name: `${kind === "varve" ? "Varve" : "PGlite alone"}, ${what}`,
      unit,
      samples: all[kind]!.map((sample) => ({ value: value(sample) }))
    }
    report.measure("start-up and memory, in a directory", series)
    return series
  }
  for (
    const [what, value, unit] of [
      ["first start", ({ first }: { first: { millis: number } }) => first.millis, "ms"],
      ["later start", ({ again }: { again: number }) => again, "ms"],
      ["memory of the process", ({ first }: { first: { megabytes: number } }) => first.megabytes, "MB"]
    ] as const
  ) {
    report.ratio(`${what} to PGlite alone`, of("varve", what, value, unit), of("bare", what, value, unit))
  }
}

export const bench: Bench = {
  about: "PGlite in the process: appends and loads to its own queries, start-up, memory",
  run: async (settings, report) => {
    await appendAndLoad(settings, report)
    await startUp(settings, report)
  }
}
