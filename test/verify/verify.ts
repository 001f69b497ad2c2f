/**
 * Runs the suites against a store in a schema of its own, which is removed afterwards, however the run ends.
 */
import { EventStore, StoreAdmin } from "@varve/core"
import { EventStoreContract } from "@varve/core/testing"
import { Effect, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import * as Crew from "./Crew.ts"
import * as kills from "./kills.ts"
import * as lateCommits from "./lateCommits.ts"
import { CannotRun, type Options, type SuiteName, suiteNames } from "./Options.ts"
import * as races from "./races.ts"
import * as Report from "./Report.ts"
import * as Server from "./Server.ts"
import type { Target } from "./Target.ts"

interface Case<R> {
  readonly name: string
  readonly effect: Effect.Effect<void, EventStoreContract.ContractFailure, R>
  readonly skip?: string
}

const contract = (seed: number): ReadonlyArray<Case<Crew.Crew>> =>
  EventStoreContract.suite({ seed: `${seed}` }).map(({ effect, ...rest }) => ({
    ...rest,
    effect: Crew.Crew.use(({ home }) =>
      effect.pipe(
        Effect.provideService(EventStore.EventStore, home.store),
        Effect.provideService(StoreAdmin.StoreAdmin, home.admin)
      )
    )
  }))

const casesOf = (seed: number): { readonly [_ in SuiteName]: ReadonlyArray<Case<Crew.Crew>> } => ({
  contract: contract(seed),
  "late-commits": lateCommits.cases,
  kills: kills.cases,
  races: races.cases
})

const say = (line: string) => Effect.sync(() => console.log(line))

const runCase = (suite: string, { effect, name, skip }: Case<Crew.Crew>, leftOut: boolean) =>
  Effect.gen(function*() {
    const from = performance.now()
    const reason = leftOut ? "left out by --only" : skip
    const outcome: Report.Result["outcome"] = reason !== undefined
      ? { tag: "skipped", reason }
      : yield* Effect.match(effect, {
        onSuccess: () => ({ tag: "passed" as const }),
        onFailure: ({ actual, expected, what }) => ({ tag: "failed" as const, what, expected, actual })
      })
    const millis = performance.now() - from
    const { tag } = outcome
    if (!leftOut) yield* say(`  ${tag === "failed" ? "FAILED" : tag} ${Report.seconds(millis).padStart(7)}  ${name}`)
    if (tag === "failed") yield* say(`    ${outcome.what}: expected ${outcome.expected}, got ${outcome.actual}`)
    return { suite, name, millis, outcome } satisfies Report.Result
  })

const runSuites = ({ only, seed }: Options) =>
  Effect.gen(function*() {
    const results: Array<Report.Result> = []
    const suites = casesOf(seed)
    for (const suite of suiteNames) {
      const cases = suites[suite]
      const leftOut = only.length > 0 && !only.includes(suite)
      yield* say(leftOut ? `${suite}: left out` : `${suite}: ${cases.length} ${cases.length === 1 ? "case" : "cases"}`)
      for (const each of cases) results.push(yield* runCase(suite, each, leftOut))
    }
    return results
  })

/** Nobody has a schema of this name. It is removed with the scope. */
const makeTarget = ({ prepare, url }: Options, parsed: URL): Effect.Effect<Target, never, Scope.Scope> => {
  const name = randomBytes(6).toString("hex")
  const target = { url, prepare, schema: `varve_verify_${name}`, application: `varve verify ${name}` }
  const remove = Server.clear(target, parsed).pipe(
    Effect.andThen(say(`The schema ${target.schema} is removed.`)),
    Effect.catch(({ message }) =>
      Effect.sync(() =>
        console.error(`${message}\nThe schema may still be there: DROP SCHEMA IF EXISTS ${target.schema} CASCADE`)
      )
    )
  )
  return Effect.acquireRelease(Effect.succeed(target), () => remove)
}

/** Runs, prints on its way, and tells what was found. */
export const verify = (options: Options): Effect.Effect<Report.Report, CannotRun> =>
  Effect.gen(function*() {
    const parsed = Server.parseUrl(options.url)
    if (parsed instanceof CannotRun) return yield* parsed
    const date = new Date()
    const probe = { url: options.url, prepare: options.prepare, schema: "", application: "varve verify" }
    const facts = yield* Server.examine(probe, parsed)
    const results = yield* Effect.scoped(Effect.gen(function*() {
      const target = yield* makeTarget(options, parsed)
      yield* say(`${facts.database}, ${facts.version.split(" ").slice(0, 2).join(" ")}, schema ${target.schema}`)
      return yield* Effect.provide(runSuites(options), Crew.layer(target, options))
    })).pipe(Effect.mapError(({ message }) => new CannotRun({ message })))
    const { kills, seed } = options
    return { date, millis: Date.now() - date.getTime(), seed, kills, facts, results }
  })
