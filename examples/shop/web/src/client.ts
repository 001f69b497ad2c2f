/**
 * The shop as the page has it: the calls of the domain, answered at once, and by the server after that.
 */
import * as Client from "@varve/http/Client"
import * as Optimistic from "@varve/http/client/Optimistic"
import * as LiveSocket from "@varve/http/LiveSocket"
import { Effect, Layer, ManagedRuntime } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { paths, prefix } from "../../src/domain/Paths.ts"
import { type Person, tokenOf } from "../../src/domain/Person.ts"
import { Shop } from "../../src/domain/Shop.ts"

// #region layer
const layer = (person: Person) => {
  const token = tokenOf(person)
  return Client.layerOptimistic(Shop, {
    url: `${location.origin}${prefix}`,
    paths,
    // One connection for all that the page follows: a browser has six for all of its windows.
    socket: LiveSocket.make(
      `${location.origin.replace("http", "ws")}${prefix}/live?token=${encodeURIComponent(token)}`
    ),
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token)),
    actor: person.id,
    // What the server has not answered outlives a reload of this window.
    storage: Optimistic.storageOf(sessionStorage, `shop/commands/${token}`)
  }).pipe(Layer.provide(FetchHttpClient.layer))
}
// #endregion

type Parts = Layer.Success<ReturnType<typeof layer>>

/** Everything that the components ask for. */
export interface Connection {
  readonly person: Person
  readonly optimistic: Optimistic.Optimistic["Service"]
  /** Runs what a click asks for. What comes of a command is told where commands are told of. */
  readonly run: <A, E>(effect: Effect.Effect<A, E, Parts>) => void
  readonly ask: <A, E>(effect: Effect.Effect<A, E, Parts>, signal: AbortSignal) => Promise<A>
  readonly close: () => void
}

export const connect = async (person: Person): Promise<Connection> => {
  const runtime = ManagedRuntime.make(layer(person))
  const optimistic = await runtime.runPromise(Optimistic.Optimistic)
  const wake = () => optimistic.wake()
  addEventListener("online", wake)
  return {
    person,
    optimistic,
    run: (effect) => void runtime.runFork(Effect.ignore(effect)),
    ask: (effect, signal) => runtime.runPromise(effect, { signal }),
    close: () => {
      removeEventListener("online", wake)
      void runtime.dispose()
    }
  }
}
