import { describe, it } from "@effect/vitest"
import { RowStoreContract } from "@varve/core/testing"
import { expect } from "vitest"
import { rowCases } from "./judge.ts"
import { runShelf } from "./runShelf.ts"
import { wrongRowStores } from "./wrongRowStores.ts"

describe("RowStoreContract kills", () => {
  runShelf({ kind: "row store", stores: wrongRowStores, cases: rowCases })
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
