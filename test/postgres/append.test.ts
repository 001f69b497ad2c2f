import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { Commit, CommitId, EventStore, EventStoreError, Limits, StoreAdmin, StreamName } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { DateTime, Effect, Exit, Fiber, Layer, Redacted, Stream } from "effect"
import { appendSql, Batch } from "../../packages/postgres/src/internal/batch.ts"
import * as Locks from "../support/Locks.ts"
import * as TestServer from "../support/TestServer.ts"

const [x, y] = [StreamName.make("Account", "x"), StreamName.make("Account", "y")]
const event = { type: "Changed", revision: 1, payload: {} } as const

type Identified = Commit.Commit & { readonly id: CommitId.CommitId }

const commitOf = (
  stream: StreamName.StreamName,
  expected: Commit.Expected,
  rest?: Partial<Commit.Commit>
): Identified => ({
  writes: [{ stream, expected, events: [event] }],
  ...rest,
  id: CommitId.generateUnsafe()
})

const outcome = (exit: Exit.Exit<Commit.Receipt, EventStoreError.EventStoreError>): string => {
  if (Exit.isSuccess(exit)) return `${exit.value.replayed ? "replayed" : "written"} ${exit.value.first}`
  const reason = exit.cause.reasons[0]
  if (reason?._tag !== "Fail") return "defect"
  return reason.error.reason._tag === "Conflict"
    ? `conflict at ${reason.error.reason.actual}`
    : reason.error.reason._tag
}

const appendAll = (commits: ReadonlyArray<Commit.Commit>) =>
  EventStore.EventStore.use((store) =>
    Effect.all(commits.map((commit) => Effect.map(Effect.exit(store.append(commit)), outcome)), {
      concurrency: "unbounded"
    })
  )

const secondStore = (url: string, bounds: Pick<Postgres.Options, "lockTimeout" | "timeout"> = {}) =>
  Effect.map(
    Layer.build(Postgres.layerPool({ url: Redacted.make(url), maxConnections: 2, ...bounds })),
    (context) => Effect.runSync(Effect.provideContext(EventStore.EventStore, context))
  )

