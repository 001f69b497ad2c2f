/**
 * `execute` and `executeAll` in two processes, on a store that fails by a seed: whatever a caller is told is so in the
 * store, and no command takes effect twice. A failure prints the smallest plan, the faults, and what replays it:
 * `VARVE_FAULTS_REPLAY`. `VARVE_FAULTS_RUNS` is how many plans are tried.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Commit, CommitId, EventStore, EventStoreError, Upcaster } from "@varve/core"
import type { EventStoreFaults } from "@varve/core/testing"
import { Effect, Exit, Layer } from "effect"
import { Account, Id, Open } from "./Account.ts"
import { verdict } from "./FaultyOracle.ts"
import { type Plan, Plan as PlanSchema, type Step, world } from "./FaultyWorld.ts"

const runs = Number(process.env.VARVE_FAULTS_RUNS ?? 120)
const replay = process.env.VARVE_FAULTS_REPLAY

const judged = (plan: Plan) =>
  world(plan, (all, store, log) => {
    const kinds = log.map(({ kind }) => kind)
    const conflicts = kinds.filter((kind) => kind === "conflict").length
    return Effect.map(verdict(all, store, conflicts), (tags) => ({ kinds, tags }))
  })

const reason = new EventStoreError.Unavailable({ what: "store", expected: "an answer", actual: "none" })

/** Writes, dies of it, and cannot be asked. */
const dying = Layer.effect(
  EventStore.EventStore,
  EventStore.EventStore.use((store) =>
    Effect.succeed({
      ...store,
      append: (commit: Commit.Commit) => Effect.andThen(store.append(commit), Effect.die("a bug in a driver")),
      findCommit: () => Effect.fail(new EventStoreError.EventStoreError({ operation: "findCommit", reason }))
    })
  )
).pipe(Layer.provide(EventStore.layerMemory))

describe("commands on a store that fails", () => {
  it.effect.prop(
    "have exactly the effects that their outcomes claim",
    [PlanSchema],
    ([plan]) => judged(plan),
    { timeout: 60_000 + runs * 100, arbitrary: { runs, size: 30, replay, seed: process.env.VARVE_FAULTS_SEED } }
  )

  it.effect("come to every outcome that there is, by every fault", () =>
    Effect.gen(function*() {
      const steps = Array.from({ length: 36 }, (_, i): Step => ({
        kind: (["withdraw", "move", "deposit", "pair", "nothing"] as const)[i % 5]!,
        account: i % 3,
        process: i % 2,
        amount: i % 5,
        given: i % 4 < 2,
        twice: i % 4 === 1,
        insists: i % 3 === 0,
        crash: (["none", "timeout", "interruption", "none", "defect"] as const)[(i >> 1) % 5]!,
        delay: i % 7
      }))
      const chances = {
        conflict: 0.2,
        delay: 0.2,
        failBefore: 0.06,
        lostRequest: 0.3,
        lateRequest: 0.2,
        lostAcknowledgement: 0.2,
        failRead: 0.06
      }
      // Where little goes wrong, commands come as far as to be rejected.
      const rare = {
        ...chances,
        lostRequest: 0.02,
        lateRequest: 0.02,
        lostAcknowledgement: 0.05,
        failBefore: 0.02,
        failRead: 0
      }
      const plans = [1, 2, 3, 4, 5, 6].map((seed) => ({
        seed,
        limit: 1_000,
        yields: 3,
        chances: seed < 4 ? chances : rare,
        steps
      }))
      const all = yield* Effect.forEach(plans, judged)
      assert.deepStrictEqual(yield* judged(plans[0]!), all[0], "the same plan, the same story")
      // A conflict that surfaces has been lost ten times in a row.
      const contended = yield* judged({
        seed: 7,
        limit: 1_000,
        yields: 0,
        chances: {
          conflict: 1,
          delay: 0,
          failBefore: 0,
          lostRequest: 0,
          lateRequest: 0,
          lostAcknowledgement: 0,
          failRead: 0
        },
        steps: steps.slice(0, 1)
      })
      const tags = new Set([...all, contended].flatMap(({ tags }) => tags))
      const kinds = new Set([...all, contended].flatMap(({ kinds }) => kinds))
      assert.includeMembers([...tags], [
        "Accepted",
        "Insufficient",
        "Unavailable",
        "Conflict",
        "OutcomeUnknown",
        "Interrupted",
        "Crashed"
      ])
      assert.includeMembers([...kinds], [
        ...Object.keys(chances) as Array<EventStoreFaults.Kind>,
        "crash"
      ])
    }), 60_000)

  it.effect("die of what a store dies of, also when it cannot be asked whether it had written", () =>
    Effect.gen(function*() {
      const commitId = CommitId.make("00000000-0000-7000-8000-000000000001")
      const exit = yield* Effect.exit(Account.execute(Id.make("a"), Open.make({ owner: "Ada" }), { commitId }))
      // `Unavailable` would say that nothing was written.
      assert.isTrue(Exit.hasDies(exit))
    }).pipe(Effect.provide(Account.layer.pipe(Layer.provide([dying, Upcaster.layer()])))))
})
