/**
 * A proxy between the programs and the server, which cuts connections before and behind what matters, and holds them up.
 */
import { Effect } from "effect"
import * as Proxy from "../../support/Proxy.ts"
import { conclude } from "../conclude.ts"
import { Crew } from "../Crew.ts"
import * as Place from "../Place.ts"
import * as Plan from "../Plan.ts"
import { database, enough, type Options, type Suite, wanted } from "../Suite.ts"
import type { Orders } from "../Workload.ts"

/** What is done to what passes the proxy. Times are those that it lasts. */
export type Fault =
  | { readonly tag: "strike"; readonly strike: Proxy.Strike }
  | { readonly tag: "cut" }
  | { readonly tag: "delay" | "silence" | "refuse"; readonly millis: number }

/** What can be done, once each. */
export const faults: ReadonlyArray<(chance: Plan.Chance) => Fault> = [
  ...Proxy.strikes.map((strike) => (): Fault => ({ tag: "strike", strike })),
  () => ({ tag: "cut" }),
  (chance) => ({ tag: "delay", millis: chance.between(50, 300) }),
  (chance) => ({ tag: "silence", millis: chance.between(200, 1_500) }),
  (chance) => ({ tag: "refuse", millis: chance.between(100, 500) })
]

/** What must come to pass before a run ends, so that there is something to be judged. */
export interface Least {
  /** Outcomes that were lost. */
  readonly unknowns: number
  readonly reads: number
}

/** The second half of what chance chooses: strikes, several of each in a short run. */
const weighted = [...faults, ...faults.slice(0, Proxy.strikes.length), ...faults.slice(0, Proxy.strikes.length)]

/** The plan of a run. */
export const plan = (seed: number, seconds: number): ReadonlyArray<Plan.Step<Fault>> =>
  Plan.make(seed, seconds, [40, 160], weighted)

/** Does a fault to a proxy, and waits until it is over. */
export const act = (proxy: Proxy.Proxy, fault: Fault): Effect.Effect<void> => {
  switch (fault.tag) {
    case "strike":
      return proxy.strike(fault.strike)
    case "cut":
      return proxy.cut
    case "delay":
      return Effect.andThen(proxy.delay(20), Effect.delay(proxy.restore, fault.millis))
    case "silence":
      return Effect.andThen(proxy.silence, Effect.delay(proxy.restore, fault.millis))
    case "refuse":
      return Effect.andThen(Effect.andThen(proxy.refuse, proxy.cut), Effect.delay(proxy.restore, fault.millis))
  }
}

/** A run in which the workers may be wrong, so that there is something to be found. */
export const runWith = (
  options: Options,
  orders: Partial<Orders> = {},
  { reads, unknowns }: Least = { unknowns: 5, reads: 0 }
) =>
  Effect.gen(function*() {
    const { seconds, seed } = options
    const url = yield* database(options)
    const proxy = yield* Proxy.make(url)
    const crew = new Crew(seed)
    const through = Place.server(proxy.url)
    // The first makes the tables, before the rest come.
    const first = yield* crew.recruit(through, { inline: true })
    const others = yield* Effect.all([crew.recruit(through), crew.recruit(through)], { concurrency: 2 })
    yield* crew.project(others[1], ["Journal"])
    const hands = [first, others[0]]
    for (const hand of hands) yield* crew.work(hand, orders)
    const steps = plan(seed, seconds)
    yield* Plan.follow(steps, seconds, (fault) => act(proxy, fault))
    yield* proxy.restore
    for (const strike of Proxy.strikes) yield* enough(() => proxy.struck.has(strike), proxy.strike(strike))
    yield* enough(() => crew.ledger.unknowns >= unknowns, proxy.strike("answer"))
    yield* enough(() => crew.ledger.sights.length >= reads)
    yield* Effect.forEach(hands, (hand) => crew.finish(hand), { concurrency: "unbounded" })
    const { counts, violations } = yield* conclude(Place.server(url), crew.ledger, ["Chains", "Journal"])
    const count = (...strikes: ReadonlyArray<Proxy.Strike>) =>
      strikes.reduce((sum, strike) => sum + (proxy.struck.get(strike) ?? 0), 0)
    const cut = {
      requestsCut: count("request", "halfRequest"),
      answersCut: count("answer", "halfAnswer"),
      cutBeforeCommit: count("commit"),
      cutAfterCommit: count("afterCommit")
    }
    return { counts: { ...counts, faults: steps.length, ...cut }, violations }
  })

export const suite: Suite = {
  name: "proxy",
  about: "connections are cut before and after COMMIT, delayed, silenced and refused",
  seconds: 15,
  run: (options) =>
    Effect.map(runWith(options), ({ counts, violations }) => ({
      counts,
      violations: [
        ...violations,
        ...wanted("requests that were cut", 1, counts.requestsCut),
        ...wanted("answers that were cut", 1, counts.answersCut),
        ...wanted("commits that were resolved", 1, counts.resolved)
      ]
    }))
}
