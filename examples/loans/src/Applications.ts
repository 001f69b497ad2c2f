/**
 * Read model: every application as it stands, by its id.
 */
import { Projection } from "@varve/core"
import { DateTime, Schema } from "effect"
import * as Domain from "./LoanApplication.ts"

// #region applications
/** What the bank or the customer has decided. */
export const Outcome = Schema.Literals(["Approved", "Declined", "Cancelled"])

/** What the events were checked for is not checked again: a row is, after every event. */
export const Application = Schema.Struct({
  /** `null` before it was submitted. */
  amountRequested: Schema.NullOr(Schema.Int),
  submittedAt: Schema.NullOr(Schema.DateTimeUtcFromMillis),
  /** Where it stands. */
  stage: Schema.NullOr(Domain.Stage),
  /** `null` while nothing is decided. */
  outcome: Schema.NullOr(Outcome),
  decidedAt: Schema.NullOr(Schema.DateTimeUtcFromMillis),
  /** From its submission to its decision. */
  decisionMillis: Schema.NullOr(Schema.Int),
  offersSent: Schema.Int,
  offersAccepted: Schema.Int,
  events: Schema.Int,
  /** Tag of the last event. */
  lastEvent: Schema.String,
  lastAt: Schema.NullOr(Schema.DateTimeUtcFromMillis),
  /** Who was the last to do something, as far as that is known. */
  lastResource: Schema.NullOr(Schema.String)
})
export interface Application extends Schema.Schema.Type<typeof Application> {}

/** Every event, whatever else it changes, is the last one now. */
type Any = { readonly _tag: string; readonly resource: string | null }

const touched = (row: Application, { _tag, resource }: Any, { occurredAt }: Projection.Envelope): Application => ({
  ...row,
  events: row.events + 1,
  lastEvent: _tag,
  lastAt: occurredAt,
  lastResource: resource ?? row.lastResource
})

const reaches =
  (stage: typeof Domain.Stage.Type) => (row: Application, event: Any, envelope: Projection.Envelope): Application => ({
    ...touched(row, event, envelope),
    stage
  })

const decides =
  (outcome: typeof Outcome.Type) => (row: Application, event: Any, envelope: Projection.Envelope): Application => ({
    ...touched(row, event, envelope),
    stage: outcome,
    outcome,
    decidedAt: envelope.occurredAt,
    decisionMillis: row.submittedAt === null
      ? null
      : DateTime.toEpochMillis(envelope.occurredAt) - DateTime.toEpochMillis(row.submittedAt)
  })

export class Applications extends Projection.make("LoanApplications", {
  row: Application,
  events: Domain.LoanApplication.events,
  indexes: {
    stage: ["stage", "amountRequested"],
    outcome: ["outcome", "decisionMillis"]
  }
}).fold({
  initial: {
    amountRequested: null,
    submittedAt: null,
    stage: null,
    outcome: null,
    decidedAt: null,
    decisionMillis: null,
    offersSent: 0,
    offersAccepted: 0,
    events: 0,
    lastEvent: "",
    lastAt: null,
    lastResource: null
  },
  on: {
    LoanApplicationSubmitted: (row, event, envelope) => ({
      ...touched(row, event, envelope),
      stage: "Submitted",
      amountRequested: event.amountRequested,
      submittedAt: envelope.occurredAt
    }),
    LoanApplicationPartlySubmitted: reaches("PartlySubmitted"),
    LoanApplicationPreaccepted: reaches("Preaccepted"),
    LoanApplicationAccepted: reaches("Accepted"),
    LoanApplicationFinalized: reaches("Finalized"),
    LoanApplicationApproved: decides("Approved"),
    LoanApplicationRegistered: reaches("Registered"),
    LoanApplicationActivated: reaches("Activated"),
    LoanApplicationDeclined: decides("Declined"),
    LoanApplicationCancelled: decides("Cancelled"),
    LoanOfferSelected: touched,
    LoanOfferCreated: touched,
    LoanOfferSent: (row, event, envelope) => ({
      ...touched(row, event, envelope),
      offersSent: row.offersSent + 1
    }),
    LoanOfferSentBack: touched,
    LoanOfferAccepted: (row, event, envelope) => ({
      ...touched(row, event, envelope),
      offersAccepted: row.offersAccepted + 1
    }),
    LoanOfferDeclined: touched,
    LoanOfferCancelled: touched,
    LoanWorkScheduled: touched,
    LoanWorkStarted: touched,
    LoanWorkCompleted: touched
  }
}) {}
// #endregion
