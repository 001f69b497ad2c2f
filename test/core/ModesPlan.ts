/**
 * The projection of `ModesWorld.ts`, in all its revisions, and the plans of how it is run.
 */
import { type Commit, Event, Projection } from "@varve/core"
import { type DateTime, Schema } from "effect"

// --- The domain --------------------------------------------------------------

class Counted extends Event.make("Counted", { group: Schema.Int, by: Schema.Int }) {}
class Moved extends Event.make("Moved", { from: Schema.Int, into: Schema.Int }) {}
class Noted extends Event.make("Noted", {}) {}
class Cleared extends Event.make("Cleared", { group: Schema.Int }) {}
/** Of no interest to the projection. */
class Ignored extends Event.make("Ignored", {}) {}

const Row = Schema.Struct({
  // A fold that breaks this fails at that event, whatever the row is by the end of a batch.
  count: Schema.Int.check(Schema.isBetween({ minimum: -1, maximum: 1_000_000 })),
  seen: Schema.Int,
  last: Schema.String
})
export type Row = typeof Row.Type

export const named = (group: number) => `group ${group}`
export const none: Row = { count: 0, seen: 0, last: "" }

/** Depends on the order of events, on every one of them, and on the envelope. */
export const seen = (
  row: Row,
  count: number,
  { eventId, version }: Pick<Projection.Envelope, "eventId" | "version">
): Row => ({
  count,
  seen: (row.seen * 31 + version) % 1_000_003,
  last: eventId
})

/** What the fold cannot take, until it is mended: one throws, the other gives a row that does not fit. */
export const throwing = 7
export const unfit = 8

const makeFold = (revision: number, mended: boolean, onFailure: Projection.OnFailure = "park") =>
  Projection.make("Groups", {
    row: Row,
    events: [Counted, Moved, Noted, Cleared],
    indexes: { count: ["count"] },
    revision,
    onFailure
  }).fold({
    key: {
      Counted: ({ group }) => named(group),
      Moved: ({ from, into }) => [named(from), named(into)],
      Cleared: ({ group }) => named(group)
    },
    on: {
      Counted: (row = none, { by }, envelope) => {
        if (by === throwing && !mended) throw new Error("Seven is too much")
        return seen(row, by === unfit && !mended ? -2 : row.count + by, envelope)
      },
      Moved: (row = none, { from, into }, envelope) => {
        if (from === into) return seen(row, row.count, envelope)
        return envelope.key === named(from) ? undefined : seen(row, row.count + 1, envelope)
      },
      Noted: (row = none, _, envelope) => seen(row, row.count + 1, envelope),
      Cleared: () => undefined
    }
  })

export class Groups extends makeFold(1, false) {}
/** The same fold, as a rebuild makes it. */
export class Rebuilt extends makeFold(2, false) {}
/** The rebuilt one without its faults. */
export class Mended extends makeFold(2, true) {}
/** One that halts where it fails, and the same without its faults. */
export class Halting extends makeFold(1, false, "halt") {}
export class HaltingMended extends makeFold(1, true, "halt") {}

// --- Plans -------------------------------------------------------------------

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const NewEvent = Schema.Struct({
  kind: Schema.Literals(["counted", "counted", "counted", "moved", "noted", "cleared", "ignored"]),
  stream: upTo(3),
  group: upTo(4),
  other: upTo(4),
  by: Schema.Literals([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, throwing, unfit])
})
export type NewEvent = typeof NewEvent.Type

const Writing = Schema.Struct({
  events: Schema.NonEmptyArray(NewEvent).check(Schema.isMaxLength(4)),
  /**
   * `known` says its versions, as commands do; `blind` does not, so nothing can be folded before it is stored; `foreign` is
   * another process, which knows nothing of projections.
   */
  writer: Schema.Literals(["known", "known", "blind", "foreign"])
})
export type Writing = typeof Writing.Type

const Mode = Schema.Literals(["inline", "async", "live"])
export type Mode = typeof Mode.Type

