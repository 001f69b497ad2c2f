import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Event from "../Event.ts"
import { EventStore, readAll } from "../EventStore.ts"
import type { EventStoreError } from "../EventStoreError.ts"
import * as Metadata from "../Metadata.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import { type Reader, type Unreadable, Upcaster } from "../Upcaster.ts"
import { defect } from "./definition.ts"
import type { Tagged } from "./running.ts"

/** What a projection is at run time: the types are gone, tags lead to the handlers. */
export interface Definition {
  readonly name: string
  readonly row: Schema.Top
  readonly events: ReadonlyArray<Event.Any>
  readonly initial?: unknown
  readonly key?: {
    readonly [tag: string]: ((event: Tagged, envelope: object) => string | ReadonlyArray<string>) | undefined
  }
  readonly on: { readonly [tag: string]: (row: unknown, event: Tagged, envelope: object) => unknown }
}

/** What gives the rows of a projection: the service behind `Projection.Rows`. */
export interface Reading {
  readonly definition: Definition
  readonly get: (key: string) => Effect.Effect<Option.Option<unknown>, EventStoreError | Unreadable>
}

/** The identity of the service: its type parameter, a name, is checked where a definition meets its layer. */
export interface Identifier {
  readonly "~@varve/core/Projection/Rows": string
}

const keyOf = (name: string) => Context.Service<Identifier, Reading>(`@varve/core/Projection/${name}`)

/** The rows of a definition. Two definitions of one name are a defect: one would be read as the other. */
export const of = (wanted: Definition): Effect.Effect<Reading, never, Identifier> =>
  Effect.flatMap(keyOf(wanted.name), (reading) =>
    reading.definition === wanted
      ? Effect.succeed(reading)
      : Effect.die(defect(
        `Two projections are called ${wanted.name}: the layer runs another definition than the one that was asked`
      )))

/** Folds a stored event onto rows; `undefined` is no row. Pure. */
export const step = (definition: Definition, event: Tagged, stored: StoredEvent) => {
  const { metadata, occurredAt, stream, version } = stored
  const envelope = {
    stream,
    version,
    eventId: stored.id,
    occurredAt,
    actor: metadata.actor,
    correlationId: metadata.correlationId,
    causationId: metadata.causationId,
    user: metadata.user
  }
  const keys = definition.key?.[event._tag]?.(event, envelope) ?? stream.id
  return {
    keys: typeof keys === "string" ? [keys] : keys,
    fold: (key: string, row: unknown): unknown =>
      definition.on[event._tag]!(row === undefined ? definition.initial : row, event, { key, ...envelope })
  }
}

const foldRow = (definition: Definition, reader: Reader<Tagged>, tenant: string, key: string) =>
  Stream.runFoldEffect(
    readAll({
      filter: { ...(reader.sources.length > 0 ? { sources: reader.sources } : { types: reader.types }), tenant }
    }),
    (): unknown => undefined,
    (row, stored) => {
      const upcast = reader.upcast(stored)
      if (Result.isFailure(upcast)) return Effect.fail(upcast.failure)
      let next = row
      for (const { event } of upcast.success) {
        const { fold, keys } = step(definition, event, stored)
        if (keys.includes(key)) next = fold(key, next)
      }
      return Effect.succeed(next)
    }
  )

/**
 * Folds a row when it is asked for, from the events of the aggregates named; from all of their types when none is named,
 * which comes to the same where a tag names one event of a store.
 */
export const layerLive = (
  definition: Definition,
  aggregates: ReadonlyArray<string>
): Layer.Layer<Identifier, never, EventStore | Upcaster> =>
  Layer.effect(
    keyOf(definition.name),
    Effect.gen(function*() {
      const store = yield* EventStore
      const reader = (yield* Upcaster).reader({ aggregates, events: definition.events })
      return {
        definition,
        get: (key: string) =>
          Metadata.Current.pipe(
            Effect.flatMap(({ tenant }) => foldRow(definition, reader, tenant, key)),
            Effect.map(Option.fromUndefinedOr),
            Effect.provideService(EventStore, store)
          )
      }
    })
  )
