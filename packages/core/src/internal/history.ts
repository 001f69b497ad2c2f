import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { ExecutionError } from "../ExecutionError.ts"
import * as Metadata from "../Metadata.ts"
import type { StoredEvent } from "../StoredEvent.ts"
import type { Loaded } from "./instance.ts"
import { failed, type Local, type Tagged } from "./running.ts"
import type { Unreadable } from "./upcaster.ts"

/** Documented at `Aggregate.Evolved`. */
export interface Evolved {
  readonly event: Tagged
  readonly version: number
  readonly position: number
  readonly occurredAt: DateTime.Utc
  readonly recordedAt: DateTime.Utc
  readonly state: unknown
}

/** The events of a page, and the state after each. */
const evolve = (
  { definition, reader }: Local,
  from: unknown,
  events: ReadonlyArray<StoredEvent>
): Result.Result<ReadonlyArray<Evolved>, Unreadable> => {
  const evolved: Array<Evolved> = []
  let state = from
  for (const stored of events) {
    const result = reader.upcast(stored)
    if (Result.isFailure(result)) return Result.fail(result.failure)
    const { occurredAt, position, recordedAt, version } = stored
    for (const { event } of result.success) {
      state = definition.evolve[event._tag]!(state, event)
      evolved.push({ event, version, position, occurredAt, recordedAt, state })
    }
  }
  return Result.succeed(evolved)
}

/** Documented at `Instances.HistoryOptions`. */
export interface HistoryOptions {
  readonly from?: Loaded | undefined
  readonly limit?: number | undefined
}

/** Every event of an instance, oldest first, page by page, with the state after each. */
export const history = (
  local: Local,
  id: string,
  { from, limit }: HistoryOptions = {}
): Stream.Stream<Evolved, ExecutionError> =>
  Metadata.Current.pipe(
    Effect.map(({ tenant }) => {
      const stream = local.stream(tenant, id)
      return Stream.paginate({
        after: from?.version ?? 0,
        state: from === undefined ? local.definition.initial : from.state
      }, ({ after, state }) =>
        Effect.gen(function*() {
          const { atEnd, events } = yield* local.store.readStreamPage({ stream, after, limit })
          const evolved = yield* Effect.fromResult(evolve(local, state, events))
          const last = events.at(-1)
          const next = atEnd || last === undefined
            ? Option.none()
            : Option.some({ after: last.version, state: evolved.length === 0 ? state : evolved.at(-1)!.state })
          return [evolved, next] as const
        }))
    }),
    Stream.unwrap,
    Stream.mapError(failed(local.definition.name, id))
  )
