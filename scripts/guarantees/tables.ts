/**
 * The tables of the page of guarantees, in Markdown, from what is kept of runs.
 */
import { digits, type Ratio, targetText } from "../../test/bench/frame/Report.ts"
import { suiteNames } from "../../test/faults/Arguments.ts"
import { type Result as Judged, words } from "../../test/faults/Report.ts"
import { benchNames, type BenchRun, type Found, judged, type Kept, measured } from "./runs.ts"

/** Ratios that the short table shows: one of each kind that has a target, whatever it came to. */
const headlines: ReadonlyArray<readonly [bench: string, ratio: string]> = [
  ["append", "append at 64 to a bare INSERT"],
  ["append", "append at 64 to Emmett"],
  ["append", "p99 of an append at 64 to that of a bare INSERT"],
  ["append", "events of bulk appends to COPY of the same rows"],
  ["execute", "execute at 64 to Emmett"],
  ["execute", "execute at 64 with a cache to Emmett"],
  ["load", "load of 1,000 events to Emmett"],
  ["catch-up", "catch-up, decoded, to the bare driver"],
  ["projection", "a projection to catch-up"],
  ["projection", "a projection to Emmett's as shipped"],
  ["scale", "append at 5,000,000 to 10,000 events"],
  ["state", "a command on 10,000 events to one on 10, cache"]
]

const cell = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").trim()

