/** Runs the program of `usage.ts` in memory and on the embedded store: every difference from what must come out throws. */
import { Effect } from "effect"
import assert from "node:assert/strict"
import { embedded, inMemory, program } from "./usage.ts"

const expected = {
  refused: "stopped",
  odd: "refused",
  row: { _tag: "Some", value: { count: 4 } },
  state: { _tag: "Stopped" },
  old: { _tag: "Added", count: 1 }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

for (const [name, layer] of [["memory", inMemory], ["embedded", embedded]] as const) {
  const result = plain(await Effect.runPromise(Effect.provide(program, layer)))
  for (const [key, value] of Object.entries(expected)) {
    assert.partialDeepStrictEqual(result, { [key]: value }, `${name}: ${key} is ${JSON.stringify(result)}`)
  }
  console.log(`${name} ok`)
}
