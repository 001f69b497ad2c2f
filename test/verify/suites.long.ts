/** The suites of `npm run verify:store` on the server of the test run, and a wrong store that they must find. */
import { describe, expect, it, layer } from "@effect/vitest"
import { EventStoreContract } from "@varve/core/testing"
import { Effect, Layer, type Scope } from "effect"
import * as TestServer from "../support/TestServer.ts"
import type { Case } from "./Case.ts"
import * as Crew from "./Crew.ts"
import * as kills from "./kills.ts"
import * as lateCommits from "./lateCommits.ts"
import * as races from "./races.ts"
import * as sequence from "./sequence.ts"
import type { Target } from "./Target.ts"

const seed = Number(process.env.VARVE_VERIFY_SEED ?? Math.floor(Math.random() * 1_000_000))

/** A store in a database of its own, in another schema than a program would choose. */
const crew = (prepare: (target: Target) => Effect.Effect<void, never, Scope.Scope> = () => Effect.void) =>
  Layer.unwrap(Effect.gen(function*() {
    const url = yield* TestServer.database
    const target = { url, schema: "verified", prepare: true, application: "varve test" }
    yield* Effect.scoped(prepare(target))
    return Crew.layer(target, { seed, kills: 3 })
  })).pipe(Layer.orDie)

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  layer(crew(), { excludeTestServices: true, timeout: "30 seconds" })((it) => {
    const suites: ReadonlyArray<readonly [string, ReadonlyArray<Case>]> = [
      ["late commits", lateCommits.cases],
      [`random kills, seed ${seed}`, kills.cases],
      ["races", races.cases]
    ]
    for (const [suite, cases] of suites) {
      for (const { effect, name } of cases) it.effect(`${suite}: ${name}`, () => effect, 200_000)
    }
  })

  describe("a store with positions from a plain sequence", () => {
    const skips =
      /^what a reader in this process, by pages of 1, has seen: expected every event from position \d+ to \d+, got without position (\d+) to (\d+), which it had passed before that was there to be seen$/
    /** What is to be said of it, case by case. */
    const found = [
      skips,
      skips,
      skips,
      skips,
      /^positions: expected \d+ next, got \d+$/,
      /^an append beside a writer that has the lock: expected Unavailable after 400 ms, got Written after \d+ ms$/
    ]
    layer(crew(sequence.make), { excludeTestServices: true, timeout: "30 seconds" })((it) => {
      for (const [i, { effect, name }] of lateCommits.cases.entries()) {
        it.effect(`is found by the case: ${name}`, () =>
          Effect.gen(function*() {
            const failure = yield* Effect.flip(effect)
            expect(failure).toBeInstanceOf(EventStoreContract.ContractFailure)
            expect(`${failure.what}: expected ${failure.expected}, got ${failure.actual}`).toMatch(found[i]!)
          }), 200_000)
      }
    })
  })
})

it("every case of the late-commit suite has a word on the wrong store", () => expect(lateCommits.cases.length).toBe(6))
