import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Limits from "../Limits.ts"
import type { LiveSocket } from "../LiveSocket.ts"
import type { Answered, Lost } from "./answers.ts"
import type { PartPath } from "./paths.ts"

/** A server, and how it is asked. */
export interface Connection {
  /** In front of every path, without a slash at its end. */
  readonly url: string
  readonly http: HttpClient.HttpClient
  readonly paths: ReadonlyMap<string, PartPath>
  /** How long to wait for the answer to one request, beside what the server itself is asked to wait. */
  readonly answerMillis: number
  /** What rows are followed over; a request each where there is none. */
  readonly socket?: LiveSocket | undefined
}

/** A request, before it is sent. */
export interface Question {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly query?: URLSearchParams | undefined
  readonly headers?: { readonly [name: string]: string } | undefined
  /** JSON text. */
  readonly body?: string | undefined
  /** Milliseconds that the server is asked to wait. */
  readonly waitMillis?: number | undefined
}

const once = ({ answerMillis, http, url }: Connection, question: Question): Effect.Effect<Answered | Lost> => {
  const { body, headers = {}, method, path, query, waitMillis = 0 } = question
  const search = query === undefined || query.size === 0 ? "" : `?${query}`
  const bare = HttpClientRequest.make(method)(`${url}${path}${search}`, { headers })
  const request = body === undefined ? bare : HttpClientRequest.bodyText(bare, body, "application/json")
  const millis = answerMillis + waitMillis
  return Effect.flatMap(
    http.execute(request),
    (response) =>
      Effect.map(response.text, (text): Answered => ({ _tag: "Answered", status: response.status, body: parse(text) }))
  ).pipe(
    Effect.catch((error) => Effect.succeed<Lost>({ _tag: "Lost", why: error.message })),
    Effect.timeoutOption(Duration.millis(millis)),
    Effect.map(Option.getOrElse((): Lost => ({ _tag: "Lost", why: `no answer within ${millis} ms` })))
  )
}

/** An empty body is `null`. */
const parse = (text: string): unknown => {
  if (text === "") return null
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A random part of a time that doubles: 100, 200, 400 … ms. */
const pause = (round: number): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (part) => Effect.sleep(part * 50 * 2 ** round))

/** Asks until there is an answer that settles it, a bounded number of times. The last one is returned, whatever it is. */
export const ask = (
  connection: Connection,
  question: Question,
  settles: (answer: Answered | Lost) => boolean,
  round = 1
): Effect.Effect<Answered | Lost> =>
  Effect.flatMap(once(connection, question), (answer) =>
    settles(answer) || round > Limits.resends
      ? Effect.succeed(answer)
      : Effect.andThen(pause(round), ask(connection, question, settles, round + 1)))
