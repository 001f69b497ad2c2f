/** `varve events`: every event that was asked for, once, in its order, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, EventStoreError, StreamName } from "@varve/core"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Cli from "../support/Cli.ts"
import { hold } from "./look/Held.ts"
import * as Look from "./look/Look.ts"

const day = 86_400_000
const start = Date.parse("2026-01-30T12:00:00Z")

/** Five events, on three days. */
const filled = Effect.gen(function*() {
  yield* TestClock.setTime(start)
  yield* Look.write({ id: "a", type: "Lit", payload: { percent: 50 } })
  yield* Look.write({ id: "b/1", type: "Lit", revision: 2, payload: { lumen: 5 } })
  yield* TestClock.adjust(day)
  yield* Look.write({ id: "a", type: "Darkened" }, { id: "a", type: "Lit", tenant: "acme", payload: { percent: 1 } })
  yield* TestClock.adjust(day)
  yield* Look.write({ id: "x", type: "Opened", category: "Door" })
})

const positionsOf = (lines: string): ReadonlyArray<number> =>
  lines.trimEnd().split("\n").filter((line) => line !== "").map((line) => JSON.parse(line).position)

const listed = Effect.fnUntraced(function*(...flags: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* Look.varve(["events", "list", "--json", ...flags])
  assert.strictEqual(stderr, "")
  assert.strictEqual(code, 0)
  return positionsOf(stdout)
})

