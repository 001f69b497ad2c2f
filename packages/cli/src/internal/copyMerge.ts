/** Asks a project what becomes of a stream, and judges the answer. */
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as StreamName from "@varve/core/StreamName"
import * as Result from "effect/Result"
import type * as Copy from "../Copy.ts"
import { type Category, encode, type Output } from "./copyRead.ts"
import { Failed, failed } from "./Failed.ts"

/** An old event that a new one comes from, and how many come from it in all. */
export interface From {
  readonly position: number
  readonly count: number
}

/** An event of the new store in the place of an old one. */
export interface Placed {
  readonly output: Output
  readonly from: ReadonlyArray<From>
}

/** A stored event and what it has become by itself. */
export interface Read {
  readonly stored: StoredEvent
  readonly outputs: ReadonlyArray<Output>
}

/** What becomes of a stream: version of an old event to what takes its place. */
export interface Plan {
  readonly placed: ReadonlyMap<number, ReadonlyArray<Placed>>
  /** Positions of the old events that something comes from. */
  readonly used: ReadonlySet<number>
  /** How many old events lie in it. */
  readonly size: number
}

const originsOf = (reads: ReadonlyArray<Read>): ReadonlyArray<Copy.Origin<{ readonly _tag: string }>> =>
  reads.flatMap(({ outputs, stored }) => {
    const { commitId, metadata, occurredAt, position, recordedAt, version } = stored
    return outputs.flatMap(({ event }) =>
      event === undefined ? [] : [{ event, version, position, commitId, occurredAt, recordedAt, metadata }]
    )
  })

const ask = (
  { f }: Copy.Merge,
  what: string,
  origins: ReadonlyArray<Copy.Origin<{ readonly _tag: string }>>,
  stream: StreamName.StreamName
): Result.Result<ReadonlyArray<Copy.Merged<{ readonly _tag: string }>>, Failed> =>
  Result.try({
    // `merge` has checked that `f` takes the events of the aggregate that it is kept with.
    try: () => origins.length === 0 ? [] : f(origins as never, stream),
    catch: (cause) =>
      new Failed({ message: `${what} throws: ${cause instanceof Error ? cause.message : String(cause)}` })
  })

/** The indices of an answer, judged: the place it takes, and where it comes from. */
const indicesOf = (
  what: string,
  count: number,
  { at, from }: Copy.Merged<unknown>
): Result.Result<number, Failed> => {
  const wrong = from.find((index) => !Number.isInteger(index) || index < 0 || index >= count)
  if (wrong !== undefined) return Result.fail(failed(`${what}, from`, `indices from 0 to ${count - 1}`, `${wrong}`))
  const place = at ?? from.at(-1)
  if (place === undefined) return Result.fail(failed(`${what}, from`, "an index at the least", "none"))
  return from.includes(place)
    ? Result.succeed(place)
    : Result.fail(failed(`${what}, at`, `one of from (${from.join(", ")})`, `${place}`))
}

/** An event of the new store, the version of the old one whose place it takes, and the positions that it comes from. */
interface Found {
  readonly version: number
  readonly output: Output
  readonly positions: ReadonlySet<number>
}

const planOf = (found: ReadonlyArray<Found>, size: number): Plan => {
  const counts = new Map<number, number>()
  for (const { positions } of found) {
    for (const position of positions) counts.set(position, (counts.get(position) ?? 0) + 1)
  }
  const placed = new Map<number, Array<Placed>>()
  for (const { output, positions, version } of found) {
    const from = Array.from(positions, (position) => ({ position, count: counts.get(position)! }))
    const others = placed.get(version)
    if (others === undefined) placed.set(version, [{ output, from }])
    else others.push({ output, from })
  }
  return { placed, used: new Set(counts.keys()), size }
}

/** Makes a plan of a stream, or tells what is wrong with what the project says of it. */
export const plan = (
  category: Category,
  merge: Copy.Merge,
  reads: ReadonlyArray<Read>
): Result.Result<Plan, Failed> => {
  // A stream is known by its events.
  const { stream } = reads[0]!.stored
  const what = `Copy.merge of ${merge.aggregate.tag} for ${StreamName.format(stream)}`
  const origins = originsOf(reads)
  const asked = ask(merge, what, origins, stream)
  if (Result.isFailure(asked)) return Result.fail(asked.failure)
  const found: Array<Found> = []
  let last = 0
  for (const [i, merged] of asked.success.entries()) {
    const which = `${what}, event ${i}`
    const place = indicesOf(which, origins.length, merged)
    if (Result.isFailure(place)) return Result.fail(place.failure)
    if (place.success < last) {
      const expected = `places that do not go back: ${last} or more`
      return Result.fail(failed(which, expected, `${place.success}`))
    }
    last = place.success
    const encoded = encode(which, category, merged.event)
    if (Result.isFailure(encoded)) return Result.fail(encoded.failure)
    const positions = new Set(merged.from.map((index) => origins[index]!.position))
    found.push({ version: origins[place.success]!.version, output: encoded.success, positions })
  }
  for (const { outputs, stored: { position, version } } of reads) {
    const erased = outputs.filter(({ event }) => event === undefined)
    found.push(...erased.map((output) => ({ version, output, positions: new Set([position]) })))
  }
  return Result.succeed(planOf(found, reads.length))
}
