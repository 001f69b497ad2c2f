/**
 * One projection run in every way, changed at any restart: what its rows come to must not depend on it. A plan is a list
 * of stretches; in each, one process or two run the projection while commits are appended, and the first one may crash.
 */
import { assert } from "@effect/vitest"
import {
  type Commit,
  Event,
  EventStore,
  type EventStoreError,
  Metadata,
  Projection,
  Rebuild,
  RowStore,
  type StoreAdmin,
  StreamName,
  type Upcaster
} from "@varve/core"
import { Context, DateTime, Deferred, Effect, Exit, Fiber, Layer, Schedule, Schema, Scope, Stream } from "effect"

// --- The domain --------------------------------------------------------------

class Counted extends Event.make("Counted", { group: Schema.Int, by: Schema.Int }) {}
class Moved extends Event.make("Moved", { from: Schema.Int, into: Schema.Int }) {}
class Noted extends Event.make("Noted", {}) {}
class Cleared extends Event.make("Cleared", { group: Schema.Int }) {}
/** Of no interest to the projection. */
class Ignored extends Event.make("Ignored", {}) {}

const Row = Schema.Struct({
  // A fold that breaks this fails at that event, whatever the row is by the end of a batch.
  count: Schema.Int.check(Schema.isBetween({ minimum: -1, maximum: 1_000_000 })),
  seen: Schema.Int,
  last: Schema.String
})
type Row = typeof Row.Type

const named = (group: number) => `group ${group}`
const none: Row = { count: 0, seen: 0, last: "" }

/** Depends on the order of events, on every one of them, and on the envelope. */
const seen = (row: Row, count: number, { eventId, version }: Pick<Projection.Envelope, "eventId" | "version">): Row => ({
  count,
  seen: (row.seen * 31 + version) % 1_000_003,
  last: eventId
})

/** What the fold cannot take, until it is mended: one throws, the other gives a row that does not fit. */
const throwing = 7
const unfit = 8

const makeFold = (revision: number, mended: boolean) =>
  Projection.make("Groups", {
    row: Row,
    events: [Counted, Moved, Noted, Cleared],
    indexes: { count: ["count"] },
    revision
  }).fold({
    key: {
      Counted: ({ group }) => named(group),
      Moved: ({ from, into }) => [named(from), named(into)],
      Cleared: ({ group }) => named(group)
    },
    on: {
      Counted: (row = none, { by }, envelope) => {
        if (by === throwing && !mended) throw new Error("Seven is too much")
        return seen(row, by === unfit && !mended ? -2 : row.count + by, envelope)
      },
      Moved: (row = none, { from, into }, envelope) => {
        if (from === into) return seen(row, row.count, envelope)
        return envelope.key === named(from) ? undefined : seen(row, row.count + 1, envelope)
      },
      Noted: (row = none, _, envelope) => seen(row, row.count + 1, envelope),
      Cleared: () => undefined
    }
  })

class Groups extends makeFold(1, false) {}
/** The same fold, as a rebuild makes it. */
class Rebuilt extends makeFold(2, false) {}
/** The rebuilt one without its faults. */
class Mended extends makeFold(2, true) {}

// --- Plans -------------------------------------------------------------------

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const NewEvent = Schema.Struct({
  kind: Schema.Literals(["counted", "counted", "counted", "moved", "noted", "cleared", "ignored"]),
  stream: upTo(3),
  group: upTo(4),
  other: upTo(4),
  by: Schema.Literals([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, throwing, unfit])
})
type NewEvent = typeof NewEvent.Type

const Writing = Schema.Struct({
  events: Schema.NonEmptyArray(NewEvent).check(Schema.isMaxLength(4)),
  /**
   * `known` says its versions, as commands do; `blind` does not, so nothing can be folded before it is stored; `foreign` is
   * another process, which knows nothing of projections.
   */
  writer: Schema.Literals(["known", "known", "blind", "foreign"])
})
type Writing = typeof Writing.Type

