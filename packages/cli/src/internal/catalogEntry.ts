/** What the code says of a stored type, put together with what the catalogue has of it. */
import type * as Event from "@varve/core/Event"
import * as Effect from "effect/Effect"
import type { Known } from "./catalogCode.ts"
import * as golden from "./catalogGolden.ts"
import type { Entry, Revision } from "./catalogModel.ts"
import * as shape from "./catalogSchema.ts"

const waysOf = ({ downcast, revision }: Event.Revision) => ({ upcast: revision > 1, downcast: downcast !== undefined })

const added = (event: Event.Any, revision: Event.Revision): Revision => ({
  revision: revision.revision,
  schema: shape.ofRevision(event, revision),
  ...waysOf(revision),
  golden: { byHand: [], generated: [] }
})

/** What is recorded stays; what the code has beyond it is added. */
export const merge = (entry: Entry | undefined, { categories, domains, event, read }: Known): Entry => {
  const recorded = (entry?.revisions ?? []).map((revision) => {
    const now = event?.revisions[revision.revision - 1]
    return now === undefined ? revision : { ...revision, ...waysOf(now) }
  })
  // A retired name gets no revisions any more: those that the chain grows later belong to the new one.
  const more = event !== undefined && (entry === undefined || read._tag === "Itself")
    ? event.revisions.slice(recorded.length).map((revision) => added(event, revision))
    : []
  return {
    domains: read._tag === "Dropped" ? entry?.domains ?? [] : domains,
    categories: Array.from(new Set([...(entry?.categories ?? []), ...categories])).sort(),
    read,
    revisions: [...recorded, ...more]
  }
}

/** Gives each revision that has no generated payloads some. */
export const withGolden = Effect.fnUntraced(function*(type: string, entry: Entry, event: Event.Any | undefined) {
  const revisions = yield* Effect.forEach(entry.revisions, (revision) => {
    const now = event?.revisions[revision.revision - 1]
    return now === undefined || revision.golden.generated.length > 0
      ? Effect.succeed(revision)
      : Effect.map(golden.generate(type, now), (generated): Revision => ({
        ...revision,
        golden: { byHand: revision.golden.byHand, generated }
      }))
  })
  return { ...entry, revisions }
})
