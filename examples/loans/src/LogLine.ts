/**
 * A line of the log, and the event it tells of. The mapping is exact both ways: from the events of an application its
 * lines can be written again, byte by byte. Pure.
 */
import { type Commit, Event } from "@varve/core"
import { DateTime, Result, Schema, SchemaIssue, Struct } from "effect"
import { BadLine, type Line, quote } from "./Lines.ts"
import * as Domain from "./LoanApplication.ts"
import * as Time from "./Time.ts"

// --- The words of the log, and ours ------------------------------------------

/** States of an application, and steps of its offers: the log knows only their completion. */
const steps = {
  A_SUBMITTED: Domain.LoanApplicationSubmitted,
  A_PARTLYSUBMITTED: Domain.LoanApplicationPartlySubmitted,
  A_PREACCEPTED: Domain.LoanApplicationPreaccepted,
  A_ACCEPTED: Domain.LoanApplicationAccepted,
  A_FINALIZED: Domain.LoanApplicationFinalized,
  A_APPROVED: Domain.LoanApplicationApproved,
  A_REGISTERED: Domain.LoanApplicationRegistered,
  A_ACTIVATED: Domain.LoanApplicationActivated,
  A_DECLINED: Domain.LoanApplicationDeclined,
  A_CANCELLED: Domain.LoanApplicationCancelled,
  O_SELECTED: Domain.LoanOfferSelected,
  O_CREATED: Domain.LoanOfferCreated,
  O_SENT: Domain.LoanOfferSent,
  O_SENT_BACK: Domain.LoanOfferSentBack,
  O_ACCEPTED: Domain.LoanOfferAccepted,
  O_DECLINED: Domain.LoanOfferDeclined,
  O_CANCELLED: Domain.LoanOfferCancelled
} as const

const works = {
  "W_Afhandelen leads": "HandlingLead",
  "W_Completeren aanvraag": "CompletingApplication",
  "W_Nabellen offertes": "CallingAfterOffers",
  "W_Valideren aanvraag": "AssessingApplication",
  "W_Nabellen incomplete dossiers": "CallingForMissingFiles",
  "W_Beoordelen fraude": "JudgingFraud",
  "W_Wijzigen contractgegevens": "ChangingContractData"
} as const satisfies { readonly [activity: string]: typeof Domain.Work.Type }

const turns = {
  SCHEDULE: Domain.LoanWorkScheduled,
  START: Domain.LoanWorkStarted,
  COMPLETE: Domain.LoanWorkCompleted
} as const

type Step = keyof typeof steps
type WorkName = keyof typeof works
export type Activity = Step | WorkName
export type Lifecycle = keyof typeof turns

export const activities: ReadonlyArray<Activity> = [...Struct.keys(steps), ...Struct.keys(works)]
export const lifecycles: ReadonlyArray<Lifecycle> = Struct.keys(turns)

const isWork = (activity: Activity): activity is WorkName => activity in works

/** Every pair of the log that there can be: work has three turns, everything else is complete at once. */
export const pairs: ReadonlyArray<{ readonly activity: Activity; readonly lifecycle: Lifecycle }> = activities.flatMap(
  (activity) => (isWork(activity) ? lifecycles : ["COMPLETE"] as const).map((lifecycle) => ({ activity, lifecycle }))
)

// --- The line ----------------------------------------------------------------

export const LogLine = Schema.Struct({
  application: Domain.Id,
  amountRequested: Domain.Amount,
  seq: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
  activity: Schema.Literals(activities),
  lifecycle: Schema.Literals(lifecycles),
  resource: Domain.Resource,
  time: Schema.String.check(Schema.makeFilter((text) => Time.parse(text) !== undefined))
})
export interface LogLine extends Schema.Schema.Type<typeof LogLine> {}

/** What a person is told of a field that is wrong. */
const words: { readonly [field: string]: string } = {
  application: "a number of 1 to 18 digits, as text",
  amountRequested: "whole euros from 0 to a billion",
  seq: "a whole number from 1 on",
  activity: "an activity of the log",
  lifecycle: "SCHEDULE, START or COMPLETE",
  resource: "an employee or null",
  time: "a time in the Netherlands such as 2011-10-01T00:38:44.546+02:00"
} satisfies { readonly [field in keyof LogLine]: string }

