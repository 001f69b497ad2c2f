/**
 * What the read models tell: figures to compare with those that the log states, where the applications stand, what was
 * completed by whom, and how long decisions took. It reads rows, and no event.
 */
import type { Projection } from "@varve/core"
import { Effect, Option, Stream } from "effect"
import { Activities } from "./Activities.ts"
import { type Application, Applications, Outcome } from "./Applications.ts"
import * as Figures from "./Figures.ts"
import { Stage } from "./LoanApplication.ts"
import { type Day, Throughput } from "./Throughput.ts"

/** What is read in order to report: the rows of the three read models. */
export type Needs = Projection.Rows<"LoanApplications" | "LoanActivities" | "LoanThroughput">

// --- Rows --------------------------------------------------------------------

/** Rows of one page: the most that there may be. */
const rowsPerPage = 1_000

/** All rows of a list, in its order, page by page. */
const every = <Row, E, R>(
  list: (page: { readonly limit: number; readonly cursor: string | undefined }) => Effect.Effect<
    Projection.Listed<Row>,
    E,
    R
  >
): Stream.Stream<Row, E, R> =>
  Stream.paginate(
    Option.none<string>(),
    (cursor) =>
      Effect.map(
        list({ limit: rowsPerPage, cursor: Option.getOrUndefined(cursor) }),
        ({ next, rows }) => [rows.map(({ row }) => row), Option.map(next, Option.some)] as const
      )
  )

// --- Applications ------------------------------------------------------------

/** How long it took to decide. */
export interface Decisions {
  /** What was decided; `undefined`: anything. */
  readonly outcome: typeof Outcome.Type | undefined
  readonly applications: number
  /** Half of them took at most so long; `undefined` where there are none. */
  readonly medianMillis: number | undefined
  /** Nine of ten took at most so long. */
  readonly ninetiethMillis: number | undefined
}

/** The middle of numbers in order; of the two in the middle, the mean. */
export const median = (sorted: ReadonlyArray<number>): number | undefined => {
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : sorted.length === 0
    ? undefined
    : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const decisions = (outcome: Decisions["outcome"], sorted: ReadonlyArray<number>): Decisions => ({
  outcome,
  applications: sorted.length,
  medianMillis: median(sorted),
  ninetiethMillis: sorted[Math.ceil(sorted.length * 0.9) - 1]
})

/** Goes through all applications in the order of the index of outcomes: the times to decide are in order, too. */
const ofApplications = Effect.gen(function*() {
  const totals = { events: 0, offersSent: 0, offersAccepted: 0 }
  const millis = new Map<Application["outcome"], Array<number>>()
  for (const outcome of [null, ...Outcome.literals]) {
    const times: Array<number> = []
    millis.set(outcome, times)
    yield* every((page) => Applications.list({ index: "outcome", where: { outcome }, ...page })).pipe(
      Stream.runForEachArray((rows) =>
        Effect.sync(() => {
          for (const { decisionMillis, events, offersAccepted, offersSent } of rows) {
            totals.events += events
            totals.offersSent += offersSent
            totals.offersAccepted += offersAccepted
            if (decisionMillis !== null) times.push(decisionMillis)
          }
        })
      )
    )
  }
  const all = Array.from(millis.values()).flat().sort((a, b) => a - b)
  return {
    totals,
    decisions: [
      ...Outcome.literals.map((outcome) => decisions(outcome, millis.get(outcome) ?? [])),
      decisions(undefined, all)
    ]
  }
})

/** How many applications stand where, the stages in their order. Counted by the store. */
const standing = Effect.forEach(Stage.literals, (stage) =>
  Effect.map(
    Applications.count({ index: "stage", where: { stage } }),
    (applications) => ({ stage, applications })
  ))

const decided = (outcome: typeof Outcome.Type) => Applications.count({ index: "outcome", where: { outcome } })

// --- Throughput --------------------------------------------------------------

/** Days and employees that are named. */
const busiestCount = 5

/** What was completed by one employee, or in one day. */
export interface Completed<Key> {
  readonly of: Key
  readonly completed: number
  /** Days of an employee, employees of a day. */
  readonly over: number
}

const busiest = <Key>(days: ReadonlyArray<typeof Day.Type>, keyOf: (day: typeof Day.Type) => Key) => {
  const sums = new Map<Key, Completed<Key>>()
  for (const day of days) {
    const of = keyOf(day)
    const before = sums.get(of) ?? { of, completed: 0, over: 0 }
    sums.set(of, { of, completed: before.completed + day.completed, over: before.over + 1 })
  }
  return Array.from(sums.values()).sort((a, b) => b.completed - a.completed).slice(0, busiestCount)
}

const throughput = Effect.gen(function*() {
  const days = yield* Stream.runCollect(every((page) => Throughput.list(page)))
  const { rows } = yield* Throughput.list({ index: "most", direction: "backward", limit: busiestCount })
  return {
    completed: days.reduce((sum, { completed }) => sum + completed, 0),
    rows: days.length,
    days: busiest(days, ({ day }) => day),
    resources: busiest(days, ({ resource }) => resource),
    most: rows.map(({ row }) => row)
  }
})

// --- The report --------------------------------------------------------------

/** A figure, as the log states it and as the read models tell it, each where it can. */
export interface Figure {
  readonly name: string
  readonly stated: number | undefined
  readonly applications: number | undefined
  readonly activities: number | undefined
  readonly throughput: number | undefined
}

/** Whether everybody who tells the figure tells the same. */
export const agrees = ({ activities, applications, stated, throughput }: Figure): boolean =>
  new Set([stated, applications, activities, throughput].filter((value) => value !== undefined)).size === 1

/** Reads the report from the rows. `stated` says whether they are of the log that states its figures. */
export const gather = Effect.fnUntraced(function*(stated: boolean) {
  const applications = yield* ofApplications
  const completed = yield* throughput
  const { events, offersAccepted, offersSent } = applications.totals
  const told: { readonly [figure: string]: Partial<Figure> } = {
    applications: { applications: yield* Applications.count() },
    events: { applications: events },
    COMPLETE: { throughput: completed.completed },
    A_APPROVED: { applications: yield* decided("Approved") },
    A_DECLINED: { applications: yield* decided("Declined") },
    A_CANCELLED: { applications: yield* decided("Cancelled") },
    O_SENT: { applications: offersSent },
    O_ACCEPTED: { applications: offersAccepted }
  }
  const counts = yield* Activities.getMany(Figures.figures.map(({ name }) => name))
  const lifecycles = yield* every((page) => Activities.list({ index: "most", where: { kind: "Lifecycle" }, ...page }))
    .pipe(Stream.runFold(() => 0, (sum, { events }) => sum + events))
  const figures = Figures.figures.map(({ name, stated: value }): Figure => ({
    name,
    stated: stated ? value : undefined,
    applications: undefined,
    throughput: undefined,
    activities: name === "events" ? lifecycles : name === "applications" ? undefined : counts.get(name)?.events ?? 0,
    ...told[name]
  }))
  return { figures, decisions: applications.decisions, standing: yield* standing, throughput: completed }
})

/** What the read models tell. */
export type Report = Effect.Success<ReturnType<typeof gather>>
