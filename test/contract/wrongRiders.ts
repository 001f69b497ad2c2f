/**
 * Row stores that are wrong on purpose about rows that ride with appends.
 */
import { Commit, EventStoreError, type RowStore } from "@varve/core"
import { Effect, Exit, Result, Scope } from "effect"
import { entryOf, positionOf, type Rows, stay, wrong, wrongRows, type WrongRowStore } from "./wrongRowStore.ts"
import { type Failed, type Store, yields } from "./wrongStore.ts"

/** Changes what rides with appends. */
const wrongInline = (name: string, change: (inline: RowStore.Inline) => RowStore.Inline): WrongRowStore =>
  wrongRows(name, (rows) => ({ attach: (inline) => rows.attach(change(inline)) }))

/** Changes what comes of a fold. */
const wrongFold = (
  name: string,
  change: (
    writes: ReadonlyArray<RowStore.RowWrite>,
    commits: ReadonlyArray<Commit.Encoded>
  ) => ReadonlyArray<RowStore.RowWrite>
): WrongRowStore =>
  wrongInline(name, (inline) => ({
    ...inline,
    prepare: (commits) => {
      const prepared = inline.prepare(commits)
      return prepared && {
        keys: prepared.keys,
        fold: (rows, accepted) => {
          const writes = prepared.fold(rows, accepted)
          return writes && change(writes, commits)
        }
      }
    }
  }))

/** What rides, and the last position that the store said it missed. */
interface Riding {
  readonly inline: RowStore.Inline
  missed: number
}

/** Does something with what rides, before and after each append. */
const wrongRide = (
  name: string,
  around: (
    parts: { readonly rows: Rows; readonly store: Store; readonly riding: ReadonlySet<Riding> },
    commit: Commit.Commit
  ) => Effect.Effect<Commit.Receipt, Failed>,
  tells: boolean = true
): WrongRowStore =>
  wrong(name, (rows, store) => {
    const riding = new Set<Riding>()
    return {
      rows: {
        attach: (inline) => {
          const one: Riding = { inline, missed: 0 }
          const missed = (position: number) => {
            one.missed = position
            if (tells) inline.missed(position)
          }
          return Effect.andThen(
            rows.attach({ ...inline, missed }),
            Effect.acquireRelease(Effect.sync(() => riding.add(one)), () => Effect.sync(() => riding.delete(one)))
          )
        }
      },
      store: { append: (commit) => around({ rows, store, riding }, commit) }
    }
  })

/** The rows that a commit makes of those that are stored, for a first position. */
const folded = Effect.fnUntraced(function*(
  rows: Rows,
  { prepare, target }: RowStore.Inline,
  commit: Commit.Commit,
  first: number
) {
  const encoded = Commit.encode(commit)
  if (encoded instanceof EventStoreError.Refused) return []
  const prepared = prepare([encoded])
  if (prepared === undefined || (yield* entryOf(rows, target)) === undefined) return []
  const loaded = yield* rows.load(target, prepared.keys)
  const writes = prepared.fold(loaded.rows, [true]) ?? []
  return writes.map((write) => ({ ...write, position: first + write.position }))
})

/** Applies commits that went without rows where it should not. */
const applies = (
  name: string,
  when: (entry: RowStore.Entry, receipt: Commit.Receipt) => boolean
): WrongRowStore =>
  wrongRide(name, ({ riding, rows, store }, commit) =>
    Effect.gen(function*() {
      const receipt = yield* store.append(commit)
      for (const { inline, missed } of riding) {
        const entry = yield* entryOf(rows, inline.target)
        if (missed !== receipt.last || entry === undefined || !when(entry, receipt)) continue
        yield* rows.setState(inline.target, "running")
        const writes = yield* folded(rows, inline, commit, receipt.first)
        for (const { partition, position } of entry.checkpoints) {
          const to = Math.max(position, receipt.last)
          yield* stay(rows, inline.target, { partition, from: position, to, rows: writes })
        }
        yield* rows.setState(inline.target, entry.state)
      }
      return receipt
    }))

const isLevel = ({ checkpoints: [{ position }] }: RowStore.Entry, { first }: Commit.Receipt) => position === first - 1

