/**
 * Derives an HTTP API from a domain: an endpoint for every command, every instance and every read model.
 *
 * **Details**
 *
 * Of an aggregate, `BankAccount`, and of a projection, `Balances`:
 *
 * | request | answer |
 * | --- | --- |
 * | `POST /bank-accounts/{id}/withdraw` | executes a command; the body is its payload |
 * | `GET /bank-accounts/{id}?at=` | state and version, now or in the past |
 * | `GET /bank-accounts/{id}/history` | every event, with the state after it; paged |
 * | `GET /balances/{key}?at=` | a row, now or in the past |
 * | `GET /balances?index=&where.field=&from=&to=&limit=&direction=&cursor=&at=` | a page of rows |
 * | `GET /balances/{key}/history` | every event that touched a row, with the row after it; paged |
 * | `GET /count/balances?index=…` | how many rows |
 * | `POST /many/balances` | the rows under `keys` |
 * | `GET /caught-up/balances` | waits until the rows have seen what is stored now |
 *
 * An id or a key is one segment, percent-encoded. What is `.`, `..`, or begins with `~` has another `~` before it.
 *
 * `at` is `version:7` (of an instance), `position:12`, `recordedAt:2026-01-31T12:00:00Z` or `occurredAt:…`.
 *
 * A command takes `If-Match: "7"`, the version it expects, and `Idempotency-Key`, which makes it idempotent for ever: its
 * commit id is derived from tenant, actor, aggregate, id and key. It answers with `ETag: "8"`, the version, with
 * `Varve-Position`, where its events are, and with `Idempotency-Replayed: true` where the outcome is an earlier one. A read
 * takes `Varve-Position` back as `Varve-After`, and waits for it, `Varve-Wait` milliseconds at the most.
 *
 * `If-Match: "7", "8"` expects one of several versions, `If-Match: *` that there are events at all. Both read the instance
 * first, which the actor must be allowed to.
 *
 * A page of a history is what is behind `after`, the `next` of the page before: for an instance a version, whose page reads
 * what it holds and one event more; for a row a number of entries, whose page reads from the start, `events` at the most.
 *
 * What does not succeed is a problem (RFC 9457), whose type is `urn:varve:` and a kind. With the reasons of core comes the
 * `error`, with a rejection the `rejection`, both encoded by their schemas.
 *
 * | status | kind | when |
 * | --- | --- | --- |
 * | 400 | `BadRequest` | a part of the request does not fit its schema, or is not UTF-8; `errors` has every path |
 * | 400 | `Refused` | beyond a limit, against a rule of the store, or a receipt of another store |
 * | 401 | `Unauthenticated` | credentials are missing, or not known |
 * | 403 | `Forbidden` | the policy does not let the actor do it |
 * | 404 | `NoEndpoint`, `NoRow` | there is no such command, or no row under the key |
 * | 405 | `NoMethod` | `Allow` says which there are |
 * | 409 | `Conflict` | other processes were faster, again and again |
 * | 412 | `Precondition` | the instance is at no version of `If-Match` |
 * | 413 | `TooLarge` | the body is larger than `limitBytes` |
 * | 415 | `NoMediaType` | the body is not `application/json` |
 * | 422 | `rejection:…` | the business says no; `httpApiStatus` on the schema of a rejection says another status |
 * | 422 | `KeyReused` | the idempotency key stands for another command |
 * | 422 | `TooManyEvents` | the past that is asked for is too long |
 * | 500 | `Unreadable`, `Defect` | the server cannot read an event, or has failed; the log says more than the answer |
 * | 503 | `Unavailable` | nothing was written; `Retry-After` |
 * | 504 | `OutcomeUnknown` | the acknowledgement is lost: send it again with the same key |
 * | 504 | `Behind` | the rows, or the store, have not come to `Varve-After` in time, as where it is in the future |
 *
 * An instance without events is no error: its state is the one before any event, its version 0.
 *
 * @since 0.1.0
 */
import { type Domain, Policy } from "@varve/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiError from "effect/http-api/HttpApiError"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import type * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import type * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as describe from "./internal/describe.ts"
import type { Guard } from "./internal/guard.ts"
import * as partPaths from "./internal/paths.ts"
import * as problems from "./internal/problems.ts"
import * as serve from "./internal/serve.ts"
import * as Limits from "./Limits.ts"
import type { Paths } from "./Paths.ts"

