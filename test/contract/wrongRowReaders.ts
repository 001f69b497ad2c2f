/**
 * Row stores that are wrong on purpose about what readers get, parked events and tombstones.
 */
import type { RowStore } from "@varve/core"
import { Effect, Option, Stream } from "effect"
import { entryOf, positionOf, stay, wrongBatch, wrongList, wrongRows, type WrongRowStore } from "./wrongRowStore.ts"

type Listed = { readonly sort: string; readonly row: RowStore.StoredRow }

/** What of a list lies behind where a page starts, by an order. The list is in that order, or in the opposite one. */
const behind = (
  all: ReadonlyArray<Listed>,
  { after, backward, limit }: RowStore.ListRequest,
  compare: (a: Listed, b: { readonly sort: string; readonly key: string }) => number
): ReadonlyArray<Listed> =>
  all.filter((one) => after === undefined || (backward ? compare(one, after) < 0 : compare(one, after) > 0))
    .slice(0, limit)

const byUnits = (a: Listed, b: { readonly sort: string; readonly key: string }): number =>
  a.sort < b.sort ? -1 : a.sort > b.sort ? 1 : a.row.key < b.key ? -1 : a.row.key > b.key ? 1 : 0

const collator = new Intl.Collator("en")

const byCollation = (a: Listed, b: { readonly sort: string; readonly key: string }): number =>
  collator.compare(a.sort, b.sort) || collator.compare(a.row.key, b.key) || byUnits(a, b)

const sorted = (
  all: ReadonlyArray<Listed>,
  request: RowStore.ListRequest,
  compare: typeof byUnits
): ReadonlyArray<Listed> => {
  const forward = all.toSorted((a, b) => compare(a, { sort: b.sort, key: b.row.key }))
  return behind(request.backward ? forward.toReversed() : forward, request, compare)
}

const offsets = new Map<string, number>()

const lists: ReadonlyArray<WrongRowStore> = [
  wrongList(
    "skips rows that are equal in an index to the last of a page",
    (all, request) =>
      all.filter(({ sort }) =>
        request.after === undefined || (request.backward ? sort < request.after.sort : sort > request.after.sort)
      ).slice(0, request.limit)
  ),
  wrongList("repeats the last row of a page", (all, request) => {
    const at = all.findIndex(({ row, sort }) => row.key === request.after?.key && sort === request.after.sort)
    return at < 0 ? behind(all, request, byUnits) : all.slice(at, at + request.limit)
  }),
  wrongList("sorts by the units of UTF-16", (all, request) => sorted(all, request, byUnits)),
  wrongList("sorts by a language's collation", (all, request) => sorted(all, request, byCollation)),
  wrongList("finds its place in a list by counting rows", (all, request) => {
    const { after, backward, index, limit, name } = request
    const id = (place: RowStore.ListRequest["after"]) => JSON.stringify([name, index, backward, place])
    const start = after === undefined ? 0 : offsets.get(id(after)) ?? 0
    const page = all.slice(start, start + limit)
    const last = page.at(-1)
    if (last !== undefined) offsets.set(id({ sort: last.sort, key: last.row.key }), start + page.length)
    return page
  }),
  wrongList("ends a list when the row that a page starts behind is gone", (all, request) => {
    const { after, limit } = request
    if (after === undefined) return all.slice(0, limit)
    const at = all.findIndex(({ row, sort }) => row.key === after.key && sort === after.sort)
    return at < 0 ? [] : all.slice(at + 1, at + 1 + limit)
  }),
  wrongRows("lists rows equal in an index backward by key", (rows) => ({
    list: (request) =>
      Effect.map(
        rows.list(request),
        Option.map((page) => ({
          ...page,
          rows: request.backward && request.index !== undefined
            ? page.rows.toSorted((a, b) => a.sort === b.sort ? byUnits(a, { sort: b.sort, key: b.row.key }) : 0)
            : page.rows
        }))
      )
  })),
  wrongRows("lists forward when told to list backward", (rows) => ({
    list: (request) => rows.list({ ...request, backward: false })
  })),
  wrongRows("lists by the first index whatever is asked for", (rows) => ({
    list: (request) => rows.list({ ...request, index: request.index === undefined ? undefined : 0 })
  })),
  wrongRows("gives one row more than a page has", (rows) => ({
    list: (request) => rows.list({ ...request, limit: request.limit + 1 })
  })),
  wrongRows("leaves the least of a range out", (rows) => ({
    list: (request) =>
      Effect.map(
        rows.list(request),
        Option.map((page) => ({ ...page, rows: page.rows.filter(({ sort }) => sort !== request.atLeast) }))
      )
  })),
  wrongRows("has the end of a range in it", (rows) => ({
    list: (request) =>
      rows.list({ ...request, below: request.below === undefined ? undefined : `${request.below}\u0001` })
  })),
  wrongRows("counts without the bounds of a range", (rows) => ({
    count: ({ atLeast: _, below: _below, ...range }) => rows.count(range)
  })),
  wrongRows("counts tombstones", (rows) => {
    const removed = new Map<string, Set<string>>()
    const id = (name: string, revision: number, tenant: string) => `${name}/${revision}/${tenant}`
    return {
      commit: (batch, within) =>
        Effect.tap(rows.commit(batch, within), () =>
          Effect.sync(() => {
            for (const { key, tenant, value } of batch.rows) {
              const keys = removed.get(id(batch.target.name, batch.target.revision, tenant)) ?? new Set()
              removed.set(id(batch.target.name, batch.target.revision, tenant), keys)
              if (value === null) keys.add(key)
              else keys.delete(key)
            }
          })),
      count: (range) =>
        Effect.map(
          rows.count(range),
          Option.map(({ count, served }) => ({
            served,
            count: count + (removed.get(id(range.name, served.revision, range.tenant))?.size ?? 0)
          }))
        )
    }
  })
]

