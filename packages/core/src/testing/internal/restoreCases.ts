import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as CommitId from "../../CommitId.ts"
import * as Limits from "../../Limits.ts"
import * as StoredEvent from "../../StoredEvent.ts"
import { define, type Definition, type Fixture, newId, numbered, upTo, write } from "./fixture.ts"
import { type End, endOf, type Events, events, type Fact, restore } from "./restoring.ts"

/** Three commits over three streams, of which one is another tenant's, with all that an event can have. */
const variety = Effect.fnUntraced(function*(t: Fixture) {
  const [a, b, c] = [t.stream("a"), t.stream("b"), t.stream("a", t.tenant("acme"))]
  const [first, second, third] = [yield* newId, yield* newId, yield* newId]
  const metadata: StoredEvent.EventMetadata = {
    correlationId: "c",
    causationId: "d",
    actor: "ada",
    command: "Do",
    trace: { traceId: "t", spanId: "s" },
    fingerprint: "f".repeat(64),
    user: { "10": 1, b: [null, "\u2028"], a: { deep: [-0, 1e21] } }
  }
  return events([
    { id: first, stream: a, version: 1, payload: { text: "ä€😀\\u0000", "1": 0, "-0": -0 } },
    { id: first, stream: b, version: 1, payload: null },
    { id: first, stream: a, version: 2, type: "Other", revision: 32_767 },
    { id: second, stream: c, version: 1, metadata, recorded: 3, occurredAt: Date.UTC(1900, 0, 1) },
    { id: second, stream: a, version: 3, metadata, recorded: 3, payload: null, occurredAt: Date.UTC(9999, 0, 1) },
    { id: third, stream: b, version: 2, recorded: 20, payload: {} }
  ])
})

const asTheyAre = define(
  "restored events are what they were, erased payloads included",
  Effect.fnUntraced(function*(t: Fixture) {
    const build = yield* variety(t)
    const wanted = yield* restore(t, build)
    yield* t.equal("events by position", yield* t.own(), wanted)
    for (const stream of [t.stream("a"), t.stream("b"), t.stream("a", t.tenant("acme"))]) {
      const ofStream = wanted.filter((event) => event.stream.id === stream.id && event.stream.tenant === stream.tenant)
      yield* t.equal(`events of ${stream.id}`, yield* t.events(stream), ofStream)
    }
    yield* t.equal("findings", yield* t.admin.verify, [])
    const { recordedAt } = yield* t.append(write(t.stream("d")))
    const last = wanted.at(-1)!.recordedAt
    const [next, before] = [recordedAt.epochMilliseconds, last.epochMilliseconds]
    yield* t.holds("recordedAt of the next append", next >= before, `at or after ${before}`, next)
  })
)

const known = define(
  "a commit that was restored is known by its id",
  Effect.fnUntraced(function*(t: Fixture) {
    const [stream, other] = [t.stream("a"), t.stream("b")]
    const [plain, marked] = [yield* newId, yield* newId]
    const [first, second, third] = yield* restore(
      t,
      events([
        { id: plain, stream, version: 1, payload: { n: 0 } },
        { id: plain, stream: other, version: 1, payload: { n: 0 } },
        { id: marked, stream, version: 2, metadata: { fingerprint: "mark" }, recorded: 2 }
      ])
    )
    const { storeId } = yield* t.admin.status
    const receipt = {
      commitId: plain,
      storeId,
      first: first.position,
      last: second!.position,
      streams: [{ stream, from: 1, to: 1 }, { stream: other, from: 1, to: 1 }],
      recordedAt: first.recordedAt,
      replayed: true
    }
    const found = yield* t.store.findCommit(plain)
    yield* t.equal("receipt of findCommit", Option.getOrUndefined(found), receipt)
    const again = { id: plain, writes: [write(stream, 0, numbered(1)), write(other, 0, numbered(1))] as const }
    yield* t.equal("receipt of the same again", yield* t.store.append(again), receipt)
    yield* t.refused("other content under its id", t.store.append({ id: plain, writes: [write(stream, 1)] }))
    const byMark = yield* t.store.append({ id: marked, fingerprint: "mark", writes: [write(stream)] })
    yield* t.equal("position by fingerprint", [byMark.first, byMark.replayed], [third!.position, true])
    yield* t.refused("another fingerprint", t.store.findCommit(marked, "other"))
    const erased = yield* newId
    yield* restore(t, events([{ id: erased, stream: other, version: 2, payload: null }]))
    const whole = yield* t.store.append({ id: erased, writes: [write(other, "any", numbered(1))] })
    yield* t.equal("one that was restored without its payload", whole.replayed, true)
    yield* t.lengths("after it", [stream, 2], [other, 2])
  })
)