const Mode = Schema.Literals(["inline", "async", "live"])
type Mode = typeof Mode.Type

const Stretch = Schema.Struct({
  mode: Mode,
  /** How a second process runs it meanwhile; `live` does not run it. */
  beside: Schema.Literals(["live", "live", "inline", "async"]),
  partitions: Schema.Literals([1, 1, 2, 3]),
  pageSize: Schema.Literals([1, 2, 3, 7, 100]),
  commits: Schema.Array(Writing).check(Schema.isMaxLength(8)),
  /** The batch at which the process dies, before or after it was committed; 0 when it lives. */
  dies: upTo(4),
  dieAfter: Schema.Boolean,
  /** Whether the commits are appended at once. */
  atOnce: Schema.Boolean,
  /** Whether it is read, and waited for. */
  waits: Schema.Boolean
})
export type Stretch = typeof Stretch.Type

export const Plan = Schema.Struct({
  stretches: Schema.Array(Stretch).check(Schema.isMaxLength(5)),
  rebuildPartitions: Schema.Literals([1, 2, 4])
})
export type Plan = typeof Plan.Type

// --- Processes ---------------------------------------------------------------

type Stores = EventStore.EventStore | RowStore.RowStore | StoreAdmin.StoreAdmin

/** The database that everybody shares. */
export interface World {
  /** Opens the store as a process of its own does. */
  readonly open: Effect.Effect<Context.Context<Stores>, unknown, Scope.Scope>
  /** A store of the same events with nothing attached; without one, foreign writers are blind ones. */
  readonly foreign: EventStore.EventStore["Service"] | undefined
}

/** How long anything may take. */
const patience = "20 seconds"

const tuned = (options: Projection.RunOptions) =>
  Effect.provideService(Projection.RunDefaults, { poll: "10 millis", lease: "400 millis", ...options })

/** A row store that dies at a commit: before it, or after it and before anybody hears. Nothing is heard of it again. */
const mortal = (
  rows: RowStore.RowStore["Service"],
  dies: number,
  after: boolean,
  died: Deferred.Deferred<void>
): RowStore.RowStore["Service"] => {
  if (dies === 0) return rows
  let commits = 0
  const die = Effect.andThen(Deferred.succeed(died, undefined), Effect.never)
  return {
    ...rows,
    commit: (batch, within) =>
      Effect.suspend(() => {
        commits++
        if (commits < dies) return rows.commit(batch, within)
        return after && commits === dies ? Effect.andThen(rows.commit(batch, within), die) : die
      }),
    acquire: (request) => Effect.suspend(() => commits < dies ? rows.acquire(request) : Effect.never),
    // Who crashes gives nothing back: the leases run out.
    release: (target, owner) => Effect.suspend(() => commits < dies ? rows.release(target, owner) : Effect.void)
  }
}

const layerOf = (mode: Mode) =>
  mode === "inline" ? Groups.layerInline : mode === "async" ? Groups.layerAsync : Groups.layerLive

/** Starts a process that runs the projection, or only reads it. It ends with the scope. */
const start = Effect.fnUntraced(function*(
  { open }: World,
  mode: Mode,
  { dieAfter, pageSize, partitions }: Pick<Stretch, "dieAfter" | "pageSize" | "partitions">,
  dies: number
) {
  const context = yield* open
  const died = yield* Deferred.make<void>()
  const rows = mortal(Context.get(context, RowStore.RowStore), dies, dieAfter, died)
  const services = yield* Layer.build(Layer.fresh(layerOf(mode))).pipe(
    Effect.provideContext(Context.add(context, RowStore.RowStore, rows)),
    tuned({ pageSize, partitions })
  )
  return { context, died: Deferred.await(died), services, store: Context.get(context, EventStore.EventStore) }
})
type Process = Effect.Success<ReturnType<typeof start>>

