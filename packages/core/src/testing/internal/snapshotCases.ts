import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Schema from "effect/Schema"
import * as Limits from "../../Limits.ts"
import type { StreamName } from "../../StreamName.ts"
import { numbered, upTo, write } from "./fixture.ts"
import { define, type Definition, type SnapshotFixture } from "./snapshotFixture.ts"

const states: ReadonlyArray<Schema.Json> = [
  null,
  true,
  0,
  -0,
  0.1,
  -1.5e300,
  Number.MAX_SAFE_INTEGER,
  "",
  "\"\\/\b\u0001 \u2028 é 😀",
  [],
  [[1, [null]], {}],
  {},
  { "": 0, "a\"b": { "😀": [false] }, "\\u0041": 1, constructor: 2 }
]

const roundTrip = define(
  "a state is found as it was saved, and none where none was",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const stream = t.stream()
    yield* t.has("of a stream without one", stream, { 1: undefined, 2: undefined })
    for (const [i, state] of states.entries()) {
      yield* t.save(stream, 1, i + 1, state)
      yield* t.finds("just saved", stream, 1, { version: i + 1, state })
    }
    yield* t.finds("after others of revision 1", stream, 2, undefined)
  })
)

const kept = define(
  "what becomes of a value after it was saved, or found, is nothing to the snapshot",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const stream = t.stream()
    const state = { items: [1] }
    yield* t.save(stream, 1, 1, state)
    state.items.push(2)
    yield* t.finds("of which the value has changed", stream, 1, { version: 1, state: { items: [1] } })
    const found = yield* t.snapshots.find(stream, 1)
    // What a program without types may do.
    if (found._tag === "Some") (found.value.state as typeof state).items.push(3)
    yield* t.finds("of which what was found has changed", stream, 1, { version: 1, state: { items: [1] } })
  })
)

const names = define(
  "a snapshot is that of one tenant, category and id",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const [acme, umbrella] = [t.tenant("acme"), t.tenant("umbrella")]
    const streams: ReadonlyArray<StreamName> = [
      ...["a", "A", "a ", "a/b", "b", "é", "e\u0301", `a@${acme}`, "a%40"].map((id) => t.stream(id)),
      t.stream("a", acme),
      t.stream("a", umbrella),
      t.stream("a", "", "Other"),
      t.stream("a", acme, "Other")
    ]
    for (const [i, stream] of streams.entries()) {
      yield* t.finds("of a stream whose neighbours have one", stream, 1, undefined)
      yield* t.save(stream, 1, i + 1, { i })
    }
    for (const [i, stream] of streams.entries()) {
      yield* t.finds("beside those of others", stream, 1, { version: i + 1, state: { i } })
    }
  })
)

const higher = define(
  "the higher version stays",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const stream = t.stream()
    yield* t.save(stream, 1, 5)
    yield* t.save(stream, 1, 4)
    yield* t.has("after a lower version", stream, { 1: 5 })
    yield* t.save(stream, 1, 9)
    yield* t.has("after a higher version", stream, { 1: 9 })
    yield* t.save(stream, 1, 10)
    yield* t.has("of one digit more", stream, { 1: 10 })
    yield* t.save(stream, 1, 9)
    yield* t.has("after one of one digit less", stream, { 1: 10 })
    const last = Limits.snapshotVersion
    yield* t.save(stream, 1, last)
    yield* t.has("of the highest version", stream, { 1: last })
  })
)

const equal = define(
  "an equal version is replaced",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const stream = t.stream()
    yield* t.save(stream, 1, 5, { broken: true })
    yield* t.save(stream, 1, 5)
    yield* t.has("after another of its version", stream, { 1: 5 })
  })
)

const revisions = define(
  "revisions are apart",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const stream = t.stream()
    yield* t.save(stream, 1, 10)
    yield* t.save(stream, 2, 5)
    yield* t.has("of two releases", stream, { 1: 10, 2: 5, 3: undefined })
    yield* t.save(stream, 1, 11)
    yield* t.save(stream, 2, 4)
    yield* t.has("of two releases that go on", stream, { 1: 11, 2: 5 })
    const last = Limits.revisions
    yield* t.save(stream, last, 1)
    yield* t.has("of the highest revision", stream, { [last]: 1 })
  })
)

