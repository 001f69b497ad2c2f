/**
 * Declares projections: pure folds of events into rows, which are a read model.
 *
 * **Details**
 *
 * A projection is a pure definition and the key of a service, like an aggregate: how its rows come to be is a layer.
 * `layerLive` folds them when they are asked for, and stores nothing. `layerInline` stores them in the transaction of the
 * append, `layerAsync` behind a checkpoint. The calls that read, such as `get` and `list`, never change.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as JsonPatch from "effect/JsonPatch"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Event from "./Event.ts"
import type { EventStore } from "./EventStore.ts"
import * as definition from "./internal/definition.ts"
import * as machinery from "./internal/machinery.ts"
import * as projection from "./internal/projection.ts"
import * as question from "./internal/question.ts"
import type * as runCustom from "./internal/runCustom.ts"
import { retryDefault } from "./internal/runHandler.ts"
import * as runOptions from "./internal/runOptions.ts"
import * as runStatus from "./internal/runStatus.ts"
import { tableOf } from "./internal/table.ts"
import * as Limits from "./Limits.ts"
import { ProjectionError } from "./ProjectionError.ts"
import type { Parked, RowStore } from "./RowStore.ts"
import type { Status } from "./Status.ts"
import type { StreamName } from "./StreamName.ts"
import type { Upcaster } from "./Upcaster.ts"

export { ProjectionError }

/**
 * What the writer knew of an event: nothing that only the store can tell, so that a fold gives the same rows wherever
 * it runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Envelope {
  /** Key of the row that is folded. */
  readonly key: string
  readonly stream: StreamName
  readonly version: number
  readonly eventId: string
  readonly occurredAt: DateTime.Utc
  readonly actor: string | undefined
  readonly correlationId: string | undefined
  readonly causationId: string | undefined
  readonly user: { readonly [key: string]: Schema.Json } | undefined
}

/**
 * Which rows an event belongs to: one key or several, by event. The id of its stream where nothing is said. Pure.
 *
 * @category models
 * @since 0.1.0
 */
export type Keys<E extends Event.Any> = {
  readonly [Tag in E["tag"]]?: (
    event: Event.Type<Event.WithTag<E, Tag>>,
    envelope: Omit<Envelope, "key">
  ) => string | ReadonlyArray<string>
}

/**
 * One pure handler an event: the row after it, or `undefined` when there is no row any more.
 *
 * @category models
 * @since 0.1.0
 */
export type On<Row, Previous, E extends Event.Any> = {
  readonly [Tag in E["tag"]]: (
    row: Previous,
    event: Event.Type<Event.WithTag<E, Tag>>,
    envelope: Envelope
  ) => Row | undefined
}

/**
 * What an index can order by. `null` and `undefined` come first, then `false`, `true`, numbers, times and strings.
 *
 * @category models
 * @since 0.1.0
 */
export type Scalar = string | number | boolean | null | undefined | DateTime.Utc

/**
 * Fields of a row that an index can be of.
 *
 * @category type-level
 * @since 0.1.0
 */
export type IndexField<Row> = { [K in keyof Row & string]: Row[K] extends Scalar ? K : never }[keyof Row & string]

/**
 * What a projection does with an event that its fold throws at.
 *
 * **Details**
 *
 * - `park`: the event is stored with its cause; later events of its key wait behind it, in order; other keys go on
 * - `halt`: nothing goes on until somebody resumes it
 *
 * An event that cannot be read, and one whose key function throws, halts in any case: nobody knows which rows it is
 * about. What cannot be read and may be left out is for the options of the `Upcaster`.
 *
 * @category models
 * @since 0.1.0
 */
export type OnFailure = "park" | "halt"

/**
 * The rows of the projection called `Name`: what reading them requires.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rows<Name extends string> {
  readonly "~@varve/core/Projection/Rows": Name
}

/**
 * What a reader wants the read model to have seen: a position, or what `execute` returned as its receipt.
 *
 * @category models
 * @since 0.1.0
 */
export type After = projection.After

