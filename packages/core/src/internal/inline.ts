import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Encoded } from "../Commit.ts"
import { EventStore } from "../EventStore.ts"
import * as Limits from "../Limits.ts"
import * as RowStore from "../RowStore.ts"
import * as StoredEvent from "../StoredEvent.ts"
import { distinct, fold, itemsOf, placed } from "./fold.ts"
import { type Definition, filterOf, targetOf } from "./projection.ts"
import * as rowCodec from "./rowCodec.ts"
import type { Tagged } from "./running.ts"
import { type Reader, Upcaster } from "./upcaster.ts"

/** How far behind a projection may be for an append to catch up with it first, in pages. */
const catchUpPages = 4

/** Positions of events that are not stored yet: behind all that are. */
const unstored = 2 ** 52

/** Version of a stream before a commit, where the commit says it. */
const baseOf = ({ expected }: Encoded["streams"][number]): number | undefined => {
  for (const one of expected) {
    if (typeof one === "number") return one
    if (typeof one === "object") return one.version
  }
}

/** A commit's events as they will be stored, their positions counted from `first`; `undefined` when it does not say enough. */
const eventsOf = (
  { events, id, metadata, streams }: Encoded,
  wants: (category: string, type: string) => boolean,
  first: number
): ReadonlyArray<StoredEvent.StoredEvent> | undefined => {
  // Encoded from metadata.
  const parsed = StoredEvent.parseJson(metadata) as StoredEvent.EventMetadata
  const versions = streams.map(baseOf)
  const stored: Array<StoredEvent.StoredEvent> = []
  for (let i = 0; i < events.length; i++) {
    const { occurredAt, payload, revision, slot, type } = events[i]!
    const version = versions[slot]
    if (version !== undefined) versions[slot] = version + 1
    const { stream } = streams[slot]!
    if (!wants(stream.category, type)) continue
    if (version === undefined || occurredAt === null) return undefined
    const at = DateTime.makeUnsafe(occurredAt)
    stored.push({
      id: StoredEvent.id(id, i),
      commitId: id,
      commitIndex: i,
      stream,
      version: version + 1,
      position: StoredEvent.position(first + i),
      type,
      revision,
      payload: StoredEvent.parseJson(payload),
      metadata: parsed,
      occurredAt: at,
      // No fold sees it.
      recordedAt: at
    })
  }
  return stored
}

const prepare = (
  definition: Definition,
  codec: rowCodec.Codec,
  reader: Reader<Tagged>,
  wants: (category: string, type: string) => boolean
): RowStore.Inline["prepare"] =>
(commits) => {
  const events = commits.map((commit) => eventsOf(commit, wants, 0))
  if (events.some((some) => some === undefined)) return undefined
  // Looked at above: every commit says what is needed.
  const byCommit = events.map((some) => itemsOf(reader, definition.key, some!))
  if (byCommit.some(({ stopped }) => stopped !== undefined)) return undefined
  const keys = distinct(placed(byCommit.flatMap(({ items }) => items)))
  // All writers wait while rows are written: commits that touch so many are left to who runs the projection.
  if (keys.length > Limits.keysPerRead) return undefined
  return {
    keys,
    fold: (rows, accepted) => {
      let first = unstored
      const items = byCommit.flatMap(({ items }, i) => {
        if (accepted[i] !== true) return []
        const offset = first
        first += commits[i]!.events.length
        return items.map((item) => ({
          ...item,
          stored: { ...item.stored, position: StoredEvent.position(offset + item.stored.position) }
        }))
      })
      // The time is that of parked events only, and a batch that would park any goes without rows.
      const at = DateTime.makeUnsafe(0)
      const folded = fold(definition, codec, placed(items), { rows, parked: [] }, at)
      if (folded.failure !== undefined) return undefined
      return folded.rows.map((row) => ({ ...row, position: row.position - unstored }))
    }
  }
}

/** Brings a projection of one partition to the head, when it is not far: without a lease, by its checkpoint alone. */
const catchUp = Effect.fnUntraced(function*(
  definition: Definition,
  codec: rowCodec.Codec,
  reader: Reader<Tagged>
) {
  const filter = filterOf(reader)
  const store = yield* EventStore
  const rows = yield* RowStore.RowStore
  const target = targetOf(definition)
  const entries = yield* rows.entries({ kind: "projection", name: definition.name })
  const entry = entries.find(({ target: { revision } }) => revision === definition.revision)
  if (entry === undefined || entry.state !== "running" || entry.checkpoints.length > 1) return
  let from = entry.checkpoints[0].position
  if ((yield* store.head) - from > catchUpPages * Limits.eventsPerPageDefault) return
  for (let page = 0; page < catchUpPages; page++) {
    const { atHead, events, scannedTo } = yield* store.readPage({ after: from, filter })
    if (scannedTo === from) return
    const { items, stopped } = itemsOf(reader, definition.key, events)
    // Who runs the projection halts it, and tells why.
    if (stopped !== undefined) return
    const all = placed(items)
    const at = yield* DateTime.now
    const loaded = yield* rows.load(target, distinct(all))
    const { failure, halted, park, rows: writes } = fold(definition, codec, all, loaded, at)
    if (halted !== undefined) return
    const committed = yield* rows.commit({
      target,
      partition: 0,
      fence: undefined,
      from,
      to: scannedTo,
      rows: writes,
      park,
      unpark: [],
      failure,
      rate: entry.checkpoints[0].rate,
      lease: Duration.zero
    })
    if (committed !== "Committed" || atHead) return
    from = scannedTo
  }
})

/** A projection that rides with appends, and the last position of a commit of this process that went without its rows. */
export interface Riding {
  readonly inline: RowStore.Inline
  readonly missed: () => number
}

export const make = Effect.fnUntraced(function*(definition: Definition, aggregates: ReadonlyArray<string>) {
  const context = yield* Effect.context<EventStore | RowStore.RowStore>()
  const reader: Reader<Tagged> = (yield* Upcaster).reader({
    name: definition.name,
    aggregates,
    events: definition.events
  })
  const codec = rowCodec.make(definition)
  const ofSources = reader.sources.length > 0
  const wanted = new Set(ofSources ? reader.sources.map(({ category, type }) => `${category}/${type}`) : reader.types)
  let missed = 0
  const riding: Riding = {
    missed: () => missed,
    inline: {
      target: targetOf(definition),
      prepare: prepare(
        definition,
        codec,
        reader,
        (category, type) => wanted.has(ofSources ? `${category}/${type}` : type)
      ),
      catchUp: Effect.ignoreCause(Effect.provideContext(catchUp(definition, codec, reader), context)),
      missed: (position) => {
        missed = Math.max(missed, position)
      }
    }
  }
  return riding
})
