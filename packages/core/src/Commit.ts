/**
 * What is written to a store at once: events of one or several streams, all or nothing, under one id.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import type * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import * as CommitId from "./CommitId.ts"
import { Refused } from "./EventStoreError.ts"
import * as check from "./internal/check.ts"
import * as json from "./internal/json.ts"
import { utf8Bytes } from "./internal/text.ts"
import * as Limits from "./Limits.ts"
import { type EventMetadata, Position } from "./StoredEvent.ts"
import * as StreamName from "./StreamName.ts"

/**
 * What the writer expects of a stream.
 *
 * **Details**
 *
 * - a number: that version exactly; 0 for a stream without events
 * - `"any"`: whatever is there
 * - `"exists"`: at least one event
 * - `{ version, commitId }`: that version, written by that commit. For a decision taken on top of a commit that is not
 *   acknowledged yet: the number alone would also fit when another writer got there first with as many events. It never
 *   holds of a commit with a fingerprint: its id does not say what was written.
 *
 * @category models
 * @since 0.1.0
 */
export type Expected = number | "any" | "exists" | {
  readonly version: number
  readonly commitId: CommitId.CommitId
}

/**
 * An event on its way to a store.
 *
 * @category models
 * @since 0.1.0
 */
export interface NewEvent {
  readonly type: string
  /** Revision of the payload's schema, from 1. */
  readonly revision: number
  /** A JSON object. What JSON cannot hold exactly is `Refused`. */
  readonly payload: Schema.JsonObject
  /** When it happened in the world; when it is recorded, unless told. */
  readonly occurredAt?: DateTime.Utc | undefined
}

/**
 * Events for the end of one stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Write {
  readonly stream: StreamName.StreamName
  readonly expected: Expected
  readonly events: Arr.NonEmptyReadonlyArray<NewEvent>
}

/**
 * A condition on a stream that the commit reads and does not write.
 *
 * @category models
 * @since 0.1.0
 */
export interface Check {
  readonly _tag: "Stream"
  readonly stream: StreamName.StreamName
  readonly expected: Expected
}

/**
 * What is written at once: all of it or nothing.
 *
 * **Details**
 *
 * One stream may be written several times, and its events are stored in the order of the writes. Each write's
 * `expected` sees the writes before it, and is `Refused` where it contradicts them; a check sees none of them.
 *
 * The id is an idempotency key for ever. The same id with the same content returns the first receipt, with other
 * content it is `Refused`. The same content means the same streams, types, revisions and payloads, or, where one is
 * given, the same `fingerprint`. Times, metadata and expected versions do not count.
 *
 * @category models
 * @since 0.1.0
 */
export interface Commit {
  /** A new one, unless told. */
  readonly id?: CommitId.CommitId | undefined
  readonly writes: Arr.NonEmptyReadonlyArray<Write>
  readonly checks?: ReadonlyArray<Check> | undefined
  readonly metadata?: EventMetadata | undefined
  /** Stands for the content when the commit is compared with another of its id. At most 64 characters. */
  readonly fingerprint?: string | undefined
}

/**
 * Where one stream stands after a commit: it wrote versions `from` to `to`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamReceipt {
  readonly stream: StreamName.StreamName
  readonly from: number
  readonly to: number
}

/**
 * What a commit returns: where its events are.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receipt {
  readonly commitId: CommitId.CommitId
  /** The store that gave it. Positions of different stores do not compare. */
  readonly storeId: string
  /** Position of its first event. */
  readonly first: Position
  /** Position of its last event. */
  readonly last: Position
  /** One entry a stream, in the order of first mention. */
  readonly streams: Arr.NonEmptyReadonlyArray<StreamReceipt>
  readonly recordedAt: DateTime.Utc
  /** True when the commit had been stored before, under the same id. */
  readonly replayed: boolean
}

/**
 * Schema of a `Receipt`, for receipts that travel.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Receipt = Schema.Struct({
  commitId: CommitId.CommitId,
  storeId: Schema.String,
  first: Position,
  last: Position,
  streams: Schema.NonEmptyArray(Schema.Struct({ stream: StreamName.StreamName, from: Schema.Int, to: Schema.Int })),
  recordedAt: Schema.DateTimeUtc,
  replayed: Schema.Boolean
})

/**
 * A stream that an encoded commit writes or checks. Conditions are judged against the version before the commit.
 *
 * @category stores
 * @since 0.1.0
 */
