/**
 * Events as they lie in a store.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import type { CommitId } from "./CommitId.ts"
import * as json from "./internal/parse.ts"
import type { StreamName } from "./StreamName.ts"

/**
 * 1-based place of an event in the whole store, in commit order and without gaps. 0 stands before the first event.
 *
 * @category models
 * @since 0.1.0
 */
export const Position = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).pipe(Schema.brand("@varve/core/Position"))

/**
 * 1-based place of an event in the whole store, in commit order and without gaps. 0 stands before the first event.
 *
 * @category models
 * @since 0.1.0
 */
export type Position = typeof Position.Type

/**
 * Takes a number as a position. Throws when it is not a whole number from 0 on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const position = (value: number): Position => Position.make(value)

/**
 * What is known of the circumstances of a commit. Every event of the commit bears it.
 *
 * @category models
 * @since 0.1.0
 */
export interface EventMetadata {
  /** The conversation the event belongs to. */
  readonly correlationId?: string
  /** Id of what directly caused it. */
  readonly causationId?: string
  /** Who did it. */
  readonly actor?: string
  /** Tag of the command that it was decided from. */
  readonly command?: string
  /** The span it was written in. */
  readonly trace?: { readonly traceId: string; readonly spanId: string }
  /** Tells whether a commit sent again with the same id is the same. Set with a commit id by `execute`. */
  readonly fingerprint?: string
  /** What the program adds. */
  readonly user?: { readonly [key: string]: Schema.Json }
}

/**
 * An event as a store gives it back.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredEvent {
  /** Derived from commit id and index, so it is the same on every retry. */
  readonly id: string
  readonly commitId: CommitId
  /** 0-based place in its commit. */
  readonly commitIndex: number
  readonly stream: StreamName
  /** 1-based place in its stream. */
  readonly version: number
  readonly position: Position
  readonly type: string
  /** Revision of the payload's schema, from 1. */
  readonly revision: number
  /** The decoded JSON, or `null` when the payload was erased. Whole payloads are never `null`. */
  readonly payload: Schema.Json
  readonly metadata: EventMetadata
  /** When it happened in the world, to the millisecond. */
  readonly occurredAt: DateTime.Utc
  /** When the store took it, to the millisecond. Never goes back along positions. */
  readonly recordedAt: DateTime.Utc
}

/**
 * Id of an event: that of its commit, and its place in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const id = (commitId: CommitId, commitIndex: number): string => `${commitId}/${commitIndex}`

/** What a fold has to know of an event. */
type Parts = Pick<StoredEvent, "stream" | "version" | "position" | "type" | "revision" | "payload">

class PayloadEvent implements StoredEvent {
  readonly stream: StreamName
  readonly version: number
  readonly position: Position
  readonly type: string
  readonly revision: number
  readonly payload: Schema.Json

  constructor({ payload, position, revision, stream, type, version }: Parts) {
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

/**
 * An event of which a reader has asked for the payload only (`Page.StreamRequest.only`), and what a fold has to know of
 * it. Reading anything else of it throws, and names what. For authors of stores.
 *
 * @category stores
 * @since 0.1.0
 */
export const ofPayload = (parts: Parts): StoredEvent => new PayloadEvent(parts)

/**
 * Reads the JSON text of a payload or of metadata. For authors of stores: `JSON.parse` alone reads some keys wrong on
 * some engines.
 *
 * @category stores
 * @since 0.1.0
 */
export const parseJson: (text: string) => Schema.Json = json.parse
