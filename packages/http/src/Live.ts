/**
 * Live rows for many readers: the changes of a projection are read once, and handed on to all who follow some of them.
 *
 * @since 0.1.0
 */
import { type Domain, Metadata, type Projection, type ProjectionError, Rows, StoreAdmin } from "@varve/core"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RcMap from "effect/RcMap"
import * as Scope from "effect/Scope"
import * as liveConnections from "./internal/liveConnections.ts"
import { refused, unavailable } from "./internal/liveErrors.ts"
import * as liveFeed from "./internal/liveFeed.ts"
import {
  type Bounds,
  boundsOf,
  feeds,
  lastWordsMillis,
  type LiveOptions,
  looksPerBound
} from "./internal/liveOptions.ts"
import type * as liveOutlet from "./internal/liveOutlet.ts"
import * as livePlace from "./internal/livePlace.ts"

/**
 * Bounds of live rows. Whoever leaves them out gets those that are said.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends LiveOptions {}

/**
 * What a reader is told.
 *
 * **Details**
 *
 * - `Row`: a row as it is now, or that there is none. It has seen everything up to its position, or more
 * - `Resync`: what was told before counts no more. All rows follow, up to a `Level`
 * - `Level`: all rows have been told
 * - `Heartbeat`: nothing is new
 * - `End`: nothing more comes from here: the server closes (`closing`), the connection is old (`expired`), nothing was
 *   taken (`stalled`). Whoever comes back with the last position is told the rest; `again` says that there is no such
 *   position, because rows of another revision serve
 * - `Failure`: the rows cannot be followed any further
 *
 * A message with a position says that everything up to there has been told: it is the place to resume from.
 *
 * **Gotchas**
 *
 * The rows that a reader begins with may have seen more than their position says. A change that was being read meanwhile
 * comes behind them, so that a row may be told as it was before, for some milliseconds: its newest state comes last.
 *
 * @category models
 * @since 0.1.0
 */
export type Message = liveOutlet.Message

/**
 * A reader of live rows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subscription {
  /** What there is to tell, as soon as there is something: of each row what is newest. Empty once it is over. */
  readonly take: Effect.Effect<ReadonlyArray<Message>>
  /** The text of a position, to resume from: it names the store and the revision of the rows, too. */
  readonly idOf: (position: number) => string
  /** What waits. For whoever reads several of them at once. */
  readonly outlet: liveOutlet.Outlet
}

/**
 * A connection over which a client follows rows: it counts for that client, and ends at a certain age.
 *
 * @category models
 * @since 0.1.0
 */
export type Connection = liveConnections.Connection

/**
 * How much there is of live rows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Status {
  /** Pairs of a projection and a tenant whose changes are read. */
  readonly feeds: number
  readonly lists: number
  readonly connections: number
  readonly subscribers: number
  /** Rows that wait for subscribers. */
  readonly pending: number
}

/**
 * Follows rows for many readers.
 *
 * @category services
 * @since 0.1.0
 */
export class Live extends Context.Service<Live, {
  /**
   * Takes a place for a connection, until the scope closes. It counts for the client, a text of whoever serves it:
   * `undefined` where nobody knows.
   */
  readonly connect: (
    client: string | undefined
  ) => Effect.Effect<Connection, ProjectionError.ProjectionError, Scope.Scope>
  /**
   * Follows a row, or those of a query, of a projection given by its name, until the scope closes. The tenant is that of
   * the caller. `after` is the text of a place that a message has named.
   */
  readonly subscribe: (
    projection: string,
    of: string | Rows.Query,
    options?: {
      readonly after?: string | undefined
      /** Which rows the reader may see. One that it may not see is none. */
      readonly allowed?: ((key: string, row: unknown) => boolean) | undefined
      /** What it comes over: the subscription counts for that client. */
      readonly over?: Connection | undefined
    }
  ) => Effect.Effect<Subscription, ProjectionError.ProjectionError, Scope.Scope>
  readonly status: Effect.Effect<Status>
  /** Ends all subscriptions, with a place to resume from, and takes no more. Waits a moment until they have been told. */
  readonly close: Effect.Effect<void>
  /** Waits until it has been closed. */
  readonly closed: Effect.Effect<void>
  readonly isClosed: Effect.Effect<boolean>
  readonly bounds: Bounds
}>()("@varve/http/Live") {}

