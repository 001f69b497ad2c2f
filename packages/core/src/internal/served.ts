import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { Refused } from "../EventStoreError.ts"
import type { RowStore, Served, StoredRow } from "../RowStore.ts"
import { partitionOf } from "./partition.ts"
import type { Past } from "./past.ts"
import * as question from "./question.ts"
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

/** An order that is not that of the reader's definition: the revision that serves declares its indexes otherwise. */
export const checkPlace = (
  { definition: { name } }: Past,
  plan: question.Plan,
  revision: number,
  place: string,
  key: string,
  row: unknown
): Refused | undefined =>
  plan.index === undefined || question.placeOf(plan, key, row) === place ? undefined : new Refused({
    what: `index ${plan.indexName} of ${name}`,
    expected: `an index of revision ${revision}, which serves`,
    actual: "another one in its place"
  })

/**
 * The same of a whole index, where another revision serves: by the rows at both of its ends. In another order the rows of a
 * range are elsewhere, and an answer without rows says nothing of it.
 */
export const checkIndex = Effect.fnUntraced(function*(
  { past, rows }: Stored,
  plan: question.Plan,
  tenant: string,
  revision: number
) {
  const { definition: { name, revision: own } } = past
  const { index } = plan
  if (index === undefined || revision === own) return
  for (const backward of [false, true]) {
    const found = yield* rows.list({ name, revision, tenant, index, backward, limit: 1 })
    for (const { row, sort } of Option.isSome(found) ? found.value.rows : []) {
      const decoded = yield* Effect.fromResult(decode(past, revision, row))
      yield* question.refuse(checkPlace(past, plan, revision, sort, row.key, decoded))
    }
  }
})
