/**
 * Prints what the read models tell.
 */
import { Console, Effect } from "effect"
import type * as CatchUp from "./CatchUp.ts"
import { Failed } from "./Failed.ts"
import * as Progress from "./Progress.ts"
import * as Report from "./Report.ts"
import * as Text from "./Text.ts"

const nameWidth = 26
const cellWidth = 14

/** A row of a table: a name, and cells that end below each other. What is not told is blank. */
const line = (name: string, cells: ReadonlyArray<string | number | undefined>): string =>
  name.padEnd(nameWidth)
  + cells.map((cell) => (typeof cell === "number" ? Progress.number(cell) : cell ?? "").padStart(cellWidth)).join("")

const table = Effect.fnUntraced(function*(head: string, lines: ReadonlyArray<string>) {
  const { faint } = yield* Text.Style
  yield* Console.log(`\n${faint(head)}`)
  for (const each of lines) yield* Console.log(each)
})

const figures = Effect.fnUntraced(function*({ figures }: Report.Report) {
  const { strong } = yield* Text.Style
  yield* table(
    line("figure", ["stated", "applications", "activities", "throughput"]),
    figures.map((figure) => {
      const { activities, applications, name, stated, throughput } = figure
      const verdict = Report.agrees(figure) ? "equal" : strong("not equal")
      return `${line(name, [stated, applications, activities, throughput])}   ${verdict}`
    })
  )
  return figures.filter((figure) => !Report.agrees(figure)).length
})

const standing = ({ standing }: Report.Report) =>
  table(
    line("where they stand", ["applications"]),
    standing.map(({ applications, stage }) => line(Text.words(stage), [applications]))
  )

const decisions = ({ decisions }: Report.Report) => {
  const time = (millis: number | undefined) => millis === undefined ? "" : Text.duration(millis)
  return table(
    line("submission to decision", ["applications", "median", "nine of ten"]),
    decisions.map(({ applications, medianMillis, ninetiethMillis, outcome }) =>
      line(outcome === undefined ? "any decision" : Text.words(outcome), [
        applications,
        time(medianMillis),
        time(ninetiethMillis)
      ])
    )
  )
}

const throughput = Effect.fnUntraced(function*({ throughput }: Report.Report) {
  yield* table(
    line("busiest days", ["completed", "employees"]),
    throughput.days.map(({ completed, of, over }) => line(of, [completed, over]))
  )
  yield* table(
    line("busiest employees", ["completed", "days"]),
    throughput.resources.map(({ completed, of, over }) => line(of ?? "nobody known", [completed, over]))
  )
  yield* table(
    line("most in a day", ["completed"]),
    throughput.most.map(({ completed, day, resource }) => line(`${day}  ${resource ?? "nobody known"}`, [completed]))
  )
})

/** Prints the report, and fails when the read models do not agree with the log, or with each other. */
export const print = Effect.fnUntraced(function*(report: Report.Report): Effect.fn.Return<void, Failed> {
  yield* standing(report)
  yield* decisions(report)
  yield* throughput(report)
  const wrong = yield* figures(report)
  if (report.figures.every(({ stated }) => stated === undefined)) {
    yield* Console.log(
      "\nThis is not the log of 2012, which states its figures: they are compared with each other only"
    )
  }
  if (wrong === 0) return
  return yield* new Failed({ message: `${wrong} of ${report.figures.length} figures are not equal` })
})

/** What there was to do before the rows could be read, in words. */
export const caughtUp = ({ head, millis }: CatchUp.CaughtUp): string =>
  `The read models are level with ${Progress.number(head)} events after ${Progress.seconds(millis)}`
