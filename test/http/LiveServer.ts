/** A server of live rows on loopback, which can be killed and started again over the same store. */
import { NodeHttpServer } from "@effect/platform-node"
import { Domain, Projection } from "@varve/core"
import { Api, Client, Live, LiveApi } from "@varve/http"
import { Context, Effect, Layer, Schema } from "effect"
import { FetchHttpClient, HttpRouter } from "effect/http"
import type { Server } from "node:http"
import { below, modes, Placed, Shop } from "../core/Orders.ts"
import * as Loopback from "./Loopback.ts"

/** Rows that are larger than the events that they are of. */
export class Letters
  extends Projection.make("Letters", { row: Schema.Struct({ text: Schema.String }), events: [Placed] }).fold({
    on: { Placed: (_, { cents, customer }) => ({ text: customer.repeat(cents) }) }
  })
{}

const { aggregates, projections } = Shop
export const Post = Domain.make("Post", { aggregates, projections: [...projections, Letters] })
export const paths = { Order: "order-streams" }
const api = Api.make(Post, { paths })

/** How it serves. */
export interface Serving {
  readonly routes?: Layer.Layer<never, never, HttpRouter.HttpRouter | Live.Live>
  /** Largest message of a WebSocket that it reads, in bytes. */
  readonly maxPayload?: number
}

/** The store, and the rows in it. */
export const world = Layer.provideMerge(Layer.merge(modes.async, Letters.layerAsync), below)

const serving = (server: Server, port: number, options: Live.Options | undefined, how: Serving) =>
  Live.closeFirst(
    HttpRouter.serve(how.routes ?? LiveApi.layer(api), { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide(
        NodeHttpServer.layer(() => server, {
          port,
          host: "127.0.0.1",
          ...(how.maxPayload !== undefined && { websocket: { maxPayload: how.maxPayload } })
        })
      )
    )
  ).pipe(Layer.provideMerge(Live.layer(Post, options)))

/** A server that is there until the scope closes. */
export const make = Effect.fnUntraced(function*(options?: Live.Options, how: Serving = {}) {
  const server = yield* Loopback.make((server, port) => serving(server, port, options, how))
  const { context, url } = server
  return {
    ...server,
    status: Effect.suspend(() => Context.get(context(), Live.Live).status),
    client: Client.layer(Post, { url, paths }).pipe(Layer.provide(FetchHttpClient.layer))
  }
})
