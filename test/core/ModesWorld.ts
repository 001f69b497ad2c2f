/**
 * One projection run in every way, changed at any restart: what its rows come to must not depend on it. A plan is a list
 * of stretches; in each, one process or two run the projection while commits are appended, and the first one may crash.
 */
import { assert } from "@effect/vitest"
import {
  type Commit,
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
import { Context, DateTime, Deferred, Effect, Exit, Fiber, Layer, Option, Schedule, Scope, Stream } from "effect"
import {
  event,
  Groups,
  Halting,
  HaltingMended,
  Mended,
  type Mode,
  named,
  type NewEvent,
  newEvent,
  none,
  type Plan,
  Rebuilt,
  type Row,
  seen,
  type Stretch,
  throwing,
  unfit,
  type Writing
} from "./ModesPlan.ts"

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

/** A row store whose commits take a while. */
const patient = (rows: RowStore.RowStore["Service"], slow: boolean): RowStore.RowStore["Service"] =>
  slow ? { ...rows, commit: (batch, within) => Effect.delay(rows.commit(batch, within), "7 millis") } : rows

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
  { dieAfter, pageSize, partitions, slow }: Stretch,
  dies: number
) {
  const context = yield* open
  const died = yield* Deferred.make<void>()
  const rows = mortal(patient(Context.get(context, RowStore.RowStore), slow), dies, dieAfter, died)
  const services = yield* Layer.build(Layer.fresh(layerOf(mode))).pipe(
    Effect.provideContext(Context.add(context, RowStore.RowStore, rows)),
    tuned({ pageSize, partitions })
  )
  return { context, died: Deferred.await(died), services, store: Context.get(context, EventStore.EventStore) }
})
type Process = Effect.Success<ReturnType<typeof start>>

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

const listOf = (projection: { readonly list: typeof Groups.list }, options?: Projection.ReadOptions) =>
  ofTenants(Effect.map(
    projection.list({ index: "count", limit: 1_000, timeout: patience, ...options }),
    ({ rows }): ReadonlyArray<Keyed> => rows
  ))

/** The fold, written out by hand over what the store holds. */
const foldByHand = Effect.fnUntraced(
  function*(store: EventStore.EventStore["Service"], tenant: string, mended: boolean) {
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
  }
)

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
    assert.deepStrictEqual(
      yield* Effect.provideContext(listOf(Groups, { after }), process.services),
      rows,
      `read ${mode}`
    )
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
const drained = Effect.flatMap(
  Projection.parked(Mended),
  (parked) => parked.length === 0 ? Effect.void : Effect.fail(`${parked.length} events are parked`)
).pipe(
  Effect.retry(Schedule.spaced("20 millis")),
  Effect.timeout(patience)
)

/** Mends the fold, and has what is parked tried again: as if it had never failed. */
const mend = Effect.fnUntraced(function*(store: EventStore.EventStore["Service"]) {
  const parked = yield* Projection.parked(Mended, { limit: 1_000 })
  const keys = new Map(parked.map(({ key, tenant }) => [`${tenant}/${key}`, { key, tenant }]))
  yield* Effect.gen(function*() {
    yield* Effect.forEach(
      keys.values(),
      ({ key, tenant }) => Metadata.provide({ tenant })(Projection.retry(Mended, key))
    )
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

// --- A fold that halts -------------------------------------------------------

/**
 * Appends what the fold cannot take, and more right behind it: it halts before the whole commit of that event, with the
 * rows of that moment, and comes to all of them when it is mended.
 */
export const halted = Effect.fnUntraced(function*(
  world: World,
  mode: "inline" | "async"
): Effect.fn.Return<void, unknown, Upcaster.Upcaster> {
  yield* Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const add = (...events: ReadonlyArray<NewEvent>) => append(store, [events[0]!, ...events.slice(1)], true)
    const layer = mode === "inline" ? Halting.layerInline : Halting.layerAsync
    yield* Effect.gen(function*() {
      yield* add(event("counted", 0, 1), event("noted", 1))
      yield* add(event("counted", 1, 2))
      yield* Halting.whenCaughtUp({ timeout: patience })
      const { rows } = yield* oracle(store)
      const { first } = yield* add(event("counted", 0, 1), event("counted", 0, 2, throwing), event("noted", 2))
      for (let i = 0; i < 3; i++) yield* add(event("counted", 1, i), event("moved", 2, 2))
      const status = yield* Effect.repeat(Projection.status(Halting), {
        schedule: Schedule.spaced("20 millis"),
        until: (found) => Option.exists(found, ({ state }) => state === "halted")
      }).pipe(Effect.timeout(patience))
      assert.deepInclude(Option.getOrThrow(status), { position: first - 1, parkedEvents: 0 }, "halts before the commit")
      assert.deepStrictEqual(yield* Effect.provide(listOf(Halting), Layer.fresh(Halting.layerStored)), rows, "halted")
    }).pipe(Effect.provide(Layer.fresh(layer)), tuned({ pageSize: 2 }))

    yield* Projection.resume(HaltingMended)
    const { rows } = yield* oracle(store, true)
    const mended = Effect.andThen(HaltingMended.whenCaughtUp({ timeout: patience }), listOf(HaltingMended))
    assert.deepStrictEqual(yield* Effect.provide(mended, Layer.fresh(HaltingMended.layerAsync)).pipe(tuned({})), rows)
  }).pipe(Effect.provide(Layer.effectContext(world.open)))
})
