import { EventStore } from "@varve/core/EventStore"
import type { EventStoreError } from "@varve/core/EventStoreError"
import type * as Page from "@varve/core/Page"
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** How long nobody looks when there is no hint. */
const poll = Duration.seconds(1)

/** How often a store that cannot be reached is asked again, in a row. */
const triesInARow = 60

/** Hands on the events behind a position, and those that come, for ever. */
export const follow = Effect.fnUntraced(function*(
  from: { readonly after: number; readonly filter: Page.Filter },
  emit: (events: ReadonlyArray<StoredEvent>) => Effect.Effect<void>
) {
  const store = yield* EventStore
  const hints = yield* Queue.sliding<void>(1)
  // Before the first page is read: what comes behind it is hinted at.
  yield* Effect.forkScoped(Stream.runForEach(store.wakeUps, () => Queue.offer(hints, undefined)), {
    startImmediately: true
  })
  // A hint may come late, twice or never.
  const wait = Effect.ignore(Effect.timeout(Queue.take(hints), poll))
  let tries = 0
  let { after } = from
  const read = Effect.suspend(() => store.readPage({ after, filter: from.filter }))
  const unreachable = (error: EventStoreError) => {
    if (error.reason._tag !== "Unavailable" || tries >= triesInARow) return Effect.fail(error)
    tries++
    const told = tries === 1 ? Console.error(`varve: ${error.message}; trying again`) : Effect.void
    return Effect.as(told, undefined)
  }
  while (true) {
    const page = yield* Effect.catch(read, unreachable)
    if (page !== undefined) {
      tries = 0
      yield* emit(page.events)
      after = page.scannedTo
    }
    if (page === undefined || page.atHead) yield* wait
  }
}, Effect.scoped)
