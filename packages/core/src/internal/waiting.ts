import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Behind } from "../ProjectionError.ts"

/** How long a reader waits, unless told, in milliseconds. */
const timeoutMillis = 5_000

/** Pauses between two looks of a reader that hears of nothing: the first, and the longest, in milliseconds. */
const firstPollMillis = 10
const longestPollMillis = 200

/** How many events behind is too far for a hint to matter, and how long to wait then, in milliseconds. */
const farEvents = 10_000
const farPollMillis = 50

/** Tells those who wait that there may be something new. */
export class Signal {
  /** Rises with every hint, so that one that comes between a look and the wait is not lost. */
  count = 0
  private readonly waiting = new Set<() => void>()

  notify(): void {
    this.count++
    for (const resume of Array.from(this.waiting)) resume()
  }

  /** Waits for a hint behind that number of them, for so long at the most. */
  wait(count: number, millis: number): Effect.Effect<void> {
    const hint = Effect.callback<void>((resume) => {
      if (this.count !== count) return resume(Effect.void)
      const done = () => {
        this.waiting.delete(done)
        resume(Effect.void)
      }
      this.waiting.add(done)
      return Effect.sync(() => this.waiting.delete(done))
    })
    return Effect.asVoid(Effect.timeoutOption(hint, Duration.millis(millis)))
  }
}

/** A signal of some hints, until the scope closes. */
export const signalOf = (hints: Stream.Stream<void>): Effect.Effect<Signal, never, Scope.Scope> =>
  Effect.suspend(() => {
    const signal = new Signal()
    return Effect.as(
      Effect.forkScoped(Stream.runForEach(hints, () => Effect.sync(() => signal.notify())), { startImmediately: true }),
      signal
    )
  })

/** What an answer lacks. */
export type Lack = Pick<Behind, "expected" | "actual" | "state">

/** Asks until the answer lacks nothing: again at every hint, and now and then without one. */
export const until = <A, E>(
  ask: Effect.Effect<A, E>,
  lackOf: (answer: A) => Lack | undefined,
  hints: Stream.Stream<void>,
  timeout: Duration.Input = timeoutMillis
): Effect.Effect<A, E | Behind> =>
  Effect.flatMap(ask, (answer) => {
    const lack = lackOf(answer)
    const bound = Duration.toMillis(timeout)
    if (lack === undefined) return Effect.succeed(answer)
    return bound > 0 ? Effect.scoped(again(ask, lackOf, hints, bound)) : Effect.fail(new Behind({ ...lack, waited: 0 }))
  })

const again = Effect.fnUntraced(function*<A, E>(
  ask: Effect.Effect<A, E>,
  lackOf: (answer: A) => Lack | undefined,
  hints: Stream.Stream<void>,
  bound: number
) {
  // The time of day may be set back meanwhile.
  const start = yield* Clock.monotonicTimeNanos
  const signal = yield* signalOf(hints)
  let pause = firstPollMillis
  while (true) {
    const { count } = signal
    const answer = yield* ask
    const lack = lackOf(answer)
    if (lack === undefined) return answer
    const waited = Math.floor(Number((yield* Clock.monotonicTimeNanos) - start) / 1_000_000)
    if (waited >= bound) return yield* new Behind({ ...lack, waited })
    // Far away, a hint tells nothing new, and asking takes from who catches up.
    const far = lack.expected - lack.actual > farEvents
    yield* far
      ? Effect.sleep(Math.min(farPollMillis, bound - waited))
      : signal.wait(count, Math.min(pause, bound - waited))
    pause = Math.min(pause * 2, longestPollMillis)
  }
})
