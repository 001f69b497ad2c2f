/**
 * Stores that are wrong on purpose about what is read.
 */
import { Commit, CommitId, EventStoreError, type Page, StoredEvent, StreamName } from "@varve/core"
import { Clock, DateTime, Effect, Option, Stream } from "effect"
import {
  met,
  versionOf,
  wrong,
  wrongNew,
  wrongOut,
  wrongPage,
  wrongReceipt,
  wrongRequest,
  type WrongStore,
  wrongStreamRequest,
  yields
} from "./wrongStore.ts"

/** Commits that are stored and acknowledged, but not yet seen everywhere: a sequence and a late commit. */
const late = (
  name: string,
  hides: (event: StoredEvent.StoredEvent) => boolean,
  inStreams: boolean
): WrongStore =>
  wrong(name, (store) => {
    const pending = new Set<CommitId.CommitId>()
    const seen = <A extends { readonly events: ReadonlyArray<StoredEvent.StoredEvent> }>(page: A): A => ({
      ...page,
      events: page.events.filter((event) => !pending.has(event.commitId) || !hides(event))
    })
    return {
      store: {
        append: (commit) =>
          Effect.gen(function*() {
            const receipt = yield* store.append(commit)
            if (receipt.replayed) return receipt
            pending.add(receipt.commitId)
            yield* yields(3)
            pending.delete(receipt.commitId)
            return receipt
          }),
        ...(inStreams
          ? { readStreamPage: (request: Page.StreamRequest) => Effect.map(store.readStreamPage(request), seen) }
          : { readPage: (request: Page.Request) => Effect.map(store.readPage(request), seen) })
      }
    }
  })

const visibility: ReadonlyArray<WrongStore> = [
  met(
    "Marten #1629, commanded/eventstore #3",
    late("skips what is committed late", (event) => event.position % 3 === 0, false)
  ),
  met("Emmett #336, Eventuous #222, KurrentDB #627", late("skips whole commits that are late", () => true, false)),
  late("shows the first event of a commit before the others", ({ commitIndex }) => commitIndex > 0, false),
  late("shows one stream of a commit before the others", ({ commitIndex }) => commitIndex > 0, true),
  met(
    "Eventuous #582: success for events that were not there",
    wrong("acknowledges before it writes", (store) => {
      let queue: Promise<unknown> = Promise.resolve()
      return {
        store: {
          append: (commit) =>
            Effect.gen(function*() {
              const known = commit.id === undefined ? Option.none() : yield* store.findCommit(commit.id)
              const head = yield* store.head
              const simple = commit.writes.length === 1 && commit.writes[0].expected === "any" && Option.isNone(known)
              if (!simple || Commit.encode(commit) instanceof EventStoreError.Refused) {
                return yield* store.append(commit)
              }
              const id = commit.id ?? CommitId.generateUnsafe()
              const { events, stream } = commit.writes[0]
              const version = yield* versionOf(store, stream)
              queue = queue.then(() => new Promise((resolve) => setTimeout(resolve, 1)))
                .then(() => Effect.runPromise(Effect.ignore(store.append({ ...commit, id }))))
              return {
                commitId: id,
                storeId: "x",
                first: StoredEvent.position(head + 1),
                last: StoredEvent.position(head + events.length),
                streams: [{ stream, from: version + 1, to: version + events.length }] as const,
                recordedAt: yield* DateTime.now,
                replayed: false
              }
            })
        }
      }
    })
  )
]

/** Positions as a sequence with gaps gives them. */
const stretched = (
  name: string,
  stretch: (position: number) => number,
  shrink: (position: number) => number
): WrongStore =>
  wrong(name, (store) => {
    const place = (position: number) => StoredEvent.position(stretch(position))
    const receipt = (receipt: Commit.Receipt) => ({
      ...receipt,
      first: place(receipt.first),
      last: place(receipt.last)
    })
    const event = (event: StoredEvent.StoredEvent) => ({ ...event, position: place(event.position) })
    const bound = (value: number | undefined) => value === undefined ? undefined : shrink(value)
    return {
      store: {
        append: (commit) => Effect.map(store.append(commit), receipt),
        findCommit: (id, fingerprint) => Effect.map(store.findCommit(id, fingerprint), Option.map(receipt)),
        head: Effect.map(store.head, place),
        readPage: (request) =>
          Effect.map(
            store.readPage({ ...request, after: bound(request.after), until: bound(request.until) }),
            (page) => ({ ...page, events: page.events.map(event), scannedTo: place(page.scannedTo) })
          ),
        readStreamPage: (request) =>
          Effect.map(store.readStreamPage(request), (page) => ({ ...page, events: page.events.map(event) }))
      }
    }
  })

const atClock = new Map<string, DateTime.Utc>()

