/**
 * `kill -9` of the processes that write, in the midst of it, and of the server with all of its own processes.
 */
import { Effect, type Scope } from "effect"
import type { PostgresServer } from "../../support/PostgresServer.ts"
import { conclude } from "../conclude.ts"
import { Crew, type Hand } from "../Crew.ts"
import * as Place from "../Place.ts"
import * as Plan from "../Plan.ts"
import { server, type Suite, wanted } from "../Suite.ts"

/** Who is killed. A server is down for a while. */
export type Fault =
  | { readonly tag: "writer"; readonly which: number }
  | { readonly tag: "server"; readonly downMillis: number }

const writers = 2

/** The plan of a run. */
export const plan = (seed: number, seconds: number): ReadonlyArray<Plan.Step<Fault>> =>
  Plan.make<Fault>(seed, seconds, [250, 900], [
    (chance) => ({ tag: "writer", which: chance.below(writers) }),
    (chance) => ({ tag: "server", downMillis: chance.between(0, 600) }),
    (chance) => ({ tag: "writer", which: chance.below(writers) })
  ])

/** `kill -9` of the server, which comes up again after a while. */
export const killServer = (database: PostgresServer, downMillis: number): Effect.Effect<void> =>
  Effect.andThen(
    Effect.promise(database.crash),
    Effect.delay(Effect.promise(database.restart), downMillis)
  )

/** What has taken the place of a writer that was killed: half of the time it sends again what nobody has heard of. */
export const replace = (
  crew: Crew,
  place: Place.Place,
  hand: Hand,
  again: boolean
): Effect.Effect<Hand, never, Scope.Scope> =>
  Effect.gen(function*() {
    yield* hand.agent.kill
    const next = yield* crew.recruit(place)
    if (again) yield* crew.again(next, crew.ledger.unknown(hand.number))
    yield* crew.work(next)
    return next
  })

export const suite: Suite = {
  name: "kill",
  about: "kill -9 of writers and of the server",
  seconds: 15,
  run: ({ seconds, seed }) =>
    Effect.gen(function*() {
      const database = yield* server()
      const place = Place.server(database.url)
      const crew = new Crew(seed)
      const runner = yield* crew.recruit(place, { inline: true })
      yield* crew.project(runner, ["Journal"])
      const hands = yield* Effect.all(Array.from({ length: writers }, () => crew.recruit(place)), {
        concurrency: "unbounded"
      })
      for (const hand of [runner, ...hands]) yield* crew.work(hand)
      let [killedWriters, killedServers] = [0, 0]
      yield* Plan.follow(plan(seed, seconds), seconds, (fault) =>
        Effect.gen(function*() {
          if (fault.tag === "server") {
            killedServers++
            return yield* killServer(database, fault.downMillis)
          }
          hands[fault.which] = yield* replace(crew, place, hands[fault.which]!, killedWriters % 2 === 0)
          killedWriters++
        }))
      yield* Effect.forEach([runner, ...hands], (hand) => crew.finish(hand), { concurrency: "unbounded" })
      const { counts, violations } = yield* conclude(place, crew.ledger, ["Chains", "Journal"])
      return {
        counts: { ...counts, killedWriters, killedServers },
        violations: [
          ...violations,
          ...wanted("writers that were killed", 1, killedWriters),
          ...wanted("servers that were killed", 1, killedServers),
          ...wanted("commits of unknown outcome", 1, counts.unknown + counts.resolved)
        ]
      }
    })
}