const forgotten = define(
  "a revision that is kept makes those below the one before it forgotten, and no others",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const [stream, other, foreign] = [t.stream("a"), t.stream("b"), t.stream("a", t.tenant("acme"))]
    yield* Effect.forEach([stream, other, foreign], (one) => t.save(one, 1, 10))
    yield* t.save(stream, 2, 10)
    yield* t.save(stream, 3, 10)
    yield* t.has("after the third", stream, { 1: undefined, 2: 10, 3: 10 })
    yield* t.has("of another stream", other, { 1: 10 })
    yield* t.has("of another tenant", foreign, { 1: 10 })
    // A release that was rolled back.
    yield* t.save(stream, 1, 11)
    yield* t.has("after the first again", stream, { 1: 11, 2: 10, 3: 10 })
    yield* t.save(stream, 3, 9)
    yield* t.has("after one that is not kept", stream, { 1: 11, 2: 10, 3: 10 })
    yield* t.save(stream, 5, 1)
    yield* t.has("after the fifth", stream, { 1: undefined, 2: undefined, 3: undefined, 5: 1 })
  })
)

const erased = define(
  "what was made of an erased event goes with it, and what was not stays",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const [stream, other, foreign] = [t.stream("a"), t.stream("b"), t.stream("a", t.tenant("acme"))]
    const all = [stream, other, foreign]
    yield* Effect.forEach(all, (one) => t.append(write(one, 0, numbered(6))))
    yield* Effect.forEach(all, (one) => t.save(one, 1, 3))
    yield* Effect.forEach(all, (one) => t.save(one, 2, 4))
    yield* t.save(stream, 3, 6)
    yield* t.admin.erase({ stream, from: 4, to: 4 })
    yield* t.has("of the stream", stream, { 1: undefined, 2: undefined, 3: undefined })
    yield* t.has("of another stream", other, { 1: 3, 2: 4 })
    yield* t.has("of another tenant", foreign, { 1: 3, 2: 4 })
    yield* t.admin.erase({ stream: other, from: 4, to: 6 })
    yield* t.has("before the first version erased, and at it", other, { 1: 3, 2: undefined })
    yield* t.admin.erase({ stream: other, from: 3, to: 6 })
    yield* t.has("when one before was erased, too", other, { 1: undefined })
  })
)

const afterErasure = define(
  "nothing is kept of a stream at or behind what was erased, however late it comes",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const [stream, other] = [t.stream("a"), t.stream("b")]
    yield* t.append(write(stream, 0, numbered(6)), write(other, 0, numbered(6)))
    yield* t.admin.erase({ stream, from: 4, to: 5 })
    for (const version of [4, 5, 6, 1_000]) {
      yield* t.save(stream, 1, version)
      yield* t.has(`that came too late, of version ${version}`, stream, { 1: undefined })
    }
    yield* t.save(stream, 1, 3)
    yield* t.has("before what was erased", stream, { 1: 3 })
    yield* t.save(other, 1, 6)
    yield* t.has("of another stream", other, { 1: 6 })
    yield* t.admin.erase({ stream, from: 6, to: 6 })
    yield* t.save(stream, 1, 4)
    yield* t.has("after more was erased behind", stream, { 1: 3 })
    yield* t.admin.erase({ stream, from: 2, to: 2 })
    yield* t.save(stream, 1, 3)
    yield* t.has("after more was erased before", stream, { 1: undefined })
    yield* t.save(stream, 1, 1)
    yield* t.has("before all that was erased", stream, { 1: 1 })
  })
)

const nothingErased = define(
  "where nothing is erased, nothing goes",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const stream = t.stream()
    yield* t.append(write(stream, 0, numbered(4)))
    yield* t.save(stream, 1, 4)
    yield* t.admin.erase({ stream, from: 5, to: 9 })
    yield* t.admin.erase({ stream, from: 3, to: 2 })
    yield* t.refused("an erasure from 0", t.admin.erase({ stream, from: 0, to: 4 }))
    yield* t.has("after erasures of nothing", stream, { 1: 4 })
    yield* t.save(stream, 1, 5)
    yield* t.has("saved after erasures of nothing", stream, { 1: 5 })
  })
)

const race = define(
  "what is saved while a stream is erased is gone when it was",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    for (const round of upTo(8)) {
      const stream = t.stream(`${round}`)
      yield* t.append(write(stream, 0, numbered(5)))
      const saves = upTo(12).map((n) => t.save(stream, 1, 5 + n))
      const calls = [...saves.slice(0, 6), t.admin.erase({ stream, from: 1, to: 5 }), ...saves.slice(6)]
      yield* Effect.all(calls, { concurrency: "unbounded", discard: true })
      yield* t.has("after all of it", stream, { 1: undefined })
    }
  })
)

