import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Receipt } from "../Commit.ts"
import type * as Event from "../Event.ts"
import type { Filter } from "../Page.ts"
import type { ProjectionError } from "../ProjectionError.ts"
import type { Target } from "../RowStore.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import { defect } from "./definition.ts"
import type { Policy } from "./policy.ts"
import type { Tagged } from "./running.ts"
import type { Reader } from "./upcaster.ts"

/** Where an event goes: one key or several, by tag. */
export interface Keyed {
  readonly [tag: string]: ((event: Tagged, envelope: object) => string | ReadonlyArray<string>) | undefined
}

/** What a projection is at run time: the types are gone, tags lead to the handlers. */
export interface Definition {
  readonly name: string
  readonly revision: number
  readonly row: Schema.Top
  readonly events: ReadonlyArray<Event.Any>
  /** Name to fields, in order. */
  readonly indexes: { readonly [name: string]: ReadonlyArray<string> }
  readonly onFailure: "park" | "halt"
  readonly initial?: unknown
  readonly key?: Keyed
  readonly on: { readonly [tag: string]: (row: unknown, event: Tagged, envelope: object) => unknown }
}

export const targetOf = ({ name, revision }: Definition): Target => ({ kind: "projection", name, revision })

/** Documented at `Projection.At`. */
export type At =
  | { readonly position: number }
  | { readonly recordedAt: DateTime.DateTime }
  | { readonly occurredAt: DateTime.DateTime }

/** Documented at `Projection.After`. */
export type After = number | Pick<Receipt, "last" | "storeId"> | Option.Option<Pick<Receipt, "last" | "storeId">>

/** Documented at `Projection.ReadOptions`. */
export interface ReadOptions {
  readonly after?: After | undefined
  readonly timeout?: Duration.Input | undefined
}

/** Documented at `Projection.Query`. */
export interface Query {
  readonly index?: string | undefined
  readonly where?: { readonly [field: string]: unknown } | undefined
  readonly from?: unknown
  readonly to?: unknown
  readonly direction?: "forward" | "backward" | undefined
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

/** Documented at `Projection.Listed`. */
export interface Listed {
  readonly rows: ReadonlyArray<{ readonly key: string; readonly row: unknown }>
  readonly next: Option.Option<string>
}

/** Documented at `Projection.Change`. */
export interface Change {
  readonly key: string
  readonly row: Option.Option<unknown>
  readonly position: number
}

/** Documented at `Projection.Touch`. */
export interface Touch {
  readonly event: unknown
  readonly envelope: object
  readonly position: number
  readonly recordedAt: DateTime.Utc
  readonly row: Option.Option<unknown>
}

type Answer<A> = Effect.Effect<A, ProjectionError>

/** The questions that a read model answers, at one point. */
export interface View {
  readonly get: (key: string) => Answer<Option.Option<unknown>>
  readonly getMany: (keys: Iterable<string>) => Answer<ReadonlyMap<string, unknown>>
  readonly list: (query?: Query) => Answer<Listed>
  readonly count: (query?: Query) => Answer<number>
}

/** What gives the rows of a projection: the service behind `Projection.Rows`. */
export interface Reading {
  readonly definition: Definition
  /** The same without rules, and the rules around it: for who reads once for many, and judges for each of them. */
  readonly unjudged?: { readonly reading: Reading; readonly policy: Policy | undefined } | undefined
  readonly get: (key: string, options?: ReadOptions) => Answer<Option.Option<unknown>>
  readonly getMany: (keys: Iterable<string>, options?: ReadOptions) => Answer<ReadonlyMap<string, unknown>>
  readonly list: (query?: Query & ReadOptions) => Answer<Listed>
  readonly count: (query?: Query & ReadOptions) => Answer<number>
  readonly changes: (
    of?: string | Query,
    options?: { readonly after?: After | undefined }
  ) => Stream.Stream<Change, ProjectionError>
  readonly asOf: (at: At, options?: { readonly limit?: number | undefined }) => View
  readonly history: (
    key: string,
    options?: { readonly limit?: number | undefined }
  ) => Stream.Stream<Touch, ProjectionError>
  readonly whenCaughtUp: (options?: ReadOptions) => Answer<void>
}

/** The identity of the service: its type parameter, a name, is checked where a definition meets its layer. */
export interface Identifier {
  readonly "~@varve/core/Projection/Rows": string
}

export const keyOf = (name: string): Context.Service<Identifier, Reading> =>
  Context.Service<Identifier, Reading>(`@varve/core/Projection/${name}`)

/** The rows of a definition. Two definitions of one name are a defect: one would be read as the other. */
export const of = (wanted: Definition): Effect.Effect<Reading, never, Identifier> =>
  Effect.flatMap(keyOf(wanted.name), (reading) =>
    reading.definition === wanted
      ? Effect.succeed(reading)
      : Effect.die(defect(
        `Two projections are called ${wanted.name}: the layer runs another definition than the one that was asked`
      )))

/** What the writer knew of an event: `Projection.Envelope` without its key. */
export const envelopeOf = ({ id, metadata, occurredAt, stream, version }: StoredEvent) => ({
  stream,
  version,
  eventId: id,
  occurredAt,
  actor: metadata.actor,
  correlationId: metadata.correlationId,
  causationId: metadata.causationId,
  user: metadata.user
})

/** The keys of an event, each once. */
export const keysOf = (keyed: Keyed | undefined, event: Tagged, stored: StoredEvent): ReadonlyArray<string> => {
  const keyOf = keyed?.[event._tag]
  return keyOf === undefined ? [stored.stream.id] : each(keyOf(event, envelopeOf(stored)))
}

/** The same of an event that is not stored yet. */
export const keysFor = (
  keyed: Keyed | undefined,
  event: Tagged,
  envelope: ReturnType<typeof envelopeOf>
): ReadonlyArray<string> => {
  const keyOf = keyed?.[event._tag]
  return keyOf === undefined ? [envelope.stream.id] : each(keyOf(event, envelope))
}

const each = (keys: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof keys === "string" ? [keys] : Array.from(new Set(keys))

/** Folds an event onto a row; `undefined` is no row. Pure. */
export const foldRow = (
  definition: Definition,
  event: Tagged,
  { id, metadata, occurredAt, stream, version }: StoredEvent,
  key: string,
  row: unknown
): unknown =>
  // Written out: a spread costs more than most folds.
  definition.on[event._tag]!(row === undefined ? definition.initial : row, event, {
    key,
    stream,
    version,
    eventId: id,
    occurredAt,
    actor: metadata.actor,
    correlationId: metadata.correlationId,
    causationId: metadata.causationId,
    user: metadata.user
  })

/** What a reader asks the store for: pairs of category and type where the categories are known, the types otherwise. */
export const filterOf = ({ sources, types }: Reader<unknown>): Filter => sources.length > 0 ? { sources } : { types }
