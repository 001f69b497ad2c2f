/**
 * The other end of an `Agent`: a process that answers, in lines of JSON, what it is asked.
 */
import { Effect, Logger, Scope } from "effect"
import { createInterface } from "node:readline"
import type { Protocol, Reply, Request } from "./Agent.ts"

/** What answers each call. A note says something on the way. */
export type Handlers<Calls extends Protocol<Calls>, Note> = {
  readonly [N in keyof Calls]: (
    request: Calls[N]["request"],
    say: (note: Note) => void
  ) => Effect.Effect<Calls[N]["answer"], unknown>
}

/** Lines of the output are what the other end reads. */
export const quiet = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

/** Answers until whoever asks is gone. `open` is given the first line. */
export const serve = <Hello, Calls extends Protocol<Calls>, Note>(
  open: (hello: Hello) => Effect.Effect<Handlers<Calls, Note>, unknown, Scope.Scope>
): void => {
  const say = (reply: Reply<Note>) => void process.stdout.write(`${JSON.stringify(reply)}\n`)
  const answer = (handlers: Handlers<Calls, Note>, line: string): void => {
    const { id, name, request }: Request = JSON.parse(line)
    // Types of the lines are those of `Calls`: both ends are of one release.
    const call = handlers[name as keyof Calls] as (
      request: unknown,
      say: (note: Note) => void
    ) => Effect.Effect<unknown, unknown>
    Effect.runFork(Effect.matchCause(Effect.provide(call(request, (note) => say({ id, note })), quiet), {
      onSuccess: (answer) => say({ id, answer }),
      onFailure: (cause) => say({ id, error: String(cause) })
    }))
  }
  const lines = createInterface({ input: process.stdin })
  const waiting: Array<string> = []
  let handlers: Handlers<Calls, Note> | undefined
  let begun = false
  // Whoever asked is gone: nobody is left to end this process.
  lines.once("close", () => process.exit())
  lines.on("line", (line) => {
    if (handlers !== undefined) return answer(handlers, line)
    if (begun) return void waiting.push(line)
    begun = true
    const opened = Effect.provide(Effect.suspend(() => open(JSON.parse(line))), quiet)
    Effect.runFork(Effect.matchCause(Effect.provideService(opened, Scope.Scope, Scope.makeUnsafe()), {
      onSuccess: (made) => {
        handlers = made
        say({ id: 0, answer: null })
        for (const line of waiting) answer(made, line)
      },
      onFailure: (cause) => say({ id: 0, error: String(cause) })
    }))
  })
}
