/**
 * How the tour talks: in numbered steps, a sentence and then what came of it.
 */
import { Console, Effect } from "effect"
import * as Text from "./Text.ts"

export interface Talk {
  readonly title: (text: string) => Effect.Effect<void>
  readonly step: (text: string) => Effect.Effect<void>
  /** A line of cells, the last one as long as it is. */
  readonly say: (...cells: ReadonlyArray<string>) => Effect.Effect<void>
}

export const talker: Effect.Effect<Talk> = Effect.map(Text.Style, ({ strong }) => {
  let steps = 0
  return {
    title: (text) => Console.log(strong(text)),
    step: (text) => Console.log(`\n${strong(`${++steps}.`)} ${text}`),
    say: (...cells) =>
      Console.log(`     ${cells.map((cell, i) => i < cells.length - 1 ? cell.padEnd(28) : cell).join(" ").trimEnd()}`)
  }
})
