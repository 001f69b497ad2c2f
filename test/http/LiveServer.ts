/** A server of live rows on loopback, which can be killed and started again over the same store. */
import { NodeHttpServer } from "@effect/platform-node"
import { Domain, Projection } from "@varve/core"
import { Api, Client, Live, LiveApi } from "@varve/http"
import { Effect, Exit, Layer, Schema, Scope } from "effect"
import { FetchHttpClient, HttpRouter } from "effect/http"
import { createServer, type Server } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { below, modes, Placed, Shop } from "../core/Orders.ts"

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
  const outer = yield* Effect.scope
  const sockets = new Set<Socket>()
  let connections = 0
  let port = 0
  let scope: Scope.Closeable
  let live: Live.Live["Service"]

  const start = Effect.gen(function*() {
    const server = createServer()
    server.on("connection", (socket) => {
      connections++
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    scope = yield* Scope.fork(outer)
    const context = yield* Layer.buildWithMemoMap(serving(server, port, options, how), yield* Layer.makeMemoMap, scope)
    live = yield* Effect.provide(Live.Live, context)
    port = (server.address() as AddressInfo).port
  })
  /** Cuts the connections there are. */
  const cut = Effect.sync(() => {
    for (const socket of sockets) socket.destroy()
  })
  yield* start
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    start,
    cut,
    /** Connections that there ever were. */
    connections: () => connections,
    /** Stops it as a deploy does: whoever listens is told. */
    stop: Effect.suspend(() => Scope.close(scope, Exit.void)),
    status: Effect.suspend(() => live.status),
    client: Client.layer(Post, { url, paths }).pipe(Layer.provide(FetchHttpClient.layer))
  }
})
