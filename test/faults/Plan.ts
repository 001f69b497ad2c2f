/**
 * Plans of faults: functions of a seed and of a length of time, and of nothing else.
 */
import { Effect } from "effect"
import { random } from "../support/random.ts"

/** Something to do so long after the beginning. */
export interface Step<A> {
  readonly millis: number
  readonly what: A
}

export class Chance {
  private readonly next: () => number

  constructor(seed: number) {
    this.next = random(seed)
  }

  /** A whole number from 0 up to, and without, `limit`. */
  readonly below = (limit: number): number => Math.floor(this.next() * limit)

  readonly between = (from: number, to: number): number => from + this.below(to - from + 1)

  readonly of = <A>(all: ReadonlyArray<A>): A => all[this.below(all.length)]!
}

/**
 * Steps up to an end, a while apart. The first round takes what there is in its order, so that a short run has it all;
 * then chance chooses.
 */
export const make = <A>(
  seed: number,
  seconds: number,
  [least, most]: readonly [millis: number, millis: number],
  all: ReadonlyArray<(chance: Chance) => A>
): ReadonlyArray<Step<A>> => {
  const chance = new Chance(seed)
  const steps: Array<Step<A>> = []
  for (let millis = chance.between(least, most); millis < seconds * 1_000; millis += chance.between(least, most)) {
    const make = steps.length < all.length ? all[steps.length]! : chance.of(all)
    steps.push({ millis, what: make(chance) })
  }
  return steps
}

/** Does what is planned, each at its time, or as soon as what was before it is done, and goes on to the end. */
export const follow = <A, E, R>(
  steps: ReadonlyArray<Step<A>>,
  seconds: number,
  act: (what: A) => Effect.Effect<void, E, R>
): Effect.Effect<void, E, R> =>
  Effect.gen(function*() {
    const start = performance.now()
    const until = (millis: number) => Effect.sleep(`${Math.max(0, millis - (performance.now() - start))} millis`)
    for (const { millis, what } of steps) {
      // What took longer than planned is not made up for.
      if (performance.now() - start > seconds * 1_500) return
      yield* until(millis)
      yield* act(what)
    }
    yield* until(seconds * 1_000)
  })
