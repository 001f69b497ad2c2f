/**
 * Declares projections: pure folds of events into rows, which are a read model.
 *
 * **Details**
 *
 * A projection is a pure definition and the key of a service, like an aggregate: how its rows come to be is a layer.
 * `layerLive` folds them when they are asked for, and stores nothing.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Event from "./Event.ts"
import type { EventStore } from "./EventStore.ts"
import type { EventStoreError } from "./EventStoreError.ts"
import * as definition from "./internal/definition.ts"
import * as rows from "./internal/rows.ts"
import type { StreamName } from "./StreamName.ts"
import type { Unreadable, Upcaster } from "./Upcaster.ts"

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
 * Which rows an event belongs to: one key or several, by event. The id of its stream where nothing is said.
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
 * The rows of the projection called `Name`: what reading them requires.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rows<Name extends string> {
  readonly "~@varve/core/Projection/Rows": Name
}

/**
 * A projection: its definition, and the calls that read its rows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Projection<Name extends string, Row> {
  new(_: never): {}
  readonly "~definition": rows.Definition
  /** The name its rows are stored under. (`name` is that of the class, which may be another.) */
  readonly tag: Name
  /** Schema of a row. */
  readonly row: Schema.Top & { readonly Type: Row }
  readonly events: ReadonlyArray<Event.Any>
  /** The row under a key, if there is one. Rows are those of the tenant that the program runs for. */
  readonly get: (key: string) => Effect.Effect<Option.Option<Row>, EventStoreError | Unreadable, Rows<Name>>
  /** Folds rows when they are asked for. Nothing is stored; a question costs a read of the projection's events. */
  readonly layerLive: Layer.Layer<Rows<Name>, never, EventStore | Upcaster>
}

/**
 * Any projection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  readonly "~definition": rows.Definition
  readonly tag: string
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
export interface Contract<Name extends string, Row, E extends Event.Any> {
  readonly tag: Name
  /** Gives the projection its fold: the row to start from, the keys, and one handler an event. */
  fold(parts: {
    readonly initial: Row
    readonly key?: Keys<E>
    readonly on: On<Row, Row, E>
  }): Projection<Name, Row>
  fold(parts: {
    readonly key?: Keys<E>
    readonly on: On<Row, Row | undefined, E>
  }): Projection<Name, Row>
}

/**
 * Declares a projection. `fold` gives it its behaviour.
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
 *   events: [MoneyDeposited, MoneyWithdrawn]
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
export const make = <const Name extends string, Row extends Schema.Top, E extends Event.Any>(name: Name, contract: {
  readonly row: Row
  readonly events: ReadonlyArray<E>
}): Contract<Name, Row["Type"], E> => {
  definition.checkName("Projection", name)
  for (const tag of definition.duplicates(contract.events.map(({ tag }) => tag))) {
    throw definition.defect(`Projection ${name}: two events of the tag ${tag}`)
  }
  return {
    tag: name,
    // The interface has checked the handlers against the events; from here on tags lead to them.
    fold: (parts: object) => build({ ...contract, name, ...parts } as unknown as rows.Definition) as never
  }
}

const build = (parts: rows.Definition): object => {
  const here = rows.of(parts)
  const { name: tag, ...contract } = parts
  return definition.base(tag, {
    ...contract,
    tag,
    "~definition": parts,
    get: (key: string) => Effect.flatMap(here, (rows) => rows.get(key)),
    layerLive: rows.layerLive(parts, [])
  })
}
