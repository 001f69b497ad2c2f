/**
 * Provides the instances and the rows of a domain as a server has them: the calls of a program read the same here and there.
 *
 * @since 0.1.0
 */
import type { Domain, Projection } from "@varve/core"
import * as Instances from "@varve/core/Instances"
import * as Rows from "@varve/core/Rows"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Optimistic from "./client/Optimistic.ts"
import type { Connection } from "./internal/connection.ts"
import * as partPaths from "./internal/paths.ts"
import * as remoteInstances from "./internal/remoteInstances.ts"
import * as remoteRows from "./internal/remoteRows.ts"
import * as Limits from "./Limits.ts"
import type { LiveSocket } from "./LiveSocket.ts"
import type { Paths } from "./Paths.ts"

/**
 * How a client asks a server.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Paths {
  /** Where the API is, its prefix included: `https://example.com/api`. */
  readonly url: string
  /** How long to wait for the answer to one request: `Limits.answerMillis` unless told. */
  readonly answerTimeout?: Duration.Input | undefined
  /** Changes how requests are sent: to send credentials, for one. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
  /** What all live rows are followed over: `LiveSocket.make`. Unless told, each over a request of its own. */
  readonly socket?: LiveSocket | undefined
}

/**
 * Provides what the calls of the parts of a domain require, by asking a server.
 *
 * **Details**
 *
 * Rejections and errors come back as what they are. A command is sent with its commit id, or one of its own, as its
 * idempotency key; where its answer is lost it is sent again, with the same key, `Limits.resends` times at the most. What is
 * still unknown then is `OutcomeUnknown`, with the id to send it again by. A read that cannot be had is `Unavailable`.
 *
 * **Gotchas**
 *
 * The commit id in a receipt is that of the server, which has derived it from the key: nobody else's key leads to it.
 *
 * Tenant and actor are those that the server makes of the credentials, not those of the program.
 *
 * **Example** (The same calls, against a server)
 *
 * ```ts
 * import { EventStore, Upcaster } from "@varve/core"
 * import { Bank } from "@varve/example-bank/Bank"
 * import { Balances } from "@varve/example-bank/Balances"
 * import { BankAccount, Deposit, Id, Open } from "@varve/example-bank/BankAccount"
 * import { Api, Client } from "@varve/http"
 * import { Effect, Layer, Option } from "effect"
 * import { FetchHttpClient, HttpRouter } from "effect/http"
 *
 * const bank = Layer.provide(Bank.layer(), [EventStore.layerMemory, Upcaster.layer()])
 * const server = HttpRouter.toWebHandler(Layer.provide(Api.make(Bank).layer, bank), { disableLogger: true })
 *
 * const program = Effect.gen(function*() {
 *   yield* BankAccount.execute(Id.make("ada"), Open.make({ owner: "Ada", currency: "EUR" }))
 *   const { receipt } = yield* BankAccount.execute(Id.make("ada"), Deposit.make({ cents: 100, currency: "EUR" }))
 *   return yield* Balances.get("ada", { after: receipt })
 * })
 *
 * // In a program, the network.
 * const network = Layer.succeed(FetchHttpClient.Fetch, (input, init) => server.handler(new Request(input, init)))
 *
 * const client = Client.layer(Bank, { url: "http://bank.example" }).pipe(
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(network)
 * )
 *
 * Effect.runPromise(Effect.map(Effect.provide(program, client), Option.map(({ cents }) => cents))) // => Option.some(100)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <const D extends Domain.Any>(
  domain: D,
  options: Options
): Layer.Layer<Domain.Provided<D["aggregates"], D["projections"]>, never, HttpClient.HttpClient> => {
  const { answerTimeout, socket, transformClient = (client) => client, url } = options
  const paths = partPaths.make(domain, options)
  const connection = Effect.map(HttpClient.HttpClient, (client): Connection => ({
    url: url.replace(/\/+$/, ""),
    http: transformClient(client),
    paths,
    answerMillis: answerTimeout === undefined ? Limits.answerMillis : Duration.toMillis(answerTimeout),
    socket
  }))
  // Each part's layer provides what the part requires; their list has lost which.
  const layers: ReadonlyArray<Layer.Layer<never, never, HttpClient.HttpClient>> = [
    ...domain.aggregates.map((aggregate) =>
      Instances.layer(aggregate, Effect.map(connection, (connection) => remoteInstances.make(aggregate, connection)))
    ),
    ...domain.projections.map((projection) =>
      Rows.layer(projection, Effect.map(connection, (connection) => remoteRows.make(projection, connection)))
    )
  ]
  return layers.reduce((all, one) => Layer.merge(all, one)) as never
}

/**
 * The same, in front of which an optimistic client shows at once what a command will have done.
 *
 * **When to use**
 *
 * In a browser, or wherever somebody waits: one more layer under the same calls, see `Optimistic.layer`.
 *
 * **Details**
 *
 * Rows that are watched follow the server live, so that it has to serve them: `LiveApi.layer`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOptimistic = <
  const Aggregates extends ReadonlyArray<Domain.AggregatePart>,
  const Projections extends ReadonlyArray<Projection.Any>
>(
  domain: Domain.Any & { readonly aggregates: Aggregates; readonly projections: Projections },
  options: Options & Optimistic.Options
): Layer.Layer<
  Domain.Provided<Aggregates, Projections> | Optimistic.Optimistic,
  never,
  HttpClient.HttpClient
> => Layer.provide(Optimistic.layer(domain, options), layer(domain, options))
