/**
 * Serves live rows over HTTP: as a stream of events, and over one WebSocket for many subscriptions.
 *
 * @since 0.1.0
 */
import { type Domain, Metadata, type ProjectionError, type Rows } from "@varve/core"
import * as Effect from "effect/Effect"
import type * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Api from "./Api.ts"
import * as guards from "./internal/guard.ts"
import * as incoming from "./internal/incoming.ts"
import type * as liveFrames from "./internal/liveFrames.ts"
import * as liveSocket from "./internal/liveSocket.ts"
import * as liveSse from "./internal/liveSse.ts"
import { verbs } from "./internal/paths.ts"
import * as problems from "./internal/problems.ts"
import * as projectionHandlers from "./internal/projectionHandlers.ts"
import { Live } from "./Live.ts"

/**
 * Who may follow which rows, and from where.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Which rows whoever asks may see: a function of key and row, or `undefined` for all of them. Asked in the context of the
   * request, once a subscription. A failure denies it. A row that may not be seen is told as none.
   */
  readonly allowed?:
    | ((projection: string, of: string | Rows.Query) => Effect.Effect<
      ((key: string, row: unknown) => boolean) | undefined,
      ProjectionError.ProjectionError
    >)
    | undefined
  /**
   * The client that a connection counts for, by the bounds of `Live.Options`: the actor, or else the address that the
   * request comes from, unless told. `undefined` counts for nobody.
   */
  readonly client?:
    | ((
      circumstances: {
        readonly request: HttpServerRequest
        readonly actor: string | undefined
        readonly tenant: string
      }
    ) => string | undefined)
    | undefined
  /**
   * Pages that may open a WebSocket, by their origin, beside those of the server's own host: `["https://example.com"]`; or
   * `"any"`.
   */
  readonly origins?: ReadonlyArray<string> | "any" | undefined
}

/**
 * Adds the routes of live rows to the router, beside those of the API, under the same guard.
 *
 * **Details**
 *
 * - `GET /live/{path}/{key}`: a row, as a stream of events (SSE)
 * - `GET /live/{path}?index=…&where.field=…&from=…&to=…`: the rows of a query, as a stream of events
 * - `GET /live`: a WebSocket, on which any number of both is followed
 *
 * Events are called `row` (data `{ key, row? }`), `resync`, `level`, `heartbeat`, `end` and `failure` (data: problem
 * details); what they mean is said at `Live.Message`. Their ids are places to resume from: a client comes back with the
 * last one as `Last-Event-ID`, which a browser does by itself, or as the parameter `after`. One of another store is refused.
 *
 * Over a WebSocket a client sends `{ _tag: "Subscribe", id, projection, key? | query?, after? }` and
 * `{ _tag: "Unsubscribe", id }`, with ids of its own choice, and gets frames `{ frame, told: [{ id, type, data, at? }] }`. It
 * sends `{ _tag: "Ack", frame }` once it has taken a frame: a server has 8 of them under way, and then waits.
 *
 * A connection ends when it is an hour old (`Live.Options`): a stream of events with an `end`, a WebSocket with the code
 * 4000. A client comes back with its last position, and with the credentials that it has then. Codes from 4400 on are a
 * status behind 4000, since no page of a browser is told of the status of a handshake: 4401 where credentials are missing
 * or wrong, 4403 where the actor may not enter. Whoever does something wrong is told the problem before it is closed out:
 * with 1009, that a message is longer than `Limits.messageCharacters`.
 *
 * A browser sends cookies with a WebSocket that any page opens. One whose `Origin` is of another host than `Host`, and not
 * among `origins`, is answered with a 403 and gets none.
 *
 * **Gotchas**
 *
 * A message has been read before it is found to be too long. Say to the server what it may take at the most, with
 * `websocket: { maxPayload: Limits.messageBytes }` for `NodeHttpServer.layer`, which takes 100 MiB by itself.
 *
 * Behind a proxy all clients without an actor have its address: have effect's middleware for trusted proxies tell theirs,
 * or say in `client` who they are. One that changes `Host` makes every page one of another origin: name yours in `origins`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <D extends Domain.Any, Security extends HttpApiMiddleware.AnyId = never>(
  api: Api.Api<D, Security>,
  options: Options = {}
): Layer.Layer<never, never, HttpRouter.HttpRouter | Live | Security> =>
  // What the middleware requires is known by type; the guard, which runs it, has lost it.
  HttpRouter.use((router) => addTo(router, api as unknown as Served, options)) as never

/** What is known of an API, whatever its middleware. */
type Served = Pick<Api.Api<Domain.Any>, "domain" | "~internal">

