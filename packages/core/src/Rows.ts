/**
 * Reads the rows of a projection: the service behind `Projection.get`, open to layers that have them elsewhere, and the
 * pure parts that rows are folded by.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import { type AggregatePart, sourcesOf } from "./Domain.ts"
import { Refused } from "./EventStoreError.ts"
import * as policy from "./internal/policy.ts"
import * as projection from "./internal/projection.ts"
import * as question from "./internal/question.ts"
import type { Tagged } from "./internal/running.ts"
import * as text from "./internal/text.ts"
import type * as Projection from "./Projection.ts"
import { ProjectionError } from "./ProjectionError.ts"

/**
 * A query of rows, by names that are known at run time only.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query {
  readonly index?: string | undefined
  readonly where?: { readonly [field: string]: unknown } | undefined
  readonly from?: unknown
  readonly to?: unknown
}

/**
 * A page of the rows of a query.
 *
 * @category models
 * @since 0.1.0
 */
export interface PageQuery extends Query, Projection.Paging {}

/**
 * Questions about rows at one point.
 *
 * @category models
 * @since 0.1.0
 */
export interface View<Row> {
  readonly get: (key: string) => Effect.Effect<Option.Option<Row>, ProjectionError>
  readonly getMany: (keys: Iterable<string>) => Effect.Effect<ReadonlyMap<string, Row>, ProjectionError>
  readonly list: (query?: PageQuery) => Effect.Effect<Projection.Listed<Row>, ProjectionError>
  readonly count: (query?: Query) => Effect.Effect<number, ProjectionError>
}

/**
 * The rows of a projection, wherever they are.
 *
 * **Details**
 *
 * No method requires anything. The tenant is that of the caller, who has it in `Metadata.Current`. Where a `Policy` is in
 * force, rows of this process judge each question, also one that is put to a view, and each stream when it is run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reading<Row> {
  readonly get: (key: string, options?: Projection.ReadOptions) => Effect.Effect<Option.Option<Row>, ProjectionError>
  readonly getMany: (
    keys: Iterable<string>,
    options?: Projection.ReadOptions
  ) => Effect.Effect<ReadonlyMap<string, Row>, ProjectionError>
  readonly list: (
    query?: PageQuery & Projection.ReadOptions
  ) => Effect.Effect<Projection.Listed<Row>, ProjectionError>
  readonly count: (query?: Query & Projection.ReadOptions) => Effect.Effect<number, ProjectionError>
  readonly changes: (
    of?: string | Query,
    options?: { readonly after?: Projection.After | undefined }
  ) => Stream.Stream<Projection.Change<Row>, ProjectionError>
  readonly asOf: (at: Projection.At, options?: { readonly limit?: number | undefined }) => View<Row>
  readonly history: (
    key: string,
    options?: { readonly limit?: number | undefined }
  ) => Stream.Stream<Projection.Touch<Row, unknown>, ProjectionError>
  readonly whenCaughtUp: (options?: {
    readonly after?: Projection.After | undefined
    readonly timeout?: Duration.Input | undefined
  }) => Effect.Effect<void, ProjectionError>
}

/**
 * Type of the rows of a projection.
 *
 * @category type-level
 * @since 0.1.0
 */
export type RowOf<P extends Projection.Any> = P["row"]["Type"]

/**
 * The rows of a projection, for tools that know it as data.
 *
 * @category accessors
 * @since 0.1.0
 */
export const of = <P extends Projection.Any>(
  self: P
): Effect.Effect<Reading<RowOf<P>>, never, Projection.Rows<P["tag"]>> =>
  // The key is that of the definition, whose types those of the projection are.
  projection.of(self["~definition"]) as never

/**
 * What a policy lets an actor see of rows: why not, or `undefined` where it is let through. Each denial is to be told, as it
 * is by whoever asks for rows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ruling<Row> {
  readonly get: (key: string, row: Option.Option<Row>) => ProjectionError | undefined
  readonly list: (query: Query) => ProjectionError | undefined
}

/**
 * What the actor of the running program may see of rows, for tools that hand on what they have read for all: `undefined`
 * where nobody judges. The policy is that around the program, or else that around the layer of the rows.
 *
 * @category accessors
 * @since 0.1.0
 */
export const ruling = <P extends Projection.Any>(
  self: P,
  reading: Reading<RowOf<P>>
): Effect.Effect<Ruling<RowOf<P>> | undefined> =>
  Effect.withFiberSucceed((fiber) => {
    const { "~definition": definition, tag: target } = self
    const judge = policy.judge(fiber, internalOf(reading).unjudged?.policy)
    if (judge === undefined) return undefined
    const failed = (denied: policy.Denied | undefined) =>
      denied && new ProjectionError({ target, reason: denied.forbidden })
    return {
      get: (key, row) => failed(judge.get(definition, key, row)),
      list: (query) => failed(judge.list(definition, query))
    }
  })