/** Rows of a tenant kept as those of another. */
const untenanted = <A extends { readonly tenant: string }>(a: A): A => ({ ...a, tenant: "" })

const reads: ReadonlyArray<WrongRowStore> = [
  wrongRows("keeps the rows of all tenants together", (rows) => ({
    commit: (batch, within) => rows.commit({ ...batch, rows: batch.rows.map(untenanted) }, within),
    load: (target, keys) => rows.load(target, keys.map(untenanted)),
    find: (source, keys) => rows.find(untenanted(source), keys),
    list: (request) => rows.list(untenanted(request)),
    count: (range) => rows.count(untenanted(range))
  })),
  wrongRows("does not tell tenants apart whose names differ in case", (rows) => {
    const lower = <A extends { readonly tenant: string }>(a: A): A => ({ ...a, tenant: a.tenant.toLowerCase() })
    return {
      commit: (batch, within) => rows.commit({ ...batch, rows: batch.rows.map(lower) }, within),
      find: (source, keys) => rows.find(lower(source), keys),
      load: (target, keys) => rows.load(target, keys.map(lower))
    }
  }),
  wrongRows("writes the rows of a revision to the others of its name", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        const outcome = yield* rows.commit(batch, within)
        if (outcome !== "Committed" || batch.target.kind !== "projection") return outcome
        for (const { target } of yield* rows.entries({ kind: "projection", name: batch.target.name })) {
          if (target.revision !== batch.target.revision) yield* stay(rows, target, { rows: batch.rows })
        }
        return outcome
      })
  })),
  wrongRows("reads the revision that serves whichever is named", (rows) => ({
    find: ({ revision: _, ...source }, keys) => rows.find(source, keys),
    list: ({ revision: _, ...request }) => rows.list(request),
    count: ({ revision: _, ...range }) => rows.count(range)
  })),
  wrongRows("finds no more than a thousand keys", (rows) => ({
    find: (source, keys) => rows.find(source, keys.slice(0, 1_000))
  })),
  wrongRows("reads the checkpoint before the rows", (rows) => ({
    find: (source, keys) =>
      Effect.gen(function*() {
        const before = yield* rows.find(source, [])
        yield* Effect.yieldNow
        const after = yield* rows.find(source, keys)
        return Option.map(after, (found) => ({ ...found, served: Option.getOrElse(before, () => found).served }))
      })
  })),
  wrongRows("counts rows before it reads the checkpoint", (rows) => ({
    count: (range) =>
      Effect.gen(function*() {
        const before = yield* rows.count(range)
        yield* Effect.yieldNow
        const after = yield* rows.count(range)
        return Option.map(after, ({ count, served }) => ({
          served,
          count: Option.isSome(before) ? before.value.count : count
        }))
      })
  })),
  wrongRows("tells the checkpoint of the first partition alone", (rows) => ({
    find: (source, keys) =>
      Effect.map(
        rows.find(source, keys),
        Option.map((found) => ({ ...found, served: { ...found.served, positions: [found.served.positions[0]] } }))
      )
  })),
  wrongRows("says of everything that it runs", (rows) => ({
    find: (source, keys) =>
      Effect.map(
        rows.find(source, keys),
        Option.map((found) => ({ ...found, served: { ...found.served, state: "running" } }))
      )
  })),
  wrongRows("has no hints", () => ({ moves: Stream.never }))
]

