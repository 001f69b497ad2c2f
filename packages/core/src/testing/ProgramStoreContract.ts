/**
 * What every program store must do, as a list of cases that any test runner can run.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { EventStore } from "../EventStore.ts"
import type { ProgramStore } from "../ProgramStore.ts"
import type { StoreAdmin } from "../StoreAdmin.ts"
import { ContractFailure } from "./internal/fixture.ts"
import * as enterCases from "./internal/programEnterCases.ts"
import { type Definition, run } from "./internal/programFixture.ts"
import * as formerCases from "./internal/programFormerCases.ts"
import * as lifeCases from "./internal/programLifeCases.ts"
import * as modelCases from "./internal/programModelCases.ts"

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
 * How a suite is run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Makes the random cases of two runs the same, or different. A failure prints it. `"varve"` unless told. */
  readonly seed?: string | undefined
}

/**
 * One thing that a program store must do.
 *
 * **Details**
 *
 * The effect succeeds when the store does it. It works on programs, categories and types that nobody else has, so it runs
 * on a store that has others already. It ends within a minute, and its programs leave.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly name: string
  readonly effect: Effect.Effect<void, ContractFailure, EventStore | ProgramStore | StoreAdmin>
}

const definitions: ReadonlyArray<Definition> = [
  ...enterCases.cases,
  ...formerCases.cases,
  ...modelCases.cases,
  ...lifeCases.cases
]

/**
 * The cases for a program store.
 *
 * **When to use**
 *
 * In the tests of a store: loop over the cases with the runner at hand, and provide the store's layer to each.
 *
 * **Gotchas**
 *
 * They run one after the other, and beside no other program: one of them fills the store with programs, so that others are
 * refused meanwhile, and one waits until nobody has been heard of for a while. What
 * may be written is never forgotten, so it grows by some types with every run. Programs run out while the cases wait, so
 * run them with the live clock.
 *
 * **Example** (Some cases against the store in memory)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { EventStore } from "@varve/core"
 * import { ProgramStoreContract } from "@varve/core/testing"
 *
 * const some = ProgramStoreContract.suite().filter(({ name }) => name.includes("never falls"))
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
  definitions.map((definition) => ({ name: definition.name, effect: run(definition, options.seed ?? "varve") }))

/**
 * The cases for a program store, as they are unless told.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cases: ReadonlyArray<Case> = suite()
