/**
 * Appends and reads of several processes at once, of which an order has to be found in which they could have happened one
 * after the other. The ledger of every suite is judged so; here as much as possible happens at once, on few streams.
 */
import { Effect } from "effect"
import { conclude } from "../conclude.ts"
import { Crew } from "../Crew.ts"
import * as Place from "../Place.ts"
import { database, enough, type Options, type Suite, wanted } from "../Suite.ts"
import type { Orders } from "../Workload.ts"

const processes = 3

/** How long readers are wrong, so that it is seen that the checker finds it. */
const controlSeconds = 1

/** Reads, so that there is something to be put in order. */
const leastReads = 500

const contended = { lanes: 6, restMillis: 4 } satisfies Partial<Orders>

/** A run in which the workers may be wrong, so that there is something to be found. */
export const runWith = (options: Options, orders: Partial<Orders> = {}) =>
  Effect.gen(function*() {
    const place = Place.server(yield* database(options))
    const crew = new Crew(options.seed)
    const hands = [yield* crew.recruit(place)]
    hands.push(
      ...yield* Effect.all(Array.from({ length: processes - 1 }, () => crew.recruit(place)), {
        concurrency: "unbounded"
      })
    )
    for (const hand of hands) yield* crew.work(hand, { ...contended, ...orders })
    yield* Effect.sleep(options.seconds * 1_000)
    yield* enough(() => crew.ledger.sights.length >= leastReads)
    yield* Effect.forEach(hands, (hand) => crew.finish(hand), { concurrency: "unbounded" })
    return yield* conclude(place, crew.ledger)
  })

export const suite: Suite = {
  name: "linear",
  about: "an order of all appends and reads of several processes",
  seconds: 10,
  run: (options) =>
    Effect.gen(function*() {
      const { counts, violations } = yield* runWith(options)
      const control = yield* runWith({ seed: options.seed, seconds: controlSeconds }, { wrong: ["staleReads"] })
      return {
        counts: { ...counts, staleReadsFound: control.violations.length },
        violations: [
          ...violations,
          ...wanted("reads", leastReads, counts.reads),
          ...wanted("stale reads of the control that were found", 1, control.violations.length)
        ]
      }
    })
}