describe("events list", () => {
  it.effect("is a table for people", () =>
    Effect.gen(function*() {
      yield* filled
      const { code, stderr, stdout } = yield* Look.varve(["events", "list", "--payload"])
      assert.strictEqual(code, 0)
      assert.strictEqual(stderr, "")
      assert.strictEqual(
        stdout,
        [
          "position  recorded                  stream        version  type      revision  payload",
          "       1  2026-01-30T12:00:00.000Z  Light/a             1  Lit              1  {\"percent\":50}",
          "       2  2026-01-30T12:00:00.000Z  Light/b/1           1  Lit              2  {\"lumen\":5}",
          "       3  2026-01-31T12:00:00.000Z  Light/a             2  Darkened         1  {}",
          "       4  2026-01-31T12:00:00.000Z  Light/a@acme        1  Lit              1  {\"percent\":1}",
          "       5  2026-02-01T12:00:00.000Z  Door/x              1  Opened           1  {}",
          ""
        ].join("\n")
      )
      const without = yield* Look.varve(["events", "list"])
      assert.notInclude(without.stdout, "percent")
      assert.deepStrictEqual(Look.rowsOf(without.stdout).map(([position]) => position), ["1", "2", "3", "4", "5"])
    }).pipe(Effect.provide(Look.layer)))

  it.effect("gives programs the keys of an export, without what a filter may have made untrue", () =>
    Effect.gen(function*() {
      yield* filled
      const store = yield* EventStore.EventStore
      const streams = ["m", "n"].map((id) => StreamName.make("Light", id))
      yield* store.append({
        writes: [
          { stream: streams[0]!, expected: 0, events: [{ type: "Lit", revision: 1, payload: {} }] },
          { stream: streams[1]!, expected: 0, events: [{ type: "Lit", revision: 1, payload: {} }] }
        ]
      })
      const { stdout } = yield* Look.varve(["events", "list", "--json"])
      const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(lines.map(({ commitIndex }) => commitIndex), [0, 0, 0, 0, 0, 0, 1])
      const keys =
        "position recordedAt commitId commitIndex tenant category id version type revision occurredAt payload"
      for (const line of lines) assert.strictEqual(Object.keys(line).join(" "), `${keys} metadata`)
      const one = yield* Look.varve(["events", "list", "--json", "--stream", "Light/m"])
      assert.deepStrictEqual(JSON.parse(one.stdout), lines[5])
    }).pipe(Effect.provide(Look.layer)))

  it.effect("takes what fits the filters", () =>
    Effect.gen(function*() {
      yield* filled
      assert.deepStrictEqual(yield* listed(), [1, 2, 3, 4, 5])
      assert.deepStrictEqual(yield* listed("--stream", "Light/a"), [1, 3])
      assert.deepStrictEqual(yield* listed("--stream", "Light/b/1"), [2])
      assert.deepStrictEqual(yield* listed("--stream", "Light/a", "--tenant", "acme"), [4])
      assert.deepStrictEqual(yield* listed("--tenant", "acme"), [4])
      assert.deepStrictEqual(yield* listed("--tenant", ""), [1, 2, 3, 5])
      assert.deepStrictEqual(yield* listed("--category", "Light"), [1, 2, 3, 4])
      assert.deepStrictEqual(yield* listed("--category", "Door", "--category", "Gate"), [5])
      assert.deepStrictEqual(yield* listed("--type", "Darkened", "--type", "Opened"), [3, 5])
      assert.deepStrictEqual(yield* listed("--stream", "Light/nobody"), [])
      const none = yield* Look.varve(["events", "list", "--stream", "Light/nobody"])
      assert.deepStrictEqual(none, { code: 0, stderr: "", stdout: "no events\n" })
    }).pipe(Effect.provide(Look.layer)))

  it.effect("takes what lies between positions and times", () =>
    Effect.gen(function*() {
      yield* filled
      assert.deepStrictEqual(yield* listed("--after", "1", "--until", "3"), [2, 3])
      assert.deepStrictEqual(yield* listed("--after", "5"), [])
      assert.deepStrictEqual(yield* listed("--until", "0"), [])
      assert.deepStrictEqual(yield* listed("--from", "2026-01-31"), [3, 4, 5])
      assert.deepStrictEqual(yield* listed("--from", "2026-01-31T12:00:00Z"), [3, 4, 5])
      assert.deepStrictEqual(yield* listed("--from", "2026-01-31T12:00:00.001Z"), [5])
      assert.deepStrictEqual(yield* listed("--from", "2026-01-31T13:00:00+01:00"), [3, 4, 5])
      assert.deepStrictEqual(yield* listed("--to", "2026-01-30"), [1, 2])
      assert.deepStrictEqual(yield* listed("--to", "2026-01-31T12:00:00Z"), [1, 2, 3, 4])
      assert.deepStrictEqual(yield* listed("--to", "2026-01-31T11:59:59.999Z"), [1, 2])
      assert.deepStrictEqual(yield* listed("--from", "2026-01-31", "--to", "2026-01-31", "--after", "3"), [4])
      assert.deepStrictEqual(yield* listed("--from", "2026-02-02"), [])
      assert.deepStrictEqual(yield* listed("--to", "2026-01-29"), [])
    }).pipe(Effect.provide(Look.layer)))

  it.effect("goes through the same range backward", () =>
    Effect.gen(function*() {
      yield* filled
      assert.deepStrictEqual(yield* listed("--backward"), [5, 4, 3, 2, 1])
      assert.deepStrictEqual(yield* listed("--backward", "--after", "1", "--until", "3"), [3, 2])
      assert.deepStrictEqual(yield* listed("-b", "--from", "2026-01-31", "--to", "2026-01-31"), [4, 3])
      assert.deepStrictEqual(yield* listed("-b", "--limit", "1", "--type", "Lit"), [4])
    }).pipe(Effect.provide(Look.layer)))

  it.effect("says so when it does not show all, and never cuts what a program reads", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 2_345 }, (_, i) => ({ id: `${i % 7}`, type: "Lit" }))
      yield* Look.write(...many)
      const all = yield* listed()
      assert.deepStrictEqual(all, many.map((_, i) => i + 1))
      assert.deepStrictEqual(yield* listed("--backward"), all.toReversed())
      assert.deepStrictEqual(yield* listed("--limit", "1001"), all.slice(0, 1_001))
      const people = yield* Look.varve(["events", "list"])
      assert.strictEqual(Look.rowsOf(people.stdout).length, 100)
      assert.match(people.stderr, /^There are more: these are the first 100\. /)
      const newest = yield* Look.varve(["events", "list", "--backward", "--limit", "2"])
      assert.strictEqual(newest.stderr, "There are more: these are the newest 2. See --limit, --until\n")
      const exact = yield* Look.varve(["events", "list", "--limit", "2345"])
      assert.strictEqual(Look.rowsOf(exact.stdout).length, 2_345)
      assert.strictEqual(exact.stderr, "")
    }).pipe(Effect.provide(Look.layer)))

  it.effect("shows nothing that a terminal would obey", () =>
    Effect.gen(function*() {
      yield* Look.write({ id: "a", type: "Lit", payload: { percent: "\u001B[31m\u009B2J\u202E" } })
      const { stdout } = yield* Look.varve(["events", "list", "-p"])
      assert.notMatch(stdout, /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/)
      assert.include(stdout, "\\u009b2J\\u202e")
    }).pipe(Effect.provide(Look.layer)))

  it.effect("refuses what it does not understand, before it opens anything", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [["--stream", "ada"], /--stream.*CATEGORY\/ID/],
        [["--stream", "/ada"], /CATEGORY\/ID/],
        [["--stream", "Light/"], /CATEGORY\/ID/],
        [["--from", "yesterday"], /--from.*a day such as 2026-01-31/],
        [["--from", "2026-01-31T12:00:00"], /--from.*T12:00:00Z/],
        [["--to", "2026-02-30"], /--to/],
        [["--to", "2026-02-30T12:00:00Z"], /--to/],
        [["--limit", "0"], /--limit.*a whole number from 1 on/],
        [["--after", "-1"], /--after.*a whole number from 0 on/],
        [["--until", "1e99"], /--until/]
      ]
      for (const [flags, message] of wrong) {
        const { code, stderr, stdout } = yield* Cli.run(["events", "list", ...flags, "--config", "/nowhere"])
        assert.strictEqual(code, 2, flags.join(" "))
        assert.strictEqual(stdout, "")
        assert.match(stderr.split("\n")[0]!, message)
      }
    }))
})

