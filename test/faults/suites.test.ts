/** A short run of the cheapest suites of `npm run faults`, and wrong programs that they must find. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TestServer from "../support/TestServer.ts"
import * as Plan from "./Plan.ts"
import { runSuite } from "./run.ts"
import * as disk from "./suites/disk.ts"
import * as frozen from "./suites/frozen.ts"
import * as kill from "./suites/kill.ts"
import * as proxy from "./suites/proxy.ts"
import * as soak from "./suites/soak.ts"

const seed = Number(process.env.VARVE_FAULTS_SEED ?? Math.floor(Math.random() * 1_000_000))

it("plans are functions of the seed, and a short one has everything", () => {
  const plans = [kill.plan, proxy.plan, disk.plan, frozen.plan, soak.plan]
  for (const plan of plans) {
    expect(plan(seed, 20)).toEqual(plan(seed, 20))
    expect(plan(seed, 20)).not.toEqual(plan(seed + 1, 20))
  }
  expect(new Set(kill.plan(seed, 3).map(({ what }) => what.tag))).toEqual(new Set(["writer", "server"]))
  expect(proxy.plan(seed, 4).length).toBeGreaterThanOrEqual(proxy.faults.length)
  const steps = Plan.make(1, 10, [100, 200], [(chance) => chance.below(10)])
  expect(steps.at(-1)!.millis).toBeLessThan(10_000)
})

describe.skipIf(TestServer.skipped !== undefined).concurrent(`a short run, VARVE_FAULTS_SEED=${seed}`, () => {
  it.live("of the proxy: outcomes are resolved, nothing is lost, nothing is there twice", () =>
    Effect.gen(function*() {
      const url = yield* TestServer.database
      const { status, violations } = yield* runSuite(proxy.suite, { seed, seconds: 1.5, url })
      expect(violations).toEqual([])
      expect(status).toBe("passed")
    }).pipe(Effect.scoped), 90_000)

  it.live(
    "finds programs that send a commit again under another id, and tell what was true before",
    () =>
      Effect.gen(function*() {
        const url = yield* TestServer.database
        const wrong = ["newId", "staleReads"] as const
        const { violations } = yield* proxy.runWith({ seed, seconds: 1, url }, { wrong }, { unknowns: 40, reads: 300 })
        expect(violations.join("\n")).toMatch(/event \d+ is there twice/)
        expect(violations.join("\n")).toMatch(/ is true of .* after .* has shown that there are /)
      }).pipe(Effect.scoped),
    90_000
  )
})