const atOnce = define(
  "calls of the same moment are each answered for themselves",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const all = upTo(200).map((n) => ({ n, stream: t.stream(`${n % 50}`, n % 100 < 50 ? "" : t.tenant("acme")) }))
    const revisionOf = (n: number) => n <= 100 ? 1 : 2
    const versionOf = (n: number) => n % 7 + 1
    yield* Effect.forEach(
      all.filter(({ n }) => n % 3 > 0),
      ({ n, stream }) => t.save(stream, revisionOf(n), versionOf(n), { n }),
      { concurrency: "unbounded", discard: true }
    )
    yield* Effect.forEach(
      all,
      ({ n, stream }) =>
        t.finds(
          `of stream ${n}`,
          stream,
          revisionOf(n),
          n % 3 > 0 ? { version: versionOf(n), state: { n } } : undefined
        ),
      { concurrency: "unbounded", discard: true }
    )
    const stream = t.stream("one")
    const versions = upTo(40).map((n) => n * 17 % 41)
    yield* Effect.forEach(versions, (version) => t.save(stream, 1, version), { concurrency: "unbounded" })
    yield* t.has("after 40 versions at once", stream, { 1: 40 })
  })
)

const limits = define(
  "what is beyond the limits is refused, and nothing is kept of it",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const stream = t.stream()
    for (const version of [0, -1, 1.5, NaN, Limits.snapshotVersion + 1]) {
      yield* t.refused(`a snapshot of version ${version}`, t.save(stream, 1, version))
    }
    for (const revision of [0, 1.5, Limits.revisions + 1]) {
      yield* t.refused(`a snapshot of revision ${revision}`, t.save(stream, revision, 1))
      yield* t.refused(`to find revision ${revision}`, t.snapshots.find(stream, revision))
    }
    yield* t.refused("a snapshot of no stream", t.save(t.stream(""), 1, 1))
    yield* t.refused("to find one of no stream", t.snapshots.find(t.stream(""), 1))
    // Programs without types.
    const unfit: ReadonlyArray<unknown> = [NaN, undefined, { a: undefined }, "\u0000", "\ud800", new Date(0), 1n]
    for (const state of unfit) {
      const saved = t.snapshots.save({ stream, revision: 1, version: 1, state: state as Schema.Json })
      yield* t.refused("a state that is no JSON", saved)
    }
    const longest = "x".repeat(Limits.snapshotBytes - 2)
    yield* t.refused("a state that is too large", t.save(stream, 1, 1, `${longest}x`))
    yield* t.has("after refusals", stream, { 1: undefined })
    yield* t.save(stream, 1, 1, longest)
    yield* t.finds("of the largest state", stream, 1, { version: 1, state: longest })
  })
)

/** What the contract says, in so many words. */
class Model {
  private readonly kept = new Map<number, number>()
  private erased = Number.POSITIVE_INFINITY

  save(revision: number, version: number): void {
    if (version >= this.erased || (this.kept.get(revision) ?? 0) > version) return
    this.kept.set(revision, version)
    for (const older of this.kept.keys()) if (older < revision - 1) this.kept.delete(older)
  }

  erase(from: number): void {
    this.erased = Math.min(this.erased, from)
    for (const [revision, version] of this.kept) if (version >= from) this.kept.delete(revision)
  }

  versions(revisions: ReadonlyArray<number>): { readonly [revision: number]: number | undefined } {
    return Object.fromEntries(revisions.map((revision) => [revision, this.kept.get(revision)]))
  }
}

const length = 12
const steps = 100

const model = define(
  "in whatever order they are saved and erased, the right ones are kept",
  Effect.fnUntraced(function*(t: SnapshotFixture) {
    const streams = [t.stream("a"), t.stream("b"), t.stream("a", t.tenant("acme"))].map((stream) => ({
      stream,
      model: new Model()
    }))
    yield* Effect.forEach(streams, ({ stream }) => t.append(write(stream, 0, numbered(length))))
    const int = Random.nextIntBetween
    for (let step = 1; step <= steps; step++) {
      const { model, stream } = streams[yield* int(0, streams.length - 1)]!
      const version = yield* int(1, length)
      if ((yield* int(1, 30)) === 1) {
        // An erasure of what is erased already erases nothing.
        const from = yield* int(length - 4, length)
        if ((yield* t.admin.erase({ stream, from, to: from })) > 0) model.erase(from)
      } else {
        const revision = yield* int(1, 4)
        yield* t.save(stream, revision, version)
        model.save(revision, version)
      }
      yield* Effect.forEach(
        streams,
        ({ model, stream }) => t.has(`after step ${step} of seed ${t.seed}`, stream, model.versions([1, 2, 3, 4])),
        { concurrency: "unbounded", discard: true }
      )
    }
  })
)

/** Cases about what is kept, found and forgotten. */
export const cases: ReadonlyArray<Definition> = [
  roundTrip,
  kept,
  names,
  higher,
  equal,
  revisions,
  forgotten,
  erased,
  afterErasure,
  nothingErased,
  race,
  atOnce,
  limits,
  { ...model, body: (t) => Random.withSeed(model.body(t), t.seed) }
]