// A field that is not known would be lost on the way.
const decode = Schema.decodeUnknownResult(LogLine, { onExcessProperty: "error" })
const issues = SchemaIssue.makeFormatterStandardSchemaV1()

const json = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const show = (value: unknown): string =>
  value === undefined ? "none" : typeof value === "string" ? quote(value) : quote(JSON.stringify(value))

/** Makes a text a line of the log, or tells which field of it is wrong. */
export const parse = ({ number, text }: Line): Result.Result<LogLine, BadLine> => {
  const bad = (reason: string) => Result.fail(new BadLine({ number, reason }))
  const value = json(text)
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return bad(`expected a JSON object, got ${quote(text)}`)
  }
  const decoded = decode(value)
  if (Result.isFailure(decoded)) {
    const [first] = issues(decoded.failure.issue).issues
    const field = String(first?.path?.[0])
    const { [field]: actual } = value as { readonly [field: string]: unknown }
    return bad(`${field}: expected ${words[field] ?? "no such field"}, got ${show(actual)}`)
  }
  const { activity, lifecycle } = decoded.success
  if (lifecycle !== "COMPLETE" && !isWork(activity)) {
    return bad(`lifecycle: expected COMPLETE for ${activity}, got ${lifecycle}`)
  }
  return Result.succeed(decoded.success)
}

/** The line as the log writes it. */
export const format = (line: LogLine): string => {
  const { activity, amountRequested, application, lifecycle, resource, seq, time } = line
  return JSON.stringify({ application, amountRequested, seq, activity, lifecycle, resource, time })
}

// --- Lines to events, and back -----------------------------------------------

export type LoanEvent = Event.Type<(typeof Domain.LoanApplication)["events"][number]>

type Turned = Pick<LogLine, "activity" | "lifecycle" | "resource" | "amountRequested">

/** The event that a line tells of. */
export const toEvent = ({ activity, amountRequested, lifecycle, resource }: Turned): LoanEvent => {
  if (isWork(activity)) return turns[lifecycle].make({ work: works[activity], resource })
  return activity === "A_SUBMITTED"
    ? Domain.LoanApplicationSubmitted.make({ amountRequested, resource })
    : steps[activity].make({ resource })
}

const stepOf = new Map<string, Step>(Struct.keys(steps).map((step) => [steps[step].tag, step]))
const turnOf = new Map<string, Lifecycle>(lifecycles.map((turn) => [turns[turn].tag, turn]))
const workOf = new Map<string, WorkName>(Struct.keys(works).map((name) => [works[name], name]))

/** What the log says of an event. Every tag is in one of the tables: a test goes through them. */
export const toPair = (event: LoanEvent): { readonly activity: Activity; readonly lifecycle: Lifecycle } =>
  "work" in event
    ? { activity: workOf.get(event.work)!, lifecycle: turnOf.get(event._tag)! }
    : { activity: stepOf.get(event._tag)!, lifecycle: "COMPLETE" }

/** The line that tells of an event, which is the `version`th of its application. */
export const toLine = (event: LoanEvent, of: {
  readonly application: LogLine["application"]
  readonly amountRequested: number
  readonly version: number
  readonly occurredAt: DateTime.Utc
}): LogLine => {
  const { amountRequested, application, occurredAt, version } = of
  return {
    application,
    amountRequested,
    seq: version,
    ...toPair(event),
    resource: event.resource,
    time: Time.format(DateTime.toEpochMillis(occurredAt))
  }
}

const definitions = new Map<string, Event.Any>(Domain.LoanApplication.events.map((event) => [event.tag, event]))

/** The event of a line as a store takes it. */
export const toNewEvent = (line: LogLine): Commit.NewEvent => {
  const event = toEvent(line)
  const definition = definitions.get(event._tag)!
  return {
    type: definition.tag,
    revision: definition.revision,
    // `toEvent` has made it by its schema, so it satisfies that.
    payload: Result.getOrThrow(Event.encode(definition, event)),
    occurredAt: DateTime.makeUnsafe(Time.parse(line.time)!)
  }
}
