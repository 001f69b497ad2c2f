/** The streams that are merged: found in the file by where their lines stand, and read whole when one is come upon. */
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as StreamName from "@varve/core/StreamName"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import * as copyMerge from "./copyMerge.ts"
import * as copyRead from "./copyRead.ts"
import * as eventFile from "./eventFile.ts"
import { Failed, failed } from "./Failed.ts"
import * as ndjson from "./ndjson.ts"

/** Most events of one stream that is merged. They are held in memory together. */
export const eventsPerStream = 1_000_000

/** Most events whose fate is kept for the next event of their stream, one stream apart. The rest is worked out again. */
const eventsKept = 200_000

/** Where the lines of a stream stand. */
interface Place {
  readonly offsets: Array<number>
  readonly lengths: Array<number>
}

export type Index = ReadonlyMap<string, Place>

/** Finds the lines of every stream that is merged. */
export const index = Effect.fnUntraced(function*(
  source: eventFile.Source,
  known: copyRead.Categories,
  seen: (bytes: number) => Effect.Effect<void>
) {
  const found = new Map<string, Place>()
  yield* eventFile.commits(source, seen).pipe(
    Stream.runForEach(({ entries }) => {
      for (const { event: { stream }, line: { length, offset } } of entries) {
        if (known.get(stream.category)?.merge === undefined) continue
        const key = StreamName.format(stream)
        const place = found.get(key) ?? { offsets: [], lengths: [] }
        if (place.offsets.push(offset) === 1) found.set(key, place)
        place.lengths.push(length)
        if (place.offsets.length > eventsPerStream) {
          return Effect.fail(failed(`stream ${key}, which is merged`, `at most ${eventsPerStream} events`, "more"))
        }
      }
      return Effect.void
    })
  )
  return found satisfies Index
})

/** How an event is read, or left out. */
export type Take = (stored: StoredEvent) => Effect.Effect<ReadonlyArray<copyRead.Output>, Failed>

/** Plans of streams, the ones that were used last. */
export const make = Effect.fnUntraced(function*(file: string, index: Index, known: copyRead.Categories, take: Take) {
  const fs = yield* FileSystem.FileSystem
  const handle = yield* Effect.mapError(fs.open(file), eventFile.unusable(file))
  const plans = new Map<string, copyMerge.Plan>()
  let kept = 0

  const lineAt = Effect.fnUntraced(function*(offset: number, length: number) {
    const bytes = new Uint8Array(length)
    let read = 0
    while (read < length) {
      const count = yield* handle.read(bytes.subarray(read), { position: BigInt(offset + read) })
      if (count === 0) return yield* failed(file, "a file that stays as it is", "one that became shorter meanwhile")
      read += count
    }
    const line = { number: 0, offset, length, bytes, ended: true }
    return (yield* Effect.fromResult(ndjson.parse(file, line))).event
  }, Effect.mapError((error) => error instanceof Failed ? error : eventFile.unusable(file)(error)))

  const load = Effect.fnUntraced(function*(key: string, category: copyRead.Category) {
    const { lengths, offsets } = index.get(key)!
    const reads: Array<copyMerge.Read> = []
    for (const [i, offset] of offsets.entries()) {
      const stored = yield* lineAt(offset, lengths[i]!)
      reads.push({ stored, outputs: yield* take(stored) })
    }
    return yield* Effect.fromResult(copyMerge.plan(category, category.merge!, reads))
  })

  /** What becomes of the stream of an event of a category that is merged. */
  return Effect.fnUntraced(function*(stream: StreamName.StreamName) {
    const key = StreamName.format(stream)
    const plan = plans.get(key) ?? (yield* load(key, known.get(stream.category)!))
    // The one that was used last stands last.
    if (plans.delete(key)) kept -= plan.size
    plans.set(key, plan)
    kept += plan.size
    for (const [oldest, { size }] of plans) {
      if (kept <= eventsKept || oldest === key) break
      plans.delete(oldest)
      kept -= size
    }
    return plan
  })
})
