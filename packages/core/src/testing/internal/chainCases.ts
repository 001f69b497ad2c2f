import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Commit, Expected, Receipt } from "../../Commit.ts"
import type { CommitId } from "../../CommitId.ts"
import type { EventStoreError } from "../../EventStoreError.ts"
import type { StreamName } from "../../StreamName.ts"
import { commitOf, define, type Definition, event, type Fixture, newId, upTo, write } from "./fixture.ts"

type Named = Commit & { readonly id: CommitId }

/** Commits of one event each, each on top of the one before it. */
const chain = (stream: StreamName, length: number, first: Expected, version: number): ReadonlyArray<Named> => {
  const commits: Array<Named> = []
  for (const n of upTo(length)) {
    const before = commits.at(-1)
    const expected = before === undefined ? first : { version: version + n - 1, commitId: before.id }
    commits.push(commitOf(write(stream, expected, [event("Happened", { n })])))
  }
  return commits
}

/** Sends each before the one before it is acknowledged. */
const send = (
  t: Fixture,
  commits: ReadonlyArray<Commit>
): Effect.Effect<ReadonlyArray<Result.Result<Receipt, EventStoreError>>> =>
  Effect.forEach(commits, (commit) => Effect.result(t.store.append(commit)), { concurrency: "unbounded" })

const words = (outcomes: ReadonlyArray<Result.Result<Receipt, EventStoreError>>): ReadonlyArray<string> =>
  outcomes.map((outcome) => Result.isSuccess(outcome) ? "written" : outcome.failure.reason._tag)

const inOrder = define(
  "commits chained on each other and sent at once are all written, in their order",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const commits = chain(stream, 300, 0, 0)
    const outcomes = yield* send(t, commits)
    yield* t.equal("outcomes", words(outcomes), commits.map(() => "written"))
    const stored = yield* t.events(stream)
    yield* t.equal("commits by version", stored.map(({ commitId }) => commitId), commits.map(({ id }) => id))
    yield* t.lengths("after them", [stream, 300])
  }),
  "appendOrder"
)

const onFingerprint = define(
  "nothing rests on a commit with a fingerprint: its id does not say what was written",
  Effect.fnUntraced(function*(t: Fixture) {
    const [stream, other] = [t.stream(), t.stream("b")]
    const marked = yield* t.store.append({ ...commitOf(write(stream, 0)), fingerprint: "one" })
    const expected = { version: 1, commitId: marked.commitId }
    yield* t.conflict("on a commit that is stored", t.append(write(stream, expected)), { stream, expected, actual: 1 })
    const first = { ...commitOf(write(other, 0)), fingerprint: "one" }
    const second = commitOf(write(other, { version: 1, commitId: first.id }))
    const third = commitOf(write(t.stream("c"), 0))
    const outcomes = yield* send(t, [third, first, second])
    yield* t.equal("on a commit that is under way", words(outcomes), ["written", "written", "Conflict"])
    yield* t.lengths("after two conflicts", [stream, 1], [other, 1], [t.stream("c"), 1])
  })
)

const manyChains = define(
  "chains of different streams do not disturb each other",
  Effect.fnUntraced(function*(t: Fixture) {
    const chains = upTo(8).map((n) => chain(t.stream(`s${n}`), 25, "any", 0))
    const mixed = upTo(25).flatMap((n) => chains.map((commits) => commits[n - 1]!))
    const outcomes = yield* send(t, mixed)
    yield* t.equal("outcomes", words(outcomes), mixed.map(() => "written"))
    yield* t.lengths("after them", ...upTo(8).map((n) => [t.stream(`s${n}`), 25] as const))
  }),
  "appendOrder"
)

