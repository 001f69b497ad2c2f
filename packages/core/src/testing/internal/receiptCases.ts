import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { commitOf, define, type Definition, type Fixture, numbered, upTo, write } from "./fixture.ts"

const whole = define(
  "a receipt tells where the events of a commit are",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    yield* t.append(write(a, 0, numbered(2)))
    const commit = commitOf(write(b, 0, numbered(2)), write(a, 2, numbered(3)), write(b, 2))
    const receipt = yield* t.store.append(commit)
    const { storeId } = yield* t.admin.status
    yield* t.equal("receipt", receipt, {
      commitId: commit.id,
      storeId,
      first: receipt.first,
      last: receipt.first + 5,
      streams: [{ stream: b, from: 1, to: 3 }, { stream: a, from: 3, to: 5 }],
      recordedAt: receipt.recordedAt,
      replayed: false
    })
    const written = (yield* t.own()).filter(({ commitId }) => commitId === commit.id)
    const places = written.map(({ commitIndex, id, position, recordedAt, stream, version }) => ({
      id,
      commitIndex,
      position,
      stream: stream.id,
      version,
      recordedAt
    }))
    yield* t.equal(
      "events",
      places,
      [["b", 1], ["b", 2], ["a", 3], ["a", 4], ["a", 5], ["b", 3]].map(([stream, version], i) => ({
        id: `${commit.id}/${i}`,
        commitIndex: i,
        position: receipt.first + i,
        stream,
        version,
        recordedAt: receipt.recordedAt
      }))
    )
  })
)

const positions = define(
  "commits that follow each other have positions that follow each other",
  Effect.fnUntraced(function*(t: Fixture) {
    let last = t.start
    for (const count of [1, 3, 1, 2]) {
      const receipt = yield* t.append(write(t.stream(), "any", numbered(count)))
      yield* t.equal("positions of a commit", receipt.last - receipt.first + 1, count)
      yield* t.holds("first position", receipt.first > last, `above ${last}`, receipt.first)
      last = receipt.last
    }
    const between = (yield* t.walk({ after: t.start, until: last })).flatMap(({ events }) => events)
    yield* t.equal(
      "all positions up to the last",
      between.map(({ position }) => position - t.start),
      upTo(last - t.start)
    )
  })
)

const generated = define(
  "a commit without an id is given one, and is never taken for another",
  Effect.fnUntraced(function*(t: Fixture) {
    const commit = { writes: [write(t.stream())] } as const
    const first = yield* t.store.append(commit)
    const second = yield* t.store.append(commit)
    yield* t.holds(
      "second commit id",
      first.commitId !== second.commitId,
      `other than ${first.commitId}`,
      second.commitId
    )
    yield* t.equal("replayed", [first.replayed, second.replayed], [false, false])
    yield* t.lengths("after two commits", [t.stream(), 2])
    const found = yield* t.store.findCommit(first.commitId)
    yield* t.equal("first position by its id", found._tag === "Some" && found.value.first, first.first)
  })
)

const head = define(
  "the head is the position of the last event",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const count of [1, 2, 5]) {
      const before = yield* t.store.head
      const receipt = yield* t.append(write(t.stream(), "any", numbered(count)))
      const after = yield* t.store.head
      yield* t.holds("head after an append", after >= receipt.last, `at least ${receipt.last}`, after)
      yield* t.holds("head before it", before < receipt.first, `below ${receipt.first}`, before)
      const { events } = yield* t.store.readPage({ after: after - 1 })
      yield* t.equal("event at the head", events[0]?.position, after)
    }
    yield* t.conflict("a commit that does not fit", t.append(write(t.stream(), 0)), {
      stream: t.stream(),
      expected: 0,
      actual: 8
    })
    const before = yield* t.store.head
    const [last] = (yield* t.store.readPage({ direction: "backward", limit: 1 })).events
    const after = yield* t.store.head
    const newest = last?.position ?? 0
    yield* t.holds("newest event", before <= newest && newest <= after, `from ${before} to ${after}, the heads`, newest)
  })
)

/** A clock that somebody has put back. */
const behind = (clock: Clock.Clock, milliseconds: number): Clock.Clock => {
  const currentTimeMillisUnsafe = () => clock.currentTimeMillisUnsafe() - milliseconds
  const currentTimeNanosUnsafe = () => clock.currentTimeNanosUnsafe() - BigInt(milliseconds) * 1_000_000n
  return {
    currentTimeMillisUnsafe,
    currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
    currentTimeNanosUnsafe,
    currentTimeNanos: Effect.sync(currentTimeNanosUnsafe),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}

const clockBack = define(
  "the time of recording does not go back along positions, whatever the clock does",
  Effect.fnUntraced(function*(t: Fixture) {
    const clock = yield* Clock.Clock
    const append = t.append(write(t.stream()))
    const hour = 3_600_000
    const receipts = [
      yield* append,
      yield* Effect.provideService(append, Clock.Clock, behind(clock, hour)),
      yield* append,
      yield* Effect.provideService(append, Clock.Clock, behind(clock, 24 * hour)),
      yield* append
    ]
    const events = yield* t.own()
    yield* t.equal(
      "times of receipts and events",
      events.map((event) => event.recordedAt),
      receipts.map((receipt) => receipt.recordedAt)
    )
    for (const [i, { recordedAt }] of events.entries()) {
      const before = events[i - 1]?.recordedAt.epochMilliseconds ?? 0
      const now = recordedAt.epochMilliseconds
      yield* t.holds(`time of recording of event ${i}`, now >= before, `at least ${before}`, now)
    }
  })
)

const concurrentTimes = define(
  "times of recording of concurrent commits rise with their positions",
  Effect.fnUntraced(function*(t: Fixture) {
    const clock = yield* Clock.Clock
    yield* Effect.forEach(
      upTo(48),
      (n) => Effect.provideService(t.append(write(t.stream(`s${n % 5}`))), Clock.Clock, behind(clock, n * 37 % 48)),
      { concurrency: "unbounded" }
    )
    const times = (yield* t.own()).map(({ recordedAt }) => recordedAt.epochMilliseconds)
    yield* t.equal("times in the order of the store", times, times.toSorted((a, b) => a - b))
  })
)

/** Receipts, positions and times. */
export const cases: ReadonlyArray<Definition> = [whole, positions, generated, head, clockBack, concurrentTimes]