/**
 * How a row is read.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReadOptions {
  /** Waits until the read model has seen this. Without it, what is there is read. */
  readonly after?: After | undefined
  /** How long to wait at the most; then the reason is `Behind`. 5 seconds unless told. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * A point in the history of the store.
 *
 * **Details**
 *
 * - `position`: what the store held up to that position
 * - `recordedAt`: what the store held at that time
 * - `occurredAt`: what had happened in the world by that time, as far as the store knows today; events are folded in the
 *   order of their positions
 *
 * @category models
 * @since 0.1.0
 */
export type At = projection.At

/**
 * Which rows, in which order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query<Row, Indexes, Name extends keyof Indexes> {
  /** A declared index. The order of keys, unless told. Rows that are equal in the index are in the order of their keys. */
  readonly index?: Name | undefined
  /** Values of the first fields of the index. `undefined` stands for rows without the field, not for any. */
  readonly where?:
    | ([Name] extends [never] ? { readonly [field: string]: never }
      : { readonly [F in Extract<Indexes[Name], keyof Row>]?: Row[F] })
    | undefined
  /** Least value of the field behind those of `where`, itself included. Without an index: least key. */
  readonly from?: Scalar
  /** Greatest value of the field behind those of `where`, itself included. Without an index: greatest key. */
  readonly to?: Scalar
}

/**
 * Which part of the rows of a query.
 *
 * @category models
 * @since 0.1.0
 */
export interface Paging {
  /** `forward` unless told. */
  readonly direction?: "forward" | "backward" | undefined
  /** Rows wanted, 1 to `Limits.rowsPerPage`; `Limits.rowsPerPageDefault` unless told. */
  readonly limit?: number | undefined
  /**
   * `next` of the page before (`Option.getOrUndefined` of it), with the same query and direction. Rows that come or go
   * meanwhile neither repeat nor hide the others.
   */
  readonly cursor?: string | undefined
}

/**
 * A page of rows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listed<Row> {
  readonly rows: ReadonlyArray<{ readonly key: string; readonly row: Row }>
  /** Cursor of the next page; none when this is the last one. */
  readonly next: Option.Option<string>
}

/**
 * A row as it is now, sent because it may have changed. None when there is no such row, or none any more.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change<Row> {
  readonly key: string
  readonly row: Option.Option<Row>
  /** Where to resume: everything up to here has been sent. */
  readonly position: number
}

/**
 * An event that touched a row, and the row after it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Touch<Row, E> {
  readonly event: E
  readonly envelope: Envelope
  readonly position: number
  readonly recordedAt: DateTime.Utc
  readonly row: Option.Option<Row>
}

/**
 * A value at two points, and what leads from one to the other.
 *
 * @category models
 * @since 0.1.0
 */
export interface Difference<A> {
  readonly before: A
  readonly after: A
  /** JSON Patch (RFC 6902) of the encoded value. A value that is not there is `null`. */
  readonly patch: JsonPatch.JsonPatch
}

/**
 * The read model at one point.
 *
 * @category models
 * @since 0.1.0
 */
export interface View<Row, Indexes> {
  readonly get: (key: string) => Effect.Effect<Option.Option<Row>, ProjectionError>
  readonly getMany: (keys: Iterable<string>) => Effect.Effect<ReadonlyMap<string, Row>, ProjectionError>
  readonly list: <const I extends keyof Indexes = never>(
    query?: Query<Row, Indexes, I> & Paging
  ) => Effect.Effect<Listed<Row>, ProjectionError>
  readonly count: <const I extends keyof Indexes = never>(
    query?: Query<Row, Indexes, I>
  ) => Effect.Effect<number, ProjectionError>
}

