/**
 * Provides the instances and the rows of a domain as a server has them: the calls of a program read the same here and there.
 *
 * @since 0.1.0
 */
import { Instances, Rows } from "@varve/core"
import type { Domain } from "@varve/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type { Connection } from "./internal/connection.ts"
import * as partPaths from "./internal/paths.ts"
import * as remoteInstances from "./internal/remoteInstances.ts"
import * as remoteRows from "./internal/remoteRows.ts"
import * as Limits from "./Limits.ts"
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
}

/**
 * Provides what the calls of the parts of a domain require, by asking a server.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <const D extends Domain.Any>(
  domain: D,
  options: Options
): Layer.Layer<Domain.Provided<D["aggregates"], D["projections"]>, never, HttpClient.HttpClient> => {
  const { answerTimeout, transformClient = (client) => client, url } = options
  const paths = partPaths.make(domain, options)
  const connection = Effect.map(HttpClient.HttpClient, (client): Connection => ({
    url: url.replace(/\/+$/, ""),
    http: transformClient(client),
    paths,
    answerMillis: answerTimeout === undefined ? Limits.answerMillis : Duration.toMillis(answerTimeout)
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
