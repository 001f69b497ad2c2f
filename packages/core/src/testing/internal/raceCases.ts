import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Receipt } from "../../Commit.ts"
import type { EventStoreError } from "../../EventStoreError.ts"
import type { ContractFailure } from "./fixture.ts"
import { define, type Definition, event, type Fixture, numbered, upTo, write } from "./fixture.ts"

type Outcome = Result.Result<Receipt, EventStoreError>

/** Sends all at once and waits for every outcome. */
const race = (
  appends: ReadonlyArray<Effect.Effect<Receipt, EventStoreError>>
): Effect.Effect<ReadonlyArray<Outcome>> => Effect.forEach(appends, Effect.result, { concurrency: "unbounded" })

const winnersOf = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Receipt> =>
  outcomes.flatMap((outcome) => Result.isSuccess(outcome) ? [outcome.success] : [])

/** Fails unless every loser lost by a conflict that told this. */
const losers = (
  t: Fixture,
  outcomes: ReadonlyArray<Outcome>,
  told: { readonly expected: number; readonly actual: number }
): Effect.Effect<void, ContractFailure> =>
  Effect.forEach(outcomes, (outcome) => {
    if (Result.isSuccess(outcome)) return Effect.void
    const { reason } = outcome.failure
    const found = reason._tag === "Conflict" ? { expected: reason.expected, actual: reason.actual } : reason.message
    return t.equal("what a loser learns", found, told)
  }, { discard: true })

const racers = 64

const oneWinner = define(
  "of 64 writers that expect one version exactly one wins, and the others learn the version it made",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    for (const expected of [0, 3, 6]) {
      const outcomes = yield* race(upTo(racers).map(() => t.append(write(stream, expected, numbered(3)))))
      const winners = winnersOf(outcomes)
      yield* t.equal(`winners at version ${expected}`, winners.length, 1)
      yield* t.equal("streams of the winner", winners[0]!.streams, [{ stream, from: expected + 1, to: expected + 3 }])
      yield* losers(t, outcomes, { expected, actual: expected + 3 })
    }
    yield* t.lengths("after three races", [stream, 9])
  })
)

const firstCommands = define(
  "two first commits that race for a stream cannot both win",
  Effect.fnUntraced(function*(t: Fixture) {
    const streams = upTo(32).map((n) => t.stream(`s${n}`))
    const outcomes = yield* race(streams.flatMap((stream) => [t.append(write(stream, 0)), t.append(write(stream, 0))]))
    yield* t.equal("winners of 32 races", winnersOf(outcomes).length, 32)
    yield* losers(t, outcomes, { expected: 0, actual: 1 })
    yield* t.lengths("after its race", ...streams.map((stream) => [stream, 1] as const))
  })
)

const anyAtOnce = define(
  "64 writers that expect nothing all succeed, each with versions of its own",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const outcomes = yield* race(upTo(racers).map(() => t.append(write(stream, "any", numbered(2)))))
    const starts = winnersOf(outcomes).map(({ streams }) => streams[0].from).sort((a, b) => a - b)
    yield* t.equal("first versions", starts, upTo(racers).map((n) => n * 2 - 1))
    yield* t.lengths("after all", [stream, racers * 2])
    const commits = (yield* t.events(stream)).map(({ commitId, commitIndex }) => `${commitId}/${commitIndex}`)
    yield* t.equal("events", new Set(commits).size, racers * 2)
  })
)

const apart = define(
  "writers of different streams never conflict",
  Effect.fnUntraced(function*(t: Fixture) {
    const streams = upTo(racers).map((n) => t.stream(`s${n}`))
    const outcomes = yield* race([
      ...streams.map((stream) => t.append(write(stream, 0))),
      ...streams.map((stream) => t.append(write(t.stream(stream.id, "", "Other"), 0)))
    ])
    yield* t.equal("winners", winnersOf(outcomes).length, racers * 2)
    const positions = winnersOf(outcomes).map(({ first }) => first)
    yield* t.equal("distinct positions", new Set(positions).size, racers * 2)
  })
)