export interface EncodedStream {
  readonly stream: StreamName.StreamName
  /** `StreamName.format` of it. */
  readonly key: string
  /** All must hold. */
  readonly expected: ReadonlyArray<Expected>
  /** How many events the commit adds; 0 for a stream that is only checked. */
  readonly count: number
}

/**
 * An event ready to be stored.
 *
 * @category stores
 * @since 0.1.0
 */
export interface EncodedEvent {
  /** Index of its stream in `Encoded.streams`. */
  readonly slot: number
  readonly type: string
  readonly revision: number
  /** JSON text. */
  readonly payload: string
  /** Milliseconds since 1970, or `null` for the time of recording. */
  readonly occurredAt: number | null
}

/**
 * A commit that keeps every limit, as stores take it.
 *
 * @category stores
 * @since 0.1.0
 */
export interface Encoded {
  readonly id: CommitId.CommitId
  /** False when the id was made by `encode`, so that it cannot have been stored before. */
  readonly givenId: boolean
  readonly fingerprint: string | undefined
  /** Distinct, in the order of first mention: writes first, then streams that are only checked. */
  readonly streams: Arr.NonEmptyReadonlyArray<EncodedStream>
  readonly events: Arr.NonEmptyReadonlyArray<EncodedEvent>
  /** JSON text, the same for every event. */
  readonly metadata: string
  /** UTF-16 units of all texts: about the bytes that travel. */
  readonly size: number
}

/** A stream while its commit is encoded. */
interface Entry {
  readonly stream: StreamName.StreamName
  readonly key: string
  readonly expected: Array<Expected>
  count: number
  /** The version before the commit, where a write has named it. */
  base: number | undefined
}

/** Builds the streams of an encoded commit: one entry a stream, however often it is named. */
class Streams {
  readonly list: Array<Entry> = []
  private readonly slots = new Map<string, number>()

  slot(stream: StreamName.StreamName): number {
    const key = StreamName.format(stream)
    const known = this.slots.get(key)
    if (known !== undefined) return known
    this.slots.set(key, this.list.length)
    return this.list.push({ stream, key, expected: [], count: 0, base: undefined }) - 1
  }
}

const checkExpected = (what: string, expected: Expected): Refused | undefined => {
  if (expected === "any" || expected === "exists") return undefined
  if (typeof expected === "number") return check.int(what, expected, 0, 2_147_483_647)
  if (typeof expected !== "object" || expected === null) {
    const words = "a version, \"any\", \"exists\", or a version and its commit"
    return new Refused({ what, expected: words, actual: check.show(expected) })
  }
  const { commitId, version } = expected
  return check.int(what, version, 1, 2_147_483_647) ?? check.commitId(`commit of the ${what}`, commitId)
}

/**
 * Adds what a write expects to the conditions of its stream, which are about the time before the commit. What an
 * earlier write of the commit has made impossible is no conflict with anybody, but a mistake.
 */
const expect = (entry: Entry, expected: Expected): Refused | undefined => {
  const what = `expected version of ${entry.key}`
  const wrong = checkExpected(what, expected)
  if (wrong !== undefined || expected === "any") return wrong
  const written = entry.count
  if (written === 0) {
    entry.expected.push(expected)
    if (expected !== "exists") entry.base = typeof expected === "number" ? expected : expected.version
    return undefined
  }
  if (expected === "exists") return undefined
  const base = typeof expected === "number" ? expected - written : -1
  if (base < 0 || (entry.base !== undefined && entry.base !== base)) {
    const fits = entry.base === undefined ? `a number from ${written} on` : `${entry.base + written}`
    return new Refused({
      what,
      expected: `${fits} after ${written} events of its own commit`,
      actual: showExpected(expected)
    })
  }
  if (entry.base === undefined) entry.expected.push(base)
  entry.base = base
  return undefined
}

const showExpected = (expected: Expected): string =>
  typeof expected === "object" ? `version ${expected.version} of commit ${expected.commitId}` : String(expected)

