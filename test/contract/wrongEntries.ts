/**
 * Row stores that are wrong on purpose about entries and leases.
 */
import type { RowStore } from "@varve/core"
import { Duration, Effect, Option } from "effect"
import { entryOf, stay, wrong, wrongBatch, wrongEntry, wrongRows, type WrongRowStore } from "./wrongRowStore.ts"
import { yields } from "./wrongStore.ts"

const leases: ReadonlyArray<WrongRowStore> = [
  wrongBatch("ignores fences", (batch) => ({ ...batch, fence: undefined })),
  wrongRows("asks for a fence where none is needed", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const entry = yield* entryOf(rows, batch.target)
        const owner = entry?.checkpoints[batch.partition]?.owner ?? Option.none()
        if (batch.fence === undefined && Option.isSome(owner)) return "Lost" as const
        return yield* rows.commit(batch, within)
      })
  })),
  wrongRows("gives leases that never run out", (rows) => ({
    acquire: (request) => rows.acquire({ ...request, lease: Duration.days(1) }),
    commit: (batch, within) => rows.commit({ ...batch, lease: Duration.days(1) }, within)
  })),
  wrongRows("gives a lease to everybody who asks", (rows) => ({
    acquire: (request) =>
      Effect.gen(function*() {
        const acquired = yield* rows.acquire(request)
        if (acquired.state !== "running" || acquired.leases.length > 0) return acquired
        const entry = yield* entryOf(rows, request.target)
        return { ...acquired, leases: entry?.checkpoints ?? [] }
      })
  })),
  wrongRows("takes a lease over under the fence that it had", (rows) => {
    const fences = new Map<string, number>()
    const id = ({ name, revision }: RowStore.Target, partition: number) => `${name}/${revision}/${partition}`
    return {
      acquire: (request) =>
        Effect.map(rows.acquire(request), (acquired) => ({
          ...acquired,
          leases: acquired.leases.map((lease) => {
            const fence = fences.get(id(request.target, lease.partition)) ?? lease.fence
            fences.set(id(request.target, lease.partition), fence)
            return { ...lease, fence }
          })
        })),
      commit: (batch, within) => {
        const known = fences.get(id(batch.target, batch.partition))
        return rows.commit(batch.fence === known ? { ...batch, fence: undefined } : batch, within)
      }
    }
  }),
  wrongRows("begins to count fences anew where a target was dropped", (rows) => {
    const id = ({ name, revision }: RowStore.Target) => `${name}/${revision}`
    const dropped = new Set<string>()
    /** What is taken off the fences of a target. */
    const bases = new Map<string, number>()
    return {
      drop: (target) => Effect.tap(rows.drop(target), () => Effect.sync(() => dropped.add(id(target)))),
      open: (request) =>
        Effect.tap(rows.open(request), ({ checkpoints: [{ fence }] }) =>
          Effect.sync(() => {
            if (dropped.delete(id(request.target))) bases.set(id(request.target), fence)
          })),
      acquire: (request) =>
        Effect.map(rows.acquire(request), (acquired) => ({
          ...acquired,
          leases: acquired.leases.map((lease) => ({
            ...lease,
            fence: lease.fence - (bases.get(id(request.target)) ?? 0)
          }))
        })),
      commit: (batch, within) => {
        const base = bases.get(id(batch.target)) ?? 0
        return rows.commit({ ...batch, fence: batch.fence === undefined ? undefined : batch.fence + base }, within)
      }
    }
  }),
  wrongRows("gives a new fence with every renewal", (rows) => ({
    acquire: (request) => Effect.andThen(rows.release(request.target, request.owner), rows.acquire(request))
  })),
  wrongRows("does not renew a lease with a batch", (rows) => ({
    commit: (batch, within) => rows.commit({ ...batch, lease: Duration.zero }, within)
  })),
  wrongRows("opens what was made with other indexes", (rows) => ({
    open: ({ indexes, ...request }) =>
      Effect.catchIf(
        rows.open({ ...request, indexes }),
        ({ reason }) => reason._tag === "Refused" && reason.what.startsWith("indexes"),
        () => rows.open(request)
      )
  })),
  wrongRows("changes partitions that are not level", (rows) => ({
    open: ({ level: _, ...request }) => rows.open(request)
  })),
  wrongRows("gives more leases than are wanted", (rows) => ({
    acquire: ({ most: _, ...request }) => rows.acquire(request)
  })),
  wrongRows("wants as many leases again", (rows) => ({
    acquire: (request) =>
      Effect.gen(function*() {
        const owned = (yield* entryOf(rows, request.target))?.checkpoints.filter(({ owner }) =>
          Option.isSome(owner) && owner.value === request.owner
        ).length ?? 0
        return yield* rows.acquire({ ...request, most: request.most === undefined ? undefined : request.most + owned })
      })
  })),
  wrongRows("tells only the leases that are new", (rows) => ({
    acquire: (request) =>
      Effect.gen(function*() {
        const before = (yield* entryOf(rows, request.target))?.checkpoints ?? []
        const acquired = yield* rows.acquire(request)
        const had = ({ partition }: RowStore.Lease) => {
          const owner = before[partition]?.owner ?? Option.none()
          return Option.isSome(owner) && owner.value === request.owner
        }
        return { ...acquired, leases: acquired.leases.filter((lease) => !had(lease)) }
      })
  })),
  wrongRows("gives back everybody's leases", (rows) => ({
    release: (target) =>
      Effect.gen(function*() {
        for (const { owner } of (yield* entryOf(rows, target))?.checkpoints ?? []) {
          if (Option.isSome(owner)) yield* rows.release(target, owner.value)
        }
      })
  })),
  wrongRows("gives no lease back", () => ({ release: () => Effect.void })),
  wrongRows("gives leases while the target is paused", (rows) => ({
    acquire: (request) =>
      Effect.gen(function*() {
        const acquired = yield* rows.acquire(request)
        if (acquired.state === "running") return acquired
        return { ...acquired, leases: (yield* entryOf(rows, request.target))?.checkpoints ?? [] }
      })
  })),
  wrongRows("lets a lease start where it was taken first", (rows) => {
    const first = new Map<string, number>()
    return {
      acquire: (request) =>
        Effect.map(rows.acquire(request), (acquired) => ({
          ...acquired,
          leases: acquired.leases.map((lease) => {
            const id = `${request.target.name}/${request.target.revision}/${lease.partition}`
            first.set(id, first.get(id) ?? lease.position)
            return { ...lease, position: first.get(id)! }
          })
        }))
    }
  })
]