/**
 * What the layer of an API asks for: the instances and the rows of the parts of its domain.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Parts<D extends Domain.Any> = Domain.Provided<D["aggregates"], D["projections"]>

/**
 * How an API is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<Security extends HttpApiMiddleware.AnyId = never> extends Paths {
  /** In front of every path: `/api`. */
  readonly prefix?: `/${string}` | undefined
  /**
   * Endpoints to leave out, by part: `{ BankAccount: ["Open", "history"] }`. Those of an aggregate are called as its
   * commands, `load` and `history`, those of a projection as the calls that they serve.
   */
  readonly without?: { readonly [part: string]: ReadonlyArray<string> } | undefined
  /** Effect's security middleware, around every endpoint. Without it everybody may enter, as nobody. */
  readonly security?: Context.Key<Security, unknown> | undefined
  /** The tenant of a request: `""` unless told. */
  readonly tenant?:
    | ((circumstances: { readonly request: HttpServerRequest; readonly actor: string | undefined }) => string)
    | undefined
  /** Largest body of a command, in bytes: `Limits.bodyBytesDefault` unless told. */
  readonly bodyBytes?: number | undefined
  /**
   * Where the OpenAPI document is, behind the prefix: nowhere unless told. Whoever asks gets it, also where there is
   * `security`: to guard it, add a route of your own that answers `OpenApi.fromApi(api.httpApi)`.
   */
  readonly openapiPath?: `/${string}` | undefined
}

/**
 * An API of a domain.
 *
 * @category models
 * @since 0.1.0
 */
export interface Api<D extends Domain.Any, Security extends HttpApiMiddleware.AnyId = never> {
  readonly domain: D
  /**
   * The API as effect describes it: for `OpenApi.fromApi`, the pages `HttpApiScalar.layer` and `HttpApiSwagger.layer`, and
   * `addHttpApi` of the application's own.
   */
  readonly httpApi: HttpApi.HttpApi<D["name"], HttpApiGroup.Top>
  /** For modules that serve more of the domain in the same way: where its parts are, and who may enter. */
  readonly "~internal": {
    readonly paths: ReadonlyMap<string, partPaths.PartPath>
    readonly guard: Guard
    readonly prefix: string
  }
  /** Adds the routes to the router. */
  readonly layer: Layer.Layer<never, never, HttpRouter.HttpRouter | Parts<D> | Security>
}