const Stretch = Schema.Struct({
  mode: Mode,
  /** How a second process runs it meanwhile; `live` does not run it. */
  beside: Schema.Literals(["live", "live", "inline", "async"]),
  partitions: Schema.Literals([1, 1, 2, 3]),
  pageSize: Schema.Literals([1, 2, 3, 7, 100]),
  commits: Schema.Array(Writing).check(Schema.isMaxLength(8)),
  /** The batch at which the process dies, before or after it was committed; 0 when it lives. */
  dies: upTo(4),
  dieAfter: Schema.Boolean,
  /** Whether the commits are appended at once. */
  atOnce: Schema.Boolean,
  /** Whether it is read, and waited for. */
  waits: Schema.Boolean,
  /** Whether a commit of rows takes its time, so that the next batch is made meanwhile. */
  slow: Schema.Boolean
})
export type Stretch = typeof Stretch.Type

export const Plan = Schema.Struct({
  stretches: Schema.Array(Stretch).check(Schema.isMaxLength(5)),
  rebuildPartitions: Schema.Literals([1, 2, 4])
})
export type Plan = typeof Plan.Type

/** The event that a store is given. */
export const newEvent = ({ by, group, kind, other }: NewEvent, at: DateTime.Utc): Commit.NewEvent => {
  const event = (type: string, payload: Schema.JsonObject) => ({ type, revision: 1, payload, occurredAt: at })
  switch (kind) {
    case "counted":
      return event(Counted.tag, { group, by })
    case "moved":
      return event(Moved.tag, { from: group, into: other })
    case "noted":
      return event(Noted.tag, {})
    case "cleared":
      return event(Cleared.tag, { group })
    case "ignored":
      return event(Ignored.tag, {})
  }
}

export const event = (kind: NewEvent["kind"], stream: number, group = 0, by: NewEvent["by"] = 1): NewEvent => ({
  kind,
  stream,
  group,
  other: (group + 1) % 5,
  by
})

// --- A plan that comes to everything -----------------------------------------

/** Eight commits of a few events each; every group is there, in several streams, rows come and go. */
const commits = (first: number, bad: boolean): ReadonlyArray<Writing> =>
  Array.from({ length: 8 }, (_, i): Writing => ({
    writer: (["known", "known", "blind", "foreign"] as const)[(first + i) % 4]!,
    events: [
      event("counted", i % 4, i % 5, bad && i === 3 ? (first % 2 === 0 ? throwing : unfit) : 2),
      event((["noted", "moved", "ignored", "cleared"] as const)[(first + i) % 4]!, (i + 1) % 4, (i + 2) % 5)
    ]
  }))

const calm: Stretch = {
  mode: "inline",
  beside: "live",
  partitions: 1,
  pageSize: 2,
  commits: commits(0, false),
  dies: 0,
  dieAfter: false,
  atOnce: false,
  waits: true,
  slow: false
}

/** In every mode, with a crash before and after a commit, over several partitions, with keys that are parked. */
export const everything: Plan = {
  stretches: [
    calm,
    { ...calm, mode: "async", partitions: 3, commits: commits(1, true), slow: true },
    { ...calm, mode: "async", partitions: 2, dies: 2, dieAfter: true, atOnce: true },
    { ...calm, mode: "live", commits: commits(2, true) },
    { ...calm, mode: "async", partitions: 1, dies: 2, commits: commits(3, false) },
    { ...calm, beside: "async", pageSize: 3, commits: commits(2, false) },
    { ...calm, mode: "inline", commits: commits(5, false) }
  ],
  rebuildPartitions: 4
}

/** What happens in it. */
export const everythingHappens = [
  "inline",
  "async",
  "live",
  "inline beside async",
  "known",
  "blind",
  "foreign",
  "level after an append",
  "partitions: 1",
  "partitions: 2",
  "partitions: 3",
  "died before a commit",
  "died after a commit",
  "parked"
]
