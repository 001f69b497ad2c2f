import type * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import * as Limits from "../Limits.ts"
import type { Failure, Parked, RowKey, RowWrite, StoredRow } from "../RowStore.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import * as check from "./check.ts"
import { reasonOf } from "./definition.ts"
import { nameOf } from "./partition.ts"
import { type Definition, foldRow, type Keyed, keysOf } from "./projection.ts"
import type { Codec } from "./rowCodec.ts"
import type { Tagged } from "./running.ts"
import type { Reader } from "./upcaster.ts"

/** An event of a page, as a target sees it. */
export interface Item {
  readonly stored: StoredEvent
  readonly event: Tagged
  /** Its place among the events that the stored one has become. */
  readonly index: number
  /** Each once. */
  readonly keys: ReadonlyArray<string>
}

/** How many causes of causes are told. */
const causesTold = 4

/** Words for what was thrown. Never a whole input: it is stored beside the event. */
export const causeOf = (error: unknown): string => {
  let text = reasonOf(error)
  // Drivers say "Query failed", and what was wrong in the cause of the cause. What is said already is not said again.
  for (let depth = 0; depth < causesTold && error instanceof Error; depth++) {
    error = error.cause
    const more = error instanceof Error ? reasonOf(error) : ""
    if (!text.includes(more)) text = `${text}: ${more}`
  }
  return text.length <= 2_000 ? text : `${text.slice(0, 2_000)}… (${text.length} characters)`
}

/** A failure at an event. */
export const failureOf = (
  { id: eventId, position, stream: { tenant }, type }: StoredEvent,
  at: DateTime.Utc,
  cause: string,
  key?: string
): Failure => ({ at, position, eventId, type, tenant, key, attempts: 1, cause })

/** Position before the commit of an event: no reader sees half of a commit. */
export const beforeCommit = ({ commitIndex, position }: StoredEvent): number => position - commitIndex - 1

/** Why keys cannot be those of rows, or `undefined` when they can. */
const wrongKeys = (keys: ReadonlyArray<string>): string | undefined => {
  if (keys.length > Limits.keysPerEvent) {
    return `keys of one event: expected at most ${Limits.keysPerEvent}, got ${keys.length}`
  }
  for (const key of keys) {
    const wrong = check.text("key of a row", key, 1)
    if (wrong !== undefined) return wrong.message
  }
}

/** What a page has become: items, and why it ended early. */
export interface Items {
  readonly items: ReadonlyArray<Item>
  /** The event that cannot be placed. Nothing of its commit is among the items. */
  readonly stopped: { readonly at: StoredEvent; readonly cause: string } | undefined
}

/** Upcasts the events of a page and finds their keys. Stops at one that cannot be read, or whose keys nobody knows. */
export const itemsOf = (
  reader: Reader<Tagged>,
  keyed: Keyed | undefined,
  events: ReadonlyArray<StoredEvent>
): Items => {
  const items: Array<Item> = []
  const stop = (at: StoredEvent, cause: string): Items => {
    const last = beforeCommit(at)
    return { items: items.filter(({ stored }) => stored.position <= last), stopped: { at, cause } }
  }
  for (const stored of events) {
    const upcast = reader.upcast(stored)
    if (Result.isFailure(upcast)) return stop(stored, upcast.failure.message)
    for (const { event, index } of upcast.success) {
      try {
        const keys = keysOf(keyed, event, stored)
        // The id of a stream was checked when it was stored.
        const wrong = keyed?.[event._tag] === undefined ? undefined : wrongKeys(keys)
        if (wrong !== undefined) return stop(stored, wrong)
        items.push({ stored, event, index, keys })
      } catch (error) {
        return stop(stored, `The key of ${event._tag} cannot be told: ${causeOf(error)}`)
      }
    }
  }
  return { items, stopped: undefined }
}

/** An item, and one of its keys. */
export interface Placed {
  readonly item: Item
  readonly key: RowKey
}

/** One entry for every key of every item. */
export const placed = (items: ReadonlyArray<Item>): ReadonlyArray<Placed> => {
  const all: Array<Placed> = []
  for (const item of items) {
    const { keys, stored: { stream: { tenant } } } = item
    for (const key of keys) all.push({ item, key: { tenant, key } })
  }
  return all
}

/** The keys of placed items, each once. */
export const distinct = (items: ReadonlyArray<Placed>): ReadonlyArray<RowKey> => {
  const keys = new Map<string, RowKey>()
  for (const { key } of items) keys.set(nameOf(key), key)
  return Array.from(keys.values())
}

/** A row as a batch has left it, decoded; `undefined` for one that was removed. */
export interface Kept {
  readonly row: unknown
  readonly position: number
  readonly index: number
  /** UTF-16 units of its text. */
  readonly units: number
}

/** What a partition starts from: rows, and keys that are parked. */
export interface Loaded {
  readonly rows: ReadonlyArray<StoredRow>
  readonly parked: ReadonlyArray<RowKey>
  /** Rows that were not loaded because they are known. Their keys are not parked. */
  readonly kept?: { readonly get: (key: RowKey) => Kept | undefined } | undefined
}

/** What came of the items of a partition. */
export interface Folded {
  readonly rows: ReadonlyArray<RowWrite>
  /** The same rows, decoded. Those whose key is parked are not among them. */
  readonly kept: ReadonlyArray<{ readonly key: RowKey; readonly kept: Kept }>
  readonly park: ReadonlyArray<Parked>
  /** The last failure. */
  readonly failure: Failure | undefined
  /** Where the policy has halted: nothing of that commit, or behind it, is in the rows. */
  readonly halted: StoredEvent | undefined
}

