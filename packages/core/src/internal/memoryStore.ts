import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as Commit from "../Commit.ts"
import * as CommitId from "../CommitId.ts"
import { Conflict, EventStoreError, Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import * as Page from "../Page.ts"
import type { Finding, Status } from "../StoreAdmin.ts"
import * as StoredEvent from "../StoredEvent.ts"
import * as StreamName from "../StreamName.ts"
import * as check from "./check.ts"
import * as memoryRows from "./memoryRows.ts"

/** An event as it is kept: the payload as text, so that nobody's later change to a value reaches it. */
interface Row {
  readonly commit: Stored
  readonly index: number
  readonly stream: StreamName.StreamName
  readonly key: string
  readonly version: number
  readonly position: number
  readonly event: Commit.EncodedEvent
  erased: boolean
}

/** A commit as it is kept. */
interface Stored {
  readonly id: CommitId.CommitId
  readonly fingerprint: string | undefined
  readonly metadata: string
  readonly recordedAt: number
  readonly rows: ReadonlyArray<Row>
}

const matches = ({ categories, sources, stream, tenant, types }: Page.Filter): (row: Row) => boolean => {
  const pairs = sources && new Set(sources.map(({ category, type }) => `${category}/${type}`))
  const ofCategory = categories && new Set(categories)
  const ofType = types && new Set(types)
  const key = stream && StreamName.format(stream)
  return (row) =>
    (pairs === undefined || pairs.has(`${row.stream.category}/${row.event.type}`))
    && (ofCategory === undefined || ofCategory.has(row.stream.category))
    && (ofType === undefined || ofType.has(row.event.type))
    && (key === undefined || row.key === key)
    && (tenant === undefined || row.stream.tenant === tenant)
}

const storedEvent = ({ commit, erased, event, index, position, stream, version }: Row): StoredEvent.StoredEvent => ({
  id: StoredEvent.id(commit.id, index),
  commitId: commit.id,
  commitIndex: index,
  stream,
  version,
  position: StoredEvent.position(position),
  type: event.type,
  revision: event.revision,
  payload: erased ? null : StoredEvent.parseJson(event.payload),
  // Encoded from metadata.
  metadata: StoredEvent.parseJson(commit.metadata) as StoredEvent.EventMetadata,
  occurredAt: DateTime.makeUnsafe(event.occurredAt ?? commit.recordedAt),
  recordedAt: DateTime.makeUnsafe(commit.recordedAt)
})

/** Whether a commit that comes again is the one that was stored. What was erased since counts as equal. */
const isSame = (stored: Stored, commit: Commit.Encoded): boolean =>
  stored.fingerprint !== undefined || commit.fingerprint !== undefined
    ? stored.fingerprint === commit.fingerprint
    : stored.rows.length === commit.events.length && commit.events.every((event, i) => {
      const row = stored.rows[i]!
      return row.key === commit.streams[event.slot]!.key
        && row.event.type === event.type
        && row.event.revision === event.revision
        && (row.erased || row.event.payload === event.payload)
    })

const refuse = (operation: EventStoreError["operation"]) => (reason: Refused) =>
  new EventStoreError({ operation, reason })

const differs = (id: CommitId.CommitId): Refused =>
  new Refused({ what: `commit ${id}`, expected: "the content it was stored with", actual: "other content" })

/** How far a page has looked that examined nothing: not back behind where it was asked to start. */
const nothingFrom = ({ after, backward }: Page.Range, head: number): number => backward ? Math.min(after, head) : after

/** A fingerprint lets several contents stand under one id, so a commit that has one is nothing to rest on. */
const isBy = (row: Row | undefined, id: CommitId.CommitId): boolean =>
  row?.commit.id === id && row.commit.fingerprint === undefined

export const make = Effect.gen(function*() {
  const storeId = CommitId.generateUnsafe()
  const log: Array<Row> = []
  const streams = new Map<string, Array<Row>>()
  const commits = new Map<CommitId.CommitId, Stored>()
  const wakeUps = yield* PubSub.sliding<void>(1)
  let lastRecordedAt = 0
  const rowsOf = yield* memoryRows.make(storeId, () => log.length)

  const receiptOf = (stored: Stored, replayed: boolean): Commit.Receipt => {
    const entries = new Map<string, Commit.StreamReceipt>()
    for (const { key, stream, version } of stored.rows) {
      entries.set(key, { stream, from: entries.get(key)?.from ?? version, to: version })
    }
    const [first, ...others] = entries.values()
    return {
      commitId: stored.id,
      storeId,
      first: StoredEvent.position(stored.rows[0]!.position),
      last: StoredEvent.position(stored.rows.at(-1)!.position),
      streams: [first!, ...others],
      recordedAt: DateTime.makeUnsafe(stored.recordedAt),
      replayed
    }
  }

  const conflictOf = (entry: Commit.EncodedStream): Conflict | undefined => {
    const rows = streams.get(entry.key) ?? []
    const actual = rows.length
    const holds = (expected: Commit.Expected): boolean =>
      typeof expected === "object"
        ? expected.version === actual && isBy(rows[actual - 1], expected.commitId)
        : expected === "any" || (expected === "exists" ? actual > 0 : expected === actual)
    const expected = entry.expected.find((expected) => !holds(expected))
    return expected === undefined ? undefined : new Conflict({ stream: entry.stream, expected, actual })
  }

  const store = (commit: Commit.Encoded, now: number): Stored => {
    // Time of recording never goes back along positions, whatever the clock does.
    lastRecordedAt = Math.max(lastRecordedAt, now)
    const rows: Array<Row> = []
    const { fingerprint, id, metadata } = commit
    const stored: Stored = { id, fingerprint, metadata, recordedAt: lastRecordedAt, rows }
    commit.events.forEach((event, index) => {
      const { key, stream } = commit.streams[event.slot]!
      const ofStream = streams.get(key) ?? []
      const row: Row = {
        commit: stored,
        index,
        stream,
        key,
        version: ofStream.length + 1,
        position: log.length + 1,
        event,
        erased: false
      }
      if (ofStream.push(row) === 1) streams.set(key, ofStream)
      log.push(row)
      rows.push(row)
    })
    commits.set(id, stored)
    return stored
  }

  const append = Effect.fnUntraced(function*(input: Commit.Commit) {
    const commit = Commit.encode(input)
    if (commit instanceof Refused) return yield* refuse("append")(commit)
    yield* rowsOf.beforeAppend
    const now = (yield* DateTime.now).epochMilliseconds
    // From here to the end nothing yields: that makes it a transaction.
    const known = commits.get(commit.id)
    if (known !== undefined) {
      if (isSame(known, commit)) return receiptOf(known, true)
      return yield* refuse("append")(differs(commit.id))
    }
    for (const stream of commit.streams) {
      const reason = conflictOf(stream)
      if (reason !== undefined) return yield* new EventStoreError({ operation: "append", reason })
    }
    const receipt = receiptOf(store(commit, now), false)
    rowsOf.applyInline(commit, receipt.first, receipt.last, receipt.recordedAt)
    PubSub.publishUnsafe(wakeUps, undefined)
    return receipt
  })

  const readPage = Effect.fnUntraced(function*(request: Page.Request) {
    const range = Page.range(request)
    if (range instanceof Refused) return yield* refuse("read")(range)
    const { backward, limit } = range
    const step = backward ? -1 : 1
    const start = backward ? Math.min(range.after - 1, log.length) : range.after + 1
    const end = backward ? Math.max(range.until, 1) : Math.min(range.until, log.length)
    const left = (position: number): number => backward ? position - end + 1 : end - position + 1
    const fits = matches(request.filter ?? {})
    const events: Array<StoredEvent.StoredEvent> = []
    let position = start
    let examined = 0
    for (; left(position) > 0; position += step) {
      const row = log[position - 1]!
      const startsCommit = backward ? row.index === row.commit.rows.length - 1 : row.index === 0
      if (startsCommit && (events.length >= limit || examined >= Limits.positionsPerPage)) break
      examined++
      if (fits(row)) events.push(storedEvent(row))
    }
    const scannedTo = StoredEvent.position(
      examined === 0 ? nothingFrom(range, log.length) : position - step
    )
    return { events, scannedTo, atHead: left(position) <= 0 }
  })

  const readStreamPage = Effect.fnUntraced(function*(request: Page.StreamRequest) {
    const range = Page.streamRange(request)
    if (range instanceof Refused) return yield* refuse("read")(range)
    const rows = streams.get(StreamName.format(request.stream)) ?? []
    const found = range.backward
      ? rows.slice(Math.max(range.until - 1, 0), Math.max(range.after - 1, 0)).reverse()
      : rows.slice(range.after, range.until)
    return { events: found.slice(0, range.limit).map(storedEvent), atEnd: found.length <= range.limit }
  })

  const findCommit = Effect.fnUntraced(function*(id: CommitId.CommitId, fingerprint?: string) {
    const wrong = check.commitId("commit id", id)
    if (wrong !== undefined) return yield* refuse("findCommit")(wrong)
    const stored = commits.get(id)
    if (stored === undefined) return Option.none<Commit.Receipt>()
    if (fingerprint !== undefined && stored.fingerprint !== fingerprint) return yield* refuse("findCommit")(differs(id))
    return Option.some(receiptOf(stored, true))
  })

  const erase = Effect.fnUntraced(function*({ from, stream, to }: {
    readonly stream: StreamName.StreamName
    readonly from: number
    readonly to: number
  }) {
    const wrong = check.stream(stream) ?? check.int("first version to erase", from, 1, Number.MAX_SAFE_INTEGER)
      ?? check.int("last version to erase", to, 0, Number.MAX_SAFE_INTEGER)
    if (wrong !== undefined) return yield* refuse("admin")(wrong)
    const rows = (streams.get(StreamName.format(stream)) ?? []).slice(from - 1, to).filter((row) => !row.erased)
    for (const row of rows) row.erased = true
    return rows.length
  })

  const head = Effect.sync(() => StoredEvent.position(log.length))
  return {
    rows: rowsOf.service,
    store: {
      append,
      readPage,
      readStreamPage,
      head,
      findCommit,
      enlisted: Effect.succeed(false),
      wakeUps: Stream.fromPubSub(wakeUps)
    },
    admin: {
      status: Effect.sync((): Status => ({
        storeId,
        engine: "memory",
        schema: 0,
        programSchema: 0,
        head: StoredEvent.position(log.length)
      })),
      migrate: Effect.succeed([]),
      // Nothing but `append` reaches the arrays, which number the events as they come.
      verify: Effect.succeed<ReadonlyArray<Finding>>([]),
      erase
    }
  }
})
