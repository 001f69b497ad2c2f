/** Makes events for the end of a store, and restores them there, whoever else writes to it. */
import type * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as CommitId from "../../CommitId.ts"
import type { EventStoreError } from "../../EventStoreError.ts"
import * as StoredEvent from "../../StoredEvent.ts"
import type { Fixture } from "./fixture.ts"

export type Events = Arr.NonEmptyReadonlyArray<StoredEvent.StoredEvent>

/** Where the store ends: what is restored comes behind it. */
export interface End {
  readonly head: number
  readonly recordedAt: number
}

/** Others may write between the look at the head and the restore. So often it is tried again. */
const attempts = 100

export const endOf = Effect.fnUntraced(function*(t: Fixture) {
  const { events } = yield* t.store.readPage({ direction: "backward", limit: 1 })
  const last = events[0]
  const recordedAt = last === undefined ? Date.UTC(2020, 0, 1) : last.recordedAt.epochMilliseconds
  return { head: last?.position ?? 0, recordedAt }
})

const moved = (error: EventStoreError): boolean =>
  error.reason._tag === "Refused" && error.reason.what === "position of the first event to restore"

/** Restores what `build` makes for the end of the store, and yields it. */
export const restore = Effect.fnUntraced(function*(t: Fixture, build: (end: End) => Events) {
  for (let i = 0; i < attempts; i++) {
    const events = build(yield* endOf(t))
    const head = yield* Effect.catch(
      t.admin.restore(events),
      (error) => moved(error) ? Effect.undefined : Effect.fail(error)
    )
    if (head === undefined) continue
    yield* t.equal("head after a restore", head, events.at(-1)!.position)
    return events
  }
  return yield* t.fail("a restore behind the head", `success within ${attempts} attempts`, "none")
})

export interface Fact {
  readonly id: CommitId.CommitId
  readonly stream: StoredEvent.StoredEvent["stream"]
  readonly version: number
  readonly type?: string
  readonly revision?: number
  readonly payload?: StoredEvent.StoredEvent["payload"]
  readonly metadata?: StoredEvent.EventMetadata
  /** Milliseconds after the last event of the store. */
  readonly recorded?: number
  readonly occurredAt?: number
}

/** Events behind an end: neighbours of one commit id are a commit. */
export const events = (facts: Arr.NonEmptyReadonlyArray<Fact>) => ({ head, recordedAt }: End): Events => {
  let index = -1
  let before: string | undefined
  const built = facts.map((fact, i): StoredEvent.StoredEvent => {
    const { id, metadata = {}, occurredAt = 0, payload = { n: i }, recorded = 0, revision = 1, stream, version } = fact
    index = id === before ? index + 1 : 0
    before = id
    return {
      id: StoredEvent.id(id, index),
      commitId: id,
      commitIndex: index,
      stream,
      version,
      position: StoredEvent.position(head + i + 1),
      type: fact.type ?? "Happened",
      revision,
      payload,
      metadata,
      occurredAt: DateTime.makeUnsafe(occurredAt),
      recordedAt: DateTime.makeUnsafe(recordedAt + recorded)
    }
  })
  return [built[0]!, ...built.slice(1)]
}
