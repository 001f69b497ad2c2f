/**
 * The fold of `Applications`, written anew with tables: a second revision that must come to the same rows.
 */
import { Projection } from "@varve/core"
import { DateTime } from "effect"
import { alike } from "../../examples/loans/src/Alike.ts"
import { type Application, Applications } from "../../examples/loans/src/Applications.ts"
import { LoanApplication, type Stage } from "../../examples/loans/src/LoanApplication.ts"
import type { LoanEvent } from "../../examples/loans/src/LogLine.ts"

type Change = Partial<Application>

const reached = (stage: typeof Stage.Type) => (): Change => ({ stage })

const decided = (outcome: NonNullable<Application["outcome"]>) => (row: Application, at: DateTime.Utc): Change => ({
  stage: outcome,
  outcome,
  decidedAt: at,
  decisionMillis: row.submittedAt === null ? null : at.epochMilliseconds - row.submittedAt.epochMilliseconds
})

const changes: { readonly [tag: string]: (row: Application, at: DateTime.Utc, event: LoanEvent) => Change } = {
  LoanApplicationSubmitted: (_, at, event) => ({
    stage: "Submitted",
    submittedAt: at,
    amountRequested: "amountRequested" in event ? event.amountRequested : null
  }),
  LoanApplicationPartlySubmitted: reached("PartlySubmitted"),
  LoanApplicationPreaccepted: reached("Preaccepted"),
  LoanApplicationAccepted: reached("Accepted"),
  LoanApplicationFinalized: reached("Finalized"),
  LoanApplicationApproved: decided("Approved"),
  LoanApplicationRegistered: reached("Registered"),
  LoanApplicationActivated: reached("Activated"),
  LoanApplicationDeclined: decided("Declined"),
  LoanApplicationCancelled: decided("Cancelled"),
  LoanOfferSent: ({ offersSent }) => ({ offersSent: offersSent + 1 }),
  LoanOfferAccepted: ({ offersAccepted }) => ({ offersAccepted: offersAccepted + 1 })
}

const nothing: Application = {
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
}

const fold = (row: Application, event: LoanEvent, { occurredAt }: Projection.Envelope): Application => ({
  ...row,
  ...changes[event._tag]?.(row, occurredAt, event),
  events: row.events + 1,
  lastEvent: event._tag,
  lastAt: occurredAt,
  lastResource: event.resource ?? row.lastResource
})

export class Revised extends Projection.make("LoanApplications", {
  row: Applications.row,
  events: LoanApplication.events,
  indexes: {
    stage: ["stage", "amountRequested"],
    outcome: ["outcome", "decisionMillis"]
  },
  revision: 2
}).fold({ initial: nothing, on: alike(LoanApplication.events, fold) }) {}
