/**
 * What a store holds when all is over, as the oracle and the linearizability checker want it.
 */
import { EventStore, type EventStoreError } from "@varve/core"
import { Effect, Stream } from "effect"

export interface Entry {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly commit: string
  readonly index: number
  /** What the writer has numbered the event with: nobody else's. */
  readonly number: number
  /** Of a move on an account. */
  readonly cents?: number | undefined
  readonly recordedAt: number
}

/** All events, in order. */
export type History = ReadonlyArray<Entry>

/** Reads it all. */
export const read = (
  store: EventStore.EventStore["Service"]
): Effect.Effect<History, EventStoreError.EventStoreError> =>
  Effect.map(
    Stream.runCollect(EventStore.readAll()).pipe(Effect.provideService(EventStore.EventStore, store)),
    (events) =>
      events.map(({ commitId, commitIndex, payload, position, recordedAt, stream, version }) => {
        // Nothing but steps and moves is appended in a run.
        const { cents, n } = payload as { readonly n: number; readonly cents?: number }
        return {
          position,
          stream: stream.id,
          version,
          commit: commitId,
          index: commitIndex,
          number: n,
          cents,
          recordedAt: recordedAt.epochMilliseconds
        }
      })
  )

/** First and last position of each commit, in order. */
export interface Extent {
  readonly id: string
  readonly first: number
  readonly last: number
}

export const extentsOf = (history: History): ReadonlyArray<Extent> => {
  const extents: Array<{ -readonly [K in keyof Extent]: Extent[K] }> = []
  for (const { commit, position } of history) {
    const last = extents.at(-1)
    if (last?.id === commit) last.last = position
    else extents.push({ id: commit, first: position, last: position })
  }
  return extents
}

/** Positions of the events of each stream: that of version 1 first. */
export const streamsOf = (history: History): ReadonlyMap<string, ReadonlyArray<Entry>> =>
  Map.groupBy(history, ({ stream }) => stream)
