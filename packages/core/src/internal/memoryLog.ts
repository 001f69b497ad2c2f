import * as DateTime from "effect/DateTime"
import type { EncodedEvent } from "../Commit.ts"
import type { CommitId } from "../CommitId.ts"
import * as StoredEvent from "../StoredEvent.ts"
import type { StreamName } from "../StreamName.ts"

/** An event as it is kept: the payload as text, so that nobody's later change to a value reaches it. */
export interface Row {
  readonly commit: Stored
  readonly index: number
  readonly stream: StreamName
  readonly key: string
  readonly version: number
  readonly position: StoredEvent.Position
  readonly event: EncodedEvent
  erased: boolean
}

/** A commit as it is kept. */
export interface Stored {
  readonly id: CommitId
  readonly fingerprint: string | undefined
  readonly metadata: string
  readonly recordedAt: number
  readonly rows: ReadonlyArray<Row>
}

/** The events of a store in memory. Whoever changes it does not yield before it is whole again. */
export class Log {
  readonly rows: Array<Row> = []
  readonly streams = new Map<string, Array<Row>>()
  readonly commits = new Map<CommitId, Stored>()
  recordedAt = Number.NEGATIVE_INFINITY

  /** Adds an event at the next position and, in its stream, at the next version. */
  push(
    commit: Stored,
    ofCommit: Array<Row>,
    { key, stream }: { readonly key: string; readonly stream: StreamName },
    event: EncodedEvent,
    erased: boolean
  ): void {
    const ofStream = this.streams.get(key) ?? []
    const version = ofStream.length + 1
    // A whole number from 1 on: to have it checked takes longer than the rest.
    const position = this.rows.length + 1 as StoredEvent.Position
    const row: Row = { commit, index: ofCommit.length, stream, key, version, position, event, erased }
    if (ofStream.push(row) === 1) this.streams.set(key, ofStream)
    this.rows.push(row)
    ofCommit.push(row)
  }
}

const payloadOf = ({ erased, event }: Row) => erased ? null : StoredEvent.parseJson(event.payload)

export const storedEvent = (row: Row): StoredEvent.StoredEvent => {
  const { commit, event, index, position, stream, version } = row
  const recordedAt = DateTime.makeUnsafe(commit.recordedAt)
  const occurredAt = event.occurredAt ?? commit.recordedAt
  return {
    id: StoredEvent.id(commit.id, index),
    commitId: commit.id,
    commitIndex: index,
    stream,
    version,
    position,
    type: event.type,
    revision: event.revision,
    payload: payloadOf(row),
    // Encoded from metadata.
    metadata: StoredEvent.parseJson(commit.metadata) as StoredEvent.EventMetadata,
    occurredAt: occurredAt === commit.recordedAt ? recordedAt : DateTime.makeUnsafe(occurredAt),
    recordedAt
  }
}

/** The same, of which only the payload was asked for. */
export const payloadEvent = (row: Row): StoredEvent.StoredEvent => {
  const { event: { revision, type }, position, stream, version } = row
  return StoredEvent.ofPayload({ stream, version, position, type, revision, payload: payloadOf(row) })
}
