/**
 * Programs of their own processes, that talk to a test in lines.
 */
import { Effect, Exit, type Scope } from "effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

export interface Program {
  readonly pid: number
  /** The next line it prints. Fails when it ends, or after 20 seconds. */
  readonly line: Effect.Effect<string>
  readonly send: (line: string) => Effect.Effect<void>
  /** `kill -9`, and waits until it is gone. */
  readonly kill: Effect.Effect<void>
  /** Waits for its end. */
  readonly exit: Effect.Effect<void>
}

const lineTimeout = "20 seconds"

/** Runs a TypeScript file until the scope closes: one of `test/postgres/programs`, or of an address. */
export const start = (
  file: string | URL,
  args: ReadonlyArray<string>,
  options?: { readonly uid?: number; readonly gid?: number }
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const address = typeof file === "string" ? new URL(`../postgres/programs/${file}`, import.meta.url) : file
      const path = address.pathname
      const child = spawn(process.execPath, ["--no-warnings", path, ...args], {
        ...options,
        stdio: ["pipe", "pipe", "pipe"]
      })
      const lines: Array<string> = []
      let errors = ""
      let ended = false
      let wake = () => {}
      createInterface({ input: child.stdout }).on("line", (line) => {
        lines.push(line)
        wake()
      })
      child.stderr.on("data", (chunk) => errors += chunk)
      child.stdin.on("error", () => {})
      child.once("close", () => {
        ended = true
        wake()
      })
      const until = (done: () => boolean) =>
        Effect.callback<void>((resume) => {
          if (done()) return resume(Effect.void)
          wake = () => {
            if (done()) resume(Effect.void)
          }
        }).pipe(Effect.timeout(lineTimeout), Effect.orDie)
      const gone = until(() => ended)
      return {
        pid: child.pid!,
        line: Effect.flatMap(until(() => lines.length > 0 || ended), () =>
          lines.length > 0 ? Effect.succeed(lines.shift()!) : Effect.die(new Error(`${file} ended: ${errors}`))),
        send: (line: string) =>
          Effect.sync(() => void child.stdin.write(`${line}\n`)),
        kill: Effect.flatMap(Effect.sync(() => child.kill("SIGKILL")), () => gone),
        exit: gone
      }
    }),
    (program) => program.kill
  )

/** Reads what a program says, up to a line that fits. */
export const hear = (
  program: Program,
  wanted: string | ((line: string) => boolean)
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const fits = typeof wanted === "string" ? (line: string) => line === wanted : wanted
    const lines: Array<string> = []
    while (true) {
      const line = yield* Effect.exit(program.line)
      if (Exit.isFailure(line)) {
        const what = typeof wanted === "string" ? `"${wanted}"` : "line that fits"
        return yield* Effect.die(new Error(`no ${what} after ${lines.join(", ")}`, { cause: line.cause }))
      }
      lines.push(line.value)
      if (fits(line.value)) return lines
    }
  })
