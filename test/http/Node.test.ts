import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Upcaster } from "@varve/core"
import { Balances } from "@varve/example-bank/Balances"
import { Bank } from "@varve/example-bank/Bank"
import { BankAccount, Deposit, Id, Open } from "@varve/example-bank/BankAccount"
import { Api, Client } from "@varve/http"
import { Effect, Layer, Option } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { connect } from "node:net"
import * as TestServer from "../support/TestServer.ts"

const ada = Id.make("ada")
const embedded = TestServer.sharedEmbedded()

const server = HttpRouter.serve(Api.make(Bank).layer, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
  Layer.provide(Bank.layer({ Balances: "inline" })),
  Layer.provide(Layer.merge(embedded, Upcaster.layer()))
)

describe("On Node", () => {
  it.live("a client reads what it has written, over a socket, from a database", () =>
    Effect.gen(function*() {
      const { address } = yield* HttpServer.HttpServer
      assert(address._tag !== "UnixPathAddress")
      const client = Client.layer(Bank, { url: `http://127.0.0.1:${address.port}/` })
      const row = yield* Effect.gen(function*() {
        yield* BankAccount.execute(ada, Open.make({ owner: "Ada", currency: "EUR" }))
        const { receipt } = yield* BankAccount.execute(ada, Deposit.make({ cents: 5, currency: "EUR" }))
        return yield* Balances.get("ada", { after: receipt })
      }).pipe(Effect.provide(Layer.provide(client, FetchHttpClient.layer)))
      assert.deepStrictEqual(row, Option.some({ owner: "Ada", currency: "EUR" as const, cents: 5 }))
    }).pipe(Effect.provide(server)))

  it.live("a body that says to be too large is refused, and not waited for", () =>
    Effect.gen(function*() {
      const { address } = yield* HttpServer.HttpServer
      assert(address._tag !== "UnixPathAddress")
      const { port } = address
      const answer = yield* Effect.callback<string>((resume) => {
        const socket = connect(port, "127.0.0.1")
        socket.on("data", (bytes) => {
          socket.destroy()
          resume(Effect.succeed(String(bytes)))
        })
        socket.write(
          "POST /bank-accounts/ada/open HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            + "content-length: 1000000000\r\n\r\n{"
        )
        return Effect.sync(() => socket.destroy())
      })
      assert.match(answer, /^HTTP\/1\.1 413 /)
    }).pipe(Effect.provide(server)))
})