const between = define(
  "restored events continue a stream, and appends continue them",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    yield* t.append(write(stream, 0, numbered(2)))
    const id = yield* newId
    yield* restore(t, events([{ id, stream, version: 3 }, { id, stream, version: 4 }]))
    yield* t.conflict("a version before the restore", t.append(write(stream, 2)), { stream, expected: 2, actual: 4 })
    yield* t.append(write(stream, { version: 4, commitId: id }))
    yield* restore(t, events([{ id: yield* newId, stream, version: 6 }]))
    yield* t.append(write(stream, 6))
    yield* t.lengths("after them", [stream, 7])
    yield* t.equal("findings", yield* t.admin.verify, [])
  })
)

type Edit = (events: Events, end: End) => ReadonlyArray<StoredEvent.StoredEvent>

const each = (change: (event: StoredEvent.StoredEvent, i: number) => Partial<StoredEvent.StoredEvent>): Edit => (all) =>
  all.map((event, i) => ({ ...event, ...change(event, i) }))

const only = (place: number, change: (event: StoredEvent.StoredEvent) => Partial<StoredEvent.StoredEvent>): Edit =>
  each((event, i) => i === place ? change(event) : {})

const time = DateTime.makeUnsafe

const later = ({ recordedAt }: StoredEvent.StoredEvent, millis: number) => ({
  recordedAt: time(recordedAt.epochMilliseconds + millis)
})

/** What no program with types can make. */
const untyped = (payload: unknown) => ({ payload: payload as StoredEvent.StoredEvent["payload"] })

/** Six events in three commits, two of a, then one of a and one of b, then two of b: what must not be wrong with them. */
const places: Readonly<Record<string, Edit>> = {
  "no events": () => [],
  "a gap before the first": each(({ position }) => ({ position: StoredEvent.position(position + 1) })),
  "a position that is taken": each(({ position }) => ({ position: StoredEvent.position(Math.max(position - 1, 0)) })),
  "a gap between positions": each(({ position }, i) => ({
    position: StoredEvent.position(i < 3 ? position : position + 1)
  })),
  "positions out of order": (all) => [all[1]!, all[0], ...all.slice(2)],
  "a commit without its beginning": (all) =>
    all.slice(1).map((event) => ({
      ...event,
      position: StoredEvent.position(event.position - 1),
      version: event.stream.id === "a" ? event.version - 1 : event.version
    })),
  "a gap between places in a commit": only(3, () => ({ commitIndex: 2 })),
  "a commit that begins at 1": each(({ commitIndex }, i) => ({ commitIndex: i < 4 ? commitIndex : commitIndex + 1 })),
  "a commit in two pieces": each(({ commitId }, i) => i < 4 ? { commitId } : { commitId: commitId, commitIndex: 0 }),
  "a commit that comes twice": (all) => all.map((event, i) => i < 4 ? event : { ...event, commitId: all[0].commitId }),
  "two times in a commit": only(3, (event) => later(event, 1)),
  "a time that goes back": each((event, i) => i < 4 ? {} : later(event, -3)),
  "a time before the last of the store": (all, end) =>
    all.map((event) => ({ ...event, ...later(event, end.head === 0 ? -1e15 : -1_000) })),
  "two metadata in a commit": only(3, () => ({ metadata: { actor: "eve" } })),
  "a gap between versions": each(({ version }, i) => i < 4 ? {} : { version: version + 1 }),
  "a version before its stream's": each(({ stream, version }) => stream.id === "a" ? { version: version - 1 } : {}),
  "a version behind its stream's": each(({ stream, version }) => stream.id === "b" ? { version: version + 1 } : {})
}

