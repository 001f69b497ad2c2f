import type { Report } from "./Report.ts"

/** What was asked for on the command line. */
export interface Settings {
  /** Rounds that are counted; a bench has a number of its own. */
  readonly rounds: number | undefined
  /** Seconds of a round that ends by the clock; a bench has a number of its own. */
  readonly seconds: number | undefined
  /** Whether to measure beside other libraries, which are installed for it. */
  readonly peers: boolean
}

/** One benchmark: fills a report. Throws where something is wrong; what cannot be measured here is skipped in words. */
export interface Bench {
  /** One line. */
  readonly about: string
  readonly run: (settings: Settings, report: Report) => Promise<void>
}
