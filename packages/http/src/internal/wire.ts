import type { Aggregate, Command, Projection } from "@varve/core"
import { Receipt } from "@varve/core/Commit"
import * as StreamName from "@varve/core/StreamName"
import * as Schema from "effect/Schema"

/** A union of what is there; of nothing where there is none. */
const unionOf = (schemas: ReadonlyArray<Schema.Top>): Schema.Top =>
  schemas.length === 1 ? schemas[0]! : Schema.Union(schemas)

const eventOf = ({ events }: { readonly events: ReadonlyArray<{ readonly schema: Schema.Top }> }): Schema.Top =>
  unionOf(events.map(({ schema }) => schema))

/** The payload of a command, without its tag, which is in the path. */
export const payload = ({ schema }: Command.Any): Schema.Struct<Schema.Struct.Fields> => {
  // `Command.make` makes a tagged struct.
  const { _tag, ...fields } = (schema as Schema.Struct<Schema.Struct.Fields>).fields
  return Schema.Struct(fields)
}

/** What `execute` answers. */
export const executed = (aggregate: Aggregate.Any) =>
  Schema.Struct({
    receipt: Schema.NullOr(Receipt),
    version: Schema.Int,
    events: Schema.Array(eventOf(aggregate)),
    state: aggregate.state
  })

/** What `load` answers. */
export const loaded = ({ state }: Aggregate.Any) => Schema.Struct({ state, version: Schema.Int })

/** One entry of the history of an instance. */
export const evolved = (aggregate: Aggregate.Any) =>
  Schema.Struct({
    event: eventOf(aggregate),
    version: Schema.Int,
    position: Schema.Int,
    occurredAt: Schema.DateTimeUtc,
    recordedAt: Schema.DateTimeUtc,
    state: aggregate.state
  })

const envelope = Schema.Struct({
  key: Schema.String,
  stream: StreamName.StreamName,
  version: Schema.Int,
  eventId: Schema.String,
  occurredAt: Schema.DateTimeUtc,
  actor: Schema.optionalKey(Schema.String),
  correlationId: Schema.optionalKey(Schema.String),
  causationId: Schema.optionalKey(Schema.String),
  user: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
})

/** One entry of the history of a row. No row where there is none behind the event. */
export const touch = (projection: Projection.Any) =>
  Schema.Struct({
    event: eventOf(projection),
    envelope,
    position: Schema.Int,
    recordedAt: Schema.DateTimeUtc,
    row: Schema.optionalKey(projection.row)
  })

/** A page of a history; `next` is what to give as `after` for the page behind it. */
export const page = (entry: Schema.Top) =>
  Schema.Struct({ history: Schema.Array(entry), next: Schema.NullOr(Schema.Int) })

const keyed = ({ row }: Projection.Any) => Schema.Array(Schema.Struct({ key: Schema.String, row }))

/** A page of rows; `next` is the cursor of the page behind it. */
export const listed = (projection: Projection.Any) =>
  Schema.Struct({ rows: keyed(projection), next: Schema.NullOr(Schema.String) })

/** The rows under some keys. */
export const many = (projection: Projection.Any) => Schema.Struct({ rows: keyed(projection) })

/** What is asked for, where it is more than fits a query. */
export const keys = Schema.Struct({ keys: Schema.Array(Schema.String) })

export const count = Schema.Struct({ count: Schema.Int })
