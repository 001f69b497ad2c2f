/**
 * Events that are written into a store as they are, encoded and checked: for authors of stores that implement
 * `StoreAdmin.restore`.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import type { CommitId } from "./CommitId.ts"
import { Refused } from "./EventStoreError.ts"
import * as check from "./internal/check.ts"
import * as json from "./internal/json.ts"
import { utf8Bytes } from "./internal/text.ts"
import * as Limits from "./Limits.ts"
import * as StoredEvent from "./StoredEvent.ts"
import * as StreamName from "./StreamName.ts"

/**
 * A commit that is to be restored.
 *
 * @category stores
 * @since 0.1.0
 */
export interface RestoredCommit {
  readonly id: CommitId
  readonly fingerprint: string | undefined
  /** JSON text, the same for every event. */
  readonly metadata: string
  /** Milliseconds since 1970. */
  readonly recordedAt: number
}

/**
 * A stream that events are restored to.
 *
 * @category stores
 * @since 0.1.0
 */
export interface RestoredStream {
  readonly stream: StreamName.StreamName
  /** `StreamName.format` of it. */
  readonly key: string
  /** The version that it must have before. */
  readonly before: number
}

/**
 * An event ready to be restored.
 *
 * @category stores
 * @since 0.1.0
 */
export interface RestoredEvent {
  /** Index of its commit in `Restored.commits`, and its place in the commit. */
  readonly commit: number
  readonly index: number
  /** Index of its stream in `Restored.streams`. */
  readonly slot: number
  readonly version: number
  readonly position: number
  readonly type: string
  readonly revision: number
  /** JSON text, or `null` where it was erased. */
  readonly payload: string | null
  /** Milliseconds since 1970. */
  readonly occurredAt: number
}

/**
 * Events that keep every limit and follow each other without a gap, as stores restore them.
 *
 * @category stores
 * @since 0.1.0
 */
export interface Restored {
  readonly commits: Arr.NonEmptyReadonlyArray<RestoredCommit>
  readonly streams: Arr.NonEmptyReadonlyArray<RestoredStream>
  readonly events: Arr.NonEmptyReadonlyArray<RestoredEvent>
}

const refused = (what: string, expected: string, actual: string) => new Refused({ what, expected, actual })

const iso = (millis: number): string => new Date(millis).toISOString()

/**
 * What the first event to restore is told when it does not stand behind the head of the store.
 *
 * @category stores
 * @since 0.1.0
 */
export const wrongPosition = (head: number, first: number): Refused | undefined =>
  first === head + 1
    ? undefined
    : refused("position of the first event to restore", `${head + 1}, the one after the head`, `${first}`)

/**
 * What the first event to restore is told when it was recorded before the last one of the store. Times are milliseconds
 * since 1970.
 *
 * @category stores
 * @since 0.1.0
 */
export const wrongTime = (last: number, first: number): Refused | undefined =>
  first >= last
    ? undefined
    : refused("recordedAt of the first event to restore", `at or after ${iso(last)}`, iso(first))

/**
 * What the events of a stream are told when they do not continue it: how long it is, and how long it would have to be.
 *
 * @category stores
 * @since 0.1.0
 */
export const wrongVersion = (stream: StreamName.StreamName, length: number, before: number): Refused =>
  refused(
    `first version to restore of ${StreamName.format(stream)}`,
    `${length + 1}, the one after those it has`,
    `${before + 1}`
  )

/**
 * What a commit is told that the store has already.
 *
 * @category stores
 * @since 0.1.0
 */
export const knownCommit = (id: CommitId): Refused =>
  refused(`commit ${id}`, "an id that the store does not know", "one that it does")

const checkObject = (what: string, value: unknown): Refused | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? undefined
    : refused(what, "a JSON object", Array.isArray(value) ? "an array" : check.show(value))

const checkTime = (what: string, millis: number): Refused | undefined =>
  Number.isInteger(millis) && millis >= Limits.earliestMillis && millis <= Limits.latestMillis
    ? undefined
    : refused(what, "a time of the years 1 to 9999, to the millisecond", `${millis} ms since 1970`)

/** What is encoded so far. Fails with the first thing that is wrong. */
class Encoding {
  readonly commits: Array<RestoredCommit> = []
  readonly streams: Array<RestoredStream> = []
  readonly events: Array<RestoredEvent> = []
  private readonly slots = new Map<string, number>()
  private readonly versions: Array<number> = []
  private readonly ids = new Set<CommitId>()
  private bytes = 0
  /** Events of the commit at hand, and the object that its metadata was encoded from. */
  private count = 0
  private metadata: unknown
  private position: number | undefined

  private place({ position }: StoredEvent.StoredEvent): Refused | undefined {
    const wrong = check.int("position of an event to restore", position, 1, Number.MAX_SAFE_INTEGER)
    if (wrong !== undefined) return wrong
    if (this.position !== undefined && position !== this.position + 1) {
      return refused(`position after ${this.position}`, `${this.position + 1}`, `${position}`)
    }
    this.position = position
  }

