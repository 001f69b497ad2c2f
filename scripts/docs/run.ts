/** Runs blocks one after the other in this process, a child of `docs.ts`: their names come as arguments. */
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { format, inspect, isDeepStrictEqual } from "node:util"

export interface Message {
  readonly name: string
  readonly problems: ReadonlyArray<string>
}

const blockLimitMillis = 30_000

let problems: Array<string> = []
let output: Array<string> = []
let pending: Array<Promise<void>> = []
let reached = new Set<number>()
let expected: ReadonlyArray<number> = []

const print = (value: unknown): string =>
  inspect(value, { breakLength: 100, depth: 20, maxArrayLength: null, maxStringLength: null, sorted: true })

const compare = (actual: unknown, wanted: unknown, line: number): void => {
  // Errors print their stacks, so they are equal only as values.
  if (print(actual) === print(wanted) || isDeepStrictEqual(actual, wanted)) return
  problems.push(`line ${line} is ${print(actual)}, not ${print(wanted)}`)
}

const isPromise = (value: unknown): value is Promise<unknown> => value instanceof Promise

// What instrumented blocks call.
Object.assign(globalThis, {
  __docs: {
    check: (actual: unknown, wanted: () => unknown, line: number) => {
      reached.add(line)
      if (isPromise(actual)) pending.push(actual.then((value) => compare(value, wanted(), line)))
      else compare(actual, wanted(), line)
      return actual
    },
    settled: () => Promise.all(pending),
    expect: (lines: ReadonlyArray<number>) => {
      expected = lines
    }
  }
})

// What blocks write is shown only beside a failure.
for (const method of ["debug", "error", "info", "log", "warn"] as const) {
  console[method] = (...args: ReadonlyArray<unknown>) => void output.push(format(...args))
}

process.on("unhandledRejection", (error) => void problems.push(`unhandled rejection: ${print(error)}`))
process.on("uncaughtException", (error) => void problems.push(`uncaught: ${print(error)}`))

const runBlock = async (name: string): Promise<void> => {
  problems = []
  output = []
  pending = []
  reached = new Set()
  expected = []
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still running after ${blockLimitMillis} ms`)), blockLimitMillis)
    // Alone it must not keep the process: a block that waits for nothing ends it, and its parent sees that.
    timer.unref()
  })
  try {
    await Promise.race([import(pathToFileURL(join(process.cwd(), name)).href), limit])
    await Promise.race([Promise.all(pending), limit])
    for (const line of expected) {
      if (!reached.has(line)) problems.push(`line ${line} was never reached`)
    }
  } catch (error) {
    problems.push(print(error))
  } finally {
    clearTimeout(timer)
  }
  // A rejection that nobody handles is told of only after the microtasks.
  await new Promise((resolve) => setImmediate(resolve))
  if (process.exitCode) problems.push(`exit code ${process.exitCode}`)
  process.exitCode = undefined
  if (problems.length > 0 && output.length > 0) problems.push(`it wrote:\n${output.join("\n")}`)
  await new Promise((resolve) => process.send!({ name, problems } satisfies Message, resolve))
}

for (const name of process.argv.slice(2)) await runBlock(name)
// Servers and pools that a block has left open must not keep the process.
process.exit(0)
