import { assert, describe, it } from "@effect/vitest"
import { RowStore } from "@varve/core"

const keys = [
  { tenant: "", key: "a" },
  { tenant: "", key: "ada" },
  { tenant: "acme", key: "ada" },
  { tenant: "", key: "äöü 😀" },
  { tenant: "", key: "order-1" },
  { tenant: "", key: "order-2" }
]

describe("partitionOf", () => {
  it("never changes: stored checkpoints rest on it", () => {
    assert.deepStrictEqual(keys.map((key) => RowStore.partitionOf(key, 64)), [42, 11, 11, 41, 26, 20])
    assert.deepStrictEqual(keys.map((key) => RowStore.partitionOf(key, 7)), [5, 5, 2, 5, 4, 1])
    assert.deepStrictEqual(keys.map((key) => RowStore.partitionOf(key, 1)), [0, 0, 0, 0, 0, 0])
  })

  it("spreads keys that are alike", () => {
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 4_000; i++) counts[RowStore.partitionOf({ tenant: "", key: `order-${i}` }, 4)]!++
    for (const count of counts) assert.isTrue(count > 900 && count < 1_100, counts.join(", "))
  })
})
