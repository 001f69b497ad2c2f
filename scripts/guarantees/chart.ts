/**
 * Draws the ratios that have targets. A bar is as long as its ratio is times its target, on a scale of doublings.
 */
import type { Ratio } from "../../test/bench/frame/Report.ts"
import { type Kept, measured } from "./runs.ts"

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
  // What was not measured is null in a document. Longer is better, also where less is.
  const median: number | null = ratio.median
  const part = median === null ? 0 : "atLeast" in target ? median / target.atLeast : target.atMost / median
  const y = top + i * rowHeight
  const sign = "atLeast" in target ? "≥" : "≤"
  const bound = "atLeast" in target ? target.atLeast : target.atMost
  return `  <text x="${labelWidth - 8}" y="${y + 15}" text-anchor="end">${escape(`${bench}: ${ratio.name}`)}</text>
  <rect x="${labelWidth}" y="${y + 4}" width="${(x(part) - labelWidth).toFixed(1)}" height="14" fill="${
    ratio.reached ? "#3a7d44" : "#b5483a"
  }"/>
  <text x="${labelWidth + barWidth + 8}" y="${y + 15}">${
    median === null ? "none" : Number(median.toPrecision(3))
  } (${sign} ${bound})</text>`
}

/** The chart, as SVG. */
export const chart = (kept: Kept): string => {
  const found = measured(kept)
  const rows = found.flatMap(({ result: { bench, ratios } }) =>
    ratios.filter(({ target }) => target !== undefined).map((ratio) => ({ bench, ratio }))
  )
  const dates = found.map(({ machine }) => machine.at.slice(0, 10)).sort()
  const [from, to] = [dates[0], dates.at(-1)]
  const [width, height] = [labelWidth + barWidth + valueWidth, top + rows.length * rowHeight + 12]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
  <rect width="${width}" height="${height}" fill="#fff"/>
  <text x="8" y="18">Ratios to their targets (the line), ${from === to ? from : `${from} to ${to}`}</text>
${rows.map(draw).join("\n")}
  <line x1="${x(1)}" x2="${x(1)}" y1="${top - 4}" y2="${height - 8}" stroke="#222" stroke-dasharray="3 3"/>
</svg>
`
}
