/**
 * A TCP proxy in front of a database that can lose what is sent either way, hold it up, or fall silent.
 */
import { Effect, type Scope } from "effect"
import * as net from "node:net"

/**
 * What is cut, and then the connection with it:
 *
 * - `request`: the next that the program sends, whole; `halfRequest`: behind its first half
 * - `answer`: to the next request, which has been carried out; `halfAnswer`: behind its first half
 * - `commit`: the next COMMIT; `afterCommit`: the answer to it
 */
export type Strike = typeof strikes[number]

export const strikes = ["request", "halfRequest", "answer", "halfAnswer", "commit", "afterCommit"] as const

export interface Proxy {
  /** The URL of the database, by way of the proxy. */
  readonly url: string
  /** From now on the connection is cut at the first answer, which is lost: the request has been carried out. */
  readonly cutAnswers: Effect.Effect<void>
  /** Answers pass again, and at once; whoever fell silent is cut, and new connections are let in. */
  readonly restore: Effect.Effect<void>
  /** Cuts every connection. New ones are let in. */
  readonly cut: Effect.Effect<void>
  /** Cuts every connection and lets none in. */
  readonly close: Effect.Effect<void>
  /** Cuts once, whoever is the next that it fits. One that has not struck yet is forgotten. */
  readonly strike: (strike: Strike) => Effect.Effect<void>
  /** What has struck how often. */
  readonly struck: ReadonlyMap<Strike, number>
  /** From now on everything takes so much longer, either way. */
  readonly delay: (millis: number) => Effect.Effect<void>
  /** From now on nothing passes and nobody is told, new connections included, until `restore`. */
  readonly silence: Effect.Effect<void>
  /** From now on new connections are cut at once. */
  readonly refuse: Effect.Effect<void>
}

/** Whether a request is a COMMIT: in plain text, or by the name under which the connection has prepared it. */
class Commits {
  private readonly names = new Set<string>()

  includedIn(chunk: Buffer): boolean {
    const text = chunk.toString("latin1")
    const name = /P[^]{4}([^\0]*)\0COMMIT\0/.exec(text)?.[1]
    if (name !== undefined && name !== "") this.names.add(name)
    if (text.includes("COMMIT\0")) return true
    for (const name of this.names) if (text.includes(`\0${name}\0`)) return true
    return false
  }
}

class Line {
  private readonly sockets = new Set<net.Socket>()
  private readonly silenced = new Set<() => void>()
  private readonly server: net.Server
  private armed: Strike | undefined
  private cutting = false
  private silent = false
  private refusing = false
  private delayMillis = 0
  readonly struck = new Map<Strike, number>()

  constructor(target: URL) {
    this.server = net.createServer((client) => this.join(client, target))
  }

  private take(wanted: ReadonlyArray<Strike>): Strike | undefined {
    const { armed } = this
    if (armed === undefined || !wanted.includes(armed)) return undefined
    this.armed = undefined
    this.struck.set(armed, (this.struck.get(armed) ?? 0) + 1)
    return armed
  }

  private join(client: net.Socket, target: URL): void {
    if (this.refusing) return void client.destroy()
    const database = net.connect({ host: target.hostname, port: Number(target.port), noDelay: true })
    const commits = new Commits()
    /** What is to become of the answer to what was asked last. */
    let answer: Strike | undefined
    const end = () => {
      client.destroy()
      database.destroy()
      this.sockets.delete(client)
      this.silenced.delete(end)
    }
    const send = (socket: net.Socket, chunk: Buffer) => {
      // Whoever has lost bytes is of no use any more.
      if (this.silent) this.silenced.add(end)
      if (this.silenced.has(end)) return
      if (this.delayMillis === 0) socket.write(chunk)
      else setTimeout(() => socket.writable && socket.write(chunk), this.delayMillis)
    }
    client.on("data", (chunk: Buffer) => {
      const isCommit = commits.includedIn(chunk)
      const strike = this.take(["request", "halfRequest", ...(isCommit ? ["commit"] as const : [])])
      if (strike === "halfRequest") database.write(chunk.subarray(0, chunk.length >> 1))
      if (strike !== undefined) return end()
      answer ??= this.take(["answer", "halfAnswer", ...(isCommit ? ["afterCommit"] as const : [])])
      send(database, chunk)
    })
    database.on("data", (chunk: Buffer) => {
      if (answer === "halfAnswer") return client.write(chunk.subarray(0, chunk.length >> 1), end)
      if (answer !== undefined || this.cutting) return end()
      send(client, chunk)
    })
    this.sockets.add(client)
    for (const socket of [client, database]) socket.on("error", end).on("close", end)
  }

  readonly drop = (): void => {
    for (const socket of this.sockets) socket.destroy()
  }

  readonly stop = (): void => {
    this.server.close()
    this.drop()
  }

  private restore(): void {
    this.cutting = this.silent = this.refusing = false
    this.delayMillis = 0
    for (const end of this.silenced) end()
  }

  listen(url: string, done: (proxy: Proxy) => void): void {
    this.server.listen(0, "127.0.0.1", () => {
      const through = new URL(url)
      through.hostname = "127.0.0.1"
      through.port = `${(this.server.address() as net.AddressInfo).port}`
      done({
        url: through.href,
        cutAnswers: Effect.sync(() => void (this.cutting = true)),
        restore: Effect.sync(() => this.restore()),
        cut: Effect.sync(this.drop),
        close: Effect.sync(this.stop),
        strike: (strike) => Effect.sync(() => void (this.armed = strike)),
        struck: this.struck,
        delay: (millis) => Effect.sync(() => void (this.delayMillis = millis)),
        silence: Effect.sync(() => void (this.silent = true)),
        refuse: Effect.sync(() => void (this.refusing = true))
      })
    })
  }
}

export const make = (url: string): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly proxy: Proxy; readonly line: Line }>((resume) => {
      const line = new Line(new URL(url))
      line.listen(url, (proxy) => resume(Effect.succeed({ proxy, line })))
    }),
    ({ line }) => Effect.sync(line.stop)
  ).pipe(Effect.map(({ proxy }) => proxy))