const newEvent = ({ by, group, kind, other }: NewEvent, at: DateTime.Utc): Commit.NewEvent => {
  const event = (type: string, payload: Schema.JsonObject) => ({ type, revision: 1, payload, occurredAt: at })
  switch (kind) {
    case "counted":
      return event(Counted.tag, { group, by })
    case "moved":
      return event(Moved.tag, { from: group, into: other })
    case "noted":
      return event(Noted.tag, {})
    case "cleared":
      return event(Cleared.tag, { group })
    case "ignored":
      return event(Ignored.tag, {})
  }
}

const append = Effect.fnUntraced(function*(
  store: EventStore.EventStore["Service"],
  events: Writing["events"],
  known: boolean
): Effect.fn.Return<Commit.Receipt, EventStoreError.EventStoreError> {
  const at = yield* DateTime.now
  const streams = Array.from(new Set(events.map(({ stream }) => stream)))
  const writes = yield* Effect.forEach(streams, (id) =>
    Effect.gen(function*() {
      const stream = StreamName.make("Item", `item-${id}`, id === 3 ? "other tenant" : "")
      const { events: [last] } = yield* store.readStreamPage({ stream, direction: "backward", limit: 1 })
      const [first, ...others] = events.filter((event) => event.stream === id).map((event) => newEvent(event, at))
      return { stream, expected: known ? last?.version ?? 0 : "any" as const, events: [first!, ...others] as const }
    }))
  const [first, ...others] = writes
  return yield* store.append({ writes: [first!, ...others] }).pipe(
    // Somebody was faster: as a command that is decided again.
    Effect.catchReason("EventStoreError", "Conflict", () => append(store, events, known))
  )
})

// --- What the rows must come to ----------------------------------------------

interface Keyed {
  readonly key: string
  readonly row: Row
}

const tenants = ["", "other tenant"]

const ofTenants = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Effect.forEach(tenants, (tenant) => Metadata.provide({ tenant })(self))

const listOf = <R>(projection: { readonly list: typeof Groups.list }, options?: Projection.ReadOptions) =>
  ofTenants(Effect.map(
    projection.list({ index: "count", limit: 1_000, timeout: patience, ...options }),
    ({ rows }): ReadonlyArray<Keyed> => rows
  ))

/** The fold, written out by hand over what the store holds. */
const foldByHand = Effect.fnUntraced(function*(store: EventStore.EventStore["Service"], tenant: string, mended: boolean) {
  const events = yield* Stream.runCollect(EventStore.readAll({ filter: { tenant } })).pipe(
    Effect.provideService(EventStore.EventStore, store)
  )
  const rows = new Map<string, Row>()
  const failed = new Set<string>()
  for (const { id, payload, stream, type, version } of events) {
    // The payloads of this world hold nothing else.
    const { by = 0, from = 0, group = 0, into = 0 } = payload as Record<string, number>
    const change = (key: string, count: (row: Row) => number | undefined) => {
      if (failed.has(key)) return
      const row = rows.get(key) ?? none
      const next = count(row)
      if (next === undefined) rows.delete(key)
      else rows.set(key, seen(row, next, { eventId: id, version }))
    }
    if (type === "Counted" && (by === throwing || by === unfit) && !mended) failed.add(named(group))
    else if (type === "Counted") change(named(group), (row) => row.count + by)
    else if (type === "Noted") change(stream.id, (row) => row.count + 1)
    else if (type === "Cleared") change(named(group), () => undefined)
    else if (type === "Moved" && from === into) change(named(from), (row) => row.count)
    else if (type === "Moved") {
      change(named(from), () => undefined)
      change(named(into), (row) => row.count + 1)
    }
  }
  const sorted = Array.from(rows, ([key, row]): Keyed => ({ key, row })).sort((a, b) =>
    a.row.count - b.row.count || (a.key < b.key ? -1 : 1)
  )
  return { rows: sorted, failed: failed.size }
})

const oracle = (store: EventStore.EventStore["Service"], mended = false) =>
  Effect.map(
    Effect.forEach(tenants, (tenant) => foldByHand(store, tenant, mended)),
    (all) => ({ rows: all.map(({ rows }) => rows), failed: all.reduce((sum, { failed }) => sum + failed, 0) })
  )

