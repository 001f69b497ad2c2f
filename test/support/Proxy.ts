/**
 * A TCP proxy in front of a database that can lose what the database answers.
 */
import { Effect, type Scope } from "effect"
import * as net from "node:net"

export interface Proxy {
  /** The URL of the database, by way of the proxy. */
  readonly url: string
  /** From now on the connection is cut at the first answer, which is lost: the request has been carried out. */
  readonly cutAnswers: Effect.Effect<void>
  /** Answers pass again. */
  readonly restore: Effect.Effect<void>
  /** Cuts every connection. New ones are let in. */
  readonly cut: Effect.Effect<void>
  /** Cuts every connection and lets none in. */
  readonly close: Effect.Effect<void>
}

export const make = (url: string): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly proxy: Proxy; readonly stop: () => void }>((resume) => {
      const target = new URL(url)
      const sockets = new Set<net.Socket>()
      let cut = false
      const server = net.createServer((client) => {
        const database = net.connect({ host: target.hostname, port: Number(target.port) })
        const end = () => {
          client.destroy()
          database.destroy()
          sockets.delete(client)
        }
        sockets.add(client)
        client.on("data", (chunk) => database.write(chunk))
        database.on("data", (chunk) => cut ? end() : client.write(chunk))
        for (const socket of [client, database]) socket.on("error", end).on("close", end)
      })
      const drop = () => {
        for (const socket of sockets) socket.destroy()
      }
      const stop = () => {
        server.close()
        drop()
      }
      server.listen(0, "127.0.0.1", () => {
        const through = new URL(url)
        through.hostname = "127.0.0.1"
        through.port = `${(server.address() as net.AddressInfo).port}`
        const set = (value: boolean) => Effect.sync(() => void (cut = value))
        resume(
          Effect.succeed({
            proxy: {
              url: through.href,
              cutAnswers: set(true),
              restore: set(false),
              cut: Effect.sync(drop),
              close: Effect.sync(stop)
            },
            stop
          })
        )
      })
    }),
    ({ stop }) => Effect.sync(stop)
  ).pipe(Effect.map(({ proxy }) => proxy))
