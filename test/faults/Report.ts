/**
 * What a run has found: a table for people, one document for programs.
 */
export interface Result {
  readonly suite: string
  readonly about: string
  readonly status: "passed" | "failed" | "skipped"
  readonly seconds: number
  readonly seed: number
  readonly counts: { readonly [name: string]: number }
  readonly violations: ReadonlyArray<string>
  /** Why it was skipped. */
  readonly reason?: string
}

/** Violations shown of a suite: the rest are many of one kind. */
const shownLimit = 20

/** Longest line of a violation. */
const lineLimit = 400

const oneLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length <= lineLimit ? line : `${line.slice(0, lineLimit - 1)}…`
}

export const words = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

const wrap = (parts: ReadonlyArray<string>, indent: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const part of parts) {
    const line = lines.at(-1)
    if (line === undefined || line.length + part.length + 2 > width) lines.push(`${indent}${part}`)
    else lines[lines.length - 1] = `${line}, ${part}`
  }
  return lines
}

/** What is said of one suite when it is through. */
export const describe = (result: Result): string => {
  const { about, counts, reason, seconds, status, suite, violations } = result
  if (status === "skipped") return `skipped: ${suite}: ${oneLine(reason ?? "")}`
  const told = Object.entries(counts).map(([name, count]) => `${words(name)} ${count.toLocaleString("en-GB")}`)
  const more = violations.length - shownLimit
  return [
    `${status === "failed" ? "FAILED" : status}: ${suite} (${seconds.toFixed(1)} s): ${about}`,
    ...wrap(told, "    ", 118),
    ...violations.slice(0, shownLimit).map((violation) => `  - ${oneLine(violation)}`),
    ...(more > 0 ? [`  - and ${more} more`] : [])
  ].join("\n")
}

/** Whether all that ran has passed, something ran, and nothing was skipped that was asked for by name. */
export const isGood = (results: ReadonlyArray<Result>, asked: ReadonlyArray<string>): boolean =>
  results.some(({ status }) => status === "passed")
  && results.every(({ status, suite }) => status === "passed" || (status === "skipped" && !asked.includes(suite)))

/** The table. */
export const table = (results: ReadonlyArray<Result>): string => {
  const head = ["suite", "status", "time", "commits acknowledged", "resolved", "violations"]
  const rows = results.map(({ counts, seconds, status, suite, violations }) =>
    status === "skipped"
      ? [suite, status, "", "", "", ""]
      : [
        suite,
        status,
        `${seconds.toFixed(1)} s`,
        `${counts.acknowledged ?? ""}`,
        `${counts.resolved ?? ""}`,
        `${violations.length}`
      ]
  )
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) =>
    row.map((cell, i) => i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ").trimEnd()
  return [line(head), ...rows.map(line)].join("\n")
}

/** The closing line. */
export const tally = (results: ReadonlyArray<Result>): string =>
  (["passed", "failed", "skipped"] as const)
    .map((status) => `${results.filter((result) => result.status === status).length} ${status}`)
    .join(", ")
