import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Commit } from "../../Commit.ts"
import type { CommitId } from "../../CommitId.ts"
import { commitOf, define, type Definition, type Failure, type Fixture, numbered, upTo, write } from "./fixture.ts"

/** Fails unless a commit is there whole or not at all, tells which, and sends it again. */
const settle = (
  t: Fixture,
  commit: Commit & { readonly id: CommitId }
): Effect.Effect<boolean, Failure> =>
  Effect.gen(function*() {
    const lengths = yield* Effect.forEach(commit.writes, ({ stream }) =>
      Effect.map(t.events(stream), (events) => events.length))
    const wanted = commit.writes.map(({ events }) =>
      events.length
    )
    const written = lengths.some((length) => length > 0)
    yield* t.equal("events after an interruption", lengths, written ? wanted : wanted.map(() => 0))
    const found = yield* t.store.findCommit(commit.id)
    yield* t.equal("findCommit after an interruption", Option.isSome(found), written)
    const receipt = yield* t.store.append(commit)
    yield* t.equal("replayed of the commit sent again", receipt.replayed, written)
    yield* t.lengths(
      "after it was sent again",
      ...commit.writes.map(({ events, stream }) => [stream, events.length] as const)
    )
    return written
  })

const oneByOne = define(
  "an append that is interrupted is written whole or not at all, and can be sent again",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const n of upTo(24)) {
      const commit = commitOf(write(t.stream(`a${n}`), 0, numbered(3)), write(t.stream(`b${n}`), 0, numbered(2)))
      const fiber = yield* Effect.forkChild(t.store.append(commit))
      for (const _ of upTo(n % 8)) yield* Effect.yieldNow
      if (n % 3 === 0) yield* t.store.head
      yield* Fiber.interrupt(fiber)
      yield* settle(t, commit)
    }
  })
)

const amongOthers = define(
  "an append that is interrupted takes no other with it",
  Effect.fnUntraced(function*(t: Fixture) {
    const commits = upTo(60).map((n) => commitOf(write(t.stream(`a${n}`), 0), write(t.stream(`b${n}`), 0)))
    const fibers = yield* Effect.forEach(commits, (commit) => Effect.forkChild(t.store.append(commit)))
    yield* Effect.yieldNow
    yield* Fiber.interruptAll(fibers.filter((_, i) => i % 3 === 0))
    const kept = yield* Effect.forEach(fibers.filter((_, i) => i % 3 !== 0), (fiber) => Fiber.join(fiber))
    yield* t.equal(
      "replayed of those that were not interrupted",
      kept.map(({ replayed }) => replayed),
      kept.map(() => false)
    )
    yield* t.lengths(
      "of commits that were not interrupted",
      ...commits.filter((_, i) => i % 3 !== 0).map(({ writes }) => [writes[0].stream, 1] as const)
    )
    yield* Effect.forEach(commits.filter((_, i) => i % 3 === 0), (commit) => settle(t, commit))
  })
)

const beforeStart = define(
  "an append that is interrupted before it starts writes nothing",
  Effect.fnUntraced(function*(t: Fixture) {
    const commit = commitOf(write(t.stream(), 0, numbered(3)))
    const fiber = yield* Effect.forkChild(t.store.append(commit))
    yield* Fiber.interrupt(fiber)
    yield* settle(t, commit)
    const never = yield* Effect.exit(Effect.andThen(Effect.interrupt, t.append(write(t.stream("never")))))
    yield* t.equal("exit of an append behind an interruption", never._tag, "Failure")
    yield* t.lengths("of a commit that never started", [t.stream("never"), 0])
  })
)

const readers = define(
  "a reader that is interrupted takes no other with it",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* t.append(write(t.stream(), 0, numbered(5)))
    for (const n of upTo(8)) {
      const read = t.store.readStreamPage({ stream: t.stream() })
      const fibers = yield* Effect.forEach(upTo(9), () => Effect.forkChild(read))
      for (const _ of upTo(n % 4)) yield* Effect.yieldNow
      yield* Fiber.interruptAll(fibers.filter((_, i) => i % 2 === 0))
      const pages = yield* Effect.forEach(fibers.filter((_, i) => i % 2 === 1), (fiber) => Fiber.join(fiber))
      yield* t.equal("events of the others", pages.map(({ events }) => events.length), [5, 5, 5, 5])
    }
  })
)

/** Most appends until a hint must have come. */
const appendsPerHint = 400

/** Longest time until a hint must have come. */
const hintSeconds = 8

const wakeUps = define(
  "whoever listens is woken after an append",
  Effect.fnUntraced(function*(t: Fixture) {
    const listen = Effect.flatMap(
      Stream.runHead(t.store.wakeUps),
      (hint) => t.equal("the first hint", Option.isSome(hint), true)
    )
    // Nobody knows when a listener listens, so appends go on until it has heard of one.
    const append = Effect.andThen(t.append(write(t.stream())), Effect.yieldNow)
    const appending = Effect.andThen(Effect.repeat(append, { times: appendsPerHint }), Effect.never)
    for (const listeners of [1, 3]) {
      const listening = Effect.all(upTo(listeners).map(() => listen), { concurrency: "unbounded", discard: true })
      yield* Effect.raceFirst(listening, appending).pipe(
        Effect.timeoutOrElse({
          duration: `${hintSeconds} seconds`,
          orElse: () =>
            Effect.fail(t.fail(`hints to ${listeners} listeners`, `within ${hintSeconds} seconds of an append`, "none"))
        })
      )
    }
    const { replayed } = yield* t.append(write(t.stream("b"), 0))
    yield* t.equal("replayed of an append that nobody listens to", replayed, false)
  }),
  "wakeUps"
)

/** Callers that go away, and listeners. */
export const cases: ReadonlyArray<Definition> = [oneByOne, amongOthers, beforeStart, readers, wakeUps]
