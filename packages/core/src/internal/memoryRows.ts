import type * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { Encoded } from "../Commit.ts"
import { EventStoreError, Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type * as RowStore from "../RowStore.ts"
import * as check from "./check.ts"
import { MemoryEntry } from "./memoryEntry.ts"
import { nameOf } from "./partition.ts"
import * as text from "./text.ts"

const refuse = (reason: Refused) => new EventStoreError({ operation: "rows", reason })

const showTarget = ({ kind, name, revision }: RowStore.Target): string => `${kind} ${name}, revision ${revision}`

const sameTexts = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i])

/** A row that is listed, and its place. */
interface Sorted {
  readonly sort: string
  readonly row: RowStore.RowWrite
}

const bySort = (a: Sorted, b: Sorted): number => text.compare(a.sort, b.sort) || text.compare(a.row.key, b.row.key)

/** The rows of a range, in order. */
const sorted = (entry: MemoryEntry, { atLeast, below, index, tenant }: RowStore.Range): ReadonlyArray<Sorted> =>
  Array.from(entry.rows.values())
    .filter((row) => row.value !== null && row.tenant === tenant)
    .map((row) => ({ sort: index === undefined ? row.key : row.sorts[index] ?? "", row }))
    .filter(({ sort }) =>
      (atLeast === undefined || text.compare(sort, atLeast) >= 0)
      && (below === undefined || text.compare(sort, below) < 0)
    )
    .sort(bySort)

/** What the events' side of the store knows, and does with what is attached. */
export interface Rows {
  readonly service: RowStore.RowStore["Service"]
  /** What an append does first, while something that rides with it is behind. */
  readonly beforeAppend: Effect.Effect<void>
  /** Applies what is attached to a commit that has just been stored. Part of its transaction: nothing yields. */
  readonly applyInline: (commit: Encoded, first: number, last: number, now: DateTime.Utc) => void
  /** Tells what is attached of events that were stored without it. */
  readonly missed: (last: number) => void
}

