/**
 * The pages that show figures of runs. What stands between two marks is written by `npm run guarantees`, the rest by people:
 *
 *     <!-- figures: NAME -->
 *     <!-- /figures -->
 */
import { existsSync, readFileSync } from "node:fs"
import { chart } from "./chart.ts"
import { format, type Kept, readBench, readFaults } from "./runs.ts"
import { figures } from "./tables.ts"

export const kept = { bench: "test/bench/run/bench.json", faults: "test/faults/run/faults.json" } as const

const chartFile = "test/bench/run/ratios.svg"
const pages = ["GUARANTEES.md", "README.md"]

/** Puts the figures between the marks of a page. Throws where there are none of a name. */
export const fill = (page: string, runs: Kept): string =>
  page.replaceAll(
    /(<!-- figures: (\w+) -->\n)[^]*?(<!-- \/figures -->)/g,
    (_, open: string, name: string, close: string) => {
      const figure = figures[name]
      if (figure === undefined) {
        throw new Error(
          `figures: expected one of ${Object.keys(figures).join(", ")}, got ${name}`
        )
      }
      return `${open}\n${figure(runs) || "Nothing yet."}\n\n${close}`
    }
  )

/** What is kept of runs; nothing of what was never run. */
export const readKept = (): Kept => ({
  bench: existsSync(kept.bench) ? readBench(kept.bench) : [],
  faults: existsSync(kept.faults) ? readFaults(kept.faults) : []
})

/** Every file that comes of what is kept, and what it is to hold. */
export const files = (runs: Kept): ReadonlyArray<readonly [file: string, text: string]> => [
  [kept.bench, format(runs.bench)],
  [kept.faults, format(runs.faults)],
  [chartFile, chart(runs)],
  ...pages.map((page) => [page, fill(readFileSync(page, "utf8"), runs)] as const)
]

/** The files that are not what the figures that are kept yield, in lines. */
export const stale = (): ReadonlyArray<string> => {
  try {
    return files(readKept())
      .filter(([file, text]) => !existsSync(file) || readFileSync(file, "utf8") !== text)
      .map(([file]) => `${file}: differs from what the figures of the last runs yield (npm run guarantees)`)
  } catch (error) {
    return [(error as Error).message]
  }
}
