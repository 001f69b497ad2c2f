/**
 * What a run has found, as Markdown that reads well as plain text: for a screen, a file, or a mail to whoever runs the
 * server.
 */
import type { Facts } from "./Server.ts"

export interface Result {
  readonly suite: string
  readonly name: string
  readonly millis: number
  readonly outcome:
    | { readonly tag: "passed" }
    | { readonly tag: "failed"; readonly what: string; readonly expected: string; readonly actual: string }
    | { readonly tag: "skipped"; readonly reason: string }
}

export interface Report {
  readonly date: Date
  readonly millis: number
  readonly seed: number
  readonly kills: number
  readonly facts: Facts
  readonly results: ReadonlyArray<Result>
}

export const seconds = (millis: number): string => `${(millis / 1_000).toFixed(1)} s`

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim()

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const cells = [head, ...rows].map((row) => row.map((cell) => oneLine(cell).replaceAll("|", "\\|")))
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [line(cells[0]!), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...cells.slice(1).map(line)]
}

const count = (results: ReadonlyArray<Result>, tag: Result["outcome"]["tag"]): number =>
  results.filter(({ outcome }) => outcome.tag === tag).length

/** `87 passed, 1 failed, 2 skipped`. */
export const tally = (results: ReadonlyArray<Result>): string =>
  (["passed", "failed", "skipped"] as const).map((tag) => `${count(results, tag)} ${tag}`).join(", ")

/** Whether everything that ran has passed, and something did. */
export const isGood = (results: ReadonlyArray<Result>): boolean =>
  count(results, "failed") === 0 && count(results, "passed") > 0

const suites = (results: ReadonlyArray<Result>): ReadonlyArray<string> =>
  table(
    ["suite", "passed", "failed", "skipped", "time"],
    [...new Set(results.map(({ suite }) => suite))].map((suite) => {
      const own = results.filter((result) => result.suite === suite)
      const millis = own.reduce((sum, result) => sum + result.millis, 0)
      const counts = (["passed", "failed", "skipped"] as const).map((tag) => `${count(own, tag)}`)
      return [suite, ...counts, seconds(millis)]
    })
  )

const failures = (results: ReadonlyArray<Result>): ReadonlyArray<string> =>
  results.flatMap(({ name, outcome, suite }) =>
    outcome.tag !== "failed" ? [] : [
      "",
      `### ${suite}: ${oneLine(name)}`,
      "",
      `- what: ${oneLine(outcome.what)}`,
      `- expected: ${oneLine(outcome.expected)}`,
      `- actual: ${oneLine(outcome.actual)}`
    ]
  )

const skips = (results: ReadonlyArray<Result>): ReadonlyArray<string> => {
  const lines = results.flatMap(({ name, outcome, suite }) =>
    outcome.tag === "skipped" ? [`- ${suite}: ${oneLine(name)} (${oneLine(outcome.reason)})`] : []
  )
  return lines.length === 0 ? [] : ["", "## Skipped", "", ...lines]
}

/** The report. */
export const render = ({ date, facts, kills, millis, results, seed }: Report): string => {
  const failed = failures(results)
  return [
    `# Varve, verification of a store: ${tally(results)}`,
    "",
    ...table(["", ""], [
      ["date", date.toISOString()],
      ["server", facts.version],
      ["database", facts.database],
      ["pooler", facts.pooler],
      ["program", `Node ${process.version} on ${process.platform} ${process.arch}`],
      ["duration", seconds(millis)],
      ["seed, kills", `${seed}, ${kills} (again with --seed ${seed} --kills ${kills})`]
    ]),
    "",
    "## Settings of the server",
    "",
    ...table(["setting", "value", "remark"], facts.settings.map(({ name, remark, value }) => [name, value, remark])),
    "",
    "## Suites",
    "",
    ...suites(results),
    ...(failed.length === 0 ? [] : ["", "## Failed", ...failed]),
    ...skips(results),
    ""
  ].join("\n")
}
