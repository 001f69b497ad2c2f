/**
 * All at once on one server: it is killed, writers are killed, connections are cut, an owner of projections stands still,
 * while processes append, read, and execute commands with states that they keep. One process lives through all of it, and
 * what it keeps in memory must not grow.
 */
import { Effect, Fiber, type Scope } from "effect"
import * as Proxy from "../../support/Proxy.ts"
import { conclude } from "../conclude.ts"
import { Crew, type Hand } from "../Crew.ts"
import * as Place from "../Place.ts"
import * as Plan from "../Plan.ts"
import { server, type Suite, wanted } from "../Suite.ts"
import { killServer, replace } from "./kill.ts"
import * as proxies from "./proxy.ts"

/** What is done, and how long it lasts. */
export type Fault =
  | { readonly tag: "proxy"; readonly fault: proxies.Fault }
  | { readonly tag: "writer"; readonly which: number }
  | { readonly tag: "server"; readonly downMillis: number }
  | { readonly tag: "freeze"; readonly millis: number }

const writers = 2

const proxied = (chance: Plan.Chance): Fault => ({ tag: "proxy", fault: chance.of(proxies.faults)(chance) })

/** The plan of a run. */
export const plan = (seed: number, seconds: number): ReadonlyArray<Plan.Step<Fault>> =>
  Plan.make<Fault>(seed, seconds, [100, 700], [
    proxied,
    (chance) => ({ tag: "writer", which: chance.below(writers) }),
    proxied,
    (chance) => ({ tag: "freeze", millis: chance.between(1_200, 2_500) }),
    proxied,
    (chance) => ({ tag: "server", downMillis: chance.between(0, 800) }),
    proxied,
    proxied,
    proxied
  ])

/** How often the memory is looked at, and how long it must be looked at for its growth to say something. */
const sampleMillis = 1_000
const judgedSeconds = 55

/** Growth that is none, in MB a minute. */
const growthLimit = 1

export interface Sample {
  readonly seconds: number
  readonly megabytes: number
}

/** The slope of the line that lies closest to the samples, in MB a minute. */
export const growth = (samples: ReadonlyArray<Sample>): number => {
  const mean = (of: (sample: Sample) => number) => samples.reduce((sum, each) => sum + of(each), 0) / samples.length
  const [seconds, megabytes] = [mean((each) => each.seconds), mean((each) => each.megabytes)]
  const shared = mean((each) => (each.seconds - seconds) * (each.megabytes - megabytes))
  const own = mean((each) => (each.seconds - seconds) ** 2)
  return own === 0 ? 0 : shared / own * 60
}

/** What the second half of the samples says. */
const checkMemory = (samples: ReadonlyArray<Sample>, seconds: number) => {
  const half = samples.filter((sample) => sample.seconds > seconds / 2)
  const slope = growth(half)
  const judged = seconds / 2 >= judgedSeconds
  const first = half[0]?.megabytes ?? 0
  const last = half.at(-1)?.megabytes ?? 0
  return {
    counts: {
      heapSamples: half.length,
      heapMegabytes: Math.round(last * 10) / 10,
      heapGrowthPerMinute: Math.round(slope * 100) / 100,
      heapJudged: judged ? 1 : 0
    },
    violations: !judged ? [] : [
      ...wanted("samples of the heap", judgedSeconds / 2, half.length),
      ...(slope < growthLimit
        ? []
        : [
          `heap after collection: expected to grow by less than ${growthLimit} MB a minute, got ${slope.toFixed(2)} (${
            first.toFixed(1)
          } MB to ${last.toFixed(1)} MB, ${half.length} samples)`
        ])
    ]
  }
}

/** Looks at the memory of a process until the scope closes. */
const sample = ({ agent }: Hand, samples: Array<Sample>): Effect.Effect<Fiber.Fiber<never>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const from = performance.now()
    const one = Effect.map(agent.call("heap", null), (bytes) => {
      samples.push({ seconds: (performance.now() - from) / 1_000, megabytes: bytes / (1 << 20) })
    })
    return Effect.forkScoped(Effect.forever(Effect.andThen(one, Effect.sleep(sampleMillis))))
  })

export const suite: Suite = {
  name: "soak",
  about: "all of it at once, and memory that does not grow",
  seconds: 120,
  run: ({ seconds, seed }) =>
    Effect.gen(function*() {
      const database = yield* server()
      const proxy = yield* Proxy.make(database.url)
      const [direct, through] = [Place.server(database.url), Place.server(proxy.url)]
      const crew = new Crew(seed)
      // It lives to the end, behind the proxy, with rows inline and others behind a checkpoint.
      const longLived = yield* crew.recruit(through, { inline: true, flags: ["--expose-gc"] })
      const owner = yield* crew.recruit(direct)
      for (const hand of [longLived, owner]) yield* crew.project(hand, ["Journal"])
      const hands = [yield* crew.recruit(direct), yield* crew.recruit(through)]
      for (const hand of [longLived, ...hands]) yield* crew.work(hand, { lanes: 3, restMillis: 40 })
      const samples: Array<Sample> = []
      const sampling = yield* sample(longLived, samples)
      const done = { killedWriters: 0, killedServers: 0, frozen: 0, faultsOfProxy: 0 }
      const act = (fault: Fault) =>
        Effect.gen(function*() {
          switch (fault.tag) {
            case "proxy":
              done.faultsOfProxy++
              return yield* proxies.act(proxy, fault.fault)
            case "writer": {
              const { which } = fault
              const place = which === 0 ? direct : through
              hands[which] = yield* replace(crew, place, hands[which]!, done.killedWriters++ % 2 === 0)
              return
            }
            case "server":
              done.killedServers++
              return yield* killServer(database, fault.downMillis)
            case "freeze":
              done.frozen++
              return yield* Effect.andThen(owner.agent.freeze, Effect.delay(owner.agent.thaw, fault.millis))
          }
        })
      yield* Plan.follow(plan(seed, seconds), seconds, act)
      yield* proxy.restore
      yield* Fiber.interrupt(sampling)
      yield* Effect.forEach([longLived, ...hands], (hand) => crew.finish(hand), { concurrency: "unbounded" })
      const concluded = yield* conclude(direct, crew.ledger, ["Chains", "Journal"])
      const memory = checkMemory(samples, seconds)
      return {
        counts: { ...concluded.counts, ...done, ...memory.counts },
        violations: [
          ...concluded.violations,
          ...memory.violations,
          ...wanted("commits that were acknowledged", 1, concluded.counts.acknowledged),
          ...wanted("commands that were acknowledged", 1, concluded.counts.acknowledgedCommands)
        ]
      }
    })
}