// --- Running a plan ----------------------------------------------------------

/** What has happened, so that a test can see that it did. */
type Log = Set<string>

const positionsOf = ({ context }: Process) =>
  Effect.map(
    Context.get(context, RowStore.RowStore).entries({ kind: "projection", name: "Groups" }),
    ([entry]) => entry?.checkpoints.map(({ position }) => position) ?? []
  )

/** Appends through the processes, in turn. Alone and in sequence, what is read after an append is what it has made of it. */
const write = Effect.fnUntraced(function*(
  { foreign }: World,
  { atOnce, commits, dies, mode, waits }: Stretch,
  processes: ReadonlyArray<Process>,
  log: Log
) {
  const reads = waits && !atOnce && dies === 0 && processes.length === 1
  const one = Effect.fnUntraced(function*({ events, writer }: Writing, i: number) {
    const process = processes[i % processes.length]!
    const own = writer !== "foreign" || foreign === undefined
    const receipt = yield* append(own ? process.store : foreign, events, writer === "known" || !own)
    log.add(own ? writer : "foreign")
    if (!reads) return
    if (mode === "inline" && writer === "known") {
      const [position, another] = yield* positionsOf(process)
      if (position === receipt.last && another === undefined) log.add("level after an append")
    }
    // What rides is there when the append returns: it is not waited for.
    const after = mode === "inline" && own ? undefined : receipt
    const { rows } = yield* oracle(process.store)
    assert.deepStrictEqual(yield* Effect.provideContext(listOf(Groups, { after }), process.services), rows, `read ${mode}`)
  })
  yield* Effect.forEach(commits, one, { concurrency: atOnce ? "unbounded" : 1, discard: true })
})

const stretch = Effect.fnUntraced(function*(world: World, plan: Stretch, log: Log) {
  const { beside, dieAfter, dies, mode, partitions, waits } = plan
  const scope = yield* Scope.make()
  yield* Effect.gen(function*() {
    const first = yield* start(world, mode, plan, dies)
    const processes = beside === "live" ? [first] : [first, yield* start(world, beside, plan, 0)]
    const ended = Effect.as(first.died, "died" as const)
    // Who dies may die of the append that waits for it.
    const appending = yield* Effect.forkScoped(write(world, plan, processes, log))
    let how: "died" | void = yield* Effect.raceFirst(Fiber.join(appending), ended)
    if (waits && how !== "died") {
      const [one] = processes.slice(-1)
      how = yield* Effect.raceFirst(
        Effect.provideContext(Groups.whenCaughtUp({ timeout: patience }), one!.services),
        dies === 0 ? Effect.never : ended
      )
    }
    log.add(mode).add(processes.length === 1 ? "alone" : `${mode} beside ${beside}`)
    if (mode === "async") log.add(`partitions: ${partitions}`)
    if (how === "died") log.add(dieAfter ? "died after a commit" : "died before a commit")
  }).pipe(
    Scope.provide(scope),
    Effect.onExit((exit) => Scope.close(scope, Exit.asVoid(exit)))
  )
})

/** Waits until nothing is parked any more. */
const drained = Effect.flatMap(Projection.parked(Mended), (parked) =>
  parked.length === 0 ? Effect.void : Effect.fail(`${parked.length} events are parked`)).pipe(
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout(patience)
  )

/** Mends the fold, and has what is parked tried again: as if it had never failed. */
const mend = Effect.fnUntraced(function*(store: EventStore.EventStore["Service"]) {
  const parked = yield* Projection.parked(Mended, { limit: 1_000 })
  const keys = new Map(parked.map(({ key, tenant }) => [`${tenant}/${key}`, { key, tenant }]))
  yield* Effect.gen(function*() {
    yield* Effect.forEach(keys.values(), ({ key, tenant }) => Metadata.provide({ tenant })(Projection.retry(Mended, key)))
    yield* drained
    assert.deepStrictEqual(yield* listOf(Mended), (yield* oracle(store, true)).rows, "mended")
  }).pipe(Effect.provide(Layer.fresh(Mended.layerAsync)), tuned({}))
})

