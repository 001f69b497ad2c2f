/** What commands print: tables and lines for people, JSON for programs. */
import * as CliOutput from "effect/cli/CliOutput"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Json } from "./settings.ts"
import { Style } from "./style.ts"

export const number = (value: number): string => value.toLocaleString("en-US")

/** `1 event`, `2 events`. */
export const count = (value: number, noun: string): string => `${number(value)} ${noun}${value === 1 ? "" : "s"}`

export type Cell = string | number | null | undefined

/** Text from a store, on one line and without what a terminal obeys. */
export const plain = (text: string): string =>
  text.replace(
    /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g,
    (character) => character === "\n" ? "\\n" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** The start of a text that is too long for a cell. */
export const cut = (text: string, width: number): string => {
  const characters = Array.from(text)
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`
}

const text = (cell: Cell): string => typeof cell === "number" ? number(cell) : cell ?? ""

const padding = (cell: string, width: number): string => " ".repeat(Math.max(width - CliOutput.displayWidth(cell), 0))

type Rows = ReadonlyArray<ReadonlyArray<Cell>>

/** How wide the columns are, and which of them are numbers. */
interface Shape {
  readonly widths: ReadonlyArray<number>
  readonly right: ReadonlyArray<boolean>
}

const widest = (cells: Iterable<string>): number => {
  let width = 0
  for (const cell of cells) width = Math.max(width, CliOutput.displayWidth(cell))
  return width
}

const shapeOf = (head: ReadonlyArray<string>, rows: Rows, before?: Shape): Shape => ({
  widths: head.map((title, i) => Math.max(before?.widths[i] ?? title.length, widest(rows.map((row) => text(row[i]))))),
  right: head.map((_, i) => before?.right[i] === true || rows.some((row) => typeof row[i] === "number"))
})

const lineOf = ({ right, widths }: Shape) => (cells: ReadonlyArray<Cell>): string =>
  widths.map((width, i) => {
    const cell = text(cells[i])
    return right[i]! ? padding(cell, width) + cell : cell + padding(cell, width)
  }).join("  ").trimEnd()

/** Columns under their heads, as wide as their widest cell; numbers end below each other. */
export const layout = (head: ReadonlyArray<string>, rows: Rows): ReadonlyArray<string> =>
  [head, ...rows].map(lineOf(shapeOf(head, rows)))

/** Prints a table. One without rows says so. */
export const table = Effect.fnUntraced(function*(
  head: ReadonlyArray<string>,
  rows: Rows,
  none: string
) {
  if (rows.length === 0) return yield* Console.log(none)
  const { faint } = yield* Style
  const [first, ...lines] = layout(head, rows)
  yield* Console.log(faint(first!))
  for (const each of lines) yield* Console.log(each)
})

/** Prints a table that comes in parts: its columns grow as they have to. */
export const growing = (head: ReadonlyArray<string>) => {
  let shape: Shape | undefined
  return Effect.fnUntraced(function*(rows: Rows) {
    if (rows.length === 0) return
    const { faint } = yield* Style
    const first = shape === undefined
    shape = shapeOf(head, rows, shape)
    const line = lineOf(shape)
    const lines = rows.map(line)
    yield* Console.log([...first ? [faint(line(head))] : [], ...lines].join("\n"))
  })
}

/** Prints for whoever asked: the value as JSON when a program did, else what people read. */
export const answer = <E, R>(json: unknown, people: Effect.Effect<void, E, R>) =>
  Effect.flatMap(
    Effect.service(Json),
    (wanted): Effect.Effect<void, E, R> => wanted ? Console.log(JSON.stringify(json, undefined, 2)) : people
  )

/** One line for people, on standard error when a program listens to standard output. */
export const note = (line: string) =>
  Effect.flatMap(Effect.service(Json), (json) => json ? Console.error(line) : Console.log(line))
