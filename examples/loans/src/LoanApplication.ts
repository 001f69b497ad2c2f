/**
 * An application for a loan: the states it goes through, the offers made for it, and the work that people do on it.
 */
import { Aggregate, Event } from "@varve/core"
import { Schema } from "effect"

// #region schemas
export const Id = Schema.String.check(Schema.isPattern(/^\d{1,18}$/, { expected: "a number of 1 to 18 digits" })).pipe(
  Schema.brand("LoanApplication/Id")
)

/** Whole euros. The log has applications for nothing. */
export const Amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000_000 }))

// What no terminal shows, and no key of a row can hold.
const invisible = /\p{C}/u

/** Who did it: the number of an employee (112 is the web site), or nobody that is known. */
export const Resource = Schema.NullOr(
  Schema.NonEmptyString.check(
    Schema.isMaxLength(64),
    Schema.makeFilter((text) => !invisible.test(text), { expected: "text without control characters" })
  )
)

/** What people do for an application. */
export const Work = Schema.Literals([
  "HandlingLead",
  "CompletingApplication",
  "CallingAfterOffers",
  "AssessingApplication",
  "CallingForMissingFiles",
  "JudgingFraud",
  "ChangingContractData"
])
// #endregion

// --- Events: facts, in the past tense. Their tags and fields are what lies on disk. ---

// #region events
const by = { resource: Resource }

export class LoanApplicationSubmitted
  extends Event.make("LoanApplicationSubmitted", { amountRequested: Amount, ...by })
{}
export class LoanApplicationPartlySubmitted extends Event.make("LoanApplicationPartlySubmitted", by) {}
export class LoanApplicationPreaccepted extends Event.make("LoanApplicationPreaccepted", by) {}
export class LoanApplicationAccepted extends Event.make("LoanApplicationAccepted", by) {}
export class LoanApplicationFinalized extends Event.make("LoanApplicationFinalized", by) {}
export class LoanApplicationApproved extends Event.make("LoanApplicationApproved", by) {}
export class LoanApplicationRegistered extends Event.make("LoanApplicationRegistered", by) {}
export class LoanApplicationActivated extends Event.make("LoanApplicationActivated", by) {}
export class LoanApplicationDeclined extends Event.make("LoanApplicationDeclined", by) {}
export class LoanApplicationCancelled extends Event.make("LoanApplicationCancelled", by) {}

export class LoanOfferSelected extends Event.make("LoanOfferSelected", by) {}
export class LoanOfferCreated extends Event.make("LoanOfferCreated", by) {}
export class LoanOfferSent extends Event.make("LoanOfferSent", by) {}
export class LoanOfferSentBack extends Event.make("LoanOfferSentBack", by) {}
export class LoanOfferAccepted extends Event.make("LoanOfferAccepted", by) {}
export class LoanOfferDeclined extends Event.make("LoanOfferDeclined", by) {}
export class LoanOfferCancelled extends Event.make("LoanOfferCancelled", by) {}

export class LoanWorkScheduled extends Event.make("LoanWorkScheduled", { work: Work, ...by }) {}
export class LoanWorkStarted extends Event.make("LoanWorkStarted", { work: Work, ...by }) {}
export class LoanWorkCompleted extends Event.make("LoanWorkCompleted", { work: Work, ...by }) {}
// #endregion

// --- State: what an application has come to. ---------------------------------

// #region state
export const Stage = Schema.Literals([
  "Submitted",
  "PartlySubmitted",
  "Preaccepted",
  "Accepted",
  "Finalized",
  "Approved",
  "Registered",
  "Activated",
  "Declined",
  "Cancelled"
])

/** The log names no offer, so those of an application are counted and not told apart. */
export const Offers = Schema.Struct({
  selected: Schema.Int,
  created: Schema.Int,
  sent: Schema.Int,
  sentBack: Schema.Int,
  accepted: Schema.Int,
  declined: Schema.Int,
  cancelled: Schema.Int
})

/** One kind of work on an application. It is put down and taken up again, by whoever has the time. */
export const WorkItem = Schema.Struct({
  work: Work,
  /** What was done last. */
  step: Schema.Literals(["Scheduled", "Started", "Completed"]),
  scheduled: Schema.Int,
  started: Schema.Int,
  completed: Schema.Int
})

