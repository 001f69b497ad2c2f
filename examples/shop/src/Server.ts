/**
 * The shop behind an address: API, live rows and page from one server, over a PostgreSQL inside this process.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Policy, Upcaster } from "@varve/core"
import { Api, Limits, Live, LiveApi } from "@varve/http"
import { Embedded } from "@varve/postgres"
import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer, HttpServerError } from "effect/http"
import { createServer } from "node:http"
import * as Access from "./Access.ts"
import { stockUp } from "./Assortment.ts"
import { paths, prefix } from "./domain/Paths.ts"
import { Shop } from "./domain/Shop.ts"
import { Failed } from "./Failed.ts"
import * as Fulfilment from "./Fulfilment.ts"
import * as Page from "./Page.ts"

export interface Options {
  /** 0 is any that is free. */
  readonly port: number
  readonly host: string
  /** Where the events are kept: in memory, unless told. */
  readonly dataDir?: string | undefined
}

// #region shop
/** The whole shop without its address. What a customer has put in the cart is in it at once; the rest follows behind. */
const shop = ({ dataDir }: Pick<Options, "dataDir">) =>
  Layer.merge(Fulfilment.layer, Live.layer(Shop)).pipe(
    Layer.provideMerge(
      Shop.layer({
        Carts: "inline",
        Catalogue: "async",
        Orders: "async",
        PackingList: "async",
        Stock: "async",
        SalesPerDay: "async"
      })
    ),
    Layer.provideMerge(Layer.mergeAll(Embedded.layer({ dataDir }), Upcaster.layer(), Policy.layer(Access.policy)))
  )
// #endregion

// #region routes
const api = Api.make(Shop, {
  prefix,
  paths,
  security: Access.SignedIn,
  openapiPath: "/openapi.json",
  // What only the server does has no address.
  without: { Order: ["PlaceOrder", "RefuseOrder"], Product: ["ReserveStock", "ReleaseStock", "DispatchStock"] }
})

const routes = (page: ReadonlyArray<Page.File>) =>
  Layer.mergeAll(api.layer, LiveApi.layer(api), Page.layer(page)).pipe(Layer.provide(Access.layerSignedIn))
// #endregion

// #region start
/** Longest time that the start may take, in seconds: that of a new database is three or four, on a busy machine ten. */
const startSeconds = 90

/** How long requests that are under way may take when the server stops, in seconds. */
const stopSeconds = 3

const isTaken = Schema.is(Schema.Struct({ code: Schema.Literal("EADDRINUSE") }))

const failed = ({ host, port }: Options) => (error: Error): Failed => {
  if (error instanceof Failed) return error
  if (!(error instanceof HttpServerError.ServeError)) return new Failed({ message: error.message })
  return new Failed({
    message: isTaken(error.cause)
      ? `Port ${port} of ${host}: expected a free one, got one that another program uses. Take another with --port`
      : `Port ${port} of ${host}: expected one to listen on, got ${String(error.cause)}`
  })
}

/** Opens the shop, until the scope closes, and tells its address. */
export const start = Effect.fnUntraced(
  function*(options: Options) {
    const listening = {
      port: options.port,
      host: options.host,
      gracefulShutdownTimeout: `${stopSeconds} seconds`,
      // What a page says is short. By itself the server would read 100 MiB of it.
      websocket: { maxPayload: Limits.messageBytes }
    } as const
    // A port that is taken is told at once, not after a database has been made.
    yield* Effect.scoped(NodeHttpServer.make(createServer, listening))
    const [inside, page] = yield* Effect.all([Layer.build(shop(options)), Page.files], { concurrency: 2 })
    yield* stockUp.pipe(Policy.as({ id: "assortment", roles: ["staff"] }), Effect.provideContext(inside))
    // The shop is there before anybody can ask for anything, and closes after the last one has been answered.
    const server = Live.closeFirst(
      HttpRouter.serve(routes(page), { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provideMerge(NodeHttpServer.layer(createServer, listening))
      )
    )
    const outside = yield* Effect.provideContext(Layer.build(server), inside)
    return yield* Effect.provideContext(HttpServer.addressFormattedWith(Effect.succeed), outside)
  },
  (starting, options) =>
    starting.pipe(
      Effect.mapError(failed(options)),
      Effect.timeoutOrElse({
        duration: `${startSeconds} seconds`,
        orElse: () =>
          Effect.fail(new Failed({ message: `The shop: expected to open within ${startSeconds} s, got no further` }))
      })
    )
)
// #endregion
