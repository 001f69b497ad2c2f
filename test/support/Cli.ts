/** The `varve` command in this process: what it prints, and the code it ends with. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Varve } from "@varve/cli"
import { Console, Effect } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { format } from "node:util"

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What a command prints, while it prints it. */
export interface Output {
  stdout: string
  stderr: string
  /** Called whenever something was printed. */
  printed: () => void
}

const noTerminal: TerminalCapabilities.TerminalCapabilities = { canAnimate: false, canColor: false, canPrompt: false }

const consoleOf = (output: Output): Console.Console => {
  const log = (...values: ReadonlyArray<unknown>) => {
    output.stdout += `${format(...values)}\n`
    output.printed()
  }
  const error = (...values: ReadonlyArray<unknown>) => {
    output.stderr += `${format(...values)}\n`
    output.printed()
  }
  // Whatever else a console can do goes where errors go, so that a test sees it.
  return new Proxy(globalThis.console, {
    get: (target, key) =>
      key === "log" || key === "info" ? log : typeof Reflect.get(target, key) === "function" ? error : undefined
  })
}

/** Runs a command that prints into `output`. */
export const into = (
  output: Output,
  args: ReadonlyArray<string>,
  capabilities: Partial<TerminalCapabilities.TerminalCapabilities> = {}
): Effect.Effect<number> =>
  Varve.run(args).pipe(
    Effect.provideService(Console.Console, consoleOf(output)),
    Effect.provideService(TerminalCapabilities.TerminalCapabilities, { ...noTerminal, ...capabilities }),
    Effect.provide(NodeServices.layer)
  )

export const output = (): Output => ({ stdout: "", stderr: "", printed: () => {} })

/** Runs a command to its end. */
export const run = (
  args: ReadonlyArray<string>,
  capabilities?: Partial<TerminalCapabilities.TerminalCapabilities>
): Effect.Effect<Ran> =>
  Effect.suspend(() => {
    const printed = output()
    return Effect.map(into(printed, args, capabilities), (code) => ({
      code,
      stdout: printed.stdout,
      stderr: printed.stderr
    }))
  })
