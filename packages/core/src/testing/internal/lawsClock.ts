/** 12,345 days, 6 hours, 7 minutes, 8 seconds and 9 milliseconds: another year, month, weekday and hour. */
const shiftMillis = ((12_345 * 24 + 6) * 60 + 7) * 60_000 + 8_009

/**
 * Runs a synchronous function at another time, so that what looks at the clock gives another result at once.
 *
 * Two calls in one millisecond see the same time: without this, a `decide` that asks the clock would look like one
 * that does not. Nothing else runs between the exchange of `Date` and its return.
 */
export const elsewhen = <A>(f: () => A): A => {
  const original = globalThis.Date
  const now = () => original.now() + shiftMillis
  globalThis.Date = new Proxy(original, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    get: (target, key) => key === "now" ? now : Reflect.get(target, key, target)
  })
  try {
    return f()
  } finally {
    globalThis.Date = original
  }
}
