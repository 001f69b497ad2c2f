import { Metadata, type Projection, ProjectionError, Rows } from "@varve/core"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as RcMap from "effect/RcMap"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as codecs from "./codecs.ts"
import { unavailable } from "./liveErrors.ts"
import { List, type Origin } from "./liveList.ts"
import { type Bounds, firstRetryMillis, longestRetryMillis, recentKeys, retries, rowsKept } from "./liveOptions.ts"
import { type End, Item, Outlet, type Sight, type Source } from "./liveOutlet.ts"
import * as liveReader from "./liveReader.ts"

type Failed = ProjectionError.ProjectionError

/** Rows are asked after this position only to be told how far they are. */
const unreachable = Number.MAX_SAFE_INTEGER

/** Up to where all rows of a tenant have seen everything: what a reader is told who does not wait. */
const reachedOf = (target: string, reading: Rows.Reading<unknown>): Effect.Effect<number, Failed> =>
  Effect.catchReason(
    Effect.as(reading.whenCaughtUp({ after: unreachable, timeout: 0 }), unreachable),
    "ProjectionError",
    "Behind",
    (behind) =>
      behind.state === "absent"
        ? Effect.fail(new ProjectionError.ProjectionError({ target, reason: behind }))
        : Effect.succeed(behind.actual)
  )

/** What a subscriber asks a feed for. */
export interface Wanted {
  readonly of: string | Rows.Query
  /** Where it was. */
  readonly after: number | undefined
  readonly sight: Sight
}

/** The changes of the rows of one projection and tenant, read once and handed on to all who follow some of them. */
export interface Feed {
  readonly position: () => number
  readonly subscribe: (wanted: Wanted) => Effect.Effect<Outlet, Failed, Scope.Scope>
  readonly outlets: () => Iterable<Outlet>
  readonly lists: () => number
  readonly end: (end: End) => void
}

/** What a feed is of. */
export interface Of {
  readonly projection: Projection.Any
  readonly tenant: string
  readonly reading: Rows.Reading<unknown>
  readonly bounds: Bounds
  /** Has nobody given this feed any more. */
  readonly drop: Effect.Effect<void>
}

/** What the parts of a feed share: plain data, changed in one go for each page of changes. */
class State implements Source {
  /** Everything up to here has been handed on. */
  position: number
  /** The last change of keys, the oldest first. Of a key that is not there, no change is behind `recentSince`. */
  readonly recent = new Map<string, number>()
  recentSince: number
  readonly byKey = new Map<string, Set<Outlet>>()
  readonly lists = new Set<List>()
  ended: End | undefined
  private readonly encode: (row: unknown) => unknown

  constructor(position: number, encode: (row: unknown) => unknown) {
    this.position = this.recentSince = position
    this.encode = encode
  }

  items(): Iterable<Item> {
    return []
  }

  *outlets(): Generator<Outlet> {
    for (const outlets of this.byKey.values()) yield* outlets
    for (const { outlets } of this.lists) yield* outlets
  }

  end(end: End): void {
    this.ended ??= end
    for (const outlet of Array.from(this.outlets())) outlet.close(end)
  }

  /** Hands on a page of changes: all of it, before anybody is woken, so that a position is told with all that belongs to it. */
  apply(changes: ReadonlyArray<Projection.Change<unknown>>): void {
    const position = changes.at(-1)!.position
    const late = position === this.position
    const woken = new Set<Outlet>()
    for (const { key, row } of changes) {
      const item = new Item(key, Option.getOrUndefined(row), position, this.encode, late)
      this.note(key, late ? position + 1 : position)
      for (const outlet of this.byKey.get(key) ?? []) {
        outlet.offer(item)
        woken.add(outlet)
      }
      for (const list of this.lists) {
        if (!list.apply(item)) continue
        for (const outlet of list.outlets) woken.add(outlet)
      }
    }
    this.position = position
    for (const list of this.lists) list.position = Math.max(list.position, position)
    for (const list of this.lists) {
      if (list.overflow === undefined) continue
      this.lists.delete(list)
      for (const outlet of list.outlets) outlet.close({ _tag: "Failure", error: list.overflow })
    }
    for (const outlet of woken) outlet.wake()
  }

  private note(key: string, position: number): void {
    this.recent.delete(key)
    this.recent.set(key, position)
    if (this.recent.size <= recentKeys) return
    for (const [oldest, at] of this.recent) {
      this.recent.delete(oldest)
      this.recentSince = at
      return
    }
  }
}

/** Says that rows of another revision serve now. */
const again = "again"

/** Reads changes until that is over for good. A store that cannot be reached is asked again, for a while. */
const follow = Effect.fnUntraced(function*({ projection: { tag }, reading }: Of, state: State) {
  let failures = 0
  // A page of changes is one array: its last position is that of all of them.
  const changes = Effect.suspend(() =>
    Stream.runForEachArray(reading.changes({}, { after: state.position }), (changes) => {
      // Positions that go back are those of all rows anew.
      if (changes.some(({ position }) => position < state.position)) return Effect.fail(again)
      failures = 0
      return Effect.sync(() => state.apply(changes))
    })
  )
  while (true) {
    const exit = yield* Effect.exit(changes)
    if (Exit.isSuccess(exit)) return ended("again")
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    if (typeof error === "string") return ended("again")
    if (error === undefined) {
      yield* Effect.logError("Live rows have failed", exit.cause)
      return failed(unavailable(tag, "live rows", "rows to follow", "a failure of the server"))
    }
    if (error.reason._tag !== "Unavailable" || failures === retries) return failed(error)
    const pause = Math.min(firstRetryMillis * 2 ** failures, longestRetryMillis)
    failures++
    yield* Effect.sleep(pause * (0.5 + (yield* Random.next) / 2))
  }
})

