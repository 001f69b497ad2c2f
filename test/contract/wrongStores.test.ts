import { describe, it } from "@effect/vitest"
import { EventStoreContract } from "@varve/core/testing"
import { Effect } from "effect"
import { expect } from "vitest"
import { eventCases, judge, soundCases } from "./judge.ts"
import { wrongStores } from "./wrongStores.ts"

const sound = Effect.runSync(Effect.cached(soundCases(eventCases)))

describe("EventStoreContract kills", () => {
  it.live("none of the reference", () =>
    Effect.gen(function*() {
      const passed = new Set((yield* sound).map(({ name }) => name))
      expect(EventStoreContract.cases.map(({ name }) => name).filter((name) => !passed.has(name))).toEqual([])
    }), 120_000)

  for (const { layer, name } of wrongStores) {
    it.live(`a store that ${name}`, () =>
      Effect.gen(function*() {
        const failure = yield* Effect.provide(Effect.flatMap(sound, judge), layer)
        expect(failure, `no case fails on a store that ${name}`).toBeInstanceOf(EventStoreContract.ContractFailure)
        console.log(`a store that ${name}: killed by "${failure?.case}"`)
      }), 120_000)
  }
})

describe("EventStoreContract", () => {
  it("names every case once", () => {
    const names = EventStoreContract.cases.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  for (const capability of EventStoreContract.capabilities) {
    it(`has cases that need ${capability}, and skips them with the reason where a store lacks it`, () => {
      const skipped = EventStoreContract.suite({ lacks: { [capability]: "not here" } }).filter(({ skip }) =>
        skip !== undefined
      )
      expect(skipped.length).toBeGreaterThan(0)
      for (const { skip } of skipped) expect(skip).toBe(`${capability}: not here`)
    })
  }
})
