/**
 * Appends, each answered when it is on disk, beside bare single-row INSERTs of the same bytes, beside Emmett, and beside
 * COPY where there are several events a commit.
 */
import { ManagedRuntime } from "effect"
import * as bare from "./frame/bare.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import { type Contender, interleave, type Sample } from "./frame/measure.ts"
import { emmett } from "./frame/peer.ts"
import * as pgbench from "./frame/pgbench.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"
import * as store from "./frame/store.ts"

/** At least this many times what bare INSERTs, and what Emmett, reaches with as many callers. */
const targets: ReadonlyArray<{ readonly callers: number; readonly bare: number; readonly emmett?: number }> = [
  { callers: 1, bare: 0.42, emmett: 1.6 },
  { callers: 16, bare: 1.1, emmett: 7 },
  { callers: 64, bare: 1.9, emmett: 14 },
  { callers: 256, bare: 3.3 }
]
const bulkTarget = 0.45
/** The p99 of an append at 64 callers is at most this many times that of a bare INSERT. */
const slowTarget = 1.5

const perCommit = 10
const bulkCallers = 64

const eventsOf = (sample: Required<Sample>): Required<Sample> => ({ ...sample, value: sample.value * perCommit })

const onServer = async (
  url: string,
  settings: Settings,
  report: Report
): Promise<void> => {
  const { rounds = 7, seconds = 1 } = settings
  await bare.create(url)
  const runtime = ManagedRuntime.make(store.layer(url))
  const peer = await emmett(settings, report, url)
  const drive = pgbench.version ?? "the same driver"
  if (pgbench.version === undefined) {
    report.skip("pgbench", "not on this machine: the same driver sends the bare INSERTs")
  }
  report.condition(
    `${rounds} rounds in turn of ${seconds} s, medians; bare INSERTs by ${drive}; Emmett in its own process`
  )
  report.condition("one event of about 260 bytes a commit to a new stream, PostgreSQL over TCP with fsync on")
  const run = (callers: number, events?: number) => () =>
    runtime.runPromise(store.append({ callers, seconds, ...(events !== undefined && { events }) }))
  const other = (callers: number, events: number) => () =>
    peer!.call<Required<Sample>>("append", {
      callers,
      seconds,
      events,
      payload: store.payload,
      metadata: store.metadata
    })
  try {
    const sql = await bare.open(url, Math.max(...targets.map(({ callers }) => callers)))
    const contenders: Array<Contender> = targets.flatMap(({ callers, emmett }): ReadonlyArray<Contender> => [
      { name: `bare INSERT, ${callers}`, unit: "commits/s", round: () => sql.insert(callers, seconds, false) },
      { name: `Varve, ${callers}`, unit: "commits/s", round: run(callers) },
      ...(peer === undefined || emmett === undefined
        ? []
        : [{ name: `Emmett, ${callers}`, unit: "commits/s" as const, round: other(callers, 1) }])
    ])
    contenders.push(
      // Apart, because writing down how long each took costs pgbench a little.
      { name: "bare INSERT, 64, timed", unit: "commits/s", round: () => sql.insert(64, seconds, true) },
      { name: "COPY", unit: "events/s", round: () => sql.copy() },
      {
        name: `Varve, ${perCommit} events a commit`,
        unit: "events/s",
        round: async () => eventsOf(await run(bulkCallers, perCommit)())
      }
    )
    if (peer !== undefined) {
      contenders.push({
        name: `Emmett, ${perCommit} events a commit`,
        unit: "events/s",
        round: async () => eventsOf(await other(bulkCallers, perCommit)())
      })
    }
    const results = await interleave(contenders, { rounds, onRound: report.onRound(rounds) })
    const of = (name: string) => results[name]!
    for (const { callers, ...target } of targets) {
      const group = callers === 1 ? "one caller" : `${callers} callers at a time`
      const [varve, insert] = [of(`Varve, ${callers}`), of(`bare INSERT, ${callers}`)]
      report.measure(group, insert)
      report.measure(group, varve)
      report.ratio(`append at ${callers} to a bare INSERT`, varve, insert, { atLeast: target.bare })
      if (peer === undefined || target.emmett === undefined) continue
      report.measure(group, of(`Emmett, ${callers}`))
      report.ratio(`append at ${callers} to Emmett`, varve, of(`Emmett, ${callers}`), { atLeast: target.emmett })
    }
    const timed = of("bare INSERT, 64, timed")
    report.measure("64 callers at a time", timed)
    report.ratio(
      "p99 of an append at 64 to that of a bare INSERT",
      of("Varve, 64"),
      timed,
      { atMost: slowTarget },
      "p99"
    )
    const bulk = `${perCommit} events a commit, ${bulkCallers} callers at a time`
    report.measure(bulk, of("COPY"))
    report.measure(bulk, of(`Varve, ${perCommit} events a commit`))
    report.ratio(
      "events of bulk appends to COPY of the same rows",
      of(`Varve, ${perCommit} events a commit`),
      of("COPY"),
      {
        atLeast: bulkTarget
      }
    )
    if (peer !== undefined) {
      const theirs = of(`Emmett, ${perCommit} events a commit`)
      report.measure(bulk, theirs)
      report.ratio("events of bulk appends to Emmett", of(`Varve, ${perCommit} events a commit`), theirs)
    }
    await sql.close()
  } finally {
    await runtime.dispose()
    await peer?.stop()
  }
}

export const bench: Bench = {
  about: "commits a second at 1, 16, 64 and 256 callers, to bare INSERTs, Emmett and COPY",
  run: (settings, report) => server.withDatabase(report, (url) => onServer(url, settings, report))
}
