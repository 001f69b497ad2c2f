import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { EventStoreError } from "../EventStoreError.ts"
import type { Committed, Failure, Parked, RowKey, Target } from "../RowStore.ts"
import { distinct, type Placed } from "./fold.ts"
import { nameOf } from "./partition.ts"
import { failure, type Handled, handleOnce, retrying, whyOf } from "./runHandler.ts"
import { type Desk, done, type Drained, gone, type Job, parkedOf, type Waiting, type Worked } from "./runJob.ts"
import { type Table, tableOf } from "./table.ts"
import type { Upcaster } from "./upcaster.ts"

/** What a custom projection is at run time. */
export interface Definition<R> extends Handled<R> {
  readonly revision: number
  readonly setup: (table: Table) => Effect.Effect<unknown, unknown, R>
  readonly drop: (table: Table) => Effect.Effect<unknown, unknown, R>
}

export const targetOf = ({ name, revision }: Pick<Definition<never>, "name" | "revision">): Target => ({
  kind: "projection",
  name,
  revision
})

/** Undoes a transaction: the handler of an event failed in it. */
class Undone {
  readonly placed: Placed
  readonly error: unknown
  readonly cause: string
  constructor(placed: Placed, cause: Cause.Cause<unknown>) {
    this.placed = placed
    const why = whyOf(cause)
    this.error = why.error
    this.cause = why.cause
  }
}

/** The items of a partition at work: which keys are parked, and which events are to be. */
class Bench<R> {
  readonly definition: Definition<R>
  readonly desk: Desk
  private readonly waiting: Set<string>
  private readonly failed = new Map<Placed, Parked>()
  private failure: Failure | undefined

  constructor(definition: Definition<R>, desk: Desk, parked: ReadonlyArray<RowKey>) {
    this.definition = definition
    this.desk = desk
    this.waiting = new Set(parked.map(nameOf))
  }

  /** Parks an event: from now on its key waits. */
  park(placed: Placed, at: DateTime.Utc, failure: Failure): void {
    this.waiting.add(nameOf(placed.key))
    this.failed.set(placed, parkedOf(placed, at, failure))
    this.failure = failure
  }

  /** Handles items and commits, in one transaction. */
  attempt(
    items: ReadonlyArray<Placed>,
    to: number,
    attempt: number
  ): Effect.Effect<Committed, EventStoreError | Undone, R> {
    return Effect.flatMap(DateTime.now, (at) => {
      const park: Array<Parked> = []
      const handled: Array<Placed> = []
      for (const placed of items) {
        if (this.waiting.has(nameOf(placed.key))) park.push(this.failed.get(placed) ?? parkedOf(placed, at))
        else handled.push(placed)
      }
      const within = handled.length === 0 ? undefined : Effect.forEach(
        handled,
        (placed) =>
          Effect.catchCause(
            handleOnce(this.definition, placed, attempt),
            (cause) => Effect.fail(new Undone(placed, cause))
          ),
        { discard: true }
      )
      return this.desk.commit({ to, park, failure: park.length > 0 ? this.failure : undefined }, within)
    })
  }

  /** What an attempt came to, with the failure of a handler as a value. */
  try(items: ReadonlyArray<Placed>, to: number): Effect.Effect<Committed | Undone, EventStoreError, R> {
    return Effect.catchIf(
      this.attempt(items, to, 1),
      (error) => error instanceof Undone,
      Effect.succeed
    )
  }
}

const positionOf = ({ item }: Placed): number => item.stored.position

/** Commits what is before a failure, which may fail in turn, until there is nothing before it. Answers with that one. */
const narrow = Effect.fnUntraced(function*<R>(bench: Bench<R>, items: ReadonlyArray<Placed>, failed: Undone) {
  while (true) {
    const end = positionOf(failed.placed) - 1
    if (bench.desk.position >= end) return failed
    const tried = yield* bench.try(items.filter((placed) => positionOf(placed) <= end), end)
    if (tried === "Committed") return failed
    if (!(tried instanceof Undone)) return tried
    failed = tried
  }
})

