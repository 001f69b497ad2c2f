/**
 * Tells how far a long piece of work is: how much, how fast, how long still.
 */
import { Clock, Console, Context, Effect } from "effect"

/** Where progress is shown: a bar that is drawn over and over, or a plain line now and then. */
export interface Display {
  readonly everyMillis: number
  readonly show: (bar: { readonly share: number; readonly words: string }) => Effect.Effect<void>
  /** Clears what was shown last. */
  readonly clear: Effect.Effect<void>
}

export const Display: Context.Reference<Display> = Context.Reference<Display>("@varve/example-loans/Display", {
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
      const full = Math.round(share * width)
      write(`\r\u001B[K${"█".repeat(full)}${"░".repeat(width - full)} ${words}`)
    }),
  clear: Effect.sync(() => write("\r\u001B[K"))
})

export const number = (value: number): string => value.toLocaleString("en-US")

export const seconds = (millis: number): string =>
  millis < 59_950
    ? `${(millis / 1_000).toFixed(1)} s`
    : `${Math.floor(millis / 60_000)} min ${Math.round(millis / 1_000) % 60} s`

/** How many in a second. */
export const rate = (count: number, millis: number): number => Math.round(count * 1_000 / Math.max(millis, 1))

/** Starts the clock of a piece of work of `total` parts. */
export const start = Effect.fnUntraced(function*(what: string, total: number) {
  const display = yield* Display
  const clock = yield* Clock.Clock
  let begun = clock.currentTimeMillisUnsafe()
  let shown = begun
  let skipped = 0
  return {
    /** The first `count` parts were done before, in no time: they are not to count in what is still to come. */
    skip: (count: number): Effect.Effect<void> =>
      Effect.sync(() => {
        skipped = count
        begun = clock.currentTimeMillisUnsafe()
      }),
    /** Tells how many are done by now, those that were skipped among them. */
    done: (count: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        const now = clock.currentTimeMillisUnsafe()
        if (now - shown < display.everyMillis) return Effect.void
        shown = now
        const perSecond = rate(count - skipped, now - begun)
        const left = seconds((total - count) * 1_000 / Math.max(perSecond, 1))
        const words = `${number(count)} of ${number(total)} ${what}, ${number(perSecond)}/s, ${left} left`
        return display.show({ share: count / total, words })
      }),
    /** Ends the display, and tells how many milliseconds the work took that was not skipped. */
    end: Effect.map(display.clear, () => clock.currentTimeMillisUnsafe() - begun)
  }
})
