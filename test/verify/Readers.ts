/**
 * Readers in this process and in others that follow the store during a case, and what they must have seen in the end.
 */
import type { StoredEvent } from "@varve/core"
import { Effect, type Scope } from "effect"
import type { Failure, Fixture } from "./Case.ts"
import * as Tail from "./Tail.ts"

interface Reader {
  readonly name: string
  readonly reach: (position: number) => Effect.Effect<Tail.Seen>
}

export interface Readers {
  /** Waits until each has read a page, begun from now on, that ends at what can be seen now, or behind it. */
  readonly catchUp: Effect.Effect<void, Failure>
  /** Fails unless each has seen every event since the start of the case, once and in order, and positions are dense. */
  readonly sawEverything: Effect.Effect<ReadonlyArray<StoredEvent.StoredEvent>, Failure>
}

/** `4, 7 to 9`. */
export const ranges = (positions: ReadonlyArray<number>): string => {
  const parts: Array<[from: number, to: number]> = []
  for (const position of positions) {
    const last = parts.at(-1)
    if (last !== undefined && last[1] === position - 1) last[1] = position
    else parts.push([position, position])
  }
  const shown = parts.slice(0, 5).map(([from, to]) => from === to ? `${from}` : `${from} to ${to}`)
  return `${shown.join(", ")}${parts.length > 5 ? ` and ${parts.length - 5} more places` : ""}`
}

/** Everything behind a position, read from there after all is over. */
export const readBehind = (t: Fixture, start: number): Effect.Effect<Array<StoredEvent.StoredEvent>, Failure> =>
  Effect.gen(function*() {
    const events: Array<StoredEvent.StoredEvent> = []
    let after = start
    while (true) {
      const page = yield* t.home.store.readPage({ after, limit: 1_000 })
      events.push(...page.events)
      if (page.atHead) return events
      after = page.scannedTo
    }
  })

const compare = (t: Fixture, { name }: Reader, seen: Tail.Seen, stored: ReadonlyArray<StoredEvent.StoredEvent>) =>
  Effect.gen(function*() {
    const ids = new Set(seen.events.map(([, id]) => id))
    const skipped = stored.filter(({ id }) => !ids.has(id)).map(({ position }) => position)
    const last = stored.at(-1)?.position ?? t.start
    const expected = `every event from position ${t.start + 1} to ${last}`
    const reading = `what ${name} has seen`
    if (skipped.length > 0 && seen.scannedTo >= last) {
      const without = `without position ${ranges(skipped)}, which it had passed before that was there to be seen`
      return yield* t.fail(reading, expected, without)
    }
    yield* t.holds(reading, seen.broken === null, expected, `up to position ${seen.scannedTo}: ${seen.broken}`)
    yield* t.equal(reading, seen.events, stored.map(({ id, position }) => [position, id]))
  })

/** Starts readers behind what the store held before the case: here and in another process, with small and large pages. */
export const start = (
  t: Fixture,
  [one, two, three]: readonly [number, number, number] = [1, 2, 500]
): Effect.Effect<Readers, never, Scope.Scope> =>
  Effect.gen(function*() {
    const local = (name: string, request: Tail.Request) =>
      Effect.map(Tail.start(t.home.store, request), ({ reach }): Reader => ({ name, reach }))
    const after = t.start
    const elsewhere = (limit: number, name: string) =>
      Effect.gen(function*() {
        const agent = yield* t.recruit
        yield* agent.call("tail", { after, limit })
        const reach = (position: number) => agent.call("reach", { position })
        return { name, reach } satisfies Reader
      })
    const readers = yield* Effect.all([
      local(`a reader in this process, by pages of ${one},`, { after, limit: one }),
      elsewhere(two, `a reader in another process, by pages of ${two},`),
      elsewhere(three, `a reader in a third process, by pages of ${three},`)
    ], { concurrency: "unbounded" })
    const reach = (position: number) =>
      Effect.forEach(readers, (reader) => reader.reach(position), { concurrency: "unbounded" })
    return {
      catchUp: Effect.flatMap(t.home.store.head, reach),
      sawEverything: Effect.gen(function*() {
        const stored = yield* readBehind(t, t.start)
        const seen = yield* reach(stored.at(-1)?.position ?? t.start)
        for (const [i, reader] of readers.entries()) yield* compare(t, reader, seen[i]!, stored)
        const positions = stored.map(({ position }) => position)
        const gap = positions.findIndex((position, i) => position !== t.start + i + 1)
        yield* t.holds("positions", gap < 0, `${t.start + gap + 1} next`, `${positions[gap]}`)
        return stored
      })
    }
  })
