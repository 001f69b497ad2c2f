/** The page of guarantees: what it makes of runs, and that nothing else stands in it. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { chart } from "../../scripts/guarantees/chart.ts"
import { fill } from "../../scripts/guarantees/pages.ts"
import {
  type BenchRun,
  type FaultsRun,
  format,
  judged,
  type Kept,
  measured,
  merge,
  readBench,
  readFaults
} from "../../scripts/guarantees/runs.ts"
import { figures, score } from "../../scripts/guarantees/tables.ts"
import type { Result } from "../faults/Report.ts"
import { Report } from "./frame/Report.ts"

const place = { platform: "linux 6.1.0 x64", processor: "Some", cores: 2, memoryGigabytes: 4, node: "v24.0.0" }

const series = (name: string, value: number) => ({ name, unit: "ms" as const, samples: [{ value }, { value }] })

/** A run of benchmarks, each with a ratio to a target of 2. */
const bench = (at: string, ratios: { readonly [bench: string]: number }): BenchRun => ({
  machine: { at, ...place, postgres: { version: "18.4", fsync: "on" }, pgbench: null, emmett: "0.42.0" },
  benches: Object.entries(ratios).map(([name, value]) => {
    const report = new Report(name, "something", () => {})
    report.ratio(`${name} to a limit`, series("ours", value), series("theirs", 1), { atLeast: 2 })
    if (name === "load") report.skip("Emmett 0.42.0", "it does not install: no network")
    return report.result
  })
})

const faults = (at: string, ...suites: ReadonlyArray<Partial<Result> & { readonly suite: string }>): FaultsRun => ({
  machine: { at, ...place, postgres: "18.4", pgbouncer: null, pglite: "0.5.16" },
  seed: 7,
  suites: suites.map((suite) => ({
    about: "something",
    status: "passed",
    seconds: 15,
    seed: 7,
    counts: { acknowledged: 1_234 },
    violations: [],
    ...suite
  }))
})

const older = bench("2026-01-01T10:00:00.000Z", { load: 8.00499, append: 1, pure: 1e4 / 3 })
const newer = bench("2026-02-01T10:00:00.000Z", { append: 2.5 })
const kept: Kept = merge({
  bench: [older, newer],
  faults: [
    faults("2026-03-01T10:00:00.000Z", { suite: "disk", status: "skipped", reason: "no root" }, { suite: "gone" }),
    faults("2026-02-01T10:00:00.000Z", { suite: "kill" }, { suite: "disk" }),
    faults("2026-02-02T10:00:00.000Z", { suite: "proxy", status: "failed", violations: ["a", "b"] })
  ]
})

const table = (name: string, runs: Kept = kept) => figures[name]!(runs)

describe("runs", () => {
  it("of each benchmark and each suite the newest stays, with its date, in the order in which they run", () => {
    expect(measured(kept).map(({ machine, result }) => [result.bench, machine.at.slice(0, 7)])).toEqual([
      ["append", "2026-02"],
      ["load", "2026-01"],
      ["pure", "2026-01"]
    ])
    expect(judged(kept).map(({ result: { status, suite } }) => [suite, status])).toEqual([
      ["kill", "passed"],
      ["proxy", "failed"],
      ["disk", "skipped"]
    ])
  })

  it("are written down and read back, and nothing changes when that is done again", () => {
    const folder = mkdtempSync(join(tmpdir(), "varve-guarantees-"))
    try {
      const file = (name: string, text: string) => {
        writeFileSync(join(folder, name), text)
        return join(folder, name)
      }
      const again = {
        bench: readBench(file("bench.json", format(kept.bench))),
        faults: readFaults(file("faults.json", format(kept.faults)))
      }
      expect(format(again.bench)).toBe(format(kept.bench))
      for (const name of Object.keys(figures)) expect(table(name, merge(again))).toBe(table(name))
      // What a command has written is one run.
      expect(readBench(file("one.json", JSON.stringify(older)))).toHaveLength(1)
      expect(() => readBench(file("other.json", JSON.stringify(faults("2026-03-01", { suite: "kill" }))))).toThrow(
        /other\.json: expected what `npm run bench -- --json` writes, got something else/
      )
      expect(() => readFaults(file("text.json", "nothing"))).toThrow(/text\.json: .*JSON/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe("tables", () => {
  it("say which targets are reached, and which are missed", () => {
    expect(score(kept)).toBe("3 of 3 targets are reached")
    const missed = merge({ bench: [older], faults: [] })
    expect(score(missed)).toBe("2 of 3 targets are reached")
    expect(table("ratios", missed)).toMatch(/\| append to a limit \| +1 \| +1, 1 \| at least 2 \| \*\*missed\*\* +\|/)
    expect(table("ratios")).toMatch(/### append: something\n\n2026-02-01\./)
    expect(chart(missed).match(/#b5483a/g)).toHaveLength(1)
    // What was not measured is missed.
    const none = merge({ bench: [bench("2026-01-01T10:00:00.000Z", { append: Number.NaN })], faults: [] })
    expect(score(none)).toBe("0 of 1 targets are reached")
    expect(table("ratios", none)).toMatch(
      /\| append to a limit \| +none \| .* \*\*missed\*\* \|/
    )
    expect(chart(none)).toContain(">none (≥ 2)<")
  })

  it("say what was skipped, what failed, and what was not run", () => {
    expect(table("ratios")).toContain("Skipped: Emmett 0.42.0: it does not install: no network.")
    expect(table("suites")).toMatch(/\| `disk` +\| something +\| skipped: no root +\| +\| 2026-03-01 \|/)
    expect(table("suites")).toMatch(/\| `proxy` +\| something +\| \*\*failed\*\*: 2 violations +\|/)
    expect(table("suites")).toMatch(/\| `soak` +\| +\| not run +\|/)
    const soak = (heapJudged: number) => {
      const counts = { acknowledged: 9, killedServers: 2, heapGrowthPerMinute: 0.25, heapJudged }
      return table("suites", { bench: [], faults: [faults("2026-03-01T10:00:00.000Z", { suite: "soak", counts })] })
    }
    expect(soak(1)).toMatch(/\| passed +\| killed servers 2 \| 2026-03-01 \|/)
    expect(soak(1)).toMatch(/\n\nOver the second half of the soak the heap after collection grew by 0\.25 MB a minute/)
    expect(soak(0)).toMatch(/\n\nThe soak was too short for the growth of its memory to be judged\.$/)
    expect(table("machines")).toMatch(/- `execute`, .*: not run\.$/)
    expect(table("headline")).toMatch(/\| append at 64 to Emmett +\| not measured \|/)
  })
})

it("a page has figures between its marks, and what people have written beside them", () => {
  const page = "One\n\n<!-- figures: suites -->\nold\n<!-- /figures -->\n\nTwo\n"
  const filled = fill(page, kept)
  expect(filled).toBe(`One\n\n<!-- figures: suites -->\n\n${table("suites")}\n\n<!-- /figures -->\n\nTwo\n`)
  expect(fill(filled, kept)).toBe(filled)
  expect(() => fill(page.replace("suites", "sweets"), kept)).toThrow(/^figures: expected one of .*, got sweets$/)
})

it("a file that is none: one line on the standard error, exit code 2, and nothing is written", () => {
  const script = join(import.meta.dirname, "../../scripts/guarantees.ts")
  const { status, stderr, stdout } = spawnSync(process.execPath, ["--no-warnings", script, "--bench", "no.json"], {
    encoding: "utf8"
  })
  expect(stderr).toMatch(/^guarantees: .*no\.json: ENOENT: .*\n$/)
  expect([stdout, status]).toEqual(["", 2])
})
