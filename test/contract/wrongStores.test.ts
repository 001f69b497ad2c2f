import { describe, it } from "@effect/vitest"
import { EventStoreContract } from "@varve/core/testing"
import { expect } from "vitest"
import { eventCases } from "./judge.ts"
import { runShelf } from "./runShelf.ts"
import { wrongStores } from "./wrongStores.ts"

describe("EventStoreContract kills", () => {
  runShelf({ kind: "store", stores: wrongStores, cases: eventCases })
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
