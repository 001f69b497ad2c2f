import type { Aggregate, Metadata } from "@varve/core"
import * as CommitId from "@varve/core/CommitId"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Command, make, type Part, type Tagged } from "./pendingCommand.ts"

/** A command as it is kept for the next time the program starts. */
const Saved = Schema.Struct({
  commitId: CommitId.CommitId,
  aggregate: Schema.String,
  id: Schema.String,
  command: Schema.Json,
  expected: Schema.optionalKey(Schema.Int),
  since: Schema.DateTimeUtcFromMillis,
  /** Whether the server may have got it. */
  sent: Schema.Boolean,
  actor: Schema.optionalKey(Schema.String),
  metadata: Schema.Struct({
    tenant: Schema.String,
    actor: Schema.optionalKey(Schema.String),
    correlationId: Schema.optionalKey(Schema.String),
    causationId: Schema.optionalKey(Schema.String),
    occurredAt: Schema.optionalKey(Schema.DateTimeUtcFromMillis),
    user: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
  })
})

const List = Schema.fromJsonString(Schema.Array(Schema.Json))
const decodeList = Schema.decodeUnknownResult(List)
const decodeSaved = Schema.decodeUnknownResult(Saved)
const encodeSaved = Schema.encodeSync(Saved)

type CommandCodec = Schema.Codec<Tagged, Schema.Json>

const codecOf = (part: Aggregate.Any, tag: string): CommandCodec | undefined => {
  const schema = part.commands.find((command) => command.tag === tag)?.schema
  // Commands are plain data: their schemas ask for no services.
  return schema === undefined ? undefined : Schema.toCodecJson(schema as Schema.Codec<Tagged, unknown>) as CommandCodec
}

/** Leaves out what is undefined. */
const given = <A extends object>(fields: A): A =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as A

/** The text that commands are kept as, oldest first. What is stored needs no keeping. */
export const encode = (commands: ReadonlyArray<Command>): string => {
  const saved = commands.filter(({ status }) => status !== "stored").map((one) => {
    const { actor, command, commitId, expected, inDoubt, metadata, part, sent, since, stream } = one
    return encodeSaved(
      given({
        commitId,
        aggregate: part.tag,
        id: stream.id,
        command: Schema.encodeSync(codecOf(part, command._tag)!)(command),
        expected,
        since,
        sent: inDoubt || sent !== Infinity,
        actor,
        metadata: given(metadata)
      }) as typeof Saved.Type
    )
  })
  return JSON.stringify(saved)
}

const commandOf = (parts: ReadonlyMap<string, Part>, value: Schema.Json): Result.Result<Command, string> => {
  const saved = decodeSaved(value)
  if (Result.isFailure(saved)) return Result.fail(String(saved.failure))
  const { aggregate, command, id, sent, ...fields } = saved.success
  const part = parts.get(aggregate)
  const tag = (command as { readonly _tag?: unknown } | null)?._tag
  const codec = part && codecOf(part, String(tag))
  if (part === undefined || codec === undefined) return Result.fail(`${aggregate} has no command ${String(tag)}`)
  const decoded = Schema.decodeUnknownResult(codec)(command)
  if (Result.isFailure(decoded)) return Result.fail(String(decoded.failure))
  // Keys that are not there are undefined.
  const metadata: Metadata.Metadata = fields.metadata
  const made = make({
    expected: undefined,
    actor: undefined,
    ...fields,
    metadata,
    part,
    command: decoded.success,
    stream: { tenant: metadata.tenant, category: aggregate, id }
  })
  // What the server may have got was sent before anything that comes now.
  return Result.succeed(Object.assign(made, sent ? { status: "sent", sent: 0, inDoubt: true } : {}))
}

/** Commands of a text, and why others of it are none. */
export const decode = (
  parts: ReadonlyMap<string, Part>,
  text: string
): { readonly commands: ReadonlyArray<Command>; readonly lost: ReadonlyArray<string> } => {
  const list = decodeList(text)
  if (Result.isFailure(list)) return { commands: [], lost: [String(list.failure)] }
  const results = list.success.map((value) => commandOf(parts, value))
  return {
    commands: results.flatMap((result) => Option.toArray(Result.getSuccess(result))),
    lost: results.flatMap((result) => Option.toArray(Result.getFailure(result)))
  }
}

/** Milliseconds since a command was given. */
export const ageOf = ({ since }: Command, now: DateTime.Utc): number =>
  DateTime.toEpochMillis(now) - DateTime.toEpochMillis(since)
