/** The faults themselves: what is told of an append is true, the log says what was done, and a seed repeats it. */
import { assert, describe, it } from "@effect/vitest"
import { type Commit, CommitId, EventStore, type EventStoreError, StreamName } from "@varve/core"
import { EventStoreContract, EventStoreFaults } from "@varve/core/testing"
import { Cause, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"

const { Injector } = EventStoreFaults
const stream = StreamName.make("Thing", "one")
const write = (expected: Commit.Expected): Commit.Write => ({
  stream,
  expected,
  events: [{ type: "Happened", revision: 1, payload: {} }]
})
const commitId = CommitId.make("00000000-0000-7000-8000-000000000001")
const commit: Commit.Commit = { id: commitId, writes: [write(0)] }

const over = (options: EventStoreFaults.Options) =>
  Layer.provide(EventStoreFaults.layer(options), EventStore.layerMemory)

const append = (commit: Commit.Commit) => EventStore.EventStore.use((store) => store.append(commit))
const written = Injector.use(({ behind }) => behind.head)
const kinds = Injector.use(({ log }) => Effect.map(log, (faults) => faults.map(({ kind }) => kind)))

/** Tag of what an append came to, the number of events that are stored then, and the faults. */
const once = (options: Omit<EventStoreFaults.Options, "seed">, given = commit) =>
  Effect.gen(function*() {
    const tag = yield* Effect.matchEffect(append(given), {
      onFailure: ({ reason }) => Effect.succeed(reason._tag),
      onSuccess: () => Effect.succeed("Stored")
    })
    return [tag, Number(yield* written), yield* kinds]
  }).pipe(Effect.provide(over({ seed: 1, ...options })))

const other: Commit.Commit = { writes: [write("any")] }

describe("EventStoreFaults", () => {
  it.effect("tells the truth of every append", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* once({}), ["Stored", 1, []])
      assert.deepStrictEqual(yield* once({ failBefore: 1 }), ["Unavailable", 0, ["failBefore"]])
      assert.deepStrictEqual(yield* once({ lostRequest: 1 }), ["OutcomeUnknown", 0, ["lostRequest"]])
      assert.deepStrictEqual(yield* once({ lostAcknowledgement: 1 }), ["OutcomeUnknown", 1, ["lostAcknowledgement"]])
      const conflict = { chance: 1, commit: () => other }
      assert.deepStrictEqual(yield* once({ conflict }), ["Conflict", 1, ["conflict"]])
      assert.deepStrictEqual(yield* once({ conflict: { chance: 1, commit: () => undefined } }), ["Stored", 1, []])
      assert.deepStrictEqual(yield* once({ conflict, lostAcknowledgement: 1, limit: 0 }), ["Stored", 1, []])
      const unnamed = { ...commit, writes: [{ ...write(0), stream: StreamName.make("Thing", "") }] as const }
      assert.deepStrictEqual(yield* once({ lostAcknowledgement: 1 }, unnamed), ["Refused", 0, []])
    }))

  it.effect("lets what is late arrive in its time, or when the faults end", () =>
    Effect.gen(function*() {
      const { calm, log } = yield* Injector
      const first = yield* Effect.flip(append(commit))
      assert.strictEqual(first.reason._tag, "OutcomeUnknown")
      assert.strictEqual(yield* written, 0)
      const [{ millis }] = (yield* log) as [EventStoreFaults.Fault]
      yield* TestClock.adjust(millis! - 1)
      assert.strictEqual(yield* written, 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* written, 1)
      yield* Effect.flip(append({ writes: [write(1)] }))
      assert.strictEqual(yield* written, 1)
      yield* calm
      assert.strictEqual(yield* written, 2)
      yield* TestClock.adjust("1 hour")
      assert.isTrue((yield* append({ ...commit })).replayed)
      assert.strictEqual(yield* written, 2, "once")
    }).pipe(Effect.provide(over({ seed: 2, lateRequest: { chance: 1, atMost: "1 minute" } }))))

  it.effect("delays on both sides of a call, on the clock", () =>
    Effect.gen(function*() {
      const { log } = yield* Injector
      const fiber = yield* Effect.forkChild(append(commit))
      yield* TestClock.adjust(0)
      const [before] = (yield* log) as [EventStoreFaults.Fault]
      assert.strictEqual(yield* written, 0)
      yield* TestClock.adjust(before.millis!)
      assert.strictEqual(yield* written, 1)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).commitId, commitId)
      assert.deepStrictEqual(yield* kinds, ["delay", "delay"])
    }).pipe(Effect.provide(over({ seed: 3, delay: { chance: 1, atMost: "1 minute" } }))))

  it.effect("fails reads of every sort", () =>
    Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      const reads: ReadonlyArray<Effect.Effect<unknown, EventStoreError.EventStoreError>> = [
        store.head,
        store.readPage({}),
        store.readStreamPage({ stream }),
        store.findCommit(commitId)
      ]
      const failures = yield* Effect.forEach(reads, (read) => Effect.flip(read))
      assert.deepStrictEqual(failures.map(({ operation }) => operation), ["head", "read", "read", "findCommit"])
      assert.isTrue(failures.every(({ reason }) => reason._tag === "Unavailable"))
      assert.deepStrictEqual(yield* kinds, reads.map(() => "failRead" as const))
    }).pipe(Effect.provide(over({ seed: 4, failRead: 1 }))))

  const story = (seed: string) =>
    Effect.gen(function*() {
      for (let n = 0; n < 40; n++) yield* Effect.exit(append({ writes: [write("any")] }))
      return (yield* kinds).join(" ")
    }).pipe(Effect.provide(over({ seed, failBefore: 0.2, lostRequest: 0.2, lostAcknowledgement: 0.2 })))

  it.effect("does the same for a seed, and something else for another", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* story("a"), yield* story("a"))
      assert.notStrictEqual(yield* story("a"), yield* story("b"))
    }))

  it.effect("says what is no chance", () =>
    Effect.gen(function*() {
      for (const options of [{ failRead: 1.1 }, { failBefore: Number.NaN }, { lostRequest: 0.6, failBefore: 0.5 }]) {
        const exit = yield* Effect.exit(once(options))
        assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("expected 0 to 1"))
      }
    }))

  it.effect("puts seed and faults into a failure", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(EventStoreFaults.explained(append(commit)))
      assert.include(error.message, "was sent, its acknowledgement was lost")
      assert.include(error.message, `faults of seed "five": 1\n  append 1: lostRequest, commit ${commitId}`)
    }).pipe(Effect.provide(over({ seed: "five", lostRequest: 1 }))))
})

