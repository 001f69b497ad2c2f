import { Limits as CoreLimits, type Projection, ProjectionError, Rows } from "@varve/core"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Limits from "../Limits.ts"
import { type Handler, json, pageParameters } from "./aggregateHandlers.ts"
import * as codecs from "./codecs.ts"
import * as historyPage from "./historyPage.ts"
import * as incoming from "./incoming.ts"
import type { Incoming } from "./incoming.ts"
import * as problems from "./problems.ts"
import type { Problem } from "./problems.ts"

const pointNames = ["at", "events"]
const rangeNames = ["index", "from", "to"]
const pagingNames = ["limit", "direction", "cursor"]

/** The query of a projection that some parameters are. */
export const queryOf = (
  projection: Projection.Any,
  query: ReadonlyMap<string, string>
): Effect.Effect<Rows.Query, Problem> =>
  Effect.gen(function*() {
    const index = query.get("index")
    const indexes = Rows.indexesOf(projection)
    // What a client names may be the name of what every object inherits.
    const fields = index !== undefined && Object.hasOwn(indexes, index) ? indexes[index]! : []
    const { field } = codecs.projection(projection)
    const value = Effect.fnUntraced(function*(name: string, parameter: string) {
      const decoded = codecs.decodeField(field(name), query.get(parameter)!)
      if (Result.isFailure(decoded)) {
        return yield* Effect.fail(problems.badRequest(["query", parameter], decoded.failure))
      }
      return decoded.success
    })
    // Without a prototype: `__proto__` is a field that is not there, and no setter that takes it in silence.
    const where: { [field: string]: unknown } = Object.create(null)
    for (const parameter of query.keys()) {
      if (!parameter.startsWith("where.")) continue
      const name = parameter.slice("where.".length)
      // A field that is not of the index is the affair of the query, which names those that are.
      where[name] = fields.includes(name) ? yield* value(name, parameter) : query.get(parameter)
    }
    const bounds: { from?: unknown; to?: unknown } = {}
    const next = fields[Object.keys(where).length]
    for (const bound of ["from", "to"] as const) {
      if (!query.has(bound)) continue
      bounds[bound] = next === undefined ? query.get(bound) : yield* value(next, bound)
    }
    const given = Object.keys(where).length > 0
    return { ...(index !== undefined && { index }), ...(given && { where }), ...bounds }
  })

/** How many events may be read for an answer: whoever asks may lower the bound of the server, not raise it. */
const eventsOf = (query: ReadonlyMap<string, string>) =>
  incoming.int(["query", "events"], query.get("events"), 1, CoreLimits.eventsPerQuestion)

