/**
 * The service that keeps events: one way in (`append`), one way back (pages, and streams made of them).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Commit, Receipt } from "./Commit.ts"
import type { CommitId } from "./CommitId.ts"
import type { EventStoreError } from "./EventStoreError.ts"
import * as memoryPrograms from "./internal/memoryPrograms.ts"
import * as memoryStore from "./internal/memoryStore.ts"
import { paginate } from "./internal/pages.ts"
import * as Limits from "./Limits.ts"
import type * as Page from "./Page.ts"
import { ProgramStore } from "./ProgramStore.ts"
import { RowStore } from "./RowStore.ts"
import { SnapshotStore } from "./SnapshotStore.ts"
import { StoreAdmin } from "./StoreAdmin.ts"
import { type Position, position, type StoredEvent } from "./StoredEvent.ts"
import type { StreamName } from "./StreamName.ts"

/**
 * Keeps events.
 *
 * **Details**
 *
 * - A commit is all or nothing, and no reader sees half of it.
 * - Positions are dense and in commit order: a reader that has seen one never later finds an event at or before it.
 * - Versions of a stream are 1, 2, 3 … without a gap, and rise with the positions.
 * - The outcome of a commit id is kept for ever.
 *
 * Everything but `append`, `readPage` and `readStreamPage` is derived or small, so that a store is quickly written; the
 * suite `EventStoreContract` of `@varve/core/testing` tells whether it is right.
 *
 * **Gotchas**
 *
 * An interrupted `append` that was not sent yet is withdrawn. One that was sent is awaited, within a bound.
 *
 * @category services
 * @since 0.1.0
 */
export class EventStore extends Context.Service<EventStore, {
  /** Writes a commit, all or nothing. */
  readonly append: (commit: Commit) => Effect.Effect<Receipt, EventStoreError>
  /** Reads a page of the whole store. */
  readonly readPage: (request: Page.Request) => Effect.Effect<Page.Page, EventStoreError>
  /** Reads a page of one stream. Concurrent calls are one query where the store can do that. */
  readonly readStreamPage: (request: Page.StreamRequest) => Effect.Effect<Page.StreamPage, EventStoreError>
  /** Position of the last event; 0 when there is none. */
  readonly head: Effect.Effect<Position, EventStoreError>
  /**
   * The first receipt of a commit id, with `replayed` set; none when nothing was written under it. `Refused` when a
   * fingerprint is given and the stored commit has another, or none.
   */
  readonly findCommit: (id: CommitId, fingerprint?: string) => Effect.Effect<Option.Option<Receipt>, EventStoreError>
  /**
   * Whether the calling fiber is in a transaction of the program, which what it appends is part of, and can be rolled
   * back with. Such commits are no ground for what others decide.
   */
  readonly enlisted: Effect.Effect<boolean>
  /** Emits when there may be something new. A hint: it may come late, twice, or never. Polling is the truth. */
  readonly wakeUps: Stream.Stream<void>
}>()("@varve/core/EventStore") {}

const enlisted = Effect.flatMap(EventStore, (store) => store.enlisted)

const limitOf = (told: { readonly limit?: number | undefined } | undefined, ahead: boolean): number | undefined =>
  told?.limit ?? (ahead ? Limits.eventsPerPageAhead : undefined)

/**
 * The events of one stream, oldest first unless told, page by page. No connection is held between pages. From the second
 * page on, the next one is read while one is handled, and is larger (`Limits.eventsPerPageAhead`) unless a limit is told.
 *
 * **Example** (The last event of a stream)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { EventStore, StreamName } from "@varve/core"
 *
 * const last = EventStore.read(StreamName.make("BankAccount", "ada"), { direction: "backward", limit: 1 }).pipe(
 *   Stream.take(1),
 *   Stream.runCollect,
 *   Effect.provide(EventStore.layerMemory)
 * )
 *
 * Effect.runPromise(last) // => []
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const read = (
  stream: StreamName,
  options?: Omit<Page.StreamRequest, "stream">
): Stream.Stream<StoredEvent, EventStoreError, EventStore> =>
  paginate<Page.StreamPage, StoredEvent, number | undefined, EventStoreError, EventStore>({
    from: options?.after,
    read: (after, ahead) => {
      const limit = limitOf(options, ahead)
      return EventStore.use((store) => store.readStreamPage({ ...options, stream, after, limit }))
    },
    next: ({ atEnd, events }) => atEnd || events.length === 0 ? undefined : { from: events.at(-1)!.version },
    items: ({ events }) => events,
    enlisted
  })

/**
 * The events of the whole store, oldest first unless told, page by page, up to the head that the last page saw. No
 * connection is held between pages. From the second page on, the next one is read while one is handled, and is larger
 * (`Limits.eventsPerPageAhead`) unless a limit is told.
 *
 * @category reading
 * @since 0.1.0
 */
export const readAll = (request?: Page.Request): Stream.Stream<StoredEvent, EventStoreError, EventStore> =>
  paginate<Page.Page, StoredEvent, number | undefined, EventStoreError, EventStore>({
    from: request?.after,
    read: (after, ahead) => {
      const limit = limitOf(request, ahead)
      return EventStore.use((store) => store.readPage({ ...request, after, limit }))
    },
    next: ({ atHead, scannedTo }) => atHead ? undefined : { from: scannedTo },
    items: ({ events }) => events,
    enlisted
  })

/**
 * Position of the last event that the store took at a time, or before; 0 when there is none.
 *
 * **Details**
 *
 * Times of recording never go back along positions, so a time is a place among them: it is found by about as many small
 * reads as the number of events has binary digits.
 *
 * **Example** (What came on one day)
 *
 * ```ts
 * import { DateTime, Effect, Stream } from "effect"
 * import { EventStore } from "@varve/core"
 *
 * const day = Effect.gen(function*() {
 *   const after = yield* EventStore.positionAt(DateTime.makeUnsafe("2024-01-14T23:59:59.999Z"))
 *   const until = yield* EventStore.positionAt(DateTime.makeUnsafe("2024-01-15T23:59:59.999Z"))
 *   return yield* Stream.runCollect(EventStore.readAll({ after, until }))
 * })
 *
 * Effect.runPromise(Effect.provide(day, EventStore.layerMemory)) // => []
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const positionAt = (
  recordedAt: DateTime.DateTime
): Effect.Effect<Position, EventStoreError, EventStore> =>
  Effect.gen(function*() {
    const store = yield* EventStore
    const time = DateTime.toEpochMillis(recordedAt)
    let last = 0
    let later = (yield* store.head) + 1
    while (later - last > 1) {
      const middle = Math.floor((last + later) / 2)
      const [event] = (yield* store.readPage({ after: middle - 1, limit: 1 })).events
      // The store had a head behind it a moment ago, and keeps what it has.
      if (event === undefined || event.recordedAt.epochMilliseconds > time) later = middle
      else last = middle
    }
    return position(last)
  })

/**
 * Keeps events in memory, for tests, examples and programs without a yesterday. The reference for authors of stores.
 *
 * **Details**
 *
 * The same limits, checks and encodings as every other store: what is appended is kept as JSON text.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<
  EventStore | StoreAdmin | RowStore | ProgramStore | SnapshotStore
> = /* @__PURE__ */ Layer.effectContext(
  /* @__PURE__ */ Effect.map(
    memoryStore.make,
    ({ admin, rows, snapshots, store }) =>
      Context.make(EventStore, store).pipe(
        Context.add(StoreAdmin, admin),
        Context.add(RowStore, rows),
        Context.add(ProgramStore, memoryPrograms.make()),
        Context.add(SnapshotStore, snapshots)
      )
  )
)
