/**
 * What every row store must do, as a list of cases that any test runner can run.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { EventStore } from "../EventStore.ts"
import type { RowStore } from "../RowStore.ts"
import type { StoreAdmin } from "../StoreAdmin.ts"
import { ContractFailure } from "./internal/fixture.ts"
import * as commitCases from "./internal/rowCommitCases.ts"
import * as entryCases from "./internal/rowEntryCases.ts"
import { type Definition, run } from "./internal/rowFixture.ts"
import * as inlineCases from "./internal/rowInlineCases.ts"
import * as leaseCases from "./internal/rowLeaseCases.ts"
import * as listCases from "./internal/rowListCases.ts"
import * as orderCases from "./internal/rowOrderCases.ts"
import * as parkedCases from "./internal/rowParkedCases.ts"
import * as readCases from "./internal/rowReadCases.ts"
import * as rideCases from "./internal/rowRideCases.ts"
import * as valueCases from "./internal/rowValueCases.ts"

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
 * What a row store may lack and be one all the same.
 *
 * **Details**
 *
 * - `inline`: projections ride with appends. Where they never do, every commit goes without rows.
 * - `moves`: the hints come. Where they never do, polling is all there is.
 * - `transactions`: what `within` does with the event store is part of the batch, and undone with it.
 *
 * @category models
 * @since 0.1.0
 */
export type Capability = "inline" | "moves" | "transactions"

/**
 * All capabilities.
 *
 * @category models
 * @since 0.1.0
 */
export const capabilities: ReadonlyArray<Capability> = ["inline", "moves", "transactions"]

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
 * One thing that a row store must do.
 *
 * **Details**
 *
 * The effect succeeds when the store does it. It works on projections and streams that nobody else has, so it runs on a
 * store that holds rows and events already. It ends within a minute.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly name: string
  readonly effect: Effect.Effect<void, ContractFailure, EventStore | RowStore | StoreAdmin>
  /** Why the case does not apply to the store. */
  readonly skip?: string
}

const definitions: ReadonlyArray<Definition> = [
  ...entryCases.cases,
  ...leaseCases.cases,
  ...commitCases.cases,
  ...orderCases.cases,
  ...readCases.cases,
  ...listCases.cases,
  ...parkedCases.cases,
  ...valueCases.cases,
  ...inlineCases.cases,
  ...rideCases.cases
]

/**
 * The cases for a row store that may lack something.
 *
 * **When to use**
 *
 * In the tests of a store: loop over the cases with the runner at hand, and provide the store's layer to each. A
 * case with `skip` is reported as skipped, with that reason.
 *
 * **Gotchas**
 *
 * For stores that are made for tests: the cases leave checkpoints behind that are beyond the head of the store, which
 * `StoreAdmin.verify` may find. They run one after the other, and nobody else appends meanwhile: whether rows ride with
 * an append depends on what is at the head. Leases run out while they wait, so run them with the live clock.
 *
 * **Example** (Some cases against the store in memory)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { EventStore } from "@varve/core"
 * import { RowStoreContract } from "@varve/core/testing"
 *
 * const suite = RowStoreContract.suite({ lacks: { moves: "this store is polled" } })
 * const some = suite.filter(({ name, skip }) => skip === undefined && name.includes("tombstone"))
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
 * The cases for a row store that lacks nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cases: ReadonlyArray<Case> = suite()