const suite = (provide: <A, E>(self: Effect.Effect<A, E, TestServer.Provides>) => Effect.Effect<A, E>) => {
  it.live("who decided on a commit that failed fails too, although the number fits", () =>
    provide(Effect.gen(function*() {
      const opened = commitOf(x, 0)
      // A writer saw version 1 and decided A on it, and B on A. Meanwhile somebody else wrote version 2.
      const foreign = commitOf(x, 1)
      const a = commitOf(x, 1)
      const b = commitOf(x, { version: 2, commitId: a.id })
      const c = commitOf(x, { version: 3, commitId: b.id })
      expect(yield* appendAll([opened])).toEqual(["written 1"])
      expect(yield* appendAll([foreign])).toEqual(["written 2"])
      expect(yield* appendAll([a, b, c])).toEqual(["conflict at 2", "conflict at 2", "conflict at 2"])
      // The same when they do not travel together.
      for (const commit of [a, b, c]) expect(yield* appendAll([commit])).toEqual(["conflict at 2"])
    })))

  it.live("the foreign commit may be in the batch itself", () =>
    provide(Effect.gen(function*() {
      const [opened, foreign, a] = [commitOf(x, 0), commitOf(x, 1), commitOf(x, 1)]
      const b = commitOf(x, { version: 2, commitId: a.id })
      const onForeign = commitOf(x, { version: 2, commitId: foreign.id })
      expect(yield* appendAll([opened, foreign, a, b, onForeign])).toEqual([
        "written 1",
        "written 2",
        "conflict at 2",
        "conflict at 2",
        "written 3"
      ])
    })))

  it.live("a chain goes on when its first commits are sent again", () =>
    provide(Effect.gen(function*() {
      const a = commitOf(x, 0)
      const b = commitOf(x, { version: 1, commitId: a.id })
      const c = commitOf(x, { version: 2, commitId: b.id })
      expect(yield* appendAll([a, b])).toEqual(["written 1", "written 2"])
      expect(yield* appendAll([a, b, c])).toEqual(["replayed 1", "replayed 2", "written 3"])
      // Not the last writer any more.
      expect(yield* appendAll([commitOf(x, { version: 3, commitId: b.id })])).toEqual(["conflict at 3"])
      expect(yield* appendAll([commitOf(y, { version: 1, commitId: a.id })])).toEqual(["conflict at 0"])
    })))

  it.live("two commits that check each other's stream: the first in the queue wins", () =>
    provide(Effect.gen(function*() {
      const empty = (stream: StreamName.StreamName) => ({ checks: [{ _tag: "Stream", stream, expected: 0 }] }) as const
      expect(yield* appendAll([commitOf(x, 0, empty(y)), commitOf(y, 0, empty(x))])).toEqual([
        "written 1",
        "conflict at 1"
      ])
    })))

  it.live("a conflict is that of its commit alone", () =>
    provide(Effect.gen(function*() {
      const streams = Array.from({ length: 40 }, (_, i) => StreamName.make("Account", `${i}`))
      const commits = streams.map((stream, i) => commitOf(stream, i % 10 === 3 ? 7 : 0))
      const outcomes = yield* appendAll(commits)
      expect(outcomes.filter((outcome) => outcome === "conflict at 0").length).toBe(4)
      const positions = outcomes.filter((outcome) => outcome.startsWith("written")).map((outcome) =>
        Number(outcome.slice(8))
      )
      expect(positions).toEqual(Array.from({ length: 36 }, (_, i) => i + 1))
    })))

  it.live("one id many times at once is one commit", () =>
    provide(Effect.gen(function*() {
      const commit = commitOf(x, "any")
      const outcomes = yield* appendAll(Array.from({ length: 20 }, () => commit))
      expect(outcomes).toEqual(["written 1", ...Array.from({ length: 19 }, () => "replayed 1")])
      const other = {
        ...commitOf(x, "any"),
        id: commit.id,
        writes: [{ stream: x, expected: "any", events: [event, event] }]
      } as const
      expect(yield* appendAll([other, commit, commitOf(x, 1)])).toEqual(["Refused", "replayed 1", "written 2"])
      const changed = {
        ...other,
        writes: [{ stream: x, expected: "any", events: [{ ...event, payload: { a: 1 } }] }]
      } as const
      expect(yield* appendAll([changed])).toEqual(["Refused"])
      // What was erased cannot be compared any more.
      yield* (yield* StoreAdmin.StoreAdmin).erase({ stream: x, from: 1, to: 1 })
      expect(yield* appendAll([changed, other])).toEqual(["replayed 1", "Refused"])
    })))

  it.live("more than fits a batch goes in several, in order", () =>
    provide(Effect.gen(function*() {
      const commits = Array.from({ length: Limits.commitsPerBatch + 50 }, (_, i) => commitOf(x, i))
      const large: Commit.Commit = {
        writes: [{
          stream: y,
          expected: 0,
          events: [event, ...Array.from({ length: Limits.eventsPerCommit - 1 }, () => event)]
        }]
      }
      const outcomes = yield* appendAll([...commits, large, commitOf(y, Limits.eventsPerCommit)])
      const last = commits.length
      expect(outcomes).toEqual([
        ...commits.map((_, i) => `written ${i + 1}`),
        `written ${last + 1}`,
        `written ${last + 1_001}`
      ])
      expect(yield* (yield* StoreAdmin.StoreAdmin).verify).toEqual([])
    })))

  it.live("time in the world is kept as told, also next to a conflict", () =>
    provide(Effect.gen(function*() {
      const occurredAt = DateTime.makeUnsafe("2001-02-03T04:05:06.789Z")
      const told = commitOf(x, 0, { writes: [{ stream: x, expected: 0, events: [{ ...event, occurredAt }] }] })
      expect(yield* appendAll([told, commitOf(x, 0)])).toEqual(["written 1", "conflict at 1"])
      const { events } = yield* EventStore.EventStore.use((store) => store.readPage({}))
      expect(events.map((event) => DateTime.formatIso(event.occurredAt))).toEqual(["2001-02-03T04:05:06.789Z"])
    })))

  it.live("time of recording does not go back behind what a clock that was ahead has recorded", () =>
    provide(Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const store = yield* EventStore.EventStore
      yield* store.append(commitOf(x, 0))
      yield* sql`INSERT INTO varve.events SELECT position + 1, occurred_at, '2100-01-01T00:00:00.123Z',
        gen_random_uuid(), version + 1, 0, revision, tenant, category, id, type, payload, metadata FROM varve.events`
      const recorded = (receipt: Commit.Receipt) => new Date(receipt.recordedAt.epochMilliseconds).toISOString()
      const alone = yield* store.append(commitOf(x, 2))
      // In a batch in which one commit conflicts, too.
      const [behind] = yield* Effect.all([store.append(commitOf(x, 3)), Effect.flip(store.append(commitOf(x, 3)))], {
        concurrency: "unbounded"
      })
      expect([recorded(alone), recorded(behind)]).toEqual(Array(2).fill("2100-01-01T00:00:00.123Z"))
      const { events } = yield* store.readPage({ after: 1 })
      const times = events.map(({ recordedAt }) => new Date(recordedAt.epochMilliseconds).toISOString())
      expect(times).toEqual(Array(3).fill("2100-01-01T00:00:00.123Z"))
      expect(yield* (yield* StoreAdmin.StoreAdmin).verify).toEqual([])
    })))

  it.live("a commit that the database cannot hold does not fail its neighbours", () =>
    provide(Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      yield* sql`ALTER TABLE varve.events ADD CONSTRAINT no_poison CHECK (type <> 'Poison')`
      const poison = commitOf(x, "any", {
        writes: [{ stream: x, expected: "any", events: [{ ...event, type: "Poison" }] }]
      })
      const commits = Array.from({ length: 20 }, (_, i) =>
        i === 7 ? poison : commitOf(StreamName.make("Account", `${i}`), 0))
      const outcomes = yield* appendAll(commits)
      expect(outcomes[7]).toBe("Refused")
      expect(
        outcomes.filter((outcome) =>
          outcome.startsWith("written")
        ).length
      ).toBe(19)
    })))
}

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  suite((self) =>
    Effect.scoped(Effect.provide(self, TestServer.layer())).pipe(Effect.timeout("30 seconds"), Effect.orDie)
  )

  it.live("64 chained commits of one stream are one insert", () =>
    Effect.scoped(
      Effect.gen(function*() {
        const sql = yield* PgClient.PgClient
        const chain: Array<Identified> = [commitOf(x, 0)]
        while (chain.length < 64) chain.push(commitOf(x, { version: chain.length, commitId: chain.at(-1)!.id }))
        const encoded = chain.map((commit) => Commit.encode(commit) as Commit.Encoded)
        const send = (commits: ReadonlyArray<Commit.Encoded>) =>
          Effect.scoped(
            Effect.flatMap(
              sql.reserve,
              (connection) =>
                connection.executeValues(appendSql("\"varve\""), new Batch(commits).parameters(false, 1_000))
            )
          )
        // The slow path is what fills the column of conflicts.
        const conflicts = Effect.map(send(encoded), ([row]) => row![5])
        expect(yield* conflicts).toBe(null)
        expect(yield* (yield* EventStore.EventStore).head).toBe(64)
        const next = Commit.encode(commitOf(x, { version: 64, commitId: chain[63]!.id })) as Commit.Encoded
        expect((yield* send([next]))[0]![5]).toBe(null)
        const wrong = Commit.encode(commitOf(x, { version: 65, commitId: chain[63]!.id })) as Commit.Encoded
        expect((yield* send([wrong]))[0]![5]).toEqual([1])
      }).pipe(Effect.provide(TestServer.layer()))
    ))

  it.live("two stores whose commits check each other's stream: one wins", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      const stores = [yield* secondStore(url), yield* secondStore(url)] as const
      const winners: Array<number> = []
      for (let i = 0; i < 20; i++) {
        const pair = [StreamName.make("Pair", `${i}a`), StreamName.make("Pair", `${i}b`)] as const
        const append = (n: 0 | 1) =>
          Effect.exit(
            stores[n].append(commitOf(pair[n], 0, { checks: [{ _tag: "Stream", stream: pair[1 - n]!, expected: 0 }] }))
          )
        const exits = yield* Effect.all([append(0), append(1)], { concurrency: "unbounded" })
        expect(exits.map(outcome).filter((outcome) => outcome === "conflict at 1").length).toBe(1)
        winners.push(exits.findIndex(Exit.isSuccess))
      }
      expect(winners.every((winner) => winner >= 0)).toBe(true)
    })))

  it.live("the queue is bounded", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      // The first waits for as long as this machine takes to make the others and to withdraw them.
      const store = yield* secondStore(url, { lockTimeout: "20 seconds", timeout: "25 seconds" })
      const lock = yield* Locks.hold(url)
      const first = yield* Effect.forkScoped(store.append(commitOf(x, "any")))
      yield* lock.waiters(1)
      const waiting = yield* Effect.forEach(
        Array.from({ length: Limits.pendingCommits }),
        () =>
          Effect.forkScoped(store.append({ writes: [{ stream: x, expected: "any", events: [event] }] }), {
            startImmediately: true
          })
      )
      const error = yield* Effect.flip(store.append(commitOf(x, "any")))
      expect(error.reason).toMatchObject({ _tag: "Unavailable", expected: `at most ${Limits.pendingCommits} commits` })
      // Withdrawing makes room.
      yield* Effect.forEach(waiting, Fiber.interrupt, { discard: true })
      const last = yield* Effect.forkScoped(store.append(commitOf(x, "any")), { startImmediately: true })
      yield* lock.release
      expect(yield* Fiber.join(first)).toMatchObject({ first: 1 })
      expect(yield* Fiber.join(last)).toMatchObject({ first: 2 })
    })), 30_000)

  it.live("processes that listen are woken by what others write", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      const listening = yield* Effect.map(
        Layer.build(Postgres.layerPool({ url: Redacted.make(url), listen: true })),
        (context) => Effect.runSync(Effect.provideContext(EventStore.EventStore, context))
      )
      const writer = yield* Effect.map(
        Layer.build(Postgres.layerPool({ url: Redacted.make(url), listen: true })),
        (context) => Effect.runSync(Effect.provideContext(EventStore.EventStore, context))
      )
      // The first is for the connection that listens from now on.
      const woken = yield* Effect.forkScoped(
        Stream.runHead(Stream.filterEffect(listening.wakeUps, () => Effect.map(listening.head, (head) => head > 0))),
        { startImmediately: true }
      )
      yield* writer.append(commitOf(x, 0))
      yield* Fiber.join(woken).pipe(Effect.timeout("10 seconds"))
    })))
})

describe("embedded", () => {
  const embedded = TestServer.sharedEmbedded()
  suite((self) => Effect.scoped(Effect.provide(self, embedded)).pipe(Effect.timeout("30 seconds"), Effect.orDie))
})
