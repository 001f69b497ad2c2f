import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

/** What was read, and where the next page starts if there is one. */
type Found<A, S> = readonly [items: ReadonlyArray<A>, next: Option.Option<S>]

/**
 * Pages one after the other. Who asks for a second one is taken to want them all: from then on, the next page is read while
 * one is handled. One page ahead, no more, and none where the reader stops.
 *
 * In a transaction of the program nothing is read ahead: its connection is at work for the program.
 */
export const paginate = <A, S, E, R>(
  from: S,
  read: (from: S) => Effect.Effect<Found<A, S>, E, R>,
  enlisted: Effect.Effect<boolean, never, R>
): Stream.Stream<A, E, R> =>
  Stream.scoped(Stream.fromPull(Effect.map(Effect.scope, (scope) => {
    let next = Option.some(from)
    let ahead: Fiber.Fiber<Found<A, S>, E> | undefined
    let pages = 0
    const pull: Pull.Pull<readonly [A, ...Array<A>], E, void, R> = Effect.gen(function*() {
      while (Option.isSome(next)) {
        const [items, after]: Found<A, S> = yield* (ahead === undefined ? read(next.value) : Fiber.join(ahead))
        next = after
        ahead = Option.isSome(after) && pages++ > 0 && !(yield* enlisted)
          ? yield* Effect.forkIn(read(after.value), scope, { startImmediately: true })
          : undefined
        // What is not empty has a first.
        if (items.length > 0) return items as readonly [A, ...Array<A>]
      }
      return yield* Cause.done()
    })
    return pull
  })))
