import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { RowKey } from "../RowStore.ts"
import { beforeCommit, distinct, fold, type Folded, type Loaded, type Placed } from "./fold.ts"
import { nameOf } from "./partition.ts"
import { type Definition, targetOf } from "./projection.ts"
import * as rowCodec from "./rowCodec.ts"
import { type Desk, done, type Gathered, gone, type Job, partsOf, type Waiting } from "./runJob.ts"
import type { Upcaster } from "./upcaster.ts"

const nothing: Loaded = { rows: [], parked: [] }

/** Keeps the rows of a batch for the next one. */
const keep = ({ kept }: Desk, folded: Folded): void => {
  for (const event of folded.park) kept.delete(event)
  for (const one of folded.kept) kept.set(one.key, one.kept)
}

/** Most pages, rows, and UTF-16 units of their texts, that are gathered while a commit is under way. */
const gatheredPages = 8
const gatheredRows = 10_000
const gatheredUnits = 16_777_216

/** Adds what came of a page to what is gathered. Of a row, the later one stays. */
const gather = ({ gathered }: Desk, { failure, park, rows }: Folded, to: number): Gathered => {
  const byName = new Map(gathered?.rows)
  let units = gathered?.units ?? 0
  for (const row of rows) {
    const name = nameOf(row)
    units += (row.value?.length ?? 0) - (byName.get(name)?.value?.length ?? 0)
    byName.set(name, row)
  }
  return {
    to,
    rows: byName,
    units,
    park: gathered === undefined ? park : [...gathered.park, ...park],
    failure: failure ?? gathered?.failure,
    pages: (gathered?.pages ?? 0) + 1
  }
}

/**
 * Folds items onto their rows, and commits rows and checkpoint. Pages are loaded and folded while the batch before is being
 * committed, and are the next batch together: their rows are kept, and so are not loaded. Neither are rows that cannot be
 * stored, which are most of those of a projection that is built.
 */
const work = (definition: Definition, codec: rowCodec.Codec): Job<never>["work"] => {
  const { name } = definition
  return Effect.fnUntraced(function*(desk: Desk, items: ReadonlyArray<Placed>, to: number, settle: boolean) {
    const { rows: store, target } = desk.course
    const { front, kept } = desk
    const unknown = distinct(items).filter((key) => kept.get(key) === undefined && !kept.isNew(key))
    // There were too many rows to keep all of them.
    if (unknown.some((key) => desk.isOnTheWay(key)) && !(yield* desk.settled)) return gone
    const { gathered, pending } = desk
    const loaded = unknown.length === 0 ? nothing : yield* store.load(target, unknown)
    const parked = [...loaded.parked, ...(pending?.park ?? []), ...(gathered?.park ?? [])]
    const folded = fold(definition, codec, items, { rows: loaded.rows, parked, kept }, yield* DateTime.now)
    const { failure, halted } = folded
    if (failure !== undefined) {
      yield* Effect.logWarning(`${name}: ${failure.type} of ${failure.eventId}: ${failure.cause}`)
    }
    const end = halted === undefined ? to : Math.max(front, beforeCommit(halted))
    const all = gather(desk, folded, end)
    keep(desk, folded)
    const goesOn = halted === undefined && !settle
    const { pageSize, settings } = desk.course
    // Pages that are smaller than they should be are so because a batch failed: it is not to be larger than they are.
    const mayGather = pageSize === settings.pageSize && all.pages < gatheredPages && all.rows.size < gatheredRows
      && all.units < gatheredUnits
    if (goesOn && desk.isCommitting && mayGather) {
      desk.gathered = all
      return done
    }
    desk.gathered = undefined
    if (!(yield* desk.joined)) return gone
    if (goesOn) {
      yield* desk.send(all)
      return done
    }
    if ((yield* desk.commit(partsOf(all))) !== "Committed") return gone
    // Where the policy halts, there is what it halts for.
    return halted === undefined ? done : { _tag: "Halted", failure: failure! } as const
  })
}

/** Folds parked events onto the row of their key, up to the first that fails. */
const drain = (definition: Definition, codec: rowCodec.Codec): Job<never>["drain"] => {
  const parking: Definition = { ...definition, onFailure: "park" }
  return Effect.fnUntraced(function*(desk: Desk, key: RowKey, waiting: ReadonlyArray<Waiting>) {
    const { rows: store, target } = desk.course
    const unreadable = waiting.findIndex(({ cause }) => cause !== undefined)
    const readable = unreadable < 0 ? waiting : waiting.slice(0, unreadable)
    const items = readable.flatMap(({ items }) => items.map((item) => ({ item, key })))
    const { rows } = yield* store.load(target, [key])
    const { park, rows: writes } = fold(parking, codec, items, { rows, parked: [] }, yield* DateTime.now)
    const [first] = park
    const failed = first === undefined
      ? unreadable
      : waiting.findIndex(({ items }) =>
        items.some(({ index, stored }) => stored.position === first.position && index === first.index)
      )
    const count = failed < 0 ? waiting.length : failed
    desk.kept.delete(key)
    const committed = yield* desk.commit({
      to: desk.position,
      rows: writes,
      unpark: waiting.slice(0, count).map(({ parked }) => parked)
    })
    if (committed !== "Committed") return gone
    const at = waiting[failed]
    const cause = first?.cause ?? at?.cause
    return {
      _tag: "Drained",
      count,
      failed: at === undefined || cause === undefined ? undefined : { attempts: at.parked.attempts + 1, cause }
    } as const
  })
}

/** Runs a projection: a pure fold onto rows. */
export const make = (
  definition: Definition,
  aggregates: ReadonlyArray<string>,
  mode: "inline" | "async",
  upcaster: Upcaster["Service"]
): Job<never> => {
  const codec = rowCodec.make(definition)
  return {
    target: targetOf(definition),
    mode,
    reader: upcaster.reader({ name: definition.name, aggregates, events: definition.events }),
    keyed: definition.key,
    indexes: Object.values(definition.indexes).map(rowCodec.declarationOf),
    rows: true,
    setup: Effect.void,
    work: work(definition, codec),
    drain: drain(definition, codec)
  }
}
