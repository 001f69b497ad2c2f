import { assert, describe, it, vi } from "@effect/vitest"
import { CommitId } from "@varve/core"

const count = 10_000

describe("CommitId", () => {
  it("makes UUIDs of version 7 that sort as they were made, also when the clock goes back", () => {
    // Later than any id that this process has made.
    const start = Date.now() + 1_000
    const clock = vi.spyOn(Date, "now")
    try {
      const ids: Array<string> = []
      for (let i = 0; i < count; i++) {
        // Some ids a millisecond, and once an hour back.
        clock.mockReturnValueOnce(start + (i >> 3) - (i < count / 2 ? 0 : 3_600_000))
        ids.push(CommitId.generateUnsafe())
      }
      for (const id of ids) {
        assert.isTrue(CommitId.is(id), id)
        assert.match(id, /^.{14}7.{4}[89ab]/)
      }
      assert.deepStrictEqual(ids.toSorted(), ids)
      assert.strictEqual(new Set(ids).size, count)
      // Last 32 bits of each are random: those of neighbours too.
      assert.isAbove(new Set(ids.map((id) => id.slice(-8))).size, count - 10)
      assert.strictEqual(Number.parseInt(ids[0]!.slice(0, 13).replace("-", ""), 16), start)
    } finally {
      clock.mockRestore()
    }
  })

  it("takes nothing else for a commit id", () => {
    const id = CommitId.generateUnsafe()
    for (const wrong of [id.toUpperCase(), `${id} `, id.replaceAll("-", ""), `x${id}`, "", undefined, null, 7, [id]]) {
      assert.isFalse(CommitId.is(wrong), String(wrong))
    }
  })
})