const parked: ReadonlyArray<WrongRowStore> = [
  wrongRows("does not say which keys are parked", (rows) => ({
    load: (target, keys) => Effect.map(rows.load(target, keys), (loaded) => ({ ...loaded, parked: [] }))
  })),
  wrongRows("takes a key for parked that another tenant has parked", (rows) => ({
    load: (target, keys) =>
      Effect.gen(function*() {
        const loaded = yield* rows.load(target, keys)
        const all = yield* rows.parked({ target, limit: 1_000_000 })
        return { ...loaded, parked: keys.filter(({ key }) => all.some((event) => event.key === key)) }
      })
  })),
  wrongRows("gives parked events the last one first", (rows) => ({
    parked: (request) => Effect.map(rows.parked(request), (events) => events.toReversed())
  })),
  wrongRows("gives parked events in the order of their positions alone", (rows) => ({
    parked: (request) =>
      Effect.map(rows.parked(request), (events) => events.toSorted((a, b) => a.position - b.position))
  })),
  wrongRows("gives parked events in the order of their indexes first", (rows) => ({
    parked: (request) =>
      Effect.map(
        rows.parked(request),
        (events) => events.toSorted((a, b) => a.key === b.key ? a.index - b.index || a.position - b.position : 0)
      )
  })),
  wrongRows("gives parked events that nobody has asked for", (rows) => ({
    parked: ({ due: _, ...request }) => rows.parked(request)
  })),
  wrongRows("gives only those events of a key that are due themselves", (rows) => ({
    parked: (request) =>
      request.due === true
        ? Effect.map(rows.parked({ ...request, limit: 1_000_000 }), (events) =>
          events.filter(({ due }) => due).slice(0, request.limit))
        : rows.parked(request)
  })),
  wrongRows("never tries an event that waits behind nothing", (rows) => ({
    parked: (request) =>
      Effect.map(rows.parked({ ...request, limit: 1_000_000 }), (events) => {
        const isAsked = ({ key, tenant }: RowStore.Parked) =>
          events.some((one) => one.due && one.key === key && one.tenant === tenant)
        return (request.due === true ? events.filter(isAsked) : events).slice(0, request.limit)
      })
  })),
  wrongRows("gives up all events of a key for the first", (rows) => ({
    retry: (request) =>
      Effect.gen(function*() {
        const count = yield* rows.retry(request)
        if (request.skip) { for (let i = 1; i < count; i++) yield* rows.retry(request) }
        return count
      })
  })),
  wrongRows("gives up no event", (rows) => ({ retry: (request) => rows.retry({ ...request, skip: false }) })),
  wrongRows("gives up the last event of a key for the first", (rows) => ({
    retry: (request) =>
      Effect.gen(function*() {
        const events = yield* rows.parked({ target: request.target, key: request.key, limit: 1_000_000 })
        const count = yield* rows.retry({ ...request, skip: false })
        if (request.skip) yield* stay(rows, request.target, { unpark: events.slice(-1) })
        return count
      })
  })),
  wrongRows("tries only the first event of a key again", (rows) => ({
    retry: (request) =>
      Effect.gen(function*() {
        const count = yield* rows.retry(request)
        const [, ...others] = yield* rows.parked({ target: request.target, key: request.key, limit: 1_000_000 })
        yield* stay(rows, request.target, { park: others.map((event) => ({ ...event, due: false })) })
        return count
      })
  })),
  wrongRows("tries a key of every tenant again", (rows) => ({
    retry: (request) =>
      Effect.gen(function*() {
        const all = yield* rows.parked({ target: request.target, limit: 1_000_000 })
        const tenants = new Set(all.filter(({ key }) => key === request.key.key).map(({ tenant }) => tenant))
        tenants.delete(request.key.tenant)
        for (const tenant of tenants) {
          yield* rows.retry({ ...request, key: { ...request.key, tenant }, skip: false })
        }
        return yield* rows.retry(request)
      })
  })),
  wrongRows("keeps the first failure of an event that is parked again", (rows) => ({
    commit: (batch, within) =>
      Effect.gen(function*() {
        if ((yield* entryOf(rows, batch.target)) === undefined) return yield* rows.commit(batch, within)
        const known = yield* rows.parked({ target: batch.target, limit: 1_000_000 })
        const isKnown = (event: RowStore.Parked) =>
          known.some((one) =>
            one.key === event.key && one.tenant === event.tenant && one.position === event.position
            && one.index === event.index
          )
        return yield* rows.commit({ ...batch, park: batch.park.filter((event) => !isKnown(event)) }, within)
      })
  })),
  wrongBatch("cuts the cause of a failure", (batch) => ({
    ...batch,
    park: batch.park.map((event) => ({ ...event, cause: event.cause.slice(0, 255) }))
  }))
]

