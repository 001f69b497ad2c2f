import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { Failure, Parked, RowKey } from "../RowStore.ts"
import { distinct, type Placed } from "./fold.ts"
import { nameOf } from "./partition.ts"
import { deliver, failure, type Handled } from "./runHandler.ts"
import { type Desk, done, gone, type Job, parkedOf, type Waiting, type Worked } from "./runJob.ts"
import type { Upcaster } from "./upcaster.ts"

/** Where a partition is in its items. */
interface Progress {
  /** Everything at or before it is handled. */
  position: number
  readonly park: Array<Parked>
  failure: Failure | undefined
}

const settle = (desk: Desk, { failure, park, position }: Progress) =>
  desk.commit({ to: position, park: park.filter((one) => one.position <= position), failure })

/** Hands items to their handlers, one after the other. */
const handleAll = Effect.fnUntraced(function*<R>(
  handled: Handled<R>,
  desk: Desk,
  items: ReadonlyArray<Placed>,
  parked: ReadonlyArray<RowKey>,
  progress: Progress
): Effect.fn.Return<Worked, never, R> {
  const waiting = new Set(parked.map(nameOf))
  for (let i = 0; i < items.length; i++) {
    const placed = items[i]!
    const { item, key } = placed
    const name = nameOf(key)
    if (waiting.has(name)) {
      progress.park.push(parkedOf(placed, yield* DateTime.now))
    } else {
      if (!(yield* desk.held)) return gone
      const failed = yield* deliver(handled, placed, 1)
      if (failed !== undefined) {
        const at = yield* DateTime.now
        progress.failure = yield* failure(handled.name, placed, at, failed)
        if (handled.onFailure === "halt") return { _tag: "Halted", failure: progress.failure }
        waiting.add(name)
        progress.park.push(parkedOf(placed, at, failed))
      }
    }
    if (items[i + 1]?.item.stored.position !== item.stored.position) progress.position = item.stored.position
  }
  return done
})

const work = <R>(handled: Handled<R>): Job<R>["work"] =>
  Effect.fnUntraced(function*(desk: Desk, items: ReadonlyArray<Placed>, to: number) {
    const { rows, target } = desk.course
    // Handlers run outside of every transaction: whether they may is asked first, also whether somebody has paused.
    if (items.length > 0 && (yield* desk.commit({ to: desk.position })) !== "Committed") return gone
    const parked = items.length === 0 ? [] : (yield* rows.load(target, distinct(items))).parked
    const progress: Progress = { position: desk.position, park: [], failure: undefined }
    // Who is stopped in mid-page leaves behind what it has handled, so that as little as can be comes again.
    const worked = yield* Effect.onInterrupt(
      handleAll(handled, desk, items, parked, progress),
      () => progress.position === desk.position ? Effect.void : Effect.ignoreCause(settle(desk, progress))
    )
    if (worked._tag === "Gone") return gone
    if (worked._tag === "Done") progress.position = to
    return (yield* settle(desk, progress)) === "Committed" ? worked : gone
  })

/** Hands parked events to the handler, and commits what is handled once, at the end. */
const drain = <R>(handled: Handled<R>): Job<R>["drain"] =>
  Effect.fnUntraced(function*(desk: Desk, key: RowKey, waiting: ReadonlyArray<Waiting>) {
    let count = 0
    let failed: { readonly attempts: number; readonly cause: string } | undefined
    const commit = Effect.suspend(() =>
      desk.commit({ to: desk.position, unpark: waiting.slice(0, count).map(({ parked }) => parked) })
    )
    const handle = Effect.gen(function*() {
      for (const { cause, items, parked: { attempts } } of waiting) {
        if (!(yield* desk.held)) return false
        failed = cause === undefined ? undefined : { attempts: attempts + 1, cause }
        for (const item of items) failed ??= yield* deliver(handled, { item, key }, attempts + 1)
        if (failed !== undefined) return true
        count++
      }
      return true
    })
    const held = yield* Effect.onInterrupt(handle, () => Effect.ignoreCause(commit))
    return held && (yield* commit) === "Committed" ? { _tag: "Drained", count, failed } as const : gone
  })

/** Runs a subscription: handlers that do something elsewhere, and a checkpoint behind them. */
export const make = <R>(
  handled: Handled<R>,
  aggregates: ReadonlyArray<string>,
  upcaster: Upcaster["Service"]
): Job<R> => ({
  target: { kind: "subscription", name: handled.name, revision: 1 },
  mode: "async",
  reader: upcaster.reader({ name: handled.name, aggregates, events: handled.events }),
  keyed: handled.key,
  indexes: [],
  rows: false,
  setup: Effect.void,
  work: work(handled),
  drain: drain(handled)
})
