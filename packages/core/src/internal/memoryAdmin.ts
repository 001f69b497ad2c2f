import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { EventStoreError, Refused } from "../EventStoreError.ts"
import * as Restored from "../Restored.ts"
import type { Finding, Inventory, Status, StoreAdmin } from "../StoreAdmin.ts"
import * as StoredEvent from "../StoredEvent.ts"
import * as StreamName from "../StreamName.ts"
import * as check from "./check.ts"
import type { Log, Row, Stored } from "./memoryLog.ts"
import * as text from "./text.ts"

const refuse = (reason: Refused) => new EventStoreError({ operation: "admin", reason })

const inventoryOf = (rows: ReadonlyArray<Row>): ReadonlyArray<Inventory> => {
  const found = new Map<string, { -readonly [K in keyof Inventory]: Inventory[K] }>()
  for (const { erased, position: at, revision, stream: { category }, type } of rows) {
    const key = `${category}/${type}/${revision}`
    const position = StoredEvent.position(at)
    const entry = found.get(key)
    if (entry === undefined) {
      found.set(key, { category, type, revision, events: 1, erased: erased ? 1 : 0, first: position, last: position })
    } else {
      entry.events++
      if (erased) entry.erased++
      entry.last = position
    }
  }
  return Array.from(found.values()).sort((a, b) =>
    text.compare(a.category, b.category) || text.compare(a.type, b.type) || a.revision - b.revision
  )
}

/** Why events do not continue the log, or `undefined` when they do. */
const misfit = (log: Log, { commits, events, streams }: Restored.Restored): Refused | undefined => {
  const wrong = Restored.wrongPosition(log.rows.length, events[0].position)
    ?? Restored.wrongTime(log.recordedAt, commits[0].recordedAt)
  if (wrong !== undefined) return wrong
  for (const { before, key, stream } of streams) {
    const length = log.streams.get(key)?.length ?? 0
    if (length !== before) return Restored.wrongVersion(stream, length, before)
  }
  const known = commits.find(({ id }) => log.commits.has(id))
  return known && Restored.knownCommit(known.id)
}

const store = (log: Log, { commits, events, streams }: Restored.Restored): void => {
  const lists = commits.map((): Array<Row> => [])
  const stored = commits.map((commit, i): Stored => ({ ...commit, rows: lists[i]! }))
  for (const { commit, occurredAt, payload, revision, slot, type } of events) {
    const event = { slot, type, revision, occurredAt, payload: payload ?? "null" }
    log.push(stored[commit]!, lists[commit]!, streams[slot]!, event, payload === null)
  }
  for (const each of stored) log.commits.set(each.id, each)
  log.recordedAt = commits.at(-1)!.recordedAt
}

/** Administration of a store in memory. `erased` is told the first version that was, `restored` the new head. */
export const make = (
  storeId: string,
  log: Log,
  erased: (key: string, version: number) => void,
  restored: (head: StoredEvent.Position) => void
): StoreAdmin["Service"] => {
  const head = () => StoredEvent.position(log.rows.length)
  return {
    status: Effect.sync((): Status => ({
      storeId,
      engine: "memory",
      schema: 0,
      programSchema: 0,
      applied: [],
      pending: [],
      head: head()
    })),
    migrate: Effect.succeed([]),
    // Nothing but `append` and `restore` reaches the arrays, which number the events as they come.
    verify: Effect.succeed<ReadonlyArray<Finding>>([]),
    erase: Effect.fnUntraced(function*({ from, stream, to }) {
      const wrong = check.stream(stream) ?? check.int("first version to erase", from, 1, Number.MAX_SAFE_INTEGER)
        ?? check.int("last version to erase", to, 0, Number.MAX_SAFE_INTEGER)
      if (wrong !== undefined) return yield* refuse(wrong)
      const key = StreamName.format(stream)
      const rows = (log.streams.get(key) ?? []).slice(from - 1, to).filter((row) => !row.erased)
      for (const row of rows) row.erased = true
      if (rows[0] !== undefined) erased(key, rows[0].version)
      return rows.length
    }),
    inventory: Effect.sync(() => inventoryOf(log.rows)),
    restore: Effect.fnUntraced(function*(events: Arr.NonEmptyReadonlyArray<StoredEvent.StoredEvent>) {
      const encoded = Restored.encode(events)
      if (encoded instanceof Refused) return yield* refuse(encoded)
      const wrong = misfit(log, encoded)
      if (wrong !== undefined) return yield* refuse(wrong)
      store(log, encoded)
      restored(head())
      return head()
    })
  }
}
