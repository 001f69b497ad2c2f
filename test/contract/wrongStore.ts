/**
 * Ways to be wrong, each over the store in memory.
 */
import type { Page } from "@varve/core"
import { Commit, EventStore, EventStoreError, RowStore, StoreAdmin, StoredEvent, StreamName } from "@varve/core"
import { Context, Effect, Layer, Option } from "effect"

export type Store = EventStore.EventStore["Service"]
type Admin = StoreAdmin.StoreAdmin["Service"]
export type Failed = EventStoreError.EventStoreError

/** A store that is wrong in one way. */
export interface WrongStore {
  readonly name: string
  /** Where a real system was wrong in this way: the system and its issue or pull request, on GitHub. */
  readonly reference?: string
  readonly layer: Layer.Layer<EventStore.EventStore | RowStore.RowStore | StoreAdmin.StoreAdmin>
}

interface Parts {
  readonly store?: Partial<Store>
  readonly admin?: Partial<Admin>
}

export const wrong = (name: string, change: (store: Store, admin: Admin) => Parts): WrongStore => ({
  name,
  layer: Layer.effectContext(Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const admin = yield* StoreAdmin.StoreAdmin
    const changed = change(store, admin)
    return Context.make(EventStore.EventStore, { ...store, ...changed.store }).pipe(
      Context.add(StoreAdmin.StoreAdmin, { ...admin, ...changed.admin }),
      Context.add(RowStore.RowStore, yield* RowStore.RowStore)
    )
  })).pipe(Layer.provide(EventStore.layerMemory))
})

/** A store that is wrong as a real one once was. */
export const met = (reference: string, store: WrongStore): WrongStore => ({ ...store, reference })

/** Changes commits on their way in. */
export const wrongIn = (name: string, change: (commit: Commit.Commit) => Commit.Commit): WrongStore =>
  wrong(name, (store) => ({ store: { append: (commit) => store.append(change(commit)) } }))

/** Changes what the writes and checks of a commit expect. */
export const wrongExpected = (name: string, change: (expected: Commit.Expected) => Commit.Expected): WrongStore =>
  wrongIn(name, (commit) => {
    const [first, ...others] = commit.writes
    const changed = (write: Commit.Write): Commit.Write => ({ ...write, expected: change(write.expected) })
    const checks = (commit.checks ?? []).map((check) => ({ ...check, expected: change(check.expected) }))
    return { ...commit, writes: [changed(first), ...others.map(changed)], checks }
  })

/** Changes the events of a commit on their way in. */
export const wrongNew = (name: string, change: (event: Commit.NewEvent) => Commit.NewEvent): WrongStore =>
  wrongIn(name, (commit) => {
    const changed = ({ events: [first, ...others], expected, stream }: Commit.Write): Commit.Write => ({
      stream,
      expected,
      // A program without types may come with no event at all.
      events: first === undefined ? [] as never : [change(first), ...others.map(change)]
    })
    const [first, ...others] = commit.writes
    return { ...commit, writes: first === undefined ? [] as never : [changed(first), ...others.map(changed)] }
  })

/** Changes every event that a reader gets. */
export const wrongOut = (
  name: string,
  change: (event: StoredEvent.StoredEvent) => StoredEvent.StoredEvent
): WrongStore =>
  wrong(name, (store) => ({
    store: {
      readPage: (request) =>
        Effect.map(store.readPage(request), (page) => ({ ...page, events: page.events.map(change) })),
      readStreamPage: (request) =>
        Effect.map(store.readStreamPage(request), (page) => ({ ...page, events: page.events.map(change) }))
    }
  }))

/** Changes receipts, first ones and others. */
export const wrongReceipt = (name: string, change: (receipt: Commit.Receipt) => Commit.Receipt): WrongStore =>
  wrong(name, (store) => ({
    store: {
      append: (commit) => Effect.map(store.append(commit), change),
      findCommit: (id, fingerprint) => Effect.map(store.findCommit(id, fingerprint), Option.map(change))
    }
  }))

/** Changes pages of the store. */
export const wrongPage = (name: string, change: (page: Page.Page, request: Page.Request) => Page.Page): WrongStore =>
  wrong(name, (store) => ({
    store: { readPage: (request) => Effect.map(store.readPage(request), (page) => change(page, request)) }
  }))

export const wrongRequest = (name: string, change: (request: Page.Request) => Page.Request): WrongStore =>
  wrong(name, (store) => ({ store: { readPage: (request) => store.readPage(change(request)) } }))

export const wrongStreamRequest = (
  name: string,
  change: (request: Page.StreamRequest) => Page.StreamRequest
): WrongStore =>
  wrong(name, (store) => ({ store: { readStreamPage: (request) => store.readStreamPage(change(request)) } }))

/** Changes names of streams wherever they go in. */
export const wrongName = (name: string, change: (stream: StreamName.StreamName) => StreamName.StreamName): WrongStore =>
  wrong(name, (store) => ({
    store: {
      append: (commit) => {
        const [first, ...others] = commit.writes
        if (first === undefined) return store.append(commit)
        const changed = (write: Commit.Write): Commit.Write => ({ ...write, stream: change(write.stream) })
        const checks = (commit.checks ?? []).map((check) => ({ ...check, stream: change(check.stream) }))
        return store.append({ ...commit, writes: [changed(first), ...others.map(changed)], checks })
      },
      readStreamPage: (request) => store.readStreamPage({ ...request, stream: change(request.stream) }),
      readPage: (request) => {
        const stream = request.filter?.stream
        if (stream === undefined) return store.readPage(request)
        return store.readPage({ ...request, filter: { ...request.filter, stream: change(stream) } })
      }
    }
  }))

export const conflictsAs = (
  name: string,
  change: (conflict: EventStoreError.Conflict) => EventStoreError.EventStoreError["reason"]
): WrongStore =>
  wrong(name, (store) => ({
    store: {
      append: (commit) =>
        Effect.mapError(store.append(commit), (error) =>
          error.reason._tag !== "Conflict" ? error : new EventStoreError.EventStoreError({
            operation: "append",
            reason: change(error.reason)
          }))
    }
  }))

export const yields = (count: number): Effect.Effect<void> =>
  Effect.forEach(Array.from({ length: count }), () => Effect.yieldNow, { discard: true })

export const versionOf = (store: Store, stream: StreamName.StreamName): Effect.Effect<number, Failed> =>
  Effect.map(
    store.readStreamPage({ stream, direction: "backward", limit: 1 }),
    ({ events }) => events[0]?.version ?? 0
  )