/**
 * The same rows without rules, for tools that read once for many readers, and ask `ruling` for each of them.
 *
 * @category accessors
 * @since 0.1.0
 */
export const unjudged = <Row>(reading: Reading<Row>): Reading<Row> =>
  // The rows are the same ones; the type parameter stops at the key.
  (internalOf(reading).unjudged?.reading as Reading<Row> | undefined) ?? reading

/** Those that are made here bear the policy that was around them. */
const internalOf = <Row>(reading: Reading<Row>): Partial<projection.Reading> =>
  // What others have made has none of these members.
  reading as unknown as Partial<projection.Reading>

/**
 * Provides the rows of a projection from elsewhere: a server that is asked over the network, a cache in front of another
 * layer.
 *
 * **Gotchas**
 *
 * A `Policy` of this process does not judge what is given here: whoever has the rows does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <P extends Projection.Any, E, R>(
  self: P,
  reading: Effect.Effect<Reading<RowOf<P>>, E, R>
): Layer.Layer<Projection.Rows<P["tag"]>, E, R> => {
  const definition = self["~definition"]
  // As above; the type parameters stop at the key.
  const made = Effect.map(reading, (reading) => ({ ...reading, definition }) as projection.Reading)
  return Layer.effect(projection.keyOf(definition.name), made) as never
}

/**
 * Fields of each index of a projection, in order.
 *
 * @category accessors
 * @since 0.1.0
 */
export const indexesOf = (self: Projection.Any): { readonly [index: string]: ReadonlyArray<string> } =>
  self["~definition"].indexes

/**
 * The place of a row among the rows of a query.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly key: string
  /** Compares as the bytes of its UTF-8 do. Equal for rows that only their keys tell apart. */
  readonly sort: string
}

/**
 * The order that the rows of a query stand in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Order<Row> {
  /** Where a row stands; `undefined` when it is none of the query. Pure. */
  readonly placeOf: (key: string, row: Row) => Place | undefined
  /** Which of two places comes first, in the direction `forward`. */
  readonly compare: (a: Place, b: Place) => number
}

/**
 * The order of the rows of a query, so that who has some of them can place others among them. Pure.
 *
 * @category accessors
 * @since 0.1.0
 */
export const orderOf = <P extends Projection.Any>(
  self: P,
  { from, index, to, where }: Query = {}
): Result.Result<Order<RowOf<P>>, Refused> => {
  const plan = question.planOf(self["~definition"], { index, where, from, to })
  if (plan instanceof Refused) return Result.fail(plan)
  return Result.succeed({
    placeOf: (key, row) => {
      try {
        const sort = question.placeOf(plan, key, row)
        return question.isWithin(plan, sort) ? { key, sort } : undefined
      } catch {
        // A field has no place in the index: the row is stored nowhere, and in no list.
        return undefined
      }
    },
    compare: (a, b) => text.compare(a.sort, b.sort) || text.compare(a.key, b.key)
  })
}

/**
 * Name of the aggregate whose instances have a row each, under the id of the instance and from its events alone: before
 * the first event there is no row. `undefined` where that is not so.
 *
 * @category accessors
 * @since 0.1.0
 */
export const ownerOf = (self: Projection.Any, aggregates: ReadonlyArray<AggregatePart>): string | undefined => {
  const [source, ...others] = sourcesOf(self, aggregates)
  return others.length === 0 && Object.keys(self["~definition"].key ?? {}).length === 0 ? source : undefined
}

/**
 * The keys of the rows that an event goes to, each once. Pure.
 *
 * @category folding
 * @since 0.1.0
 */
export const keysOf = (
  self: Projection.Any,
  event: Tagged,
  envelope: Omit<Projection.Envelope, "key">
): ReadonlyArray<string> => projection.keysFor(self["~definition"].key, event, envelope)

/**
 * A row after one more event; `undefined` is no row. Pure. An event that the projection does not read changes nothing.
 *
 * @category folding
 * @since 0.1.0
 */
export const fold = <P extends Projection.Any>(
  self: P,
  row: RowOf<P> | undefined,
  event: Tagged,
  envelope: Projection.Envelope
): RowOf<P> | undefined => {
  const { initial, on } = self["~definition"]
  return Object.hasOwn(on, event._tag) ? on[event._tag]!(row === undefined ? initial : row, event, envelope) : row
}
