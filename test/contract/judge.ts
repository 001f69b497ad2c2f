/**
 * How wrong stores are told from right ones.
 */
import { EventStore, type ProgramStore, type RowStore, type SnapshotStore, type StoreAdmin } from "@varve/core"
import { EventStoreContract, ProgramStoreContract, RowStoreContract, SnapshotStoreContract } from "@varve/core/testing"
import { Effect, type Layer } from "effect"
import { readFileSync } from "node:fs"

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

/** The cases that wrong snapshot stores are put under. */
export const snapshotCases: ReadonlyArray<
  Case<EventStore.EventStore | SnapshotStore.SnapshotStore | StoreAdmin.StoreAdmin>
> = SnapshotStoreContract.cases

/** What any case needs. */
export type Any =
  | EventStore.EventStore
  | ProgramStore.ProgramStore
  | RowStore.RowStore
  | SnapshotStore.SnapshotStore
  | StoreAdmin.StoreAdmin

const failureOf = <R>({ effect }: Case<R>) => effect.pipe(Effect.as(undefined), Effect.catch(Effect.succeed))

/** Cases that the reference passes: only these tell anything about another store. */
export const soundCases = <R extends Any>(cases: ReadonlyArray<Case<R>>): Effect.Effect<ReadonlyArray<Case<R>>> => {
  const passed: Effect.Effect<ReadonlyArray<Case<R>>, never, Any> = Effect.filter(
    cases,
    (one) => Effect.map(failureOf(one), (failure) => failure === undefined)
  )
  return Effect.provide(passed, EventStore.layerMemory)
}

/** A wrong store of any kind. */
export interface Wrong<R> {
  readonly name: string
  readonly reference?: string
  readonly layer: Layer.Layer<R>
}

/** Wrong stores, and the cases that they are put under. */
export interface Shelf<R> {
  readonly kind: "store" | "row store" | "program store" | "snapshot store"
  readonly stores: ReadonlyArray<Wrong<R>>
  readonly cases: ReadonlyArray<Case<R>>
}

/** By kind and name of a wrong store: a case that has killed it. */
export type Killers = Record<Shelf<never>["kind"], Readonly<Record<string, string>>>

export const killersFile = new URL("killers.json", import.meta.url)

/** Cases to try first: most are over in milliseconds, and a wrong store that one of them kills needs no other. */
export const killers: Killers = JSON.parse(readFileSync(killersFile, "utf8"))

/** Cases that tell some wrong stores by what does not come for seconds. */
export const waiting: ReadonlySet<string> = new Set([
  "whoever listens is woken after an append",
  "whoever listens is woken after a restore",
  "whoever listens hears that a checkpoint has moved",
  "a batch without rows moves the checkpoint, and one that stays where it is writes rows",
  "a lease that has run out is taken under a higher fence, and who had it is told so",
  "a program that was forgotten comes back, unless others went on without it",
  "a program that is heard of again counts from then on",
  "a silence of all programs is none of each: who was there then is forgotten later"
])

/** The first case that a store fails, that of the name `first` before all others. One is enough to tell a wrong store. */
export const judge = Effect.fnUntraced(function*<R>(sound: ReadonlyArray<Case<R>>, first?: string) {
  for (const one of sound.toSorted((a, b) => Number(b.name === first) - Number(a.name === first))) {
    const failure = yield* failureOf(one)
    if (failure !== undefined) return failure
  }
  return undefined
})
