/**
 * Rounds in turn: what is compared is measured side by side, so that a slow moment of the machine meets both sides.
 */

/** What one round gave: a rate or a time, and how long single calls took. */
export interface Sample {
  readonly value: number
  /** Milliseconds of single calls, where they were taken. */
  readonly p50?: number | undefined
  readonly p99?: number | undefined
}

export type Unit = "commits/s" | "commands/s" | "events/s" | "ns" | "ms" | "MB"

/** Something that is measured: one of those that take turns. */
export interface Contender {
  readonly name: string
  readonly unit: Unit
  readonly round: () => Promise<Sample | number>
}

/** The samples of a contender, one a round. */
export interface Series {
  readonly name: string
  readonly unit: Unit
  readonly samples: ReadonlyArray<Sample>
}

/** The middle of what was measured, and how far it spreads. */
export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const summary = (values: ReadonlyArray<number>): Summary => ({
  median: median(values),
  low: Math.min(...values),
  high: Math.max(...values)
})

/** A value that a share of all lies at or below. Sorts what it is given. */
export const quantile = (values: Float64Array, share: number): number =>
  values.length === 0 ? Number.NaN : values.sort()[Math.min(values.length - 1, Math.floor(values.length * share))]!

/** The middle and the slow end of single calls. */
export const latencies = (millis: ReadonlyArray<number>): { readonly p50: number; readonly p99: number } => {
  const sorted = Float64Array.from(millis)
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) }
}

/**
 * Measures contenders in rounds. Every second round goes the other way about, so that what comes first or last does not
 * do so every time. `warmUps` rounds are not counted.
 */
export const interleave = async <const Name extends string>(
  contenders: ReadonlyArray<Contender & { readonly name: Name }>,
  options: { readonly rounds: number; readonly warmUps?: number; readonly onRound?: (round: number) => void }
): Promise<Record<Name, Series>> => {
  const samples = contenders.map(() => new Array<Sample>())
  const { onRound, rounds, warmUps = 1 } = options
  for (let round = -warmUps; round < rounds; round++) {
    onRound?.(round + 1)
    const order = contenders.map((_, i) => round % 2 === 0 ? i : contenders.length - 1 - i)
    for (const i of order) {
      const result = await contenders[i]!.round()
      if (round >= 0) samples[i]!.push(typeof result === "number" ? { value: result } : result)
    }
  }
  const series = contenders.map(({ name, unit }, i) => [name, { name, unit, samples: samples[i]! }] as const)
  // One entry for each name.
  return Object.fromEntries(series) as unknown as Record<Name, Series>
}

/** Nanoseconds that a call of each takes, by as many calls a round. As many rounds again warm up. */
export const interleaveCalls = <const Name extends string>(
  cases: { readonly [N in Name]: () => void },
  { calls, rounds }: { readonly calls: number; readonly rounds: number }
): Promise<{ readonly [N in Name]: Series }> =>
  interleave(
    // Keys of a record that has no others.
    (Object.keys(cases) as Array<Name>).map((name) => ({
      name,
      unit: "ns" as const,
      round: async () => {
        const from = performance.now()
        cases[name]()
        return (performance.now() - from) * 1e6 / calls
      }
    })),
    { rounds, warmUps: rounds }
  )

/** Which of the numbers of a sample. */
export type Part = "value" | "p50" | "p99"

/** Quotients within rounds. */
export const quotients = (of: Series, to: Series, part: Part = "value"): ReadonlyArray<number> =>
  of.samples.map((sample, round) => (sample[part] ?? Number.NaN) / (to.samples[round]?.[part] ?? Number.NaN))

/**
 * Callers that go on until the time is up, each with its own calls, one after the other. Gives how many calls were answered
 * a second, and how long they took.
 */
export const closedLoop = async (
  callers: number,
  seconds: number,
  caller: (i: number, going: () => boolean, record: (millis: number) => void) => Promise<void>
): Promise<Required<Sample>> => {
  const millis: Array<number> = []
  const from = performance.now()
  const until = from + seconds * 1_000
  const going = () => performance.now() < until
  const record = (each: number) => void millis.push(each)
  await Promise.all(Array.from({ length: callers }, (_, i) => caller(i, going, record)))
  return { value: millis.length / (performance.now() - from) * 1_000, ...latencies(millis) }
}
