/**
 * Row stores that are wrong on purpose about batches: checkpoints, rows, and what runs within.
 */
import { type RowStore, StoredEvent } from "@varve/core"
import { DateTime, Effect } from "effect"
import {
  entryOf,
  met,
  positionOf,
  stay,
  wrongBatch,
  wrongEntry,
  wrongGuard,
  wrongRows,
  type WrongRowStore
} from "./wrongRowStore.ts"

const isLater = (a: RowStore.StoredRow, b: RowStore.StoredRow): boolean =>
  b.position > a.position || (b.position === a.position && b.index > a.index)

let looks = 0

/** A checkpoint that seems to have moved since anybody has looked at it. */
const justMoved = (checkpoint: RowStore.Checkpoint): RowStore.Checkpoint => ({
  ...checkpoint,
  movedAt: DateTime.add(checkpoint.movedAt, { milliseconds: ++looks })
})

const checkpoints: ReadonlyArray<WrongRowStore> = [
  wrongBatch("moves the checkpoint, and drops the last row of a batch", (batch) => ({
    ...batch,
    rows: batch.rows.length > 1 ? batch.rows.slice(0, -1) : batch.rows
  })),
  wrongBatch("drops the rows of a batch beyond the thousandth", (batch) => ({
    ...batch,
    rows: batch.rows.slice(0, 1_000)
  })),
  wrongRows("moves the checkpoint before it writes the rows", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const outcome = yield* rows.commit({ ...batch, rows: [] }, within)
        if (outcome !== "Committed" || batch.rows.length === 0) return outcome
        yield* Effect.yieldNow
        return yield* rows.commit({ ...batch, from: batch.to, park: [], unpark: [] })
      })
  })),
  wrongRows("writes the rows before it moves the checkpoint", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const outcome = yield* rows.commit({ ...batch, to: batch.from }, within)
        if (outcome !== "Committed" || batch.to === batch.from) return outcome
        yield* Effect.yieldNow
        return yield* rows.commit({ ...batch, rows: [], park: [], unpark: [] })
      })
  })),
  wrongRows("writes rows although the checkpoint has moved", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const outcome = yield* rows.commit(batch, within)
        if (outcome === "Moved") yield* stay(rows, batch.target, { partition: batch.partition, rows: batch.rows })
        return outcome
      })
  })),
  wrongRows("parks events although the checkpoint has moved", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const outcome = yield* rows.commit(batch, within)
        if (outcome === "Moved") yield* stay(rows, batch.target, { partition: batch.partition, park: batch.park })
        return outcome
      })
  })),
  wrongRows("moves a checkpoint from wherever it is", (rows) => ({
    commit: (batch, within) =>
      Effect.flatMap(positionOf(rows, batch.target, batch.partition), (from) => rows.commit({ ...batch, from }, within))
  })),
  wrongRows("does not compare the checkpoint where there is a fence", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const from = batch.fence === undefined ? batch.from : yield* positionOf(rows, batch.target, batch.partition)
        return yield* rows.commit({ ...batch, from }, within)
      })
  })),
  wrongRows("compares the checkpoint before the batch has its turn", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const at = yield* positionOf(rows, batch.target, batch.partition)
        yield* Effect.yieldNow
        const from = at === batch.from ? yield* positionOf(rows, batch.target, batch.partition) : batch.from
        return yield* rows.commit({ ...batch, from }, within)
      })
  })),
  met(
    "Axon Framework #4288",
    wrongRows("does not move the checkpoint where nothing is written", (rows) => ({
      commit: (batch, within) => {
        const nothing = batch.rows.length + batch.park.length + batch.unpark.length === 0
        return rows.commit(nothing ? { ...batch, to: batch.from } : batch, within)
      }
    }))
  ),
  wrongBatch("moves every partition with the first", (batch) => ({ ...batch, partition: 0 })),
  wrongBatch("forgets why a batch failed", (batch) => ({ ...batch, failure: undefined })),
  wrongEntry("says of every checkpoint that it has just moved", (entry) => {
    const [first, ...others] = entry.checkpoints
    return { ...entry, checkpoints: [justMoved(first), ...others.map(justMoved)] }
  }),
  wrongRows("says of a checkpoint that stays that it has moved", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const outcome = yield* rows.commit(batch, within)
        if (outcome !== "Committed" || batch.from !== batch.to) return outcome
        yield* Effect.sleep(1)
        const still = { ...batch, rows: [], park: [], unpark: [], failure: undefined }
        yield* rows.commit({ ...still, to: batch.to + 1 })
        return yield* rows.commit({ ...still, from: batch.to + 1 })
      })
  })),
  wrongRows("never says that a checkpoint has moved", (rows) => {
    const first = new Map<string, DateTime.Utc>()
    const still = (entry: RowStore.Entry): RowStore.Entry => {
      const [{ movedAt }] = entry.checkpoints
      const id = JSON.stringify(entry.target)
      first.set(id, first.get(id) ?? movedAt)
      const stopped = (checkpoint: RowStore.Checkpoint) => ({ ...checkpoint, movedAt: first.get(id)! })
      const [one, ...others] = entry.checkpoints
      return { ...entry, checkpoints: [stopped(one), ...others.map(stopped)] }
    }
    return {
      open: (request) => Effect.map(rows.open(request), still),
      entries: (filter) => Effect.map(rows.entries(filter), (entries) => entries.map(still))
    }
  }),
  wrongBatch("forgets the rate", (batch) => ({ ...batch, rate: 0 })),
  wrongBatch("parks nothing", (batch) => ({ ...batch, park: [] })),
  wrongBatch("keeps parked what a batch is done with", (batch) => ({ ...batch, unpark: [] }))
]