const encodeEvent = (event: NewEvent, slot: number, where: string): EncodedEvent | Refused => {
  const wrong = check.name(`event type in ${where}`, event.type)
    ?? check.int(`revision of ${event.type} in ${where}`, event.revision, 1, 32_767)
  if (wrong !== undefined) return wrong
  const what = `payload of ${event.type} in ${where}`
  if (typeof event.payload !== "object" || event.payload === null || Array.isArray(event.payload)) {
    const actual = Array.isArray(event.payload) ? "an array" : check.show(event.payload)
    return new Refused({ what, expected: "a JSON object", actual })
  }
  const occurredAt = event.occurredAt?.epochMilliseconds ?? null
  if (occurredAt !== null && !(occurredAt >= Limits.earliestMillis && occurredAt <= Limits.latestMillis)) {
    const actual = `${occurredAt} ms since 1970`
    return new Refused({
      what: `occurredAt of ${event.type} in ${where}`,
      expected: "a time of the years 1 to 9999",
      actual
    })
  }
  const payload = json.encode(what, event.payload, Limits.payloadBytes)
  if (typeof payload !== "string") return payload
  const { revision, type } = event
  return { slot, type, revision, payload, occurredAt }
}

/**
 * Checks a commit against the limits and encodes it, or tells why it is refused. For authors of stores.
 *
 * **Details**
 *
 * Pure, and the same for every store: what one store refuses, all refuse, and before anything is written.
 *
 * @category stores
 * @since 0.1.0
 */
export const encode = (commit: Commit): Encoded | Refused => {
  const streams = new Streams()
  const events: Array<EncodedEvent> = []
  let size = 0
  for (const { stream, expected, events: added } of commit.writes) {
    const unnamed = check.stream(stream)
    if (unnamed !== undefined) return unnamed
    const slot = streams.slot(stream)
    const entry = streams.list[slot]!
    const wrong = expect(entry, expected)
    if (wrong !== undefined) return wrong
    for (const event of added) {
      if (events.length === Limits.eventsPerCommit) {
        const actual = `${commit.writes.reduce((sum, write) => sum + write.events.length, 0)}`
        return new Refused({ what: "events of one commit", expected: `at most ${Limits.eventsPerCommit}`, actual })
      }
      const encoded = encodeEvent(event, slot, entry.key)
      if (encoded instanceof Refused) return encoded
      size += encoded.payload.length
      events.push(encoded)
    }
    entry.count += added.length
  }
  for (const { stream, expected } of commit.checks ?? []) {
    const wrong = check.stream(stream) ?? checkExpected(`expected version of ${StreamName.format(stream)}`, expected)
    if (wrong !== undefined) return wrong
    streams.list[streams.slot(stream)]!.expected.push(expected)
  }
  return finish(commit, streams.list, events, size)
}

const finish = (
  commit: Commit,
  streams: ReadonlyArray<EncodedStream>,
  events: ReadonlyArray<EncodedEvent>,
  size: number
): Encoded | Refused => {
  const refused = (what: string, expected: string, actual: string) => new Refused({ what, expected, actual })
  // The types ask for a write with an event; a program without types may come with none.
  const [stream, ...otherStreams] = streams
  const [event, ...otherEvents] = events
  if (stream === undefined || event === undefined) return refused("events of one commit", "at least 1", "0")
  if (streams.length > Limits.streamsPerCommit) {
    return refused("streams of one commit", `at most ${Limits.streamsPerCommit}`, `${streams.length}`)
  }
  // A character is at most three bytes per UTF-16 unit, so most commits need no count.
  const bytes = size * 3 <= Limits.commitBytes ? 0 : events.reduce((sum, { payload }) => sum + utf8Bytes(payload), 0)
  if (bytes > Limits.commitBytes) {
    return refused("payloads of one commit", `at most ${Limits.commitBytes} bytes`, `${bytes} bytes`)
  }
  const { id = CommitId.generateUnsafe(), metadata: { fingerprint: copied, ...circumstances } = {} } = commit
  const wrong = check.commitId("commit id", id)
  if (wrong !== undefined) return wrong
  // Metadata that was read from a store has the fingerprint in it.
  const fingerprint = commit.fingerprint ?? copied
  if (fingerprint !== undefined && fingerprint.length > 64) {
    return refused("fingerprint", "at most 64 characters", `${fingerprint.length}`)
  }
  const metadata = fingerprint === undefined ? circumstances : { ...circumstances, fingerprint }
  const text = json.encode(`metadata of commit ${id}`, metadata, Limits.metadataBytes)
  if (typeof text !== "string") return text
  return {
    id,
    givenId: commit.id !== undefined,
    fingerprint,
    streams: [stream, ...otherStreams],
    events: [event, ...otherEvents],
    metadata: text,
    size
  }
}
