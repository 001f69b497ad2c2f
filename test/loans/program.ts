/**
 * Runs the example as its users do: as a process.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

const main = new URL("../../examples/loans/src/main.ts", import.meta.url).pathname

export interface Run {
  readonly child: ChildProcess
  /** What it has printed so far. */
  readonly lines: ReadonlyArray<string>
  /** Waits for its end. `null` for a process that was killed. */
  readonly code: Promise<number | null>
}

/** Starts it. `heard` gets every line that it prints to its standard output. */
export const start = (
  args: ReadonlyArray<string>,
  options?: { readonly execArgv?: ReadonlyArray<string>; readonly heard?: (line: string) => void }
): Run => {
  // The place of the events is said by an option, never by what happens to be set here.
  const { DATABASE_URL: _, ...env } = process.env
  const command = [...(options?.execArgv ?? []), main, ...args]
  const child = spawn(process.execPath, command, { env, stdio: ["ignore", "pipe", "inherit"] })
  const lines: Array<string> = []
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line)
    options?.heard?.(line)
  })
  const code = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", resolve)
  })
  return { child, lines, code }
}

/** A directory that is gone when the process ends, however it does. */
export const temporaryDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "varve-loans-"))
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The figures of a report: every row of its table. */
export const rows = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.filter((line) => / {3}(ok|differs)$/.test(line))

/** How many rows a report has: twelve figures, and the lines themselves. */
export const rowCount = 13

/** Fails unless a run ended well, with every figure exact. */
export const expectExact = (what: string, { lines }: Run, code: number | null): void => {
  const exact = rows(lines).filter((line) => line.endsWith("ok")).length
  if (code === 0 && exact === rowCount) return
  console.error(lines.join("\n"))
  throw new Error(`${what}: expected ${rowCount} exact figures and the exit code 0, got ${exact} and ${code}`)
}

/** How many figures the read models are compared in. */
const figureCount = 12

/** Fails unless a report ended well, with every figure as the log states it. */
export const expectEqual = (what: string, { lines }: Run, code: number | null): void => {
  const equal = lines.filter((line) => / \d.* {3}equal$/.test(line)).length
  if (code === 0 && equal === figureCount) return
  throw new Error(`${what}: expected ${figureCount} equal figures and the exit code 0, got ${equal} and ${code}`)
}
