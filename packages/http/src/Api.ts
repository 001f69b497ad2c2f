/**
 * Derives an HTTP API from a domain: an endpoint for every command, every instance and every read model.
 *
 * @since 0.1.0
 */
import { type Aggregate, type Domain, Metadata, type Projection } from "@varve/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiError from "effect/http-api/HttpApiError"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import type * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import type * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
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
export type Parts<D extends Domain.Any> =
  | Aggregate.Instances<D["aggregates"][number]["tag"]>
  | Projection.Rows<D["projections"][number]["tag"]>

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
  /** Where the OpenAPI document is, behind the prefix: nowhere unless told. */
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
 * Who does it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Actor {
  readonly id: string
  readonly roles: ReadonlyArray<string>
}

/**
 * Derives the API of a domain.
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
 * Provides a security middleware by what the credentials say of the actor. Whoever it is does what follows: the id is stamped
 * on every event.
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
    ) => Effect.Effect<Actor, Unauthenticated, R>
  }
): Layer.Layer<Self, never, R> =>
  Layer.effect(
    middleware,
    Effect.contextWith((context: Context.Context<R>) =>
      Effect.succeed(Object.fromEntries(
        Object.entries<(credential: never) => Effect.Effect<Actor, Unauthenticated, R>>(authenticate).map((
          [name, check]
        ) => [
          name,
          (
            httpEffect: Effect.Effect<HttpServerResponse.HttpServerResponse>,
            { credential }: { readonly credential: never }
          ) =>
            Effect.flatMap(
              Effect.provideContext(check(credential), context),
              ({ id }) => Metadata.provide({ actor: id })(httpEffect)
            )
        ])
      ))
    )
  )