/**
 * What following the rows of a domain requires.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Requirements<D extends Domain.Any> =
  | RowsOf<D["projections"][number]>
  | StoreAdmin.StoreAdmin

type RowsOf<P extends Projection.Any> = P extends Projection.Any ? Projection.Rows<P["tag"]> : never

const nowhere = "live rows"

const make = Effect.fnUntraced(function*(domain: Domain.Any, options: Options | undefined) {
  const bounds = boundsOf(options)
  const context = yield* Effect.context<never>()
  const admin = yield* StoreAdmin.StoreAdmin
  const projections = new Map<
    string,
    {
      readonly projection: Projection.Any
      readonly rows: Rows.Reading<unknown>
      /** What is read once for all is judged for each. */
      readonly reading: Rows.Reading<unknown>
    }
  >()
  for (const projection of domain.projections) {
    const rows = yield* Rows.of(projection)
    projections.set(projection.tag, { projection, rows, reading: Rows.unjudged(rows) })
  }
  const followed = new Set<liveFeed.Feed>()
  let closed = false
  const subscribers = new liveConnections.Places(bounds.subscribers, bounds.subscribersPerClient)

  const found: RcMap.RcMap<string, liveFeed.Feed, ProjectionError.ProjectionError | Cause.ExceededCapacityError> =
    yield* RcMap.make({
      lookup: (key: string) => {
        const [tag, tenant] = JSON.parse(key) as readonly [string, string]
        const drop = RcMap.invalidate(found, key)
        return Effect.acquireRelease(
          liveFeed.make({ ...projections.get(tag)!, tenant, bounds, drop }),
          (feed) => Effect.sync(() => followed.delete(feed))
        ).pipe(
          Effect.tap((feed) => Effect.sync(() => followed.add(feed))),
          // It reads for all who follow, not for whoever came first.
          Effect.updateContext((own: Context.Context<Scope.Scope>) =>
            Context.add(context, Scope.Scope, Context.get(own, Scope.Scope))
          )
        )
      },
      idleTimeToLive: Duration.millis(bounds.graceMillis),
      capacity: feeds
    })

  const feedOf = (tag: string, tenant: string) => {
    const key = JSON.stringify([tag, tenant])
    return RcMap.get(found, key).pipe(
      Effect.catchTag(
        "ExceededCapacityError",
        () => Effect.fail(unavailable(tag, "tenants that are followed", `at most ${feeds}`, "one more"))
      ),
      Effect.tapError(() => RcMap.invalidate(found, key))
    )
  }

  let storeId: string | undefined
  const storeIdOf = (tag: string) =>
    Effect.suspend(() =>
      storeId !== undefined ? Effect.succeed(storeId) : Effect.mapBoth(admin.status, {
        onSuccess: (status) => storeId = status.storeId || undefined,
        onFailure: ({ message }) => unavailable(tag, "the store", "an answer", message)
      })
    )

  const subscribe = Effect.fnUntraced(function*(
    tag: string,
    of: string | Rows.Query,
    { after, allowed }: {
      readonly after?: string | undefined
      readonly allowed?: ((key: string, row: unknown) => boolean) | undefined
    }
  ) {
    const known = projections.get(tag)
    if (known === undefined) {
      const names = Array.from(projections.keys()).join(", ") || "none: there are none"
      return yield* refused(tag, "projection", `one of ${names}`, tag)
    }
    const { projection, reading, rows } = known
    const { revision } = projection
    const ruling = yield* Rows.ruling(projection, rows)
    if (ruling !== undefined && typeof of !== "string") yield* forbid(ruling.list(of))
    const place = after === undefined ? undefined : livePlace.decode(after)
    if (after !== undefined && place === undefined) {
      return yield* refused(tag, "place to resume from", "one that was told, such as 12", show(after))
    }
    const storeId = yield* storeIdOf(tag)
    if (place?.storeId !== undefined && storeId !== undefined && place.storeId !== storeId) {
      return yield* refused(tag, "place to resume from", `one of the store ${storeId}`, show(after!))
    }
    const { tenant } = yield* Metadata.Current
    const feed = yield* feedOf(tag, tenant)
    if (place !== undefined && place.position > feed.position()) {
      // It may have been told by another server, which is ahead.
      yield* reading.whenCaughtUp({ after: place.position, timeout: bounds.waitMillis })
    }
    // What was told of another revision does not count.
    const isSame = place?.revision === undefined || place.revision === revision
    const denied = ruling && typeof of === "string"
      ? (key: string, row: unknown) => ruling.get(key, Option.fromUndefinedOr(row))
      : undefined
    const sight = { allowed, denied }
    const outlet = yield* feed.subscribe({ of, after: isSame ? place?.position : undefined, sight })
    if (outlet.failure?.reason._tag === "Forbidden") yield* forbid(outlet.failure)
    const subscription: Subscription = {
      outlet,
      take: Effect.callback((resume) => {
        if (outlet.isOver) return resume(Effect.succeed([]))
        outlet.whenReady(() => resume(Effect.sync(() => outlet.take())))
        return Effect.sync(() => outlet.whenReady(undefined))
      }),
      idOf: (position) => livePlace.encode({ storeId, revision, position })
    }
    return subscription
  })

  const counted = (tag: string, over: Connection | undefined) =>
    Effect.acquireRelease(
      Effect.gen(function*() {
        if (closed) return yield* unavailable(tag, nowhere, "a server that goes on", "one that closes")
        const expected = subscribers.take(over?.client)
        if (expected !== undefined) return yield* unavailable(tag, "readers of live rows", expected, "one more")
        if (over !== undefined) over.following++
      }),
      () =>
        Effect.sync(() => {
          subscribers.leave(over?.client)
          if (over !== undefined) over.following--
          if (closed && subscribers.taken === 0) left.openUnsafe()
        })
    )

  const end = Latch.makeUnsafe(false)
  const left = Latch.makeUnsafe(false)
  const close = Effect.sync(() => {
    closed = true
    end.openUnsafe()
    for (const feed of followed) feed.end({ _tag: "End", reason: "closing" })
    if (subscribers.taken === 0) left.openUnsafe()
  }).pipe(Effect.andThen(left.await), Effect.timeoutOption(lastWordsMillis), Effect.asVoid)
  yield* Effect.addFinalizer(() => close)

  const { ageMillis, heartbeatMillis, idleMillis, stallMillis } = bounds
  const everyMillis = Math.min(heartbeatMillis, stallMillis, idleMillis, ageMillis) / looksPerBound
  const heartbeatLooks = Math.ceil(heartbeatMillis / everyMillis)
  const stallLooks = Math.ceil(stallMillis / everyMillis)
  const connections = liveConnections.make(bounds, Math.ceil(idleMillis / everyMillis))
  yield* Effect.sleep(everyMillis).pipe(
    Effect.andThen(Effect.sync(() => {
      for (const feed of followed) for (const outlet of feed.outlets()) outlet.look(heartbeatLooks, stallLooks)
    })),
    Effect.andThen(connections.look),
    Effect.forever,
    Effect.forkScoped
  )

  return Live.of({
    connect: (client) =>
      connections.open(client, (expected) => unavailable(nowhere, "connections of live rows", expected, "one more")),
    subscribe: (tag, of, options = {}) =>
      Effect.andThen(counted(tag, options.over), subscribe(tag, of, options)).pipe(
        Effect.timeoutOrElse({
          duration: bounds.waitMillis * 2,
          orElse: () => Effect.fail(unavailable(tag, nowhere, `rows within ${bounds.waitMillis * 2} ms`, "none so far"))
        }),
        Effect.tap(({ outlet }) =>
          Effect.sync(() => {
            if (closed) outlet.close({ _tag: "End", reason: "closing" })
          })
        )
      ),
    status: Effect.sync(() => {
      let [lists, pending] = [0, 0]
      for (const feed of followed) {
        lists += feed.lists()
        for (const { size } of feed.outlets()) pending += size
      }
      const { taken } = subscribers
      return { feeds: followed.size, lists, connections: connections.size(), subscribers: taken, pending }
    }),
    close,
    closed: end.await,
    isClosed: Effect.sync(() => closed),
    bounds
  })
})

