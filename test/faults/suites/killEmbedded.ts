/**
 * `kill -9` of the process that has an embedded store open, in the midst of it; another opens the directory and goes on.
 */
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { conclude } from "../conclude.ts"
import { Crew } from "../Crew.ts"
import type { Place } from "../Place.ts"
import * as Plan from "../Plan.ts"
import { type Suite, wanted } from "../Suite.ts"

/** How long a life lasts, once it has opened the store. */
const lifeMillis = [150, 700] as const

/** What it takes to start another, about: it is part of the time of a run. */
const startMillis = 2_000

/** The lengths of the lives of a run. */
export const plan = (seed: number, seconds: number): ReadonlyArray<number> => {
  const chance = new Plan.Chance(seed)
  const kills = Math.max(2, Math.round(seconds * 1_000 / startMillis))
  return Array.from({ length: kills }, () => chance.between(...lifeMillis))
}

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "varve-faults-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

export const suite: Suite = {
  name: "kill-embedded",
  about: "kill -9 of the process of an embedded store",
  seconds: 15,
  run: ({ seconds, seed }) =>
    Effect.gen(function*() {
      const place: Place = { tag: "embedded", dataDir: join(yield* directory, "data") }
      const crew = new Crew(seed)
      const lives = plan(seed, seconds)
      let dead: number | undefined
      for (const [i, millis] of lives.entries()) {
        const unknown = dead === undefined ? [] : crew.ledger.unknown(dead)
        yield* Effect.scoped(Effect.gen(function*() {
          const hand = yield* crew.recruit(place, { inline: i % 2 === 0 })
          yield* crew.project(hand, i % 2 === 0 ? ["Journal"] : ["Chains", "Journal"])
          if (i % 2 === 0) yield* crew.again(hand, unknown)
          yield* crew.work(hand)
          yield* Effect.sleep(millis)
          yield* hand.agent.kill
          dead = hand.number
        }))
      }
      // The last one lives, and brings the projections to the head.
      const last = Effect.gen(function*() {
        const hand = yield* crew.recruit(place, { inline: true })
        yield* crew.project(hand, ["Journal"])
        yield* crew.work(hand)
        yield* Effect.sleep("300 millis")
        yield* crew.finish(hand)
        yield* hand.agent.call("level", null)
      })
      yield* Effect.scoped(last)
      const { counts, violations } = yield* conclude(place, crew.ledger, ["Chains", "Journal"])
      return {
        counts: { ...counts, killedProcesses: lives.length },
        violations: [...violations, ...wanted("commits that were acknowledged", 1, counts.acknowledged)]
      }
    })
}