const conditions: ReadonlyArray<WrongRowStore> = [
  applies(
    "lets a projection ride that is behind",
    (entry, receipt) => entry.state === "running" && entry.parkedKeys === 0 && !isLevel(entry, receipt)
  ),
  applies(
    "lets a projection ride that is paused",
    (entry, receipt) => entry.state !== "running" && isLevel(entry, receipt)
  ),
  applies("lets a projection of two partitions ride", (entry) => entry.checkpoints.length === 2),
  applies("lets a commit to a parked key ride", (entry, receipt) => entry.parkedKeys > 0 && isLevel(entry, receipt)),
  wrongRide(
    "moves a checkpoint that is behind to the head",
    ({ riding, rows, store }, commit) =>
      Effect.gen(function*() {
        const receipt = yield* store.append(commit)
        for (const { inline, missed } of riding) {
          if (missed === receipt.last) yield* stay(rows, inline.target, { to: receipt.last })
        }
        return receipt
      })
  ),
  wrong("lets nobody ride while another is behind", (rows, store) => {
    const riding = new Set<RowStore.Inline>()
    const late = new Set<RowStore.Inline>()
    return {
      rows: {
        attach: (inline) =>
          Effect.andThen(
            rows.attach({
              ...inline,
              prepare: (commits) => [...late].some((other) => other !== inline) ? undefined : inline.prepare(commits)
            }),
            Effect.acquireRelease(Effect.sync(() => riding.add(inline)), () => Effect.sync(() => riding.delete(inline)))
          )
      },
      store: {
        append: (commit) =>
          Effect.gen(function*() {
            const head = yield* store.head
            for (const inline of riding) {
              if ((yield* positionOf(rows, inline.target)) < head) late.add(inline)
              else late.delete(inline)
            }
            return yield* store.append(commit)
          })
      }
    }
  })
]

