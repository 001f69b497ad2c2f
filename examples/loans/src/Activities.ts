/**
 * Read model: how often each activity and each lifecycle of the log was met, by its name there.
 *
 * An event knows the activity that it tells of, and not the state that its application had before. So what is counted
 * here only grows. How many applications stand in a state now is a question to `Applications`.
 */
import { Projection } from "@varve/core"
import { type DateTime, Schema } from "effect"
import { alike } from "./Alike.ts"
import { LoanApplication } from "./LoanApplication.ts"
import * as LogLine from "./LogLine.ts"

// #region activities
export const Activity = Schema.Struct({
  kind: Schema.Literals(["Activity", "Lifecycle"]),
  events: Schema.Int,
  /** Of the first and the last event that were stored. */
  firstAt: Schema.DateTimeUtc,
  lastAt: Schema.DateTimeUtc
})

/** An event counts twice: `A_SUBMITTED`, and `COMPLETE`. */
const namesOf = (event: LogLine.LoanEvent): ReadonlyArray<string> => {
  const { activity, lifecycle } = LogLine.toPair(event)
  return [activity, lifecycle]
}

const lifecycles: ReadonlySet<string> = new Set(LogLine.lifecycles)

type Circumstances = { readonly key: string; readonly occurredAt: DateTime.Utc }

const counted = (
  row: typeof Activity.Type | undefined,
  _: unknown,
  { key, occurredAt }: Circumstances
): typeof Activity.Type => ({
  kind: row?.kind ?? (lifecycles.has(key) ? "Lifecycle" : "Activity"),
  events: (row?.events ?? 0) + 1,
  firstAt: row?.firstAt ?? occurredAt,
  lastAt: occurredAt
})

export class Activities extends Projection.make("LoanActivities", {
  row: Activity,
  events: LoanApplication.events,
  indexes: { most: ["kind", "events"] }
}).fold({
  key: alike(LoanApplication.events, namesOf),
  on: alike(LoanApplication.events, counted)
}) {}
// #endregion
