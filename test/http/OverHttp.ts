/**
 * The parts of a domain, asked over HTTP, without a network: the client's requests go to the fetch handler of the API.
 */
import { type Domain, EventStore, Upcaster } from "@varve/core"
import { Api, Client } from "@varve/http"
import { Effect, Layer, type Scope } from "effect"
import { FetchHttpClient, HttpRouter } from "effect/http"

export type Fetch = (request: Request) => Promise<Response>

export const url = "http://library.test"

/** What provides the parts of a domain here, in a store in memory. */
export const here = <const D extends Domain.Any>(
  domain: D & { readonly layer: () => Layer.Layer<Api.Parts<D>, never, EventStore.EventStore | Upcaster.Upcaster> }
): Layer.Layer<Api.Parts<D>> =>
  domain.layer().pipe(Layer.provide(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer())))

/** The fetch handler of an API, until the scope closes. */
export const handler = <R>(
  routes: Layer.Layer<never, never, HttpRouter.HttpRouter | R>,
  services: Layer.Layer<R>
): Effect.Effect<Fetch, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        HttpRouter.toWebHandler(Layer.provide(routes, services) as Layer.Layer<never, never, HttpRouter.HttpRouter>, {
          disableLogger: true
        })
      ),
      ({ dispose }) => Effect.promise(dispose)
    ),
    ({ handler }) => (request) => handler(request)
  )

/** A response, its body as JSON. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: any
}

/** Sends a request to a handler: a body that is neither text nor bytes goes as JSON. */
export const send = (
  fetch: Fetch,
  method: string,
  path: string,
  { body, headers = {} }: { readonly body?: unknown; readonly headers?: Record<string, string> } = {}
): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const isText = typeof body === "string" || body instanceof Uint8Array
    const text = body === undefined ? null : isText ? body as string : JSON.stringify(body)
    const request = new Request(`${url}${path}`, {
      method,
      body: text,
      headers: { ...(text !== null && { "content-type": "application/json" }), ...headers }
    })
    const response = await fetch(request)
    const answer = await response.text()
    return { status: response.status, headers: response.headers, body: answer === "" ? undefined : JSON.parse(answer) }
  })

/** A client whose requests go to a handler. */
export const fetching = (fetch: Fetch) =>
  FetchHttpClient.layer.pipe(
    Layer.provide(
      Layer.succeed(
        FetchHttpClient.Fetch,
        ((input: string | URL, init?: RequestInit) => fetch(new Request(input, init))) as typeof globalThis.fetch
      )
    )
  )

/** What provides the parts of a domain over HTTP. */
export const there = <const D extends Domain.Any>(
  domain: D,
  parts: Layer.Layer<Api.Parts<D>>,
  options: Api.Options & Partial<Client.Options> = {}
) =>
  Layer.unwrap(
    Effect.map(
      handler(Api.make(domain, options).layer, parts),
      (fetch) => Layer.provide(Client.layer(domain, { url, ...options }), fetching(fetch))
    )
  )