const receipts: ReadonlyArray<WrongStore> = [
  met(
    "EventFlow #564, Marten #3503",
    stretched("leaves gaps between positions", (position) => position * 2, (position) => Math.floor(position / 2))
  ),
  wrongReceipt("says that a receipt is never a replay", (receipt) => ({ ...receipt, replayed: false })),
  wrongReceipt("gives another store's id", (receipt) => ({ ...receipt, storeId: "other" })),
  wrongReceipt("counts versions of a receipt from 0", (receipt) => {
    const [{ from, stream, to }, ...others] = receipt.streams
    return { ...receipt, streams: [{ stream, from: from - 1, to: to - 1 }, ...others] }
  }),
  wrongReceipt(
    "tells only the first stream of a receipt",
    (receipt) => ({ ...receipt, streams: [receipt.streams[0]] })
  ),
  wrongReceipt("tells the first position as the last", (receipt) => ({ ...receipt, last: receipt.first })),
  wrongReceipt("sorts the streams of a receipt", (receipt) => {
    const [first, ...others] = receipt.streams.toSorted((a, b) => a.stream.id < b.stream.id ? -1 : 1)
    return { ...receipt, streams: [first!, ...others] }
  }),
  wrongOut("makes ids of events from positions", (event) => ({ ...event, id: `${event.position}` })),
  wrongOut("numbers the events of a commit from 1", (event) => ({ ...event, commitIndex: event.commitIndex + 1 })),
  wrong("lets the time of recording go back with the clock", (store) => {
    const time = <A extends { readonly commitId: CommitId.CommitId; readonly recordedAt: DateTime.Utc }>(a: A): A => ({
      ...a,
      recordedAt: atClock.get(a.commitId) ?? a.recordedAt
    })
    return {
      store: {
        append: (commit) =>
          Effect.gen(function*() {
            const now = yield* Clock.currentTimeMillis
            const receipt = yield* store.append(commit)
            if (!receipt.replayed) atClock.set(receipt.commitId, DateTime.makeUnsafe(now))
            return time(receipt)
          }),
        readPage: (request) =>
          Effect.map(store.readPage(request), (page) => ({ ...page, events: page.events.map(time) })),
        readStreamPage: (request) =>
          Effect.map(store.readStreamPage(request), (page) => ({ ...page, events: page.events.map(time) }))
      }
    }
  })
]

const payloads: ReadonlyArray<WrongStore> = [
  wrongOut(
    "drops metadata of the user",
    ({ metadata: { user: _, ...metadata }, ...event }) => ({ ...event, metadata })
  ),
  wrongOut("drops metadata that is an empty text", (event) => ({
    ...event,
    metadata: Object.fromEntries(Object.entries(event.metadata).filter(([, value]) => value !== ""))
  })),
  wrongOut("loses the sign of zero", (event) => ({ ...event, payload: JSON.parse(JSON.stringify(event.payload)) })),
  wrongNew("normalises text", (event) => {
    if (
      Commit.encode({ writes: [{ stream: StreamName.make("A", "a"), expected: "any", events: [event] }] })
        instanceof EventStoreError.Refused
    ) {
      return event
    }
    return { ...event, payload: JSON.parse(JSON.stringify(event.payload).normalize("NFC")) }
  }),
  met(
    "KurrentDB #92: dates in payloads were rewritten",
    wrongNew("writes whatever JSON.stringify makes of a payload", (event) => {
      try {
        return { ...event, payload: JSON.parse(JSON.stringify(event.payload)) }
      } catch {
        return event
      }
    })
  ),
  wrongOut("forgets milliseconds", (event) => ({
    ...event,
    occurredAt: DateTime.makeUnsafe(Math.floor(event.occurredAt.epochMilliseconds / 1_000) * 1_000)
  })),
  wrongOut("starts time in 1970", (event) => ({
    ...event,
    occurredAt: DateTime.makeUnsafe(Math.max(event.occurredAt.epochMilliseconds, 0))
  })),
  wrongOut(
    "takes the time of recording for the time of the event",
    (event) => ({ ...event, occurredAt: event.recordedAt })
  ),
  wrongOut("forgets revisions", (event) => ({ ...event, revision: 1 })),
  wrong("tells no revision to who asks for payloads only", (store) => ({
    store: {
      readStreamPage: (request) =>
        Effect.map(store.readStreamPage(request), (page) =>
          request.only === undefined
            ? page
            : { ...page, events: page.events.map((event) => ({ ...event, revision: 1 })) })
    }
  })),
  met(
    "node-eventstore #66",
    wrong("keeps what is handed in, not a copy", (store) => {
      const kept = new Map<string, StoredEvent.StoredEvent["payload"]>()
      const given = (event: StoredEvent.StoredEvent) => ({ ...event, payload: kept.get(event.id) ?? event.payload })
      return {
        store: {
          append: (commit) =>
            Effect.tap(store.append(commit), ({ commitId, replayed }) =>
              Effect.sync(() => {
                if (replayed) return
                commit.writes.flatMap(({ events }) => events).forEach(({ payload }, i) =>
                  kept.set(StoredEvent.id(commitId, i), payload)
                )
              })),
          readStreamPage: (request) =>
            Effect.map(store.readStreamPage(request), (page) => ({ ...page, events: page.events.map(given) }))
        }
      }
    })
  )
]

