/**
 * Writers of two processes that want the same.
 */
import type { Commit } from "@varve/core"
import { Effect } from "effect"
import { type Case, define, type Fixture } from "./Case.ts"
import type { Outcome } from "./Protocol.ts"
import { readBehind } from "./Readers.ts"

/** Each process has several stores, as several processes would: within one, all that is sent at once is one batch. */
const stores = 4

/** Sends commits from two processes at the same time. */
const race = Effect.fnUntraced(function*(
  t: Fixture,
  rounds: number,
  commitsOf: (round: number, process: number) => ReadonlyArray<Commit.Commit>
) {
  const agents = yield* Effect.all([t.recruit, t.recruit], { concurrency: 2 })
  // Opening the stores is no part of the race.
  yield* Effect.forEach(agents, (agent) => agent.call("append", { commits: [], stores }), { concurrency: 2 })
  const results: Array<ReadonlyArray<ReadonlyArray<Outcome>>> = []
  for (let round = 0; round < rounds; round++) {
    results.push(
      yield* Effect.forEach(
        agents,
        (agent, i) => agent.call("append", { commits: commitsOf(round, i), stores }),
        { concurrency: 2 }
      )
    )
  }
  return results
})

const racers = 64
const raceRounds = 8
const eventsEach = 2

const oneWinner = define(
  `of ${racers} writers of two processes that expect one version exactly one wins`,
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream("race")
    const results = yield* race(t, raceRounds, (round, process) =>
      Array.from({ length: racers / 2 }, (_, racer) => ({
        writes: [{
          stream,
          expected: round * eventsEach,
          events: [
            { type: "Won", revision: 1, payload: { round, process, racer } },
            { type: "Told", revision: 1, payload: {} }
          ]
        }]
      })))
    for (const [round, sides] of results.entries()) {
      const outcomes = sides.flat()
      const [winners, losers] = [outcomes, outcomes].map((list, i) =>
        list.filter(({ tag }) => (tag === "Written") === (i === 0))
      )
      const at = `at version ${round * eventsEach}`
      yield* t.equal(`outcomes of the race ${at}`, outcomes.length, racers)
      yield* t.equal(`winners of the race ${at}`, winners!.length, 1)
      for (const { actual, message, tag } of losers!) {
        const told = tag === "Conflict" ? `Conflict at ${actual}` : `${tag}: ${message}`
        yield* t.equal(`what a loser ${at} learns`, told, `Conflict at ${(round + 1) * eventsEach}`)
      }
    }
    const { events } = yield* t.home.store.readStreamPage({ stream, limit: 1_000 })
    const versions = Array.from({ length: raceRounds * eventsEach }, (_, i) => i + 1)
    yield* t.equal("versions after the races", events.map(({ version }) => version), versions)
  })
)

const pairs = 48

const eachOther = define(
  "of two commits of two processes that check each other's stream exactly one wins",
  Effect.fnUntraced(function*(t: Fixture) {
    const event = { type: "Claimed", revision: 1, payload: {} }
    const results = yield* race(t, 2, (round, process) =>
      Array.from({ length: pairs }, (_, i) => {
        const streams = [t.stream(`${round}-${i}-a`), t.stream(`${round}-${i}-b`)] as const
        const [own, other] = process === 0 ? streams : [streams[1], streams[0]]
        return {
          writes: [{ stream: own, expected: 0, events: [event] }],
          checks: [{ _tag: "Stream", stream: other, expected: 0 }]
        }
      }))
    for (const sides of results) {
      for (let i = 0; i < pairs; i++) {
        const both = sides.map((side) => side[i]!)
        const told = both.map(({ actual, tag }) => tag === "Conflict" ? `Conflict at ${actual}` : tag).sort()
        yield* t.equal(`the two commits of pair ${i}`, told, ["Conflict at 1", "Written"])
      }
    }
    const stored = yield* readBehind(t, t.start)
    yield* t.equal("events after all", stored.length, 2 * pairs)
  })
)

const oneId = define(
  "one commit that two processes send many times at once is stored once",
  Effect.fnUntraced(function*(t: Fixture) {
    const commits = Array.from({ length: 8 }, () => t.commit(3))
    const results = yield* race(t, 2, () => [...commits, ...commits, ...commits])
    const outcomes = results.flat(2)
    const stored = yield* readBehind(t, t.start)
    yield* t.equal("events", stored.length, commits.length * 3)
    for (const [i, { id }] of commits.entries()) {
      const first = stored.find(({ commitId }) => commitId === id)!.position
      const told = outcomes.filter((_, k) => k % commits.length === i).map((each) => `${each.tag} ${each.first}`)
      yield* t.equal(`what its senders learn of commit ${i}`, [...new Set(told)], [`Written ${first}`])
      const fresh = outcomes.filter((each, k) => k % commits.length === i && !each.replayed).length
      yield* t.equal(`senders that are the first with commit ${i}`, fresh, 1)
    }
  })
)

/** The race suite. */
export const cases: ReadonlyArray<Case> = [oneWinner, eachOther, oneId]