/** Follows in the background. `until` waits for so many lines, and gives the positions in all of them. */
const followed = Effect.fnUntraced(function*(...flags: ReadonlyArray<string>) {
  yield* hold
  const output = Cli.output()
  const fiber = yield* Effect.forkScoped(Cli.into(output, Look.args(["events", "follow", "--json", ...flags])))
  const until = (count: number) =>
    Effect.callback<ReadonlyArray<number>>((resume) => {
      output.printed = () => {
        const positions = positionsOf(output.stdout)
        if (positions.length >= count) resume(Effect.succeed(positions))
      }
      output.printed()
    })
  return { output, fiber, until }
})

/** Counts, and lets others wait for a count. */
const counter = () => {
  let count = 0
  let waiting = () => {}
  return {
    one: Effect.sync(() => {
      count++
      waiting()
    }),
    reaches: (wanted: number) =>
      Effect.callback<void>((resume) => {
        waiting = () => {
          if (count >= wanted) resume(Effect.void)
        }
        waiting()
      })
  }
}

/** The store of the test, some of it otherwise. */
const changed = <A, E, R>(
  change: (store: EventStore.EventStore["Service"]) => Partial<EventStore.EventStore["Service"]>,
  effect: Effect.Effect<A, E, R>
) => Effect.updateService(effect, EventStore.EventStore, (store) => ({ ...store, ...change(store) }))

describe("events follow", () => {
  it.effect("prints what is there behind a position, and what comes", () =>
    Effect.gen(function*() {
      yield* filled
      const { output, until } = yield* followed("--after", "3")
      assert.deepStrictEqual(yield* until(2), [4, 5])
      yield* Look.write({ id: "a", type: "Lit" })
      assert.deepStrictEqual(yield* until(3), [4, 5, 6])
      yield* Look.write({ id: "a", type: "Lit" }, { id: "b", type: "Lit" })
      assert.deepStrictEqual(yield* until(5), [4, 5, 6, 7, 8])
      assert.strictEqual(output.stderr, "")
    }).pipe(Effect.provide(Look.layer)))

  it.effect("begins with what comes from now on, and takes what fits the filters", () =>
    Effect.gen(function*() {
      yield* filled
      const begun = yield* Deferred.make<void>()
      yield* changed(
        (store) => ({ head: Effect.tap(store.head, () => Deferred.succeed(begun, undefined)) }),
        Effect.gen(function*() {
          const { until } = yield* followed("--category", "Light", "--type", "Lit")
          yield* Deferred.await(begun)
          yield* Look.write({ id: "a", type: "Darkened" }, { id: "a", type: "Lit", category: "Door" })
          yield* Look.write({ id: "a", type: "Lit" })
          assert.deepStrictEqual(yield* until(1), [8])
        })
      )
    }).pipe(Effect.provide(Look.layer)))

  it.effect("looks every second, for a hint may never come", () =>
    Effect.gen(function*() {
      const reads = counter()
      yield* changed(
        (store) => ({
          wakeUps: Stream.never,
          readPage: (request) => Effect.ensuring(store.readPage(request), reads.one)
        }),
        Effect.gen(function*() {
          const { output, until } = yield* followed("--after", "0")
          yield* reads.reaches(1)
          yield* Look.write({ id: "a", type: "Lit" })
          yield* TestClock.adjust("999 millis")
          assert.strictEqual(output.stdout, "")
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(yield* until(1), [1])
        })
      )
    }).pipe(Effect.provide(Look.layer)))

  it.effect("goes on when the store could not be reached, and gives up one that never can", () =>
    Effect.gen(function*() {
      const reason = new EventStoreError.Unavailable({ what: "the store", expected: "an answer", actual: "none" })
      let away = 3
      let reads = counter()
      yield* changed(
        (store) => ({
          readPage: (request) =>
            Effect.ensuring(
              away-- > 0
                ? Effect.fail(new EventStoreError.EventStoreError({ operation: "read", reason }))
                : store.readPage(request),
              Effect.suspend(() => reads.one)
            )
        }),
        Effect.gen(function*() {
          yield* Look.write({ id: "a", type: "Lit" })
          const there = yield* followed("--after", "0")
          for (let i = 1; i <= 3; i++) yield* Effect.andThen(reads.reaches(i), TestClock.adjust("1 second"))
          assert.deepStrictEqual(yield* there.until(1), [1])
          assert.deepStrictEqual(there.output.stderr, "varve: the store: expected an answer, got none; trying again\n")
          yield* Fiber.interrupt(there.fiber)
          away = Number.POSITIVE_INFINITY
          reads = counter()
          const gone = yield* followed("--after", "0")
          for (let i = 1; i <= 60; i++) yield* Effect.andThen(reads.reaches(i), TestClock.adjust("1 second"))
          assert.strictEqual(yield* Fiber.join(gone.fiber), 2)
          assert.match(gone.output.stderr, /trying again\n\{"error":"the store: expected an answer, got none"\}\n$/)
        })
      )
    }).pipe(Effect.provide(Look.layer)))
})
