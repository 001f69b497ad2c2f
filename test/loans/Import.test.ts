import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { CommitId, EventStore, EventStoreError, StreamName, Upcaster } from "@varve/core"
import { Clock, Console, Context, DateTime, Effect, Layer, Option, Ref, Stream } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Figures from "../../examples/loans/src/Figures.ts"
import * as Import from "../../examples/loans/src/Import.ts"
import { Id, LoanApplication } from "../../examples/loans/src/LoanApplication.ts"
import * as LogFile from "../../examples/loans/src/LogFile.ts"
import * as Show from "../../examples/loans/src/Show.ts"
import * as log from "./log.ts"

const withLoans = <A, E, R>(store: Layer.Layer<EventStore.EventStore | A, E, R>) =>
  LoanApplication.layer.pipe(Layer.provideMerge(Layer.merge(store, Upcaster.layer())))

const memory = withLoans(EventStore.layerMemory)

/** 2,600 lines: six commits, cut by the number of applications as well as by that of the lines. */
const lines = [...log.made({ applications: 260, rounds: 10 })]

const importLines = (lines: ReadonlyArray<object | string>) =>
  Effect.flatMap(log.check(lines), (checked) => Import.run(log.bytes(lines), checked))

const head = EventStore.EventStore.use((store) => store.head)

const exact = Effect.gen(function*() {
  const { rows } = yield* Figures.compare(yield* log.check(lines))
  assert.deepStrictEqual(rows.filter(({ ok }) => !ok), [])
})

/** What was said while a program ran. */
const listening = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const said: Array<string> = []
    const listener = {
      ...globalThis.console,
      error: (text: string) => said.push(text),
      log: (text: string) => said.push(text)
    }
    const result = yield* Effect.provideService(Effect.result(program), Console.Console, listener as never)
    return { said, result }
  })

describe("a file that is no good", () => {
  const [first, second, third] = log.made({ applications: 1, rounds: 3 }) as [object, object, object]

  it.effect.each([
    { name: "a gap", lines: [first, third], said: "line 2: seq: expected 2, the next of application 200000, got 3" },
    {
      name: "a line twice",
      lines: [first, second, second],
      said: "line 3: seq: expected 3, the next of application 200000, got 2"
    },
    {
      name: "a wrong order",
      lines: [second, first],
      said: "line 1: seq: expected 1, the next of application 200000, got 2"
    },
    {
      name: "another amount",
      lines: [first, { ...second, amountRequested: 1 }],
      said: "line 2: amountRequested: expected 1000 as before, got 1"
    },
    {
      name: "no submission",
      lines: [{ ...first, activity: "O_SENT" }],
      said: "line 1: activity: expected A_SUBMITTED first, got O_SENT"
    },
    {
      name: "a second submission",
      lines: [first, { ...second, activity: "A_SUBMITTED" }],
      said: "line 2: activity: expected A_SUBMITTED only once, got A_SUBMITTED"
    },
    { name: "an empty line", lines: [first, "", second], said: "line 2: expected a JSON object, got an empty line" },
    { name: "a control character", lines: ["\u0007"], said: "line 1: expected text, got the control character U+0007" },
    { name: "a long line", lines: [first, "x".repeat(5_000)], said: "line 2: expected at most 4096 bytes, got 5000" }
  ])("is told by number and reason: $name", ({ lines, said }) =>
    Effect.gen(function*() {
      const told = yield* listening(importLines(lines))
      assert.include(told.said[0], said)
      assert.strictEqual(told.result._tag, "Failure")
      assert.strictEqual(yield* head, 0)
    }).pipe(Effect.provide(memory)))

  it.effect("names ten bad lines and counts the others", () =>
    Effect.gen(function*() {
      const { result, said } = yield* listening(log.check(Array.from({ length: 25 }, () => "?")))
      assert.lengthOf(said, 10)
      assert.strictEqual(said[9], "line 10: expected a JSON object, got \"?\"")
      assert.include(
        result._tag === "Failure" ? result.failure.message : "",
        "expected no bad lines, got 25 of 25, the first 10 named above; nothing was written"
      )
    }))

  it.effect("is told when it is empty", () =>
    Effect.map(Effect.flip(log.check([])), ({ message }) => assert.include(message, "got an empty file")))

  it.effect("is noticed when it changes between the check and the import", () =>
    Effect.gen(function*() {
      const checked = yield* log.check(lines)
      const others = lines.map((line, i) => i === 2_599 ? { ...line, resource: "somebody" } : line)
      const changed = yield* Effect.flip(Import.run(log.bytes(others), checked))
      assert.include(changed.message, "it has changed meanwhile")
      const cut = yield* Effect.flip(Import.run(log.bytes([...lines.slice(0, 100), "?"]), checked))
      assert.include(cut.message, "line 101: expected a JSON object, got \"?\": it has changed meanwhile")
    }).pipe(Effect.provide(memory)))
})

