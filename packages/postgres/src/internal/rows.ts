import { type CommitId, StoredEvent, type StreamName } from "@varve/core"
import * as DateTime from "effect/DateTime"
import type * as Schema from "effect/Schema"

/** What `decoder` reads of a row of events `e`, in this order. Times as numbers: no codec of a client's changes them. */
export const columns = `e.position, e.version, e.commit_id, e.commit_index, e.type, e.revision,
e.payload::text, e.metadata::text, date_part('epoch', e.occurred_at), date_part('epoch', e.recorded_at)`

/** The columns that name the stream of a row, behind `columns`. */
export const streamColumns = "e.tenant, e.category, e.id"

/** What `decodePayload` reads of a row of events `e`, in this order. */
export const payloadColumns = "e.position, e.version, e.type, e.revision, e.payload::text"

/** How many there are of `columns`, and of `payloadColumns`. */
export const columnCount = 10
export const payloadColumnCount = 5

/** The last one made: events of a batch are recorded at one time, and most happened at it. */
let latest = DateTime.makeUnsafe(0)

const time = (seconds: unknown): DateTime.Utc => {
  const millis = Math.round(Number(seconds) * 1_000)
  if (latest.epochMilliseconds !== millis) latest = DateTime.makeUnsafe(millis)
  return latest
}

/** Makes an event of a row. */
export type Decode = (row: ReadonlyArray<unknown>, stream: StreamName.StreamName) => StoredEvent.StoredEvent

/**
 * Reads rows of `columns` as events, those of one page. Synchronous: an effect an event would cost more than the reading.
 *
 * The casts are the types of the columns, as the driver decodes them, and what the append function keeps true of them:
 * positions from 1, commit ids that are UUIDs, JSON objects for payload and metadata.
 */
export const decoder = (): Decode => {
  // All events of a commit bear the same metadata, and lie together: it is read once.
  let text = ""
  let metadata: StoredEvent.EventMetadata = {}
  return (row, stream) => {
    const commitId = row[2] as CommitId.CommitId
    const commitIndex = Number(row[3])
    const payload = row[6] as string | null
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
      payload: payload === null ? null : StoredEvent.parseJson(payload),
      metadata,
      occurredAt: time(row[8]),
      recordedAt: time(row[9])
    }
  }
}

/** An event of which only the payload was asked for, and what a fold has to know of it. */
class Payload implements StoredEvent.StoredEvent {
  readonly stream: StreamName.StreamName
  readonly version: number
  readonly position: StoredEvent.Position
  readonly type: string
  readonly revision: number
  readonly payload: Schema.Json

  constructor(
    stream: StreamName.StreamName,
    version: number,
    position: StoredEvent.Position,
    type: string,
    revision: number,
    payload: Schema.Json
  ) {
    this.stream = stream
    this.version = version
    this.position = position
    this.type = type
    this.revision = revision
    this.payload = payload
  }

  get id() {
    return this.leftOut("id")
  }
  get commitId() {
    return this.leftOut("commitId")
  }
  get commitIndex() {
    return this.leftOut("commitIndex")
  }
  get metadata() {
    return this.leftOut("metadata")
  }
  get occurredAt() {
    return this.leftOut("occurredAt")
  }
  get recordedAt() {
    return this.leftOut("recordedAt")
  }

  private leftOut(what: string): never {
    throw new Error(`Event at position ${this.position}: its ${what} was not asked for, only its payload`)
  }
}

/** Reads a row of `payloadColumns`. Its casts are those of `decoder`. */
export const decodePayload: Decode = (row, stream) => {
  const payload = row[4] as string | null
  return new Payload(
    stream,
    Number(row[1]),
    Number(row[0]) as StoredEvent.Position,
    row[2] as string,
    Number(row[3]),
    payload === null ? null : StoredEvent.parseJson(payload)
  )
}

/** The stream of a row with `streamColumns` from `offset`. */
export const streamOf = (row: ReadonlyArray<unknown>, offset: number): StreamName.StreamName => ({
  // Text columns that are never null.
  tenant: row[offset] as string,
  category: row[offset + 1] as string,
  id: row[offset + 2] as string
})