const limits: Readonly<Record<string, Edit>> = {
  "a payload that is an array": only(3, () => untyped([1])),
  "a payload that is a text": only(3, () => untyped("text")),
  "a payload that JSON would change": only(3, () => untyped({ at: new Date(0) })),
  "a payload with U+0000": only(3, () => untyped({ text: "\u0000" })),
  "a payload that is too large": only(3, () => untyped({ text: "x".repeat(Limits.payloadBytes) })),
  "a type that is no name": only(3, () => ({ type: "not a name" })),
  "a category that is no name": only(3, ({ stream }) => ({ stream: { ...stream, category: "no-name" } })),
  "an id without a byte": only(3, ({ stream }) => ({ stream: { ...stream, id: "" }, version: 1 })),
  "an id that is too long": only(3, ({ stream }) => ({
    stream: { ...stream, id: "x".repeat(Limits.idBytes + 1) },
    version: 1
  })),
  "revision 0": only(3, () => ({ revision: 0 })),
  "revision 1.5": only(3, () => ({ revision: 1.5 })),
  "a commit id that is none": each(({ commitId }, i) => ({
    commitId: i < 4 ? commitId : "none" as CommitId.CommitId
  })),
  "a fingerprint that is too long": each((_, i) => i < 4 ? {} : { metadata: { fingerprint: "f".repeat(65) } }),
  "metadata that is too large": each((_, i) => i < 4 ? {} : { metadata: { actor: "x".repeat(Limits.metadataBytes) } }),
  "a time before the year 1": only(3, () => ({ occurredAt: time(Limits.earliestMillis - 1) }))
}

const refusing = (edits: Readonly<Record<string, Edit>>) =>
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    yield* t.append(write(a, 0, numbered(2)))
    const [first, second, third] = [yield* newId, yield* newId, yield* newId]
    const build = events([
      { id: first, stream: a, version: 3 },
      { id: first, stream: a, version: 4 },
      { id: second, stream: a, version: 5, recorded: 2, metadata: { actor: "ada" } },
      { id: second, stream: b, version: 1, recorded: 2, metadata: { actor: "ada" } },
      { id: third, stream: b, version: 2, recorded: 2 },
      { id: third, stream: b, version: 3, recorded: 2 }
    ])
    const before = yield* t.own()
    for (const [what, edit] of Object.entries(edits)) {
      const end = yield* endOf(t)
      // What is refused is not of the type, in its length or in its values.
      yield* t.refused(what, t.admin.restore(edit(build(end), end) as Events))
      yield* t.equal(`events after ${what}`, yield* t.own(), before)
    }
    // The same without an edit goes through, so it was each edit that was refused.
    yield* t.equal("events in the end", (yield* restore(t, build), yield* t.own()).length, before.length + 6)
  })

const misplaced = define("a restore that does not continue the store is refused whole", refusing(places))

const beyond = define("a restore that is beyond the limits of an append is refused whole", refusing(limits))

const twice = define(
  "a commit is restored once",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const { commitId } = yield* t.append(write(stream, 0))
    const id = yield* newId
    const build = (end: End) => events([{ id, stream, version: 2 }])(end)
    yield* restore(t, build)
    const end = yield* endOf(t)
    yield* t.refused("the same again, behind itself", t.admin.restore(events([{ id, stream, version: 3 }])(end)))
    const behind = events([{ id: yield* newId, stream, version: 3 }, { id: commitId, stream, version: 4 }])
    yield* t.refused("a commit that was appended", t.admin.restore(behind(end)))
    yield* t.lengths("after them", [stream, 2])
  })
)

