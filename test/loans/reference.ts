/**
 * What the report must tell of some lines, counted from the lines themselves: without events, rows or a store.
 */
import type { Application } from "../../examples/loans/src/Applications.ts"
import * as Figures from "../../examples/loans/src/Figures.ts"
import type { LogLine } from "../../examples/loans/src/LogLine.ts"
import type { Report } from "../../examples/loans/src/Report.ts"

const outcomes = { A_APPROVED: "Approved", A_DECLINED: "Declined", A_CANCELLED: "Cancelled" } as const
type OutcomeActivity = keyof typeof outcomes
const isOutcome = (activity: string): activity is OutcomeActivity => activity in outcomes

const stages = {
  A_SUBMITTED: "Submitted",
  A_PARTLYSUBMITTED: "PartlySubmitted",
  A_PREACCEPTED: "Preaccepted",
  A_ACCEPTED: "Accepted",
  A_FINALIZED: "Finalized",
  A_APPROVED: "Approved",
  A_REGISTERED: "Registered",
  A_ACTIVATED: "Activated",
  A_DECLINED: "Declined",
  A_CANCELLED: "Cancelled"
} as const

type StageActivity = keyof typeof stages
const isStage = (activity: string): activity is StageActivity => activity in stages

export const group = <A, K>(all: Iterable<A>, keyOf: (one: A) => K): Map<K, Array<A>> => {
  const groups = new Map<K, Array<A>>()
  for (const one of all) {
    const key = keyOf(one)
    const others = groups.get(key)
    if (others === undefined) groups.set(key, [one])
    else others.push(one)
  }
  return groups
}

const figuresOf = (lines: ReadonlyArray<LogLine>, cases: number): Report["figures"] => {
  const count = (name: string) =>
    lines.filter(({ activity, lifecycle }) => activity === name || lifecycle === name).length
  return Figures.figures.map(({ name }) => {
    const value = name === "applications" ? cases : name === "events" ? lines.length : count(name)
    const ofApplications = ["applications", "events", "A_APPROVED", "A_DECLINED", "A_CANCELLED", "O_SENT", "O_ACCEPTED"]
    return {
      name,
      stated: undefined,
      applications: ofApplications.includes(name) ? value : undefined,
      activities: name === "applications" ? undefined : value,
      throughput: name === "COMPLETE" ? value : undefined
    }
  })
}

const decisionsOf = (cases: Iterable<ReadonlyArray<LogLine>>): Report["decisions"] => {
  const decided = Array.from(cases).flatMap((lines) => {
    const last = lines.findLast(({ activity }) => isOutcome(activity))
    if (last === undefined || !isOutcome(last.activity)) return []
    return [{ outcome: outcomes[last.activity], millis: Date.parse(last.time) - Date.parse(lines[0]!.time) }]
  })
  return [...Object.values(outcomes), undefined].map((outcome) => {
    const times = decided.filter((one) => outcome === undefined || one.outcome === outcome).map(({ millis }) => millis)
    times.sort((a, b) => a - b)
    const [low, high] = [times[Math.floor((times.length - 1) / 2)], times[Math.ceil((times.length - 1) / 2)]]
    return {
      outcome,
      applications: times.length,
      medianMillis: low === undefined || high === undefined ? undefined : (low + high) / 2,
      ninetiethMillis: times[Math.ceil(times.length * 0.9) - 1]
    }
  })
}

/** The sums of `Report.throughput`, in full: who is as busy as another may be named or not. */
export const throughputOf = (lines: ReadonlyArray<LogLine>) => {
  const completed = lines.filter(({ lifecycle }) => lifecycle === "COMPLETE")
  const dayOf = ({ time }: LogLine) => time.slice(0, 10)
  const sizes = (groups: Map<unknown, ReadonlyArray<unknown>>) =>
    Array.from(groups.values(), ({ length }) => length).sort((a, b) => b - a).slice(0, 5)
  const cells = group(completed, (line) => `${dayOf(line)}/${line.resource ?? ""}`)
  return {
    completed: completed.length,
    rows: cells.size,
    days: sizes(group(completed, dayOf)),
    resources: sizes(group(completed, ({ resource }) => resource)),
    most: sizes(cells)
  }
}

/** What `Report.throughput` comes to, as `throughputOf` has it. */
export const sizesOf = ({ completed, days, most, resources, rows }: Report["throughput"]) => ({
  completed,
  rows,
  days: days.map(({ completed }) => completed),
  resources: resources.map(({ completed }) => completed),
  most: most.map(({ completed }) => completed)
})

/** `Report.gather` without its throughput, where the log states nothing. */
export const of = (lines: ReadonlyArray<LogLine>): Omit<Report, "throughput" | "standing"> & {
  readonly standing: ReadonlyArray<Report["standing"][number]>
} => {
  const cases = group(lines, ({ application }) => application)
  const last = Array.from(cases.values(), (lines) => lines.findLast(({ activity }) => isStage(activity))?.activity)
  return {
    figures: figuresOf(lines, cases.size),
    decisions: decisionsOf(cases.values()),
    standing: Object.entries(stages).map(([activity, stage]) => ({
      stage,
      applications: last.filter((one) => one === activity).length
    }))
  }
}

/** What a row of `Applications` holds after some lines of an application, times in milliseconds. */
export const applicationOf = (lines: ReadonlyArray<LogLine>) => {
  const count = (name: string) => lines.filter(({ activity }) => activity === name).length
  const stage = lines.map(({ activity }) => activity).findLast(isStage)
  const decision = lines.findLast(({ activity }) => isOutcome(activity))
  const [submittedAt, decidedAt] = [lines[0]!, decision].map((line) =>
    line === undefined ? null : Date.parse(line.time)
  )
  return {
    amountRequested: lines[0]!.amountRequested,
    submittedAt,
    stage: stage === undefined ? null : stages[stage],
    outcome: decision !== undefined && isOutcome(decision.activity) ? outcomes[decision.activity] : null,
    decidedAt,
    decisionMillis: decidedAt === null ? null : decidedAt! - submittedAt!,
    offersSent: count("O_SENT"),
    offersAccepted: count("O_ACCEPTED"),
    events: lines.length,
    lastAt: Date.parse(lines.at(-1)!.time),
    lastResource: lines.findLast(({ resource }) => resource !== null)?.resource ?? null
  }
}

const millis = (time: Application["lastAt"]) => time === null ? null : time.epochMilliseconds

/** A row, as `applicationOf` has it. */
export const plain = ({ decidedAt, lastAt, lastEvent: _, submittedAt, ...row }: Application) => ({
  ...row,
  submittedAt: millis(submittedAt),
  decidedAt: millis(decidedAt),
  lastAt: millis(lastAt)
})
