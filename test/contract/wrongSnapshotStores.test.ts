import { describe, it } from "@effect/vitest"
import { SnapshotStoreContract } from "@varve/core/testing"
import { Effect } from "effect"
import { expect } from "vitest"
import { judge, snapshotCases } from "./judge.ts"
import { runShelf } from "./runShelf.ts"
import { layerRight, wrongSnapshotStores } from "./wrongSnapshotStores.ts"

describe("SnapshotStoreContract kills", () => {
  const sound = runShelf({ kind: "snapshot store", stores: wrongSnapshotStores, cases: snapshotCases })

  it.live("nothing that is right with those that are wrong", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.provide(Effect.flatMap(sound, (sound) => judge(sound)), layerRight)
      expect(failure).toBeUndefined()
    }), 120_000)
})

describe("SnapshotStoreContract", () => {
  it("names every case once", () => {
    const names = SnapshotStoreContract.cases.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  it("names every wrong snapshot store once", () => {
    expect(new Set(wrongSnapshotStores.map(({ name }) => name)).size).toBe(wrongSnapshotStores.length)
  })
})
