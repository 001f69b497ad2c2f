/**
 * What every event store must do, as a list of cases that any test runner can run.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { EventStore } from "../EventStore.ts"
import type { StoreAdmin } from "../StoreAdmin.ts"
import * as adminCases from "./internal/adminCases.ts"
import * as chainCases from "./internal/chainCases.ts"
import * as commitCases from "./internal/commitCases.ts"
import * as expectedCases from "./internal/expectedCases.ts"
import { ContractFailure, type Definition, run } from "./internal/fixture.ts"
import * as idempotenceCases from "./internal/idempotenceCases.ts"
import * as interruptionCases from "./internal/interruptionCases.ts"
import * as limitCases from "./internal/limitCases.ts"
import * as nameCases from "./internal/nameCases.ts"
import * as pageCases from "./internal/pageCases.ts"
import * as raceCases from "./internal/raceCases.ts"
import * as readerCases from "./internal/readerCases.ts"
import * as receiptCases from "./internal/receiptCases.ts"
import * as restoreCases from "./internal/restoreCases.ts"
import * as roundTripCases from "./internal/roundTripCases.ts"
import * as streamPageCases from "./internal/streamPageCases.ts"

export {
  /**
   * A store that did not do what the contract says: the case, what was looked at, and what was there instead.
   *
   * @category errors
   * @since 0.1.0
   */
  ContractFailure
}

/**
 * What a store may lack and be a store all the same.
 *
 * **Details**
 *
 * - `appendOrder`: appends that one process starts in some order are judged in that order. A store behind a network
 *   that does not keep the order of requests lacks it.
 * - `erasure`: `StoreAdmin.erase`.
 * - `wakeUps`: the hints come. Where they never do, polling is all there is.
 *
 * @category models
 * @since 0.1.0
 */
export type Capability = "appendOrder" | "erasure" | "wakeUps"

/**
 * All capabilities.
 *
 * @category models
 * @since 0.1.0
 */
export const capabilities: ReadonlyArray<Capability> = ["appendOrder", "erasure", "wakeUps"]

/**
 * How a suite is run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What the store lacks, each with the reason. Cases that need it are listed as skipped. */
  readonly lacks?: { readonly [_ in Capability]?: string } | undefined
  /** Makes the random cases of two runs the same, or different. A failure prints it. `"varve"` unless told. */
  readonly seed?: string | undefined
}

/**
 * One thing that a store must do.
 *
 * **Details**
 *
 * The effect succeeds when the store does it. It works on streams and categories that nobody else has, so it runs on
 * a store that holds events already, and on one that others write to. It ends within a minute.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly name: string
  readonly effect: Effect.Effect<void, ContractFailure, EventStore | StoreAdmin>
  /** Why the case does not apply to the store. */
  readonly skip?: string
}

const definitions: ReadonlyArray<Definition> = [
  ...expectedCases.cases,
  ...commitCases.cases,
  ...raceCases.cases,
  ...receiptCases.cases,
  ...idempotenceCases.cases,
  ...chainCases.cases,
  ...limitCases.cases,
  ...roundTripCases.cases,
  ...nameCases.cases,
  ...pageCases.cases,
  ...streamPageCases.cases,
  ...readerCases.cases,
  ...interruptionCases.cases,
  ...adminCases.cases,
  ...restoreCases.cases
]

/**
 * The cases for a store that may lack something.
 *
 * **When to use**
 *
 * In the tests of a store: loop over the cases with the runner at hand, and provide the store's layer to each. A
 * case with `skip` is reported as skipped, with that reason.
 *
 * **Gotchas**
 *
 * The cases wait with the clock of the environment, so run them with the live one: with a test clock a store that
 * hangs is not noticed.
 *
 * **Example** (Some cases against the store in memory)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { EventStore } from "@varve/core"
 * import { EventStoreContract } from "@varve/core/testing"
 *
 * const suite = EventStoreContract.suite({ lacks: { wakeUps: "this store is polled" } })
 * const some = suite.filter(({ name, skip }) => skip === undefined && name.includes("expected version"))
 *
 * const program = Effect.forEach(some, ({ effect }) => effect, { discard: true }).pipe(
 *   Effect.as("all passed"),
 *   Effect.provide(EventStore.layerMemory)
 * )
 *
 * Effect.runPromise(program) // => "all passed"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const suite = (options: Options = {}): ReadonlyArray<Case> =>
  definitions.map((definition) => {
    const { name, needs } = definition
    const reason = needs === undefined ? undefined : options.lacks?.[needs]
    const effect = run(definition, options.seed ?? "varve")
    return reason === undefined ? { name, effect } : { name, effect, skip: `${needs}: ${reason}` }
  })

/**
 * The cases for a store that lacks nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cases: ReadonlyArray<Case> = suite()