/**
 * A projection: its definition, and the calls that read its rows.
 *
 * **Details**
 *
 * Rows are those of the tenant that the program runs for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Projection<Name extends string, Row, E = unknown, Indexes = {}> {
  new(_: never): {}
  readonly "~definition": projection.Definition
  /** The name its rows are stored under. (`name` is that of the class, which may be another.) */
  readonly tag: Name
  /** Revision of the fold. */
  readonly revision: number
  /** Schema of a row. */
  readonly row: Schema.Top & { readonly Type: Row }
  readonly events: ReadonlyArray<Event.Any>
  /** The row under a key, if there is one. */
  readonly get: (key: string, options?: ReadOptions) => Effect.Effect<Option.Option<Row>, ProjectionError, Rows<Name>>
  /** The rows under some keys. A key without a row is not among them. */
  readonly getMany: (
    keys: Iterable<string>,
    options?: ReadOptions
  ) => Effect.Effect<ReadonlyMap<string, Row>, ProjectionError, Rows<Name>>
  /** A page of rows, in the order of an index or of the keys. */
  readonly list: <const I extends keyof Indexes = never>(
    query?: Query<Row, Indexes, I> & Paging & ReadOptions
  ) => Effect.Effect<Listed<Row>, ProjectionError, Rows<Name>>
  /** How many rows there are. */
  readonly count: <const I extends keyof Indexes = never>(
    query?: Query<Row, Indexes, I> & ReadOptions
  ) => Effect.Effect<number, ProjectionError, Rows<Name>>
  /**
   * A row, or the rows of a query, now and whenever they may have changed. With `after`, only what has changed since that
   * position: nothing is left out, some may come again. The latest row is sent, not every one in between. A row that leaves
   * the query is sent as none.
   *
   * Stored rows: those that were parked are sent when they are drained, but not to who resumes later. When another revision
   * serves, all rows are sent anew, and those that it does not have are not spoken of.
   */
  readonly changes: <const I extends keyof Indexes = never>(
    of?: string | Query<Row, Indexes, I>,
    options?: { readonly after?: After | undefined }
  ) => Stream.Stream<Change<Row>, ProjectionError, Rows<Name>>
  /**
   * The read model in the past. Folded from the events when it is asked; `limit` bounds how many are read. A view that has
   * listed or counted keeps what it has folded, up to 100,000 rows.
   */
  readonly asOf: (
    at: At,
    options?: { readonly limit?: number | undefined }
  ) => Effect.Effect<View<Row, Indexes>, never, Rows<Name>>
  /** Every event that touched a row, oldest first, with the row after each. */
  readonly history: (
    key: string,
    options?: { readonly limit?: number | undefined }
  ) => Stream.Stream<Touch<Row, E>, ProjectionError, Rows<Name>>
  /** A row at two points; `to` is now, unless told. */
  readonly diff: (
    key: string,
    points: { readonly from: At; readonly to?: At | undefined; readonly limit?: number | undefined }
  ) => Effect.Effect<Difference<Option.Option<Row>>, ProjectionError, Rows<Name>>
  /** Waits until the read model has seen what the store holds now (or `after`), so that no test sleeps. */
  readonly whenCaughtUp: (options?: ReadOptions) => Effect.Effect<void, ProjectionError, Rows<Name>>
  /**
   * Folds rows when they are asked for. Nothing is stored; a question costs a read of the projection's events, at most
   * `Limits.eventsPerQuestion`. An event that the fold throws at leaves its row as it was, like one that is parked, and is
   * logged once; where the policy is `halt`, the question is `Refused`. `changes` keeps the rows in memory.
   */
  readonly layerLive: Layer.Layer<Rows<Name>, never, EventStore | Upcaster>
  /**
   * Reads stored rows: those of the revision that serves, by the schema and the indexes of this one. Somebody else runs the
   * projection; while nobody ever has, what is read is `Behind`, `absent`.
   */
  readonly layerStored: Layer.Layer<Rows<Name>, never, EventStore | Upcaster | RowStore>
  /** Reads stored rows, and runs the projection behind a checkpoint. */
  readonly layerAsync: Layer.Layer<Rows<Name>, ProjectionError, EventStore | Upcaster | RowStore>
  /** Reads stored rows, which are stored in the transaction of the append; what other writers add is caught up with. */
  readonly layerInline: Layer.Layer<Rows<Name>, ProjectionError, EventStore | Upcaster | RowStore>
}

