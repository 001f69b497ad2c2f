import * as Effect from "effect/Effect"
import type { Check, Expected } from "../../Commit.ts"
import type { StreamName } from "../../StreamName.ts"
import { commitOf, define, type Definition, event, type Fixture, newId, numbered, upTo, write } from "./fixture.ts"

const check = (stream: StreamName, expected: Expected): Check => ({ _tag: "Stream", stream, expected })

const abaPattern = define(
  "a commit may come back to a stream, and its events keep the order of the writes",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    const receipt = yield* t.append(
      write(a, 0, [event("First")]),
      write(b, 0, [event("Second")]),
      write(a, 1, [event("Third"), event("Fourth")])
    )
    yield* t.equal("streams of the receipt", receipt.streams, [{ stream: a, from: 1, to: 3 }, {
      stream: b,
      from: 1,
      to: 1
    }])
    const found = (yield* t.own()).map(({ commitIndex, position, stream, type, version }) => [
      type,
      stream.id,
      version,
      commitIndex,
      position - receipt.first
    ])
    yield* t.equal("events", found, [
      ["First", "a", 1, 0, 0],
      ["Second", "b", 1, 1, 1],
      ["Third", "a", 2, 2, 2],
      ["Fourth", "a", 3, 3, 3]
    ])
  })
)

const laterWrites = define(
  "what a write expects sees the writes before it in its commit",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    yield* t.append(write(a, 0, numbered(2)), write(a, "exists"), write(a, 3), write(a, "any"))
    yield* t.append(write(b, "any"), write(a, 5), write(b, 1), write(a, 6))
    yield* t.lengths("after two commits", [a, 7], [b, 2])
    const wrong: ReadonlyArray<readonly [string, Expected, Expected]> = [
      ["0 behind an event", "any", 0],
      ["the version before the commit", 7, 7],
      ["a version that is not reached", 7, 9],
      ["a version upon one that is not there", 6, 8]
    ]
    for (const [what, first, second] of wrong) {
      yield* t.refused(what, t.append(write(a, first), write(a, second)))
    }
    const moved = { stream: a, expected: 6, actual: 7 }
    yield* t.conflict(
      "versions that go on from each other, and not from the stream",
      t.append(write(a, 6), write(a, 7)),
      moved
    )
    yield* t.lengths("after four refusals and a conflict", [a, 7], [b, 2])
  })
)

const laterCommits = define(
  "what a commit has written itself was not written by another",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    const { commitId } = yield* t.append(write(a, 0))
    yield* t.refused("on a stream with events", t.append(write(a, 1), write(a, { version: 2, commitId })))
    yield* t.refused("on a stream without", t.append(write(b, "any"), write(b, { version: 1, commitId })))
    yield* t.lengths("after two refusals", [a, 1], [b, 0])
  })
)

const allOrNothing = define(
  "a commit of which one part does not fit writes nothing at all",
  Effect.fnUntraced(function*(t: Fixture) {
    const streams = ["a", "b", "c"].map((id) => t.stream(id))
    for (const wrong of streams) {
      const [first, ...others] = streams.map((stream) => write(stream, stream === wrong ? 7 : 0, numbered(2)))
      yield* t.conflict(`a wrong write to ${wrong.id}`, t.append(first!, ...others), {
        stream: wrong,
        expected: 7,
        actual: 0
      })
      yield* t.lengths("after a conflict", ...streams.map((stream) => [stream, 0] as const))
    }
    const unfit = event("Unfit", { n: NaN })
    yield* t.refused(
      "a payload that does not fit",
      t.append(write(t.stream("a")), write(t.stream("b"), 0, [event(), unfit]))
    )
    yield* t.lengths("after a refusal", ...streams.map((stream) => [stream, 0] as const))
  })
)

const interleaved = define(
  "a commit over many interleaved streams keeps the order of each",
  Effect.fnUntraced(function*(t: Fixture) {
    const streams = upTo(20).map((n) => t.stream(`s${n}`))
    const writes = upTo(100).map((n) => write(streams[n * 7 % 20]!, "any", [event("Happened", { n })]))
    const receipt = yield* t.append(writes[0]!, ...writes.slice(1))
    yield* t.equal("positions", receipt.last - receipt.first, 99)
    yield* t.equal("streams of the receipt", receipt.streams.length, 20)
    for (const stream of streams) {
      const numbers = (yield* t.events(stream)).map(({ payload }) => payload)
      const wanted = writes.flatMap((write) =>
        write.stream === stream ? write.events.map(({ payload }) => payload) : []
      )
      yield* t.equal(`events of ${stream.id}`, numbers, wanted)
    }
    yield* t.equal("order of the store", (yield* t.own()).map(({ payload }) => payload), upTo(100).map((n) => ({ n })))
  })
)