/** Whom a connection counts for. The parts are told apart, so that no actor is called as an address. */
const clientOf: NonNullable<Options["client"]> = ({ actor, request: { remoteAddress }, tenant }) => {
  const address = Option.getOrUndefined(remoteAddress)
  return actor === undefined ? address && JSON.stringify([address]) : JSON.stringify([tenant, actor])
}

const queryNames = ["index", "from", "to"]

const isOfQuery = (name: string): boolean => queryNames.includes(name) || name.startsWith("where.")

const addTo = Effect.fnUntraced(function*(
  router: HttpRouter.HttpRouter,
  api: Served,
  { allowed = () => Effect.succeed(undefined), client = clientOf, origins = [] }: Options
) {
  const live = yield* Live
  const { domain, "~internal": { guard, paths, prefix } } = api
  const projections = new Map(domain.projections.map((projection) => [paths.get(projection.tag)!.path, projection]))

  const base = `${prefix === "/" ? "" : prefix}/${verbs.live}` as `/${string}`
  const depth = incoming.parse(base).segments.length

  const projectionOf = (path: string | undefined) => {
    const projection = projections.get(path ?? "")
    return projection === undefined ? Effect.fail(problems.make("NoEndpoint", undefined)) : Effect.succeed(projection)
  }
  const allowedOf = (projection: string, of: string | Rows.Query) =>
    Effect.mapError(allowed(projection, of), problems.ofProjection)

  const clientNow = Effect.gen(function*() {
    const request = yield* HttpServerRequest
    const { actor, tenant } = yield* Metadata.Current
    return client({ request, actor, tenant })
  })

  const events = Effect.gen(function*() {
    const request = yield* HttpServerRequest
    const { query, segments } = incoming.parse(request.url)
    const [path, segment, ...more] = segments.slice(depth)
    if (more.length > 0) return yield* Effect.fail(problems.make("NoEndpoint", undefined))
    if (request.method !== "GET") return yield* Effect.fail(problems.make("NoMethod", "Expected GET"))
    const projection = yield* projectionOf(path)
    const names = segment === undefined ? ["after", ...queryNames, "where.<field>"] : ["after"]
    const parameters = yield* incoming.parameters(
      { request, rest: [], query: new URLSearchParams(query) },
      (name) => names.includes(name) || (segment === undefined && isOfQuery(name)),
      names.join(", ")
    )
    const of = segment === undefined
      ? yield* projectionHandlers.queryOf(projection, new Map([...parameters].filter(([name]) => isOfQuery(name))))
      : yield* incoming.text(segment, "key")
    // A browser that comes back says so in a header, and still has the parameter that it began with.
    const after = request.headers["last-event-id"] || parameters.get("after")
    return yield* liveSse.respond(live, projection.tag, of, {
      after,
      allowed: yield* allowedOf(projection.tag, of),
      client: yield* clientNow
    })
  })

  const wantedOf = Effect.fnUntraced(function*({ key, projection: path, query }: typeof liveFrames.Subscribe.Type) {
    const projection = yield* projectionOf(path)
    if (key !== undefined && query !== undefined) {
      return yield* Effect.fail(problems.badPart(["query"], "a key or a query, not both"))
    }
    const { from, index, to, where = {} } = query ?? {}
    const parameters = new Map(Object.entries({ index, from, to }).filter(([, value]) => value !== undefined))
    for (const [field, value] of Object.entries(where)) parameters.set(`where.${field}`, value)
    const of = key ?? (yield* projectionHandlers.queryOf(projection, parameters as ReadonlyMap<string, string>))
    return { projection, of, allowed: yield* allowedOf(projection.tag, of) }
  })

  const socket = Effect.gen(function*() {
    const request = yield* HttpServerRequest
    return yield* liveSocket.serve(live, request, yield* clientNow, wantedOf)
  })

  const guarded = <R>(
    name: string,
    path: `/${string}`,
    handler: Effect.Effect<HttpServerResponse, problems.Problem, R>
  ) => guards.make(guard, { group: "live", endpoint: { identifier: name, method: "GET", path } }, handler)
  const answers = {
    events: yield* guarded("events", `${base}/*`, events),
    socket: liveSocket.admit(origins, yield* guarded("socket", base, socket))
  }
  // Whoever comes back to a server that closes is not to keep the connection, which the server waits for.
  const closing = problems.make("Unavailable", "The server closes")
  const gone = problems.toResponse(closing, { connection: "close" })
  const answer = Effect.flatMap(HttpServerRequest, ({ url }) =>
    // The route of what is behind a path is that of the path, too.
    incoming.parse(url).segments.length === depth ? answers.socket : answers.events)
  yield* router.add(
    "*",
    `${base}/*`,
    Effect.flatMap(live.isClosed, (isClosed) => isClosed ? Effect.succeed(gone) : answer)
  )
})
