/**
 * Commands of the bank over HTTP, beside the same in the process, and beside a handler of effect that reads a body and
 * answers one: what HTTP adds to a command is at most one and a half times what such a handler takes.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { CommitId, EventStore, Upcaster } from "@varve/core"
import { Bank } from "@varve/example-bank/Bank"
import { BankAccount } from "@varve/example-bank/BankAccount"
import { Api } from "@varve/http"
import { Effect, Layer, ManagedRuntime } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { connect, type Socket } from "node:net"
import * as bank from "./frame/bank.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import { interleave, type Sample, type Series } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"
import { callers } from "./frame/store.ts"

const target = { atMost: 1.5 }

const concurrent = 16

/** Rounds of each that are not counted: a server and its callers get faster for some 5 s, a bare handler among them. */
const warmUps = 12

/** As long as what a command is answered with. */
const bareAnswer = { text: "x".repeat(380) }

const bare = HttpRouter.add(
  "POST",
  "/bare/:id",
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) => Effect.map(request.json, () => HttpServerResponse.jsonUnsafe(bareAnswer))
  )
)

const parts = Bank.layer().pipe(Layer.provide(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer())))

const serve = Layer.mergeAll(Api.make(Bank).layer, bare).pipe(
  (routes) => HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }),
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
  Layer.provideMerge(parts)
)

/** A connection that sends one request after the other: no more than it takes, so that what is measured is the server. */
class Connection {
  private readonly socket: Socket
  private read = ""
  private answered: (status: number) => void = () => {}
  private lost: (error: Error) => void = () => {}

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1").setNoDelay(true).setEncoding("latin1")
    this.socket.on("data", (text) => this.take(String(text)))
    this.socket.on("error", (error) => this.lost(error))
  }

  private take(text: string): void {
    this.read += text
    const end = this.read.indexOf("\r\n\r\n")
    if (end < 0) return
    const length = Number(/content-length: (\d+)/i.exec(this.read)?.[1] ?? 0)
    if (this.read.length < end + 4 + length) return
    const status = Number(this.read.slice(9, 12))
    this.read = ""
    this.answered(status)
  }

  post(path: string, body: string, headers = ""): Promise<number> {
    return new Promise((resolve, reject) => {
      this.answered = resolve
      this.lost = reject
      this.socket.write(
        `POST ${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n${headers}`
          + `content-length: ${body.length}\r\n\r\n${body}`
      )
    })
  }

  close(): void {
    this.socket.destroy()
  }
}

const requests = bank.plainCommands.map(({ data, type }) => ({ path: type.toLowerCase(), body: JSON.stringify(data) }))

let accounts = 0

/** Callers with a connection each, that send every account its commands. */
const overHttp = (port: number, seconds: number, kind: "bare" | "commands" | "keyed") =>
  callers(concurrent, seconds, (going, record) =>
    Effect.promise(async () => {
      const connection = new Connection(port)
      try {
        while (going()) {
          const account = `over-${kind}-${accounts++}`
          for (const [i, { body, path }] of requests.entries()) {
            if (!going()) return
            const from = performance.now()
            const where = kind === "bare" ? `/bare/${account}` : `/bank-accounts/${account}/${path}`
            const status = await connection.post(
              where,
              body,
              kind === "keyed" ? `idempotency-key: ${account}-${i}\r\n` : ""
            )
            if (status !== 200) throw new Error(`${where}: status ${status}`)
            record(from)
          }
        }
      } finally {
        connection.close()
      }
    }))

/** The same in the process, with a commit id each. */
const withCommitId = (seconds: number) =>
  callers(concurrent, seconds, (going, record) =>
    Effect.gen(function*() {
      while (going()) {
        const id = BankAccount.id.make(`keyed-${accounts++}`)
        for (const command of bank.commands) {
          if (!going()) return
          const from = performance.now()
          yield* BankAccount.execute(id, command, { commitId: CommitId.generateUnsafe() })
          record(from)
        }
      }
    }))

/** What HTTP alone takes of a command, as a rate, round by round. */
const around = (name: string, whole: Series, execute: Series): Series => ({
  name,
  unit: "commands/s",
  samples: whole.samples.map(({ value }, i): Sample => ({ value: 1 / (1 / value - 1 / execute.samples[i]!.value) }))
})

/** One round: on a server and a store of its own, so that no round has to do with what those before it have stored. */
const roundOf = (use: (port: number) => Effect.Effect<Required<Sample>, unknown, Services>) => async () => {
  const runtime = ManagedRuntime.make(serve)
  try {
    return await runtime.runPromise(Effect.flatMap(HttpServer.HttpServer, ({ address }) => {
      if (address._tag === "UnixPathAddress") throw new Error(`listens on ${address._tag}`)
      return use(address.port)
    }))
  } finally {
    await runtime.dispose()
  }
}

type Services = Layer.Success<typeof parts>

const run = async ({ rounds = 35, seconds = 0.4 }: Settings, report: Report): Promise<void> => {
  report.condition(
    `${rounds} rounds in turn of ${seconds} s behind ${warmUps} to warm up, medians; ${concurrent} connections on loopback, events in memory`
  )
  report.condition("the callers are in the process of the server, and write and read bare sockets")
  const unit = "commands/s" as const
  const http = (kind: "bare" | "commands" | "keyed") => roundOf((port) => overHttp(port, seconds, kind))
  const results = await interleave([
    { name: "in the process", unit, round: roundOf(() => bank.execute(concurrent, seconds)) },
    { name: "in the process, with a commit id", unit, round: roundOf(() => withCommitId(seconds)) },
    { name: "a bare handler", unit, round: http("bare") },
    { name: "over HTTP", unit, round: http("commands") },
    { name: "over HTTP, with a key", unit, round: http("keyed") }
  ], { rounds, warmUps, onRound: report.onRound(rounds) })
  for (const series of Object.values(results)) report.measure(`${concurrent} callers at a time`, series)
  const handler = results["a bare handler"]
  const alone = around("HTTP around a command", results["over HTTP"], results["in the process"])
  const keyed = around(
    "HTTP around one with a key",
    results["over HTTP, with a key"],
    results["in the process, with a commit id"]
  )
  report.ratio("time that HTTP adds to a command, to a bare handler", handler, alone, target)
  report.ratio("the same with an idempotency key", handler, keyed, target)
}

export const bench: Bench = { about: "commands a second over HTTP, to a bare handler of effect", run }
