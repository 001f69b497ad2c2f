import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Commit, Receipt } from "../../Commit.ts"
import { commitOf, define, type Definition, event, type Fixture, newId, numbered, upTo, write } from "./fixture.ts"

const again = (receipt: Receipt): Receipt => ({ ...receipt, replayed: true })

const sameContent = define(
  "the same commit again returns the first receipt and writes nothing",
  Effect.fnUntraced(function*(t: Fixture) {
    const commit = commitOf(write(t.stream("a"), 0, numbered(3)), write(t.stream("b"), 0), write(t.stream("a"), 3))
    const receipt = yield* t.store.append(commit)
    yield* t.equal("replayed of the first", receipt.replayed, false)
    for (const _ of upTo(3)) yield* t.equal("receipt of the same again", yield* t.store.append(commit), again(receipt))
    yield* t.lengths("after four times", [t.stream("a"), 4], [t.stream("b"), 1])
  })
)

const wrongByNow = define(
  "a commit is known by its id before any expectation is looked at",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const commit = commitOf(write(stream, 0))
    const receipt = yield* t.store.append(commit)
    yield* t.append(write(stream, 1, numbered(4)))
    yield* t.equal("receipt with an expected version of old", yield* t.store.append(commit), again(receipt))
    for (const expected of [3, 5, 99, "any", "exists", { version: 9, commitId: commit.id }] as const) {
      const resent = yield* t.store.append({ id: commit.id, writes: [write(stream, expected)] })
      yield* t.equal("receipt with another expected version", resent, again(receipt))
    }
    const checked = yield* t.store.append({ ...commit, checks: [{ _tag: "Stream", stream, expected: 77 }] })
    yield* t.equal("receipt with a check that fails", checked, again(receipt))
    yield* t.lengths("after them", [stream, 5])
  })
)

const otherCircumstances = define(
  "times and metadata have no part in what makes a commit the same",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const first = DateTime.makeUnsafe("2020-02-29T12:00:00.123Z")
    const id = yield* newId
    const at = (occurredAt: DateTime.Utc | undefined, actor: string): Commit => ({
      id,
      writes: [write(stream, 0, [{ ...event(), occurredAt }])],
      metadata: { actor }
    })
    const receipt = yield* t.store.append(at(first, "ada"))
    const others = [at(undefined, "ada"), at(DateTime.makeUnsafe(0), "grace"), {
      ...at(first, "ada"),
      metadata: undefined
    }]
    for (const other of others) yield* t.equal("receipt", yield* t.store.append(other), again(receipt))
    const [stored] = yield* t.events(stream)
    yield* t.equal("what is stored", [stored?.occurredAt, stored?.metadata], [first, { actor: "ada" }])
    yield* t.lengths("after them", [stream, 1])
  })
)

const atOnce = define(
  "the same commit from 48 fibers at once is written once, and all learn the same receipt",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const expected of [0, "any"] as const) {
      const stream = t.stream(`${expected}`)
      const commit = commitOf(write(stream, expected, numbered(2)), write(t.stream("other"), "any"))
      const receipts = yield* Effect.forEach(upTo(48), () => t.store.append(commit), { concurrency: "unbounded" })
      yield* t.equal("receipts that are no replay", receipts.filter(({ replayed }) => !replayed).length, 1)
      yield* t.equal("receipts", receipts.map(again), receipts.map(() => again(receipts[0]!)))
      yield* t.lengths("after them", [stream, 2])
    }
    yield* t.lengths("after two rounds", [t.stream("other"), 2])
  })
)

const otherContent = define(
  "an id that stands for other content is refused, and nothing is written",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    const e = event("Happened", { n: 1, list: [1, 2] }, 2)
    const commit = commitOf(write(a, 0, [e, event("Then")]))
    const receipt = yield* t.store.append(commit)
    const others: ReadonlyArray<readonly [string, Commit["writes"]]> = [
      ["another payload", [write(a, "any", [{ ...e, payload: { n: 2, list: [1, 2] } }, event("Then")])]],
      ["a longer payload", [write(a, "any", [{ ...e, payload: { n: 1, list: [1, 2], m: 0 } }, event("Then")])]],
      ["another type", [write(a, "any", [{ ...e, type: "Occurred" }, event("Then")])]],
      ["another revision", [write(a, "any", [{ ...e, revision: 3 }, event("Then")])]],
      ["another stream", [write(b, "any", [e, event("Then")])]],
      ["another tenant", [write({ ...a, tenant: "acme" }, "any", [e, event("Then")])]],
      ["another category", [write(t.stream("a", "", "Other"), "any", [e, event("Then")])]],
      ["one event less", [write(a, "any", [e])]],
      ["one event more", [write(a, "any", [e, event("Then"), event("Then")])]],
      ["another order", [write(a, "any", [event("Then"), e])]],
      ["one event elsewhere", [write(a, "any", [e]), write(b, "any", [event("Then")])]]
    ]
    for (const [what, writes] of others) yield* t.refused(what, t.store.append({ id: commit.id, writes }))
    yield* t.equal("receipt of the first content", yield* t.store.append(commit), again(receipt))
    const acme = { ...a, tenant: "acme" }
    yield* t.lengths("after them", [a, 2], [b, 0], [acme, 0], [t.stream("a", "", "Other"), 0])
  })
)

