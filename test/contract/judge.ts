/**
 * How wrong stores are told from right ones.
 */
import { EventStore, type RowStore, type StoreAdmin } from "@varve/core"
import { EventStoreContract, RowStoreContract } from "@varve/core/testing"
import { Effect } from "effect"

/** A case of either contract. */
export interface Case {
  readonly name: string
  readonly effect: Effect.Effect<
    void,
    EventStoreContract.ContractFailure,
    EventStore.EventStore | RowStore.RowStore | StoreAdmin.StoreAdmin
  >
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

const failureOf = ({ effect }: Case) => effect.pipe(Effect.as(undefined), Effect.catch(Effect.succeed))

/** Cases that the reference passes: only these tell anything about another store. */
export const soundCases = (cases: ReadonlyArray<Case>): Effect.Effect<ReadonlyArray<Case>> =>
  Effect.filter(cases, (one) => Effect.map(failureOf(one), (failure) => failure === undefined)).pipe(
    Effect.provide(EventStore.layerMemory)
  )

/** The first case that a store fails. One is enough to tell a wrong store. */
export const judge = Effect.fnUntraced(function*(sound: ReadonlyArray<Case>) {
  for (const one of sound) {
    const failure = yield* failureOf(one)
    if (failure !== undefined) return failure
  }
  return undefined
})
