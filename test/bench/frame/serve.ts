/**
 * The other end of a child process: answers calls that come in lines. Imports nothing but Node's own, for programs of
 * other packages.
 */
import { createInterface } from "node:readline"

export type Operations = {
  readonly [name: string]: (argument: never) => Promise<unknown>
}

/** Answers calls until the input ends. */
export const serve = (operations: Operations): void => {
  const answer = (line: string) => process.stdout.write(`${line}\n`)
  const lines = createInterface({ input: process.stdin })
  lines.on("line", async (line) => {
    const { argument, id, name } = JSON.parse(line)
    try {
      const operation = operations[name]
      if (operation === undefined) throw new Error(`there is no operation ${name}`)
      // What callers send is what the operation takes: both are ours.
      answer(JSON.stringify({ id, value: await operation(argument as never) ?? null }))
    } catch (error) {
      answer(JSON.stringify({ id, error: error instanceof Error ? error.message : String(error) }))
    }
  })
  lines.on("close", () => process.exit())
}
