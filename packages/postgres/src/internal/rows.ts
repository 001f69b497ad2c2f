import { type CommitId, StoredEvent, type StreamName } from "@varve/core"
import * as DateTime from "effect/DateTime"

/** What `decode` reads of a row of events `e`, in this order. Times as numbers: no codec of a client's changes them. */
export const columns = `e.position, e.version, e.commit_id, e.commit_index, e.type, e.revision,
e.payload::text, e.metadata::text, date_part('epoch', e.occurred_at), date_part('epoch', e.recorded_at)`

/** The columns that name the stream of a row, behind `columns`. */
export const streamColumns = "e.tenant, e.category, e.id"

/** How many there are of `columns`. */
export const columnCount = 10

/** The last one made: events of a batch are recorded at one time, and most happened at it. */
let latest = DateTime.makeUnsafe(0)

const time = (seconds: unknown): DateTime.Utc => {
  const millis = Math.round(Number(seconds) * 1_000)
  if (latest.epochMilliseconds !== millis) latest = DateTime.makeUnsafe(millis)
  return latest
}

/**
 * Reads rows of `columns`, behind `offset` others, as events. One synchronous pass a page: an effect an event would
 * cost more than the reading.
 *
 * The casts are the types of the columns, as the driver decodes them, and what the append function keeps true of them:
 * positions from 1, commit ids that are UUIDs, JSON objects for payload and metadata.
 */
export const decode = (
  row: ReadonlyArray<unknown>,
  offset: number,
  stream: StreamName.StreamName
): StoredEvent.StoredEvent => {
  const commitId = row[offset + 2] as CommitId.CommitId
  const commitIndex = Number(row[offset + 3])
  const payload = row[offset + 6] as string | null
  return {
    id: StoredEvent.id(commitId, commitIndex),
    commitId,
    commitIndex,
    stream,
    version: Number(row[offset + 1]),
    position: Number(row[offset]) as StoredEvent.Position,
    type: row[offset + 4] as string,
    revision: Number(row[offset + 5]),
    payload: payload === null ? null : StoredEvent.parseJson(payload),
    // Written from metadata by `append_1`, and protected since.
    metadata: StoredEvent.parseJson(row[offset + 7] as string) as StoredEvent.EventMetadata,
    occurredAt: time(row[offset + 8]),
    recordedAt: time(row[offset + 9])
  }
}

/** The stream of a row with `streamColumns` from `offset`. */
export const streamOf = (row: ReadonlyArray<unknown>, offset: number): StreamName.StreamName => ({
  // Text columns that are never null.
  tenant: row[offset] as string,
  category: row[offset + 1] as string,
  id: row[offset + 2] as string
})
