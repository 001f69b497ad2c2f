/** Looks at a copy with the eyes of the program that is going to read it. */
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as StreamName from "@varve/core/StreamName"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import type { Categories, Category } from "./copyRead.ts"
import type { Copied, Transformed } from "./copyTransform.ts"
import { Failed, failed } from "./Failed.ts"

/** Most instances whose states are folded from both stores. That their events are equal is looked at for all of them. */
export const instancesFolded = 10_000

/** The state of an instance as both stores tell it. */
interface Folded {
  readonly category: Category
  old: unknown
  copied: unknown
  /** Whether its events are still those of the old store. */
  comparable: boolean
}

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** The event that the new program reads, or `undefined` when it was erased. */
const readBack = ({ aggregate, copied, definitions }: Category, event: StoredEvent) => {
  const { payload, position, revision, type } = event
  const what = `the copy, ${type} at position ${position}`
  if (payload !== null && definitions.get(type)?.revision !== revision) {
    return Result.fail(failed(what, `the newest revision of an event of ${aggregate.tag}`, `revision ${revision}`))
  }
  const read = copied.upcast(event)
  if (Result.isFailure(read)) {
    return payload === null && read.failure.why === "Erased"
      ? Result.succeed(undefined)
      : Result.fail(new Failed({ message: `the copy: ${read.failure.message}` }))
  }
  const [first, ...others] = read.success
  return first === undefined || others.length > 0
    ? Result.fail(failed(what, "one event", `${read.success.length}`))
    : Result.succeed(first.event)
}

/** Compares what the program reads in the copy with what it read in the old store. */
export const make = (known: Categories) => {
  // Of the new store, categories are the names of the aggregates.
  const byTag = new Map(Array.from(known.values(), (category) => [category.aggregate.tag, category]))
  const instances = new Map<string, Folded>()

  const foldedOf = (category: Category, stream: StreamName.StreamName): Folded | undefined => {
    const key = StreamName.format(stream)
    const found = instances.get(key)
    if (found !== undefined) return found
    if (instances.size >= instancesFolded) return undefined
    const { initial } = category.aggregate
    const folded: Folded = { category, old: initial, copied: initial, comparable: category.merge === undefined }
    instances.set(key, folded)
    return folded
  }

  const look = ({ event, output }: Copied): Result.Result<void, Failed> => {
    const category = byTag.get(event.stream.category)!
    const back = readBack(category, event)
    if (Result.isFailure(back)) return Result.fail(back.failure)
    const folded = foldedOf(category, event.stream)
    if (back.success === undefined || output.event === undefined) {
      if (folded !== undefined) folded.comparable = false
      return Result.succeed(undefined)
    }
    if (!Equal.equals(back.success, output.event)) {
      const what = `the copy, ${event.type} at position ${event.position}, as the program reads it`
      return Result.fail(failed(what, JSON.stringify(output.event), JSON.stringify(back.success)))
    }
    if (folded?.comparable !== true) return Result.succeed(undefined)
    const { evolve } = category.aggregate
    return Result.try({
      // Both are events of this aggregate, and its own states.
      try: () => {
        folded.old = evolve(folded.old as never, output.event as never)
        folded.copied = evolve(folded.copied as never, back.success as never)
      },
      catch: (error) =>
        new Failed({ message: `the copy, evolving ${StreamName.format(event.stream)}: ${messageOf(error)}` })
    })
  }

  return {
    commit: ({ copied }: Transformed): Effect.Effect<void, Failed> =>
      Effect.suspend(() => {
        for (const one of copied) {
          const looked = look(one)
          if (Result.isFailure(looked)) return Effect.fail(looked.failure)
        }
        return Effect.void
      }),
    /** How many instances have the same state in both. */
    end: Effect.suspend(() => {
      let equal = 0
      for (const [key, { comparable, copied, old }] of instances) {
        if (!comparable) continue
        if (!Equal.equals(old, copied)) {
          return Effect.fail(failed(`state of ${key} in the copy`, JSON.stringify(old), JSON.stringify(copied)))
        }
        equal++
      }
      return Effect.succeed(equal)
    })
  }
}