const rides: ReadonlyArray<WrongRowStore> = [
  wrongInline("lets nobody ride", (inline) => ({ ...inline, prepare: () => undefined })),
  wrongFold(
    "gives every row the position of the first event of its commit",
    (writes) => writes.map((write) => ({ ...write, position: 0 }))
  ),
  wrongFold(
    "gives every row the position of the last event of its commit",
    (writes, commits) =>
      writes.map((write) => ({ ...write, position: commits.flatMap(({ events }) => events).length - 1 }))
  ),
  wrongFold("writes the first row of a commit alone", (writes) => writes.slice(0, 1)),
  wrongFold("leaves rows that are removed by an append", (writes) => writes.filter(({ value }) => value !== null)),
  wrongInline("folds commits onto nothing", (inline) => ({
    ...inline,
    prepare: (commits) => {
      const prepared = inline.prepare(commits)
      return prepared && { keys: prepared.keys, fold: (_, accepted) => prepared.fold([], accepted) }
    }
  })),
  wrongInline("does not move the checkpoint with a commit that no row is about", (inline) => ({
    ...inline,
    prepare: (commits) => {
      const prepared = inline.prepare(commits)
      return prepared?.keys.length === 0 ? undefined : prepared
    }
  })),
  wrongInline("does not say what was missed", (inline) => ({ ...inline, missed: () => {} })),
  wrongInline("says of a position too early that it was missed", (inline) => ({
    ...inline,
    missed: (position) => inline.missed(position - 1)
  })),
  wrongInline("says of everything that it was missed", (inline) => ({
    ...inline,
    prepare: (commits) => {
      inline.missed(1_000_000)
      return inline.prepare(commits)
    }
  })),
  wrongInline("never asks who is behind to catch up", (inline) => ({ ...inline, catchUp: Effect.void })),
  wrong("asks everybody to catch up before every append", (rows, store) => {
    const riding = new Set<RowStore.Inline>()
    return {
      rows: {
        attach: (inline) =>
          Effect.andThen(
            rows.attach(inline),
            Effect.acquireRelease(Effect.sync(() => riding.add(inline)), () => Effect.sync(() => riding.delete(inline)))
          )
      },
      store: {
        append: (commit) =>
          Effect.andThen(Effect.forEach(riding, ({ catchUp }) => catchUp, { discard: true }), store.append(commit))
      }
    }
  }),
  wrongRows("lets who has left ride on", (rows) => ({
    attach: (inline) => Effect.flatMap(Scope.make(), (scope) => Scope.provide(rows.attach(inline), scope))
  })),
  wrongRide("writes the rows of an append a moment later", ({ riding, rows, store }, commit) =>
    Effect.gen(function*() {
      const before = yield* Effect.forEach(riding, ({ inline }) =>
        Effect.map(positionOf(rows, inline.target), (position) => ({ inline, position })))
      for (const { inline } of before) {
        if ((yield* entryOf(rows, inline.target))?.state === "running") {
          yield* rows.setState(inline.target, "paused")
        }
      }
      const receipt = yield* Effect.ensuring(
        store.append(commit),
        Effect.forEach(before, ({ inline }) =>
          Effect.ignore(rows.setState(inline.target, "running")))
      )
      const later = Effect.forEach(before, ({ inline, position }) =>
        Effect.gen(function*() {
          if (position !== receipt.first - 1) return
          const writes = yield* folded(rows, inline, commit, receipt.first)
          yield* stay(rows, inline.target, { from: position, to: receipt.last, rows: writes })
        }))
      yield* Effect.forkDetach(Effect.andThen(Effect.yieldNow, Effect.ignore(later)))
      return receipt
    }), false),
  wrongRide("applies the rows of a commit that conflicts", ({ riding, rows, store }, commit) =>
    Effect.gen(function*() {
      const outcome = yield* Effect.result(store.append(commit))
      if (Result.isSuccess(outcome)) return outcome.success
      if (outcome.failure.reason._tag === "Conflict") {
        for (const { inline } of riding) {
          const head = yield* store.head
          yield* stay(rows, inline.target, { rows: yield* folded(rows, inline, commit, head) })
        }
      }
      return yield* outcome.failure
    })),
  wrongRide(
    "moves the checkpoint with a commit that conflicts",
    ({ riding, rows, store }, commit) =>
      Effect.tapError(store.append(commit), () =>
        Effect.gen(function*() {
          for (const { inline } of riding) {
            yield* stay(rows, inline.target, { to: (yield* positionOf(rows, inline.target)) + 1 })
          }
        }))
  ),
  wrongRide(
    "applies the rows of a commit again when it comes again",
    ({ riding, rows, store }, commit) =>
      Effect.tap(store.append(commit), (receipt) =>
        Effect.gen(function*() {
          if (!receipt.replayed) return
          for (const { inline } of riding) {
            const writes = yield* folded(rows, inline, commit, receipt.first)
            yield* stay(rows, inline.target, { rows: writes.map((write) => ({ ...write, index: write.index + 1 })) })
          }
        }))
  ),
  wrongRide("fails an append that cannot be folded", ({ riding, store }, commit) =>
    Effect.gen(function*() {
      const encoded = Commit.encode(commit)
      const prepared = encoded instanceof EventStoreError.Refused
        ? []
        : Array.from(riding, ({ inline }) => inline.prepare([encoded]))
      if (prepared.some((one) => one !== undefined && one.fold([], [true]) === undefined)) {
        const reason = new EventStoreError.Unavailable({ what: "append", expected: "rows", actual: "none" })
        return yield* new EventStoreError.EventStoreError({ operation: "append", reason })
      }
      return yield* store.append(commit)
    })),
  wrongRide("loses a commit whose fold throws", ({ riding, store }, commit) =>
    Effect.gen(function*() {
      const encoded = Commit.encode(commit)
      if (encoded instanceof EventStoreError.Refused) return yield* store.append(commit)
      for (const { inline } of riding) {
        const exit = yield* Effect.exit(Effect.sync(() => inline.prepare([encoded])?.fold([], [true])))
        if (Exit.isFailure(exit)) return yield* Effect.failCause(exit.cause)
      }
      return yield* store.append(commit)
    })),
  wrong("folds onto rows that it read before the commit had its turn", (rows, store) => {
    const riding = new Set<RowStore.Target>()
    let stale: ReadonlyArray<readonly [RowStore.Target, RowStore.StoredRow]> = []
    return {
      rows: {
        attach: (inline) => {
          const early = (row: RowStore.StoredRow) =>
            stale.find(([target, { key, position, tenant }]) =>
              target === inline.target && key === row.key && tenant === row.tenant && position === row.position
            )?.[1] ?? row
          const prepare = (commits: ReadonlyArray<Commit.Encoded>) => {
            const prepared = inline.prepare(commits)
            return prepared && {
              keys: prepared.keys,
              fold: (current: ReadonlyArray<RowStore.StoredRow>, accepted: ReadonlyArray<boolean>) =>
                prepared.fold(current.map(early), accepted)
            }
          }
          return Effect.andThen(
            rows.attach({ ...inline, prepare }),
            Effect.acquireRelease(
              Effect.sync(() => riding.add(inline.target)),
              () => Effect.sync(() => riding.delete(inline.target))
            )
          )
        }
      },
      store: {
        append: (commit) =>
          Effect.gen(function*() {
            const keys = commit.writes.map(({ stream }) => ({ tenant: stream.tenant, key: stream.id }))
            const read: Array<readonly [RowStore.Target, RowStore.StoredRow]> = []
            for (const target of riding) {
              if ((yield* entryOf(rows, target)) === undefined) continue
              for (const row of (yield* rows.load(target, keys)).rows) read.push([target, row])
            }
            yield* yields(3)
            stale = read
            return yield* store.append(commit)
          })
      }
    }
  })
]

/** All of them. */
export const wrongRiders: ReadonlyArray<WrongRowStore> = [...conditions, ...rides]