const ended = (reason: "again"): End => ({ _tag: "End", reason })

const failed = (error: Failed): End => ({ _tag: "Failure", error })

/** A query as a key: two that ask for the same are one. */
class Question implements Equal.Equal {
  readonly query: Rows.Query
  readonly within: (key: string, row: unknown) => boolean
  private readonly text: string

  constructor({ from, index, to, where = {} }: Rows.Query, within: (key: string, row: unknown) => boolean) {
    this.query = { index, where, from, to }
    this.within = within
    const fields = Object.keys(where).sort().map((name) => [name, ...shown(where[name])])
    this.text = JSON.stringify([index ?? null, fields, ...shown(from), ...shown(to)])
  }

  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Question && that.text === this.text
  }

  [Hash.symbol](): number {
    return Hash.string(this.text)
  }
}

/** Values that differ are shown differently, also where JSON has no word for them. */
const shown = (value: unknown): ReadonlyArray<unknown> => [
  typeof value,
  typeof value === "number" ? String(value) : value
]

/** Starts a feed, which ends with the scope. */
export const make = Effect.fnUntraced(function*(of: Of) {
  const { bounds, drop, projection, reading } = of
  const { tag } = projection
  const codec = codecs.projection(projection).row
  const encode = (row: unknown) => codec.encode(row)
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const reached = reachedOf(tag, reading)
  const state = new State(yield* reached, encode)
  yield* follow(of, state).pipe(
    Effect.flatMap((end) => Effect.andThen(Effect.sync(() => state.end(end)), drop)),
    Effect.forkScoped
  )
  const read = yield* liveReader.make(reading, reached, bounds)
  let kept = 0
  const origin: Origin = {
    target: tag,
    bounds,
    reading,
    reached,
    encode,
    reserve: (rows) => {
      if (rows > 0 && kept + rows > rowsKept) return false
      kept += rows
      return true
    }
  }
  const lists = yield* RcMap.make({
    lookup: ({ query, within }: Question) =>
      Effect.gen(function*() {
        const list = new List(origin, query, within)
        list.position = state.position
        state.lists.add(list)
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            state.lists.delete(list)
            list.close()
          })
        )
        yield* list.open
        return list
      }).pipe(
        // Rows are read for all, not for whoever came first.
        Effect.updateContext((own: Context.Context<Scope.Scope>) =>
          Context.add(context, Scope.Scope, Context.get(own, Scope.Scope))
        )
      ),
    idleTimeToLive: Duration.millis(bounds.graceMillis),
    capacity: bounds.listsPerProjection
  }).pipe(Scope.provide(scope))

  const followKey = Effect.fnUntraced(function*(key: string, { after, sight }: Wanted) {
    const outlet = new Outlet(state, bounds, sight, false)
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const outlets = state.byKey.get(key) ?? new Set()
        state.byKey.set(key, outlets.add(outlet))
      }),
      () =>
        Effect.sync(() => {
          const outlets = state.byKey.get(key)
          if (outlets?.delete(outlet) === true && outlets.size === 0) state.byKey.delete(key)
        })
    )
    const { position } = state
    const changed = state.recent.get(key) ?? 0
    // Who is judged is judged by the row, also where it has not changed.
    const isKnown = after !== undefined && after >= state.recentSince && changed <= after
    if (isKnown && sight.denied === undefined) outlet.startAfter([], after)
    else {
      const found = yield* read(key)
      const start = Math.max(position, found.position)
      outlet.startWith([new Item(key, Option.getOrUndefined(found.row), start, encode)], start)
    }
    return outlet
  })

  const followQuery = Effect.fnUntraced(function*(query: Rows.Query, { after, sight }: Wanted) {
    const order = Rows.orderOf(projection, query)
    if (Result.isFailure(order)) {
      return yield* new ProjectionError.ProjectionError({ target: tag, reason: order.failure })
    }
    const { placeOf } = order.success
    const question = new Question(query, (key, row) => placeOf(key, row) !== undefined)
    const list = yield* RcMap.get(lists, question).pipe(
      Effect.catchTag("ExceededCapacityError", () => {
        const expected = `at most ${bounds.listsPerProjection}`
        return Effect.fail(unavailable(tag, "lists that are followed", expected, "one more"))
      }),
      Effect.flatMap((list) => list.overflow === undefined ? Effect.succeed(list) : Effect.fail(list.overflow)),
      // The next one who asks tries anew.
      Effect.tapError(() => RcMap.invalidate(lists, question))
    )
    const outlet = new Outlet(list, bounds, sight, true)
    yield* Effect.acquireRelease(
      // Which rows somebody has been told who may not see all is not known any more.
      Effect.sync(() => list.start(outlet, sight.allowed === undefined ? after : undefined)),
      () => Effect.sync(() => list.outlets.delete(outlet))
    )
    return outlet
  })

  const feed: Feed = {
    position: () => state.position,
    subscribe: Effect.fnUntraced(function*(wanted) {
      const outlet = typeof wanted.of === "string"
        ? yield* followKey(wanted.of, wanted)
        : yield* followQuery(wanted.of, wanted)
      if (state.ended !== undefined) outlet.close(state.ended)
      return outlet
    }),
    outlets: () => state.outlets(),
    lists: () => state.lists.size,
    end: (end) => state.end(end)
  }
  return feed
}, (effect, { tenant }) => Metadata.provide({ tenant })(effect))