describe("EventStoreFaults.crashing", () => {
  const sequence = Effect.forEach([0, 1, 2], (version) => append({ writes: [write(version)] }))

  for (const by of ["interruption", "defect"] as const) {
    it.effect(`ends a fiber by ${by} at any of its points`, () =>
      Effect.gen(function*() {
        const stories = yield* Effect.forEach(Array.from({ length: 60 }, (_, i) => i), (seed) =>
          Effect.gen(function*() {
            const exit = yield* EventStoreFaults.crashing(sequence, { seed, by, points: 7 })
            const cause = Exit.isFailure(exit) ? exit.cause : undefined
            const crashed = by === "defect"
              ? cause !== undefined && Cause.squash(cause) instanceof EventStoreFaults.Crashed
              : cause !== undefined && Cause.hasInterruptsOnly(cause)
            assert.strictEqual(crashed, Exit.isFailure(exit))
            return `${yield* written} ${crashed ? "crashed" : "ended"}`
          }).pipe(Effect.provide(over({ seed, yields: 2 }))))
        assert.includeMembers(stories, ["0 crashed", "1 crashed", "2 crashed", "3 crashed", "3 ended"])
      }))
  }
})

describe("a store whose faults are only waits", () => {
  const layer = EventStoreFaults.layer({ seed: 1, yields: 2, delay: { chance: 0.01, atMost: 2 } }).pipe(
    Layer.provideMerge(EventStore.layerMemory)
  )
  // What costs time without meeting a wait in a new place is left to the suite of the store in memory.
  const cases = EventStoreContract.suite({ lacks: { appendOrder: "calls are delayed by chance" } })
    .filter(({ name, skip }) => skip === undefined && !/bytes|MiB|JSON/.test(name))
  for (const { effect, name } of cases) it.live(name, () => Effect.provide(effect, layer), 60_000)
})