/** Deletes more or fewer tombstones than it should: those that `goes` says of, when it is swept. */
const wrongSweep = (
  name: string,
  goes: (row: RowStore.StoredRow, positions: ReadonlyArray<number>) => boolean
): WrongRowStore =>
  wrongRows(name, (rows) => {
    const written = new Map<string, ReadonlyArray<RowStore.RowKey>>()
    const gone = new Set<string>()
    const id = ({ name, revision }: RowStore.Target, { key, tenant }: RowStore.RowKey) =>
      JSON.stringify([name, revision, tenant, key])
    const target = ({ name, revision }: RowStore.Target) => `${name}/${revision}`
    return {
      commit: (batch, within) =>
        Effect.tap(rows.commit(batch, within), () =>
          Effect.sync(() => {
            written.set(target(batch.target), [...(written.get(target(batch.target)) ?? []), ...batch.rows])
            for (const row of batch.rows) gone.delete(id(batch.target, row))
          })),
      sweep: (of) =>
        Effect.gen(function*() {
          const positions = ((yield* entryOf(rows, of))?.checkpoints ?? []).map(({ position }) => position)
          const keys = new Map((written.get(target(of)) ?? []).map((key) => [id(of, key), key]))
          const loaded = yield* rows.load(of, [...keys.values()])
          const swept = loaded.rows.filter((row) => !gone.has(id(of, row)) && goes(row, positions))
          for (const row of swept) gone.add(id(of, row))
          return swept.length
        }),
      load: (of, keys) =>
        Effect.map(rows.load(of, keys), (loaded) => ({
          ...loaded,
          rows: loaded.rows.filter((row) => !gone.has(id(of, row)))
        }))
    }
  })

