/** `npm run faults` as its user sees it: what it takes, what it prints, and its exit code. */
import { describe, expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import * as Arguments from "./Arguments.ts"
import * as Report from "./Report.ts"
import { suites } from "./suites.ts"

const main = join(import.meta.dirname, "main.ts")

describe("arguments", () => {
  it("are suites, a seed and a time", () => {
    expect(Arguments.read(["kill", "proxy", "--seed", "7", "--seconds", "3", "--json"], {})).toEqual({
      suites: ["kill", "proxy"],
      seed: 7,
      seconds: 3,
      soakMinutes: undefined,
      json: true
    })
    expect(Arguments.read([], { SOAK_MINUTES: "0.5" })).toMatchObject({ suites: [], soakMinutes: 0.5, json: false })
    expect(Arguments.read(["--help"], {})).toBe(undefined)
  })

  it.each([
    [["flood"], "expected a suite of kill, kill-embedded, proxy, disk, frozen, pooler, linear, soak, got flood"],
    [["--fast"], "Unknown option '--fast' (see --help)"],
    [["--seed", "x"], "--seed: expected a whole number up to 1000000, got x"],
    [["--seed"], "Option '--seed <value>' argument missing (see --help)"],
    [["--seconds", "0"], "--seconds: expected a number from 1 to 86400, got 0"],
    [["--seconds", "-1"], "Option '--seconds' argument is ambiguous (see --help)"]
  ])("that are wrong are told in a line: %j", (args, message) => {
    expect(Arguments.read(args, {})).toEqual(new Arguments.Wrong(message))
  })

  it("a SOAK_MINUTES that is no number is told", () => {
    expect(Arguments.read([], { SOAK_MINUTES: "long" })).toEqual(
      new Arguments.Wrong("SOAK_MINUTES: expected a number from 0.1 to 1440, got long")
    )
  })

  it("name the suites that there are", () => {
    expect(suites.map(({ name }) => name)).toEqual(Arguments.suiteNames)
    for (const name of Arguments.suiteNames) expect(Arguments.usage).toContain(`\n  ${name} `)
  })
})

it("a wrong command line: one line on the standard error, exit code 2", () => {
  const { status, stderr, stdout } = spawnSync(process.execPath, ["--no-warnings", main, "flood"], { encoding: "utf8" })
  expect(stderr).toMatch(/^faults: expected a suite of .*, got flood\n$/)
  expect([stdout, status]).toEqual(["", 2])
})

describe("the report", () => {
  const result = (suite: string, rest: Partial<Report.Result>): Report.Result => ({
    suite,
    about: "something",
    status: "passed",
    seconds: 1.5,
    seed: 7,
    counts: {},
    violations: [],
    ...rest
  })
  const skipped = result("disk", { status: "skipped", reason: "no\nroot" })

  it("tells of each suite", () => {
    expect(Report.describe(skipped)).toBe("skipped: disk: no root")
    const failed = result("kill", { status: "failed", counts: { killedWriters: 1_200 }, violations: ["a", "b"] })
    expect(Report.describe(failed)).toBe(
      "FAILED: kill (1.5 s): something\n    killed writers 1,200\n  - a\n  - b"
    )
    expect(Report.table([failed, skipped]).split("\n")).toHaveLength(3)
    expect(Report.tally([failed, skipped])).toBe("0 passed, 1 failed, 1 skipped")
  })

  it("is good when all that ran has passed, and what was asked for by name ran", () => {
    expect(Report.isGood([result("kill", {}), skipped], [])).toBe(true)
    expect(Report.isGood([result("kill", {}), skipped], ["kill", "disk"])).toBe(false)
    expect(Report.isGood([result("kill", { status: "failed" })], [])).toBe(false)
    expect(Report.isGood([skipped], [])).toBe(false)
  })
})
