/** The store that an import fills: what it holds already is compared, what it lacks is written. */
import * as EventStore from "@varve/core/EventStore"
import type { EventStoreError } from "@varve/core/EventStoreError"
import * as Limits from "@varve/core/Limits"
import * as StoreAdmin from "@varve/core/StoreAdmin"
import type { StoredEvent } from "@varve/core/StoredEvent"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as exactJson from "./exactJson.ts"
import { Failed } from "./Failed.ts"
import * as ndjson from "./ndjson.ts"

/** Events of one commit, as the store is to hold them. */
export interface Wanted {
  readonly events: Arr.NonEmptyReadonlyArray<StoredEvent>
  /** Length of their lines, or of those that they come from; not less than that of their payloads. */
  readonly bytes: number
  /** What messages call the first and the last of them. */
  readonly from: string
  readonly to: string
}

/** What became of the events. */
export interface Counts {
  readonly written: number
  readonly alreadyThere: number
  /** How many of those that were there were compared. */
  readonly compared: number
  /** How many of them were erased in the store since. */
  readonly erasedSince: number
  readonly head: number
}

/** How much goes to the store in one call, the last commit apart. */
const eventsPerBatch = 2_000
const bytesPerBatch = 4_194_304

/** Commits that are compared of those that are there, unless all are. */
const samples = 64

/** How often a batch that was not written is sent again. */
const resends = 4

const patiently = {
  while: (error: EventStoreError) => error.reason._tag === "Unavailable",
  schedule: Schedule.exponential("100 millis"),
  times: resends
}

const explain = (what: string) => (error: EventStoreError): Failed => {
  const again = error.reason._tag === "Unavailable" || error.reason._tag === "OutcomeUnknown"
    ? "; run the command again, and it goes on where the store is"
    : ""
  return new Failed({ message: `${what}: ${error.message}${again}` })
}

/** Where two events differ, in words; nothing when they do not. */
const difference = (wanted: StoredEvent, stored: StoredEvent): string | undefined => {
  const [left, right] = [ndjson.format(wanted), ndjson.format(stored)]
  if (left === right) return undefined
  // Both are objects of the same keys.
  const [expected, actual] = [left, right].map((line): { readonly [key: string]: unknown } => JSON.parse(line))
  const texts = (event: { readonly [key: string]: unknown } | undefined) =>
    Object.entries(event ?? {}).map(([key, value]) => [key, exactJson.stringify(value)] as const)
  const others = texts(actual)
  const short = (text: string) => text.length <= 200 ? text : `${text.slice(0, 200)}…`
  return texts(expected).flatMap(([key, text], i) => {
    const [, other] = others[i]!
    return text === other ? [] : [`${key}: expected ${short(text)}, got ${short(other)}`]
  })[0]
}

const erased = (event: StoredEvent): StoredEvent => ({ ...event, payload: null })

/** Reads what a store holds, position by position, a page at a time. */
const reader = (store: EventStore.EventStore["Service"], head: number, ahead: boolean) => {
  let page: ReadonlyArray<StoredEvent> = []
  return Effect.fnUntraced(function*({ bytes, events }: Wanted) {
    const [first, last] = [events[0].position, events.at(-1)!.position]
    const found: Array<StoredEvent> = []
    while (found.length < events.length) {
      const position = first + found.length
      const held = position - (page[0]?.position ?? position + 1)
      if (held >= 0 && held < page.length) {
        found.push(...page.slice(held, held + events.length - found.length))
        continue
      }
      const limit = ahead ? Math.min(Math.ceil(bytesPerBatch * events.length / bytes), 1_000) : events.length
      const until = ahead ? head : last
      page = (yield* store.readPage({ after: position - 1, until, limit })).events
      if (page[0]?.position !== position) return yield* new Failed({ message: `position ${position} is not there` })
    }
    return found
  }, Effect.mapError((error) => error instanceof Failed ? error : explain("reading the store")(error)))
}

const lines = ({ from }: Wanted, { to }: Wanted): string => from === to ? from : `${from} to ${to}`

