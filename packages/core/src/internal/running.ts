import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as Command from "../Command.ts"
import type * as Decision from "../Decision.ts"
import type * as Event from "../Event.ts"
import type { EventStore } from "../EventStore.ts"
import { EventStoreError } from "../EventStoreError.ts"
import { ExecutionError } from "../ExecutionError.ts"
import type { Forbidden } from "../Forbidden.ts"
import * as Metadata from "../Metadata.ts"
import type * as Page from "../Page.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import * as StreamName from "../StreamName.ts"
import * as check from "./check.ts"
import { Instance, type Loaded } from "./instance.ts"
import type { Policy } from "./policy.ts"
import type { Found, Snapshots } from "./snapshots.ts"
import { StateCache } from "./stateCache.ts"
import { type Reader, Unreadable, type Upcaster } from "./upcaster.ts"

/** A value of a tagged union, whose type was checked where it was made. */
export interface Tagged {
  readonly _tag: string
}

/** What an aggregate is at run time: the types are gone, tags lead to the handlers. */
export interface Definition {
  readonly name: string
  /** Of the fold: of what its snapshots are made by. */
  readonly revision: number
  readonly id: Schema.Top
  readonly state: Schema.Top
  readonly commands: ReadonlyArray<Command.Any>
  readonly events: ReadonlyArray<Event.Any>
  readonly rejections: ReadonlyArray<Schema.Top>
  readonly initial: unknown
  readonly decide: {
    readonly [tag: string]: (
      command: Tagged,
      state: unknown,
      context: Decision.Context
    ) => Decision.Decision<Tagged, unknown>
  }
  readonly evolve: { readonly [tag: string]: (state: unknown, event: Tagged) => unknown }
}

/** A point in the history of an instance. Documented at `Aggregate.At`. */
export type At =
  | { readonly version: number }
  | { readonly position: number }
  | { readonly recordedAt: DateTime.DateTime }
  | { readonly occurredAt: DateTime.DateTime }

/** The instances of an aggregate at work in this process. */
export interface Local {
  readonly definition: Definition
  readonly store: EventStore["Service"]
  readonly reader: Reader<Tagged>
  readonly upcaster: Upcaster["Service"]
  readonly tags: ReadonlyMap<string, Event.Any>
  readonly stream: (tenant: string, id: string) => StreamName.StreamName
  /** Those that somebody is at work on. */
  readonly instances: Map<string, Instance>
  /** Those that nobody is at work on, and that keep their state. */
  readonly cache: StateCache
  readonly snapshots: Snapshots | undefined
  /** Around the layer of the aggregate; in force where the caller has none. */
  readonly policy: Policy | undefined
}

export const makeLocal = (
  definition: Definition,
  store: EventStore["Service"],
  upcaster: Upcaster["Service"],
  capacity = 0,
  snapshots?: Snapshots,
  policy?: Policy
): Local => {
  const category = upcaster.category(definition.name)
  return {
    definition,
    store,
    reader: upcaster.reader({ name: definition.name, aggregates: [definition.name], events: definition.events }),
    upcaster,
    tags: new Map(definition.events.map((event) => [event.tag, event])),
    stream: (tenant, id) => ({ tenant, category, id }),
    instances: new Map(),
    cache: new StateCache(capacity),
    snapshots,
    policy
  }
}

/** The instance of a stream, made when nobody is at work on it yet. */
export const instanceOf = (local: Local, stream: StreamName.StreamName): Instance => {
  const key = StreamName.format(stream)
  const known = local.instances.get(key)
  if (known !== undefined) return known
  const made = local.cache.take(key) ?? new Instance(key, stream)
  local.instances.set(key, made)
  return made
}

/** Leaves an instance that nobody is at work on to the cache, so that memory is bounded by the work and not by the history. */
export const forget = (local: Local, instance: Instance): void => {
  if (!instance.idle || local.instances.get(instance.key) !== instance) return
  local.instances.delete(instance.key)
  local.cache.keep(instance)
}

