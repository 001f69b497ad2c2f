/**
 * Compares what a log states of itself with what the store gives back: counted event by event, and in the states that
 * all applications are folded to.
 */
import { type Aggregate, EventStore, type EventStoreError, Upcaster } from "@varve/core"
import { Console, Effect, Result, Stream } from "effect"
import { Failed } from "./Failed.ts"
import { Id, LoanApplication, type Stage, type State } from "./LoanApplication.ts"
import * as LogFile from "./LogFile.ts"
import * as LogLine from "./LogLine.ts"
import * as Progress from "./Progress.ts"
import { Tally } from "./Tally.ts"
import * as Text from "./Text.ts"

/** Applications that are loaded at a time. */
const loadsAtOnce = 64

/** Names the log of the BPI Challenge 2012: by its content, however it is packed. */
export const bpi2012 = "f5d32a033db5999076e32ea001c1acc9a9745c659292b32dd0df782cd4a79882"

// --- What there is to compare ------------------------------------------------

/** Something that is counted in a log. */
interface Figure {
  readonly name: string
  /** What the log of 2012 states of itself. */
  readonly stated: number
  readonly ofEvents: (tally: Tally) => number
  /** The share of one application, from the state that it was folded to. */
  readonly ofState: (loaded: Aggregate.Loaded<State>) => number
}

const sum = (numbers: Iterable<number>): number => {
  let total = 0
  for (const each of numbers) total += each
  return total
}

const figure = (name: LogLine.Activity | LogLine.Lifecycle, stated: number, ofState: (state: State) => number) => ({
  name,
  stated,
  ofEvents: (tally: Tally) => tally.of(name),
  ofState: (loaded: Aggregate.Loaded<State>) => ofState(loaded.state)
})

const reached = (stage: typeof Stage.Type) => (state: State) => state.stages.filter((each) => each === stage).length

export const figures: ReadonlyArray<Figure> = [
  { name: "applications", stated: 13_087, ofEvents: ({ cases }) => cases, ofState: () => 1 },
  { name: "events", stated: 262_200, ofEvents: ({ events }) => events, ofState: ({ version }) => version },
  figure(
    "COMPLETE",
    164_506,
    ({ offers, stages, work }) =>
      stages.length + sum(Object.values(offers)) + sum(work.map(({ completed }) => completed))
  ),
  figure("START", 71_376, ({ work }) => sum(work.map(({ started }) => started))),
  figure("SCHEDULE", 26_318, ({ work }) => sum(work.map(({ scheduled }) => scheduled))),
  figure("A_SUBMITTED", 13_087, reached("Submitted")),
  figure("A_ACCEPTED", 5_113, reached("Accepted")),
  figure("A_APPROVED", 2_246, reached("Approved")),
  figure("A_DECLINED", 7_635, reached("Declined")),
  figure("A_CANCELLED", 2_807, reached("Cancelled")),
  figure("O_SENT", 7_030, ({ offers }) => offers.sent),
  figure("O_ACCEPTED", 2_243, ({ offers }) => offers.accepted)
]

/** One line of the report. */
export interface Row {
  readonly name: string
  readonly stated: string
  /** Counted event by event. */
  readonly read: string
  /** Counted in the states of all applications. */
  readonly folded: string
  readonly ok: boolean
}

// --- What the store gives back -----------------------------------------------

/** Reads every event of every application, in the order of the store, and makes it a line of the log again. */
const readBack = Effect.gen(function*() {
  const { category, reader } = yield* Upcaster.Upcaster
  const { upcast } = reader({ aggregates: [LoanApplication.name], events: LoanApplication.events })
  const tally = new Tally()
  const digest = new LogFile.Digest()
  const amounts = new Map<string, number>()
  yield* EventStore.readAll({ filter: { categories: [category(LoanApplication.name)] } }).pipe(
    Stream.runForEachArray((page) => {
      for (const stored of page) {
        const result = upcast(stored)
        if (Result.isFailure(result)) return Effect.fail(result.failure)
        const { occurredAt, stream, version } = stored
        const application = Id.make(stream.id)
        for (const { event } of result.success) {
          if (event._tag === "LoanApplicationSubmitted") amounts.set(application, event.amountRequested)
          const amountRequested = amounts.get(application) ?? 0
          const line = LogLine.toLine(event, { application, amountRequested, version, occurredAt })
          tally.add(line, version)
          digest.add(line)
        }
      }
      return Effect.void
    })
  )
  return { tally, digest: digest.end(), applications: Array.from(amounts.keys(), (id) => Id.make(id)) }
})

