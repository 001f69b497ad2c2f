/**
 * A pooler in transaction mode between the programs and the server: every contract, and work of several processes.
 */
import type { EventStore, ProgramStore, RowStore, StoreAdmin } from "@varve/core"
import { EventStoreContract, ProgramStoreContract, RowStoreContract } from "@varve/core/testing"
import { Effect, Layer } from "effect"
import * as Pooler from "../../support/Pooler.ts"
import { conclude } from "../conclude.ts"
import { Crew } from "../Crew.ts"
import * as Place from "../Place.ts"
import { database, Lacks, type Suite, wanted } from "../Suite.ts"

const pooler = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(() => Pooler.start(url)),
    (started) => "skipped" in started ? Effect.void : Effect.promise(started.stop)
  ).pipe(
    Effect.flatMap((started) =>
      "skipped" in started ? Effect.fail(new Lacks({ reason: started.skipped })) : Effect.succeed(started)
    )
  )

interface Case {
  readonly name: string
  readonly effect: Effect.Effect<
    void,
    EventStoreContract.ContractFailure,
    EventStore.EventStore | ProgramStore.ProgramStore | RowStore.RowStore | StoreAdmin.StoreAdmin
  >
}

/** Each case that fails, in a line. */
const contracts = (place: Place.Place, seed: string) =>
  Effect.gen(function*() {
    const suites: { readonly [contract: string]: ReadonlyArray<Case> } = {
      events: EventStoreContract.suite({ seed }),
      rows: RowStoreContract.suite({ seed }),
      programs: ProgramStoreContract.suite({ seed })
    }
    const violations: Array<string> = []
    let cases = 0
    for (const [contract, suite] of Object.entries(suites)) {
      for (const { effect, name } of suite) {
        cases++
        yield* Effect.catchCause(effect, (cause) =>
          Effect.sync(() => void violations.push(`contract of ${contract}: ${name}: ${String(cause)}`)))
      }
    }
    return { cases, violations }
  }).pipe(Effect.provide(Layer.orDie(Place.layerPatient(place))))

export const suite: Suite = {
  name: "pooler",
  about: "pgbouncer in transaction mode: every contract, and work of several processes",
  seconds: 10,
  run: (options) =>
    Effect.gen(function*() {
      const url = yield* database(options)
      const through = (yield* pooler(url)).url
      const place: Place.Place = { tag: "server", url: through, prepare: false }
      const crew = new Crew(options.seed)
      const first = yield* crew.recruit(place, { inline: true })
      const second = yield* crew.recruit(place)
      yield* crew.project(second, ["Journal"])
      for (const hand of [first, second]) yield* crew.work(hand)
      yield* Effect.sleep(options.seconds * 1_000)
      yield* Effect.forEach([first, second], (hand) => crew.finish(hand), { concurrency: "unbounded" })
      const { counts, violations } = yield* conclude(place, crew.ledger, ["Chains", "Journal"])
      // One of the cases fills the store with programs, so they come when nobody else works.
      yield* Effect.forEach([first, second], ({ agent }) => agent.end, { concurrency: "unbounded" })
      const contract = yield* contracts(place, `${options.seed}`)
      return {
        counts: { ...counts, contractCases: contract.cases },
        violations: [
          ...violations,
          ...contract.violations,
          ...wanted("commits that were acknowledged", 1, counts.acknowledged)
        ]
      }
    })
}
