/** What the tests of runs share: orders of customers, written as a foreign program would, and stores that can be disturbed. */
import { Event, EventStore, EventStoreError, Projection, RowStore, StreamName, Upcaster } from "@varve/core"
import { Effect, Layer, Option, Schema } from "effect"
import { TestClock } from "effect/testing"

export class Placed extends Event.make("Placed", { customer: Schema.String, cents: Schema.Int }) {}
export class Shipped extends Event.make("Shipped", {}) {}
export class Forgotten extends Event.make("Forgotten", { customer: Schema.String }) {}

export const Row = Schema.Struct({ orders: Schema.Int, cents: Schema.Int })

export const base = Layer.mergeAll(EventStore.layerMemory, Upcaster.layer())

type Written = readonly [type: string, payload: Schema.JsonObject]

/** Appends one commit to one stream. */
export const write = (id: string, ...events: ReadonlyArray<Written>) =>
  EventStore.EventStore.use((store) => {
    const [first, ...others] = events.map(([type, payload]) => ({ type, revision: 1, payload }))
    return store.append({
      writes: [{ stream: StreamName.make("Order", id), expected: "any", events: [first!, ...others] }]
    })
  })

export const placed = (customer: string, cents: number): Written => ["Placed", { customer, cents }]

export const place = (customer: string, cents: number) => write(`order-${customer}`, placed(customer, cents))

export const forget = (customer: string) => write(`order-${customer}`, ["Forgotten", { customer }])

/** What is done with negative amounts: it throws, as long as it is told to. */
export interface Bug {
  fixed: boolean
}

/** Totals of a customer. */
export const totals = (options: {
  readonly name?: string
  readonly revision?: number
  readonly onFailure?: Projection.OnFailure
  readonly bug?: Bug
  /** What is counted for an order. */
  readonly step?: number
} = {}) =>
  Projection.make(options.name ?? "Totals", {
    row: Row,
    events: [Placed, Forgotten],
    revision: options.revision ?? 1,
    onFailure: options.onFailure ?? "park"
  }).fold({
    key: { Placed: ({ customer }) => customer, Forgotten: ({ customer }) => customer },
    on: {
      Placed: (row, { cents }) => {
        if (cents < 0 && options.bug?.fixed !== true) throw new Error(`cents: ${cents}`)
        return { orders: (row?.orders ?? 0) + (options.step ?? 1), cents: (row?.cents ?? 0) + cents }
      },
      Forgotten: () => undefined
    }
  })

/** The stored rows under some keys, as cents by key; of the revision that serves, unless told. */
export const cents = (keys: ReadonlyArray<string>, options: { name?: string; revision?: number } = {}) =>
  Effect.map(
    RowStore.RowStore.use((rows) =>
      rows.find({ name: options.name ?? "Totals", revision: options.revision, tenant: "" }, keys)
    ),
    (found) => {
      const rows = Option.match(found, { onNone: () => [], onSome: ({ rows }) => rows })
      return Object.fromEntries(rows.map(({ key, value }) => [key, JSON.parse(value!).cents as number]))
    }
  )

/** All stored rows of a tenant, by key. */
export const allRows = (options: { name?: string; revision?: number } = {}) =>
  Effect.map(
    RowStore.RowStore.use((rows) =>
      rows.list({
        name: options.name ?? "Totals",
        revision: options.revision,
        tenant: "",
        index: undefined,
        backward: false,
        limit: 10_000
      })
    ),
    (found) =>
      Option.match(found, {
        onNone: () => [],
        onSome: ({ rows }) => rows.map(({ row: { key, value } }) => [key, value])
      })
  )

/** Lets time pass, in small steps, until something holds. Bounded. */
export const until = <E, R>(
  what: string,
  holds: Effect.Effect<boolean, E, R>,
  step: "10 millis" | "100 millis" = "100 millis"
): Effect.Effect<void, E, R> =>
  Effect.gen(function*() {
    for (let i = 0; i < 600; i++) {
      if (yield* holds) return
      yield* TestClock.adjust(step)
    }
    return yield* Effect.die(new Error(`It never came to it: ${what}`))
  })

/** Lets time pass until a projection has seen everything. */
export const caughtUp = (projection: Projection.Runnable) =>
  until(
    `${projection.tag} at the head`,
    Effect.map(Projection.status(projection), (status) =>
      Option.isSome(status) && status.value.position === status.value.head)
  )

/** Lets time pass until a projection is in a state. */
export const inState = (projection: Projection.Runnable, state: "running" | "paused" | "halted") =>
  until(
    `${projection.tag} is ${state}`,
    Effect.map(Projection.status(projection), (status) => Option.isSome(status) && status.value.state === state)
  )

type Rows = RowStore.RowStore["Service"]

/** Runs something with a row store that has some of its methods replaced. */
export const withRows =
  (change: (rows: Rows) => Partial<Rows>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, RowStore.RowStore> | RowStore.RowStore> =>
    Effect.flatMap(
      RowStore.RowStore,
      (rows) => Effect.provideService(self, RowStore.RowStore, { ...rows, ...change(rows) })
    )

type Store = EventStore.EventStore["Service"]

/** Runs something with an event store that has some of its methods replaced. */
export const withStore = (change: (store: Store) => Partial<Store>) =>
<A, E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, EventStore.EventStore> | EventStore.EventStore> =>
  Effect.flatMap(
    EventStore.EventStore,
    (store) => Effect.provideService(self, EventStore.EventStore, { ...store, ...change(store) })
  )

export const unavailable = new EventStoreError.EventStoreError({
  operation: "rows",
  reason: new EventStoreError.Unavailable({ what: "rows", expected: "an answer", actual: "none" })
})