const otherContentAtOnce = define(
  "of two contents that race for one id one is written and the other refused",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const round of upTo(12)) {
      const stream = t.stream(`s${round}`)
      const id = yield* newId
      const send = (n: number) =>
        Effect.result(t.store.append({ id, writes: [write(stream, "any", [event("Happened", { n })])] }))
      const outcomes = yield* Effect.forEach([1, 2, 1, 2], send, { concurrency: "unbounded" })
      const words = outcomes.map((outcome) => outcome._tag === "Success" ? "written" : outcome.failure.reason._tag)
      const [stored] = yield* t.events(stream)
      const first = stored?.payload
      const wanted = [1, 2, 1, 2].map((n) => JSON.stringify(first) === JSON.stringify({ n }) ? "written" : "Refused")
      yield* t.equal("outcomes", words, wanted)
      yield* t.lengths("after the race", [stream, 1])
    }
  })
)

const fingerprints = define(
  "a fingerprint stands for the content",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    const marked = { ...commitOf(write(a, 0)), fingerprint: "one" }
    const plain = commitOf(write(b, 0))
    const receipt = yield* t.store.append(marked)
    const other = [write(t.stream("c"), 0, [event("Other", { n: 2 }), event()])] as const
    yield* t.equal("receipt of the same fingerprint", yield* t.store.append(marked), again(receipt))
    const changed = yield* t.store.append({ ...marked, writes: other })
    yield* t.equal("receipt of other content with the same fingerprint", changed, again(receipt))
    yield* t.refused("the same content with another fingerprint", t.store.append({ ...marked, fingerprint: "two" }))
    yield* t.refused("the same content without a fingerprint", t.store.append({ ...marked, fingerprint: undefined }))
    yield* t.store.append(plain)
    yield* t.refused("a fingerprint where none was", t.store.append({ ...plain, fingerprint: "one" }))
    const long = "x".repeat(64)
    yield* t.store.append({ ...commitOf(write(b)), fingerprint: long })
    yield* t.refused(
      "a fingerprint of 65 characters",
      t.store.append({ ...commitOf(write(b)), fingerprint: `${long}x` })
    )
    yield* t.lengths("after them", [a, 1], [b, 2], [t.stream("c"), 0])
    const [stored] = yield* t.events(a)
    yield* t.equal("fingerprint in the metadata", stored?.metadata, { fingerprint: "one" })
  })
)

const fingerprintAside = define(
  "a fingerprint that stands only in the metadata changes nothing, or is refused",
  Effect.fnUntraced(function*(t: Fixture) {
    const commit = { ...commitOf(write(t.stream(), 0)), metadata: { fingerprint: "aside" } }
    const first = yield* Effect.result(t.store.append(commit))
    if (first._tag === "Failure") return yield* t.refused("a fingerprint in the metadata", t.store.append(commit))
    yield* t.equal("receipt of the same again", yield* t.store.append(commit), again(first.success))
    yield* t.lengths("after both", [t.stream(), 1])
  })
)

const find = define(
  "findCommit tells the first receipt of an id, and nothing else",
  Effect.fnUntraced(function*(t: Fixture) {
    const commit = commitOf(write(t.stream("a"), 0, numbered(2)), write(t.stream("b"), 0))
    yield* t.equal("before", yield* t.store.findCommit(commit.id), Option.none())
    yield* t.equal("before, with a fingerprint", yield* t.store.findCommit(commit.id, "one"), Option.none())
    const receipt = yield* t.store.append(commit)
    yield* t.append(write(t.stream("a"), 2))
    const found = yield* t.store.findCommit(commit.id)
    yield* t.equal("after", Option.getOrUndefined(found), again(receipt))
    yield* t.refused("with a fingerprint where there is none", t.store.findCommit(commit.id, "one"))
    const marked = yield* t.store.append({ ...commitOf(write(t.stream("a"))), fingerprint: "one" })
    const same = yield* t.store.findCommit(marked.commitId, "one")
    yield* t.equal("with its fingerprint", Option.getOrUndefined(same), again(marked))
    const unasked = yield* t.store.findCommit(marked.commitId)
    yield* t.equal("without its fingerprint", Option.getOrUndefined(unasked), again(marked))
    yield* t.refused("with another fingerprint", t.store.findCommit(marked.commitId, "two"))
    yield* t.equal("an id that nobody used", yield* t.store.findCommit(yield* newId), Option.none())
  })
)

const large = define(
  "a large commit is known again",
  Effect.fnUntraced(function*(t: Fixture) {
    const commit = commitOf(write(t.stream("a"), 0, numbered(700)), write(t.stream("b"), 0, numbered(300)))
    const receipt = yield* t.store.append(commit)
    yield* t.equal("receipt", yield* t.store.append(commit), again(receipt))
    const [first, ...rest] = numbered(300)
    const changed = [...rest.slice(0, -1), event("Happened", { n: -1 })]
    const other = [write(t.stream("a"), 0, numbered(700)), write(t.stream("b"), 0, [first, ...changed])] as const
    yield* t.refused("the last event changed", t.store.append({ id: commit.id, writes: other }))
    yield* t.lengths("after them", [t.stream("a"), 700], [t.stream("b"), 300])
  })
)

const sameFacts = define(
  "the same content under two ids is two commits",
  Effect.fnUntraced(function*(t: Fixture) {
    const first = yield* t.store.append(commitOf(write(t.stream())))
    const second = yield* t.store.append(commitOf(write(t.stream())))
    yield* t.equal("replayed", [first.replayed, second.replayed], [false, false])
    yield* t.lengths("after two commits", [t.stream(), 2])
  })
)

/** The commit id as an idempotency key. */
export const cases: ReadonlyArray<Definition> = [
  sameContent,
  wrongByNow,
  otherCircumstances,
  atOnce,
  otherContent,
  otherContentAtOnce,
  fingerprints,
  fingerprintAside,
  find,
  large,
  sameFacts
]
