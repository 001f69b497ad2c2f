/**
 * Ways to be a wrong row store, each over the store in memory.
 */
import { EventStore, RowStore, StoreAdmin } from "@varve/core"
import { Context, Duration, Effect, Layer, Option } from "effect"
import type { Failed, Store } from "./wrongStore.ts"

export type Rows = RowStore.RowStore["Service"]

/** A row store that is wrong in one way. */
export interface WrongRowStore {
  readonly name: string
  /** Where a real system was wrong in this way: the system and its issue or pull request, on GitHub. */
  readonly reference?: string
  readonly layer: Layer.Layer<EventStore.EventStore | RowStore.RowStore | StoreAdmin.StoreAdmin>
}

interface Parts {
  readonly rows?: Partial<Rows>
  readonly store?: Partial<Store>
}

export const wrong = (name: string, change: (rows: Rows, store: Store) => Parts): WrongRowStore => ({
  name,
  layer: Layer.effectContext(Effect.gen(function*() {
    const rows = yield* RowStore.RowStore
    const store = yield* EventStore.EventStore
    const admin = yield* StoreAdmin.StoreAdmin
    const changed = change(rows, store)
    return Context.make(RowStore.RowStore, { ...rows, ...changed.rows }).pipe(
      Context.add(EventStore.EventStore, { ...store, ...changed.store }),
      Context.add(StoreAdmin.StoreAdmin, admin)
    )
  })).pipe(Layer.provide(EventStore.layerMemory))
})

/** A row store that is wrong as a real one once was. */
export const met = (reference: string, store: WrongRowStore): WrongRowStore => ({ ...store, reference })

/** Changes the methods of the row store alone. */
export const wrongRows = (name: string, change: (rows: Rows) => Partial<Rows>): WrongRowStore =>
  wrong(name, (rows) => ({ rows: change(rows) }))

/** Changes batches on their way in. */
export const wrongBatch = (name: string, change: (batch: RowStore.Batch) => RowStore.Batch): WrongRowStore =>
  wrongRows(name, (rows) => ({ commit: (batch, within) => rows.commit(change(batch), within) }))

/** Changes entries on their way out. */
export const wrongEntry = (name: string, change: (entry: RowStore.Entry) => RowStore.Entry): WrongRowStore =>
  wrongRows(name, (rows) => ({
    open: (request) => Effect.map(rows.open(request), change),
    entries: (filter) => Effect.map(rows.entries(filter), (entries) => entries.map(change))
  }))

export const entryOf = (rows: Rows, { kind, name, revision }: RowStore.Target) =>
  Effect.map(
    rows.entries({ kind, name }),
    (entries) => entries.find(({ target }) => target.revision === revision)
  )

/** The checkpoint of a partition; 0 where there is none. */
export const positionOf = (rows: Rows, target: RowStore.Target, partition = 0): Effect.Effect<number, Failed> =>
  Effect.map(entryOf(rows, target), (entry) => entry?.checkpoints[partition]?.position ?? 0)

/** A batch that stays where the first partition is. */
export const stay = (
  rows: Rows,
  target: RowStore.Target,
  parts: Partial<RowStore.Batch>
): Effect.Effect<RowStore.Committed, Failed> =>
  Effect.flatMap(positionOf(rows, target, parts.partition), (at) =>
    rows.commit({
      target,
      partition: 0,
      fence: undefined,
      from: at,
      to: at,
      rows: [],
      park: [],
      unpark: [],
      rate: 0,
      lease: Duration.zero,
      ...parts
    }))

const idOf = (target: RowStore.Target, { key, tenant }: RowStore.RowKey): string =>
  JSON.stringify([target.kind, target.name, target.revision, tenant, key])

type Place = Pick<RowStore.StoredRow, "index" | "position">

/** Writes a row wherever `takes` says so of the stored row and the one to be written, whatever has been seen. */
export const wrongGuard = (
  name: string,
  takes: (stored: RowStore.StoredRow, write: RowStore.RowWrite) => boolean
): WrongRowStore =>
  wrongRows(name, (rows) => {
    // The store in memory guards rows by their places, so that they get such that it takes, and told are these.
    const places = new Map<string, Place>()
    const told = (target: RowStore.Target) => (row: RowStore.StoredRow): RowStore.StoredRow => ({
      ...row,
      ...places.get(idOf(target, row))
    })
    const targetOf = ({ name }: RowStore.Source, { revision }: RowStore.Served): RowStore.Target => ({
      kind: "projection",
      name,
      revision
    })
    return {
      load: (target, keys) =>
        Effect.map(rows.load(target, keys), (loaded) => ({ ...loaded, rows: loaded.rows.map(told(target)) })),
      find: (source, keys) =>
        Effect.map(
          rows.find(source, keys),
          Option.map((found) => ({ ...found, rows: found.rows.map(told(targetOf(source, found.served))) }))
        ),
      list: (request) =>
        Effect.map(
          rows.list(request),
          Option.map((page) => ({
            ...page,
            rows: page.rows.map(({ row, sort }) => ({ sort, row: told(targetOf(request, page.served))(row) }))
          }))
        ),
      drop: (target) => Effect.tap(rows.drop(target), () => Effect.sync(() => places.clear())),
      commit: (batch, within) =>
        Effect.gen(function*() {
          const { target } = batch
          if ((yield* entryOf(rows, target)) === undefined) return yield* rows.commit(batch, within)
          const loaded = yield* rows.load(target, batch.rows)
          const stored = new Map(loaded.rows.map((row) => [idOf(target, row), row]))
          const taken = batch.rows.filter((write) => {
            const row = stored.get(idOf(target, write))
            return row === undefined || takes(told(target)(row), write)
          })
          const writes = taken.map((write) => {
            const row = stored.get(idOf(target, write))
            const isLater = row === undefined || row.position < write.position
            return isLater ? write : { ...write, position: row.position, index: row.index + 1 }
          })
          const outcome = yield* rows.commit({ ...batch, rows: writes }, within)
          if (outcome === "Committed") {
            for (const write of taken) {
              places.set(idOf(target, write), { position: write.position, index: write.index })
            }
          }
          return outcome
        })
    }
  })

/** Answers lists and counts by an order, an end and a start of its own. `all` has no bound and no start. */
export const wrongList = (
  name: string,
  answer: (
    all: ReadonlyArray<{ readonly sort: string; readonly row: RowStore.StoredRow }>,
    request: RowStore.ListRequest
  ) => ReadonlyArray<{ readonly sort: string; readonly row: RowStore.StoredRow }>
): WrongRowStore =>
  wrongRows(name, (rows) => ({
    list: (request) => {
      const { after: _, ...range } = request
      return Effect.map(
        rows.list({ ...range, limit: 1_000_000 }),
        Option.map((page) => ({ ...page, rows: answer(page.rows, request) }))
      )
    }
  }))