/** Keeps rows in memory, beside the events of the same store. Every method is one synchronous step: a transaction. */
export const make = (storeId: string, head: () => number): Effect.Effect<Rows> =>
  Effect.gen(function*() {
    const entries: Array<MemoryEntry> = []
    /** Where the fences of the next entry begin: who had a lease of what was dropped has none of what is made in its place. */
    let firstFence = 0
    const attached = new Set<RowStore.Inline>()
    const moves = yield* PubSub.sliding<void>(1)
    const moved = () => {
      PubSub.publishUnsafe(moves, undefined)
    }

    const find = ({ kind, name, revision }: RowStore.Target): MemoryEntry | undefined =>
      entries.find(({ target }) => target.kind === kind && target.name === name && target.revision === revision)

    const get = (target: RowStore.Target) => {
      const entry = find(target)
      return entry === undefined
        ? Effect.fail(
          refuse(new Refused({ what: showTarget(target), expected: "an entry in the store", actual: "none" }))
        )
        : Effect.succeed(entry)
    }

    const source = ({ name, revision }: RowStore.Source): MemoryEntry | undefined =>
      entries.find(({ serving, target }) =>
        target.kind === "projection" && target.name === name
        && (revision === undefined ? serving : target.revision === revision)
      )

    const servedOf = ({ checkpoints, indexes, state, target: { revision } }: MemoryEntry): RowStore.Served => ({
      revision,
      storeId,
      indexes,
      state,
      // An entry has a partition at the least.
      positions: checkpoints.map(({ position }) => position) as unknown as Arr.NonEmptyReadonlyArray<number>
    })

    const now = DateTime.now

    const service: RowStore.RowStore["Service"] = {
      open: Effect.fnUntraced(function*({ indexes, level = false, mode, partitions, position = 0, target }) {
        const wrong = check.name(`name of a ${target.kind}`, target.name)
          ?? check.int("revision", target.revision, 1, 32_767)
          ?? check.int("partitions", partitions ?? 1, 1, Limits.partitions)
          ?? check.int("position", position, 0, Number.MAX_SAFE_INTEGER)
        if (wrong !== undefined) return yield* refuse(wrong)
        const at = yield* now
        let entry = find(target)
        if (entry === undefined) {
          entry = new MemoryEntry(target, indexes ?? [], partitions ?? 1, position, firstFence, at)
          entry.serving = target.kind === "subscription"
            || !entries.some(({ serving, target: { kind, name } }) =>
              serving && kind === target.kind && name === target.name
            )
          entries.push(entry)
        } else if (indexes !== undefined && !sameTexts(indexes, entry.indexes)) {
          const shown = (texts: ReadonlyArray<string>) => texts.join(", ") || "none"
          const expected = `${shown(entry.indexes)}, those that it was made with`
          return yield* refuse(
            new Refused({ what: `indexes of ${showTarget(target)}`, expected, actual: shown(indexes) })
          )
        } else if (partitions !== undefined) {
          entry.repartition(partitions, level, at)
        }
        entry.mode = mode
        moved()
        return entry.toEntry(storeId, at)
      }),
      entries: ({ kind, name }) =>
        Effect.map(now, (at) =>
          entries.filter(({ target }) =>
            target.kind === kind && (name === undefined || target.name === name)
          )
            .map((entry) => entry.toEntry(storeId, at))
            .sort((a, b) => text.compare(a.target.name, b.target.name) || a.target.revision - b.target.revision)),
      serve: (target) =>
        Effect.map(get(target), (entry) => {
          for (const other of entries) {
            if (other.target.kind === target.kind && other.target.name === target.name) other.serving = other === entry
          }
          moved()
        }),
      setState: (target, state, failure) =>
        Effect.map(get(target), (entry) => {
          entry.state = state
          if (failure !== undefined) entry.failure = failure
          moved()
        }),
      drop: Effect.fnUntraced(function*(target) {
        const entry = yield* get(target)
        const others = entries.some((other) =>
          other !== entry && other.target.kind === target.kind && other.target.name === target.name
        )
        if (entry.serving && others) {
          const expected = "not to serve while there are other revisions"
          return yield* refuse(new Refused({ what: showTarget(target), expected, actual: "it serves" }))
        }
        entries.splice(entries.indexOf(entry), 1)
        firstFence = Math.max(firstFence, entry.nextFence)
      }),
      acquire: Effect.fnUntraced(function*({ lease, most, owner, target }) {
        const entry = yield* get(target)
        const leases = entry.state === "running"
          ? entry.acquire(owner, Duration.toMillis(lease), most ?? Number.MAX_SAFE_INTEGER, yield* now)
          : []
        return { state: entry.state, partitions: entry.checkpoints.length, leases }
      }),
      release: (target, owner) => Effect.sync(() => find(target)?.release(owner)),
      isEmpty: (target) => Effect.map(get(target), ({ parked, rows }) => rows.size === 0 && parked.size === 0),
      load: (target, keys) =>
        Effect.map(get(target), ({ parked, rows }) => ({
          rows: keys.map((key) => rows.get(nameOf(key))).filter((row) => row !== undefined),
          parked: keys.filter((key) => parked.has(nameOf(key)))
        })),
      commit: (batch, within) =>
        Effect.gen(function*() {
          const entry = find(batch.target)
          if (entry === undefined) return "Stopped"
          const before = entry.judge(batch)
          if (before !== "Committed") return before
          if (within !== undefined) yield* within
          const at = yield* now
          // `within` may have taken its time.
          const committed = find(batch.target) === entry ? entry.commit(batch, at) : "Stopped"
          if (committed === "Committed") moved()
          return committed
        }),
      parked: ({ due, key, limit, target }) =>
        Effect.map(get(target), (entry) => entry.parkedEvents(key, due === true).slice(0, limit)),
      retry: ({ key, skip, target }) => Effect.map(get(target), (entry) => entry.retry(key, skip)),
      sweep: (target) => Effect.map(get(target), (entry) => entry.sweep()),
      find: (from, keys) =>
        Effect.sync(() => {
          const entry = source(from)
          if (entry === undefined) return Option.none()
          const rows = keys.map((key) => entry.rows.get(nameOf({ tenant: from.tenant, key })))
            .filter((row) => row !== undefined && row.value !== null) as ReadonlyArray<RowStore.StoredRow>
          return Option.some({ served: servedOf(entry), rows })
        }),
      list: (request) =>
        Effect.sync(() => {
          const entry = source(request)
          if (entry === undefined) return Option.none()
          const { after, backward, limit } = request
          const all = sorted(entry, request)
          const behind = after === undefined ? all : all.filter((one) => {
            const order = text.compare(one.sort, after.sort) || text.compare(one.row.key, after.key)
            return backward ? order < 0 : order > 0
          })
          const rows = (backward ? behind.toReversed() : behind).slice(0, limit)
          return Option.some({ served: servedOf(entry), rows })
        }),
      count: (range) =>
        Effect.sync(() => {
          const entry = source(range)
          return entry === undefined
            ? Option.none()
            : Option.some({ served: servedOf(entry), count: sorted(entry, range).length })
        }),
      attach: (inline) =>
        Effect.asVoid(Effect.acquireRelease(
          Effect.sync(() => attached.add(inline)),
          () => Effect.sync(() => attached.delete(inline))
        )),
      moves: Stream.fromPubSub(moves)
    }

    const behind = ({ target }: RowStore.Inline): boolean => {
      const entry = find(target)
      return entry !== undefined && entry.checkpoints[0]!.position < head()
    }

    return {
      service,
      beforeAppend: Effect.suspend(() =>
        attached.size === 0
          ? Effect.void
          : Effect.forEach(Array.from(attached).filter(behind), ({ catchUp }) => catchUp, { discard: true })
      ),
      applyInline: (commit, first, last, at) => {
        for (const inline of attached) {
          if (find(inline.target)?.ride(inline, commit, first, last, at) === true) moved()
          else inline.missed(last)
        }
      },
      missed: (last) => {
        for (const inline of attached) inline.missed(last)
      }
    }
  })