const sweeps: ReadonlyArray<WrongRowStore> = [
  wrongSweep(
    "sweeps what the slowest partition could reach",
    ({ position, value }, positions) => value === null && position <= Math.max(...positions)
  ),
  wrongSweep("sweeps all tombstones", ({ value }) => value === null),
  wrongSweep("sweeps rows with the tombstones", ({ position }, positions) => position <= Math.min(...positions)),
  wrongSweep(
    "never sweeps the tombstone at the checkpoint",
    ({ position, value }, positions) => value === null && position < Math.min(...positions)
  ),
  wrongRows("sweeps nothing", () => ({ sweep: () => Effect.succeed(0) })),
  wrongRows("moves the checkpoint when it sweeps", (rows) => ({
    sweep: (target) =>
      Effect.gen(function*() {
        const count = yield* rows.sweep(target)
        const at = yield* positionOf(rows, target)
        if (count > 0) yield* stay(rows, target, { from: at, to: at + 1 })
        return count
      })
  }))
]

/** Says that a target is empty as long as no batch was committed to it that `fills` it. */
const wrongEmpty = (
  name: string,
  fills: (batch: RowStore.Batch, of: RowStore.Target) => boolean
): WrongRowStore =>
  wrongRows(name, (rows) => {
    const committed: Array<RowStore.Batch> = []
    return {
      commit: (batch, within) => Effect.tap(rows.commit(batch, within), () => Effect.sync(() => committed.push(batch))),
      // Of what is not there it says what it should.
      isEmpty: (of) =>
        Effect.map(
          rows.isEmpty(of),
          () => !committed.some((batch) => batch.target.name === of.name && fills(batch, of))
        )
    }
  })

const empties: ReadonlyArray<WrongRowStore> = [
  wrongRows("takes every target for empty", (rows) => ({ isEmpty: (of) => Effect.as(rows.isEmpty(of), true) })),
  wrongRows("takes no target for empty", (rows) => ({ isEmpty: (of) => Effect.as(rows.isEmpty(of), false) })),
  wrongRows("takes what is not there for empty", (rows) => ({
    isEmpty: (of) => Effect.catch(rows.isEmpty(of), () => Effect.succeed(true))
  })),
  wrongRows("takes a target for empty until its checkpoint moves", (rows) => ({
    isEmpty: (of) =>
      Effect.andThen(
        rows.isEmpty(of),
        Effect.map(entryOf(rows, of), (entry) => entry!.checkpoints.every(({ position }) => position === 0))
      )
  })),
  wrongEmpty(
    "does not count tombstones when it tells whether a target is empty",
    ({ park, rows, target }, of) =>
      target.revision === of.revision && (park.length > 0 || rows.some(({ value }) => value !== null))
  ),
  wrongEmpty(
    "does not count what waits when it tells whether a target is empty",
    ({ rows, target }, of) => target.revision === of.revision && rows.length > 0
  ),
  wrongEmpty(
    "does not count the rows of tenants when it tells whether a target is empty",
    ({ park, rows, target }, of) =>
      target.revision === of.revision && (park.length > 0 || rows.some(({ tenant }) => tenant === ""))
  ),
  wrongEmpty(
    "looks at the first partition alone when it tells whether a target is empty",
    ({ park, partition, rows, target }, of) =>
      target.revision === of.revision && partition === 0 && park.length + rows.length > 0
  ),
  wrongEmpty(
    "counts the rows of other revisions when it tells whether a target is empty",
    ({ park, rows }) => park.length + rows.length > 0
  ),
  wrongEmpty(
    "counts the rows of what was dropped when it tells whether a target is empty",
    ({ park, rows, target }, of) => target.revision === of.revision && park.length + rows.length > 0
  )
]

/** All of them. */
export const wrongRowReaders: ReadonlyArray<WrongRowStore> = [...lists, ...reads, ...parked, ...sweeps, ...empties]
