import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { EventStoreError } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type { SnapshotStore } from "../SnapshotStore.ts"
import * as StreamName from "../StreamName.ts"
import { reasonOf } from "./definition.ts"
import type { Loaded } from "./instance.ts"

/** What snapshots have to know of an aggregate. */
interface Folded {
  readonly name: string
  readonly revision: number
  readonly state: Schema.Top
}

/** What a load can begin with. */
export interface Found {
  readonly from: Loaded | undefined
  /** There is one that cannot be used, so one is to take its place. */
  readonly unreadable: boolean
}

/** The snapshots of an aggregate. */
export interface Snapshots {
  /** Never fails: without a snapshot the stream is read whole. */
  readonly find: (stream: StreamName.StreamName) => Effect.Effect<Found>
  /** A commit that made this state is stored; it rested on that version. */
  readonly committed: (stream: StreamName.StreamName, before: number, made: Loaded) => void
  /** A stream was read to its end. */
  readonly read: (stream: StreamName.StreamName, found: Found, loaded: Loaded) => void
}

/** The snapshots of each aggregate. */
export interface Policy {
  readonly of: (aggregate: Folded) => Snapshots | undefined
}

/** Whether there are snapshots. Set by `Snapshots.layer`. */
export const Current: Context.Reference<Policy> = Context.Reference<Policy>("@varve/core/Snapshots/Current", {
  defaultValue: () => ({ of: () => undefined })
})

/** How long a program that ends waits for what is to be saved. */
const closingMillis = 1_000

const nothing: Found = { from: undefined, unreadable: false }

/** States on their way to a store and back. Both throw where there is no way. */
const codecOf = ({ state }: Folded) => {
  // States are plain data: their schemas ask for no services.
  const codec = Schema.toCodecJson(state as Schema.Codec<unknown, unknown>)
  const decode = Schema.decodeUnknownResult(codec)
  const encode = Schema.encodeUnknownSync(codec)
  const back = (json: unknown): unknown => {
    const decoded = decode(json)
    if (Result.isFailure(decoded)) throw new Error(reasonOf(decoded.failure))
    return decoded.success
  }
  return {
    decode: back,
    encode: (value: unknown): Schema.Json => {
      const json = encode(value)
      // What the schema does not tell would be gone after a restart, and commands be decided otherwise.
      if (!Equal.equals(back(json), value)) throw new Error("it reads back as another state than it was")
      // A store refuses what is no JSON after all.
      return json as Schema.Json
    }
  }
}

/** Says each thing once. */
const warnings = (aggregate: string) => {
  const told = new Set<string>()
  return (what: string, stream: StreamName.StreamName, cause: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (told.has(what)) return Effect.void
      told.add(what)
      return Effect.logWarning(`${aggregate}: ${what}`, { stream: StreamName.format(stream), cause })
    })
}

/**
 * What waits to be saved, by stream: a later state takes the place of an earlier one. Saved one after the other by a fiber
 * of the scope, so nobody ever waits for it. A scope that closes waits for what is left, for a bounded time.
 */
const saving: Effect.Effect<(key: string, save: Effect.Effect<void>) => void, never, Scope.Scope> = Effect.gen(
  function*() {
    const waiting = new Map<string, Effect.Effect<void>>()
    const work = Latch.makeUnsafe(false)
    const done = Latch.makeUnsafe(true)
    const next = Effect.suspend(() => {
      for (const [key, save] of waiting) {
        waiting.delete(key)
        return save
      }
      done.openUnsafe()
      work.closeUnsafe()
      return Effect.void
    })
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(work.await, next)))
    yield* Effect.addFinalizer(() => Effect.timeoutOption(done.await, closingMillis))
    return (key, save) => {
      if (waiting.size >= Limits.pendingSnapshots && !waiting.has(key)) return
      waiting.set(key, save)
      done.closeUnsafe()
      work.openUnsafe()
    }
  }
)

/** Snapshots of aggregates, each after so many events. */
export const make = (
  store: SnapshotStore["Service"],
  everyOf: (aggregate: string) => number | undefined
): Effect.Effect<Policy, never, Scope.Scope> =>
  Effect.map(saving, (saveLater): Policy => ({
    of: (aggregate) => {
      const every = everyOf(aggregate.name)
      if (every === undefined) return undefined
      const { revision } = aggregate
      const { decode, encode } = codecOf(aggregate)
      const warn = warnings(aggregate.name)

      const save = (stream: StreamName.StreamName, { state, version }: Loaded) =>
        Effect.try({ try: () => encode(state), catch: reasonOf }).pipe(
          Effect.matchEffect({
            onFailure: (why) => warn("a state that cannot be encoded is no snapshot", stream, why),
            onSuccess: (state) =>
              Effect.catch(store.save({ stream, revision, version, state }), ({ message, reason }: EventStoreError) =>
                reason._tag === "Refused"
                  ? warn("a state that is refused is no snapshot", stream, message)
                  : Effect.logDebug(`${aggregate.name}: a snapshot was not saved`, { cause: message }))
          }),
          // A store that dies is no reason to save nothing any more.
          Effect.catchCause((cause) =>
            Cause.hasInterrupts(cause)
              ? Effect.failCause(cause)
              : warn("a snapshot was not saved", stream, Cause.pretty(cause))
          )
        )

      const offer = (stream: StreamName.StreamName, loaded: Loaded) =>
        saveLater(StreamName.format(stream), save(stream, loaded))

      return {
        find: (stream) =>
          Effect.flatMap(store.find(stream, revision), (found) => {
            if (Option.isNone(found)) {
              return Effect.succeed(nothing)
            }
            const { state, version } = found.value
            return Effect.map(
              Effect.sync(() =>
                decode(state)
              ),
              (state): Found => ({ from: { state, version }, unreadable: false })
            )
          }).pipe(Effect.catchCause((cause) => {
            if (Cause.hasInterrupts(cause)) return Effect.interrupt
            const why = reasonOf(Cause.squash(cause))
            return Effect.as(
              warn("a snapshot cannot be read, so the stream is read whole", stream, why),
              { from: undefined, unreadable: Cause.hasDies(cause) }
            )
          })),
        committed: (stream, before, made) => {
          if (Math.floor(before / every) !== Math.floor(made.version / every)) offer(stream, made)
        },
        read: (stream, { from, unreadable }, loaded) => {
          const behind = loaded.version - (from?.version ?? 0)
          if (behind >= every || (unreadable && behind > 0)) offer(stream, loaded)
        }
      }
    }
  }))
