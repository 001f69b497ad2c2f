import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

interface Options<Page, A, S, E, R> {
  /** Where the first page starts. */
  readonly from: S
  /** Reads a page, read ahead or not. */
  readonly read: (from: S, ahead: boolean) => Effect.Effect<Page, E, R>
  /** Where the page behind one starts, or that there is none. */
  readonly next: (page: Page) => { readonly from: S } | undefined
  readonly items: (page: Page) => ReadonlyArray<A>
  /** Whether the calling fiber is in a transaction of the program. */
  readonly enlisted: Effect.Effect<boolean, never, R>
}

/**
 * Pages one after the other. Who asks for a second one is taken to want them all: from then on, the next page is read while
 * one is handled. One page ahead, no more, and none where the reader stops.
 *
 * In a transaction of the program nothing is read ahead: its connection is at work for the program.
 */
export const paginate = <Page, A, S, E, R>(
  { enlisted, from, items, next, read }: Options<Page, A, S, E, R>
): Stream.Stream<A, E, R> =>
  Stream.scoped(Stream.fromPull(Effect.map(Effect.scope, (scope) => {
    let place: { readonly from: S } | undefined = { from }
    let ahead: Fiber.Fiber<Page, E> | undefined
    let pages = 0
    const pull: Pull.Pull<readonly [A, ...Array<A>], E, void, R> = Effect.gen(function*() {
      while (place !== undefined) {
        const page: Page = yield* (ahead === undefined ? read(place.from, false) : Fiber.join(ahead))
        place = next(page)
        // Before anything is done with the items, which a store may make when they are asked for.
        ahead = place !== undefined && pages++ > 0 && !(yield* enlisted)
          ? yield* Effect.forkIn(read(place.from, true), scope, { startImmediately: true })
          : undefined
        const found = items(page)
        // What is not empty has a first.
        if (found.length > 0) return found as readonly [A, ...Array<A>]
      }
      return yield* Cause.done()
    })
    return pull
  })))
