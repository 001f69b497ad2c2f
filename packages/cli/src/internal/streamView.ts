/** One stream as it lies in the store, and as the project reads it. */
import * as Aggregate from "@varve/core/Aggregate"
import type * as Domain from "@varve/core/Domain"
import { EventStore } from "@varve/core/EventStore"
import * as Limits from "@varve/core/Limits"
import * as Metadata from "@varve/core/Metadata"
import type * as Page from "@varve/core/Page"
import type { StoredEvent } from "@varve/core/StoredEvent"
import type * as StreamName from "@varve/core/StreamName"
import { type Reader, Upcaster } from "@varve/core/Upcaster"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Project } from "../Project.ts"
import { messageOf } from "./telling.ts"

/** What the project makes of a stored event. */
export type Reading =
  /** Tags of the events that it has become. */
  | { readonly _tag: "Read"; readonly as: ReadonlyArray<string> }
  | { readonly _tag: "Unreadable"; readonly why: string; readonly cause: string | undefined }
  /** No aggregate of the project has this category. */
  | { readonly _tag: "Unknown" }

export interface Seen {
  readonly event: StoredEvent
  readonly reading: Reading
}

/** The aggregate whose instances are stored under a category. */
export const aggregateOf = (project: Project, category: string) =>
  Effect.map(
    Effect.service(Upcaster),
    (upcaster): Domain.AggregatePart | undefined =>
      project.domains.flatMap(({ aggregates }) => aggregates).find(({ tag }) => upcaster.category(tag) === category)
  )

/** Whether an event is before a point, or at it. */
const isBefore = (at: Aggregate.At | undefined) => (event: StoredEvent): boolean => {
  if (at === undefined) return true
  if ("version" in at) return event.version <= at.version
  if ("position" in at) return event.position <= at.position
  if ("recordedAt" in at) return event.recordedAt.epochMilliseconds <= DateTime.toEpochMillis(at.recordedAt)
  return event.occurredAt.epochMilliseconds <= DateTime.toEpochMillis(at.occurredAt)
}

const readingOf = (reader: Reader<{ readonly _tag: string }> | undefined) => (event: StoredEvent): Reading => {
  if (reader === undefined) return { _tag: "Unknown" }
  const read = reader.upcast(event)
  if (Result.isSuccess(read)) return { _tag: "Read", as: read.success.map(({ event }) => event._tag) }
  const { cause, why } = read.failure
  return { _tag: "Unreadable", why, cause: cause === undefined ? undefined : messageOf(cause) }
}

/** The last events of a stream up to a point, oldest first, and the version of the one before them; 0 when there is none. */
export const eventsOf = Effect.fnUntraced(function*(
  stream: StreamName.StreamName,
  aggregate: Domain.AggregatePart | undefined,
  options: { readonly at: Aggregate.At | undefined; readonly limit: number }
) {
  const store = yield* EventStore
  const upcaster = yield* Upcaster
  const reader = aggregate === undefined
    ? undefined
    : upcaster.reader({ name: aggregate.tag, aggregates: [aggregate.tag], events: aggregate.events })
  const before = isBefore(options.at)
  const seen: Array<Seen> = []
  const version = options.at !== undefined && "version" in options.at ? options.at.version : undefined
  // How far back a time is, nobody knows.
  const pageSize = options.at === undefined || version !== undefined ? options.limit + 1 : Limits.eventsPerPageDefault
  let after = version === undefined ? undefined : version + 1
  let rest = 0
  while (true) {
    const limit = Math.min(pageSize, Limits.eventsPerPageDefault)
    const page: Page.StreamPage = yield* store.readStreamPage({ stream, after, direction: "backward", limit })
    for (const event of page.events) {
      if (!before(event)) continue
      if (seen.length < options.limit) seen.push({ event, reading: readingOf(reader)(event) })
      else {
        rest = event.version
        break
      }
    }
    after = page.events.at(-1)?.version
    if (page.atEnd || rest > 0 || after === undefined) break
  }
  return { seen: seen.reverse(), earlier: rest }
})

/** A state as JSON, if its schema has a way. */
const stateJson = (aggregate: Domain.AggregatePart, state: unknown): Schema.Json => {
  // States are plain data: their schemas ask for no services.
  const codec = Schema.toCodecJson(aggregate.state as Schema.Codec<unknown, unknown>)
  return Schema.encodeUnknownSync(codec)(state) as Schema.Json
}

/** What the events of an instance come to, or why they come to nothing. */
export type State =
  | { readonly _tag: "Folded"; readonly state: Schema.Json; readonly version: number }
  | { readonly _tag: "Unreadable"; readonly message: string }

export const stateOf = (
  stream: StreamName.StreamName,
  aggregate: Domain.AggregatePart,
  at: Aggregate.At | undefined
) =>
  Aggregate.loadAny(aggregate, stream.id, { at }).pipe(
    Metadata.provide({ tenant: stream.tenant }),
    Effect.map(({ state, version }): State => ({ _tag: "Folded", state: stateJson(aggregate, state), version })),
    Effect.catchReason(
      "ExecutionError",
      "Unreadable",
      (error) => Effect.succeed<State>({ _tag: "Unreadable", message: error.message })
    ),
    // The code of the project has folded it, and the schema of the project has encoded it.
    Effect.catchDefect((defect) => Effect.succeed<State>({ _tag: "Unreadable", message: messageOf(defect) }))
  )