const overlapping = define(
  "of commits that race for overlapping streams one wins, whole",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const round of upTo(8)) {
      const [a, b, c] = [t.stream(`a${round}`), t.stream(`b${round}`), t.stream(`c${round}`)]
      const pairs = [[a, b], [b, c], [c, a]] as const
      const outcomes = yield* race(pairs.map(([one, two]) => t.append(write(one, 0), write(two, 0))))
      const winners = winnersOf(outcomes)
      yield* t.equal("winners", winners.length, 1)
      const written = winners[0]!.streams.map(({ stream }) => stream.id)
      const lengths = [a, b, c].map((stream) => [stream, written.includes(stream.id) ? 1 : 0] as const)
      yield* t.lengths("after the race", ...lengths)
    }
  })
)

const eachOther = define(
  "of two commits that check each other's stream exactly one wins",
  Effect.fnUntraced(function*(t: Fixture) {
    const rounds = upTo(24)
    const outcomes = yield* race(rounds.flatMap((round) => {
      const [a, b] = [t.stream(`a${round}`), t.stream(`b${round}`)]
      return [
        t.store.append({ writes: [write(a, 0)], checks: [{ _tag: "Stream", stream: b, expected: 0 }] }),
        t.store.append({ writes: [write(b, 0)], checks: [{ _tag: "Stream", stream: a, expected: 0 }] })
      ]
    }))
    for (const round of rounds) {
      const winners = winnersOf(outcomes.slice(round * 2 - 2, round * 2))
      yield* t.equal(`winners of round ${round}`, winners.length, 1)
    }
    yield* losers(t, outcomes, { expected: 0, actual: 1 })
  })
)

const checkOrder = define(
  "a check holds at the position that its commit was given",
  Effect.fnUntraced(function*(t: Fixture) {
    const gate = t.stream("gate")
    const checked = (n: number) =>
      t.store.append({
        writes: [write(t.stream(`s${n}`), 0)],
        checks: [{ _tag: "Stream", stream: gate, expected: 0 }]
      })
    const outcomes = yield* race([
      ...upTo(16).map(checked),
      t.append(write(gate, 0)),
      ...upTo(16).map((n) => checked(n + 16))
    ])
    const [gateOpened] = yield* t.events(gate)
    const winners = winnersOf(outcomes)
    for (const { first, streams } of winners) {
      if (streams[0].stream.id === "gate") continue
      yield* t.holds(
        "position of a checked commit",
        first < gateOpened!.position,
        `below ${gateOpened!.position}`,
        first
      )
    }
    yield* losers(t, outcomes, { expected: 0, actual: 1 })
    yield* t.equal("commits in the store", (yield* t.own()).length, winners.length)
  })
)

const unfitAmong = define(
  "a commit that cannot be stored takes no other with it",
  Effect.fnUntraced(function*(t: Fixture) {
    const far = { ...event(), occurredAt: DateTime.makeUnsafe(-8.64e15) }
    const good = upTo(40)
    const outcomes = yield* race(good.flatMap((n) => [
      t.append(write(t.stream(`s${n}`), 0)),
      ...(n % 8 === 0 ? [t.append(write(t.stream("nan"), "any", [event("Unfit", { n: NaN })]))] : []),
      ...(n % 20 === 0 ? [t.append(write(t.stream("far"), "any", [far]))] : []),
      ...(n % 8 === 4 ? [t.append(write(t.stream("late"), 9))] : [])
    ]))
    const reasons = outcomes.flatMap((outcome) => Result.isFailure(outcome) ? [outcome.failure.reason._tag] : [])
    const unexpected = reasons.filter((tag) => tag !== "Refused" && tag !== "Conflict")
    yield* t.equal("reasons other than a refusal and a conflict", unexpected, [])
    yield* t.lengths("beside others", ...good.map((n) => [t.stream(`s${n}`), 1] as const))
    yield* t.lengths("that does not fit", [t.stream("nan"), 0], [t.stream("late"), 0])
  })
)

/** Writers that meet. */
export const cases: ReadonlyArray<Definition> = [
  oneWinner,
  firstCommands,
  anyAtOnce,
  apart,
  overlapping,
  eachOther,
  checkOrder,
  unfitAmong
]