/** A row while it is folded. */
interface Slot {
  readonly key: RowKey
  /** JSON text of `row`, until it is needed. */
  text: string | undefined
  row: unknown
  position: number
  index: number
  changed: boolean
  /** Whether there is, or was in this batch, a row: then its removal leaves a tombstone. */
  known: boolean
  parked: boolean
}

const slotOf = (key: RowKey, row: StoredRow | undefined, kept: Kept | undefined, parked: boolean): Slot => ({
  key,
  text: row?.value ?? undefined,
  row: kept?.row,
  position: (kept ?? row)?.position ?? 0,
  index: (kept ?? row)?.index ?? 0,
  changed: false,
  known: row !== undefined || kept !== undefined,
  parked
})

const next = (definition: Definition, codec: Codec, slot: Slot, { event, stored }: Item): unknown => {
  if (slot.text !== undefined) {
    const decoded = codec.decode(slot.text)
    if (Result.isFailure(decoded)) {
      throw new Error(`The stored row does not fit revision ${definition.revision}: ${decoded.failure}`)
    }
    slot.row = decoded.success
    slot.text = undefined
  }
  const row = foldRow(definition, event, stored, slot.key.key, slot.row)
  if (row !== undefined && row !== slot.row && !codec.is(row)) {
    // Says what is wrong with it.
    codec.encode(row)
    throw new Error("The row does not fit its schema")
  }
  return row
}

/**
 * Where a key without a row is parked, a tombstone tells what it has seen. Otherwise what came before the event that failed,
 * and left no row, would be parked as well when it comes again. It has seen all before that event: up to the one before it
 * of the same stored event, or to the last that the position before can have.
 */
const leaveOff = (slot: Slot, { index, stored: { position } }: Item): void => {
  slot.row = undefined
  slot.position = index > 0 ? position : position - 1
  slot.index = index > 0 ? index - 1 : Limits.eventsPerSplit
  slot.changed = slot.known = true
}

const writeOf = (codec: Codec, { index, key, position, row }: Slot): RowWrite =>
  row === undefined
    ? { ...key, value: null, position, index, sorts: [] }
    : { ...key, value: codec.encode(row), position, index, sorts: codec.sorts(row) }

const parkedOf = (
  { index, stored: { id: eventId, position, type } }: Item,
  key: RowKey,
  parkedAt: DateTime.Utc,
  attempts: number,
  cause: string
): Parked => ({ ...key, position, index, eventId, type, attempts, cause, parkedAt, due: false })

/**
 * Folds the items of a partition onto rows.
 *
 * Whether a row fits its schema is judged after every event, so that rows do not depend on where batches end. What it takes
 * in a store is judged at the end, and after every event (`strict`) only when one is beyond the limits.
 */
export const fold = (
  definition: Definition,
  codec: Codec,
  items: ReadonlyArray<Placed>,
  loaded: Loaded,
  at: DateTime.Utc,
  strict = false
): Folded => {
  const rows = new Map(loaded.rows.map((row) => [nameOf(row), row]))
  const waiting = new Set(loaded.parked.map(nameOf))
  const slots = new Map<string, Slot>()
  const park: Array<Parked> = []
  let failure: Failure | undefined
  for (const { item, key } of items) {
    const { index, stored } = item
    const name = nameOf(key)
    let slot = slots.get(name)
    if (slot === undefined) {
      slot = slotOf(key, rows.get(name), loaded.kept?.get(key), waiting.has(name))
      slots.set(name, slot)
    }
    // The row has seen it: an event that comes again changes nothing.
    if (stored.position < slot.position || (stored.position === slot.position && index <= slot.index)) continue
    if (slot.parked) {
      park.push(parkedOf(item, key, at, 0, ""))
      continue
    }
    try {
      const row = next(definition, codec, slot, item)
      if (strict && row !== undefined) writeOf(codec, { ...slot, row })
      slot.known ||= row !== undefined
      slot.row = row
      slot.position = stored.position
      slot.index = index
      slot.changed = true
    } catch (error) {
      const cause = causeOf(error)
      failure = failureOf(stored, at, cause, key.key)
      if (definition.onFailure === "halt") return haltedAt(definition, codec, items, loaded, at, stored, failure)
      slot.parked = true
      park.push(parkedOf(item, key, at, 1, cause))
      if (!slot.known) leaveOff(slot, item)
    }
  }
  try {
    const writes: Array<RowWrite> = []
    const kept: Array<Folded["kept"][number]> = []
    for (const slot of slots.values()) {
      if (!slot.changed || !slot.known) continue
      const write = writeOf(codec, slot)
      writes.push(write)
      const { index, key, parked, position, row } = slot
      if (!parked) kept.push({ key, kept: { row, position, index, units: write.value?.length ?? 0 } })
    }
    return { rows: writes, kept, park, failure, halted: undefined }
  } catch (error) {
    if (strict) throw error
    return fold(definition, codec, items, loaded, at, true)
  }
}

/** Folds what is before the commit of the event that halts: a commit is seen whole or not at all. */
const haltedAt = (
  definition: Definition,
  codec: Codec,
  items: ReadonlyArray<Placed>,
  loaded: Loaded,
  at: DateTime.Utc,
  halted: StoredEvent,
  failure: Failure
): Folded => {
  const last = beforeCommit(halted)
  const before = items.filter(({ item }) => item.stored.position <= last)
  return { ...fold(definition, codec, before, loaded, at), failure, halted }
}
