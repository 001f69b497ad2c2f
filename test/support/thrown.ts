import { assert } from "@effect/vitest"

/** What a function throws: as text. */
export const thrown = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return assert.fail("nothing was thrown")
}
