import { describe, it } from "@effect/vitest"
import { RowStoreContract } from "@varve/core/testing"
import { Effect } from "effect"
import { expect } from "vitest"
import { judge, rowCases, soundCases } from "./judge.ts"
import { wrongRowStores } from "./wrongRowStores.ts"

const sound = Effect.runSync(Effect.cached(soundCases(rowCases)))

describe("RowStoreContract kills", () => {
  it.live("none of the reference", () =>
    Effect.gen(function*() {
      const passed = new Set((yield* sound).map(({ name }) => name))
      expect(rowCases.map(({ name }) => name).filter((name) => !passed.has(name))).toEqual([])
    }), 120_000)

  for (const { layer, name } of wrongRowStores) {
    it.live(`a row store that ${name}`, () =>
      Effect.gen(function*() {
        const failure = yield* Effect.provide(Effect.flatMap(sound, judge), layer)
        expect(failure, `no case fails on a row store that ${name}`).toBeInstanceOf(RowStoreContract.ContractFailure)
        console.log(`a row store that ${name}: killed by "${failure?.case}"`)
      }), 120_000)
  }
})

describe("RowStoreContract", () => {
  it("names every case once", () => {
    const names = RowStoreContract.cases.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  it("names every wrong row store once", () => {
    expect(new Set(wrongRowStores.map(({ name }) => name)).size).toBe(wrongRowStores.length)
  })

  for (const capability of RowStoreContract.capabilities) {
    it(`has cases that need ${capability}, and skips them with the reason where a store lacks it`, () => {
      const skipped = RowStoreContract.suite({ lacks: { [capability]: "not here" } }).filter(({ skip }) =>
        skip !== undefined
      )
      expect(skipped.length).toBeGreaterThan(0)
      for (const { skip } of skipped) expect(skip).toBe(`${capability}: not here`)
    })
  }
})
