import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"

/** Most subscriptions of one connection. */
export const subscriptionsPerConnection = 1_000

/** Most frames that a client has not acknowledged. It gets the next one when it has, with what is newest then. */
export const framesInFlight = 8

/** Most answers that wait until a client takes them. With one more the connection is closed. */
export const pendingAnswers = 1_000

const Id = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(64))

/** A query by the texts of its values, as a URL has them. */
const Query = Schema.Struct({
  index: Schema.optionalKey(Schema.String),
  where: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  from: Schema.optionalKey(Schema.String),
  to: Schema.optionalKey(Schema.String)
})

/** Asks for a row, or for the rows of a query. */
export const Subscribe = Schema.TaggedStruct("Subscribe", {
  /** Chosen by the client: what it is told bears it. */
  id: Id,
  /** Path of the projection. */
  projection: Schema.String,
  key: Schema.optionalKey(Schema.String),
  query: Schema.optionalKey(Query),
  after: Schema.optionalKey(Schema.String)
})

export const Unsubscribe = Schema.TaggedStruct("Unsubscribe", { id: Id })

/** Says that all frames up to a number have been taken. */
export const Ack = Schema.TaggedStruct("Ack", { frame: Schema.Int })

/** What a client says. */
export const Asked = Schema.Union([Subscribe, Unsubscribe, Ack])
export type Asked = typeof Asked.Type

export const decodeAsked = SchemaParser.decodeUnknownResult(Schema.fromJsonString(Asked), { errors: "all" })

/** One frame of a server, numbered from 1. */
export const Frame = Schema.Struct({
  frame: Schema.Int,
  told: Schema.Array(Schema.Struct({
    /** Of the subscription; `""` where it is about the connection. */
    id: Schema.String,
    type: Schema.Literals(["row", "resync", "level", "heartbeat", "end", "failure"]),
    data: Schema.Json,
    at: Schema.optionalKey(Schema.String)
  }))
})

export const decodeFrame = SchemaParser.decodeUnknownResult(Schema.fromJsonString(Frame))