/** Runs a plan and compares. Answers with what happened. */
export const judged = Effect.fnUntraced(function*(
  world: World,
  { rebuildPartitions, stretches }: Plan
): Effect.fn.Return<ReadonlySet<string>, unknown, Upcaster.Upcaster> {
  const log: Log = new Set()
  for (const one of stretches) yield* stretch(world, one, log)
  yield* Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const { failed, rows: expected } = yield* oracle(store)
    assert.deepStrictEqual(yield* Effect.provide(listOf(Groups), Groups.layerLive), expected, "live")

    const stored = yield* Effect.andThen(Groups.whenCaughtUp({ timeout: patience }), listOf(Groups)).pipe(
      Effect.provide(Layer.fresh(Groups.layerAsync)),
      tuned({})
    )
    assert.deepStrictEqual(stored, expected, "stored")

    yield* Stream.runDrain(Rebuild.build(Rebuilt, { partitions: rebuildPartitions, pageSize: 3 })).pipe(tuned({}))
    yield* Rebuild.switchTo(Rebuilt)
    const rebuilt = yield* Effect.provide(listOf(Groups), Layer.fresh(Groups.layerStored))
    assert.deepStrictEqual(rebuilt, expected, "rebuilt")

    const entries = yield* RowStore.RowStore.use((rows) => rows.entries({ kind: "projection", name: "Groups" }))
    assert.deepStrictEqual(entries.map(({ parkedKeys }) => parkedKeys), [failed, failed], "parked keys")
    assert.strictEqual(entries[0]!.parkedEvents, entries[1]!.parkedEvents, "parked events")
    if (failed > 0) log.add("parked")
    yield* mend(store)
  }).pipe(Effect.provide(Layer.effectContext(world.open)))
  return log
})

// --- A plan that comes to everything -----------------------------------------

const event = (kind: NewEvent["kind"], stream: number, group = 0, by: NewEvent["by"] = 1): NewEvent => ({
  kind,
  stream,
  group,
  other: (group + 1) % 5,
  by
})

/** Eight commits of a few events each; every group is there, in several streams, rows come and go. */
const commits = (first: number, bad: boolean): ReadonlyArray<Writing> =>
  Array.from({ length: 8 }, (_, i): Writing => ({
    writer: (["known", "known", "blind", "foreign"] as const)[(first + i) % 4]!,
    events: [
      event("counted", i % 4, i % 5, bad && i === 3 ? (first % 2 === 0 ? throwing : unfit) : 2),
      event((["noted", "moved", "ignored", "cleared"] as const)[(first + i) % 4]!, (i + 1) % 4, (i + 2) % 5)
    ]
  }))

const calm: Stretch = {
  mode: "inline",
  beside: "live",
  partitions: 1,
  pageSize: 2,
  commits: commits(0, false),
  dies: 0,
  dieAfter: false,
  atOnce: false,
  waits: true
}

/** In every mode, with a crash before and after a commit, over several partitions, with keys that are parked. */
export const everything: Plan = {
  stretches: [
    calm,
    { ...calm, mode: "async", partitions: 3, commits: commits(1, true) },
    { ...calm, mode: "async", partitions: 2, dies: 2, dieAfter: true, atOnce: true },
    { ...calm, mode: "live", commits: commits(2, true) },
    { ...calm, mode: "async", partitions: 1, dies: 2, commits: commits(3, false) },
    { ...calm, beside: "async", pageSize: 3, commits: commits(2, false) },
    { ...calm, mode: "inline", commits: commits(5, false) }
  ],
  rebuildPartitions: 4
}

/** What happens in it. */
export const everythingHappens = [
  "inline",
  "async",
  "live",
  "inline beside async",
  "known",
  "blind",
  "foreign",
  "level after an append",
  "partitions: 1",
  "partitions: 2",
  "partitions: 3",
  "died before a commit",
  "died after a commit",
  "parked"
]
