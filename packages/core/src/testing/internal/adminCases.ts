import * as Effect from "effect/Effect"
import type { StoredEvent } from "../../StoredEvent.ts"
import { commitOf, define, type Definition, event, type Fixture, newId, numbered, upTo, write } from "./fixture.ts"
import { events, restore } from "./restoring.ts"

const erased = (event: StoredEvent): StoredEvent => ({ ...event, payload: null })

const erasure = define(
  "an erased event keeps its place and all that is known of it but the payload",
  Effect.fnUntraced(function*(t: Fixture) {
    const [stream, other] = [t.stream("a"), t.stream("a", t.tenant("acme"))]
    const writes = [write(stream, 0, numbered(5)), write(other, 0, numbered(5))] as const
    yield* t.store.append({ writes, metadata: { actor: "ada", user: { n: 1 } } })
    const before = yield* t.own()
    yield* t.equal("count of 2 to 4", yield* t.admin.erase({ stream, from: 2, to: 4 }), 3)
    const wanted = before.map((event) =>
      event.stream.tenant === "" && event.version >= 2 && event.version <= 4 ? erased(event) : event
    )
    yield* t.equal("events by position", yield* t.own(), wanted)
    yield* t.equal("events by stream", yield* t.events(stream), wanted.filter((event) => event.stream.tenant === ""))
    const backward = yield* t.store.readStreamPage({ stream, direction: "backward" })
    yield* t.equal("payloads backward", backward.events.map(({ payload }) => payload), [{ n: 4 }, null, null, null, {
      n: 0
    }])
    const ofType = yield* t.store.readPage({ after: t.start, filter: { stream, types: ["Happened"] } })
    yield* t.equal("events by type", ofType.events.length, 5)
    yield* t.equal("findings", yield* t.admin.verify, [])
  }),
  "erasure"
)

const counts = define(
  "erasing tells how many payloads are gone by it",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    yield* t.append(write(stream, 0, numbered(6)))
    const erase = (from: number, to: number) => t.admin.erase({ stream, from, to })
    yield* t.equal("the first two", yield* erase(1, 2), 2)
    yield* t.equal("the same again", yield* erase(1, 2), 0)
    yield* t.equal("with one that is gone", yield* erase(2, 3), 1)
    yield* t.equal("a range that is none", yield* erase(5, 4), 0)
    yield* t.equal("up to nothing", yield* erase(1, 0), 0)
    yield* t.equal("beyond the end", yield* erase(6, 1_000_000), 1)
    yield* t.equal("behind the end", yield* erase(7, 9), 0)
    const unknown = yield* t.admin.erase({ stream: t.stream("nobody"), from: 1, to: 9 })
    yield* t.equal("of a stream without events", unknown, 0)
    const payloads = (yield* t.events(stream)).map(({ payload }) => payload)
    yield* t.equal("payloads", payloads, [null, null, null, { n: 3 }, { n: 4 }, null])
    yield* t.refused("from 0", erase(0, 1))
    yield* t.refused("from 1.5", erase(1.5, 2))
    yield* t.refused("to 1.5", erase(1, 1.5))
    yield* t.refused("to NaN", erase(1, NaN))
    yield* t.refused("of a stream that cannot be", t.admin.erase({ stream: t.stream(""), from: 1, to: 1 }))
    yield* t.equal("payloads after refusals", (yield* t.events(stream)).map(({ payload }) => payload), payloads)
  }),
  "erasure"
)

const erasedAtOnce = define(
  "a payload that several erase at once is counted once",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    yield* t.append(write(stream, 0, numbered(20)))
    const erase = t.admin.erase({ stream, from: 1, to: 20 })
    const erasing = Effect.forEach(upTo(4), () => erase, { concurrency: "unbounded" })
    const appending = Effect.forEach(upTo(10), () => t.append(write(stream)))
    const [gone] = yield* Effect.all([erasing, appending], { concurrency: "unbounded" })
    // A commit of the same time may have made the stream longer, but never as long as to be in the range.
    yield* t.equal("payloads erased", gone.reduce((sum, count) => sum + count, 0), 20)
    yield* t.lengths("after it", [stream, 30])
  }),
  "erasure"
)

const replayed = define(
  "a commit of which events were erased is known again",
  Effect.fnUntraced(function*(t: Fixture) {
    const [stream, other] = [t.stream("a"), t.stream("b")]
    const commit = commitOf(write(stream, 0, numbered(3)), write(other, 0))
    const receipt = yield* t.store.append(commit)
    yield* t.admin.erase({ stream, from: 1, to: 2 })
    yield* t.equal("receipt of the same again", yield* t.store.append(commit), { ...receipt, replayed: true })
    const found = yield* t.store.findCommit(commit.id)
    yield* t.equal("receipt of findCommit", found._tag === "Some" && found.value, { ...receipt, replayed: true })
    const [first, ...others] = numbered(3)
    const changed = (events: readonly [typeof first, ...typeof others]) =>
      t.store.append({ id: commit.id, writes: [write(stream, 0, events), write(other, 0)] })
    yield* t.refused("another type of an erased event", changed([event("Other"), ...others]))
    yield* t.refused("another payload of one that is not", changed([first, others[0]!, event("Happened", { n: -1 })]))
    yield* t.lengths("after them", [stream, 3], [other, 1])
    const payloads = (yield* t.events(stream)).map(({ payload }) => payload)
    yield* t.equal("payloads after them", payloads, [null, null, { n: 2 }])
  }),
  "erasure"
)

