/**
 * Runs a shelf of wrong stores under vitest: the reference passes every case, and every wrong store fails one.
 */
import { it } from "@effect/vitest"
import { EventStoreContract } from "@varve/core/testing"
import { Effect } from "effect"
import { expect } from "vitest"
import { type Any, type Case, judge, killers, type Shelf, soundCases, waiting, type Wrong } from "./judge.ts"

/** To be called in a `describe`. Yields the cases that the reference passes. */
export const runShelf = <R extends Any>({ cases, kind, stores }: Shelf<R>): Effect.Effect<ReadonlyArray<Case<R>>> => {
  const sound = Effect.runSync(Effect.cached(soundCases(cases)))
  const killerOf = new Map(Object.entries(killers[kind]))

  it.live("none of the reference", () =>
    Effect.gen(function*() {
      const passed = new Set((yield* sound).map(({ name }) => name))
      expect(cases.map(({ name }) => name).filter((name) => !passed.has(name))).toEqual([])
    }), 120_000)

  // Those that wait do so together, behind the others.
  const waits = ({ name }: Wrong<R>) => waiting.has(killerOf.get(name) ?? "")
  for (const store of stores.toSorted((a, b) => Number(waits(a)) - Number(waits(b)))) {
    const { layer, name } = store
    it.live(`a ${kind} that ${name}`, () =>
      Effect.gen(function*() {
        const failure = yield* Effect.provide(Effect.flatMap(sound, (sound) => judge(sound, killerOf.get(name))), layer)
        expect(failure, `no case fails on a ${kind} that ${name}`).toBeInstanceOf(EventStoreContract.ContractFailure)
        console.log(`a ${kind} that ${name}: killed by "${failure?.case}"`)
      }), { concurrent: waits(store), timeout: 120_000 })
  }

  it("with a case that is tried first", () => {
    const names = new Set(cases.map(({ name }) => name))
    const wrong = new Set(stores.map(({ name }) => name))
    expect({
      "stores without one": [...wrong].filter((name) => !killerOf.has(name)),
      "stores that are not there": [...killerOf.keys()].filter((name) => !wrong.has(name)),
      "cases that are not there": [...killerOf.values()].filter((name) => !names.has(name))
    }, "`npm run shelf -- --write` mends test/contract/killers.json").toEqual({
      "stores without one": [],
      "stores that are not there": [],
      "cases that are not there": []
    })
  })
  return sound
}