/**
 * Any projection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  readonly "~definition": projection.Definition
  readonly tag: string
  readonly revision: number
  readonly row: Schema.Top
  readonly events: ReadonlyArray<Event.Any>
  readonly layerLive: Layer.Layer<never, never, EventStore | Upcaster>
}

/**
 * The contract of a projection: its rows and events, without its fold.
 *
 * @category models
 * @since 0.1.0
 */
export interface Contract<Name extends string, Row, E extends Event.Any, Indexes> {
  readonly tag: Name
  /** Gives the projection its fold: the row to start from, the keys, and one handler an event. */
  fold(parts: {
    readonly initial: Row
    readonly key?: Keys<E>
    readonly on: On<Row, Row, E>
  }): Projection<Name, Row, Event.Type<E>, Indexes>
  fold(parts: {
    readonly key?: Keys<E>
    readonly on: On<Row, Row | undefined, E>
  }): Projection<Name, Row, Event.Type<E>, Indexes>
}

/**
 * Declares a projection. `fold` gives it its behaviour.
 *
 * **Details**
 *
 * A fold that changes gets a new `revision`: its rows are built beside the old ones, which serve meanwhile.
 *
 * **Gotchas**
 *
 * Readers of both revisions get the rows of the one that serves, each by its own schema. Where the schemas differ so that
 * a row of one is none of the other, a read is `Refused` until the switch, or after it. Fields that are optional, or have
 * a default when they are decoded, keep both reading; a projection under a new name never meets the old rows.
 *
 * **Example** (The balance of every account)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Event, Projection } from "@varve/core"
 *
 * class MoneyDeposited extends Event.make("MoneyDeposited", { cents: Schema.Int }) {}
 * class MoneyWithdrawn extends Event.make("MoneyWithdrawn", { cents: Schema.Int }) {}
 *
 * class Balances extends Projection.make("Balances", {
 *   row: Schema.Struct({ cents: Schema.Int }),
 *   events: [MoneyDeposited, MoneyWithdrawn],
 *   indexes: { richest: ["cents"] }
 * }).fold({
 *   initial: { cents: 0 },
 *   on: {
 *     MoneyDeposited: (row, { cents }) => ({ cents: row.cents + cents }),
 *     MoneyWithdrawn: (row, { cents }) => ({ cents: row.cents - cents })
 *   }
 * }) {}
 *
 * Balances.tag // => "Balances"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  const Name extends string,
  Row extends Schema.Top,
  E extends Event.Any,
  const Indexes extends { readonly [index: string]: ReadonlyArray<IndexField<Row["Type"]>> } = {}
>(name: Name, contract: {
  readonly row: Row
  readonly events: ReadonlyArray<E>
  /**
   * Orders that rows can be listed in: fields of the row, the first one first. At most `Limits.indexesPerProjection`. Rows
   * are stored with their places, so other indexes are another revision.
   */
  readonly indexes?: Indexes
  /** Revision of the fold, the keys, the row and the indexes: 1 unless told. */
  readonly revision?: number
  /** `park`, unless told. */
  readonly onFailure?: OnFailure
}): Contract<Name, Row["Type"], E, { readonly [I in keyof Indexes]: Indexes[I][number] }> => {
  definition.checkName("Projection", name)
  for (const tag of definition.duplicates(contract.events.map(({ tag }) => tag))) {
    throw definition.twoEvents(`Projection ${name}`, tag)
  }
  const { indexes = {}, onFailure = "park", revision = 1 } = contract
  definition.checkRevision(`Projection ${name}`, revision)
  checkIndexes(name, contract.row, indexes)
  return {
    tag: name,
    // The interface has checked the handlers against the events; from here on tags lead to them.
    fold: (parts: object) =>
      build({ ...contract, indexes, onFailure, revision, name, ...parts } as unknown as projection.Definition) as never
  }
}

