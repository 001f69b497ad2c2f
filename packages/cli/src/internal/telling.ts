/** Tells whoever typed the command what went wrong: on standard error, in a line. */
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Found } from "./Failed.ts"
import { plain } from "./print.ts"

/** Whether the arguments ask for JSON. They may be wrong in all else, so they are not parsed. */
export const isForProgram = (args: ReadonlyArray<string>): boolean => {
  const end = args.indexOf("--")
  const flags = end === -1 ? args : args.slice(0, end)
  return flags.some((arg) => arg === "--json" || arg === "--json=true")
}

/** What an error says, in one line: whatever was thrown. */
export const messageOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error)
  return message.replaceAll(/\s*\n\s*/g, ", ")
}

/** What is wrong with an invocation, and what may have been meant. */
const invalid = (error: unknown): string =>
  messageOf(error).replace(/,? *Did you mean this\?, (.+)$/, ". Did you mean $1?")

/** What an error says, and where it came from. */
const stackOf = (defect: unknown): string => defect instanceof Error ? defect.stack ?? defect.message : String(defect)

export const to = (program: boolean) => {
  const say = (message: string, more: ReadonlyArray<string> = []): Effect.Effect<void> =>
    program
      ? Console.error(JSON.stringify({ error: message }))
      : Effect.forEach([`varve: ${plain(message)}`, ...more], (line) => Console.error(line), { discard: true })
  const presenter: CliOutput.Presenter = {
    present: (event) => {
      if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
      const { commandPath, errors, helpDoc: { usage } } = event
      const path = commandPath.join(" ")
      return say(errors.map(invalid).join("; "), [`usage: ${usage}`, `${path} --help tells more`])
    }
  }
  return {
    presenter,
    /** Tells an error, and answers with the code that the process ends with. */
    error: (error: unknown): Effect.Effect<number> => {
      // Both were told already.
      if (error instanceof Found) return Effect.succeed(1)
      if (CliError.isCliError(error) && error._tag === "ShowHelp") {
        return Effect.succeed(error.errors.length === 0 ? 0 : 2)
      }
      return Effect.as(say(messageOf(error)), 2)
    },
    /** Tells what nobody has foreseen: a mistake, here or in the code of the project, whose place matters. */
    defect: (defect: unknown): Effect.Effect<number> =>
      Effect.suspend(() => {
        const stack = stackOf(defect)
        const [first, ...more] = stack.split("\n")
        return Effect.as(program ? say(stack) : say(`a mistake in the program: ${first}`, more), 2)
      })
  }
}
