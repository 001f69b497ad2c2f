/**
 * The bank as a program: `npm start` takes the tour, `npm run bank -- --help` tells what else there is.
 */
import "effect/schema/SchemaJITCompiler/enable"

import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Upcaster } from "@varve/core"
import { Embedded } from "@varve/postgres"
import { Console, Effect, Layer, Runtime } from "effect"
import { Argument, CliConfig, CliError, Command, Flag, GlobalFlag } from "effect/cli"
import { resolve } from "node:path"
import { Bank } from "./Bank.ts"
import { fromError } from "./Failed.ts"
import * as Import from "./Import.ts"
import * as Show from "./Show.ts"
import * as Text from "./Text.ts"
import { tour } from "./Tour.ts"

const data = Flag.String("data").pipe(
  Flag.withMetavar("dir"),
  Flag.withDescription("Directory of the database, made when it is missing"),
  Flag.withDefault(".varve/bank")
)

// #region layer
/** Everything the bank asks for, on a PostgreSQL inside this process. */
const layer = (dataDir: string) =>
  Bank.layer({ Balances: "inline", Statements: "async" }).pipe(
    Layer.provideMerge(Layer.mergeAll(Embedded.layer({ dataDir }), Upcaster.layer()))
  )
// #endregion

const bank = Command.make("bank").pipe(
  Command.withSharedFlags({ data }),
  Command.withHandler(({ data }) =>
    tour(`Events are kept by a PostgreSQL inside this process, in ${resolve(data)}`).pipe(Effect.provide(layer(data)))
  ),
  Command.withDescription("A small bank, kept as events. Without a command: a guided tour"),
  Command.withExamples([
    { command: "npm start", description: "Take the tour; take it again and it goes on" },
    { command: "npm run bank -- import transactions.csv", description: "Replay a list of real transactions" },
    { command: "npm run bank -- show 2378 --at 1993-01-15", description: "An account as it was on a day" }
  ])
)

const importFile = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("A list of transactions, fields separated by semicolons")
    )
  },
  Effect.fnUntraced(function*({ file }) {
    const { data } = yield* bank
    // Before the database is opened: a name that is mistyped is told at once.
    const bytes = yield* Import.open(file)
    yield* Effect.provide(Import.importFile(file, bytes), layer(data))
  })
).pipe(
  Command.withDescription("Replay a bank's list of transactions, each at its own date. Importing again adds nothing")
)

const show = Command.make(
  "show",
  {
    account: Argument.String("account").pipe(Argument.withDescription("Id of the account")),
    at: Flag.String("at").pipe(
      Flag.withMetavar("date"),
      Flag.withDescription("What had happened by the end of a day (1993-01-15), or by a time (1993-01-15T12:00:00Z)"),
      Flag.filterMap(Show.at, () => "a date such as 1993-01-15 or 1993-01-15T12:00:00Z"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*({ account, at }) {
    const { data } = yield* bank
    yield* Effect.provide(Show.show(account, at), layer(data))
  })
).pipe(Command.withDescription("Show the history of an account and what it comes to"))

/** An error that its user was told of already. */
class Told extends Error {
  override readonly [Runtime.errorReported] = false
}

const { env, stdout } = process
const coloured = stdout.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb"

// Whoever reads the output may have seen enough, such as `head`. That is no error of ours, and the store survives it.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error
  process.exit(1)
})

bank.pipe(
  Command.withSubcommands([importFile, show]),
  Command.run({ version: "0.1.0" }),
  Effect.catch((error) =>
    Effect.andThen(
      CliError.isCliError(error) ? Effect.void : Console.error(fromError(error).message),
      Effect.fail(new Told())
    )
  ),
  Effect.provideService(CliConfig.CliConfig, { builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
  coloured ? Effect.provideService(Text.Style, Text.styleOfTerminal) : (program) => program,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
