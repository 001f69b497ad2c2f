import type { Projection, Rows } from "@varve/core"
import * as EventStoreError from "@varve/core/EventStoreError"
import * as ProjectionError from "@varve/core/ProjectionError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as codecs from "./codecs.ts"
import type { Connection } from "./connection.ts"
import { Follower, type Heeded } from "./liveFollower.ts"
import { parametersOf } from "./parameters.ts"
import * as paths from "./paths.ts"

type Failed = ProjectionError.ProjectionError

/** A server that says nothing for so long is not there any more, in milliseconds: it tells three times as often that nothing is new. */
const silenceMillis = 45_000

/** Pauses before a client comes back, in milliseconds: the first, and the longest. A random part of it is waited. */
const firstPauseMillis = 100
const longestPauseMillis = 10_000

/** Largest event, in characters: a row, and its escapes. */
const eventCharacters = 8_388_608

/** Changes of rows, as a server sends them: over any number of connections, as if there were one. */
export const changes =
  (projection: Projection.Any, connection: Connection): Rows.Reading<unknown>["changes"] => (of = {}, options = {}) =>
    Stream.unwrap(Effect.gen(function*() {
      const { tag } = projection
      const search = yield* Effect.try({
        try: () => typeof of === "string" ? new URLSearchParams() : parametersOf(projection, of),
        catch: (error) => failed(projection, `query of ${tag}`, "values of its fields", String(error)).error
      })
      const segment = typeof of === "string" ? `/${paths.encodeSegment(of)}` : ""
      const { path } = connection.paths.get(tag)!
      const query = search.size === 0 ? "" : `?${search}`
      const url = `${connection.url}/${paths.verbs.live}/${path}${segment}${query}`
      const place = codecs.placeOfAfter(options.after)
      const key = typeof of === "string" ? of : undefined
      const follower = new Follower(projection, key, place)
      const once = connection.socket === undefined
        ? Stream.unwrap(open(projection, connection, url, follower))
        : connection.socket["~heard"](path, key === undefined ? { search } : { key }, follower).pipe(
          Stream.map((told) => follower.hear(told)),
          heed
        )
      const again = Stream.fromEffectDrain(Effect.suspend(() => pause(follower)))
      return Stream.forever(Stream.concat(once, again))
    }))

/** A pause before the next connection: at once where the last one has told something, longer and longer where not. */
const pause = (follower: Follower): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (part) => {
    follower.lose()
    const longest = Math.min(firstPauseMillis * 2 ** follower.failures, longestPauseMillis)
    follower.failures = Math.min(follower.failures + 1, 30)
    return Effect.sleep(longest * part)
  })

/** What one connection tells. It ends where the client is to come back, and fails where that is of no use. */
const open = Effect.fnUntraced(function*(
  projection: Projection.Any,
  { answerMillis, http }: Connection,
  url: string,
  follower: Follower
) {
  const request = HttpClientRequest.get(url, {
    headers: { accept: "text/event-stream", ...(follower.after !== undefined && { "last-event-id": follower.after }) }
  })
  const answer = yield* HttpClient.withScope(http).execute(request).pipe(
    Effect.timeoutOption(Duration.millis(answerMillis)),
    Effect.catch((error) => Effect.succeed(error.message)),
    Effect.map((answer) => typeof answer === "string" ? answer : Option.getOrElse(answer, () => "no answer in time"))
  )
  if (typeof answer === "string") return Stream.empty
  if (answer.status !== 200) {
    const text = yield* Effect.orElseSucceed(answer.text, () => "")
    const heeded = follower.failure(text, answer.status)
    return heeded._tag === "Failed" ? Stream.fail(heeded.error) : Stream.empty
  }
  const events: Array<Sse.Event> = []
  const parser = Sse.makeParser((event) => {
    if (event._tag === "Event") events.push(event)
  }, { maxEventSize: eventCharacters })
  // An event without an id bears that of the one before.
  let last: string | undefined
  const hear = (text: string): ReadonlyArray<Heeded> => {
    const tooLarge = parser.feed(text)
    const heeded = events.splice(0).map(({ data, event: type, id }) => {
      const at = id === last ? undefined : id
      last = id
      return follower.hear({ type, data, at })
    })
    if (tooLarge === undefined) return heeded
    const what = `event of ${projection.tag}`
    return [...heeded, failed(projection, what, `at most ${eventCharacters} characters`, "more")]
  }
  return answer.stream.pipe(
    Stream.decodeText,
    Stream.timeout(Duration.millis(silenceMillis)),
    // A connection that is lost is one to come back from.
    Stream.catch(() => Stream.empty),
    Stream.map(hear),
    Stream.flattenIterable,
    heed
  )
})

/** The changes that come of what was told. */
const heed = <E, R>(self: Stream.Stream<Heeded, E, R>): Stream.Stream<Projection.Change<unknown>, E | Failed, R> =>
  self.pipe(
    Stream.takeUntil(({ _tag }) => _tag === "Over"),
    Stream.mapEffect((heeded) =>
      heeded._tag === "Failed"
        ? Effect.fail(heeded.error)
        : Effect.succeed(heeded._tag === "Changes" ? heeded.changes : [])
    ),
    Stream.flattenIterable
  )

const failed = (
  { tag: target }: Projection.Any,
  what: string,
  expected: string,
  actual: string
): Heeded & { readonly _tag: "Failed" } => {
  const reason = new EventStoreError.Refused({ what, expected, actual })
  return { _tag: "Failed", error: new ProjectionError.ProjectionError({ target, reason }) }
}
