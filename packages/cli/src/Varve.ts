/**
 * The `varve` command as a value, for programs that bring their own entry point.
 *
 * @since 0.1.0
 */
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as catalog from "./commands/catalog.ts"
import * as doctor from "./commands/doctor.ts"
import * as events from "./commands/events.ts"
import * as exporting from "./commands/export.ts"
import * as importing from "./commands/import.ts"
import * as migrate from "./commands/migrate.ts"
import * as projection from "./commands/projection.ts"
import * as stream from "./commands/stream.ts"
import * as Progress from "./internal/progress.ts"
import { ConfigFile, Json } from "./internal/settings.ts"
import { Style, styleOfTerminal } from "./internal/style.ts"
import * as telling from "./internal/telling.ts"

/** That of the package. */
const version = "0.1.0"

/**
 * The `varve` command with all that it can do.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("varve").pipe(
  Command.withDescription("Look after a store of events and the code that reads it"),
  Command.withExamples([
    { command: "varve catalog check", description: "Fail when a change would make stored events unreadable" },
    { command: "varve doctor --all", description: "Read every event of the store, and tell what is wrong" },
    { command: "varve events follow --json", description: "Print events as they come" }
  ]),
  Command.withSubcommands([
    catalog.command,
    doctor.command,
    migrate.command,
    events.command,
    stream.command,
    projection.command,
    exporting.command,
    importing.command
  ]),
  Command.withGlobalFlags([Json, ConfigFile])
)

/**
 * Runs the command with some arguments, tells its user what went wrong, and answers with the code that the process is to
 * end with.
 *
 * **Details**
 *
 * - 0: all is well
 * - 1: something is wrong with what was looked at
 * - 2: it could not be looked at, or the command was not understood
 *
 * Answers are on standard output, errors and notes on standard error. With `--json` there is nothing but JSON on standard
 * output, and an error is the last line on standard error: `{"error":"…"}`.
 *
 * @category commands
 * @since 0.1.0
 */
export const run = (args: ReadonlyArray<string>): Effect.Effect<number, never, Command.Environment> =>
  Effect.gen(function*() {
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const tell = telling.to(telling.isForProgram(args))
    return yield* Command.runWith(command, { version })(args).pipe(
      // What is told next begins a line, also when the work was interrupted.
      Effect.onError(() => Effect.flatMap(Progress.Display, ({ clear }) => clear)),
      Effect.as(0),
      Effect.catch(tell.error),
      Effect.catchDefect(tell.defect),
      canColor ? Effect.provideService(Style, styleOfTerminal) : (program) => program,
      Effect.provideService(CliOutput.Presenter, tell.presenter),
      // Standard output is for answers.
      Effect.provideService(Logger.LogToStderr, true),
      Effect.provideService(References.MinimumLogLevel, "Warn")
    )
  })
