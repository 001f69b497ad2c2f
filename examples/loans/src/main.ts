/**
 * The log of 13,087 loan applications as a program: `npm run loans -- import <file>`, then `npm run loans --
 * report` and `npm run loans -- show <id>`.
 */
import "effect/schema/SchemaJITCompiler/enable"

import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { EventStore, Upcaster } from "@varve/core"
import { Console, Duration, Effect, Option, Runtime, Stream } from "effect"
import { Argument, CliConfig, CliError, Command, Flag, GlobalFlag } from "effect/cli"
import * as CatchUp from "./CatchUp.ts"
import { Failed, failed } from "./Failed.ts"
import * as Figures from "./Figures.ts"
import * as Import from "./Import.ts"
import { LoanApplication } from "./LoanApplication.ts"
import { Loans } from "./Loans.ts"
import * as LogFile from "./LogFile.ts"
import * as Progress from "./Progress.ts"
import * as Report from "./Report.ts"
import * as Show from "./Show.ts"
import * as Store from "./Store.ts"
import * as Tables from "./Tables.ts"
import * as Text from "./Text.ts"

const data = Flag.String("data").pipe(
  Flag.withMetavar("dir"),
  Flag.withDescription("Directory of the embedded database, made when it is missing (default: .varve/loans)"),
  Flag.optional
)
const server = Flag.String("server").pipe(
  Flag.withMetavar("url"),
  Flag.withDescription("Keep the events on a PostgreSQL server instead (default: DATABASE_URL, where it is set)"),
  Flag.optional
)
const memory = Flag.Boolean("memory").pipe(
  Flag.withDescription("Keep the events in memory, until the program ends"),
  Flag.withDefault(false)
)

const loans = Command.make("loans").pipe(
  Command.withSharedFlags({ data, server, memory }),
  Command.withDescription("The history of 13,087 loan applications, kept as events"),
  Command.withExamples([
    {
      command: "npm run loans -- import loan-applications.ndjson.gz",
      description: "Import a log, and check its figures"
    },
    { command: "npm run loans -- report", description: "Tables of what was imported" },
    { command: "npm run loans -- show 173688 --at 2011-10-11", description: "An application as it was on a day" }
  ])
)

const daysShown = 5

const lines = (count: number): string => count === 1 ? "1 line" : `${Progress.number(count)} lines`

/** What the import has come to, in words. */
const outcome = ({ added, alreadyThere, millis }: Import.Summary): string => {
  if (added === 0) return `Nothing to import: all ${lines(alreadyThere)} were there already`
  const time = `${Progress.seconds(millis)}, ${Progress.number(Progress.rate(added, millis))} lines/s`
  return `Imported ${lines(added)} in ${time}${alreadyThere > 0 ? `; ${lines(alreadyThere)} were there already` : ""}`
}

const importFile = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("The log: a JSON object a line, packed with gzip or not")
    )
  },
  Effect.fnUntraced(function*({ file }) {
    const { layer, place } = yield* Store.open(yield* loans)
    const bytes = yield* LogFile.open(file)
    // Before the database is opened: a file that is no good is told at once.
    const [time, checked] = yield* Effect.timed(Effect.mapError(LogFile.check(bytes), named(file)))
    const { cases, events } = checked.tally
    const size = `${lines(events)} of ${Progress.number(cases)} applications`
    yield* Console.log(`Checked ${file}: ${size} in ${Progress.seconds(Duration.toMillis(time))}`)
    yield* Effect.gen(function*() {
      const held = yield* EventStore.EventStore.use(({ head }) => head)
      yield* Console.log(`Events are kept in ${place}, which holds ${held === 0 ? "none" : Progress.number(held)} yet`)
      yield* Console.log(outcome(yield* Import.run(bytes, checked)))
      for (const id of yield* Figures.report(checked)) yield* Show.between(id, daysShown)
    }).pipe(Effect.mapError(named(file)), Effect.provide(layer))
    // Kilobytes, also on a Mac.
    yield* Console.log(`\nPeak memory ${Progress.number(Math.round(process.resourceUsage().maxRSS / 1_024))} MB`)
  })
).pipe(
  Command.withDescription(
    "Import a log and compare every figure that it states of itself. Importing again adds nothing"
  )
)

/** Says which file it is that was not as expected. */
const named = (file: string) => <E extends { readonly message: string }>(error: E): E | Failed =>
  error instanceof Failed && !error.message.startsWith(file)
    ? new Failed({ message: `${file}: ${error.message.replace(/^the file: /, "")}` })
    : error

const show = Command.make(
  "show",
  {
    application: Argument.String("application").pipe(Argument.withDescription("Id of the application")),
    at: Flag.String("at").pipe(
      Flag.withMetavar("date"),
      Flag.withDescription("What had happened by the end of a day (2011-10-11), or by a time (2011-10-11T12:00)"),
      Flag.filterMap(Show.at, () => "a date such as 2011-10-11 or 2011-10-11T12:00"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*({ application, at }) {
    const { layer } = yield* Store.open(yield* loans)
    yield* Effect.provide(Show.show(application, at), layer)
  })
).pipe(Command.withDescription("Show the history of an application and what it comes to"))

/** Nothing was imported yet: the rows of no events would be no answer. */
const holdsApplications = (place: string) =>
  Effect.gen(function*() {
    const category = (yield* Upcaster.Upcaster).category(LoanApplication.name)
    const first = yield* Stream.runHead(EventStore.readAll({ filter: { categories: [category] }, limit: 1 }))
    if (Option.isNone(first)) return yield* failed(place, "imported applications", "none: run the import first")
  })

const report = Command.make(
  "report",
  {},
  Effect.fnUntraced(function*() {
    const choice = yield* loans
    if (choice.memory) return yield* failed("report", "a store that keeps what was imported", "--memory, which forgets")
    const { layer, place } = yield* Store.open(choice)
    yield* Effect.gen(function*() {
      yield* holdsApplications(place)
      const stated = yield* Import.begun(Figures.bpi2012)
      yield* Effect.gen(function*() {
        yield* Console.log(`Rows are kept in ${place}`)
        yield* Console.log(Tables.caughtUp(yield* CatchUp.run))
        yield* Tables.print(yield* Report.gather(stated))
      }).pipe(
        Effect.provide(Loans.layer({ LoanApplications: "async", LoanActivities: "async", LoanThroughput: "async" }))
      )
    }).pipe(Effect.provide(layer))
  })
).pipe(
  Command.withDescription(
    "Read models of what was imported: decisions, throughput, and figures compared with those that the log states"
  )
)

/** An error that its user was told of already. */
class Told extends Error {
  override readonly [Runtime.errorReported] = false
}

const { env, stderr, stdout } = process
const coloured = stdout.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb"
const drawing = stderr.isTTY && env["TERM"] !== "dumb"

loans.pipe(
  Command.withSubcommands([importFile, report, show]),
  Command.run({ version: "0.1.0" }),
  Effect.catch((error) =>
    Effect.andThen(CliError.isCliError(error) ? Effect.void : Console.error(error.message), Effect.fail(new Told()))
  ),
  Effect.provideService(CliConfig.CliConfig, { builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
  coloured ? Effect.provideService(Text.Style, Text.styleOfTerminal) : (program) => program,
  drawing
    ? Effect.provideService(Progress.Display, Progress.onTerminal((text) => void stderr.write(text)))
    : (program) => program,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
