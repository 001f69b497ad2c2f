/** A projection written by hand that rides with appends: it counts the events of each stream, and notes what it is told. */
import { EventStore, RowStore, StreamName } from "@varve/core"
import { Duration, Effect, type Scope, Stream } from "effect"

export const target: RowStore.Target = { kind: "projection", name: "Counts", revision: 1 }

export const streamOf = (id: string): StreamName.StreamName => StreamName.make("Account", id)

/** An event for a stream. */
export const append = (id: string, expected: number | "any" = "any") =>
  EventStore.EventStore.use((store) =>
    store.append({
      writes: [{ stream: streamOf(id), expected, events: [{ type: "Counted", revision: 1, payload: {} }] }]
    })
  )

const countOf = (row: RowStore.StoredRow | undefined): number => row?.value == null ? 0 : JSON.parse(row.value).n

const add = (rows: Map<string, RowStore.RowWrite>, stored: ReadonlyArray<RowStore.StoredRow>) => {
  const before = new Map(stored.map((row) => [row.key, row]))
  return (key: string, position: number) => {
    const n = countOf(rows.get(key) ?? before.get(key)) + 1
    rows.set(key, { tenant: "", key, value: JSON.stringify({ n }), position, index: 0, sorts: [`${n}`] })
  }
}

/** What the projection rides with, and what it was told. */
export interface Rider extends RowStore.Inline {
  /** For which commits it folded, fold by fold. */
  readonly masks: Array<ReadonlyArray<boolean>>
  /** Positions that it missed. */
  readonly positions: Array<number>
}

/** Opens the projection where the head is, and attaches it. `change` makes other rows of its rows. */
export const riding = (
  change: (row: RowStore.RowWrite) => RowStore.RowWrite = (row) => row,
  catchUp: Effect.Effect<void> = Effect.void
): Effect.Effect<Rider, unknown, EventStore.EventStore | RowStore.RowStore | Scope.Scope> =>
  Effect.gen(function*() {
    const store = yield* RowStore.RowStore
    yield* store.open({ target, mode: "inline", position: yield* EventStore.EventStore.use(({ head }) => head) })
    const rider: Rider = {
      target,
      masks: [],
      positions: [],
      prepare: (commits) => {
        const ids = commits.map(({ events, streams }) => events.map(({ slot }) => streams[slot]!.stream.id))
        return {
          keys: Array.from(new Set(ids.flat()), (key) => ({ tenant: "", key })),
          fold: (stored, accepted) => {
            rider.masks.push(accepted)
            const rows = new Map<string, RowStore.RowWrite>()
            const count = add(rows, stored)
            ids.filter((_, i) => accepted[i]).flat().forEach((id, position) => count(id, position))
            return Array.from(rows.values(), change)
          }
        }
      },
      catchUp,
      missed: (position) => {
        rider.positions.push(position)
      }
    }
    yield* store.attach(rider)
    return rider
  })

/** Folds what lies behind the checkpoint and commits it, by the checkpoint alone. */
export const catchUp: Effect.Effect<RowStore.Committed, unknown, EventStore.EventStore | RowStore.RowStore> = Effect
  .gen(
    function*() {
      const [store, rows] = [yield* EventStore.EventStore, yield* RowStore.RowStore]
      const [entry] = yield* rows.entries({ kind: "projection", name: target.name })
      const from = entry!.checkpoints[0].position
      const { events, scannedTo: to } = yield* store.readPage({ after: from })
      if (to === from) return "Committed" as const
      const { rows: stored } = yield* rows.load(target, events.map(({ stream }) => ({ tenant: "", key: stream.id })))
      const written = new Map<string, RowStore.RowWrite>()
      const count = add(written, stored)
      for (const { position, stream } of events) count(stream.id, position)
      const none = { park: [], unpark: [], fence: undefined, rate: 0, lease: Duration.zero }
      return yield* rows.commit({ ...none, target, partition: 0, from, to, rows: [...written.values()] })
    }
  )

/** The counts as rows, and how many events there are: `[key, n]`, by key. */
export const counts = Effect.gen(function*() {
  const rows = yield* RowStore.RowStore
  const stored = yield* rows.list({ name: target.name, tenant: "", index: undefined, backward: false, limit: 1_000 })
  const events = new Map<string, number>()
  yield* Stream.runForEach(
    EventStore.readAll(),
    ({ stream }) => Effect.sync(() => events.set(stream.id, (events.get(stream.id) ?? 0) + 1))
  )
  return {
    rows: stored._tag === "None" ? [] : stored.value.rows.map(({ row }) => [row.key, countOf(row)] as const),
    events: Array.from(events).sort(([a], [b]) => a < b ? -1 : 1)
  }
})
