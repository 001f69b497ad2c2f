import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { EventStore } from "../EventStore.ts"
import { type EventStoreError, Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type * as Page from "../Page.ts"
import { type Reason, TooManyEvents } from "../ProjectionError.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import type { StreamName } from "../StreamName.ts"
import * as check from "./check.ts"
import { reasonOf } from "./definition.ts"
import { causeOf, type Item, itemsOf } from "./fold.ts"
import { type At, type Definition, filterOf as namesOf, foldRow } from "./projection.ts"
import * as question from "./question.ts"
import * as rowCodec from "./rowCodec.ts"
import type { Tagged } from "./running.ts"
import { type Reader, Upcaster } from "./upcaster.ts"

/** Most keys of one question whose streams are read one by one; with more, the whole is read. */
const streamsPerQuestion = 100

/** Most streams that one question reads at a time. */
const streamsAtOnce = 16

/** The events of a projection, as its fold sees them. */
export interface Past {
  readonly definition: Definition
  readonly codec: rowCodec.Codec
  readonly store: EventStore["Service"]
  readonly reader: Reader<Tagged>
  /** Categories whose streams hold all events of a key: its id is theirs. `undefined` when the fold says otherwise. */
  readonly categories: ReadonlyArray<string> | undefined
  /** Tells, once, that an event was not folded. */
  readonly warn: (failure: Failure) => Effect.Effect<void>
}

/** An event that the fold threw at, or made no row of. */
export interface Failure {
  readonly stored: StoredEvent
  readonly key: string
  readonly cause: string
}

export const make = Effect.fnUntraced(function*(definition: Definition, aggregates: ReadonlyArray<string>) {
  const store = yield* EventStore
  const upcaster = yield* Upcaster
  const keyed = Object.values(definition.key ?? {}).some((keys) => keys !== undefined)
  let warned = false
  const past: Past = {
    definition,
    codec: rowCodec.make(definition),
    store,
    reader: upcaster.reader({ name: definition.name, aggregates, events: definition.events }),
    categories: keyed || aggregates.length === 0 ? undefined : aggregates.map(upcaster.category),
    warn: ({ cause, key, stored: { id, position, type } }) =>
      Effect.suspend(() => {
        if (warned) return Effect.void
        warned = true
        return Effect.logWarning(`${definition.name}: an event cannot be folded; its row stays as it was before`, {
          key,
          type,
          position,
          eventId: id,
          cause
        })
      })
  }
  return past
})

/** Which events are asked for: those of the projection and a tenant, or fewer where keys are streams. */
export const filterOf = ({ categories, reader }: Past, tenant: string, key?: string): Page.Filter => {
  const names = namesOf(reader)
  const [category, another] = categories ?? []
  return key === undefined || category === undefined || another !== undefined
    ? { ...names, tenant }
    : { ...names, tenant, stream: { tenant, category, id: key } }
}

/** Which part of the past is read. */
export interface Part {
  readonly tenant: string
  /** All, unless told. */
  readonly keys?: ReadonlyArray<string> | undefined
  /** Last position. */
  readonly until: number
  readonly at?: At | undefined
  /** Most events to read. */
  readonly limit: number
}

/** The last position of a part, and its bounds checked. */
export const partOf = Effect.fnUntraced(function*(past: Past, tenant: string, options: {
  readonly keys?: ReadonlyArray<string> | undefined
  readonly at?: At | undefined
  readonly limit?: number | undefined
}) {
  const { at, keys, limit = Limits.eventsPerQuestion } = options
  yield* question.refuse(check.int("limit of events to read", limit, 1, Number.MAX_SAFE_INTEGER))
  if (at !== undefined) yield* question.refuse(question.checkAt(at))
  const head = yield* past.store.head
  const part: Part = { tenant, keys, at, limit, until: at && "position" in at ? Math.min(at.position, head) : head }
  return part
})

/** How many events of a question have been read. */
interface Budget {
  readonly limit: number
  read: number
}

const tooMany = ({ limit }: Budget, events: number) =>
  new TooManyEvents({ limit, events: Math.max(Math.ceil(events), limit + 1) })

type Pages = Stream.Stream<ReadonlyArray<StoredEvent>, Reason | EventStoreError>

const next = <A>(done: boolean, state: A): Option.Option<A> => done ? Option.none() : Option.some(state)

const pageLimit = ({ limit, read }: Budget): number => Math.min(limit - read + 1, Limits.eventsPerPageDefault)

const wholePages = (past: Past, { tenant, until }: Part, budget: Budget): Pages =>
  Stream.paginate(
    0,
    Effect.fnUntraced(function*(after: number) {
      const filter = filterOf(past, tenant)
      const page = yield* past.store.readPage({ after, until, filter, limit: pageLimit(budget) })
      budget.read += page.events.length
      // As dense as in the part that was read.
      if (budget.read > budget.limit) {
        return yield* tooMany(budget, budget.read * until / Math.max(page.scannedTo, 1))
      }
      return [[page.events], next(page.atHead, page.scannedTo)] as const
    })
  )

/** A stream while it is read: events that others come before, and how far they go. */
interface Strand {
  readonly stream: StreamName
  readonly events: ReadonlyArray<StoredEvent>
  readonly version: number
  /** Position that everything is known up to. */
  readonly position: number
}

const readOn = Effect.fnUntraced(function*(past: Past, { until }: Part, budget: Budget, strand: Strand) {
  const { events: left, stream, version } = strand
  if (left.length > 0 || strand.position >= until) return strand
  const page = yield* past.store.readStreamPage({ stream, after: version, limit: pageLimit(budget) })
  const last = page.events.at(-1)
  budget.read += page.events.length
  if (budget.read > budget.limit) {
    const end = yield* past.store.readStreamPage({ stream, direction: "backward", limit: 1 })
    return yield* tooMany(budget, end.events[0]?.version ?? 0)
  }
  const events = page.events.filter(({ position, type }) => position <= until && past.reader.types.includes(type))
  const position = page.atEnd || last === undefined ? until : last.position
  const on: Strand = { stream, events, version: last?.version ?? version, position }
  return on
})

/** The streams of a key, in the order of their positions. */
const keyPages = (past: Past, categories: ReadonlyArray<string>, key: string, part: Part, budget: Budget): Pages =>
  Stream.paginate(
    categories.map((category): Strand => ({
      stream: { tenant: part.tenant, category, id: key },
      events: [],
      version: 0,
      position: 0
    })),
    Effect.fnUntraced(function*(before: ReadonlyArray<Strand>) {
      const strands = yield* Effect.forEach(before, (strand) => readOn(past, part, budget, strand))
      // Up to here no other event can come between.
      const to = Math.min(part.until, ...strands.map(({ position }) => position))
      const events = strands.flatMap(({ events }) => events.filter(({ position }) => position <= to))
      const after = strands.map((strand) => ({
        ...strand,
        events: strand.events.filter(({ position }) => position > to)
      }))
      return [[events.sort((a, b) => a.position - b.position)], next(to >= part.until, after)] as const
    })
  )

/** Cuts a page where the point in the history is reached. Tells whether what follows is behind it, too. */
const cutOff = (at: At | undefined, events: ReadonlyArray<StoredEvent>) => {
  if (at === undefined || "position" in at) return { events, over: false }
  if ("recordedAt" in at) {
    const time = DateTime.toEpochMillis(at.recordedAt)
    const before = events.filter(({ recordedAt }) => recordedAt.epochMilliseconds <= time)
    // Times of recording never go back along positions.
    return { events: before, over: before.length < events.length }
  }
  const time = DateTime.toEpochMillis(at.occurredAt)
  return { events: events.filter(({ occurredAt }) => occurredAt.epochMilliseconds <= time), over: false }
}

/** The events of a part, in pages, in the order of their positions; where keys are streams, in that order for every key. */
export const pages = (past: Past, part: Part): Pages =>
  Stream.suspend(() => {
    const { categories } = past
    const budget: Budget = { limit: part.limit, read: 0 }
    const { at, keys } = part
    if (keys === undefined || categories === undefined || keys.length > streamsPerQuestion) {
      return wholePages(past, part, budget).pipe(
        Stream.map((events) => cutOff(at, events)),
        Stream.takeUntil(({ over }) => over),
        Stream.map(({ events }) => events)
      )
    }
    // Pages of different keys may come between each other: no row depends on another.
    return Stream.fromIterable(keys).pipe(
      // One key is read no further than it is taken.
      Stream.flatMap((key) => keyPages(past, categories, key, part, budget), {
        concurrency: Math.min(Math.max(keys.length, 1), streamsAtOnce)
      }),
      Stream.map((events) => cutOff(at, events).events)
    )
  })

/** What an event has come to for one of its keys. */
export interface Step {
  readonly item: Item
  readonly key: string
  /** Undefined is no row. */
  readonly row: unknown
}

/** Rows while they are folded, in memory: what every layer that stores them comes to. */
export class Folder {
  /** Rows that are there, by key. */
  readonly rows = new Map<string, unknown>()
  private readonly past: Past
  private readonly keys: ReadonlySet<string> | undefined
  /** Keys with an event that could not be folded. Those behind it wait. */
  private readonly parked = new Set<string>()

  constructor(past: Past, keys?: ReadonlyArray<string>) {
    this.past = past
    this.keys = keys && new Set(keys)
  }

  /** Folds events. Fails where a stored projection would halt. */
  apply(events: ReadonlyArray<StoredEvent>): Effect.Effect<ReadonlyArray<Step>, Reason> {
    const { definition, reader } = this.past
    const { items, stopped } = itemsOf(reader, definition.key, events)
    if (stopped !== undefined) return Effect.fail(this.reasonOf(stopped))
    const steps: Array<Step> = []
    let failure: Failure | undefined
    for (const item of items) {
      for (const key of item.keys) {
        if (this.keys !== undefined && !this.keys.has(key)) continue
        const failed = this.step(item, key)
        if (failed !== undefined && definition.onFailure === "halt") return Effect.fail(refused(failed))
        failure ??= failed
        steps.push({ item, key, row: this.rows.get(key) })
      }
    }
    return failure === undefined ? Effect.succeed(steps) : Effect.as(this.past.warn(failure), steps)
  }

  private step({ event, stored }: Item, key: string): Failure | undefined {
    if (this.parked.has(key)) return undefined
    const { codec, definition } = this.past
    const before = this.rows.get(key)
    try {
      const row = foldRow(definition, event, stored, key, before)
      if (row === undefined) this.rows.delete(key)
      else {
        if (row !== before && !codec.is(row)) {
          // Says what is wrong with it.
          codec.encode(row)
          throw new Error("The row does not fit its schema")
        }
        this.rows.set(key, row)
      }
    } catch (error) {
      this.parked.add(key)
      return { stored, key, cause: causeOf(error) }
    }
  }

  private reasonOf({ at, cause }: { readonly at: StoredEvent; readonly cause: string }): Reason {
    const upcast = this.past.reader.upcast(at)
    return Result.isFailure(upcast) ? upcast.failure : refused({ stored: at, key: "", cause })
  }
}

const refused = ({ cause, key, stored: { position, type } }: Failure): Refused =>
  new Refused({
    what: `${type} at position ${position}${key === "" ? "" : `, key ${key}`}`,
    expected: "an event that the projection can fold",
    actual: cause
  })

/** Folds a part of the past. */
export const fold = (past: Past, part: Part): Effect.Effect<Folder, Reason | EventStoreError> =>
  Effect.suspend(() => {
    const folder = new Folder(past, part.keys)
    return Effect.as(Stream.runForEach(pages(past, part), (events) => folder.apply(events)), folder)
  })

/** A row as a store would give it back: what its schema says of it, and nothing else. */
export const asStored = ({ codec, definition }: Past, key: string, row: unknown): Result.Result<unknown, Refused> => {
  const refuse = (actual: string) =>
    Result.fail(
      new Refused({
        what: `row ${key} of ${definition.name}, revision ${definition.revision}`,
        expected: "a row of its schema",
        actual
      })
    )
  try {
    const decoded = codec.decode(codec.encode(row))
    return Result.isFailure(decoded) ? refuse(decoded.failure) : Result.succeed(decoded.success)
  } catch (error) {
    return refuse(reasonOf(error))
  }
}