/** Fails with what a rule denies, and logs it. */
const forbid = (denied: ProjectionError.ProjectionError | undefined) =>
  denied === undefined ? Effect.void : Effect.andThen(
    Effect.annotateLogs(Effect.logWarning(denied.message), { "varve.projection": denied.target }),
    Effect.fail(denied)
  )

/** A text of a client in an error: short. */
const show = (text: string): string => JSON.stringify(text.length <= 100 ? text : `${text.slice(0, 100)}…`)

/**
 * Follows the rows of a domain's projections, wherever they are.
 *
 * **Details**
 *
 * The changes of a projection are read once a tenant, while somebody follows them, and for a while after that. A list is
 * computed once for all who follow the same query. Of each row, a reader is told the newest state: whoever is slow misses
 * states in between, never the last one.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <D extends Domain.Any>(
  domain: D,
  options?: Options
): Layer.Layer<Live, never, Requirements<D>> =>
  // What the projections require is all that their list has lost.
  Layer.effect(Live, make(domain, options)) as Layer.Layer<Live, never, Requirements<D>>

/**
 * Ends all live rows before a server stops, so that it waits for nobody who only listens.
 *
 * **Details**
 *
 * Given a layer that serves, the same that, when it is closed, first tells every reader where to resume.
 *
 * @category layers
 * @since 0.1.0
 */
export const closeFirst = <A, E, R>(server: Layer.Layer<A, E, R>): Layer.Layer<A, E, R | Live> =>
  Layer.effectDiscard(Effect.flatMap(Live, ({ close }) => Effect.addFinalizer(() => close))).pipe(
    Layer.provideMerge(server)
  )