describe("files", () => {
  const inDirectory = <A, E, R>(use: (directory: string) => Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "varve-loans-"))),
      use,
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
    ).pipe(Effect.provide(NodeServices.layer))

  const digestOf = (file: string) =>
    Effect.map(Effect.flatMap(LogFile.open(file), LogFile.check), ({ digest }) => digest)

  it.live("are read packed or not, and are the same file", () =>
    inDirectory(Effect.fnUntraced(function*(directory) {
      const [plain, packed, spaced] = ["a", "b", "c"].map((name) => join(directory, name)) as [string, string, string]
      writeFileSync(plain, log.text(lines))
      writeFileSync(packed, gzipSync(log.text(lines)))
      // Without a newline at the end, too.
      writeFileSync(spaced, lines.map((line) => JSON.stringify(line, null, 1).replaceAll("\n", " ")).join("\r\n"))
      const digest = yield* digestOf(plain)
      assert.strictEqual(yield* digestOf(packed), digest)
      assert.strictEqual(yield* digestOf(spaced), digest)
    })))

  it.live("are named when they cannot be read, or are cut off", () =>
    inDirectory(Effect.fnUntraced(function*(directory) {
      const message = (file: string) => Effect.map(Effect.flip(digestOf(file)), ({ message }) => message)
      const file = join(directory, "log.gz")
      assert.include(yield* message(file), `${file}: expected a file, got nothing`)
      assert.include(yield* message(directory), "expected a file, got a directory")
      const packed = gzipSync(log.text(lines))
      writeFileSync(file, packed.subarray(0, packed.length - 20))
      assert.include(yield* message(file), `${file}: expected a whole gzip file, got one that is damaged or cut off`)
      packed[packed.length >> 1]! ^= 0xFF
      writeFileSync(file, packed)
      assert.include(yield* message(file), "damaged")
    })))
})

describe("an import", () => {
  it.effect("adds every line once, in the order of the file, at its time", () =>
    Effect.gen(function*() {
      const { added, alreadyThere } = yield* importLines(lines)
      assert.deepStrictEqual({ added, alreadyThere }, { added: 2_600, alreadyThere: 0 })
      yield* exact
      const events = yield* Stream.runCollect(EventStore.readAll())
      assert.deepStrictEqual(events.map(({ stream }) => stream.id), lines.map(({ application }) => application))
      assert.deepStrictEqual(
        events.map(({ occurredAt }) => occurredAt.epochMilliseconds),
        lines.map(({ time }) => Date.parse(time))
      )
      const sizes = new Map<string, number>()
      for (const { commitId } of events) sizes.set(commitId, (sizes.get(commitId) ?? 0) + 1)
      // 256 applications fill a commit; so it starts anew 256 lines later each time.
      assert.isTrue(Array.from(sizes.values()).every((size) => size <= 1_000))
      assert.isAtLeast(sizes.size, 3)
    }).pipe(Effect.provide(memory)))

  it.effect("cuts commits at 1,000 lines", () =>
    Effect.gen(function*() {
      yield* importLines(log.made({ applications: 10, rounds: 205 }))
      const events = yield* Stream.runCollect(EventStore.readAll())
      const ends = events.filter((event, i) => events[i + 1]?.commitId !== event.commitId).map(({ position }) =>
        position
      )
      assert.deepStrictEqual(ends.map(Number), [1_000, 2_000, 2_050])
    }).pipe(Effect.provide(memory)))

  it.effect("adds nothing the second time", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      const { added, alreadyThere } = yield* importLines(lines)
      assert.deepStrictEqual({ added, alreadyThere }, { added: 0, alreadyThere: 2_600 })
      yield* exact
    }).pipe(Effect.provide(memory)))

  it.effect("notices what somebody else has added", () =>
    Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      const stream = StreamName.make("LoanApplication", "200003")
      const events = [{
        type: "LoanApplicationSubmitted",
        revision: 1,
        payload: { amountRequested: 1, resource: null }
      }] as const
      yield* store.append({ writes: [{ stream, expected: 0, events }] })
      const error = yield* Effect.flip(importLines(lines))
      assert.include(error.message, "application 200003: expected version 0, got 1: somebody else has written to it")
      assert.strictEqual(yield* head, 1)
    }).pipe(Effect.provide(memory)))

  it.effect("finds an event too many afterwards", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      const store = yield* EventStore.EventStore
      const stream = StreamName.make("LoanApplication", "200003")
      const events = [{ type: "LoanOfferSent", revision: 1, payload: { resource: null } }] as const
      yield* store.append({ writes: [{ stream, expected: 10, events }] })
      const checked = yield* log.check(lines)
      const { rows } = yield* Figures.compare(checked)
      assert.deepStrictEqual(rows.filter(({ ok }) => !ok).map(({ name }) => name), [
        "events",
        "COMPLETE",
        "O_SENT",
        "lines (SHA-256)"
      ])
      const { result, said } = yield* listening(Figures.report(checked))
      assert.include(said.join("\n"), "differs")
      assert.include(result._tag === "Failure" ? result.failure.message : "", "4 of 13 figures differ")
    }).pipe(Effect.provide(memory)))
})

/** How the store fails: at the `at`th append, before it is sent or after it was stored. */
interface Fault {
  readonly at: number
  readonly how: "before" | "after"
  /** How often. */
  readonly times: number
}