/** The endpoints of a projection, whose rows somebody has. */
export const make = (projection: Projection.Any, reading: Rows.Reading<unknown>) => {
  const content = codecs.projection(projection)
  const fail = (error: ProjectionError.ProjectionError): Problem => problems.ofProjection(error)

  const keyOf = ({ rest: [segment = ""] }: Incoming) => incoming.text(segment, "key")

  const parametersOf = (request: Incoming, names: ReadonlyArray<string>, where = false) =>
    incoming.parameters(
      request,
      (name) => names.includes(name) || (where && name.startsWith("where.")),
      [...names, ...(where ? ["where.<field>"] : [])].join(", ")
    )

  const pointOf = Effect.fnUntraced(function*(query: ReadonlyMap<string, string>) {
    const at = yield* incoming.storeAt(query.get("at"))
    const limit = yield* eventsOf(query)
    return at === undefined ? undefined : reading.asOf(at, { limit })
  })

  const pagingOf = Effect.fnUntraced(function*(query: ReadonlyMap<string, string>) {
    const limit = yield* incoming.int(["query", "limit"], query.get("limit"), 1, Number.MAX_SAFE_INTEGER)
    const direction = query.get("direction")
    if (direction !== undefined && direction !== "forward" && direction !== "backward") {
      return yield* Effect.fail(problems.badPart(["query", "direction"], "forward or backward"))
    }
    const paging: Projection.Paging = { limit, direction, cursor: query.get("cursor") }
    return paging
  })

  const get: Handler = Effect.fnUntraced(function*(request) {
    const key = yield* keyOf(request)
    const point = yield* pointOf(yield* parametersOf(request, pointNames))
    const options = yield* incoming.readOptions(request)
    const row = yield* Effect.mapError(point === undefined ? reading.get(key, options) : point.get(key), fail)
    return Option.isNone(row)
      ? yield* Effect.fail(problems.make("NoRow", undefined))
      : json(JSON.stringify(content.row.encode(row.value)))
  })

  const list: Handler = Effect.fnUntraced(function*(request) {
    const query = yield* parametersOf(request, [...rangeNames, ...pagingNames, ...pointNames], true)
    const options = yield* incoming.readOptions(request)
    const point = yield* pointOf(query)
    const asked = { ...(yield* queryOf(projection, query)), ...(yield* pagingOf(query)) }
    const { next, rows } = yield* Effect.mapError(
      point === undefined ? reading.list({ ...asked, ...options }) : point.list(asked),
      fail
    )
    return json(JSON.stringify(content.listed.encode({ rows, next: Option.getOrNull(next) })))
  })

  const count: Handler = Effect.fnUntraced(function*(request) {
    const query = yield* parametersOf(request, [...rangeNames, ...pointNames], true)
    const options = yield* incoming.readOptions(request)
    const point = yield* pointOf(query)
    const asked = yield* queryOf(projection, query)
    const found = yield* Effect.mapError(
      point === undefined ? reading.count({ ...asked, ...options }) : point.count(asked),
      fail
    )
    return json(`{"count":${found}}`)
  })

  const getMany: Handler = Effect.fnUntraced(function*(request) {
    const point = yield* pointOf(yield* parametersOf(request, pointNames))
    const options = yield* incoming.readOptions(request)
    const body = codecs.keys.decode(yield* incoming.body(request, Limits.keysBytes))
    if (Result.isFailure(body)) return yield* Effect.fail(problems.badRequest(["body"], body.failure))
    const { keys } = body.success as { readonly keys: ReadonlyArray<string> }
    const found = yield* Effect.mapError(
      point === undefined ? reading.getMany(keys, options) : point.getMany(keys),
      fail
    )
    const rows = Array.from(found, ([key, row]) => ({ key, row }))
    return json(JSON.stringify(content.many.encode({ rows })))
  })

  const history: Handler = Effect.fnUntraced(function*(request) {
    const key = yield* keyOf(request)
    const query = yield* parametersOf(request, ["after", "limit", "events"])
    const { after, limit } = yield* pageParameters(query)
    const events = yield* eventsOf(query)
    const encode = ({ envelope, row, ...touch }: Projection.Touch<unknown, unknown>) =>
      content.touch.encode({
        ...touch,
        envelope: Object.fromEntries(Object.entries(envelope).filter(([, value]) => value !== undefined)),
        ...(Option.isSome(row) && { row: row.value })
      })
    // It is read from its beginning.
    const entries = Stream.drop(reading.history(key, { limit: events }), after)
    const { last, texts } = yield* Effect.mapError(historyPage.take(entries, limit, encode, () => true), fail)
    return json(historyPage.json(texts, last === undefined ? null : after + texts.length))
  })

  const whenCaughtUp: Handler = Effect.fnUntraced(function*(request) {
    yield* parametersOf(request, [])
    const wait = yield* incoming.int(
      ["headers", "varve-wait"],
      request.request.headers["varve-wait"],
      0,
      Limits.waitMillis
    )
    const options = yield* incoming.readOptions(request)
    const timeout = wait ?? Limits.waitMillisDefault
    yield* Effect.mapError(reading.whenCaughtUp({ timeout, ...options }), fail)
    return HttpServerResponse.empty({ status: 204 })
  })

  return { get, list, count, getMany, history, whenCaughtUp }
}