/** What the types leave open, and a program without types gets wrong: rows would stand in an order that nobody meant. */
const checkIndexes = (
  name: string,
  row: Schema.Top & { readonly fields?: unknown },
  indexes: { readonly [index: string]: ReadonlyArray<string> }
): void => {
  const { length } = Object.keys(indexes)
  if (length > Limits.indexesPerProjection) {
    throw definition.defect(
      `Projection ${name}: expected at most ${Limits.indexesPerProjection} indexes, got ${length}`
    )
  }
  // Only a struct says what fields there are.
  const known = typeof row.fields === "object" && row.fields !== null ? Object.keys(row.fields) : undefined
  for (const [index, fields] of Object.entries(indexes)) {
    const what = `Projection ${name}, index ${index}`
    if (fields.length === 0) throw definition.defect(`${what}: expected at least one field, got none`)
    for (const twice of definition.duplicates(fields)) {
      throw definition.defect(`${what}: the field ${twice} is there twice`)
    }
    const strange = known && fields.find((field) => !known.includes(field))
    if (strange !== undefined) {
      throw definition.defect(`${what}: expected fields of the row (${known!.join(", ")}), got ${strange}`)
    }
  }
}

const build = (parts: projection.Definition): object => {
  const here = projection.of(parts)
  const { events, name: tag, revision, row } = parts
  const key = projection.keyOf(tag)
  return definition.base(tag, {
    tag,
    revision,
    row,
    events,
    "~definition": parts,
    get: (key: string, options?: ReadOptions) => Effect.flatMap(here, (reading) => reading.get(key, options)),
    getMany: (keys: Iterable<string>, options?: ReadOptions) =>
      Effect.flatMap(here, (reading) => reading.getMany(keys, options)),
    list: (query?: projection.Query & ReadOptions) => Effect.flatMap(here, (reading) => reading.list(query)),
    count: (query?: projection.Query & ReadOptions) => Effect.flatMap(here, (reading) => reading.count(query)),
    changes: (of?: string | projection.Query, options?: { readonly after?: After | undefined }) =>
      Stream.unwrap(Effect.map(here, (reading) => reading.changes(of, options))),
    asOf: (at: At, options?: { readonly limit?: number | undefined }) =>
      Effect.map(here, (reading) => reading.asOf(at, options)),
    history: (key: string, options?: { readonly limit?: number | undefined }) =>
      Stream.unwrap(Effect.map(here, (reading) => reading.history(key, options))),
    diff: (
      key: string,
      points: { readonly from: At; readonly to?: At | undefined; readonly limit?: number | undefined }
    ) => Effect.flatMap(here, (reading) => question.diff(reading, key, points)),
    whenCaughtUp: (options?: ReadOptions) => Effect.flatMap(here, (reading) => reading.whenCaughtUp(options)),
    layerLive: Layer.effect(key, machinery.use(({ live }) => live(parts, []))),
    layerStored: Layer.effect(key, machinery.use(({ stored }) => stored(parts, []))),
    layerAsync: Layer.effect(key, machinery.use(({ async }) => async(parts, []))),
    layerInline: Layer.effect(key, machinery.use(({ inline }) => inline(parts, [])))
  })
}

/**
 * How projections are run.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions extends runOptions.RunOptions {}

/**
 * How projections and subscriptions are run, where their own options say nothing.
 *
 * @category references
 * @since 0.1.0
 */
export const RunDefaults: Context.Reference<RunOptions> = runOptions.Defaults

/**
 * A projection into tables of the program's own.
 *
 * **Details**
 *
 * Nobody but its handlers knows what is in the tables, so it is neither folded when it is asked, nor asked about the past.
 *
 * @category models
 * @since 0.1.0
 */
export interface Custom<Name extends string, R> {
  new(_: never): {}
  readonly "~custom": runCustom.Definition<R>
  readonly tag: Name
  readonly revision: number
  readonly events: ReadonlyArray<Event.Any>
  /** Name of a table of this revision: `orders` is `orders_2` at revision 2. */
  readonly table: (name: string) => string
}

/**
 * What is known of an event that a custom projection handles.
 *
 * @category models
 * @since 0.1.0
 */
export interface CustomEnvelope extends Envelope {
  readonly position: number
  /** 0-based place among the events that the stored one has become. */
  readonly index: number
  readonly recordedAt: DateTime.Utc
  /** Revision of the projection. */
  readonly revision: number
  /** Name of a table of that revision. */
  readonly table: (name: string) => string
}

