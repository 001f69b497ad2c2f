import * as Clock from "effect/Clock"
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
import * as StoredEvent from "../StoredEvent.ts"
import * as StreamName from "../StreamName.ts"
import * as check from "./check.ts"
import * as memoryAdmin from "./memoryAdmin.ts"
import { Log, payloadEvent, type Row, type Stored, storedEvent } from "./memoryLog.ts"
import * as memoryRows from "./memoryRows.ts"
import * as memorySnapshots from "./memorySnapshots.ts"

const matches = ({ categories, sources, stream, tenant, types }: Page.Filter): (row: Row) => boolean => {
  const pairs = sources && new Set(sources.map(({ category, type }) => `${category}/${type}`))
  const ofCategory = categories && new Set(categories)
  const ofType = types && new Set(types)
  const key = stream && StreamName.format(stream)
  return (row) =>
    (pairs === undefined || pairs.has(`${row.stream.category}/${row.type}`))
    && (ofCategory === undefined || ofCategory.has(row.stream.category))
    && (ofType === undefined || ofType.has(row.type))
    && (key === undefined || row.key === key)
    && (tenant === undefined || row.stream.tenant === tenant)
}

/** Whether a commit that comes again is the one that was stored. What was erased since counts as equal. */
const isSame = (stored: Stored, commit: Commit.Encoded): boolean =>
  stored.fingerprint !== undefined || commit.fingerprint !== undefined
    ? stored.fingerprint === commit.fingerprint
    : stored.rows.length === commit.events.length && commit.events.every((event, i) => {
      const row = stored.rows[i]!
      return row.key === commit.streams[event.slot]!.key
        && row.type === event.type
        && row.revision === event.revision
        && (row.erased || row.payload === event.payload)
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
  const log = new Log()
  const wakeUps = yield* PubSub.sliding<void>(1)
  const { forget, snapshots } = memorySnapshots.make()
  const rowsOf = yield* memoryRows.make(storeId, () => log.rows.length)

  const receiptOf = (stored: Stored, replayed: boolean): Commit.Receipt => {
    const entries = new Map<string, Commit.StreamReceipt>()
    for (const { key, stream, version } of stored.rows) {
      entries.set(key, { stream, from: entries.get(key)?.from ?? version, to: version })
    }
    const [first, ...others] = entries.values()
    return {
      commitId: stored.id,
      storeId,
      first: stored.rows[0]!.position,
      last: stored.rows.at(-1)!.position,
      streams: [first!, ...others],
      recordedAt: DateTime.makeUnsafe(stored.recordedAt),
      replayed
    }
  }

  const conflictOf = (entry: Commit.EncodedStream): Conflict | undefined => {
    const rows = log.streams.get(entry.key) ?? []
    const actual = rows.length
    const holds = (expected: Commit.Expected): boolean =>
      typeof expected === "object"
        ? expected.version === actual && isBy(rows[actual - 1], expected.commitId)
        : expected === "any" || (expected === "exists" ? actual > 0 : expected === actual)
    const expected = entry.expected.find((expected) => !holds(expected))
    return expected === undefined ? undefined : new Conflict({ stream: entry.stream, expected, actual })
  }

  const store = ({ events, fingerprint, id, metadata, streams }: Commit.Encoded, now: number): Stored => {
    // Time of recording never goes back along positions, whatever the clock does.
    log.recordedAt = Math.max(log.recordedAt, now)
    const rows: Array<Row> = []
    const stored: Stored = { id, fingerprint, metadata, recordedAt: log.recordedAt, rows }
    for (const event of events) log.push(stored, rows, streams[event.slot]!, event, false)
    log.commits.set(id, stored)
    return stored
  }

  /** Judges a commit and stores it. Nothing yields here: that makes it a transaction. */
  const write = (commit: Commit.Encoded, now: number): Effect.Effect<Commit.Receipt, EventStoreError> => {
    const known = log.commits.get(commit.id)
    if (known !== undefined) {
      return isSame(known, commit)
        ? Effect.succeed(receiptOf(known, true))
        : Effect.fail(refuse("append")(differs(commit.id)))
    }
    for (const stream of commit.streams) {
      const reason = conflictOf(stream)
      if (reason !== undefined) return Effect.fail(new EventStoreError({ operation: "append", reason }))
    }
    const receipt = receiptOf(store(commit, now), false)
    rowsOf.applyInline(commit, receipt.first, receipt.last, receipt.recordedAt)
    PubSub.publishUnsafe(wakeUps, undefined)
    return Effect.succeed(receipt)
  }

  const append = (input: Commit.Commit): Effect.Effect<Commit.Receipt, EventStoreError> =>
    Effect.suspend(() => {
      const commit = Commit.encode(input)
      if (commit instanceof Refused) return Effect.fail(refuse("append")(commit))
      return Effect.flatMap(
        Effect.andThen(rowsOf.beforeAppend, Clock.currentTimeMillis),
        (now) => write(commit, now)
      )
    })

  const readPage = Effect.fnUntraced(function*(request: Page.Request) {
    const range = Page.range(request)
    if (range instanceof Refused) return yield* refuse("read")(range)
    const { backward, limit } = range
    const step = backward ? -1 : 1
    const start = backward ? Math.min(range.after - 1, log.rows.length) : range.after + 1
    const end = backward ? Math.max(range.until, 1) : Math.min(range.until, log.rows.length)
    const left = (position: number): number => backward ? position - end + 1 : end - position + 1
    const fits = matches(request.filter ?? {})
    const events: Array<StoredEvent.StoredEvent> = []
    let position = start
    let examined = 0
    for (; left(position) > 0; position += step) {
      const row = log.rows[position - 1]!
      const startsCommit = backward ? row.index === row.commit.rows.length - 1 : row.index === 0
      if (startsCommit && (events.length >= limit || examined >= Limits.positionsPerPage)) break
      examined++
      if (fits(row)) events.push(storedEvent(row))
    }
    const scannedTo = StoredEvent.position(
      examined === 0 ? nothingFrom(range, log.rows.length) : position - step
    )
    return { events, scannedTo, atHead: left(position) <= 0 }
  })

  const readStreamPage = (request: Page.StreamRequest): Effect.Effect<Page.StreamPage, EventStoreError> =>
    Effect.suspend(() => {
      const range = Page.streamRange(request)
      if (range instanceof Refused) return Effect.fail(refuse("read")(range))
      const { after, backward, limit, until } = range
      const rows = log.streams.get(StreamName.format(request.stream)) ?? []
      const start = Math.max(backward ? until - 1 : after, 0)
      const end = Math.min(Math.max(backward ? after - 1 : until, 0), rows.length)
      const found = backward
        ? rows.slice(Math.max(start, end - limit), end).reverse()
        : rows.slice(start, Math.min(start + limit, end))
      const read = request.only === undefined ? storedEvent : payloadEvent
      return Effect.succeed({ events: found.map(read), atEnd: end - start <= limit })
    })

  const findCommit = Effect.fnUntraced(function*(id: CommitId.CommitId, fingerprint?: string) {
    const wrong = check.commitId("commit id", id)
    if (wrong !== undefined) return yield* refuse("findCommit")(wrong)
    const stored = log.commits.get(id)
    if (stored === undefined) return Option.none<Commit.Receipt>()
    if (fingerprint !== undefined && stored.fingerprint !== fingerprint) return yield* refuse("findCommit")(differs(id))
    return Option.some(receiptOf(stored, true))
  })

  const head = Effect.sync(() => StoredEvent.position(log.rows.length))
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
    snapshots,
    admin: memoryAdmin.make(storeId, log, forget, (head) => {
      rowsOf.missed(head)
      PubSub.publishUnsafe(wakeUps, undefined)
    })
  }
})
