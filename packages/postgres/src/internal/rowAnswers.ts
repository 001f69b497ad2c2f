import { EventStoreError, Limits, type RowStore } from "@varve/core"
import type * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { Rows } from "./connection.ts"

/** Casts of this file are the types of the columns, as the driver decodes them. */

const time = (seconds: unknown): DateTime.Utc => DateTime.makeUnsafe(Math.round(Number(seconds) * 1_000))

/** What a statement says of an entry, once for each of its checkpoints. See `readEntries`. */
export const entryColumns = `e.kind, e.name, e.revision, e.store_id::text, e.mode, e.state, e.serving, e.failure::text,
  e.parked_keys, e.parked_events, c.partition, c.position, c.fence,
  CASE WHEN c.lease_until > clock_timestamp() THEN c.owner END, c.rate, date_part('epoch', c.moved_at),
  array_to_json(e.indexes)::text`

export const failureText = ({ at, ...failure }: RowStore.Failure): string =>
  JSON.stringify({ at: at.epochMilliseconds, ...failure })

const readFailure = (text: string): RowStore.Failure => {
  // Written by `failureText`.
  const failure = JSON.parse(text) as Omit<RowStore.Failure, "at"> & { readonly at: number }
  return { ...failure, key: failure.key, at: DateTime.makeUnsafe(failure.at) }
}

const readCheckpoint = (row: ReadonlyArray<unknown>): RowStore.Checkpoint => ({
  partition: Number(row[10]),
  position: Number(row[11]),
  fence: Number(row[12]),
  owner: Option.fromNullishOr(row[13] as string | null),
  rate: Number(row[14]),
  movedAt: time(row[15])
})

/** Reads rows of `entryColumns`, those of an entry one after the other. */
export const readEntries = (rows: Rows): ReadonlyArray<RowStore.Entry> => {
  const entries: Array<
    RowStore.Entry & { readonly checkpoints: [RowStore.Checkpoint, ...Array<RowStore.Checkpoint>] }
  > = []
  for (const row of rows) {
    const checkpoint = readCheckpoint(row)
    const last = entries.at(-1)
    const name = row[1] as string
    const revision = Number(row[2])
    if (last !== undefined && last.target.name === name && last.target.revision === revision) {
      last.checkpoints.push(checkpoint)
      continue
    }
    const failure = row[7] as string | null
    entries.push({
      target: { kind: row[0] as RowStore.Target["kind"], name, revision },
      storeId: row[3] as string,
      mode: row[4] as RowStore.Entry["mode"],
      indexes: JSON.parse(row[16] as string),
      state: row[5] as RowStore.State,
      serving: row[6] as boolean,
      checkpoints: [checkpoint],
      failure: failure === null ? Option.none() : Option.some(readFailure(failure)),
      parkedKeys: Number(row[8]),
      parkedEvents: Number(row[9])
    })
  }
  return entries
}

/** Reads tenant, key, position, index and value, from an offset. */
export const readRow = (row: ReadonlyArray<unknown>, offset: number): RowStore.StoredRow => ({
  tenant: row[offset] as string,
  key: row[offset + 1] as string,
  position: Number(row[offset + 2]),
  index: Number(row[offset + 3]),
  value: row[offset + 4] as string | null
})

export const parkedColumns =
  "p.tenant, p.key, p.position, p.index, p.event_id, p.type, p.attempts, p.cause, date_part('epoch', p.parked_at), p.due"

export const readParked = (row: ReadonlyArray<unknown>): RowStore.Parked => ({
  tenant: row[0] as string,
  key: row[1] as string,
  position: Number(row[2]),
  index: Number(row[3]),
  eventId: row[4] as string,
  type: row[5] as string,
  attempts: Number(row[6]),
  cause: row[7] as string,
  parkedAt: time(row[8]),
  due: row[9] as boolean
})

/** Reads revision, id of the store, state, the checkpoints in one text, and the indexes in another, from an offset. */
export const readServed = (row: ReadonlyArray<unknown>, offset: number): RowStore.Served => ({
  revision: Number(row[offset]),
  storeId: row[offset + 1] as string,
  state: row[offset + 2] as RowStore.State,
  // An entry has a partition at the least.
  positions: (row[offset + 3] as string).split(",").map(Number) as unknown as Arr.NonEmptyReadonlyArray<number>,
  indexes: JSON.parse(row[offset + 4] as string)
})

export const showTarget = ({ kind, name, revision }: RowStore.Target): string => `${kind} ${name}, revision ${revision}`

/** An error of an operation on rows. */
export const refused = (what: string, expected: string, actual: string): EventStoreError.EventStoreError =>
  new EventStoreError.EventStoreError({
    operation: "rows",
    reason: new EventStoreError.Refused({ what, expected, actual })
  })

export const noEntry = (target: RowStore.Target): EventStoreError.EventStoreError =>
  refused(showTarget(target), "an entry in the store", "none")

/** Numbers that are outside of their range, as an error; `undefined` when all are inside. */
export const checkInts = (
  numbers: ReadonlyArray<readonly [what: string, value: number, least: number, most: number]>
): EventStoreError.EventStoreError | undefined => {
  for (const [what, value, least, most] of numbers) {
    if (Number.isSafeInteger(value) && value >= least && value <= most) continue
    return refused(what, `a whole number from ${least} to ${most}`, `${value}`)
  }
}

export const maxInt = 2_147_483_647

/** A target that a statement can name, or why it cannot. */
export const checkTarget = ({ kind, name, revision }: RowStore.Target): EventStoreError.EventStoreError | undefined =>
  Limits.namePattern.test(name)
    ? checkInts([["revision", revision, 1, 32_767]])
    : refused(`name of a ${kind}`, `one like ${Limits.namePattern.source}`, JSON.stringify(name).slice(0, 100))