const always = () => true

/** Folds a page onto a state, up to the first event that is not to be counted any more. */
export const fold = (
  { definition, reader }: Local,
  from: Loaded,
  events: ReadonlyArray<StoredEvent>,
  counts: (event: StoredEvent) => boolean = always,
  seen?: (event: Tagged, version: number) => void
): Result.Result<Loaded, Unreadable> => {
  let { state, version } = from
  for (const stored of events) {
    if (!counts(stored)) continue
    const result = reader.upcast(stored)
    if (Result.isFailure(result)) return Result.fail(result.failure)
    for (const { event } of result.success) {
      state = definition.evolve[event._tag]!(state, event)
      seen?.(event, stored.version)
    }
    version = stored.version
  }
  return Result.succeed({ state, version })
}

/** From where, up to where, and how a stream is folded. */
interface Folding {
  readonly from?: Loaded | undefined
  readonly until?: number | undefined
  readonly counts?: ((event: StoredEvent) => boolean) | undefined
  /** `counts` looks at the times of events. */
  readonly times?: boolean | undefined
  /** Nothing behind an event that does not count is read. */
  readonly prefix?: boolean | undefined
  readonly seen?: ((event: Tagged, version: number) => void) | undefined
}

const readBehind = (local: Local, stream: StreamName.StreamName, after: number, { times, until }: Folding) =>
  local.store.readStreamPage({ stream, after, until, only: times === true ? undefined : "payloads" })

/** Whether nothing behind a page is to be read. */
const isLast = ({ atEnd, events }: Page.StreamPage, { counts, prefix }: Folding): boolean => {
  const last = events.at(-1)
  return atEnd || last === undefined || (prefix === true && counts?.(last) === false)
}

const foldPage = (local: Local, from: Loaded, { events }: Page.StreamPage, { counts, seen }: Folding) =>
  Effect.fromResult(fold(local, from, events, counts, seen))

/** Folds a page that is not the last one, and those behind it. */
const foldPages = Effect.fnUntraced(
  function*(local: Local, stream: StreamName.StreamName, folding: Folding, from: Loaded, first: Page.StreamPage) {
    let [loaded, page] = [from, first]
    do {
      // It is not the last one, so it has events.
      const after = page.events.at(-1)!.version
      if (yield* local.store.enlisted) {
        // On the connection of a transaction of the program one thing is done at a time.
        loaded = yield* foldPage(local, loaded, page, folding)
        page = yield* readBehind(local, stream, after, folding)
        continue
      }
      // The next page is read while this one is folded.
      const ahead = yield* Effect.forkChild(readBehind(local, stream, after, folding), { startImmediately: true })
      // A store gathers what is asked for at one moment: it sends when this one is over.
      yield* Effect.yieldNow
      const folded = Effect.suspend(() => foldPage(local, loaded, page, folding))
      loaded = yield* Effect.onError(folded, () => Fiber.interrupt(ahead))
      page = yield* Fiber.join(ahead)
    } while (!isLast(page, folding))
    return yield* foldPage(local, loaded, page, folding)
  }
)

/** Reads a stream behind a version, page by page, and folds it. Most streams are one page, which is folded at once. */
export const foldStream = (
  local: Local,
  stream: StreamName.StreamName,
  folding: Folding = {}
): Effect.Effect<Loaded, EventStoreError | Unreadable> => {
  const from = folding.from ?? { state: local.definition.initial, version: 0 }
  return Effect.flatMap(
    readBehind(local, stream, from.version, folding),
    (page) =>
      isLast(page, folding) ? foldPage(local, from, page, folding) : foldPages(local, stream, folding, from, page)
  )
}

/** Names the aggregate and the instance that an error is about. */
export const failed =
  (aggregate: string, id: string) => (error: EventStoreError | Unreadable | Forbidden): ExecutionError =>
    new ExecutionError({ aggregate, id, reason: error instanceof EventStoreError ? error.reason : error })

