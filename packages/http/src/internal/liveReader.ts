import { Limits, type ProjectionError, type Rows } from "@varve/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import { type Bounds, singleReads } from "./liveOptions.ts"

/** A row that was read, and what it has seen at the least. */
export interface Found {
  readonly row: Option.Option<unknown>
  readonly position: number
}

interface Request {
  readonly key: string
  readonly answer: Deferred.Deferred<Found, ProjectionError.ProjectionError>
}

/** Reads rows for those who ask, together for all who ask while the reading before is under way. */
export const make = Effect.fnUntraced(function*(
  reading: Rows.Reading<unknown>,
  reached: Effect.Effect<number, ProjectionError.ProjectionError>,
  { subscribers }: Bounds
) {
  const requests = yield* Queue.bounded<Request>(subscribers)

  const readOne = (position: number) => ({ answer, key }: Request) =>
    Effect.exit(Effect.map(reading.get(key), (row): Found => ({ row, position }))).pipe(
      Effect.flatMap((exit) => Deferred.done(answer, exit))
    )

  const readAll = Effect.fnUntraced(function*(some: ReadonlyArray<Request>) {
    // What rows have seen is asked before they are read: they have seen that, or more.
    const position = yield* reached
    const found = yield* Effect.exit(reading.getMany(some.map(({ key }) => key)))
    if (found._tag === "Failure") {
      // One row that cannot be read is no reason to keep back the others.
      return yield* Effect.forEach(some, readOne(position), { concurrency: singleReads, discard: true })
    }
    for (const { answer, key } of some) {
      const row = found.value.has(key) ? Option.some(found.value.get(key)) : Option.none()
      yield* Deferred.succeed(answer, { row, position })
    }
  })

  yield* Queue.takeBetween(requests, 1, Limits.keysPerRead).pipe(
    Effect.flatMap((some) =>
      Effect.catchCause(
        readAll(some),
        (cause) => Effect.forEach(some, ({ answer }) => Deferred.failCause(answer, cause), { discard: true })
      )
    ),
    Effect.forever,
    Effect.forkScoped
  )

  return Effect.fnUntraced(function*(key: string) {
    const answer = yield* Deferred.make<Found, ProjectionError.ProjectionError>()
    yield* Queue.offer(requests, { key, answer })
    return yield* Deferred.await(answer)
  })
})
