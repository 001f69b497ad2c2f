import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { EventStore } from "../EventStore.ts"
import type { ProjectionError } from "../ProjectionError.ts"
import { RowStore } from "../RowStore.ts"
import * as rides from "./inline.ts"
import * as folding from "./live.ts"
import * as past from "./past.ts"
import * as policy from "./policy.ts"
import { guarded } from "./policyRows.ts"
import type { Definition, Reading } from "./projection.ts"
import { start } from "./run.ts"
import * as reading from "./stored.ts"
import type { Upcaster } from "./upcaster.ts"

/**
 * Gives the rows of a definition, which are folded from the events of the aggregates named; of whoever has its events when
 * none is named, which comes to the same where a tag names one event of a store.
 */
type Make<E, R> = (
  definition: Definition,
  aggregates: ReadonlyArray<string>
) => Effect.Effect<Reading, E, EventStore | Upcaster | Scope.Scope | R>

/** Gives rows to whoever may see them. */
const guard = <E, R>(reading: Effect.Effect<Reading, E, R>): Effect.Effect<Reading, E, R> =>
  Effect.gen(function*() {
    return guarded(yield* reading, yield* policy.Current)
  })

/** Folds rows when they are asked for. */
export const live: Make<never, never> = (definition, aggregates) =>
  guard(Effect.flatMap(past.make(definition, aggregates), folding.make))

const readStored = (definition: Definition, aggregates: ReadonlyArray<string>, missed: () => number) =>
  Effect.gen(function*() {
    return reading.make({ past: yield* past.make(definition, aggregates), rows: yield* RowStore, missed })
  })

const none = () => 0

/** Reads stored rows. */
export const stored: Make<never, RowStore> = (definition, aggregates) => guard(readStored(definition, aggregates, none))

/** Runs a projection until the scope closes. What cannot be run fails here; a run that ends later tells so itself. */
const inBackground = (definition: Definition, aggregates: ReadonlyArray<string>, mode: "inline" | "async") =>
  Effect.flatMap(start(definition, aggregates, mode), (run) => Effect.forkScoped(run))

/** Reads stored rows, and runs the projection behind a checkpoint. */
export const async: Make<ProjectionError, RowStore> = (definition, aggregates) =>
  guard(
    Effect.gen(function*() {
      yield* inBackground(definition, aggregates, "async")
      return yield* readStored(definition, aggregates, none)
    })
  )

/** Reads stored rows that ride with the appends of this process. What goes without them is caught up with. */
export const inline: Make<ProjectionError, RowStore> = (definition, aggregates) =>
  guard(
    Effect.gen(function*() {
      const { inline, missed } = yield* rides.make(definition, aggregates)
      yield* inBackground(definition, aggregates, "inline")
      yield* RowStore.use((rows) => rows.attach(inline))
      return yield* readStored(definition, aggregates, missed)
    })
  )
