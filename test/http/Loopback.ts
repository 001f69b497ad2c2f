/** A server on loopback, which can be stopped, started again at the same address, and cut off from whoever is connected. */
import { type Context, Effect, Exit, Layer, Scope } from "effect"
import { createServer, type Server } from "node:http"
import type { AddressInfo, Socket } from "node:net"

/** Serves what a layer serves, until the scope closes. The port is 0 at first, and then the one that it got. */
export const make = Effect.fnUntraced(function*<A, E, R>(
  serving: (server: Server, port: number) => Layer.Layer<A, E, R>
) {
  const outer = yield* Effect.scope
  const sockets = new Set<Socket>()
  let connections = 0
  let port = 0
  let scope: Scope.Closeable
  let context: Context.Context<A>

  const start = Effect.gen(function*() {
    const server = createServer()
    server.on("connection", (socket) => {
      connections++
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    scope = yield* Scope.fork(outer)
    context = yield* Layer.buildWithMemoMap(serving(server, port), yield* Layer.makeMemoMap, scope)
    port = (server.address() as AddressInfo).port
  })
  yield* start
  return {
    url: `http://127.0.0.1:${port}`,
    start,
    /** What the layer provides now. */
    context: () => context,
    /** Connections that there ever were. */
    connections: () => connections,
    /** Cuts the connections there are. */
    cut: Effect.sync(() => {
      for (const socket of sockets) socket.destroy()
    }),
    /** Stops it as a deploy does: whoever listens is told. */
    stop: Effect.suspend(() => Scope.close(scope, Exit.void))
  }
})