/**
 * One effect an event, inside the transaction of the checkpoint.
 *
 * @category models
 * @since 0.1.0
 */
export type CustomHandlers<E extends Event.Any> = {
  readonly [Tag in E["tag"]]: (
    event: Event.Type<Event.WithTag<E, Tag>>,
    envelope: CustomEnvelope
  ) => Effect.Effect<unknown, unknown, unknown>
}

type NeedsOf<H> = {
  readonly [Tag in keyof H]: H[Tag] extends (...args: never) => Effect.Effect<infer _A, infer _E, infer R> ? R : never
}[keyof H]

/** Refuses handlers for tags that do not exist. */
type NoExtra<H, Tag extends PropertyKey> = { readonly [K in Exclude<keyof H, Tag>]: never }

/**
 * Declares a projection into tables of the program's own, so that a report is plain SQL.
 *
 * **Details**
 *
 * A page of events is handled in one transaction, which moves the checkpoint too: what a handler does through the database
 * of the store is there exactly once. What it does elsewhere is not.
 *
 * When a handler fails, or dies, the transaction is undone; the events before it are committed, and that event alone is
 * tried again as the schedule says. Then it is parked under its key, and later events of the key wait behind it; or the
 * projection halts.
 *
 * Tables are named by revision, so that a new one is built beside the old one. Which revision serves is told by `status`;
 * a report reads the tables of the revision it names.
 *
 * **Gotchas**
 *
 * The name of a projection is no part of the names of its tables: two projections that use one name at one revision share
 * the table.
 *
 * A store in memory has no transactions: there a handler that fails leaves behind what it has done.
 *
 * @category constructors
 * @since 0.1.0
 */
export const custom = <
  const Name extends string,
  E extends Event.Any,
  H extends CustomHandlers<E>,
  R = never
>(name: Name, options: {
  readonly events: ReadonlyArray<E>
  /** Revision of the tables: 1 unless told. */
  readonly revision?: number
  /** What order is kept, and what is parked together: the id of the stream where nothing is said. */
  readonly key?: {
    readonly [Tag in E["tag"]]?: (
      event: Event.Type<Event.WithTag<E, Tag>>,
      envelope: Omit<Envelope, "key">
    ) => string
  }
  /** `park`, unless told. */
  readonly onFailure?: OnFailure
  /** When an event that failed is tried again: after 100, 200 and 400 ms, unless told. */
  readonly retry?: Schedule.Schedule<unknown, unknown>
  /** Makes the tables, before the first page of every run. */
  readonly setup?: (table: (name: string) => string) => Effect.Effect<unknown, unknown, R>
  /** Drops the tables, when `Rebuild.drop` drops the revision. */
  readonly drop?: (table: (name: string) => string) => Effect.Effect<unknown, unknown, R>
  readonly handle: H & NoExtra<H, E["tag"]>
}): Custom<Name, NeedsOf<H> | R> => {
  definition.checkName("Projection", name)
  for (const tag of definition.duplicates(options.events.map(({ tag }) => tag))) {
    throw definition.twoEvents(`Projection ${name}`, tag)
  }
  const { drop, events, revision = 1, setup } = options
  definition.checkRevision(`Projection ${name}`, revision)
  const none = () => Effect.void
  // The interface has checked handlers and keys against the events; from here on tags lead to them.
  const parts = {
    onFailure: "park",
    retry: retryDefault,
    ...options,
    name,
    revision,
    setup: setup ?? none,
    drop: drop ?? none
  } as unknown as runCustom.Definition<NeedsOf<H> | R>
  const statics = { "~custom": parts, tag: name, revision, events, table: tableOf(name, revision) }
  // `base` has given the class every static.
  return definition.base(name, statics) as unknown as Custom<Name, NeedsOf<H> | R>
}

/**
 * Any projection that can be run: a pure one, or one into tables of the program's own.
 *
 * @category models
 * @since 0.1.0
 */
export type Runnable = Any | {
  readonly "~custom": runCustom.Definition<unknown>
  readonly tag: string
  readonly revision: number
}