const many = define(
  "a restore holds as many events as its limit says",
  Effect.fnUntraced(function*(t: Fixture) {
    const ids = upTo(Limits.eventsPerRestore).map(() => CommitId.generateUnsafe())
    const facts = ids.map((id, i): Fact => ({ id, stream: t.stream(`${i % 100}`), version: Math.floor(i / 100) + 1 }))
    const all = [facts[0]!, ...facts.slice(1)] as const
    const stream = t.stream("one more")
    const more = [...all, { id: CommitId.generateUnsafe(), stream, version: 1 }] as const
    yield* t.refused("one more", t.admin.restore(events(more)(yield* endOf(t))))
    const wanted = yield* restore(t, events(all))
    const own = yield* t.own()
    yield* t.equal("ids", own.map(({ id }) => id), wanted.map(({ id }) => id))
    yield* t.lengths("after it", [t.stream("99"), 110], [stream, 0])
  })
)

const racing = define(
  "of restores at once one goes on, and appends go on between them",
  Effect.fnUntraced(function*(t: Fixture) {
    for (const round of upTo(5)) {
      const stream = t.stream(`${round}`)
      const end = yield* endOf(t)
      const racers = upTo(8).map((i) => {
        const id = CommitId.generateUnsafe()
        const facts = [{ id, stream, version: 1 }, { id, stream: t.stream(`${round}-${i}`), version: 1 }] as const
        return Effect.match(t.admin.restore(events(facts)(end)), {
          onSuccess: () => "restored",
          onFailure: ({ reason }) => reason._tag
        })
      })
      const appending = Effect.as(t.append(write(t.stream("appended"))), "appended")
      const ends = yield* Effect.all([...racers, appending], { concurrency: "unbounded" })
      const restored = ends.filter((end) => end === "restored").length
      yield* t.holds("restores that went through", restored <= 1, "at most 1", restored)
      yield* t.equal(
        "the others",
        ends.filter((end) => end !== "restored"),
        [...Array.from({ length: 8 - restored }, () => "Refused"), "appended"]
      )
      yield* t.lengths("after the race", [stream, restored])
    }
    yield* t.equal("findings", yield* t.admin.verify, [])
  })
)

/** How often it is tried to wake a listener, and the longest time until a hint must have come. */
const restoresPerHint = 1_000
const hintSeconds = 8

const wakes = define(
  "whoever listens is woken after a restore",
  Effect.fnUntraced(function*(t: Fixture) {
    const listen = Effect.flatMap(
      Stream.runHead(t.store.wakeUps),
      (hint) => t.equal("the first hint", Option.isSome(hint), true)
    )
    // Nobody knows when a listener listens, so restores go on until it has heard of one.
    let version = 0
    const one = Effect.suspend(() => restore(t, behind(++version)))
    const behind = (version: number) => events([{ id: CommitId.generateUnsafe(), stream: t.stream(), version }])
    const again = Effect.repeat(Effect.andThen(one, Effect.yieldNow), { times: restoresPerHint })
    yield* Effect.raceFirst(listen, Effect.andThen(again, Effect.never)).pipe(
      Effect.timeoutOrElse({
        duration: `${hintSeconds} seconds`,
        orElse: () => Effect.fail(t.fail("a hint to a listener", `within ${hintSeconds} seconds of a restore`, "none"))
      })
    )
  }),
  "wakeUps"
)

/** Copies of a store. */
export const cases: ReadonlyArray<Definition> = [
  asTheyAre,
  known,
  between,
  misplaced,
  beyond,
  twice,
  many,
  racing,
  wakes
]
