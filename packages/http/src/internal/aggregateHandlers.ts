import { Aggregate, CommitId, type Instances, Metadata } from "@varve/core"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Limits from "../Limits.ts"
import * as codecs from "./codecs.ts"
import * as incoming from "./incoming.ts"
import type { Incoming } from "./incoming.ts"
import * as problems from "./problems.ts"
import type { Problem } from "./problems.ts"

/** What an endpoint does: its response, or the problem that stands in its way. */
export type Handler = (request: Incoming) => Effect.Effect<HttpServerResponse.HttpServerResponse, Problem>

/** JSON text as a response. */
export const json = (text: string, headers?: { readonly [name: string]: string }) =>
  HttpServerResponse.text(text, { contentType: "application/json", headers })

/** A page of a stream that is read from its beginning: what is behind `after` entries. */
export const pageOf = <A, E>(
  entries: Stream.Stream<A, E>,
  after: number,
  limit: number,
  encode: (entry: A) => unknown
): Effect.Effect<string, E> =>
  Effect.suspend(() => {
    const texts: Array<string> = []
    let characters = 0
    let more = false
    return entries.pipe(
      Stream.drop(after),
      Stream.runForEachWhile((entry) =>
        Effect.sync(() => {
          if (texts.length === limit || characters > Limits.charactersPerPage) {
            more = true
            return false
          }
          const text = JSON.stringify(encode(entry))
          characters += text.length
          texts.push(text)
          return true
        })
      ),
      Effect.map(() => `{"history":[${texts.join(",")}],"next":${more ? after + texts.length : "null"}}`)
    )
  })

/** Which page of a history is asked for. */
export const pageParameters = Effect.fnUntraced(function*(query: ReadonlyMap<string, string>) {
  const after = (yield* incoming.int(["query", "after"], query.get("after"), 0, Number.MAX_SAFE_INTEGER)) ?? 0
  const limit = yield* incoming.int(["query", "limit"], query.get("limit"), 1, Limits.entriesPerPage)
  return { after, limit: limit ?? Limits.entriesPerPageDefault }
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

  const idOf = ({ rest: [segment = ""] }: Incoming): Effect.Effect<string, Problem> =>
    Effect.flatMap(incoming.text(segment, "id"), (id) => {
      const found = content.id(id)
      return Result.isSuccess(found)
        ? Effect.succeed(id)
        : Effect.fail(problems.badRequest(["path", "id"], found.failure))
    })

  const load: Handler = Effect.fnUntraced(function*(request) {
    const id = yield* idOf(request)
    const query = yield* incoming.parameters(request, (name) => name === "at", "at")
    const at = yield* incoming.instanceAt(query.get("at"))
    const loaded = yield* Effect.mapError(running.load(id, at), (error) => problems.ofExecution(error))
    return json(JSON.stringify(content.loaded.encode(loaded)), { etag: `"${loaded.version}"` })
  })

  const history: Handler = Effect.fnUntraced(function*(request) {
    const id = yield* idOf(request)
    const known = ["after", "limit"]
    const query = yield* incoming.parameters(request, (name) => known.includes(name), known.join(", "))
    const { after, limit } = yield* pageParameters(query)
    const page = pageOf(running.history(id), after, limit, content.evolved.encode)
    return json(yield* Effect.mapError(page, (error) => problems.ofExecution(error)))
  })

  const command = (tag: string): Handler => {
    const codec = content.commands.get(tag)!
    const read = Effect.fnUntraced(function*(request: Incoming) {
      const body = (yield* incoming.body(request, bodyBytes)) ?? {}
      if (typeof body !== "object" || body === null || Array.isArray(body)) {
        return yield* Effect.fail(problems.badPart(["body"], `an object, the payload of ${tag}`))
      }
      const decoded = codec.decode({ ...body, _tag: tag })
      if (Result.isFailure(decoded)) return yield* Effect.fail(problems.badRequest(["body"], decoded.failure))
      // The codec is that of the command.
      return decoded.success as Aggregate.CommandOf<Aggregate.Any>
    })
    return Effect.fnUntraced(function*(request) {
      const id = yield* idOf(request)
      yield* incoming.parameters(request, () => false, "none")
      const expected = yield* incoming.expected(request)
      const key = yield* incoming.idempotencyKey(request)
      const decoded = yield* read(request)
      const { actor = "", tenant } = yield* Metadata.Current
      // Never the bare key: whoever guesses it would get the outcome of another.
      const commitId = key === undefined ? undefined : yield* CommitId.derive(tenant, actor, name, id, key)
      const executed = yield* Effect.mapError(
        running.execute(id, decoded, { commitId, expected }),
        (error) =>
          // A rejection is whatever the user declares, but no error of ours.
          (error as unknown) instanceof Aggregate.ExecutionError
            ? problems.ofExecution(error, { expected, key: key !== undefined })
            : rejected(error)
      )
      const receipt = Option.getOrNull(executed.receipt)
      const body = content.executed.encode({ ...executed, receipt })
      return json(JSON.stringify(body), {
        etag: `"${executed.version}"`,
        ...(receipt !== null && {
          "varve-position": codecs.encodePlace({ storeId: receipt.storeId, position: receipt.last })
        }),
        ...(receipt?.replayed === true && { "idempotency-replayed": "true" })
      })
    })
  }

  return { load, history, command }
}
