/**
 * How wrong stores are told from right ones.
 */
import { EventStore } from "@varve/core"
import { EventStoreContract } from "@varve/core/testing"
import { Effect } from "effect"

type Case = EventStoreContract.Case

const failureOf = ({ effect }: Case) => effect.pipe(Effect.as(undefined), Effect.catch(Effect.succeed))

/** Cases that the reference passes: only these tell anything about another store. */
export const soundCases: Effect.Effect<ReadonlyArray<Case>> = Effect.filter(
  EventStoreContract.cases,
  (one) => Effect.map(failureOf(one), (failure) => failure === undefined)
).pipe(Effect.provide(EventStore.layerMemory))

/** The first case that a store fails. One is enough to tell a wrong store. */
export const judge = Effect.fnUntraced(function*(sound: ReadonlyArray<Case>) {
  for (const one of sound) {
    const failure = yield* failureOf(one)
    if (failure !== undefined) return failure
  }
  return undefined
})
