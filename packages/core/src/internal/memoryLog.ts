import * as DateTime from "effect/DateTime"
import type { EncodedEvent } from "../Commit.ts"
import type { CommitId } from "../CommitId.ts"
import * as StoredEvent from "../StoredEvent.ts"
import type { StreamName } from "../StreamName.ts"

/**
 * An event as it is kept: the payload as text, so that nobody's later change to a value reaches it. What a fold asks for
 * comes first, so that it lies together.
 */
export interface Row {
  readonly stream: StreamName
  readonly version: number
  readonly position: StoredEvent.Position
  readonly type: string
  readonly revision: number
  readonly payload: string
  erased: boolean
  readonly occurredAt: number | null
  readonly commit: Stored
  readonly index: number
  readonly key: string
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
    { occurredAt, payload, revision, type }: EncodedEvent,
    erased: boolean
  ): void {
    const ofStream = this.streams.get(key) ?? []
    const version = ofStream.length + 1
    // A whole number from 1 on: to have it checked takes longer than the rest.
    const position = this.rows.length + 1 as StoredEvent.Position
    const index = ofCommit.length
    const row: Row = { stream, version, position, type, revision, payload, erased, occurredAt, commit, index, key }
    if (ofStream.push(row) === 1) this.streams.set(key, ofStream)
    this.rows.push(row)
    ofCommit.push(row)
  }
}

const payloadOf = ({ erased, payload }: Row) => erased ? null : StoredEvent.parseJson(payload)

export const storedEvent = (row: Row): StoredEvent.StoredEvent => {
  const { commit, index, position, revision, stream, type, version } = row
  const recordedAt = DateTime.makeUnsafe(commit.recordedAt)
  const occurredAt = row.occurredAt ?? commit.recordedAt
  return {
    id: StoredEvent.id(commit.id, index),
    commitId: commit.id,
    commitIndex: index,
    stream,
    version,
    position,
    type,
    revision,
    payload: payloadOf(row),
    // Encoded from metadata.
    metadata: StoredEvent.parseJson(commit.metadata) as StoredEvent.EventMetadata,
    occurredAt: occurredAt === commit.recordedAt ? recordedAt : DateTime.makeUnsafe(occurredAt),
    recordedAt
  }
}

/** The same, of which only the payload was asked for. */
export const payloadEvent = (row: Row): StoredEvent.StoredEvent => {
  const { position, revision, stream, type, version } = row
  return StoredEvent.ofPayload({ stream, version, position, type, revision, payload: payloadOf(row) })
}
