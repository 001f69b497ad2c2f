/** Reads a store page by page as text, in bounded memory. */
import * as EventStore from "@varve/core/EventStore"
import type { EventStoreError } from "@varve/core/EventStoreError"
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Failed, failed } from "./Failed.ts"
import * as ndjson from "./ndjson.ts"

/** About how many bytes a page takes: the events asked for next are as many as fit when they are like the last ones. */
const bytesPerPage = 2_097_152
/** Behind events that are small there may be the largest: a page of those must fit into memory, and into one text. */
const eventsPerPage = 250
/** Before the length of a line is known. */
const eventsOfFirstPage = 50

/** Some lines, each with its end. */
export interface Page {
  readonly text: string
  readonly events: number
  /** Position of the last of them. */
  readonly to: number
}

export const unreadable = (error: EventStoreError): Failed =>
  new Failed({ message: `reading the store: ${error.message}` })

/** The lines of a store behind `after`, up to `until`. */
export const pages = (range: {
  readonly after: number
  readonly until: number
}): Stream.Stream<Page, Failed, EventStore.EventStore> =>
  range.after >= range.until ? Stream.empty : Stream.paginate(
    { after: range.after, limit: eventsOfFirstPage },
    ({ after, limit }) =>
      Effect.map(
        Effect.mapError(
          EventStore.EventStore.use((store) => store.readPage({ after, until: range.until, limit })),
          unreadable
        ),
        ({ atHead, events, scannedTo }) => {
          const text = ndjson.formatAll(events)
          const fitting = Math.floor(bytesPerPage * events.length / Math.max(text.length, 1))
          const next = { after: scannedTo, limit: Math.min(Math.max(fitting, 1), eventsPerPage) }
          const page: Page = { text, events: events.length, to: scannedTo }
          return [[page], atHead ? Option.none() : Option.some(next)] as const
        }
      )
  )

/** The events at some positions, both included. */
export const eventsAt = Effect.fnUntraced(function*(from: number, to: number) {
  const store = yield* EventStore.EventStore
  const events: Array<StoredEvent> = []
  while (from + events.length <= to) {
    const page = yield* store.readPage({ after: from + events.length - 1, until: to, limit: to - from + 1 })
    if (page.events.length === 0) break
    events.push(...page.events)
  }
  return events
}, Effect.mapError(unreadable))

/** The events behind a position, up to the end of the commit that is there. */
export const commitBehind = (after: number) =>
  EventStore.EventStore.use((store) => store.readPage({ after, limit: 1 })).pipe(
    Effect.map(({ events }) => events),
    Effect.mapError(unreadable)
  )

/** Refuses a position that is in the middle of a commit: what ends there could not be imported. */
export const checkBoundary = Effect.fnUntraced(function*(flag: string, position: number, head: number) {
  if (position === 0 || position >= head) return
  const [before, after] = yield* eventsAt(position, position + 1)
  if (before === undefined || before.commitId !== after?.commitId) return
  const first = position - before.commitIndex
  return yield* failed(
    `${flag} ${position}`,
    "the end of a commit",
    `the middle of one: commit ${before.commitId} begins at position ${first}; say ${first - 1}, or a later one`
  )
})
