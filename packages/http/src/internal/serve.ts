import { type Domain, Instances, Rows } from "@varve/core"
import * as Effect from "effect/Effect"
import type * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as aggregateHandlers from "./aggregateHandlers.ts"
import type { Handler } from "./aggregateHandlers.ts"
import type { Endpoint } from "./describe.ts"
import * as guards from "./guard.ts"
import * as incoming from "./incoming.ts"
import { decodeSegment } from "./paths.ts"
import * as problems from "./problems.ts"
import * as projectionHandlers from "./projectionHandlers.ts"

type Response = HttpServerResponse.HttpServerResponse

/** What answers the endpoints of every part, by part and endpoint. */
const handlersOf = Effect.fnUntraced(function*(domain: Domain.Any, bodyBytes: number) {
  const handlers = new Map<string, ReadonlyMap<string, Handler>>()
  for (const aggregate of domain.aggregates) {
    const { command, ...reads } = aggregateHandlers.make(aggregate, yield* Instances.of(aggregate), bodyBytes)
    const commands = aggregate.commands.map(({ tag }): [string, Handler] => [tag, command(tag)])
    handlers.set(aggregate.tag, new Map([...Object.entries(reads), ...commands]))
  }
  for (const projection of domain.projections) {
    const reading = yield* Rows.of(projection)
    handlers.set(projection.tag, new Map(Object.entries(projectionHandlers.make(projection, reading))))
  }
  return handlers
})

/** Where a request goes behind the path of a part: how many segments there are, and the last one, where it is a name. */
const placeOf = (rest: ReadonlyArray<string>): string =>
  rest.length < 2 ? String(rest.length) : `${rest.length}/${rest.at(-1)}`

type Answer = (request: incoming.Incoming) => Effect.Effect<Response, never, HttpServerRequest>

/** The endpoints under one path, by place and method. */
class Endpoints {
  private readonly places = new Map<string, Map<string, Answer>>()

  add(rest: ReadonlyArray<string>, method: string, answer: Answer): void {
    const place = placeOf(rest)
    const methods = this.places.get(place) ?? new Map<string, Answer>()
    this.places.set(place, methods.set(method, answer))
  }

  answer(rest: ReadonlyArray<string>, method: string): Answer {
    const methods = this.places.get(placeOf(rest))
    if (methods === undefined) return () => Effect.succeed(problems.toResponse(problems.make("NoEndpoint", undefined)))
    // Whoever asks for the head of an answer asks the same; the server leaves the body away.
    const found = methods.get(method === "HEAD" ? "GET" : method)
    if (found !== undefined) return found
    const allow = Array.from(methods.keys()).join(", ")
    return () => Effect.succeed(problems.toResponse(problems.make("NoMethod", `Expected ${allow}`), { allow }))
  }
}

/** A handler behind its guard. */
const answerOf = (
  guard: guards.Guard,
  described: { readonly group: string; readonly endpoint: Endpoint["endpoint"] },
  handler: Handler
): Effect.Effect<Answer> =>
  guard.security === undefined
    ? Effect.map(guards.open(guard), (around): Answer => (request) => around(handler(request)))
    : Effect.map(
      guards.make(guard, described, Effect.flatMap(incoming.Current, handler)),
      (guarded): Answer => (request) => Effect.provideService(guarded, incoming.Current, request)
    )

/** What answers everything under a path of so many segments. */
const answering = (endpoints: Endpoints, depth: number) =>
  Effect.flatMap(HttpServerRequest, (request) => {
    const { query, segments } = incoming.parse(request.url)
    const rest = segments.slice(depth)
    return endpoints.answer(rest, request.method)({
      request,
      rest,
      query: query === "" ? noQuery : new URLSearchParams(query)
    })
  })

const noQuery = new URLSearchParams()

/**
 * Answers what is under one of some paths, and no path to the router, because its percent signs encode no text. No route can
 * match it, not even one for everything.
 */
const refuseUndecodable = (paths: ReadonlyArray<string>) => <E, R>(self: Effect.Effect<Response, E, R>) =>
  Effect.flatMap(HttpServerRequest, ({ url }): Effect.Effect<Response, E, R> => {
    if (!url.includes("%")) return self
    const path = `/${incoming.parse(url).segments.join("/")}`
    const isOurs = paths.some((own) => path === own || path.startsWith(`${own}/`))
    return isOurs && decodeSegment(path) === undefined
      ? Effect.succeed(problems.toResponse(problems.badPart(["path"], "UTF-8, percent-encoded")))
      : self
  })

/** Segments of a path. */
const segmentsOf = (path: string): ReadonlyArray<string> => path.split("/").filter((segment) => segment !== "")

/**
 * Adds the routes of a domain. There is one a part, with everything behind it: a parameter of a route is of 100 characters
 * at the most, and ids are longer. A route of the application that says more of a path is asked before.
 */
export const addTo = Effect.fnUntraced(function*(
  router: HttpRouter.HttpRouter,
  domain: Domain.Any,
  endpoints: ReadonlyArray<Endpoint>,
  options: guards.Guard & { readonly bodyBytes: number; readonly prefix: `/${string}` | undefined }
) {
  const { bodyBytes, prefix = "/" } = options
  const handlers = yield* handlersOf(domain, bodyBytes)
  const depth = segmentsOf(prefix).length
  const base = depth === 0 ? "" : prefix
  const routes = new Map<string, { readonly endpoints: Endpoints; readonly depth: number }>()
  for (const { endpoint, identifier, method, part, path } of endpoints) {
    const handler = handlers.get(part)!.get(identifier)!
    const answer = yield* answerOf(options, { group: part, endpoint }, handler)
    const segments = segmentsOf(path)
    const parameter = segments.findIndex((segment) => segment.startsWith(":"))
    const own = parameter < 0 ? segments : segments.slice(0, parameter)
    const key = `${base}/${own.join("/")}`
    const route = routes.get(key) ?? { endpoints: new Endpoints(), depth: depth + own.length }
    routes.set(key, route)
    route.endpoints.add(segments.slice(own.length), method, answer)
  }
  yield* router.addGlobalMiddleware(refuseUndecodable(Array.from(routes.keys())))
  for (const [path, route] of routes) {
    yield* router.add("*", `${path as `/${string}`}/*`, answering(route.endpoints, route.depth))
  }
})
