/**
 * Read model: what an employee has completed in a day, by day and employee.
 */
import { Projection } from "@varve/core"
import { DateTime, Schema } from "effect"
import { alike } from "./Alike.ts"
import * as Domain from "./LoanApplication.ts"
import type { LoanEvent } from "./LogLine.ts"
import * as Time from "./Time.ts"

// #region throughput
/** A state is reached, an offer moves and work ends at once. Work that is scheduled or started is not completed. */
const completions = [
  Domain.LoanApplicationSubmitted,
  Domain.LoanApplicationPartlySubmitted,
  Domain.LoanApplicationPreaccepted,
  Domain.LoanApplicationAccepted,
  Domain.LoanApplicationFinalized,
  Domain.LoanApplicationApproved,
  Domain.LoanApplicationRegistered,
  Domain.LoanApplicationActivated,
  Domain.LoanApplicationDeclined,
  Domain.LoanApplicationCancelled,
  Domain.LoanOfferSelected,
  Domain.LoanOfferCreated,
  Domain.LoanOfferSent,
  Domain.LoanOfferSentBack,
  Domain.LoanOfferAccepted,
  Domain.LoanOfferDeclined,
  Domain.LoanOfferCancelled,
  Domain.LoanWorkCompleted
] as const

export const Day = Schema.Struct({
  /** `2011-10-01`, in the Netherlands. */
  day: Schema.String,
  resource: Domain.Resource,
  completed: Schema.Int
})

type Circumstances = { readonly occurredAt: DateTime.Utc }

/** The day on which it happened, not the one on which it was stored. */
const dayOf = ({ occurredAt }: Circumstances): string => Time.format(DateTime.toEpochMillis(occurredAt)).slice(0, 10)

/** `2011-10-01/112`; `2011-10-01/` where nobody is known to have done it. */
const keyOf = ({ resource }: LoanEvent, circumstances: Circumstances): string =>
  `${dayOf(circumstances)}/${resource ?? ""}`

const counted = (
  row: typeof Day.Type | undefined,
  { resource }: LoanEvent,
  circumstances: Circumstances
): typeof Day.Type => ({
  day: row?.day ?? dayOf(circumstances),
  resource,
  completed: (row?.completed ?? 0) + 1
})

export class Throughput extends Projection.make("LoanThroughput", {
  row: Day,
  events: completions,
  indexes: { ofDay: ["day", "completed"], ofResource: ["resource", "day"], most: ["completed"] }
}).fold({
  key: alike(completions, keyOf),
  on: alike(completions, counted)
}) {}
// #endregion
