/** The shop as a process of its own: what has happened in it is there when it is opened again over its directory. */
import { assert, describe, it } from "@effect/vitest"
import { AddToCart, Cart, CheckOut } from "@varve/example-shop/domain/Cart"
import { Order, PayOrder } from "@varve/example-shop/domain/Order"
import { Orders } from "@varve/example-shop/domain/Orders"
import { paths, prefix } from "@varve/example-shop/domain/Paths"
import { Shop } from "@varve/example-shop/domain/Shop"
import { CustomerId, OrderId, ProductId } from "@varve/example-shop/domain/Values"
import { Client } from "@varve/http"
import { Effect, Layer, Option, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Program from "../support/Program.ts"

const main = new URL("../../examples/shop/src/main.ts", import.meta.url)
const isOpen = "The shop is open: "

const ada = CustomerId.make("ada")
const order = OrderId.make("order-of-ada")
const lines = [{ product: ProductId.make("hand-lens"), quantity: 2, cents: 1_890 }] as const

/** Opens the shop over a directory, and asks it as Ada until the process has ended as it is told to. */
const during = <A, E>(
  dataDir: string,
  ask: Effect.Effect<A, E, Layer.Success<ReturnType<typeof client>>>,
  end: NodeJS.Signals
) =>
  Effect.scoped(Effect.gen(function*() {
    const program = yield* Program.start(main, ["--port", "0", "--data", dataDir])
    const said = yield* Program.hear(program, (line) => line.startsWith(isOpen))
    const answer = yield* Effect.provide(ask, client(said.at(-1)!.slice(isOpen.length)))
    process.kill(program.pid, end)
    yield* program.exit
    return answer
  }))

const client = (url: string) =>
  Client.layer(Shop, {
    url: `${url}${prefix}`,
    paths,
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(ada))
  }).pipe(Layer.provide(FetchHttpClient.layer))

/** Waits for the order to be in a state. */
const until = (status: typeof Orders.row.Type["status"]) =>
  Orders.changes(order).pipe(
    Stream.filter(({ row }) => Option.isSome(row) && row.value.status === status),
    Stream.take(1),
    Stream.runDrain
  )

describe("the shop as a process", () => {
  it.live("has what happened in it, after Ctrl+C and after a kill", () =>
    Effect.gen(function*() {
      const dataDir = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "varve-shop-"))),
        (dataDir) => Effect.sync(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }))
      )
      yield* during(
        dataDir,
        Effect.gen(function*() {
          yield* Cart.execute(ada, AddToCart.make({ product: lines[0].product, quantity: 2 }))
          yield* Cart.execute(ada, CheckOut.make({ order, lines }))
          yield* until("placed")
        }),
        "SIGINT"
      )
      yield* during(
        dataDir,
        Effect.gen(function*() {
          const found = yield* Orders.get(order)
          assert.deepInclude(Option.getOrThrow(found), { customer: ada, status: "placed", totalCents: 3_780 })
          yield* Order.execute(order, PayOrder.make({}))
        }),
        "SIGKILL"
      )
      yield* during(dataDir, until("paid"), "SIGINT")
    }).pipe(Effect.scoped), 120_000)
})
