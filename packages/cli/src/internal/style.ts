import * as Context from "effect/Context"

/** Emphasis where a terminal shows it. Plain, unless `bin` finds a terminal. */
export interface Style {
  readonly strong: (text: string) => string
  readonly faint: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
}

const plain = (text: string): string => text

export const Style: Context.Reference<Style> = Context.Reference<Style>("@varve/cli/Style", {
  defaultValue: () => ({ strong: plain, faint: plain, good: plain, bad: plain })
})

const escape = (code: number) => (text: string) => `\u001B[${code}m${text}\u001B[0m`

export const styleOfTerminal: Style = { strong: escape(1), faint: escape(2), good: escape(32), bad: escape(31) }