const overStreams = define(
  "a chain may lead over several streams",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    const first = commitOf(write(a, 0), write(b, 0))
    const second = commitOf(write(b, { version: 1, commitId: first.id }))
    const third = commitOf(write(a, { version: 1, commitId: first.id }), write(b, { version: 2, commitId: second.id }))
    yield* t.equal("outcomes", words(yield* send(t, [first, second, third])), ["written", "written", "written"])
    yield* t.lengths("after them", [a, 2], [b, 3])
  }),
  "appendOrder"
)

const firstFails = define(
  "when the first of a chain fails all others fail",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const commits = chain(stream, 40, 5, 5)
    yield* t.equal("outcomes", words(yield* send(t, commits)), commits.map(() => "Conflict"))
    yield* t.lengths("after a chain upon nothing", [stream, 0])
    yield* t.append(write(stream, 0))
    const late = chain(stream, 40, 0, 0)
    yield* t.equal("outcomes, one event late", words(yield* send(t, late)), late.map(() => "Conflict"))
    yield* t.lengths("after a chain that came late", [stream, 1])
  })
)

const numberFits = define(
  "a chain does not go on upon the commit of another, though the number fits",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const commits = chain(stream, 10, 0, 0)
    yield* t.append(write(stream, 0))
    yield* t.equal("outcomes", words(yield* send(t, commits)), commits.map(() => "Conflict"))
    const expected = { version: 1, commitId: commits[0]!.id }
    yield* t.conflict("the second alone", t.store.append(commits[1]!), { stream, expected, actual: 1 })
    yield* t.lengths("after them", [stream, 1])
  })
)

const brokenInside = define(
  "a link that fails breaks the rest of the chain, and nothing before it",
  Effect.fnUntraced(function*(t: Fixture) {
    const [stream, other] = [t.stream("a"), t.stream("b")]
    const commits = chain(stream, 20, 0, 0).map((commit, i) =>
      i === 10 ? { ...commit, checks: [{ _tag: "Stream", stream: other, expected: "exists" } as const] } : commit
    )
    const wanted = commits.map((_, i) => i < 10 ? "written" : "Conflict")
    yield* t.equal("outcomes", words(yield* send(t, commits)), wanted)
    yield* t.lengths("after them", [stream, 10], [other, 0])
  }),
  "appendOrder"
)

const twoChains = define(
  "of two chains that start from one version exactly one is written",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const { commitId } = yield* t.append(write(stream, 0))
    const [left, right] = [0, 1].map(() => chain(stream, 15, { version: 1, commitId }, 1))
    const outcomes = yield* send(t, upTo(15).flatMap((n) => [left![n - 1]!, right![n - 1]!]))
    const winner = words(outcomes)[0] === "written" ? 0 : 1
    yield* t.equal("outcomes", words(outcomes), outcomes.map((_, i) => i % 2 === winner ? "written" : "Conflict"))
    const stored = (yield* t.events(stream)).slice(1).map((event) => event.commitId)
    yield* t.equal("commits by version", stored, [left, right][winner]!.map(({ id }) => id))
  }),
  "appendOrder"
)

const resent = define(
  "a chain sent again is known, link by link",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const commits = chain(stream, 12, 0, 0)
    for (const commit of commits.slice(0, 6)) yield* t.store.append(commit)
    for (const [i, commit] of commits.entries()) {
      yield* t.equal(`replayed of link ${i}`, (yield* t.store.append(commit)).replayed, i < 6)
    }
    yield* t.lengths("after it", [stream, 12])
    yield* t.equal("outcomes of all at once", words(yield* send(t, commits)), commits.map(() => "written"))
    const stranger = { version: 12, commitId: yield* newId }
    yield* t.conflict("upon a stranger", t.append(write(stream, stranger)), { stream, expected: stranger, actual: 12 })
    yield* t.lengths("after all", [stream, 12])
  })
)

/** Commits upon commits that are not acknowledged yet. */
export const cases: ReadonlyArray<Definition> = [
  inOrder,
  onFingerprint,
  manyChains,
  overStreams,
  firstFails,
  numberFits,
  brokenInside,
  twoChains,
  resent
]
