/**
 * Logs for tests: made-up ones, and where the real one lies.
 */
import { Stream } from "effect"
import { existsSync } from "node:fs"
import { Id } from "../../examples/loans/src/LoanApplication.ts"
import * as LogFile from "../../examples/loans/src/LogFile.ts"
import type { LogLine } from "../../examples/loans/src/LogLine.ts"
import * as Time from "../../examples/loans/src/Time.ts"

/** The real log, beside the repository. */
export const realFile = new URL("../../../shared/data/loan-applications.ndjson.gz", import.meta.url).pathname

/** Why the real log cannot be read, or `undefined` when it is there. */
export const skipped: string | undefined = existsSync(realFile) ? undefined : `${realFile} is not there`

const begin = Date.parse("2011-10-29T22:00:00.000Z")

/** The lines of some applications, round and round: neighbours in the file are never of one application. */
export const made = (options: {
  readonly applications: number
  readonly rounds: number
}): Array<LogLine> => {
  const kinds = [
    ["A_PARTLYSUBMITTED", "COMPLETE"],
    ["W_Nabellen offertes", "SCHEDULE"],
    ["W_Nabellen offertes", "START"],
    ["O_SENT", "COMPLETE"],
    ["W_Nabellen offertes", "COMPLETE"]
  ] as const
  return Array.from({ length: options.rounds * options.applications }, (_, i): LogLine => {
    const [round, application] = [Math.floor(i / options.applications), i % options.applications]
    const [activity, lifecycle] = round === 0
      ? ["A_SUBMITTED", "COMPLETE"] as const
      : kinds[(round - 1) % kinds.length]!
    return {
      application: Id.make(String(200_000 + application)),
      amountRequested: 1_000 + application,
      seq: round + 1,
      activity,
      lifecycle,
      resource: i % 7 === 0 ? null : "112",
      // Across the hour that the clocks of the Netherlands have twice.
      time: Time.format(begin + i * 1_000)
    }
  })
}

export const text = (lines: ReadonlyArray<object | string>): string =>
  lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("")

/** Lines as the bytes of a file, cut at odd places. */
export const bytes = (lines: ReadonlyArray<object | string>): Stream.Stream<Uint8Array> => {
  const all = new TextEncoder().encode(text(lines))
  const size = 1_013
  return Stream.fromIterable(
    Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.subarray(i * size, (i + 1) * size))
  )
}

export const check = (lines: ReadonlyArray<object | string>) => LogFile.check(bytes(lines))