/** Applications that ended in different ways: the first of each. */
export type Samples = ReadonlyArray<typeof Id.Type>

/** Folds every application, and adds up what they have come to. */
const foldAll = Effect.fnUntraced(function*(applications: ReadonlyArray<typeof Id.Type>) {
  const totals = figures.map(() => 0)
  const samples = new Map<string, typeof Id.Type>()
  const progress = yield* Progress.start("applications", applications.length)
  let folded = 0
  yield* Effect.forEach(applications, (id) =>
    Effect.flatMap(LoanApplication.load(id), (loaded) => {
      figures.forEach(({ ofState }, i) => totals[i]! += ofState(loaded))
      for (const stage of ["Activated", "Cancelled", "Declined"] as const) {
        // One with an offer has more to tell, unless nobody had one.
        if (loaded.state.stages.includes(stage) && loaded.state.offers.sent > 1 && !samples.has(stage)) {
          samples.set(stage, id)
        }
      }
      return progress.done(++folded)
    }), { concurrency: loadsAtOnce, discard: true })
  const found: Samples = samples.size > 0 ? Array.from(samples.values()) : applications.slice(0, 3)
  return { totals, samples: found, millis: yield* progress.end }
})

export interface Comparison {
  readonly rows: ReadonlyArray<Row>
  readonly samples: Samples
  readonly applications: number
  readonly events: number
  /** How long it took to fold all applications. */
  readonly millis: number
}

type Problem = EventStoreError.EventStoreError | Upcaster.Unreadable | Aggregate.ExecutionError
type Needs = EventStore.EventStore | Upcaster.Upcaster | Aggregate.Instances<"LoanApplication">

/**
 * Compares. A file that is not the log of 2012 states what was counted when it was checked. The last row is that of the
 * lines themselves: the digest of what is read back, as lines of the log in the order of the store.
 */
export const compare = Effect.fnUntraced(function*(
  checked: LogFile.Checked
): Effect.fn.Return<Comparison, Problem, Needs> {
  const read = yield* readBack
  const { millis, samples, totals } = yield* foldAll(read.applications)
  const rows = figures.map(({ name, ofEvents, stated }, i): Row => {
    const expected = checked.digest === bpi2012 ? stated : ofEvents(checked.tally)
    const [found, folded] = [ofEvents(read.tally), totals[i]!]
    const [a, b, c] = [expected, found, folded].map(Progress.number) as [string, string, string]
    return { name, stated: a, read: b, folded: c, ok: found === expected && folded === expected }
  })
  const short = (digest: string) => digest.slice(0, 8)
  const lines: Row = {
    name: "lines (SHA-256)",
    stated: short(checked.digest),
    read: short(read.digest),
    folded: "",
    ok: read.digest === checked.digest
  }
  return { rows: [...rows, lines], samples, millis, applications: read.applications.length, events: read.tally.events }
})

/** Prints the comparison, and fails when something differs. Returns applications that are worth a look. */
export const report = Effect.fnUntraced(function*(
  checked: LogFile.Checked
): Effect.fn.Return<Samples, Problem | Failed, Needs> {
  const { applications, events, millis, rows, samples } = yield* compare(checked)
  const { faint, strong } = yield* Text.Style
  const perSecond = Progress.number(Progress.rate(applications, millis))
  yield* Console.log(
    `Folded ${Progress.number(applications)} applications from ${Progress.number(events)} events in ${
      Progress.seconds(millis)
    }, ${perSecond} applications/s`
  )
  yield* Console.log(`\n${faint("figure                  stated   read back      folded")}`)
  for (const { folded, name, ok, read, stated } of rows) {
    const cells = [name.padEnd(18), stated.padStart(12), read.padStart(12), folded.padStart(12)].join("")
    yield* Console.log(`${cells}   ${ok ? "ok" : strong("differs")}`)
  }
  const wrong = rows.filter(({ ok }) => !ok).length
  if (wrong > 0) {
    return yield* new Failed({ message: `${wrong} of ${rows.length} figures differ from what the log states` })
  }
  return samples
})
