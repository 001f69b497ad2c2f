import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Page from "../../Page.ts"
import type { StoredEvent } from "../../StoredEvent.ts"
import { define, type Definition, event, type Failure, Fixture, numbered, upTo, write } from "./fixture.ts"

const between = (minimum: number, maximum: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

/** Commits of some writes each, sent together or one after the other. */
const schedules = Arbitrary.array(
  Arbitrary.all({
    writes: Arbitrary.array(Arbitrary.all({ stream: between(0, 4), count: between(1, 4) }), {
      minLength: 1,
      maxLength: 5
    }),
    together: Arbitrary.schema(Schema.Boolean)
  }),
  { minLength: 1, maxLength: 14 }
)

type Schedule = typeof schedules extends Arbitrary.Arbitrary<infer A> ? A : never

const commitWrites = (t: Fixture, { writes }: Schedule[number]) => {
  const [first, ...others] = writes.map(({ count, stream }) => write(t.stream(`s${stream}`), "any", numbered(count)))
  return t.append(first!, ...others)
}

/** Runs of commits that are sent together. */
const groupsOf = (schedule: Schedule): ReadonlyArray<Schedule> => {
  const groups: Array<Schedule> = []
  for (const commit of schedule) {
    const last = groups.at(-1)
    if (last === undefined || !commit.together) groups.push([commit])
    else last.push(commit)
  }
  return groups
}

/** Fails unless events, in the order of the store, are whole commits one after the other. */
const wholeCommits = (t: Fixture, events: ReadonlyArray<StoredEvent>): Effect.Effect<void, Failure> => {
  const wanted: Array<number> = []
  const finished = new Set<string>()
  for (const [i, { commitId }] of events.entries()) {
    const before = events[i - 1]
    if (before !== undefined && before.commitId !== commitId) finished.add(before.commitId)
    if (finished.has(commitId)) return Effect.fail(t.fail("events of one commit", "next to each other", commitId))
    wanted.push(before?.commitId === commitId ? before.commitIndex + 1 : 0)
  }
  return t.equal("places of events in their commits", events.map(({ commitIndex }) => commitIndex), wanted)
}

const runSchedule = (t: Fixture, schedule: Schedule): Effect.Effect<boolean, Failure> =>
  Effect.gen(function*() {
    for (const group of groupsOf(schedule)) {
      yield* Effect.forEach(group, (commit) => commitWrites(t, commit), { concurrency: "unbounded" })
    }
    const events = yield* t.own()
    yield* wholeCommits(t, events)
    const positions = events.map(({ position }) => position)
    yield* t.equal("positions", positions, [...new Set(positions)].sort((a, b) => a - b))
    for (const n of upTo(5)) {
      const stream = t.stream(`s${n - 1}`)
      const ofStream = events.filter((event) => event.stream.id === stream.id)
      const written = schedule.flatMap(({ writes }) => writes).filter((write) => write.stream === n - 1)
      const length = written.reduce((sum, { count }) => sum + count, 0)
      yield* t.equal(`versions of ${stream.id} by position`, ofStream.map(({ version }) => version), upTo(length))
      yield* t.equal(`events of ${stream.id}`, yield* t.events(stream), ofStream)
    }
    return true
  })

const order = define(
  "the order of the store, restricted to a stream, is the order of the stream: any schedule",
  Effect.fnUntraced(function*(t: Fixture) {
    const result = yield* Arbitrary.checkEffect(
      schedules,
      (schedule) => runSchedule(new Fixture(t.name, t.seed, t.store, t.admin, t.start), schedule),
      { runs: 12, maxShrinks: 30, seed: t.seed }
    )
    const failure = Arbitrary.formatCheckFailure(result)
    yield* t.holds(`property with seed ${t.seed}`, failure === undefined, "no schedule that breaks it", failure)
  })
)

const writers = 8
const commitsPerWriter = 12

/** Many writers, each with commits of one to four events over two streams, and what they tell when they are done. */
const busy = (t: Fixture): { readonly write: Effect.Effect<void, Failure>; readonly isDone: () => boolean } => {
  let done = false
  const one = (writer: number, n: number) => {
    const [mine, shared] = [t.stream(`w${writer}`), t.stream("shared")]
    const [first, ...others] = upTo((writer + n) % 4 + 1).map((i) =>
      write(i % 2 === 0 ? shared : mine, "any", [event()])
    )
    return Effect.andThen(t.append(first!, ...others), Effect.yieldNow)
  }
  const all = Effect.forEach(
    upTo(writers),
    (writer) => Effect.forEach(upTo(commitsPerWriter), (n) => one(writer, n), { discard: true }),
    { concurrency: "unbounded", discard: true }
  )
  const finish = Effect.sync(() => {
    done = true
  })
  return { write: Effect.andThen(all, finish), isDone: () => done }
}

/** Reads page by page what comes, until all is written and read. */
const tail = (
  t: Fixture,
  request: Page.Request,
  isDone: () => boolean,
  look: (page: Page.Page, after: number) => Effect.Effect<void, Failure>
): Effect.Effect<ReadonlyArray<StoredEvent>, Failure> =>
  Effect.gen(function*() {
    const events: Array<StoredEvent> = []
    let after = t.start
    while (true) {
      const last = isDone()
      const page = yield* t.store.readPage({ ...request, after })
      yield* look(page, after)
      events.push(...page.events)
      if (last && page.atHead) return events
      yield* t.holds("scannedTo of a reader that follows", page.scannedTo >= after, `at least ${after}`, page.scannedTo)
      after = page.scannedTo
      yield* Effect.yieldNow
    }
  })

const noLook = () => Effect.void

const tailing = define(
  "a reader that follows many writers skips nothing, sees no gap, and never half a commit",
  Effect.fnUntraced(function*(t: Fixture) {
    const { isDone, write } = busy(t)
    const look = ({ events, scannedTo }: Page.Page, after: number) =>
      Effect.gen(function*() {
        const positions = events.map(({ position }) => position - after)
        yield* t.equal("positions of a page behind its start", positions, upTo(events.length))
        yield* t.equal("scannedTo", scannedTo, after + events.length)
        yield* wholeCommits(t, events)
      })
    const readers = [1, 7, 1_000].map((limit) => tail(t, { limit }, isDone, look))
    const [first, ...others] = yield* Effect.all([Effect.as(write, []), ...readers], { concurrency: "unbounded" })
    const all = (yield* t.walk({ after: t.start, until: others[0]!.at(-1)!.position })).flatMap(({ events }) => events)
    yield* t.equal("events of the writers", first, [])
    const own = (yield* t.own()).map(({ id }) => id)
    yield* wholeCommits(t, all)
    for (const seen of others) {
      const ids = seen.filter(({ stream }) => stream.category === t.category()).map(({ id }) => id)
      yield* t.equal("what a reader has seen", ids, own)
    }
  })
)

const tailingFiltered = define(
  "a reader that follows with a filter skips nothing",
  Effect.fnUntraced(function*(t: Fixture) {
    const { isDone, write } = busy(t)
    const categories = [t.category()]
    const filters: ReadonlyArray<Page.Filter> = [{ categories }, { stream: t.stream("shared") }, {
      stream: t.stream("w3")
    }]
    const readers = filters.map((filter) => tail(t, { filter, limit: 3 }, isDone, noLook))
    const [, ...seen] = yield* Effect.all([Effect.as(write, []), ...readers], { concurrency: "unbounded" })
    for (const [i, filter] of filters.entries()) {
      const pages = yield* t.walk({ after: t.start, filter })
      const all = pages.flatMap(({ events }) => events)
      yield* t.equal("what a reader has seen", seen[i]!.map(({ id }) => id), all.map(({ id }) => id))
    }
  })
)

const headRises = define(
  "the head never goes back, and whatever is at or before it can be read",
  Effect.fnUntraced(function*(t: Fixture) {
    const { isDone, write } = busy(t)
    const watch = Effect.gen(function*() {
      let before = t.start
      while (!isDone()) {
        const head: number = yield* t.store.head
        yield* t.holds("head", head >= before, `at least ${before}`, head)
        const events = (yield* t.walk({ after: before, until: head })).flatMap((page) => page.events)
        yield* t.equal("positions up to the head", events.map(({ position }) => position - before), upTo(head - before))
        const backward = yield* t.store.readPage({ direction: "backward", limit: 1 })
        const newest = backward.events[0]?.position ?? 0
        yield* t.holds("newest event, backward", newest >= head, `at least ${head}`, newest)
        before = head
        yield* Effect.yieldNow
      }
    })
    yield* Effect.all([write, watch, watch], { concurrency: "unbounded" })
  })
)

const noHalves = define(
  "whoever sees one stream of a commit sees the others, too",
  Effect.fnUntraced(function*(t: Fixture) {
    const [a, b] = [t.stream("a"), t.stream("b")]
    let done = false
    const both = Effect.andThen(t.append(write(a), write(b)), Effect.yieldNow)
    const writing = Effect.andThen(
      Effect.forEach(upTo(6), () => Effect.forEach(upTo(10), () => both), { concurrency: "unbounded" }),
      Effect.sync(() => {
        done = true
      })
    )
    const versionOf = (stream: typeof a) =>
      Effect.map(
        t.store.readStreamPage({ stream, direction: "backward", limit: 1 }),
        ({ events }) => events[0]?.version ?? 0
      )
    const watch = (one: typeof a, other: typeof a) =>
      Effect.gen(function*() {
        while (!done) {
          const first = yield* versionOf(one)
          const second = yield* versionOf(other)
          yield* t.holds(`version of ${other.id} read after ${one.id}`, second >= first, `at least ${first}`, second)
          yield* Effect.yieldNow
        }
      })
    yield* Effect.all([writing, watch(a, b), watch(b, a)], { concurrency: "unbounded" })
    yield* t.lengths("after all", [a, 60], [b, 60])
  })
)

const readYourWrites = define(
  "what is acknowledged is read by everybody at once",
  Effect.fnUntraced(function*(t: Fixture) {
    const one = (n: number) =>
      Effect.gen(function*() {
        const receipt = yield* t.append(write(t.stream(`s${n}`), "any", numbered(2)))
        const version = receipt.streams[0].to
        const { events } = yield* t.store.readStreamPage({ stream: t.stream(`s${n}`), after: version - 1, limit: 1 })
        yield* t.equal("version by stream", events[0]?.version, version)
        const page = yield* t.store.readPage({ after: receipt.last - 1, until: receipt.last })
        yield* t.equal("position", page.events.map(({ commitId }) => commitId), [receipt.commitId])
        const head = yield* t.store.head
        yield* t.holds("head", head >= receipt.last, `at least ${receipt.last}`, head)
        const found = yield* t.store.findCommit(receipt.commitId)
        yield* t.equal("findCommit", found._tag, "Some")
      })
    yield* Effect.forEach(upTo(40), (n) => one(n % 6), { concurrency: 10 })
  })
)

/** Readers beside writers. */
export const cases: ReadonlyArray<Definition> = [
  order,
  tailing,
  tailingFiltered,
  headRises,
  noHalves,
  readYourWrites
]
