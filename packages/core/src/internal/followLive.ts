import * as Effect from "effect/Effect"
import type { EventStoreError, Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import type { Reason } from "../ProjectionError.ts"
import type { Entry, Following, Subject } from "./changes.ts"
import * as past from "./past.ts"
import { inOrder } from "./view.ts"

/** Follows rows that are kept in memory while somebody follows them: all of a tenant, or the one that is followed. */
export const followLive = (
  self: past.Past,
  { after, key, plan, tenant }: Subject,
  reached: Effect.Effect<void, Reason | EventStoreError>
): Effect.Effect<Following, Reason | EventStoreError> =>
  Effect.gen(function*() {
    yield* reached
    const part = yield* past.partOf(self, tenant, { keys: key === undefined ? undefined : [key] })
    const start = Math.min(after?.position ?? part.until, part.until)
    const folder = yield* past.fold(self, { ...part, until: start })
    const entryOf = (key: string): Effect.Effect<Entry, Refused> => {
      const row = folder.rows.get(key)
      return row === undefined
        ? Effect.succeed({ key, row })
        : Effect.map(Effect.fromResult(past.asStored(self, key, row)), (row) => ({ key, row }))
    }
    const keys = key === undefined
      ? (yield* inOrder(self.definition, plan, folder.rows)).map(({ key }) => key)
      : [key]
    const following: Following = {
      from: after === undefined ? undefined : start,
      snapshot: (cursor = "0") => {
        const behind = Number(cursor) + Limits.rowsPerPage
        return Effect.map(Effect.forEach(keys.slice(Number(cursor), behind), entryOf), (entries) => ({
          entries,
          next: behind < keys.length ? `${behind}` : undefined,
          position: start
        }))
      },
      see: (events) =>
        Effect.flatMap(
          folder.apply(events),
          (steps) => Effect.forEach(new Set(steps.map(({ key }) => key)), entryOf)
        ),
      look: Effect.succeed([])
    }
    return following
  })
