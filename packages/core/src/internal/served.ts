import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { Refused } from "../EventStoreError.ts"
import type { RowStore, Served, StoredRow } from "../RowStore.ts"
import { partitionOf } from "./partition.ts"
import type { Past } from "./past.ts"
import type * as question from "./question.ts"
import { declarationOf } from "./rowCodec.ts"
import type { Lack } from "./waiting.ts"

/** What reads stored rows. */
export interface Stored {
  readonly past: Past
  readonly rows: RowStore["Service"]
  /** A position that every reader waits for: commits of this process went without their rows up to there. */
  readonly missed: () => number
}

/** The position that the rows of some keys, or all rows, have seen. */
export const reachedBy = (
  { positions }: Served,
  tenant: string,
  keys: Iterable<string> | undefined
): number => {
  if (keys === undefined) return Math.min(...positions)
  let least = Number.MAX_SAFE_INTEGER
  for (const key of keys) least = Math.min(least, positions[partitionOf({ tenant, key }, positions.length)]!)
  return least
}

/** Why stored rows are no answer yet. Without an entry of the projection they never are. */
export const lackOf = (
  served: Option.Option<{ readonly served: Served }>,
  expected: number,
  tenant: string,
  keys: Iterable<string> | undefined
): Lack | undefined => {
  if (Option.isNone(served)) return { expected, actual: 0, state: "absent" }
  const actual = reachedBy(served.value.served, tenant, keys)
  return actual >= expected ? undefined : { expected, actual, state: served.value.served.state }
}

/** A stored row, by the schema of who reads it: it may have been written by another revision. */
export const decode = (
  { codec, definition: { name } }: Past,
  revision: number,
  { key, value }: StoredRow
): Result.Result<unknown, Refused> =>
  Result.mapError(
    codec.decode(value ?? "null"),
    (actual) =>
      new Refused({
        what: `row ${key} of ${name}, revision ${revision}`,
        expected: "a row of the reader's schema",
        actual
      })
  )

/** How often an index is looked for: another revision may come to serve in between. */
const looks = 3

/**
 * Asks by the number that an index has in the revision that serves, which may have declared it elsewhere, or not at all. An
 * answer from another index would be wrong, and look right.
 */
export const byIndex = Effect.fnUntraced(function*<A extends { readonly served: Served }, E>(
  { definition: { name } }: Past,
  { fields, index: own, indexName }: question.Plan,
  ask: (index: number | undefined) => Effect.Effect<A, E>
) {
  const declaration = declarationOf(fields)
  let index = own
  for (let look = 1;; look++) {
    const answer = yield* ask(index)
    if (index === undefined) return answer
    const { indexes, revision } = answer.served
    if (indexes[index] === declaration) return answer
    index = indexes.indexOf(declaration)
    if (index >= 0 && look < looks) continue
    return yield* new Refused({
      what: `index ${indexName} of ${name}`,
      expected: `one that revision ${revision}, which serves, has as well (${indexes.join(", ") || "none"})`,
      actual: declaration
    })
  }
})
