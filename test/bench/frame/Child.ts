/**
 * A process beside this one that is measured: another library, or another process of ours.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

export interface Child {
  /** Calls an operation of the program, which `serve` answers. */
  readonly call: <A>(name: string, argument?: unknown) => Promise<A>
  readonly stop: () => Promise<void>
  /** Ends it at once, as a crash does. */
  readonly kill: () => Promise<void>
}

/** Lines of stderr that are kept for an error. */
const errorLines = 20

/** Starts a program. Ends it with this process, too. */
export const start = (file: string, args: ReadonlyArray<string> = []): Child => {
  const child = spawn(process.execPath, ["--no-warnings", file, ...args], { stdio: ["pipe", "pipe", "pipe"] })
  const waiting = new Map<
    number,
    { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void }
  >()
  const errors: Array<string> = []
  let calls = 0
  let ended: Error | undefined
  createInterface({ input: child.stderr }).on("line", (line) => {
    errors.push(line)
    if (errors.length > errorLines) errors.shift()
  })
  createInterface({ input: child.stdout }).on("line", (line) => {
    let answer: { readonly id?: number; readonly error?: string; readonly value?: unknown }
    try {
      answer = JSON.parse(line)
    } catch {
      // A library that talks.
      return
    }
    const caller = waiting.get(answer.id ?? -1)
    if (caller === undefined) return
    waiting.delete(answer.id!)
    if (answer.error === undefined) caller.resolve(answer.value as never)
    else caller.reject(new Error(answer.error))
  })
  child.stdin.on("error", () => {})
  const atExit = () => void child.kill("SIGKILL")
  process.once("exit", atExit)
  const gone = new Promise<void>((resolve) => {
    child.once("close", (code) => {
      process.off("exit", atExit)
      ended = new Error(`${file} ended with ${code}: ${errors.join("\n")}`)
      for (const { reject } of waiting.values()) reject(ended)
      resolve()
    })
  })
  return {
    call: (name, argument) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended)
        const id = calls++
        waiting.set(id, { resolve, reject })
        child.stdin.write(`${JSON.stringify({ id, name, argument })}\n`)
      }),
    stop: () => {
      child.stdin.end()
      child.kill()
      return gone
    },
    kill: () => {
      child.kill("SIGKILL")
      return gone
    }
  }
}