export const State = Schema.Struct({
  /** `null` before it was submitted. */
  amountRequested: Schema.NullOr(Amount),
  /** In the order in which it reached them: the last is where it stands. */
  stages: Schema.Array(Stage),
  offers: Offers,
  /** In the order of first mention. */
  work: Schema.Array(WorkItem),
  /** Who was the last to do something, as far as that is known. */
  lastResource: Resource
})
export interface State extends Schema.Schema.Type<typeof State> {}
// #endregion

// --- The aggregate. ----------------------------------------------------------

type By = { readonly resource: string | null }

const reaches = (stage: typeof Stage.Type) => (state: State, { resource }: By): State => ({
  ...state,
  stages: [...state.stages, stage],
  lastResource: resource ?? state.lastResource
})

const offer = (step: keyof State["offers"]) => (state: State, { resource }: By): State => ({
  ...state,
  offers: { ...state.offers, [step]: state.offers[step] + 1 },
  lastResource: resource ?? state.lastResource
})

const none = { scheduled: 0, started: 0, completed: 0 }

const works =
  (count: keyof typeof none, step: (typeof WorkItem.Type)["step"]) =>
  (state: State, { resource, work }: By & { readonly work: typeof Work.Type }): State => {
    const before = state.work.find((item) => item.work === work)
    const after = { ...(before ?? { ...none, work }), step }
    after[count]++
    return {
      ...state,
      work: before === undefined ? [...state.work, after] : state.work.map((item) => item === before ? after : item),
      lastResource: resource ?? state.lastResource
    }
  }

// #region aggregate
/**
 * It has no commands: what was decided in 2011 is history, and `Import` appends it as such. A bank that would go on
 * with these applications adds its commands here, and they find the state that the history makes.
 */
export class LoanApplication extends Aggregate.make("LoanApplication", {
  id: Id,
  state: State,
  commands: [],
  events: [
    LoanApplicationSubmitted,
    LoanApplicationPartlySubmitted,
    LoanApplicationPreaccepted,
    LoanApplicationAccepted,
    LoanApplicationFinalized,
    LoanApplicationApproved,
    LoanApplicationRegistered,
    LoanApplicationActivated,
    LoanApplicationDeclined,
    LoanApplicationCancelled,
    LoanOfferSelected,
    LoanOfferCreated,
    LoanOfferSent,
    LoanOfferSentBack,
    LoanOfferAccepted,
    LoanOfferDeclined,
    LoanOfferCancelled,
    LoanWorkScheduled,
    LoanWorkStarted,
    LoanWorkCompleted
  ],
  rejections: []
}).decider({
  initial: {
    amountRequested: null,
    stages: [],
    offers: { selected: 0, created: 0, sent: 0, sentBack: 0, accepted: 0, declined: 0, cancelled: 0 },
    work: [],
    lastResource: null
  },

  decide: {},

  evolve: {
    LoanApplicationSubmitted: (state, event) => ({
      ...reaches("Submitted")(state, event),
      amountRequested: event.amountRequested
    }),
    LoanApplicationPartlySubmitted: reaches("PartlySubmitted"),
    LoanApplicationPreaccepted: reaches("Preaccepted"),
    LoanApplicationAccepted: reaches("Accepted"),
    LoanApplicationFinalized: reaches("Finalized"),
    LoanApplicationApproved: reaches("Approved"),
    LoanApplicationRegistered: reaches("Registered"),
    LoanApplicationActivated: reaches("Activated"),
    LoanApplicationDeclined: reaches("Declined"),
    LoanApplicationCancelled: reaches("Cancelled"),
    LoanOfferSelected: offer("selected"),
    LoanOfferCreated: offer("created"),
    LoanOfferSent: offer("sent"),
    LoanOfferSentBack: offer("sentBack"),
    LoanOfferAccepted: offer("accepted"),
    LoanOfferDeclined: offer("declined"),
    LoanOfferCancelled: offer("cancelled"),
    LoanWorkScheduled: works("scheduled", "Scheduled"),
    LoanWorkStarted: works("started", "Started"),
    LoanWorkCompleted: works("completed", "Completed")
  }
}) {}
// #endregion