const withins: ReadonlyArray<WrongRowStore> = [
  wrongRows("runs what is within a batch whatever becomes of it", (rows) => ({
    commit: (batch, within) => Effect.andThen(within ?? Effect.void, rows.commit(batch))
  })),
  wrongRows("commits a batch although what runs within it fails", (rows) => ({
    commit: (batch, within) =>
      Effect.tap(
        rows.commit(batch),
        (outcome) => outcome === "Committed" && within !== undefined ? within : Effect.void
      )
  })),
  wrongRows("does not look again at the checkpoint when what runs within is done", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        if (within === undefined) return yield* rows.commit(batch)
        const outcome = yield* rows.commit({
          ...batch,
          to: batch.from,
          rows: [],
          park: [],
          unpark: [],
          failure: undefined
        }, within)
        if (outcome !== "Committed" && outcome !== "Moved") return outcome
        const at = yield* positionOf(rows, batch.target, batch.partition)
        return outcome === "Moved" && at !== batch.to ? outcome : yield* rows.commit({ ...batch, from: at })
      })
  })),
  wrongRows("commits a batch that was interrupted within", (rows) => ({
    commit: (batch, within) =>
      rows.commit(
        batch,
        within === undefined ? undefined : Effect.onInterrupt(within, () => Effect.ignore(rows.commit(batch)))
      )
  }))
]

const guards: ReadonlyArray<WrongRowStore> = [
  wrongGuard("lets a row go back", () => true),
  wrongGuard("ignores the index of an event", (stored, write) => write.position > stored.position),
  wrongGuard(
    "takes any event of the same position",
    (stored, write) => write.position >= stored.position && (write.index !== stored.index || isLater(stored, write))
  ),
  wrongGuard(
    "takes the same event again",
    (stored, write) => isLater(stored, write) || (stored.position === write.position && stored.index === write.index)
  ),
  wrongGuard(
    "compares positions as texts",
    (stored, write) =>
      stored.position === write.position ? isLater(stored, write) : `${write.position}` > `${stored.position}`
  ),
  wrongGuard("forgets what a removed row has seen", (stored, write) => stored.value === null || isLater(stored, write)),
  wrongGuard("removes a row whatever it has seen", (stored, write) => write.value === null || isLater(stored, write)),
  wrongRows("does not load tombstones", (rows) => ({
    load: (target, keys) =>
      Effect.map(rows.load(target, keys), (loaded) => ({
        ...loaded,
        rows: loaded.rows.filter(({ value }) => value !== null)
      }))
  })),
  wrongRows("refuses a batch for one row that has seen more", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        if ((yield* entryOf(rows, batch.target)) === undefined) return yield* rows.commit(batch, within)
        const loaded = yield* rows.load(batch.target, batch.rows)
        const stale = loaded.rows.some((row) =>
          batch.rows.some((write) => write.key === row.key && write.tenant === row.tenant && !isLater(row, write))
        )
        return stale ? "Moved" as const : yield* rows.commit(batch, within)
      })
  })),
  wrongRows("keeps the place in an index that a row had first", (rows) => {
    const first = new Map<string, ReadonlyArray<string>>()
    const sortsOf = ({ name, revision }: RowStore.Target, { key, sorts, tenant, value }: RowStore.RowWrite) => {
      const id = JSON.stringify([name, revision, tenant, key])
      if (!first.has(id) && value !== null) first.set(id, sorts)
      return first.get(id) ?? sorts
    }
    return {
      commit: (batch, within) =>
        rows.commit(
          { ...batch, rows: batch.rows.map((row) => ({ ...row, sorts: sortsOf(batch.target, row) })) },
          within
        )
    }
  })
]

const values: ReadonlyArray<WrongRowStore> = [
  wrongBatch("drops the sign of zero", (batch) => ({
    ...batch,
    rows: batch.rows.map((row) => ({
      ...row,
      value: row.value === null ? null : JSON.stringify(StoredEvent.parseJson(row.value))
    }))
  })),
  wrongBatch("takes a row that is null for one that is not there", (batch) => ({
    ...batch,
    rows: batch.rows.map((row) => row.value === "null" ? { ...row, value: null } : row)
  })),
  wrongBatch("cuts long keys", (batch) => ({
    ...batch,
    rows: batch.rows.map((row) => ({ ...row, key: row.key.slice(0, 255) }))
  })),
  wrongBatch("trims keys", (batch) => ({ ...batch, rows: batch.rows.map((row) => ({ ...row, key: row.key.trim() })) }))
]

/** All of them. */
export const wrongBatches: ReadonlyArray<WrongRowStore> = [...checkpoints, ...withins, ...guards, ...values]
