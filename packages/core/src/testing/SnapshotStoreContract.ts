/**
 * What every snapshot store must do, as a list of cases that any test runner can run.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { EventStore } from "../EventStore.ts"
import type { SnapshotStore } from "../SnapshotStore.ts"
import type { StoreAdmin } from "../StoreAdmin.ts"
import { ContractFailure } from "./internal/fixture.ts"
import { cases as definitions } from "./internal/snapshotCases.ts"
import { run } from "./internal/snapshotFixture.ts"

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
 * One thing that a snapshot store must do.
 *
 * **Details**
 *
 * The effect succeeds when the store does it. It works on streams that nobody else has, so it runs on a store that has
 * others already, and beside other cases. It ends within a minute.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly name: string
  readonly effect: Effect.Effect<void, ContractFailure, EventStore | SnapshotStore | StoreAdmin>
}

/**
 * The cases for a snapshot store.
 *
 * **When to use**
 *
 * In the tests of a store: loop over the cases with the runner at hand, and provide the store's layer to each.
 *
 * **Example** (Some cases against the store in memory)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { EventStore } from "@varve/core"
 * import { SnapshotStoreContract } from "@varve/core/testing"
 *
 * const some = SnapshotStoreContract.suite().filter(({ name }) => name.includes("revision"))
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
 * The cases for a snapshot store, as they are unless told.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cases: ReadonlyArray<Case> = suite()
