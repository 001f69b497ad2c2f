/**
 * How wrong stores are told from right ones.
 */
import { EventStore, type ProgramStore, type RowStore, type StoreAdmin } from "@varve/core"
import { EventStoreContract, ProgramStoreContract, RowStoreContract } from "@varve/core/testing"
import { Effect } from "effect"

/** A case of any contract, and what it needs of a store. */
export interface Case<R = EventStore.EventStore | RowStore.RowStore | StoreAdmin.StoreAdmin> {
  readonly name: string
  readonly effect: Effect.Effect<void, EventStoreContract.ContractFailure, R>
}

/** What the store in memory lacks of a row store. */
export const memoryLacks: RowStoreContract.Options["lacks"] = {
  transactions: "what an effect does is done: there is no transaction that it could be part of"
}

/** The cases that wrong event stores are put under. */
export const eventCases: ReadonlyArray<Case> = EventStoreContract.cases

/** The cases that wrong row stores are put under. */
export const rowCases: ReadonlyArray<Case> = RowStoreContract.suite({ lacks: memoryLacks }).filter(({ skip }) =>
  skip === undefined
)

/** The cases that wrong program stores are put under. */
export const programCases: ReadonlyArray<
  Case<EventStore.EventStore | ProgramStore.ProgramStore | StoreAdmin.StoreAdmin>
> = ProgramStoreContract.cases

/** What any case needs. */
export type Any = EventStore.EventStore | ProgramStore.ProgramStore | RowStore.RowStore | StoreAdmin.StoreAdmin

const failureOf = <R>({ effect }: Case<R>) => effect.pipe(Effect.as(undefined), Effect.catch(Effect.succeed))

/** Cases that the reference passes: only these tell anything about another store. */
export const soundCases = <R extends Any>(cases: ReadonlyArray<Case<R>>): Effect.Effect<ReadonlyArray<Case<R>>> => {
  const passed: Effect.Effect<ReadonlyArray<Case<R>>, never, Any> = Effect.filter(
    cases,
    (one) => Effect.map(failureOf(one), (failure) => failure === undefined)
  )
  return Effect.provide(passed, EventStore.layerMemory)
}

/** The first case that a store fails. One is enough to tell a wrong store. */
export const judge = Effect.fnUntraced(function*<R>(sound: ReadonlyArray<Case<R>>) {
  for (const one of sound) {
    const failure = yield* failureOf(one)
    if (failure !== undefined) return failure
  }
  return undefined
})
