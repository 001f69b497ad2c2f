import { assert, describe, it, vi } from "@effect/vitest"
import { CommitId } from "@varve/core"
import { Effect } from "effect"
import { createHash } from "node:crypto"

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

  it.effect("derives an id from SHA-256, of a text of any length", () =>
    Effect.gen(function*() {
      // Around the ends of blocks, and where it is another that digests.
      for (const length of [...Array.from({ length: 200 }, (_, i) => i), 1_000, 1_020, 1_021, 5_000]) {
        const parts = ["ö", "x".repeat(length)]
        const hex = createHash("sha256").update(JSON.stringify(parts)).digest("hex")
        const id = (yield* CommitId.derive(...parts)).replaceAll("-", "")
        assert.isTrue(CommitId.is(yield* CommitId.derive(...parts)))
        // One digit says which kind of id it is, and half of another.
        const same = (text: string) => [text.slice(0, 12), text.slice(13, 16), text.slice(17, 32)]
        assert.deepStrictEqual(same(id), same(hex), String(length))
      }
    }))
})
