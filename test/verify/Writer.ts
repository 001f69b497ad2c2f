/**
 * Writers that can be killed: what they write is made from a number, so that whoever comes after sends the same again.
 */
import { type Commit, CommitId, type EventStoreError, StreamName } from "@varve/core"
import { Effect } from "effect"
import type { Note, Writing } from "./Protocol.ts"
import type { Opened } from "./Target.ts"

/** How many commits of one writer are under way at once. */
export const underWay = 6

/** How often a writer looks whether it may go on. */
const lookEvery = "3 millis"

/** What whoever runs a writer may change while it writes. */
export interface Control {
  finished: boolean
  granted: number
}

/** Times that a commit is sent again whose outcome is unknown, or that had to wait too long. */
const attempts = 20

export const categoryOf = (run: string): string => `Kill_${run}`

export type Identified = Commit.Commit & { readonly id: CommitId.CommitId }

/** One to four events over one to three streams: one that only this commit writes, and some that all writers share. */
export const commitOf = (run: string, writer: number, n: number): Effect.Effect<Identified> =>
  Effect.map(CommitId.derive("verify", run, `${writer}`, `${n}`), (id) => {
    const event = (i: number) => ({ type: "Written", revision: 1, payload: { writer, n, i } })
    const category = categoryOf(run)
    const own = StreamName.make(category, `${writer}-${n}`)
    const shared = (k: number) => StreamName.make(category, `shared-${(n + k) % 5}`)
    return {
      id,
      writes: [
        { stream: own, expected: 0, events: [event(0)] },
        ...Array.from({ length: n % 4 }, (_, k) => ({
          stream: shared(k % 2),
          expected: "any" as const,
          events: [event(k + 1)] as const
        }))
      ]
    }
  })

/** Some go through a transaction of the program's own, that stays open for a moment before it is committed. */
const send = (
  { sql, store }: Opened,
  n: number,
  commit: Identified
): Effect.Effect<Commit.Receipt, EventStoreError.EventStoreError> => {
  if (n % 7 !== 3) return store.append(commit)
  return Effect.catchTag(
    sql.withTransaction(Effect.tap(store.append(commit), Effect.sleep(`${n % 5} millis`))),
    "SqlError",
    Effect.die
  )
}

const mayPass = ({ reason }: EventStoreError.EventStoreError): boolean =>
  reason._tag === "Unavailable" || reason._tag === "OutcomeUnknown"

/** Writes commits `from`, `from + 1` and so on, some at a time, until it is told to finish. */
export const write = (
  opened: Opened,
  { from, run, writer }: Writing,
  say: (note: Note) => void,
  control: Control
): Effect.Effect<void> => {
  let next = from
  const one = Effect.gen(function*() {
    const n = next++
    const commit = yield* commitOf(run, writer, n)
    say({ tag: "Sent", n })
    yield* send(opened, n, commit).pipe(
      Effect.retry({ times: attempts, while: mayPass }),
      Effect.match({
        onSuccess: ({ first, last }) => say({ tag: "Acknowledged", n, first, last }),
        onFailure: ({ message }) => say({ tag: "Failed", n, message })
      })
    )
  })
  const step = Effect.suspend(() => next < from + control.granted ? one : Effect.sleep(lookEvery))
  const lane = Effect.repeat(step, { until: () => control.finished })
  return Effect.asVoid(Effect.all(Array.from({ length: underWay }, () => lane), { concurrency: "unbounded" }))
}
