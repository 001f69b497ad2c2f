import { describe, it } from "@effect/vitest"
import { ProgramStoreContract } from "@varve/core/testing"
import { Effect } from "effect"
import { expect } from "vitest"
import { judge, programCases, soundCases } from "./judge.ts"
import { layerRight } from "./wrongProgramStore.ts"
import { wrongProgramStores } from "./wrongProgramStores.ts"

const sound = Effect.runSync(Effect.cached(soundCases(programCases)))

describe("ProgramStoreContract kills", () => {
  it.live("none of the reference", () =>
    Effect.gen(function*() {
      const passed = new Set((yield* sound).map(({ name }) => name))
      expect(programCases.map(({ name }) => name).filter((name) => !passed.has(name))).toEqual([])
    }), 120_000)

  it.live("nothing that is right with those that are wrong", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.provide(Effect.flatMap(sound, judge), layerRight)
      expect(failure).toBeUndefined()
    }), 120_000)

  for (const { layer, name } of wrongProgramStores) {
    it.live(`a program store that ${name}`, () =>
      Effect.gen(function*() {
        const failure = yield* Effect.provide(Effect.flatMap(sound, judge), layer)
        expect(failure, `no case fails on a program store that ${name}`)
          .toBeInstanceOf(ProgramStoreContract.ContractFailure)
        console.log(`a program store that ${name}: killed by "${failure?.case}"`)
      }), 120_000)
  }
})

describe("ProgramStoreContract", () => {
  it("names every case once", () => {
    const names = ProgramStoreContract.cases.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  it("names every wrong program store once", () => {
    expect(new Set(wrongProgramStores.map(({ name }) => name)).size).toBe(wrongProgramStores.length)
  })
})
