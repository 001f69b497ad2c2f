import { type Commit, type CommitId, EventStoreError, type StoredEvent, type StreamName } from "@varve/core"
import * as DateTime from "effect/DateTime"
import type { Rows } from "./connection.ts"

/** A commit as it lies in the store. */
export interface StoredCommit {
  readonly receipt: Commit.Receipt
  readonly fingerprint: string | undefined
  readonly events: ReadonlyArray<{
    readonly stream: StreamName.StreamName
    readonly type: string
    readonly revision: number
    /** JSON text, or `null` when it was erased or not asked for. */
    readonly payload: string | null
  }>
}

/**
 * The events of commits, by id: from the first event of the commit, which the index knows, to the one before the next
 * commit's first. Payloads only when they are asked for.
 */
export const findSql = (schema: string): string =>
  `SELECT e.commit_id, e.position, e.tenant, e.category, e.id, e.version, e.type, e.revision,
  CASE WHEN $2 THEN e.payload::text END,
  CASE WHEN e.commit_index = 0 THEN e.metadata->>'fingerprint' END,
  date_part('epoch', e.recorded_at)
FROM unnest($1) u(id)
CROSS JOIN LATERAL (
  SELECT x.position FROM ${schema}.events x WHERE x.commit_id = u.id AND x.commit_index = 0 LIMIT 1
) first
CROSS JOIN LATERAL (
  SELECT x.* FROM ${schema}.events x WHERE x.position >= first.position AND x.commit_id = u.id
  AND x.position < coalesce((
    SELECT y.position FROM ${schema}.events y WHERE y.position > first.position AND y.commit_index = 0
    ORDER BY y.position LIMIT 1
  ), 9223372036854775807)
  ORDER BY x.position
) e`

const receiptOf = (storeId: string, id: CommitId.CommitId, rows: Rows): Commit.Receipt => {
  const streams = new Map<string, Commit.StreamReceipt>()
  for (const row of rows) {
    // Types of the columns. The key separates what no tenant, category or id contains: a control character.
    const [tenant, category, streamId] = [row[2] as string, row[3] as string, row[4] as string]
    const key = `${tenant}\n${category}\n${streamId}`
    const known = streams.get(key)
    const stream = known?.stream ?? { tenant, category, id: streamId }
    const version = Number(row[5])
    streams.set(key, { stream, from: known?.from ?? version, to: version })
  }
  return {
    commitId: id,
    storeId,
    first: Number(rows[0]![1]) as StoredEvent.Position,
    last: Number(rows.at(-1)![1]) as StoredEvent.Position,
    // A commit that was found has a row.
    streams: Array.from(streams.values()) as [Commit.StreamReceipt, ...Array<Commit.StreamReceipt>],
    recordedAt: DateTime.makeUnsafe(Math.round(Number(rows[0]![10]) * 1_000)),
    replayed: true
  }
}

/** Reads the rows of `findSql`. Casts are the types of its columns. */
export const readCommits = (storeId: string, rows: Rows): ReadonlyMap<CommitId.CommitId, StoredCommit> => {
  const byId = new Map<CommitId.CommitId, Array<ReadonlyArray<unknown>>>()
  for (const row of rows) {
    const id = row[0] as CommitId.CommitId
    const ofCommit = byId.get(id)
    if (ofCommit === undefined) byId.set(id, [row])
    else ofCommit.push(row)
  }
  const commits = new Map<CommitId.CommitId, StoredCommit>()
  for (const [id, ofCommit] of byId) {
    commits.set(id, {
      receipt: receiptOf(storeId, id, ofCommit),
      fingerprint: (ofCommit[0]![9] as string | null) ?? undefined,
      events: ofCommit.map((row) => ({
        stream: { tenant: row[2] as string, category: row[3] as string, id: row[4] as string },
        type: row[6] as string,
        revision: Number(row[7]),
        payload: row[8] as string | null
      }))
    })
  }
  return commits
}

/** Whether a commit that comes again is the one that was stored. What was erased since counts as equal. */
export const isSame = (stored: StoredCommit, commit: Commit.Encoded): boolean =>
  stored.fingerprint !== undefined || commit.fingerprint !== undefined
    ? stored.fingerprint === commit.fingerprint
    : stored.events.length === commit.events.length && commit.events.every((event, i) => {
      const { payload, revision, stream, type } = stored.events[i]!
      const named = commit.streams[event.slot]!.stream
      return named.id === stream.id
        && named.category === stream.category
        && named.tenant === stream.tenant
        && type === event.type
        && revision === event.revision
        && (payload === null || payload === event.payload)
    })

/** Why a commit that comes again with other content is refused. */
export const differs = (id: CommitId.CommitId): EventStoreError.Refused =>
  new EventStoreError.Refused({
    what: `commit ${id}`,
    expected: "the content it was stored with",
    actual: "other content"
  })