const checks = define(
  "a check holds or fails like an expectation, and writes nothing",
  Effect.fnUntraced(function*(t: Fixture) {
    const [full, empty] = [t.stream("full"), t.stream("empty")]
    const { commitId } = yield* t.append(write(full, 0, numbered(2)))
    const fitting: ReadonlyArray<Check> = [
      check(full, 2),
      check(full, "any"),
      check(full, "exists"),
      check(full, { version: 2, commitId }),
      check(empty, 0),
      check(empty, "any")
    ]
    for (const one of fitting) yield* t.store.append({ writes: [write(t.stream())], checks: [one] })
    yield* t.store.append({ writes: [write(t.stream())], checks: fitting })
    const failing: ReadonlyArray<readonly [Check, number]> = [
      [check(full, 0), 2],
      [check(full, 1), 2],
      [check(full, 3), 2],
      [check(full, { version: 2, commitId: yield* newId }), 2],
      [check(empty, 1), 0],
      [check(empty, "exists"), 0],
      [check(empty, { version: 1, commitId }), 0]
    ]
    for (const [one, actual] of failing) {
      const { expected, stream } = one
      const append = t.store.append({ writes: [write(t.stream())], checks: [...fitting, one] })
      yield* t.conflict("a failing check", append, { stream, expected, actual })
    }
    yield* t.lengths("after all", [full, 2], [empty, 0], [t.stream(), fitting.length + 1])
  })
)

const checkAmong = define(
  "a stream that is only checked has no part in the receipt, wherever it is named",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b, c] = [t.stream("a"), t.stream("b"), t.stream("c")]
    yield* t.append(write(b, 0))
    const receipt = yield* t.store.append({
      writes: [write(a, 0), write(c, 0)],
      checks: [check(c, 0), check(b, 1), check(a, 0)]
    })
    yield* t.equal("streams of the receipt", receipt.streams, [{ stream: a, from: 1, to: 1 }, {
      stream: c,
      from: 1,
      to: 1
    }])
    yield* t.equal("positions", receipt.last - receipt.first, 1)
    yield* t.lengths("after it", [a, 1], [b, 1], [c, 1])
    const found = yield* t.store.findCommit(receipt.commitId)
    yield* t.equal("receipt of findCommit", found._tag === "Some" && found.value.streams, receipt.streams)
  })
)

const checksBefore = define(
  "a check of a stream that the commit writes sees it as it was before",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    yield* t.store.append({ writes: [write(stream, "any", numbered(2))], checks: [check(stream, 0)] })
    yield* t.store.append({ writes: [write(stream)], checks: [check(stream, 2), check(stream, "exists")] })
    const late = t.store.append({ writes: [write(stream)], checks: [check(stream, 4)] })
    yield* t.conflict("a check of the version behind the commit", late, { stream, expected: 4, actual: 3 })
    const created = t.stream("b")
    const exists = t.store.append({ writes: [write(created)], checks: [check(created, "exists")] })
    yield* t.conflict("a check that the commit itself would meet", exists, {
      stream: created,
      expected: "exists",
      actual: 0
    })
    yield* t.lengths("after them", [stream, 3], [created, 0])
  })
)

const contradiction = define(
  "conditions of one stream that contradict each other are a conflict",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    yield* t.append(write(stream, 0))
    for (const [first, second] of [[1, 0], [0, 1], ["exists", 0], [0, "exists"], ["any", 2]] as const) {
      const append = t.store.append({ writes: [write(stream, first)], checks: [check(stream, second)] })
      yield* t.reason(`a write expecting ${first}, a check expecting ${second}`, append, "Conflict")
    }
    yield* t.lengths("after them", [stream, 1])
  })
)

const oneId = define(
  "events of one commit share its id, its time and its metadata",
  Effect.fnUntraced(function*(t: Fixture) {
    const commit = {
      ...commitOf(write(t.stream("a"), 0, numbered(3)), write(t.stream("b"))),
      metadata: { actor: "ada" }
    }
    const receipt = yield* t.store.append(commit)
    const shared = (yield* t.own()).map(({ commitId, metadata, recordedAt }) => ({ commitId, metadata, recordedAt }))
    const wanted = { commitId: commit.id, metadata: { actor: "ada" }, recordedAt: receipt.recordedAt }
    yield* t.equal("what they share", shared, [wanted, wanted, wanted, wanted])
  })
)

/** Commits over several streams, and checks. */
export const cases: ReadonlyArray<Definition> = [
  abaPattern,
  laterWrites,
  laterCommits,
  allOrNothing,
  interleaved,
  checks,
  checkAmong,
  checksBefore,
  contradiction,
  oneId
]
