import type { Projection, Rows } from "@varve/core"
import * as EventStoreError from "@varve/core/EventStoreError"
import * as ProjectionError from "@varve/core/ProjectionError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Limits from "../Limits.ts"
import * as answers from "./answers.ts"
import type { Answered } from "./answers.ts"
import * as codecs from "./codecs.ts"
import * as connections from "./connection.ts"
import type { Connection, Question } from "./connection.ts"
import * as liveClient from "./liveClient.ts"
import { parametersOf } from "./parameters.ts"
import * as paths from "./paths.ts"

/** A point in the past, as its parameters. */
type Point = { readonly [parameter: string]: string }

/** The rows of a projection, as a server has them. */
export const make = (projection: Projection.Any, connection: Connection): Rows.Reading<unknown> => {
  const content = codecs.projection(projection)
  const { tag: name } = projection
  const { path } = connection.paths.get(name)!

  const failed = (reason: ProjectionError.Reason) => new ProjectionError.ProjectionError({ target: name, reason })
  const refused = (what: string, expected: string, actual: string) =>
    failed(new EventStoreError.Refused({ what, expected, actual }))

  /** The answer of the API, or the error that it is. */
  const ask = Effect.fnUntraced(function*(question: Question, options: Projection.ReadOptions = {}, waits = false) {
    const place = codecs.placeOfAfter(options.after)
    const isWaiting = waits || place !== undefined
    const asked = options.timeout === undefined ? Limits.waitMillisDefault : Duration.toMillis(options.timeout)
    const waitMillis = Math.min(Math.max(0, Math.ceil(asked)), Limits.waitMillis)
    const headers = {
      ...(place !== undefined && { "varve-after": codecs.encodePlace(place) }),
      ...(isWaiting && { "varve-wait": String(waitMillis) })
    }
    const answer = yield* connections.ask(
      connection,
      { ...question, headers, waitMillis: isWaiting ? waitMillis : 0 },
      (answer) => !answers.isDoubtful(answer)
    )
    const told = answer._tag === "Answered" ? answers.problemOf(answer) : undefined
    if (answer._tag === "Answered" && (answer.status < 300 || told?.kind === "NoRow")) return answer
    const error = told?.error === undefined ? undefined : codecs.projectionError.decode(told.error)
    return yield* error !== undefined && Result.isSuccess(error)
      // The codec is that of the error.
      ? Effect.fail(error.success as ProjectionError.ProjectionError)
      : Effect.fail(failed(answers.reasonOf(`rows of ${name}`, answer)))
  })

  const decode = (codec: codecs.Codec, answer: Answered): Effect.Effect<unknown, ProjectionError.ProjectionError> => {
    const found = codec.decode(answer.body)
    return Result.isSuccess(found)
      ? Effect.succeed(found.success)
      : Effect.fail(failed(
        new EventStoreError.Unavailable({
          what: `rows of ${name}`,
          expected: "an answer of the API",
          actual: "another"
        })
      ))
  }

  const pathOf = (key: string): Effect.Effect<string, ProjectionError.ProjectionError> =>
    key.isWellFormed()
      ? Effect.succeed(`/${path}/${paths.encodeSegment(key)}`)
      : Effect.fail(refused(`key of a row of ${name}`, "well-formed Unicode", "a lone surrogate"))

  const queryOf = (query: Rows.Query | undefined, point: Point, more: Point = {}) =>
    Effect.try({
      try: () => {
        const parameters = parametersOf(projection, query)
        for (const [parameter, value] of Object.entries({ ...point, ...more })) parameters.set(parameter, value)
        return parameters
      },
      catch: (error) => refused(`query of ${name}`, "values of the fields of its index", String(error))
    })

  /** The questions about rows now, or at a point. */
  const questions = (point: Point) => {
    const get = Effect.fnUntraced(function*(key: string, options?: Projection.ReadOptions) {
      const query = new URLSearchParams(point)
      const answer = yield* ask({ method: "GET", path: yield* pathOf(key), query }, options)
      return answer.status === 404 ? Option.none() : Option.some(yield* decode(content.row, answer))
    })
    const getMany = Effect.fnUntraced(function*(keys: Iterable<string>, options?: Projection.ReadOptions) {
      const body = JSON.stringify({ keys: Array.from(keys) })
      const query = new URLSearchParams(point)
      const answer = yield* ask({ method: "POST", path: `/${paths.verbs.many}/${path}`, query, body }, options)
      // The codec is that of rows under keys.
      const { rows } = (yield* decode(content.many, answer)) as Pick<Projection.Listed<unknown>, "rows">
      return new Map(rows.map(({ key, row }) => [key, row]))
    })
    const list = Effect.fnUntraced(function*(asked: Rows.PageQuery & Projection.ReadOptions = {}) {
      const { cursor, direction, limit } = asked
      const query = yield* queryOf(asked, point, {
        ...(limit !== undefined && { limit: String(limit) }),
        ...(direction !== undefined && { direction }),
        ...(cursor !== undefined && { cursor })
      })
      const answer = yield* ask({ method: "GET", path: `/${path}`, query }, asked)
      // The codec is that of a page.
      const { next, rows } = (yield* decode(content.listed, answer)) as {
        readonly rows: Projection.Listed<unknown>["rows"]
        readonly next: string | null
      }
      return { rows, next: Option.fromNullOr(next) }
    })
    const count = Effect.fnUntraced(function*(asked: Rows.Query & Projection.ReadOptions = {}) {
      const query = yield* queryOf(asked, point)
      const answer = yield* ask({ method: "GET", path: `/${paths.verbs.count}/${path}`, query }, asked)
      // The codec is that of a count.
      return ((yield* decode(codecs.count, answer)) as { readonly count: number }).count
    })
    return { get, getMany, list, count }
  }

  const eventsOf = (limit: number | undefined): Point => limit === undefined ? {} : { events: String(limit) }

  return {
    ...questions({}),
    changes: liveClient.changes(projection, connection),
    asOf: (at, options) => questions({ at: codecs.encodeAt(at), ...eventsOf(options?.limit) }),
    history: (key, options) =>
      Stream.paginate(0, (after: number) =>
        Effect.gen(function*() {
          const query = new URLSearchParams({
            after: String(after),
            limit: String(Limits.entriesPerPage),
            ...eventsOf(options?.limit)
          })
          const answer = yield* ask({ method: "GET", path: `${yield* pathOf(key)}/history`, query })
          // The codec is that of a page, whose entries leave a row away that is not there.
          const { history, next } = (yield* decode(content.touchPage, answer)) as {
            readonly history: ReadonlyArray<
              Omit<Projection.Touch<unknown, unknown>, "row"> & { readonly row?: unknown }
            >
            readonly next: number | null
          }
          const touches = history.map((touch): Projection.Touch<unknown, unknown> => ({
            ...touch,
            envelope: { ...noCircumstances, ...touch.envelope },
            row: Object.hasOwn(touch, "row") ? Option.some(touch.row) : Option.none()
          }))
          return [touches, Option.fromNullOr(next)] as const
        })),
    whenCaughtUp: (options) =>
      Effect.asVoid(ask({ method: "GET", path: `/${paths.verbs.caughtUp}/${path}` }, options, true))
  }
}

/** What an envelope holds as `undefined`, where there is none. */
const noCircumstances = { actor: undefined, correlationId: undefined, causationId: undefined, user: undefined }
