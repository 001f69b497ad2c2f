import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { type EventStoreError, Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type { Reason } from "../ProjectionError.ts"
import type { Served, StoredRow } from "../RowStore.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import type { Entry, Following, Snapshot, Subject } from "./changes.ts"
import { itemsOf } from "./fold.ts"
import { targetOf } from "./projection.ts"
import * as question from "./question.ts"
import { byIndex, decode, lackOf, reachedBy, type Stored } from "./served.ts"
import { until } from "./waiting.ts"

type Answer<A> = Effect.Effect<A, Reason | EventStoreError>

/** Most parked keys that are looked at again until they are drained. */
const parkedKept = 10_000

/** What a row has seen. */
const seenBy = (row: StoredRow | undefined): string => row === undefined ? "" : `${row.position}:${row.index}`

/** Loads rows of the revision that serves, and which of their keys are parked, as one snapshot. */
const loadOf = ({ past, rows }: Stored, { tenant }: Subject) =>
  Effect.fnUntraced(function*(revision: number, keys: ReadonlyArray<string>) {
    const target = { ...targetOf(past.definition), revision }
    const found = new Map<string, StoredRow>()
    const parked = new Set<string>()
    for (let i = 0; i < keys.length; i += Limits.keysPerRead) {
      const part = keys.slice(i, i + Limits.keysPerRead).map((key) => ({ tenant, key }))
      const loaded = yield* rows.load(target, part)
      for (const row of loaded.rows) found.set(row.key, row)
      for (const { key } of loaded.parked) parked.add(key)
    }
    return { found, parked }
  })

/**
 * The rows of parked keys change when they are drained, long after their events have passed. So their keys are kept, with
 * what their rows had seen, and looked at again.
 */
const parkedOf = (self: Stored, subject: Subject) => {
  const { past, rows } = self
  const { key, tenant } = subject
  const load = loadOf(self, subject)
  const kept = new Map<string, string>()
  const keep = (key: string, row: StoredRow | undefined) => {
    if (kept.has(key) || kept.size < parkedKept) kept.set(key, seenBy(row))
  }

  /** Keeps what is parked now. Before any row is read, so that none is drained in between. */
  const begin = Effect.fnUntraced(function*(revision: number) {
    kept.clear()
    const target = { ...targetOf(past.definition), revision }
    const one = key === undefined ? {} : { key: { tenant, key }, limit: 1 }
    const events = yield* rows.parked({ target, limit: parkedKept, ...one })
    const keys = new Set(events.filter((event) => event.tenant === tenant).map(({ key }) => key))
    const { found, parked } = yield* load(revision, Array.from(keys))
    for (const key of parked) keep(key, found.get(key))
  })

  /** The keys whose rows have changed since they were kept. */
  const changed = Effect.fnUntraced(function*(revision: number) {
    if (kept.size === 0) return new Map<string, StoredRow | undefined>()
    const { found, parked } = yield* load(revision, Array.from(kept.keys()))
    const changed = new Map<string, StoredRow | undefined>()
    for (const [key, seen] of Array.from(kept)) {
      const row = found.get(key)
      if (seenBy(row) !== seen) changed.set(key, row)
      if (parked.has(key)) keep(key, row)
      else kept.delete(key)
    }
    return changed
  })

  return { begin, changed, keep }
}

/** Waits until stored rows have seen all up to a position: for ever, since nobody waits for an answer. */
const servedOf = ({ past, rows }: Stored, { tenant }: Subject) =>
(
  position: number,
  keys: ReadonlyArray<string> | undefined
) =>
  Effect.map(
    until(
      rows.find({ name: past.definition.name, tenant }, []),
      (found) => lackOf(found, position, tenant, keys),
      Stream.merge(rows.moves, past.store.wakeUps),
      Duration.infinity
    ),
    // Without an entry the answer lacks something.
    (found): Served => Option.getOrThrow(found).served
  )

const entryOf = (
  { past }: Stored,
  revision: number,
  key: string,
  row: StoredRow | undefined
): Effect.Effect<Entry, Refused> =>
  row === undefined || row.value === null
    ? Effect.succeed({ key, row: undefined })
    : Effect.map(Effect.fromResult(decode(past, revision, row)), (row) => ({ key, row }))

/** Follows rows that a store keeps. */
export const followStored = (self: Stored, subject: Subject): Answer<Following> =>
  Effect.gen(function*() {
    const { after, key } = subject
    const { definition, reader } = self.past
    const load = loadOf(self, subject)
    const parked = parkedOf(self, subject)
    const served = servedOf(self, subject)
    const first = yield* served(0, undefined)
    let { revision } = first
    if (after !== undefined) yield* question.refuse(question.foreign(after, first.storeId))
    yield* parked.begin(revision)

    const entriesOf = (keys: Iterable<string>, found: ReadonlyMap<string, StoredRow | undefined>) =>
      Effect.forEach(keys, (key) => entryOf(self, revision, key, found.get(key)))

    const following: Following = {
      from: after?.position,
      snapshot: Effect.fnUntraced(function*(cursor) {
        if (cursor === undefined) {
          // The stream starts, or starts anew with the rows of another revision.
          const now = (yield* served(0, undefined)).revision
          if (now !== revision) yield* parked.begin(revision = now)
        }
        return yield* key === undefined ? rowsOf(self, subject, cursor) : rowOf(self, subject, key)
      }),
      see: Effect.fnUntraced(function*(events, passed) {
        const { items, stopped } = itemsOf(reader, definition.key, events)
        if (stopped !== undefined) return yield* stuck(self, stopped)
        const touched = new Set(items.flatMap(({ keys }) => keys).filter((one) => key === undefined || one === key))
        if (touched.size === 0) return []
        const keys = Array.from(touched)
        if ((yield* served(passed, keys)).revision !== revision) return "again"
        const loaded = yield* load(revision, keys)
        for (const key of loaded.parked) parked.keep(key, loaded.found.get(key))
        return yield* entriesOf(keys, loaded.found)
      }),
      look: Effect.gen(function*() {
        if ((yield* served(0, undefined)).revision !== revision) return "again"
        const changed = yield* parked.changed(revision)
        return yield* entriesOf(changed.keys(), changed)
      })
    }
    return following
  })

/** An event that stops the projection: there is nothing to follow behind it. */
const stuck = ({ past: { reader } }: Stored, { at, cause }: { readonly at: StoredEvent; readonly cause: string }) => {
  const upcast = reader.upcast(at)
  return Effect.fail(
    Result.isFailure(upcast) ? upcast.failure : new Refused({
      what: `${at.type} at position ${at.position}`,
      expected: "an event that the projection can place",
      actual: cause
    })
  )
}

/** One row, also where there is none. */
const rowOf = Effect.fnUntraced(function*(self: Stored, { tenant }: Subject, key: string) {
  const { name } = self.past.definition
  const { rows, served } = Option.getOrThrow(yield* self.rows.find({ name, tenant }, [key]))
  const snapshot: Snapshot = {
    entries: [yield* entryOf(self, served.revision, key, rows[0])],
    next: undefined,
    position: reachedBy(served, tenant, [key])
  }
  return snapshot
})

/** A page of the rows of a query. */
const rowsOf = Effect.fnUntraced(function*(
  self: Stored,
  { plan, tenant }: Subject,
  cursor: string | undefined
) {
  const { past, rows } = self
  const { name } = past.definition
  const { atLeast, below } = plan
  const limit = Limits.rowsPerPage
  // The cursor is our own, of the page before.
  const after = cursor === undefined ? undefined : JSON.parse(cursor) as NonNullable<question.Plan["after"]>
  const request = { name, tenant, atLeast, below, after, backward: false, limit: limit + 1 }
  const { rows: found, served } = yield* byIndex(
    past,
    plan,
    (index) => Effect.map(rows.list({ ...request, index }), Option.getOrThrow)
  )
  const page = found.slice(0, limit)
  const entries: Array<Entry> = []
  for (const { row: stored } of page) {
    entries.push({ key: stored.key, row: yield* Effect.fromResult(decode(past, served.revision, stored)) })
  }
  const last = found.length > limit ? page.at(-1) : undefined
  const snapshot: Snapshot = {
    entries,
    next: last && JSON.stringify({ sort: last.sort, key: last.row.key }),
    position: reachedBy(served, tenant, undefined)
  }
  return snapshot
})