class Faults extends Context.Service<Faults, Ref.Ref<Fault>>()("test/loans/Faults") {}

/** A store in memory that fails when it is told to. */
const failing = Layer.effectContext(Effect.gen(function*() {
  const context = yield* Layer.build(EventStore.layerMemory)
  const store = Context.get(context, EventStore.EventStore)
  const faults = yield* Ref.make<Fault>({ at: 0, how: "before", times: 0 })
  let [appends, failed] = [0, 0]
  const append: typeof store.append = (commit) =>
    Effect.gen(function*() {
      const { at, how, times } = yield* Ref.get(faults)
      appends++
      if (appends < at || failed >= times) return yield* store.append(commit)
      failed++
      const reason = how === "before"
        ? new EventStoreError.Unavailable({ what: "the database", expected: "an answer", actual: "none" })
        : new EventStoreError.OutcomeUnknown({ commitId: commit.id ?? CommitId.generateUnsafe() })
      if (how === "after") yield* store.append(commit)
      return yield* new EventStoreError.EventStoreError({ operation: "append", reason })
    })
  return Context.make(EventStore.EventStore, { ...store, append }).pipe(Context.add(Faults, faults))
}))

describe("an import that is interrupted", () => {
  const unsleeping: Clock.Clock = Object.assign(Object.create(Clock.Clock.defaultValue()), { sleep: () => Effect.void })
  const hurried = Effect.provideService(Clock.Clock, unsleeping)
  const fail = (fault: Fault) => Effect.flatMap(Faults, Ref.set(fault))

  it.effect.each(["before", "after"] as const)(
    "goes on where it was: the store fails for good, %s writing",
    (how) =>
      Effect.gen(function*() {
        yield* fail({ at: 3, how, times: 5 })
        const error = yield* Effect.flip(importLines(lines))
        assert.match(error.message, /^lines \d+ to \d+: stopped, .*Import again: nothing is stored twice$/)
        const half = yield* head
        assert.isAbove(half, 0)
        assert.isBelow(half, 2_600)
        yield* fail({ at: 0, how, times: 0 })
        const { added, alreadyThere } = yield* importLines(lines)
        assert.deepStrictEqual({ added, alreadyThere }, { added: 2_600 - half, alreadyThere: half })
        yield* exact
      }).pipe(hurried, Effect.provide(withLoans(failing)))
  )

  it.effect.each(["before", "after"] as const)(
    "goes on by itself: the store fails twice, %s writing",
    (how) =>
      Effect.gen(function*() {
        yield* fail({ at: 3, how, times: 2 })
        yield* importLines(lines)
        assert.strictEqual(yield* head, 2_600)
        yield* exact
      }).pipe(hurried, Effect.provide(withLoans(failing)))
  )
})

describe("show", () => {
  const id = Id.make("200003")

  it.effect("tells an application as of times in between", () =>
    Effect.gen(function*() {
      yield* importLines(lines)
      const first = Date.parse(lines[3]!.time)
      const at = (millis: number) =>
        Effect.map(LoanApplication.load(id, { at: { occurredAt: DateTime.makeUnsafe(millis) } }), ({ version }) =>
          version)
      assert.deepStrictEqual(
        yield* Effect.forEach([-1, 0, 259_999, 260_000], (after) =>
          at(first + after)),
        [0, 1, 1, 2]
      )
      const { said } = yield* listening(Show.show(id, Show.at("2011-10-30T00:05")))
      assert.lengthOf(said, 2 + 2)
      assert.include(said[0], "2011-10-30T00:00:03.000+02:00  application submitted, EUR 1,003 by 112")
      assert.include(said[2], "Application 200003 for EUR 1,003, as of 2011-10-30T00:05: partly submitted")
    }).pipe(Effect.provide(memory)))

  it.effect("names what is not there", () =>
    Effect.gen(function*() {
      assert.include(
        (yield* Effect.flip(Show.show("1", Option.none()))).message,
        "application 1: expected an application with events"
      )
      assert.include(
        (yield* Effect.flip(Show.show("x", Option.none()))).message,
        "application: expected a number, got \"x\""
      )
    }).pipe(Effect.provide(memory)))

  it("takes days and times, of the Netherlands unless told", () => {
    const epoch = (text: string) =>
      Option.getOrUndefined(Option.map(Show.at(text), ({ time }) => DateTime.formatIso(time)))
    assert.strictEqual(epoch("2011-10-11"), "2011-10-11T21:59:59.999Z")
    assert.strictEqual(epoch("2011-12-11"), "2011-12-11T22:59:59.999Z")
    assert.strictEqual(epoch("2011-10-11T12:00"), "2011-10-11T10:00:00.000Z")
    assert.strictEqual(epoch("2011-10-11T12:00Z"), "2011-10-11T12:00:00.000Z")
    assert.strictEqual(epoch("2011-10-11T12:00+05:00"), "2011-10-11T07:00:00.000Z")
    for (const text of ["2011-02-30", "2011-02-30T12:00Z", "11-10-2011", "2011-10-11T25:00", "today", ""]) {
      assert.isUndefined(epoch(text), text)
    }
  })
})
