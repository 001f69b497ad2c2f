import { Aggregate, CommitId, EventStoreError, type Instances, Metadata, StreamName } from "@varve/core"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Limits from "../Limits.ts"
import * as codecs from "./codecs.ts"
import * as incoming from "./incoming.ts"
import type { Incoming } from "./incoming.ts"
import * as instanceHistory from "./instanceHistory.ts"
import * as problems from "./problems.ts"
import type { Problem } from "./problems.ts"

/** What an endpoint does: its response, or the problem that stands in its way. */
export type Handler = (request: Incoming) => Effect.Effect<HttpServerResponse.HttpServerResponse, Problem>

/** What a command asks for, beside its body. */
interface Asked {
  readonly id: string
  readonly match: incoming.Match | undefined
  readonly key: string | undefined
}

/** JSON text as a response. */
export const json = (text: string, headers?: { readonly [name: string]: string }) =>
  HttpServerResponse.text(text, { contentType: "application/json", headers })

/** Which page of a history is asked for. */
export const pageParameters = Effect.fnUntraced(function*(query: ReadonlyMap<string, string>) {
  const after = (yield* incoming.int(["query", "after"], query.get("after"), 0, Number.MAX_SAFE_INTEGER)) ?? 0
  const limit = yield* incoming.int(["query", "limit"], query.get("limit"), 1, Limits.entriesPerPage)
  return { after, limit: limit ?? Limits.entriesPerPageDefault }
})

/**
 * Waits until the store has what the reader has seen: an instance is read of the store itself. Where something else runs the
 * instances, that is asked as it is.
 */
const levelOf = ({ head }: Instances.Running<Aggregate.Any>) =>
  Effect.fnUntraced(function*(request: Incoming) {
    const { after, timeout = 0 } = yield* incoming.readOptions(request)
    const place = codecs.placeOfAfter(after)
    if (place === undefined || head === undefined) return
    const { position } = place
    const asked = Effect.mapError(head, ({ reason }) => problems.make("Unavailable", reason.message))
    const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(timeout)
    while (true) {
      const actual = yield* asked
      if (actual >= position) return
      if ((yield* Clock.currentTimeMillis) >= until) {
        const detail = `Expected the store at position ${position}, it is at ${actual}`
        return yield* Effect.fail(problems.make("Behind", detail))
      }
      yield* Effect.sleep(Limits.levelMillis)
    }
  })

