/**
 * Requests for events, and the pages that answer them.
 *
 * @since 0.1.0
 */
import { Refused } from "./EventStoreError.ts"
import * as check from "./internal/check.ts"
import * as Limits from "./Limits.ts"
import type { Position, StoredEvent } from "./StoredEvent.ts"
import type { StreamName } from "./StreamName.ts"

/**
 * Which events a reader asks for. What is given must all hold; within a list, one of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  /** Pairs of category and type, so that another domain's event of the same name is not among them. */
  readonly sources?: ReadonlyArray<{ readonly category: string; readonly type: string }> | undefined
  readonly categories?: ReadonlyArray<string> | undefined
  readonly types?: ReadonlyArray<string> | undefined
  readonly stream?: StreamName | undefined
  readonly tenant?: string | undefined
}

/**
 * A page of the whole store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  /** Starts behind this position: above it reading forward (0 unless told), below it reading backward (the head unless told). */
  readonly after?: number | undefined
  /** Last position to examine, itself included. */
  readonly until?: number | undefined
  readonly filter?: Filter | undefined
  /** Events wanted, 1 to `Limits.eventsPerPage`. */
  readonly limit?: number | undefined
  readonly direction?: "forward" | "backward" | undefined
}

/**
 * Some events of the whole store, in the order asked for.
 *
 * **Details**
 *
 * A page ends on a commit boundary: of a commit it holds all events that fit the filter, or none. So it may hold more
 * events than asked for. It may hold fewer, or none, before the head: `scannedTo` tells how far it has looked, and is
 * where the next page starts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Page {
  readonly events: ReadonlyArray<StoredEvent>
  /** No event that fits lies between the start of the page and here, apart from those in it. */
  readonly scannedTo: Position
  /** Nothing was left in that direction, within `until`, when the page was read. */
  readonly atHead: boolean
}

/**
 * A page of one stream, by version.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamRequest {
  readonly stream: StreamName
  /** Starts behind this version: above it reading forward (0 unless told), below it reading backward (the last unless told). */
  readonly after?: number | undefined
  /** Last version to read, itself included. */
  readonly until?: number | undefined
  /** Events wanted, 1 to `Limits.eventsPerPage`. */
  readonly limit?: number | undefined
  readonly direction?: "forward" | "backward" | undefined
  /**
   * Asks for no more of each event than a fold needs: stream, version, position, type, revision and payload. A store may
   * leave out the rest; reading that is then a defect.
   */
  readonly only?: "payloads" | undefined
}

/**
 * Some events of one stream, in the order asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamPage {
  readonly events: ReadonlyArray<StoredEvent>
  /** Nothing was left in that direction, within `until`, when the page was read. */
  readonly atEnd: boolean
}

/**
 * A request with everything filled in and checked. For authors of stores.
 *
 * @category stores
 * @since 0.1.0
 */
export interface Range {
  /** Exclusive bound where reading starts: a position, or a version. */
  readonly after: number
  /** Inclusive bound where reading ends. */
  readonly until: number
  readonly limit: number
  readonly backward: boolean
}

const last = Number.MAX_SAFE_INTEGER

const rangeOf = (
  what: string,
  { after, direction, limit = Limits.eventsPerPageDefault, until }: Omit<Request, "filter">
): Range | Refused => {
  const backward = direction === "backward"
  const range: Range = {
    after: after ?? (backward ? last : 0),
    until: until ?? (backward ? 1 : last),
    limit,
    backward
  }
  return check.int(`limit of ${what}`, limit, 1, Limits.eventsPerPage)
    ?? check.int(`start of ${what}`, range.after, 0, last)
    ?? check.int(`end of ${what}`, range.until, 0, last)
    ?? range
}

const checkFilter = ({ categories = [], sources = [], stream, tenant, types = [] }: Filter): Refused | undefined => {
  const count = sources.length + categories.length + types.length
  if (count > Limits.namesPerFilter) {
    return new Refused({ what: "names of a filter", expected: `at most ${Limits.namesPerFilter}`, actual: `${count}` })
  }
  for (const name of [...categories, ...types, ...sources.flatMap(({ category, type }) => [category, type])]) {
    const wrong = check.text("name of a filter", name, 0)
    if (wrong !== undefined) return wrong
  }
  return (tenant === undefined ? undefined : check.text("tenant of a filter", tenant, 0))
    ?? (stream === undefined ? undefined : check.stream(stream))
}

/**
 * Fills in and checks a request, or tells why it is refused. For authors of stores.
 *
 * @category stores
 * @since 0.1.0
 */
export const range = (request: Request): Range | Refused =>
  (request.filter === undefined ? undefined : checkFilter(request.filter)) ?? rangeOf("a page of the store", request)

/**
 * Fills in and checks a request for events of one stream, or tells why it is refused. For authors of stores.
 *
 * @category stores
 * @since 0.1.0
 */
export const streamRange = (request: StreamRequest): Range | Refused =>
  check.stream(request.stream) ?? rangeOf("a page of a stream", request)
