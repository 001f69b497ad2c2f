import { type CommitId, StoredEvent, type StreamName } from "@varve/core"
import * as DateTime from "effect/DateTime"
import type * as Schema from "effect/Schema"

/** What `decoder` reads of a row of events `e`, in this order. Times as numbers: no codec of a client's changes them. */
const columns = `e.position, e.version, e.commit_id, e.commit_index, e.type, e.revision,
e.payload::text, e.metadata::text, date_part('epoch', e.occurred_at), date_part('epoch', e.recorded_at)`

/** The columns that name the stream of a row, behind `columns`. */
export const streamColumns = "e.tenant, e.category, e.id"

/** What `decodePayload` reads of a row of events `e`, in this order. */
const payloadColumns = "e.position, e.version, e.type, e.revision, e.payload::text"

/** The last one made: events of a batch are recorded at one time, and most happened at it. */
let latest = DateTime.makeUnsafe(0)

const time = (seconds: unknown): DateTime.Utc => {
  const millis = Math.round(Number(seconds) * 1_000)
  if (latest.epochMilliseconds !== millis) latest = DateTime.makeUnsafe(millis)
  return latest
}

type Row = ReadonlyArray<unknown>

/** Makes an event of a row. */
type Decode = (row: Row, stream: StreamName.StreamName) => StoredEvent.StoredEvent

/** An erased payload is NULL. */
const payloadOf = (text: unknown): Schema.Json => text === null ? null : StoredEvent.parseJson(text as string)

/**
 * Reads rows of `columns` as events, those of one page. Synchronous: an effect an event would cost more than the reading.
 *
 * The casts are the types of the columns, as the driver decodes them, and what the append function keeps true of them:
 * positions from 1, commit ids that are UUIDs, JSON objects for payload and metadata.
 */
const decoder = (): Decode => {
  // All events of a commit bear the same metadata, and lie together: it is read once.
  let text = ""
  let metadata: StoredEvent.EventMetadata = {}
  return (row, stream) => {
    const commitId = row[2] as CommitId.CommitId
    const commitIndex = Number(row[3])
    if (row[7] !== text) {
      text = row[7] as string
      // Written from metadata by `append_1`, and protected since.
      metadata = StoredEvent.parseJson(text) as StoredEvent.EventMetadata
    }
    return {
      id: StoredEvent.id(commitId, commitIndex),
      commitId,
      commitIndex,
      stream,
      version: Number(row[1]),
      position: Number(row[0]) as StoredEvent.Position,
      type: row[4] as string,
      revision: Number(row[5]),
      payload: payloadOf(row[6]),
      metadata,
      occurredAt: time(row[8]),
      recordedAt: time(row[9])
    }
  }
}

/** Reads a row of `payloadColumns`. Its casts are those of `decoder`. */
const decodePayload: Decode = (row, stream) =>
  StoredEvent.ofPayload({
    stream,
    version: Number(row[1]),
    position: Number(row[0]) as StoredEvent.Position,
    type: row[2] as string,
    revision: Number(row[3]),
    payload: payloadOf(row[4])
  })

/** How rows of events are asked for, and read. */
export interface Reading {
  /** What is read of a row of events `e`, in this order. */
  readonly columns: string
  /** How many these are. */
  readonly count: number
  /** For the rows of one page. */
  readonly decoder: () => Decode
}

export const whole: Reading = { columns, count: 10, decoder }
export const payloads: Reading = { columns: payloadColumns, count: 5, decoder: () => decodePayload }

/** The events of a page, from its rows. */
export const eventsOf = (
  reading: Reading,
  rows: ReadonlyArray<Row>,
  streamOf: (row: Row) => StreamName.StreamName
): ReadonlyArray<StoredEvent.StoredEvent> => {
  const decode = reading.decoder()
  return rows.map((row) => decode(row, streamOf(row)))
}

/** The stream of a row with `streamColumns` from `offset`. */
export const streamOf = (row: ReadonlyArray<unknown>, offset: number): StreamName.StreamName => ({
  // Text columns that are never null.
  tenant: row[offset] as string,
  category: row[offset + 1] as string,
  id: row[offset + 2] as string
})