/** Handles an event alone, as the schedule says; then the policy decides. */
const alone = Effect.fnUntraced(function*<R>(
  bench: Bench<R>,
  items: ReadonlyArray<Placed>,
  position: number
): Effect.fn.Return<Worked, EventStoreError, R> {
  const { definition: { name, onFailure, retry } } = bench
  while (true) {
    // What was undone in company has not been tried alone: those attempts do not count.
    let last: Undone | undefined
    const { exit, failed } = yield* retrying(
      retry,
      1,
      (attempt) => bench.attempt(items, position, attempt),
      (exit) => {
        last = Exit.isFailure(exit) ? undoneOf(exit.cause) : undefined
        return last
      }
    )
    if (failed === undefined) return (yield* storeError(exit)) === "Committed" ? done : gone
    const at = yield* DateTime.now
    const told = yield* failure(name, last!.placed, at, failed)
    if (onFailure === "halt") return { _tag: "Halted", failure: told }
    bench.park(last!.placed, at, told)
  }
})

const undoneOf = (cause: Cause.Cause<EventStoreError | Undone>): Undone | undefined => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason) && reason.error instanceof Undone) return reason.error
  }
}

/** What is not the failure of a handler is that of the store. */
const storeError = <A>(exit: Exit.Exit<A, EventStoreError | Undone>): Effect.Effect<A, EventStoreError> =>
  Effect.catchIf(exit, (error) => error instanceof Undone, Effect.die)

/** Handles items and commits, as many as can be in one transaction. */
const work = <R>(definition: Definition<R>): Job<R>["work"] =>
  Effect.fnUntraced(function*(desk: Desk, items: ReadonlyArray<Placed>, to: number) {
    const { rows, target } = desk.course
    const parked = items.length === 0 ? [] : (yield* rows.load(target, distinct(items))).parked
    const bench = new Bench(definition, desk, parked)
    let left = items
    while (true) {
      const tried = yield* bench.try(left, to)
      if (tried === "Committed") return done
      if (!(tried instanceof Undone)) return gone
      const first = yield* narrow(bench, left, tried)
      if (!(first instanceof Undone)) return gone
      const position = positionOf(first.placed)
      const worked = yield* alone(bench, left.filter((placed) => positionOf(placed) === position), position)
      if (worked._tag !== "Done" || desk.position >= to) return worked
      left = left.filter((placed) => positionOf(placed) > position)
    }
  })

/** Handles parked events, each in a transaction of its own. */
const drain = <R>(definition: Definition<R>): Job<R>["drain"] =>
  Effect.fnUntraced(function*(
    desk: Desk,
    key: RowKey,
    waiting: ReadonlyArray<Waiting>
  ): Effect.fn.Return<Drained, EventStoreError, R> {
    let count = 0
    for (const { cause, items, parked } of waiting) {
      if (cause !== undefined) return { _tag: "Drained", count, failed: { attempts: parked.attempts + 1, cause } }
      const parts = { to: desk.position, unpark: [parked] }
      const { exit, failed } = yield* retrying(
        definition.retry,
        parked.attempts + 1,
        (attempt) => {
          if (items.length === 0) return desk.commit<Undone, R>(parts)
          const handle = (placed: Placed) =>
            Effect.catchCause(
              handleOnce(definition, placed, attempt),
              (cause) => Effect.fail(new Undone(placed, cause))
            )
          return desk.commit(parts, Effect.forEach(items, (item) => handle({ item, key }), { discard: true }))
        },
        (exit) => Exit.isFailure(exit) ? undoneOf(exit.cause) : undefined
      )
      if (failed !== undefined) return { _tag: "Drained", count, failed }
      if ((yield* storeError(exit)) !== "Committed") return gone
      count++
    }
    return { _tag: "Drained", count, failed: undefined }
  })

/** Runs a custom projection: effects inside the transaction of the checkpoint. */
export const make = <R>(
  definition: Definition<R>,
  aggregates: ReadonlyArray<string>,
  upcaster: Upcaster["Service"]
): Job<R> => {
  const { name, revision } = definition
  const table = tableOf(name, revision)
  const told = { ...definition, about: { revision, table } }
  return {
    target: targetOf(definition),
    mode: "async",
    reader: upcaster.reader({ name, aggregates, events: definition.events }),
    keyed: definition.key,
    indexes: [],
    rows: false,
    setup: definition.setup(table),
    work: work(told),
    drain: drain(told)
  }
}