/** Sends commits to the store, many in one call. */
const writer = (admin: StoreAdmin.StoreAdmin["Service"]) => {
  let batch: Array<Wanted> = []
  let [events, bytes] = [0, 0]
  const flush = Effect.fnUntraced(function*() {
    const [first, ...others] = batch
    if (first === undefined) return
    const what = lines(first, others.at(-1) ?? first)
    const all: Arr.NonEmptyReadonlyArray<StoredEvent> = [
      ...first.events,
      ...others.flatMap(({ events }): ReadonlyArray<StoredEvent> => events)
    ]
    batch = []
    events = 0
    bytes = 0
    yield* admin.restore(all).pipe(Effect.retry(patiently), Effect.mapError(explain(what)))
  })
  return {
    flush: Effect.suspend(flush),
    put: Effect.fnUntraced(function*(wanted: Wanted) {
      const isFull = events + wanted.events.length > Limits.eventsPerRestore
        || bytes + wanted.bytes > Limits.bytesPerRestore
      if (isFull) yield* flush()
      batch.push(wanted)
      events += wanted.events.length
      bytes += wanted.bytes
      if (events >= eventsPerBatch || bytes >= bytesPerBatch) yield* flush()
    })
  }
}

/** Whether a commit is one of those that are looked at when not all are: some all over the store, and the last one. */
const sampler = (head: number) => {
  let start: number | undefined
  return ({ events }: Wanted): boolean => {
    const [first, last] = [events[0].position, events.at(-1)!.position]
    start ??= first
    const stride = Math.max(Math.floor((head - start + 1) / samples), 1)
    const sample = (position: number) => Math.floor((position - start!) / stride)
    return last === head || first === start || sample(last) > sample(first - 1)
  }
}

/**
 * Takes commits in their order, from any position that the store has or lacks next. `all` compares every event that is
 * there, not some; `write` writes what is not there, which is wrong otherwise.
 */
export const make = Effect.fnUntraced(function*(options: { readonly all: boolean; readonly write: boolean }) {
  const store = yield* EventStore.EventStore
  const writing = writer(yield* StoreAdmin.StoreAdmin)
  const head = yield* Effect.mapError(store.head, explain("reading the store"))
  const stored = reader(store, head, options.all)
  const isSample = sampler(head)
  let [next, written, alreadyThere, compared, erasedSince] = [0, 0, 0, 0, 0]

  const compare = Effect.fnUntraced(function*(wanted: Wanted) {
    const found = yield* stored(wanted)
    for (const [i, event] of wanted.events.entries()) {
      const there = found[i]!
      const gone = there.payload === null && event.payload !== null
      const differs = difference(gone ? erased(event) : event, there)
      if (differs !== undefined) {
        const message = `${wanted.from} is not what the store holds at position ${event.position}, ${differs}`
        return yield* new Failed({ message })
      }
      if (gone) erasedSince++
    }
    compared += found.length
  })

  return {
    /** The head that the store had. */
    head,
    put: Effect.fnUntraced(function*(wanted: Wanted) {
      const [first, last] = [wanted.events[0].position, wanted.events.at(-1)!.position]
      if (next === 0 && first > head + 1) {
        const message = `${wanted.from} does not continue the store: expected position ${head + 1}, got ${first}`
        return yield* new Failed({ message })
      }
      next = last + 1
      if (last <= head) {
        alreadyThere += wanted.events.length
        if (options.all || isSample(wanted)) yield* compare(wanted)
        return
      }
      if (first <= head) {
        const message = `${lines(wanted, wanted)}: the store ends at position ${head}, in the middle of this commit, `
          + `which has the positions ${first} to ${last}`
        return yield* new Failed({ message })
      }
      if (!options.write) {
        return yield* new Failed({ message: `${wanted.from}: expected at position ${first} of the store, got none` })
      }
      written += wanted.events.length
      yield* writing.put(wanted)
    }),
    /** Writes what is left, and tells what has become of it all. */
    end: Effect.gen(function*() {
      yield* writing.flush
      const counts: Counts = {
        written,
        alreadyThere,
        compared,
        erasedSince,
        head: yield* Effect.mapError(store.head, explain("reading the store"))
      }
      return counts
    })
  }
})
