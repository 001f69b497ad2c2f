/**
 * Follows all live rows of a client over one WebSocket.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { Follower, Heard } from "./internal/liveFollower.ts"
import * as liveLine from "./internal/liveLine.ts"

/**
 * One connection that all live rows of a client come over.
 *
 * @category models
 * @since 0.1.0
 */
export interface LiveSocket {
  /** What is told of a projection, by its path: of a row, or of a query. It ends when the connection is lost. */
  readonly "~heard": (
    projection: string,
    of: { readonly key: string } | { readonly search: URLSearchParams },
    follower: Follower
  ) => Stream.Stream<Heard>
}

/**
 * A WebSocket for the live rows of a client: its option `socket`.
 *
 * **When to use**
 *
 * In a browser: it opens at most six connections to a server that speaks HTTP/1.1, from all of its windows together, and
 * without a WebSocket every row or query that is followed takes one.
 *
 * **Details**
 *
 * `url` is the address of the WebSocket, with what it takes to be let in: `wss://example.com/api/live?token=…`; or a function
 * that gives it, asked whenever a connection is opened, where that changes: a server ends a connection that is an hour old.
 * It is opened for the first reader, and closed after the last.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (url: string | (() => string)): LiveSocket => {
  const line = liveLine.make(typeof url === "string" ? () => url : url)
  return { "~heard": (projection, of, follower) => heard(line, { projection, ...wantedOf(of) }, follower) }
}

type Wanted = Omit<liveLine.Wanted, "after">

/** Most messages of one reader that wait for it. With one more it comes back, and is told what is newest then. */
const waitingMessages = 20_000

const heard = (line: liveLine.LiveLine, wanted: Wanted, follower: Follower): Stream.Stream<Heard> =>
  Stream.callback<Heard>((queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const { after } = follower
        return line.follow({ ...wanted, ...(after !== undefined && { after }) }, (told) => {
          if (told !== undefined && Queue.offerUnsafe(queue, told)) return true
          Queue.endUnsafe(queue)
          return false
        })
      }),
      (leave) => Effect.sync(leave)
    ), { bufferSize: waitingMessages, strategy: "dropping" })

/** The parameters of a query, as a message has them. */
const wantedOf = (
  of: { readonly key: string } | { readonly search: URLSearchParams }
): Pick<Wanted, "key" | "query"> => {
  if ("key" in of) return of
  const where: { [field: string]: string } = {}
  const query: { [name: string]: string } = {}
  for (const [name, text] of of.search) {
    if (name.startsWith("where.")) where[name.slice(6)] = text
    else query[name] = text
  }
  return { query: { ...query, where } }
}