/**
 * What running a projection requires beside a store.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Needs<P> = P extends { readonly "~custom": runCustom.Definition<infer R> } ? R : never

const targetOf = ({ revision, tag: name }: Runnable) => ({ kind: "projection", name, revision }) as const

/**
 * Runs projections for ever: brings each to the head, and keeps it there.
 *
 * **When to use**
 *
 * In a process that works, beside others that read (`layerStored`). `layerAsync` does both.
 *
 * **Details**
 *
 * Several processes may run one projection. Each partition has one owner at a time, under a lease, and what an earlier
 * owner still sends is not taken. A store that cannot be reached is waited for. It fails when it cannot go on: the options
 * are beyond their bounds, or a checkpoint is not of this store.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <const P extends ReadonlyArray<Runnable>>(
  projections: P,
  options?: RunOptions
): Effect.Effect<never, ProjectionError, EventStore | Upcaster | RowStore | Needs<P[number]>> =>
  // What custom projections require is all that the list has lost.
  Effect.suspend(() => {
    // Two runs of one revision would fold rows that are not theirs.
    for (const twice of definition.duplicates(projections.map(({ revision, tag }) => `${tag}, revision ${revision}`))) {
      return Effect.die(definition.defect(`Projections to run: ${twice}, is there twice`))
    }
    return machinery.use(({ runAll }) =>
      runAll(projections.map((one) => ["~custom" in one ? one["~custom"] : one["~definition"], []] as const), options)
    )
  }) as Effect.Effect<never, ProjectionError, EventStore | Upcaster | RowStore | Needs<P[number]>>

/**
 * How a projection is doing, in its own revision; none when it has never been run.
 *
 * @category operations
 * @since 0.1.0
 */
export const status = (
  projection: Runnable
): Effect.Effect<Option.Option<Status>, ProjectionError, EventStore | RowStore> =>
  runStatus.status(targetOf(projection))

/**
 * Events of a projection that are parked, by key and in order: `limit` at the most, 100 unless told.
 *
 * @category operations
 * @since 0.1.0
 */
export const parked = (projection: Runnable, options?: {
  /** A key of the tenant that the program runs for; all keys of all tenants, unless told. */
  readonly key?: string | undefined
  readonly limit?: number | undefined
}): Effect.Effect<ReadonlyArray<Parked>, ProjectionError, RowStore> => runStatus.parked(targetOf(projection), options)

/**
 * Has the parked events of a key tried again, in order, soon: by whoever runs the projection. `Refused` when nothing of
 * the key is parked. The key is one of the tenant that the program runs for.
 *
 * @category operations
 * @since 0.1.0
 */
export const retry = (projection: Runnable, key: string): Effect.Effect<void, ProjectionError, RowStore> =>
  runStatus.retry(targetOf(projection), key, false)

/**
 * Gives up the first parked event of a key, for good, and has the others tried again. `Refused` when nothing of the key is
 * parked.
 *
 * @category operations
 * @since 0.1.0
 */
export const skip = (projection: Runnable, key: string): Effect.Effect<void, ProjectionError, RowStore> =>
  runStatus.retry(targetOf(projection), key, true)

/**
 * Pauses a projection, wherever it is run, until it is resumed. Readers get its rows as they are.
 *
 * @category operations
 * @since 0.1.0
 */
export const pause = (projection: Runnable): Effect.Effect<void, ProjectionError, RowStore> =>
  runStatus.setState(targetOf(projection), "paused")

/**
 * Lets a projection go on that was paused, or has halted.
 *
 * @category operations
 * @since 0.1.0
 */
export const resume = (projection: Runnable): Effect.Effect<void, ProjectionError, RowStore> =>
  runStatus.setState(targetOf(projection), "running")

/**
 * Waits until a projection that is run behind a checkpoint has seen what the store holds now (or `after`). For who runs it
 * and does not read it; readers have a `whenCaughtUp` of their own.
 *
 * @category operations
 * @since 0.1.0
 */
export const whenCaughtUp = (
  projection: Runnable,
  options?: ReadOptions
): Effect.Effect<void, ProjectionError, EventStore | RowStore> => runStatus.whenCaughtUp(targetOf(projection), options)