/** The endpoints of an aggregate, whose instances are run by somebody. */
export const make = (
  aggregate: Aggregate.Any,
  running: Instances.Running<Aggregate.Any>,
  bodyBytes: number
) => {
  const content = codecs.aggregate(aggregate)
  const { tag: name } = aggregate
  const rejected = problems.ofRejection(aggregate)

  const pages = instanceHistory.make(running, content.evolved.encode)

  const idOf = ({ rest: [segment = ""] }: Incoming): Exit.Exit<string, Problem> => {
    const id = incoming.text(segment, "id")
    if (Exit.isFailure(id)) return id
    const found = content.id(id.value)
    return Result.isSuccess(found) ? id : Exit.fail(problems.badRequest(["path", "id"], found.failure))
  }

  const level = levelOf(running)

  const load: Handler = Effect.fnUntraced(function*(request) {
    const id = yield* idOf(request)
    const query = yield* incoming.parameters(request, (name) => name === "at", "at")
    const at = yield* incoming.instanceAt(query.get("at"))
    yield* level(request)
    const loaded = yield* Effect.mapError(running.load(id, at), (error) => problems.ofExecution(error))
    return json(JSON.stringify(content.loaded.encode(loaded)), { etag: `"${loaded.version}"` })
  })

  const history: Handler = Effect.fnUntraced(function*(request) {
    const id = yield* idOf(request)
    const known = ["after", "limit"]
    const query = yield* incoming.parameters(request, (name) => known.includes(name), known.join(", "))
    const { after, limit } = yield* pageParameters(query)
    yield* level(request)
    return json(yield* Effect.mapError(pages(id, after, limit), (error) => problems.ofExecution(error)))
  })

  /** The version that a command expects, where the request says more than one. */
  const versionOf = Effect.fnUntraced(function*(id: string, match: incoming.Match) {
    const { version } = yield* running.load(id)
    if (match !== "exists") return match.includes(version) ? version : match[0]
    // Nothing takes events away: what is there now is there when the command is executed.
    if (version > 0) return undefined
    const { tenant } = yield* Metadata.Current
    const stream = StreamName.make(name, id, tenant)
    const reason = new EventStoreError.Conflict({ stream, expected: "exists", actual: 0 })
    return yield* new Aggregate.ExecutionError({ aggregate: name, id, reason })
  })

  const expectedOf = ({ id, match }: Asked): Effect.Effect<number | undefined, Problem> =>
    match === undefined || (match !== "exists" && match.length === 1)
      ? Effect.succeed(match?.[0])
      : Effect.mapError(versionOf(id, match), (error) => problems.ofExecution(error, { matches: true }))

  /** Never the bare key: whoever guesses it would get the outcome of another. */
  const commitIdOf = ({ id, key }: Asked): Effect.Effect<CommitId.CommitId | undefined> =>
    key === undefined
      ? Effect.succeed(undefined)
      : Effect.flatMap(Metadata.Current, ({ actor = "", tenant }) => CommitId.derive(tenant, actor, name, id, key))

  /** Looked at in one go: an effect each takes longer than the looking. */
  const askedOf = (request: Incoming): Exit.Exit<Asked, Problem> => {
    const id = idOf(request)
    if (Exit.isFailure(id)) return Exit.failCause(id.cause)
    const parameters = incoming.parameters(request, () => false, "none")
    if (Exit.isFailure(parameters)) return Exit.failCause(parameters.cause)
    const match = incoming.match(request)
    if (Exit.isFailure(match)) return Exit.failCause(match.cause)
    return Exit.map(incoming.idempotencyKey(request), (key) => ({ id: id.value, match: match.value, key }))
  }

  const execute = (asked: Asked, command: Aggregate.CommandOf<Aggregate.Any>) =>
    Effect.flatMap(
      expectedOf(asked),
      (expected) =>
        Effect.flatMap(commitIdOf(asked), (commitId) =>
          Effect.mapError(running.execute(asked.id, command, { commitId, expected }), (error) =>
            // A rejection is whatever the user declares, but no error of ours.
            (error as unknown) instanceof Aggregate.ExecutionError
              ? problems.ofExecution(error, { matches: asked.match !== undefined, key: asked.key !== undefined })
              : rejected(error)))
    )

  const answer = (executed: Aggregate.Executed<unknown, unknown>): HttpServerResponse.HttpServerResponse => {
    const receipt = Option.getOrNull(executed.receipt)
    const body = content.executed.encode({ ...executed, receipt })
    return json(JSON.stringify(body), {
      etag: `"${executed.version}"`,
      ...(receipt !== null && {
        "varve-position": codecs.encodePlace({ storeId: receipt.storeId, position: receipt.last })
      }),
      ...(receipt?.replayed === true && { "idempotency-replayed": "true" })
    })
  }

  const command = (tag: string): Handler => {
    const codec = content.commands.get(tag)!
    const read = (body: unknown): Exit.Exit<Aggregate.CommandOf<Aggregate.Any>, Problem> => {
      if (typeof body !== "object" || body === null || Array.isArray(body)) {
        return Exit.fail(problems.badPart(["body"], `an object, the payload of ${tag}`))
      }
      const decoded = codec.decode({ ...body, _tag: tag })
      return Result.isFailure(decoded)
        ? Exit.fail(problems.badRequest(["body"], decoded.failure))
        // The codec is that of the command.
        : Exit.succeed(decoded.success as Aggregate.CommandOf<Aggregate.Any>)
    }
    return (request) =>
      Effect.suspend(() => {
        const asked = askedOf(request)
        if (Exit.isFailure(asked)) return Exit.failCause(asked.cause)
        return incoming.body(request, bodyBytes).pipe(
          Effect.flatMap((body) => {
            const decoded = read(body ?? {})
            return Exit.isFailure(decoded) ? Exit.failCause(decoded.cause) : execute(asked.value, decoded.value)
          }),
          // As with bodies: what was executed in one turn is answered behind all of it, which takes less.
          Effect.flatMap((executed) => Effect.map(Effect.yieldNow, () => answer(executed)))
        )
      })
  }

  return { load, history, command }
}
