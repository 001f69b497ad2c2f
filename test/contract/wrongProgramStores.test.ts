import { describe, it } from "@effect/vitest"
import { ProgramStoreContract } from "@varve/core/testing"
import { Effect } from "effect"
import { expect } from "vitest"
import { judge, programCases } from "./judge.ts"
import { runShelf } from "./runShelf.ts"
import { layerRight } from "./wrongProgramStore.ts"
import { wrongProgramStores } from "./wrongProgramStores.ts"

describe("ProgramStoreContract kills", () => {
  const sound = runShelf({ kind: "program store", stores: wrongProgramStores, cases: programCases })

  it.live("nothing that is right with those that are wrong", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.provide(Effect.flatMap(sound, (sound) => judge(sound)), layerRight)
      expect(failure).toBeUndefined()
    }), 120_000)
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
