/**
 * Live rows: a server with 1,000 clients that each watch one row and 50 that watch one list, while it commits 100 times a
 * second; then it is killed and started again. Clients run in a process of their own, beside the server and this one.
 */
import { createServer } from "node:net"
import type { Bench, Settings } from "./frame/Bench.ts"
import { type Child, start } from "./frame/Child.ts"
import { latencies, median } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"

const accounts = 1_000
const lists = 50
const commitsPerSecond = 100
const clients = accounts + lists

/** From a commit's acknowledgement to a client, for 99 of 100. */
const p99Millis = 100
/** Growth of the server's heap, after collection. */
const megabytesPerMinute = 1
/** Each part of the time after which the heap is looked at. */
const parts = 10
const settleMillis = 20_000

type Commits = ReadonlyArray<readonly [account: number, cents: number, at: number]>

/** A port that nobody has, for a server that comes back to it. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once("error", reject)
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** Slope of a line through points, by least squares. */
const slope = (points: ReadonlyArray<readonly [x: number, y: number]>): number => {
  const n = points.length
  const [mx, my] = [points.reduce((sum, [x]) => sum + x, 0) / n, points.reduce((sum, [, y]) => sum + y, 0) / n]
  const across = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
  return points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / across
}

const program = (name: string): string => new URL(`./programs/${name}.ts`, import.meta.url).pathname

/** Waits until every client has the balances that the server has. How many have, and how long that took. */
const settle = async (serving: Child, listening: Child) => {
  const balances = await serving.call<ReadonlyArray<number>>("rows", accounts)
  const from = performance.now()
  const right = await listening.call<number>("settle", { balances, millis: settleMillis })
  return { right, millis: performance.now() - from }
}

const measure = async (url: string, { seconds = 30 }: Settings, report: Report): Promise<void> => {
  report.condition(
    `${accounts} clients of a row each and ${lists} of one list of ${accounts}, half of them over SSE and half over `
      + `WebSocket, each with a connection; `
      + `${commitsPerSecond} commits/s for ${seconds} s; PostgreSQL over TCP with fsync on; rows async`
  )
  const port = String(await freePort())
  let serving = start(program("liveServer"), [url, port])
  const listening = start(program("liveClients"), [`http://127.0.0.1:${port}`])
  const commit = (seconds: number) => serving.call<Commits>("commit", { accounts, rate: commitsPerSecond, seconds })
  try {
    report.progress(`opening ${accounts} accounts, and ${clients} connections`)
    await serving.call("open", accounts)
    await listening.call("follow", { accounts, lists })
    await settle(serving, listening)
    report.progress("warming up")
    await commit(Math.min(10, seconds))
    const commits: Array<Commits[number]> = []
    const heap: Array<readonly [minutes: number, megabytes: number]> = []
    const from = performance.now()
    for (let part = 0; part <= parts; part++) {
      heap.push([(performance.now() - from) / 60_000, await serving.call<number>("heap")])
      if (part === parts) break
      report.progress(`part ${part + 1} of ${parts}`)
      commits.push(...await commit(seconds / parts))
    }
    const before = await settle(serving, listening)
    const told = await listening.call<
      { readonly row: Array<number>; readonly list: Array<number>; readonly repeats: number; readonly missed: number }
    >("latencies", commits)

    report.progress("killing the server")
    await serving.kill()
    serving = start(program("liveServer"), [url, port])
    // Some of it before the clients are back, some behind.
    await serving.call("touch", accounts)
    const after = await settle(serving, listening)
    const again = await listening.call<{ readonly repeats: number }>("latencies", [])

    const row = latencies(told.row)
    const list = latencies(told.list)
    const both = latencies([...told.row, ...told.list])
    const group = "from a commit to its client"
    report.measure(group, { name: "a row", unit: "ms", samples: [{ value: row.p50, ...row }] })
    report.measure(group, { name: "a list", unit: "ms", samples: [{ value: list.p50, ...list }] })
    report.measure("the server's heap", {
      name: "after collection",
      unit: "MB",
      samples: heap.map(([, value]) => ({ value }))
    })
    report.measure("after a kill", {
      name: "from the rows to every client",
      unit: "ms",
      samples: [{ value: after.millis }]
    })
    const growth = slope(heap)
    report.condition(
      `heap: ${growth.toFixed(2)} MB a minute at ${median(heap.map(([, value]) => value)).toFixed(0)} MB; `
        + `rows told twice: ${again.repeats}; commits that a client was never told of, nor of newer: ${told.missed}`
    )
    const share = (
      name: string,
      of: string,
      to: string,
      value: number,
      target: { atMost: number } | { atLeast: number }
    ) => report.quotients(name, of, to, [value], target)
    share("clients with the right rows to all", "clients", "all", before.right / clients, { atLeast: 1 })
    share(`p99 from a commit to its client to ${p99Millis} ms`, "p99", "target", both.p99 / p99Millis, { atMost: 1 })
    share(`heap growth to ${megabytesPerMinute} MB a minute`, "growth", "target", growth / megabytesPerMinute, {
      atMost: 1
    })
    share("clients with the right rows after a kill to all", "clients", "all", after.right / clients, { atLeast: 1 })
  } finally {
    await listening.stop()
    await serving.stop()
  }
}

export const bench: Bench = {
  about:
    "1,000 clients of a row and 50 of a list while the server commits 100 times a second, is killed and started again",
  run: (settings, report) => server.withDatabase(report, (url) => measure(url, settings, report))
}