/** Opens an entry, and puts every checkpoint where a change of partitions should not have put it. */
const reopened = (
  name: string,
  place: (before: ReadonlyArray<number>, partition: number) => number
): WrongRowStore =>
  wrongRows(name, (rows) => ({
    open: (request) =>
      Effect.gen(function*() {
        const before = (yield* entryOf(rows, request.target))?.checkpoints.map(({ position }) => position)
        const entry = yield* rows.open(request)
        if (before === undefined || before.length === entry.checkpoints.length) return entry
        for (const { partition, position } of entry.checkpoints) {
          const batch = { partition, from: position, to: place(before, partition) }
          yield* stay(rows, request.target, batch)
        }
        return (yield* entryOf(rows, request.target)) ?? entry
      })
  }))

const entries: ReadonlyArray<WrongRowStore> = [
  reopened("starts at the greatest checkpoint when partitions change", (before) => Math.max(...before)),
  reopened("starts at 0 when partitions change", () => 0),
  reopened(
    "lets old partitions stay where they are when their number changes",
    (before, partition) => before[partition] ?? Math.min(...before)
  ),
  wrongRows("does not change the number of partitions", (rows) => ({
    open: (request) =>
      Effect.flatMap(
        entryOf(rows, request.target),
        (entry) => rows.open(entry === undefined ? request : { ...request, partitions: undefined })
      )
  })),
  wrongRows("starts every entry at 0", (rows) => ({ open: ({ position: _, ...request }) => rows.open(request) })),
  wrongRows("starts an entry again when it is opened again", (rows) => ({
    open: (request) =>
      Effect.gen(function*() {
        const entry = yield* rows.open(request)
        for (const { partition, position } of entry.checkpoints) {
          if (position === 0 && request.position !== undefined) {
            yield* stay(rows, request.target, { partition, from: 0, to: request.position })
          } else if (request.position !== undefined && position !== request.position) {
            yield* stay(rows, request.target, { partition, from: position, to: request.position })
          }
        }
        return (yield* entryOf(rows, request.target)) ?? entry
      })
  })),
  wrongRows("lets what is paused run when it is opened again", (rows) => ({
    open: (request) =>
      Effect.gen(function*() {
        yield* rows.open(request)
        yield* rows.setState(request.target, "running")
        return (yield* entryOf(rows, request.target))!
      })
  })),
  wrongRows("says how an entry was opened first", (rows) => ({
    open: (request) =>
      Effect.flatMap(
        entryOf(rows, request.target),
        (entry) => rows.open({ ...request, mode: entry?.mode ?? request.mode })
      )
  })),
  wrongEntry("bears the id of another store", (entry) => ({ ...entry, storeId: "other" })),
  wrongEntry("counts parked events for keys", (entry) => ({ ...entry, parkedKeys: entry.parkedEvents })),
  wrongEntry("forgets failures", (entry) => ({ ...entry, failure: Option.none() })),
  wrongRows("forgets a failure when the target runs again", (rows) => {
    const resumed = new Set<string>()
    const id = ({ name, revision }: RowStore.Target) => `${name}/${revision}`
    return {
      setState: (target, state, failure) =>
        Effect.tap(
          rows.setState(target, state, failure),
          () => Effect.sync(() => state === "running" ? resumed.add(id(target)) : resumed.delete(id(target)))
        ),
      entries: (filter) =>
        Effect.map(
          rows.entries(filter),
          (entries) =>
            entries.map((entry) => resumed.has(id(entry.target)) ? { ...entry, failure: Option.none() } : entry)
        )
    }
  }),
  wrongRows("commits batches of what is paused", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const state = (yield* entryOf(rows, batch.target))?.state ?? "running"
        if (state === "running") return yield* rows.commit(batch, within)
        yield* rows.setState(batch.target, "running")
        return yield* Effect.ensuring(rows.commit(batch, within), Effect.ignore(rows.setState(batch.target, state)))
      })
  })),
  wrongRows("commits batches of what has no entry", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const entry = yield* entryOf(rows, batch.target)
        if (entry === undefined) yield* rows.open({ target: batch.target, mode: "async", position: batch.from })
        return yield* rows.commit(batch, within)
      })
  })),
  wrongRows("says \"Committed\" of what it has not taken", (rows) => ({
    commit: (batch, within) => Effect.as(rows.commit(batch, within), "Committed" as const)
  })),
  wrongRows("sorts revisions as texts", (rows) => ({
    entries: (filter) =>
      Effect.map(
        rows.entries(filter),
        (entries) =>
          entries.toSorted((a, b) =>
            `${a.target.name} ${a.target.revision}` < `${b.target.name} ${b.target.revision}` ? -1 : 1
          )
      )
  })),
  wrongRows("tells entries of every kind", (rows) => ({
    entries: ({ name }) =>
      Effect.map(
        Effect.all([rows.entries({ kind: "projection", name }), rows.entries({ kind: "subscription", name })]),
        (entries) => entries.flat()
      )
  })),
  wrongRows("lets the last revision serve that was opened", (rows) => ({
    open: (request) =>
      Effect.tap(
        rows.open(request),
        () => request.target.kind === "projection" ? rows.serve(request.target) : Effect.void
      )
  })),
  wrongRows("lets a revision serve that others served before", (rows) => {
    const served = new Set<string>()
    return {
      serve: (target) =>
        Effect.tap(rows.serve(target), () => Effect.sync(() => served.add(`${target.name}/${target.revision}`))),
      entries: (filter) =>
        Effect.map(rows.entries(filter), (entries) =>
          entries.map((entry) => ({
            ...entry,
            serving: entry.serving || served.has(`${entry.target.name}/${entry.target.revision}`)
          })))
    }
  }),
  wrongRows("lets nobody serve for a moment", (rows) => {
    const switching = new Set<string>()
    return {
      serve: (target) =>
        Effect.gen(function*() {
          switching.add(target.name)
          yield* Effect.ensuring(
            Effect.andThen(yields(2), rows.serve(target)),
            Effect.sync(() => switching.delete(target.name))
          )
        }),
      find: (source, keys) =>
        Effect.suspend(() => switching.has(source.name) ? Effect.succeedNone : rows.find(source, keys))
    }
  }),
  wrongRows("lets one name serve at a time", (rows) => {
    let last: string | undefined
    return {
      serve: (target) =>
        Effect.tap(rows.serve(target), () =>
          Effect.sync(() => {
            last = target.name
          })),
      entries: (filter) =>
        Effect.map(rows.entries(filter), (entries) =>
          entries.map((entry) => ({
            ...entry,
            serving: entry.serving && (last === undefined || entry.target.name === last)
          })))
    }
  }),
  wrongRows("serves what is not there", (rows) => ({ serve: (target) => Effect.ignore(rows.serve(target)) })),
  wrongRows("drops what serves beside others", (rows) => ({
    drop: (target) =>
      Effect.gen(function*() {
        const others = yield* rows.entries({ kind: target.kind, name: target.name })
        const other = others.find((entry) => entry.target.revision !== target.revision)
        if (other !== undefined) yield* rows.serve(other.target)
        yield* rows.drop(target)
      })
  })),
  wrong("keeps the rows of what was dropped", (rows) => {
    const written = new Map<string, Array<RowStore.RowWrite>>()
    const id = ({ name, revision }: RowStore.Target) => `${name}/${revision}`
    const dropped = new Set<string>()
    return {
      rows: {
        commit: (batch, within) =>
          Effect.tap(
            rows.commit(batch, within),
            () =>
              Effect.sync(() =>
                written.set(id(batch.target), [...(written.get(id(batch.target)) ?? []), ...batch.rows])
              )
          ),
        drop: (target) => Effect.tap(rows.drop(target), () => Effect.sync(() => dropped.add(id(target)))),
        open: (request) =>
          Effect.gen(function*() {
            const entry = yield* rows.open(request)
            if (dropped.delete(id(request.target))) {
              yield* stay(rows, request.target, { rows: written.get(id(request.target)) ?? [] })
            }
            return entry
          })
      }
    }
  }),
  wrongRows("takes any number of partitions", (rows) => ({
    open: ({ partitions, ...request }) =>
      rows.open({
        ...request,
        partitions: partitions === undefined ? undefined : Math.min(Math.max(Math.floor(partitions) || 1, 1), 64)
      })
  }))
]

/** All of them. */
export const wrongEntries: ReadonlyArray<WrongRowStore> = [...leases, ...entries]
