/**
 * A reader that follows a store by pages, as a subscription does: it starts each page where the one before ended, and
 * never looks back.
 */
import type { EventStore, Page } from "@varve/core"
import { Effect, type Scope } from "effect"

export interface Request {
  readonly after: number
  readonly limit: number
  readonly categories?: ReadonlyArray<string> | undefined
}

/** What a reader tells in the end. Travels as JSON. */
export interface Seen {
  /** Position and id of every event, in the order in which it came. */
  readonly events: ReadonlyArray<readonly [position: number, id: string]>
  readonly scannedTo: number
  /** What was wrong with a page, or with reading one. */
  readonly broken: string | null
}

export interface Tail {
  /** Waits until a page that begins from now on has got to a position. Bounded: a reader that does not is `broken`. */
  readonly reach: (position: number) => Effect.Effect<Seen>
}

/** How long a reader at the head waits before it asks again. Short, so that it is there whenever something happens. */
const pause = "10 millis"

const reachSeconds = 20

interface Waiter {
  readonly position: number
  readonly round: number
  readonly done: () => void
}

class Follower {
  readonly events: Array<readonly [number, string]> = []
  scannedTo: number
  begun = 0
  broken: string | null = null
  waiters: Array<Waiter> = []

  constructor(after: number) {
    this.scannedTo = after
  }

  get seen(): Seen {
    return { events: this.events, scannedTo: this.scannedTo, broken: this.broken }
  }

  /** Pages begin and end with commits, and go upwards. */
  take(page: Page.Page, round: number): void {
    let before: Page.Page["events"][number] | undefined
    for (const event of page.events) {
      const index = before?.commitId === event.commitId ? before.commitIndex + 1 : 0
      if (event.commitIndex !== index) {
        this.broken ??=
          `event ${event.commitIndex} of a commit at position ${event.position}, where event ${index} was due`
      }
      if (event.position <= this.scannedTo) {
        this.broken ??= `position ${event.position} in a page behind ${this.scannedTo}`
      }
      this.events.push([event.position, event.id])
      before = event
    }
    this.scannedTo = page.scannedTo
    this.wake(round)
  }

  fail(what: string): void {
    this.broken ??= what
    this.wake(Infinity)
  }

  wake(round: number): void {
    this.waiters = this.waiters.filter((waiter) => {
      const there = this.broken !== null || (waiter.round <= round && waiter.position <= this.scannedTo)
      if (there) waiter.done()
      return !there
    })
  }

  reach(position: number): Effect.Effect<Seen> {
    return Effect.callback<void>((resume) => {
      this.waiters.push({ position, round: this.begun + 1, done: () => resume(Effect.void) })
      this.wake(-1)
    }).pipe(
      Effect.timeoutOrElse({
        duration: `${reachSeconds} seconds`,
        orElse: () =>
          Effect.sync(() =>
            this.fail(`at position ${this.scannedTo} after ${reachSeconds} seconds, on the way to ${position}`)
          )
      }),
      Effect.map(() => this.seen)
    )
  }
}

/** Follows the store until the scope closes. */
export const start = (
  store: EventStore.EventStore["Service"],
  { after, categories, limit }: Request
): Effect.Effect<Tail, never, Scope.Scope> =>
  Effect.gen(function*() {
    const follower = new Follower(after)
    const filter = categories === undefined ? undefined : { categories }
    const page = Effect.gen(function*() {
      const round = ++follower.begun
      const page = yield* store.readPage({ after: follower.scannedTo, limit, filter })
      follower.take(page, round)
      if (page.atHead) yield* Effect.sleep(pause)
    })
    yield* Effect.forkScoped(
      Effect.catch(Effect.forever(page), (error) => Effect.sync(() => follower.fail(`an error: ${error.message}`)))
    )
    return { reach: (position) => follower.reach(position) }
  })
