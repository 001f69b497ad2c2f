import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as CommitId from "../CommitId.ts"
import type { EventStoreError } from "../EventStoreError.ts"
import type { Forbidden } from "../Forbidden.ts"
import type { Metadata } from "../Metadata.ts"
import type { EventMetadata } from "../StoredEvent.ts"
import type { StreamName } from "../StreamName.ts"
import * as digest from "./digest.ts"
import * as policy from "./policy.ts"
import type { Local, Tagged } from "./running.ts"
import type { Unreadable } from "./upcaster.ts"

/** A command and the stream that it is for. */
export interface Request {
  readonly local: Local
  readonly stream: StreamName
  readonly id: string
  readonly command: Tagged
}

/** Commands on their way to becoming one commit. */
export interface Work {
  readonly requests: Arr.NonEmptyReadonlyArray<Request>
  /** The id that the caller gave, and what tells these commands from others under it. */
  readonly given: { readonly commitId: CommitId.CommitId; readonly fingerprint: string } | undefined
  readonly metadata: Metadata
  readonly eventMetadata: EventMetadata
  readonly expected: number | undefined
  /** Of who asks, where there is a policy. */
  readonly judge: policy.Judge | undefined
}

export const store = ({ requests }: Work) => requests[0].local.store

/** An error, and the request that it is about. */
export class Located {
  readonly error: EventStoreError | Unreadable | Forbidden
  readonly id: string
  readonly aggregate: string
  constructor(error: EventStoreError | Unreadable | Forbidden, local: Local, id: string) {
    this.error = error
    this.id = id
    this.aggregate = local.definition.name
  }
}

/** What a work fails with, apart from a rejection. */
export type Failure = EventStoreError | Unreadable | Located

/** Fails with what a policy denies, and tells of it. */
export const deny = (denied: policy.Denied, local: Local, id: string): Effect.Effect<never, Located> =>
  Effect.andThen(
    policy.log(denied, { "varve.aggregate": local.definition.name, "varve.id": id }),
    Effect.fail(new Located(denied.forbidden, local, id))
  )

/** A random part of a time that doubles: 10, 20, 40 … up to 320 ms. */
export const pause = (round: number): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (part) => Effect.sleep(part * Math.min(5 * 2 ** round, 320)))

/** JSON with the keys of every object in one order: a record built in another order is the same record. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a < b ? -1 : 1))
      : inner)

const encoders = new WeakMap<Schema.Top, (command: unknown) => unknown>()

/** Gives a command as JSON. Made once a schema. */
const encoderOf = (schema: Schema.Top): (command: unknown) => unknown => {
  const known = encoders.get(schema)
  if (known !== undefined) return known
  // Commands are plain data: their schemas ask for no services.
  const encode = Schema.encodeUnknownSync(Schema.toCodecJson(schema as Schema.Codec<unknown, unknown>))
  encoders.set(schema, encode)
  return encode
}

/** Tells a command sent again from another one: instance, tag and payload, not time or version. */
export const fingerprintOf = (requests: ReadonlyArray<Request>): Effect.Effect<string> =>
  Effect.suspend(() => {
    const parts = requests.map(({ command, local, stream }) => {
      const schema = local.definition.commands.find(({ tag }) => tag === command._tag)?.schema
      const payload = schema && encoderOf(schema)(command)
      return [stream.tenant, stream.category, stream.id, command._tag, payload]
    })
    return Effect.map(digest.sha256(canonical(parts)), (bytes) => digest.hex(bytes.subarray(0, 16)))
  })

export const eventMetadataOf = (
  { actor, causationId, correlationId, user }: Metadata,
  trace: EventMetadata["trace"],
  requests: ReadonlyArray<Request>
): EventMetadata => {
  const tags = requests.map(({ command }) => command._tag)
  return {
    ...(correlationId !== undefined && { correlationId }),
    ...(causationId !== undefined && { causationId }),
    ...(actor !== undefined && { actor }),
    command: tags.length === 1 ? tags[0]! : Array.from(new Set(tags)).join(", "),
    ...(trace !== undefined && { trace }),
    ...(user !== undefined && { user })
  }
}