const pages: ReadonlyArray<WrongStore> = [
  wrongPage(
    "drops the tail of a filtered page",
    (page, { filter }) =>
      filter === undefined || page.events.length < 3 ? page : { ...page, events: page.events.slice(0, -1) }
  ),
  wrongPage("ends a page within a commit", (page, { limit }) => {
    if (limit === undefined || page.events.length <= limit) return page
    const events = page.events.slice(0, limit)
    return { events, scannedTo: events.at(-1)!.position, atHead: false }
  }),
  met(
    "Axon Framework #4288: a page without a match was read for ever",
    wrongPage("looks further than it says", (page, { after = 0 }) => ({
      ...page,
      scannedTo: page.events.at(-1)?.position ?? StoredEvent.position(Math.min(after, page.scannedTo))
    }))
  ),
  met(
    "KurrentDB #4991, Marten #4964",
    wrongPage(
      "says it looked further than it did",
      (page, { direction }) =>
        direction === "backward" ? page : { ...page, scannedTo: StoredEvent.position(page.scannedTo + 1) }
    )
  ),
  wrongPage("is always at the head", (page) => ({ ...page, atHead: true })),
  met(
    "Axon Framework #912",
    wrongPage("is at the head when a page is not full", (page, { limit = 1_000 }) => ({
      ...page,
      atHead: page.atHead || page.events.length <= limit
    }))
  ),
  wrongPage("is never at the head", (page) => ({ ...page, atHead: false })),
  met(
    "KurrentDB #2060",
    wrongPage(
      "reads forward when told to read backward",
      (page, { direction }) => direction === "backward" ? { ...page, events: page.events.toReversed() } : page
    )
  ),
  wrongRequest("ignores until", ({ until: _, ...request }) => request),
  wrongRequest(
    "leaves until out of the page",
    (request) =>
      request.until === undefined || request.direction === "backward"
        ? request
        : { ...request, until: Math.max(request.until - 1, 0) }
  ),
  wrongRequest(
    "reads the event at after again",
    (request) =>
      request.after === undefined || request.direction === "backward"
        ? request
        : { ...request, after: Math.max(request.after - 1, 0) }
  ),
  wrongRequest("takes sources for a cross product", (request) => {
    const { sources, ...filter } = request.filter ?? {}
    if (sources === undefined || filter.categories !== undefined || filter.types !== undefined) return request
    return {
      ...request,
      filter: { ...filter, categories: sources.map((s) => s.category), types: sources.map((s) => s.type) }
    }
  }),
  wrongRequest(
    "ignores types beside a stream",
    (request) =>
      request.filter?.stream === undefined ? request : { ...request, filter: { stream: request.filter.stream } }
  ),
  wrongRequest("ignores the tenant of a filter", (request) => {
    const { tenant: _, ...filter } = request.filter ?? {}
    return request.filter === undefined ? request : { ...request, filter }
  }),
  wrongRequest(
    "takes an empty list for no filter",
    (request) => request.filter?.categories?.length === 0 ? { ...request, filter: {} } : request
  ),
  wrongStreamRequest("ignores until in a stream", ({ until: _, ...request }) => request),
  wrongStreamRequest(
    "reads the version at after again",
    (request) =>
      request.after === undefined || request.direction === "backward"
        ? request
        : { ...request, after: Math.max(request.after - 1, 0) }
  ),
  wrong("never reaches the end of a stream that fills its page", (store) => ({
    store: {
      readStreamPage: (request) =>
        Effect.map(store.readStreamPage(request), (page) => ({
          ...page,
          atEnd: page.atEnd && page.events.length < (request.limit ?? 1_000)
        }))
    }
  })),
  wrong("has a head that is behind", (store) => ({
    store: { head: Effect.map(store.head, (head) => StoredEvent.position(Math.max(head - 1, 0))) }
  })),
  wrong("has a head that is ahead", (store) => ({
    store: { head: Effect.map(store.head, (head) => StoredEvent.position(head + 1)) }
  })),
  wrong("never wakes anybody", () => ({ store: { wakeUps: Stream.never } }))
]

/** All of them. */
export const wrongReaders: ReadonlyArray<WrongStore> = [
  ...visibility,
  ...receipts,
  ...payloads,
  ...pages
]
