/**
 * Waits until the read models have seen what the store holds, and tells how far they are.
 */
import {
  EventStore,
  type EventStoreError,
  type Projection,
  type ProjectionError,
  type RowStore,
  Status
} from "@varve/core"
import { Effect, Result } from "effect"
import { Activities } from "./Activities.ts"
import { Applications } from "./Applications.ts"
import { Failed } from "./Failed.ts"
import * as Progress from "./Progress.ts"
import type { Needs } from "./Report.ts"
import { Throughput } from "./Throughput.ts"

/** How long is waited before it is told how far a read model is. */
const glance = "200 millis"

/** Waits for one read model, and tells its position meanwhile. Fails when nobody moves it. */
const follow = Effect.fnUntraced(function*(
  wait: (options: Projection.ReadOptions) => Effect.Effect<void, ProjectionError.ProjectionError, Needs>,
  head: number,
  tell: (position: number) => Effect.Effect<void>
) {
  for (;;) {
    const result = yield* Effect.result(wait({ after: head, timeout: glance }))
    if (Result.isSuccess(result)) return yield* tell(head)
    const { reason, target } = result.failure
    if (reason._tag !== "Behind") return yield* result.failure
    if (reason.state !== "running") {
      const at = `${Progress.number(reason.actual)} of ${Progress.number(head)}`
      return yield* new Failed({
        message: `${target}: expected to go on, got one that is ${reason.state} at event ${at}`
      })
    }
    yield* tell(reason.actual)
  }
})

/** Rows whose events are parked are behind, and so would be the figures. */
const nothingParked = Effect.flatMap(Status.all, (all) => {
  const parked = all.find(({ parkedEvents, serving }) => serving && parkedEvents > 0)
  if (parked === undefined) return Effect.void
  const { failure, name, parkedEvents, parkedKeys } = parked
  const what = `${Progress.number(parkedEvents)} (keys: ${Progress.number(parkedKeys)})`
  return new Failed({ message: `${name}: expected no parked events, got ${what}: ${failure?.cause ?? "unknown"}` })
})

/** What there was to catch up with. */
export interface CaughtUp {
  /** Events that the store held at the beginning. */
  readonly head: number
  readonly millis: number
}

/** Waits until the rows are those of every event that the store holds now. Shows the progress of the one that is last. */
export const run: Effect.Effect<
  CaughtUp,
  EventStoreError.EventStoreError | ProjectionError.ProjectionError | Failed,
  EventStore.EventStore | RowStore.RowStore | Needs
> = Effect.gen(function*() {
  const head = yield* EventStore.EventStore.use((store) => store.head)
  const progress = yield* Progress.start("events", head)
  const models = [Applications, Activities, Throughput]
  const positions = models.map(() => 0)
  yield* Effect.forEach(models, (model, i) =>
    follow(model.whenCaughtUp, head, (position) => {
      positions[i] = position
      return progress.done(Math.min(...positions))
    }), { concurrency: "unbounded", discard: true })
  const millis = yield* progress.end
  yield* nothingParked
  return { head, millis }
})
