/**
 * What benchmarks found: measures, ratios between them, and the targets that ratios are held against. A table for people,
 * a document for programs.
 */
import { type Part, quotients, type Sample, type Series, type Summary, summary, type Unit } from "./measure.ts"

/** Where a ratio is to lie. */
export type Target = { readonly atLeast: number } | { readonly atMost: number }

export interface Measure extends Summary {
  readonly group: string
  readonly name: string
  readonly unit: Unit
  /** One a round, in their order. */
  readonly samples: ReadonlyArray<number>
  /** Milliseconds of single calls: medians over the rounds. */
  readonly p50?: number | undefined
  readonly p99?: number | undefined
}

export interface Ratio extends Summary {
  readonly name: string
  readonly of: string
  readonly to: string
  readonly target: Target | undefined
  /** Undefined without a target. */
  readonly reached: boolean | undefined
}

export interface Skipped {
  readonly what: string
  readonly why: string
}

/** The document of one bench. */
export interface Result {
  readonly bench: string
  readonly about: string
  /** Conditions: how many rounds, of what. */
  readonly conditions: ReadonlyArray<string>
  readonly measures: ReadonlyArray<Measure>
  readonly ratios: ReadonlyArray<Ratio>
  readonly skipped: ReadonlyArray<Skipped>
  /** Why it ended early, or `undefined`. */
  readonly failed: string | undefined
}

/** What still counts as well where a machine is shared: see `--slack` and `--floor`. */
export interface Allowance {
  readonly slack: number
  readonly floor: number | undefined
}

const medianOf = (samples: ReadonlyArray<Sample>, part: Part): number | undefined => {
  const values = samples.map((sample) => sample[part]).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : summary(values).median
}

const isReached = (value: number, target: Target): boolean =>
  "atLeast" in target ? value >= target.atLeast : value <= target.atMost

export class Report {
  readonly bench: string
  readonly about: string
  private readonly tell: (line: string) => void
  private readonly conditions: Array<string> = []
  private readonly measures: Array<Measure> = []
  private readonly ratios: Array<Ratio> = []
  private readonly skips: Array<Skipped> = []
  failed: string | undefined

  constructor(bench: string, about: string, tell: (line: string) => void) {
    this.bench = bench
    this.about = about
    this.tell = tell
  }

  /** Says what is going on, to a person who waits. */
  progress(line: string): void {
    this.tell(`${this.bench}: ${line}`)
  }

  /** Says which round is on its way. */
  onRound(rounds: number): (round: number) => void {
    return (round) => this.progress(round <= 0 ? "warming up" : `round ${round} of ${rounds}`)
  }

  /** Says under what conditions figures were taken. */
  condition(line: string): void {
    this.conditions.push(line)
  }

  /** Says what is not measured here, and why. */
  skip(what: string, why: string): void {
    this.skips.push({ what, why })
    this.tell(`${this.bench}: skipped: ${what}: ${why}`)
  }

  measure(group: string, series: Series): void {
    const samples = series.samples.map(({ value }) => value)
    const [p50, p99] = [medianOf(series.samples, "p50"), medianOf(series.samples, "p99")]
    this.measures.push({ group, name: series.name, unit: series.unit, samples, p50, p99, ...summary(samples) })
  }

  /** A ratio of two series, by the round: its median is what a target is held against. */
  ratio(name: string, of: Series, to: Series, target?: Target, part?: Part): void {
    this.quotients(name, of.name, to.name, quotients(of, to, part), target)
  }

  quotients(name: string, of: string, to: string, values: ReadonlyArray<number>, target?: Target): void {
    const result = summary(values)
    const reached = target === undefined ? undefined : isReached(result.median, target)
    this.ratios.push({ name, of, to, target, reached, ...result })
  }

  get result(): Result {
    const { about, bench, conditions, failed, measures, ratios, skips: skipped } = this
    return { bench, about, conditions, measures, ratios, skipped, failed }
  }
}

/** Ratios that are further off than is allowed. */
export const missed = ({ ratios }: Result, { floor, slack }: Allowance): ReadonlyArray<Ratio> =>
  ratios.filter(({ median, target }) => {
    if (target === undefined) return false
    if ("atMost" in target) return !(median <= target.atMost * slack)
    return !(median >= Math.min(target.atLeast, floor ?? target.atLeast) / slack)
  })

/** Three digits, or all those before the point. */
export const digits = (value: number): string =>
  Number.isNaN(value)
    ? "none"
    : value >= 100
    ? value.toLocaleString("en", { maximumFractionDigits: 0 })
    : value.toPrecision(value < 0.1 ? 2 : 3).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")

/** Columns of one width, the first flush left, the others flush right. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widths, row) => row.map((cell, i) => Math.max(widths[i] ?? 0, cell.length)),
    []
  )
  return rows.map((row) =>
    `  ${row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")}`.trimEnd()
  )
}

const measureRow = ({ high, low, median, name, p50, p99, unit }: Measure): ReadonlyArray<string> => [
  name,
  `${digits(median)} ${unit}`,
  `${digits(low)} to ${digits(high)}`,
  p50 === undefined ? "" : `p50 ${digits(p50)} ms`,
  p99 === undefined ? "" : `p99 ${digits(p99)} ms`
]

export const targetText = (target: Target): string =>
  "atLeast" in target ? `at least ${target.atLeast}` : `at most ${target.atMost}`

const ratioRow = ({ high, low, median, name, reached, target }: Ratio): ReadonlyArray<string> => [
  name,
  `${digits(median)} times`,
  `${digits(low)} to ${digits(high)}`,
  target === undefined ? "" : targetText(target),
  reached === undefined ? "" : reached ? "reached" : "MISSED"
]

/** The table of one bench. */
export const format = ({ about, bench, conditions, failed, measures, ratios, skipped }: Result): string => {
  const lines = ["", `${bench}: ${about}`, ...conditions.map((line) => `  ${line}`)]
  for (const group of new Set(measures.map(({ group }) => group))) {
    lines.push("", ` ${group}`, ...table(measures.filter((measure) => measure.group === group).map(measureRow)))
  }
  if (ratios.length > 0) lines.push("", " ratios", ...table(ratios.map(ratioRow)))
  for (const { what, why } of skipped) lines.push(`  skipped: ${what}: ${why}`)
  if (failed !== undefined) lines.push(`  FAILED: ${failed}`)
  return lines.join("\n")
}
