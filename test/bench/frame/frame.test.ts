import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { interleave, latencies, median, quotients, type Series } from "./measure.ts"
import * as Options from "./options.ts"
import { format, missed, Report } from "./Report.ts"

const series = (name: string, ...values: ReadonlyArray<number>): Series => ({
  name,
  unit: "ms",
  samples: values.map((value) => ({ value }))
})

const reportOf = (build: (report: Report) => void) => {
  const report = new Report("one", "a bench", () => {})
  build(report)
  return report.result
}

describe("measuring", () => {
  it("a median is the middle of what was measured, in whatever order", () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([9, 1, 5, 7])).toBe(6)
  })

  it("the slow end is what one of a hundred calls is slower than", () => {
    const { p50, p99 } = latencies(Array.from({ length: 1_000 }, (_, i) => 1_000 - i))
    expect([p50, p99]).toEqual([501, 991])
  })

  it("rounds take turns and go both ways about; the first ones are not counted", async () => {
    const order: Array<string> = []
    const contender = (name: string) => ({
      name,
      unit: "ms" as const,
      round: async () => order.push(name)
    })
    const { a, b } = await interleave([contender("a"), contender("b")] as const, { rounds: 2 })
    expect(order).toEqual(["b", "a", "a", "b", "b", "a"])
    expect(a!.samples).toEqual([{ value: 3 }, { value: 6 }])
    expect(b!.samples).toEqual([{ value: 4 }, { value: 5 }])
  })

  it("a quotient is one of the same round", () => {
    expect(quotients(series("a", 10, 40), series("b", 5, 10))).toEqual([2, 4])
  })
})

describe("targets", () => {
  const result = reportOf((report) => {
    report.ratio("well", series("a", 2), series("b", 1), { atLeast: 2 })
    report.ratio("low", series("a", 8), series("b", 10), { atLeast: 1 })
    report.ratio("high", series("a", 12), series("b", 10), { atMost: 1 })
    report.ratio("none", series("a", 0), series("b", 1))
    report.ratio("nothing measured", series("a", Number.NaN), series("b", 1), { atLeast: 1 })
  })
  const names = (slack: number, floor?: number) => missed(result, { slack, floor }).map(({ name }) => name)

  it("what is below, or above, or was not measured, is missed", () => {
    expect(names(1)).toEqual(["low", "high", "nothing measured"])
    expect(result.ratios.map(({ reached }) => reached)).toEqual([true, false, false, undefined, false])
  })

  it("a slack forgives what is close, on either side", () => {
    expect(names(1.2)).toEqual(["low", "nothing measured"])
    expect(names(1.25)).toEqual(["nothing measured"])
  })

  it("a floor forgives what is below its target and not below the floor", () => {
    expect(names(1, 0.8)).toEqual(["high", "nothing measured"])
    expect(names(1, 0.9)).toEqual(["low", "high", "nothing measured"])
  })

  it("the table says each", () => {
    const text = format(result)
    expect(text).toContain("a bench")
    expect(text).toMatch(/well +2 times .*at least 2 +reached/)
    expect(text).toMatch(/high +1\.2 times .*at most 1 +MISSED/)
  })
})

describe("the command line", () => {
  const known = ["append", "load"]

  it("all benches unless named", () => {
    expect(Options.parse([], known)).toMatchObject({ names: known, slack: 1, peers: true, json: false })
    expect(Options.parse(["load", "--json", "--rounds", "3", "--no-peers"], known)).toMatchObject({
      names: ["load"],
      rounds: 3,
      json: true,
      peers: false
    })
  })

  it.each([
    [["nope"], "there is no benchmark nope. There are: append, load"],
    [["--fast"], "there is no option --fast"],
    [["--rounds"], "--rounds: expected a number, got nothing"],
    [["--rounds", "0"], "--rounds: expected a whole number from 1 to 10000, got 0"],
    [["--seconds", "x"], "--seconds: expected a number above 0, at most 600, got x"],
    [["--slack", "0.5"], "--slack: expected a number from 1 to 10, got 0.5"],
    [["--floor", "-1"], "--floor: expected a number above 0, got -1"]
  ])("%j is refused in a line", (args, line) => {
    expect(Options.parse(args, known)).toContain(line)
  })

  const main = (args: ReadonlyArray<string>, env: Record<string, string> = {}) => {
    const file = join(import.meta.dirname, "..", "main.ts")
    const options = { encoding: "utf8", env: { ...process.env, ...env } } as const
    return spawnSync(process.execPath, ["--no-warnings", file, ...args], options)
  }

  it("what is wrong with it is told, and nothing is run", () => {
    const { status, stderr, stdout } = main(["nope"])
    expect([status, stdout]).toEqual([2, ""])
    expect(stderr).toMatch(/^bench: there is no benchmark nope\. There are: append, .*\n$/)
  })

  it("with --json, stdout is a document", () => {
    const { status, stdout } = main(["pure", "--rounds", "1", "--json"])
    expect(status).toBe(0)
    const { benches: [{ bench, measures, skipped }], machine } = JSON.parse(stdout)
    expect([bench, skipped]).toEqual(["pure", []])
    expect(measures.map(({ unit }: { unit: string }) => unit)).toContain("ns")
    expect(machine.node).toBe(process.version)
  })

  it("without a server, what needs one is skipped with the reason, and that is no failure", () => {
    const { status, stdout } = main(["catch-up"], { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" })
    expect(stdout).toMatch(/skipped: PostgreSQL: the server of DATABASE_URL does not answer: .+/)
    expect(status).toBe(0)
  })
})