const nothing: Found = { from: undefined, unreadable: false }

/** What a load begins with: what the process knows, or a snapshot. */
const begin = (local: Local, stream: StreamName.StreamName, known: Loaded | undefined): Effect.Effect<Found> =>
  known !== undefined
    ? Effect.succeed({ from: known, unreadable: false })
    : local.snapshots?.find(stream) ?? Effect.succeed(nothing)

/** Folds a stream to its end, from the last state of it that can be had. Not in a transaction of the program. */
export const foldToEnd = (
  local: Local,
  stream: StreamName.StreamName,
  known: Loaded | undefined
): Effect.Effect<Loaded, EventStoreError | Unreadable> => {
  const { snapshots } = local
  if (snapshots === undefined) return foldStream(local, stream, { from: known })
  return Effect.flatMap(
    begin(local, stream, known),
    (found) =>
      Effect.map(foldStream(local, stream, { from: found.from }), (loaded) => {
        snapshots.read(stream, found, loaded)
        return loaded
      })
  )
}

/** Folds a stream to its end, as it is known best, and keeps what comes of it. */
const loadEnd = Effect.fnUntraced(function*(local: Local, stream: StreamName.StreamName) {
  const key = StreamName.format(stream)
  const find = () => local.instances.get(key) ?? local.cache.find(key)
  const loaded = yield* foldToEnd(local, stream, find()?.known)
  const instance = find() ?? new Instance(key, stream)
  instance.know(loaded)
  // Who is at work on it knows of it; whoever comes next begins with it.
  if (!local.instances.has(key)) {
    instance.tip = { ...instance.known!, pending: undefined }
    local.cache.keep(instance)
  }
  return loaded
})

/** Folds a stream up to a version. */
const loadVersion = Effect.fnUntraced(function*(local: Local, stream: StreamName.StreamName, until: number) {
  const key = StreamName.format(stream)
  const known = (local.instances.get(key) ?? local.cache.find(key))?.known
  const early = (loaded: Loaded | undefined) => loaded !== undefined && loaded.version <= until ? loaded : undefined
  const { from } = yield* begin(local, stream, early(known))
  return yield* foldStream(local, stream, { from: early(from), until })
})

/** Folds one instance: all of it, or up to a point. */
export const load = (local: Local, id: string, at?: At): Effect.Effect<Loaded, ExecutionError> =>
  Effect.gen(function*() {
    const wrong = checkAt(at)
    if (wrong !== undefined) return yield* new EventStoreError({ operation: "read", reason: wrong })
    const { tenant } = yield* Metadata.Current
    const stream = local.stream(tenant, id)
    // What is read in a transaction can be rolled back, so it is nothing to keep, and may be another past than is known.
    if (!(yield* local.store.enlisted)) {
      if (at === undefined) return yield* loadEnd(local, stream)
      if ("version" in at) return yield* loadVersion(local, stream, at.version)
    }
    return yield* foldStream(local, stream, boundOf(at))
  }).pipe(Effect.mapError(failed(local.definition.name, id)))

const checkAt = (at: At | undefined) => {
  if (at === undefined) return undefined
  if ("version" in at) return check.int("version to load at", at.version, 0, Number.MAX_SAFE_INTEGER)
  return "position" in at ? check.int("position to load at", at.position, 0, Number.MAX_SAFE_INTEGER) : undefined
}

const boundOf = (at: At | undefined) => {
  if (at === undefined) return undefined
  if ("version" in at) return { until: at.version }
  if ("position" in at) return { counts: ({ position }: StoredEvent) => position <= at.position, prefix: true }
  if ("recordedAt" in at) {
    const time = DateTime.toEpochMillis(at.recordedAt)
    return { counts: (event: StoredEvent) => event.recordedAt.epochMilliseconds <= time, times: true, prefix: true }
  }
  const time = DateTime.toEpochMillis(at.occurredAt)
  return { counts: (event: StoredEvent) => event.occurredAt.epochMilliseconds <= time, times: true }
}
