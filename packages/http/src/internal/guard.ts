import { Aggregate, Metadata, Policy } from "@varve/core"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as problems from "./problems.ts"
import type { Problem } from "./problems.ts"

/** Who may enter, and for whom. */
export interface Guard {
  readonly security?: Context.Key<unknown, unknown> | undefined
  readonly tenant?:
    | ((circumstances: { readonly request: HttpServerRequest; readonly actor: string | undefined }) => string)
    | undefined
}

type Response = HttpServerResponse.HttpServerResponse

/** The tenant of a request, around what is done for it. */
const forTenant = <E, R>(
  { tenant }: Guard,
  self: Effect.Effect<Response, E, R>
): Effect.Effect<Response, E, R | HttpServerRequest> =>
  tenant === undefined ? self : Effect.gen(function*() {
    const request = yield* HttpServerRequest
    const { actor } = yield* Metadata.Current
    return yield* Metadata.provide({ tenant: tenant({ request, actor }) })(self)
  })

/** Every end as a response: a problem that is known, or one that says nothing and is logged. */
const respond = <R>(self: Effect.Effect<Response, Problem, R>): Effect.Effect<Response, never, R> =>
  Effect.catchCause(self, (cause) => {
    if (Cause.hasInterrupts(cause)) return Effect.failCause(cause as Cause.Cause<never>)
    const problem = cause.reasons.find((reason) => reason._tag === "Fail")?.error
    if (problem !== undefined) return Effect.succeed(problems.toResponse(problem))
    return Effect.as(
      Effect.logError("A request has failed", cause),
      problems.toResponse(problems.make("Defect", undefined))
    )
  })

/** What our own code asks its surroundings for. */
const references = [Metadata.Current, Policy.Current, Policy.CurrentActor, Aggregate.Attempts] as const

/**
 * What was set of it when the routes were made holds for every request. Nothing else is kept: all else is of the server,
 * and to merge the services of two contexts takes as long as a short command.
 */
const keepReferences = Effect.contextWith((context: Context.Context<never>) => {
  const set = references.filter(({ key }) => context.mapUnsafe.has(key))
  const kept = Context.pick(...set)(context)
  return Effect.succeed(<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    set.length === 0 ? self : Effect.provideContext(self, kept)
  )
})

/** Puts the tenant around a handler that lets everybody enter. */
export const open = (
  guard: Guard
): Effect.Effect<
  <R>(handler: Effect.Effect<Response, Problem, R>) => Effect.Effect<Response, never, R | HttpServerRequest>
> => Effect.map(keepReferences, (keep) => (handler) => keep(respond(forTenant(guard, handler))))

/**
 * Puts security and tenant around a handler. The middleware is effect's own, and is run as effect runs it: with the
 * credentials of the request, and with the endpoint and the group that it guards.
 */
export const make = <R>(
  guard: Guard,
  described: { readonly group: string; readonly endpoint: Pick<HttpApiEndpoint.Top, "identifier" | "method" | "path"> },
  handler: Effect.Effect<Response, Problem, R>
): Effect.Effect<Effect.Effect<Response, never, R | HttpServerRequest>, never, never> => {
  const { security } = guard
  if (security === undefined) return Effect.map(open(guard), (around) => around(handler))
  const { identifier, method, path } = described.endpoint
  // The contents are read by the handler, so the endpoint that is guarded has none.
  const bare = HttpApiEndpoint.make(method)(identifier, path as `/${string}`).middleware(security as never)
  const group = HttpApiGroup.make(described.group).add(bare)
  const api = HttpApi.make("Guarded").add(group)
  const answered = respond(forTenant(guard, handler))
  const made = HttpApiBuilder.endpoint(api, described.group, identifier, (() => answered) as never)
  // What it requires is of the middleware, which is in the context of the layer.
  return made as unknown as Effect.Effect<Effect.Effect<Response, never, R | HttpServerRequest>>
}