/**
 * Who asks has no credentials, or wrong ones.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unauthenticated extends HttpApiError.Problem<Unauthenticated>()("Unauthenticated", {
  type: problems.typeOf("Unauthenticated"),
  status: 401,
  title: problems.kinds.Unauthenticated[1]
}) {}

/**
 * Derives the API of a domain.
 *
 * **Details**
 *
 * `layer` adds its routes to effect's router: to be served by `HttpRouter.serve` of any platform, or to become a fetch
 * handler by `HttpRouter.toWebHandler`. Routes of the application live beside them, and are asked first where they say more
 * of a path: `/bank-accounts/:id/withdraw` of its own takes the place of the derived one.
 *
 * **Gotchas**
 *
 * Without `security` everybody may do everything, as nobody, and all share one set of idempotency keys.
 *
 * **Example** (A fetch handler)
 *
 * ```ts
 * import { EventStore, Upcaster } from "@varve/core"
 * import { Bank } from "@varve/example-bank/Bank"
 * import { Api } from "@varve/http"
 * import { Layer } from "effect"
 * import { HttpRouter } from "effect/http"
 *
 * const api = Api.make(Bank, { paths: { BankAccount: "accounts" } })
 *
 * const bank = Layer.provide(Bank.layer(), [EventStore.layerMemory, Upcaster.layer()])
 * const { handler } = HttpRouter.toWebHandler(Layer.provide(api.layer, bank), { disableLogger: true })
 *
 * const post = (path: string, payload: object) =>
 *   handler(
 *     new Request(`http://bank.example/${path}`, {
 *       method: "POST",
 *       body: JSON.stringify(payload),
 *       headers: { "content-type": "application/json" }
 *     })
 *   )
 *
 * const program = async () => {
 *   const opened = await post("accounts/ada/open", { owner: "Ada", currency: "EUR" })
 *   const rejected = await post("accounts/ada/withdraw", { cents: 100, currency: "EUR" })
 *   return [opened.status, opened.headers.get("etag"), rejected.status]
 * }
 *
 * program() // => [200, '"1"', 422]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const D extends Domain.Any, Security extends HttpApiMiddleware.AnyId = never>(
  domain: D,
  options: Options<Security> = {}
): Api<D, Security> => {
  const { bodyBytes = Limits.bodyBytesDefault, openapiPath, prefix, security, tenant, without = {} } = options
  const paths = partPaths.make(domain, options)
  const left = new Set(Object.entries(without).flatMap(([part, names]) => names.map((name) => `${part}.${name}`)))
  const all = describe.endpointsOf(domain, paths, () => true)
  for (const name of left) {
    if (!all.some(({ identifier, part }) => `${part}.${identifier}` === name)) {
      throw new TypeError(`API of ${domain.name}, without ${name}: there is no such endpoint`)
    }
  }
  const endpoints = all.filter(({ identifier, part }) => !left.has(`${part}.${identifier}`))
  const httpApi = describe.toHttpApi<D["name"]>(domain.name, endpoints, security, prefix)
  const routes = HttpRouter.use((router) =>
    Effect.gen(function*() {
      yield* serve.addTo(router, domain, endpoints, { security, tenant, bodyBytes, prefix })
      if (openapiPath === undefined) return
      const document = HttpServerResponse.jsonUnsafe(OpenApi.fromApi(httpApi))
      yield* router.add(
        "GET",
        `${prefix === undefined || prefix === "/" ? "" : prefix}${openapiPath}` as `/${string}`,
        document
      )
    })
  )
  // The names of the parts are known by type; what a list of them requires is not.
  return {
    domain,
    httpApi,
    "~internal": { paths, guard: { security, tenant }, prefix: prefix ?? "" },
    layer: routes as never
  }
}

/**
 * Provides a security middleware by what the credentials say of the actor, who does what follows: rules judge it by the
 * actor (`Policy`), and the id is stamped on every event.
 *
 * **Gotchas**
 *
 * A browser sends a cookie whoever's page asks. A body that says to be a form is refused, but an empty one that says nothing
 * is not: give a cookie `SameSite=Lax` or `Strict`, or compare the header `Origin` with your own in a middleware, as
 * `LiveApi.layer` does for a WebSocket.
 *
 * Who follows live rows is asked for credentials when a connection is made: again within an hour (`age` of `Live.Options`).
 *
 * **Example** (Bearer tokens)
 *
 * ```ts
 * import { Api } from "@varve/http"
 * import { Effect, Redacted } from "effect"
 * import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
 *
 * class Signed extends HttpApiMiddleware.Service<Signed>()("bank/Signed", {
 *   security: { bearer: HttpApiSecurity.bearer },
 *   error: Api.Unauthenticated
 * }) {}
 *
 * // For `Api.make(Bank, { security: Signed })`.
 * const layer = Api.layerSecurity(Signed, {
 *   bearer: (token) =>
 *     Redacted.value(token) === "a secret of Ada"
 *       ? Effect.succeed({ id: "ada", roles: ["teller"] })
 *       : Effect.fail(new Api.Unauthenticated({}))
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSecurity = <
  Self,
  Security extends Record<string, HttpApiSecurity.HttpApiSecurity>,
  R = never
>(
  middleware: Context.Service<Self, unknown> & { readonly security: Security },
  authenticate: {
    readonly [K in keyof Security]: (
      credential: HttpApiSecurity.HttpApiSecurity.Type<Security[K]>
    ) => Effect.Effect<Policy.Actor, Unauthenticated, R>
  }
): Layer.Layer<Self, never, R> => {
  const challenges = challenge(Object.values(middleware.security))
  return Layer.effect(
    middleware,
    Effect.contextWith((context: Context.Context<R>) =>
      Effect.succeed(Object.fromEntries(
        Object.entries<(credential: never) => Effect.Effect<Policy.Actor, Unauthenticated, R>>(authenticate).map((
          [name, check]
        ) => [
          name,
          (
            httpEffect: Effect.Effect<HttpServerResponse.HttpServerResponse>,
            { credential }: { readonly credential: never }
          ) =>
            Effect.flatMap(
              Effect.tapError(Effect.provideContext(check(credential), context), () => challenges),
              (actor) => Policy.as(actor)(httpEffect)
            )
        ])
      ))
    )
  )
}

/** Says in an answer of 401 which credentials would do (RFC 9110, 11.6.1). A key has no name there. */
const challenge = (schemes: ReadonlyArray<HttpApiSecurity.HttpApiSecurity>) => {
  const names = schemes.flatMap((scheme) =>
    scheme._tag === "ApiKey" ? [] : scheme._tag === "Basic" ? ["Basic"] : [scheme.scheme]
  )
  return HttpEffect.appendPreResponseHandler((_, response) =>
    Effect.succeed(
      response.status === 401 && names.length > 0
        ? HttpServerResponse.setHeader(response, "www-authenticate", names.join(", "))
        : response
    )
  )
}
