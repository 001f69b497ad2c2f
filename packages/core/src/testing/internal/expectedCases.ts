import * as Effect from "effect/Effect"
import type { Expected } from "../../Commit.ts"
import { commitOf, define, type Definition, type Fixture, newId, numbered, write } from "./fixture.ts"

const noStream = define(
  "expected 0 takes a stream without events, and no other",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const { streams } = yield* t.append(write(stream, 0, numbered(2)))
    yield* t.equal("receipt of the first commit", streams, [{ stream, from: 1, to: 2 }])
    yield* t.conflict("a second first commit", t.append(write(stream, 0)), { stream, expected: 0, actual: 2 })
    yield* t.lengths("after it", [stream, 2])
  })
)

const version = define(
  "an expected version takes exactly that version",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    yield* t.append(write(stream, 0, numbered(3)))
    for (const expected of [0, 1, 2, 4, 5, 2_147_483_647]) {
      yield* t.conflict(`version ${expected} of 3`, t.append(write(stream, expected)), { stream, expected, actual: 3 })
    }
    const { streams } = yield* t.append(write(stream, 3, numbered(2)))
    yield* t.equal("receipt", streams, [{ stream, from: 4, to: 5 }])
    yield* t.lengths("after one success and six conflicts", [stream, 5])
  })
)

const versionOfMissing = define(
  "an expected version above 0 does not take a stream without events",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    for (const expected of [1, 2, 2_147_483_647]) {
      yield* t.conflict(`version ${expected} of none`, t.append(write(stream, expected)), {
        stream,
        expected,
        actual: 0
      })
    }
    yield* t.lengths("after three conflicts", [stream, 0])
  })
)

const any = define(
  "\"any\" takes a stream with and without events",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const first = yield* t.append(write(stream, "any", numbered(2)))
    const second = yield* t.append(write(stream, "any"))
    yield* t.equal("first receipt", first.streams, [{ stream, from: 1, to: 2 }])
    yield* t.equal("second receipt", second.streams, [{ stream, from: 3, to: 3 }])
    yield* t.lengths("after two commits", [stream, 3])
  })
)

const exists = define(
  "\"exists\" takes a stream with events, and no other",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    yield* t.conflict("\"exists\" without events", t.append(write(stream, "exists")), {
      stream,
      expected: "exists",
      actual: 0
    })
    yield* t.lengths("after the conflict", [stream, 0])
    yield* t.append(write(stream, 0))
    const { streams } = yield* t.append(write(stream, "exists", numbered(2)))
    yield* t.equal("receipt", streams, [{ stream, from: 2, to: 3 }])
    yield* t.lengths("after it", [stream, 3])
  })
)

const byCommit = define(
  "an expected commit takes only the version that this commit wrote",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const other = t.stream("b")
    const first = yield* t.append(write(stream, 0, numbered(3)))
    const elsewhere = yield* t.append(write(other, 0, numbered(3)))
    const unknown = yield* newId
    const wrong: ReadonlyArray<readonly [string, Expected]> = [
      ["the version of a commit that wrote another stream", { version: 3, commitId: elsewhere.commitId }],
      ["the version of a commit that nobody knows", { version: 3, commitId: unknown }],
      ["a version within the commit", { version: 2, commitId: first.commitId }],
      ["a version behind the commit", { version: 4, commitId: first.commitId }]
    ]
    for (const [what, expected] of wrong) {
      yield* t.conflict(what, t.append(write(stream, expected)), { stream, expected, actual: 3 })
    }
    yield* t.lengths("after four conflicts", [stream, 3], [other, 3])
    const expected = { version: 3, commitId: first.commitId }
    const second = yield* t.append(write(stream, expected))
    yield* t.equal("receipt", second.streams, [{ stream, from: 4, to: 4 }])
    yield* t.conflict("the same again", t.append(write(stream, expected)), { stream, expected, actual: 4 })
    yield* t.lengths("after it", [stream, 4])
  })
)

const byCommitOfMissing = define(
  "an expected commit does not take a stream without events",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const elsewhere = yield* t.append(write(t.stream("b"), 0))
    for (const commitId of [yield* newId, elsewhere.commitId]) {
      const expected = { version: 1, commitId }
      yield* t.conflict("an expected commit", t.append(write(stream, expected)), { stream, expected, actual: 0 })
    }
    yield* t.lengths("after two conflicts", [stream, 0])
  })
)

const sameCommitAsUsual = define(
  "an expected commit need not be the last of the store",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const first = yield* t.append(write(stream, 0), write(t.stream("b"), 0))
    yield* t.append(write(t.stream("b"), 1))
    yield* t.append(write(stream, { version: 1, commitId: first.commitId }))
    yield* t.lengths("after three commits", [stream, 2], [t.stream("b"), 2])
  })
)

const conflictIsNothing = define(
  "a conflict leaves no trace, and the same commit goes through once it fits",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const commit = commitOf(write(stream, 1))
    yield* t.conflict("too early", t.store.append(commit), { stream, expected: 1, actual: 0 })
    yield* t.equal("findCommit after the conflict", (yield* t.store.findCommit(commit.id))._tag, "None")
    yield* t.append(write(stream, 0))
    const receipt = yield* t.store.append(commit)
    yield* t.equal("replayed", receipt.replayed, false)
    yield* t.equal("streams", receipt.streams, [{ stream, from: 2, to: 2 }])
    yield* t.lengths("after it", [stream, 2])
  })
)

const firstOfSeveral = define(
  "of several conflicts of one commit the first is reported",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    yield* t.append(write(b, 0))
    yield* t.conflict("two", t.append(write(a, 7), write(b, 8)), { stream: a, expected: 7, actual: 0 })
    yield* t.conflict("two, the other way", t.append(write(b, 8), write(a, 7)), { stream: b, expected: 8, actual: 1 })
    yield* t.lengths("after two conflicts", [a, 0], [b, 1])
  })
)

const impossible = define(
  "an expected version that no stream can have is refused",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const commitId = yield* newId
    for (const version of [-1, 0.5, NaN, Infinity, 2_147_483_648, Number.MAX_SAFE_INTEGER + 1]) {
      yield* t.refused(`expected ${version}`, t.append(write(stream, version)))
      yield* t.refused(`expected ${version} of a commit`, t.append(write(stream, { version, commitId })))
    }
    yield* t.refused("expected 0 of a commit", t.append(write(stream, { version: 0, commitId })))
    yield* t.lengths("after them", [stream, 0])
  })
)

/** What a writer may expect of a stream, one by one. */
export const cases: ReadonlyArray<Definition> = [
  noStream,
  version,
  versionOfMissing,
  any,
  exists,
  byCommit,
  byCommitOfMissing,
  sameCommitAsUsual,
  conflictIsNothing,
  firstOfSeveral,
  impossible
]