const goesOn = define(
  "a stream goes on behind events that were erased",
  Effect.fnUntraced(function*(t: Fixture) {
    const stream = t.stream()
    const { commitId } = yield* t.append(write(stream, 0, numbered(2)))
    yield* t.admin.erase({ stream, from: 1, to: 2 })
    yield* t.conflict("a first commit", t.append(write(stream, 0)), { stream, expected: 0, actual: 2 })
    yield* t.append(write(stream, { version: 2, commitId }))
    yield* t.append(write(stream, "exists"))
    yield* t.lengths("after them", [stream, 4])
    const head = yield* t.store.head
    yield* t.admin.erase({ stream, from: 4, to: 4 })
    const after = yield* t.store.head
    yield* t.holds("head after the last event was erased", after >= head, `at least ${head}`, after)
    yield* t.lengths("after the last was erased", [stream, 4])
  }),
  "erasure"
)

const status = define(
  "a store knows itself by the id that its receipts bear",
  Effect.fnUntraced(function*(t: Fixture) {
    const receipt = yield* t.append(write(t.stream()))
    const first = yield* t.admin.status
    yield* t.equal("storeId", first.storeId, receipt.storeId)
    yield* t.holds("storeId", first.storeId !== "", "not empty", first.storeId)
    yield* t.holds("engine", first.engine !== "", "not empty", first.engine)
    yield* t.holds("head", first.head >= receipt.last, `at least ${receipt.last}`, first.head)
    yield* t.equal("schema of the store", first.schema, first.programSchema)
    yield* t.equal("migrations that are pending", first.pending, [])
    const again = yield* t.append(write(t.stream()))
    const second = yield* t.admin.status
    yield* t.equal("storeId after another append", [again.storeId, second.storeId], [receipt.storeId, receipt.storeId])
    yield* t.holds("head after another append", second.head >= again.last, `at least ${again.last}`, second.head)
  })
)

const migrated = define(
  "a store that is up to date has nothing to migrate",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* t.append(write(t.stream()))
    const before = yield* t.admin.status
    yield* t.equal("schema of the store", before.schema, before.programSchema)
    yield* t.equal("migrations", yield* t.admin.migrate, [])
    const after = yield* t.admin.status
    yield* t.equal("status", [after.storeId, after.schema], [before.storeId, before.schema])
    yield* t.lengths("after it", [t.stream(), 1])
  })
)

const verified = define(
  "a store finds nothing wrong with itself",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* t.append(write(t.stream("a"), 0, numbered(3)), write(t.stream("b"), 0))
    yield* t.reason("a conflict", t.append(write(t.stream("c")), write(t.stream("a"), 0)), "Conflict")
    yield* t.equal("findings", yield* t.admin.verify, [])
  })
)

const inventory = define(
  "the inventory counts events by category, type and revision",
  Effect.fnUntraced(function*(t: Fixture) {
    const [second, first] = [t.stream("a", "", "b"), t.stream("a", t.tenant("acme"), "B")]
    const types = ["b", "B", "a_b", "aB"] as const
    for (const type of types) yield* t.append(write(second, "any", [event(type, { n: 1 }, 10), event(type, {}, 2)]))
    yield* t.append(write(first, 0, numbered(5)), write(second, "any", numbered(3)))
    yield* t.append(write(second, "any", numbered(4)))
    yield* restore(t, events([{ id: yield* newId, stream: second, version: 16, payload: null }]))
    yield* t.admin.erase({ stream: first, from: 2, to: 3 })
    const own = yield* t.own(t.category("b"), t.category("B"))
    const all = yield* t.admin.inventory
    const counted = all.filter(({ category }) => category === t.category("b") || category === t.category("B"))
    // Bytewise: upper case before underscores before lower case. Numbers by their value.
    const names = [
      "B.Happened.1",
      "b.B.2",
      "b.B.10",
      "b.Happened.1",
      "b.aB.2",
      "b.aB.10",
      "b.a_b.2",
      "b.a_b.10",
      "b.b.2",
      "b.b.10"
    ]
    yield* t.equal(
      "types and revisions",
      counted.map(({ category, revision, type }) => `${category[0]}.${type}.${revision}`),
      names
    )
    for (const entry of counted) {
      const found = own.filter(({ revision, stream, type }) =>
        stream.category === entry.category && type === entry.type && revision === entry.revision
      )
      yield* t.equal(`inventory of ${entry.type}, revision ${entry.revision}`, entry, {
        category: entry.category,
        type: entry.type,
        revision: entry.revision,
        events: found.length,
        erased: found.filter(({ payload }) => payload === null).length,
        first: found[0]?.position,
        last: found.at(-1)?.position
      })
    }
    yield* t.equal("events in all", counted.reduce((sum, { events }) => sum + events, 0), own.length)
  }),
  "erasure"
)

/** Erasure, and what the owner of a store asks of it. */
export const cases: ReadonlyArray<Definition> = [
  erasure,
  counts,
  erasedAtOnce,
  replayed,
  goesOn,
  status,
  migrated,
  verified,
  inventory
]