  /** The commit of an event: the one at hand, or the next. */
  private commit(event: StoredEvent.StoredEvent): Refused | undefined {
    const { commitId, commitIndex, metadata, position, recordedAt: { epochMilliseconds: recordedAt } } = event
    const at = this.commits.at(-1)
    const goesOn = at?.id === commitId
    const index = goesOn ? this.count : 0
    if (commitIndex !== index) {
      const expected = goesOn ? `${index}` : "0, for commits are whole"
      return refused(`place in its commit of the event at position ${position}`, expected, check.show(commitIndex))
    }
    if (goesOn) {
      const what = `the event at position ${position}`
      if (++this.count > Limits.eventsPerCommit) {
        return refused(`events of commit ${commitId}`, `at most ${Limits.eventsPerCommit}`, "more")
      }
      if (recordedAt !== at.recordedAt) {
        return refused(`recordedAt of ${what}`, `${iso(at.recordedAt)}, that of its commit`, iso(recordedAt))
      }
      if (metadata === this.metadata) return undefined
      const text = json.encode(`metadata of ${what}`, metadata, Limits.metadataBytes)
      if (typeof text !== "string") return text
      return text === at.metadata ? undefined : refused(`metadata of ${what}`, "that of its commit", "other metadata")
    }
    const what = `metadata of commit ${commitId}`
    const wrong = check.commitId(`commit id at position ${position}`, commitId)
      ?? checkTime(`recordedAt of the event at position ${position}`, recordedAt)
      ?? checkObject(what, metadata)
    if (wrong !== undefined) return wrong
    if (at !== undefined && recordedAt < at.recordedAt) {
      return refused(
        `recordedAt of the event at position ${position}`,
        `at or after ${iso(at.recordedAt)}`,
        iso(recordedAt)
      )
    }
    if (this.ids.has(commitId)) {
      return refused(`commit ${commitId}`, "its events one after the other", "others between them")
    }
    this.ids.add(commitId)
    const { fingerprint } = metadata
    if (fingerprint !== undefined && (typeof fingerprint !== "string" || fingerprint.length > 64)) {
      return refused(`fingerprint of commit ${commitId}`, "at most 64 characters", check.show(fingerprint))
    }
    const text = json.encode(what, metadata, Limits.metadataBytes)
    if (typeof text !== "string") return text
    this.count = 1
    this.metadata = metadata
    this.bytes += utf8Bytes(text)
    this.commits.push({ id: commitId, fingerprint, metadata: text, recordedAt })
  }

  /** The slot of the stream of an event, which stands at its next version. */
  private slot({ position, stream, version }: StoredEvent.StoredEvent): number | Refused {
    const key = StreamName.format(stream)
    const slot = this.slots.get(key)
    if (slot !== undefined) {
      const expected = this.versions[slot]! + 1
      if (version !== expected) {
        return refused(`version of ${key} at position ${position}`, `${expected}`, check.show(version))
      }
      this.versions[slot] = version
      return slot
    }
    const wrong = check.stream(stream)
      ?? check.int(`version of ${key} at position ${position}`, version, 1, 2_147_483_647)
    if (wrong !== undefined) return wrong
    this.slots.set(key, this.streams.length)
    this.versions.push(version)
    return this.streams.push({ stream, key, before: version - 1 }) - 1
  }

  add(event: StoredEvent.StoredEvent): Refused | undefined {
    const { commitIndex: index, payload, position, revision, type, version } = event
    const misplaced = this.place(event) ?? this.commit(event)
    if (misplaced !== undefined) return misplaced
    const slot = this.slot(event)
    if (slot instanceof Refused) return slot
    const occurredAt = event.occurredAt.epochMilliseconds
    const what = `payload of ${type} at position ${position}`
    const wrong = check.name(`event type at position ${position}`, type)
      ?? check.int(`revision of ${type} at position ${position}`, revision, 1, 32_767)
      ?? checkTime(`occurredAt of the event at position ${position}`, occurredAt)
      ?? (payload === null ? undefined : checkObject(what, payload))
    if (wrong !== undefined) return wrong
    const text = payload === null ? null : json.encode(what, payload, Limits.payloadBytes)
    if (text instanceof Refused) return text
    if (text !== null) this.bytes += utf8Bytes(text)
    if (this.bytes > Limits.bytesPerRestore) {
      return refused("payloads and metadata of one restore", `at most ${Limits.bytesPerRestore} bytes`, "more")
    }
    const commit = this.commits.length - 1
    this.events.push({ commit, index, slot, version, position, type, revision, payload: text, occurredAt })
  }
}

/**
 * Checks events that are to be restored against the limits and each other, and encodes them, or tells why they are refused.
 * For authors of stores.
 *
 * **Details**
 *
 * Pure, and the same for every store. Left to the store is what it alone knows: its head, the versions of its streams, the
 * commits that it has.
 *
 * @category stores
 * @since 0.1.0
 */
export const encode = (events: Arr.NonEmptyReadonlyArray<StoredEvent.StoredEvent>): Restored | Refused => {
  // The types ask for an event; a program without types may come with none.
  if (events.length < 1 || events.length > Limits.eventsPerRestore) {
    return refused("events of one restore", `1 to ${Limits.eventsPerRestore}`, `${events.length}`)
  }
  const encoding = new Encoding()
  for (const event of events) {
    const wrong = encoding.add(event)
    if (wrong !== undefined) return wrong
  }
  // Each list has an entry for the first event.
  return encoding as unknown as Restored
}
