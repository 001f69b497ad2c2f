/**
 * Draws the ratios of a run that have targets: `node test/bench/chart.ts RUN.json > ratios.svg`, with what
 * `npm run bench -- --json` wrote. A bar is as long as its ratio is times its target, on a scale of doublings.
 */
import { readFileSync } from "node:fs"
import type { Ratio, Result } from "./frame/Report.ts"

const [rowHeight, labelWidth, barWidth, valueWidth, top] = [24, 430, 360, 170, 34]
/** From half of a target to eight times as much. */
const [least, most] = [-1, 3]

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** Where a part of the target lies. 1 is the target. */
const x = (part: number): number => {
  const doublings = Math.min(most, Math.max(least, Math.log2(part)))
  return labelWidth + (doublings - least) / (most - least) * barWidth
}

const draw = ({ bench, ratio }: { readonly bench: string; readonly ratio: Ratio }, i: number): string => {
  const target = ratio.target!
  // Longer is better, also where less is.
  const part = "atLeast" in target ? ratio.median / target.atLeast : target.atMost / ratio.median
  const y = top + i * rowHeight
  const sign = "atLeast" in target ? "≥" : "≤"
  const bound = "atLeast" in target ? target.atLeast : target.atMost
  return `  <text x="${labelWidth - 8}" y="${y + 15}" text-anchor="end">${escape(`${bench}: ${ratio.name}`)}</text>
  <rect x="${labelWidth}" y="${y + 4}" width="${(x(part) - labelWidth).toFixed(1)}" height="14" fill="${
    ratio.reached ? "#3a7d44" : "#b5483a"
  }"/>
  <text x="${labelWidth + barWidth + 8}" y="${y + 15}">${Number(ratio.median.toPrecision(3))} (${sign} ${bound})</text>`
}

const file = process.argv[2]
if (file === undefined) {
  console.error("chart: expected the file that `npm run bench -- --json` wrote")
  process.exitCode = 2
} else {
  const { benches, machine } = JSON.parse(readFileSync(file, "utf8")) as {
    readonly benches: ReadonlyArray<Result>
    readonly machine: { readonly at: string; readonly processor: string; readonly cores: number }
  }
  const rows = benches.flatMap(({ bench, ratios }) =>
    ratios.filter(({ target }) => target !== undefined).map((ratio) => ({ bench, ratio }))
  )
  const [width, height] = [labelWidth + barWidth + valueWidth, top + rows.length * rowHeight + 12]
  console.log(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
  <rect width="${width}" height="${height}" fill="#fff"/>
  <text x="8" y="18">Ratios to their targets (the line), ${machine.at.slice(0, 10)}, ${
      escape(`${machine.cores} cores of ${machine.processor}`)
    }</text>
${rows.map(draw).join("\n")}
  <line x1="${x(1)}" x2="${x(1)}" y1="${top - 4}" y2="${height - 8}" stroke="#222" stroke-dasharray="3 3"/>
</svg>`
  )
}