/** A table as the formatter leaves it: columns of one width, the first flush left, the others as told. */
const table = (
  head: ReadonlyArray<string>,
  align: ReadonlyArray<"left" | "right">,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string => {
  const cells = rows.map((row) => row.map(cell))
  const widths = head.map((name, i) => Math.max(3, name.length, ...cells.map((row) => row[i]!.length)))
  const line = (row: ReadonlyArray<string>) =>
    `| ${
      row.map((text, i) => align[i] === "right" ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)).join(" | ")
    } |`
  const rule = widths.map((width, i) => align[i] === "right" ? `${"-".repeat(width - 1)}:` : "-".repeat(width))
  return [line(head), `| ${rule.join(" | ")} |`, ...cells.map(line)].join("\n")
}

const dayOf = (at: string): string => at.slice(0, 10)

/** What was not measured is null in a document. */
const figure = (value: number | null): string => digits(value ?? Number.NaN)

const ratioHead = ["Ratio", "Median", "Rounds from, to", "Target", "Reached"]
const ratioAlign = ["left", "right", "right", "right", "left"] as const

const ratioRow = ({ high, low, median, name, reached, target }: Ratio): ReadonlyArray<string> => [
  name,
  figure(median),
  `${figure(low)}, ${figure(high)}`,
  target === undefined ? "" : targetText(target),
  reached === undefined ? "" : reached ? "yes" : "**missed**"
]

const targeted = (kept: Kept): ReadonlyArray<Ratio> =>
  measured(kept).flatMap(({ result }) => result.ratios).filter(({ target }) => target !== undefined)

/** How many targets are reached: one line. */
export const score = (kept: Kept): string => {
  const all = targeted(kept)
  return `${all.filter(({ reached }) => reached).length} of ${all.length} targets are reached`
}

const datesOf = (kept: Kept): string => {
  const dates = [...new Set(measured(kept).map(({ machine }) => dayOf(machine.at)))].sort()
  return dates.length === 1 ? dates[0]! : `${dates[0]} to ${dates.at(-1)}`
}

const nameOf = (names: ReadonlyArray<string>): string => names.map((name) => `\`${name}\``).join(", ")

const without = (known: ReadonlyArray<string>, found: ReadonlyArray<string>): ReadonlyArray<string> =>
  known.filter((name) => !found.includes(name))

const machineText = (
  { cores, emmett, memoryGigabytes, node, pgbench, platform, postgres, processor }: BenchRun["machine"]
) => {
  const { version, ...settings } = postgres ?? { version: "none" }
  const set = Object.entries(settings).map(([name, value]) => `${name} ${value}`)
  return [
    `${cores} cores of ${processor}, ${memoryGigabytes} GB, ${platform}; Node ${node.slice(1)}; PostgreSQL ${version}`
    + `${set.length === 0 ? "" : ` (${set.join(", ")})`} on the same machine`,
    pgbench === null ? "no pgbench" : pgbench,
    `Emmett ${emmett}`
  ].join("; ")
}

/** Where the benchmarks ran: a line for each class of machines. */
const machines = (kept: Kept): string => {
  const byText = Map.groupBy(measured(kept), ({ machine }) => machineText(machine))
  const missing = without(benchNames, measured(kept).map(({ result }) => result.bench))
  return [
    ...Array.from(byText, ([text, found]) => `- ${nameOf(found.map(({ result }) => result.bench))}: ${text}.`),
    ...(missing.length === 0 ? [] : [`- ${nameOf(missing)}: not run.`])
  ].join("\n")
}

const benchSection = ({ machine, result }: Found<BenchRun, BenchRun["benches"][number]>): string => {
  const { about, bench, conditions, failed, ratios, skipped } = result
  return [
    `### ${bench}: ${about}`,
    `${dayOf(machine.at)}. ${conditions.map((line) => `${line[0]!.toUpperCase()}${line.slice(1)}.`).join(" ")}`.trim(),
    ...(ratios.length === 0 ? [] : [table(ratioHead, ratioAlign, ratios.map(ratioRow))]),
    ...skipped.map(({ what, why }) => `Skipped: ${cell(what)}: ${cell(why)}.`),
    ...(failed === undefined ? [] : [`**Failed**: ${cell(failed)}.`])
  ].join("\n\n")
}

const count = (value: number | undefined): string => value === undefined ? "" : value.toLocaleString("en")

/** Counts that every suite has, and those of memory: the others tell which faults there were. */
const common = new Set([
  "events",
  "acknowledged",
  "acknowledgedCommands",
  "rejectedCommands",
  "resolved",
  "refused",
  "unknown",
  "reads",
  "readsFailed",
  "unknownStored",
  "unknownAbsent",
  "heapSamples",
  "heapMegabytes",
  "heapGrowthPerMinute",
  "heapJudged"
])

const suiteRow = ({ machine, result }: { readonly machine: { readonly at: string }; readonly result: Judged }) => {
  const { about, counts, reason, seconds, seed, status, suite, violations } = result
  const told = status === "passed"
    ? "passed"
    : status === "skipped"
    ? `skipped: ${reason}`
    : `**failed**: ${count(violations.length)} violations`
  const of = (name: string) => status === "skipped" ? "" : count(counts[name])
  const faults = Object.entries(counts).filter(([name]) => !common.has(name))
  return [
    `\`${suite}\``,
    about,
    told,
    faults.map(([name, value]) => `${words(name)} ${count(value)}`).join(", "),
    dayOf(machine.at),
    `${seed}`,
    status === "skipped" ? "" : seconds.toFixed(0),
    of("acknowledged"),
    of("resolved"),
    of("acknowledgedCommands")
  ]
}

/** What the soak says of memory, when there was one that came to its end. */
const memory = (found: ReturnType<typeof judged>): ReadonlyArray<string> => {
  const soak = found.find(({ result }) => result.suite === "soak")?.result
  if (soak?.counts.heapGrowthPerMinute === undefined) return []
  const { heapGrowthPerMinute: growth, heapJudged } = soak.counts
  return [
    heapJudged === 1
      ? `Over the second half of the soak the heap after collection grew by ${growth} MB a minute; the limit is 1.`
      : "The soak was too short for the growth of its memory to be judged."
  ]
}

const suites = (kept: Kept): string => {
  const found = judged(kept)
  const missing = without(suiteNames, found.map(({ result }) => result.suite))
  const nothing = Array.from({ length: 7 }, () => "")
  const rows = [...found.map(suiteRow), ...missing.map((name) => [`\`${name}\``, "", "not run", ...nothing])]
  return [
    table(
      [
        "Suite",
        "What is done",
        "Result",
        "Faults",
        "Date",
        "Seed",
        "Seconds",
        "Acknowledged",
        "Resolved",
        "By commands"
      ],
      ["left", "left", "left", "left", "left", "right", "right", "right", "right", "right"],
      rows
    ),
    ...memory(found)
  ].join("\n\n")
}

const suiteMachines = ({ faults }: Kept): string => {
  const lines = faults.map((
    { machine: { cores, memoryGigabytes, node, pgbouncer, pglite, platform, postgres, processor } }
  ) =>
    `${cores} cores of ${processor}, ${memoryGigabytes} GB, ${platform}; Node ${node.slice(1)}; PostgreSQL ${
      postgres ?? "none"
    }; PGlite ${pglite}; ${pgbouncer ?? "no pgbouncer"}.`
  )
  return [...new Set(lines)].map((line) => `- ${line}`).join("\n")
}

const headline = (kept: Kept): string => {
  const found = measured(kept)
  const rows = headlines.map(([bench, name]) => {
    const ratio = found.find(({ result }) => result.bench === bench)?.result.ratios.find((ratio) => ratio.name === name)
    return ratio === undefined ? [name, "not measured", "", "", ""] : ratioRow(ratio)
  })
  const passed = judged(kept).filter(({ result }) => result.status === "passed").length
  return [
    table(ratioHead, ratioAlign, rows),
    `Of all ratios, ${score(kept)} (${datesOf(kept)}); of ${suiteNames.length} suites of faults, ${passed} passed.`
  ].join("\n\n")
}

/** What stands between the marks of a page, by their name. */
export const figures: { readonly [name: string]: (kept: Kept) => string } = {
  headline,
  machines,
  ratios: (kept) => [`${score(kept)}.`, ...measured(kept).map(benchSection)].join("\n\n"),
  suites,
  suiteMachines
}
