/** Tells how far a long piece of work is: how much, how fast, how long still. On standard error, never in an answer. */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { number } from "./print.ts"

/** Where progress is shown: a bar that is drawn over and over, or a plain line now and then. */
export interface Display {
  readonly everyMillis: number
  readonly show: (bar: { readonly share: number; readonly words: string }) => Effect.Effect<void>
  /** Clears what was shown last. */
  readonly clear: Effect.Effect<void>
}

export const Display: Context.Reference<Display> = Context.Reference<Display>("@varve/cli/Display", {
  defaultValue: () => ({
    everyMillis: 5_000,
    show: ({ words }) => Console.error(words),
    clear: Effect.void
  })
})

const width = 30

/** Draws on a terminal, on one line that is drawn anew ten times a second. */
export const onTerminal = (write: (text: string) => void): Display => ({
  everyMillis: 100,
  show: ({ share, words }) =>
    Effect.sync(() => {
      const full = Math.round(Math.min(share, 1) * width)
      write(`\r\u001B[K${"█".repeat(full)}${"░".repeat(width - full)} ${words}`)
    }),
  clear: Effect.sync(() => write("\r\u001B[K"))
})

export const seconds = (millis: number): string => {
  if (millis < 59_950) return `${(millis / 1_000).toFixed(1)} s`
  const whole = Math.round(millis / 1_000)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** How many in a second. */
export const rate = (count: number, millis: number): number => Math.round(count * 1_000 / Math.max(millis, 1))

/** Starts the clock of a piece of work of `total` parts, of which `skipped` were done before. */
export const start = Effect.fnUntraced(function*(what: string, total: number, skipped = 0) {
  const display = yield* Display
  const clock = yield* Clock.Clock
  const begun = clock.currentTimeMillisUnsafe()
  let shown = begun
  return {
    /** Tells how many are done by now, those that were skipped among them. */
    done: (count: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        const now = clock.currentTimeMillisUnsafe()
        if (now - shown < display.everyMillis) return Effect.void
        shown = now
        const perSecond = rate(count - skipped, now - begun)
        const left = seconds((total - count) * 1_000 / Math.max(perSecond, 1))
        const words = `${number(count)} of ${number(total)} ${what}, ${number(perSecond)}/s, ${left} left`
        return display.show({ share: count / Math.max(total, 1), words })
      }),
    /** Ends the display, and tells how many milliseconds the work took that was not skipped. */
    end: Effect.map(display.clear, () => clock.currentTimeMillisUnsafe() - begun)
  }
})
