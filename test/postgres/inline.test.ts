import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { EventStore, RowStore } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Logger, Option, Redacted, type Scope } from "effect"
import { createHash } from "node:crypto"
import * as Locks from "../support/Locks.ts"
import * as TestServer from "../support/TestServer.ts"
import { append, catchUp, counts, riding, target } from "./Counting.ts"

const position = Effect.map(
  RowStore.RowStore.use((rows) => rows.entries({ kind: "projection", name: target.name })),
  ([entry]) => entry!.checkpoints[0].position
)

/** Fails unless the rows are those of all events, and the checkpoint is at the head. */
const isLevel = Effect.gen(function*() {
  const { events, rows } = yield* counts
  expect(rows).toEqual(events)
  expect(yield* position).toBe(yield* EventStore.EventStore.use(({ head }) => head))
})

/** The projection as it is brought to the head between appends. */
const ridingOn = (change?: (row: RowStore.RowWrite) => RowStore.RowWrite) =>
  Effect.contextWith((context: Context.Context<EventStore.EventStore | RowStore.RowStore>) =>
    riding(change, Effect.ignore(Effect.provideContext(catchUp, context)))
  )

/** Text that does not get smaller, so that no page of an index has room for it. */
const incompressible = Array.from({ length: 200 }, (_, i) => createHash("sha256").update(`${i}`).digest("base64")).join(
  ""
)

const suite = (provide: <A, E>(self: Effect.Effect<A, E, TestServer.Provides>) => Effect.Effect<A, E>) => {
  const test = (
    name: string,
    body: Effect.Effect<void, unknown, TestServer.Provides | Scope.Scope>,
    around: Layer.Layer<never> = Layer.empty
  ) => it.live(name, () => Effect.provide(provide(Effect.scoped(body)), around))

  test(
    "one of two layers of a projection in a program rides, and the other loses nothing",
    Effect.gen(function*() {
      yield* ridingOn()
      yield* ridingOn()
      for (let i = 0; i < 4; i++) yield* append("a")
      yield* Effect.forEach([append("a"), append("b")], (one) => one, { concurrency: "unbounded" })
      const { rows } = yield* counts
      expect(rows).toEqual([["a", 5], ["b", 1]])
      yield* isLevel
    })
  )

  test(
    "commits of a batch that are judged otherwise than was assumed are folded again",
    Effect.gen(function*() {
      yield* append("taken", 0)
      const rider = yield* ridingOn()
      yield* append("a")
      rider.masks.length = 0
      // One batch: they come while nothing is under way.
      const exits = yield* Effect.forEach(
        [append("a"), append("taken", 0), append("b", 0), append("taken", 7), append("a")],
        Effect.exit,
        { concurrency: "unbounded" }
      )
      expect(exits.map(Exit.isSuccess)).toEqual([true, false, true, false, true])
      expect(rider.masks).toEqual([[true, true, true, true, true], [true, false, true, false, true]])
      expect(rider.positions).toEqual([])
      const { rows } = yield* counts
      expect(rows).toEqual([["a", 3], ["b", 1]])
      expect(yield* position).toBe(5)
    })
  )

  test(
    "a batch of which nothing is accepted moves nothing",
    Effect.gen(function*() {
      const rider = yield* ridingOn()
      yield* append("a", 0)
      expect((yield* Effect.exit(append("a", 0)))._tag).toBe("Failure")
      expect(rider.positions).toEqual([])
      yield* isLevel
    })
  )

  test(
    "rows that the database cannot hold keep no commit away",
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const rider = yield* riding((row) => ({ ...row, sorts: [incompressible] }))
      const { last } = yield* append("a", 0)
      expect(rider.positions).toEqual([last])
      expect(rider.masks).toEqual([[true]])
      yield* sql.withTransaction(append("a", 1))
      expect(rider.positions).toEqual([last, last + 1])
      expect((yield* counts).rows).toEqual([])
      expect((yield* counts).events).toEqual([["a", 2]])
    })
  )

  test(
    "a projection that throws behind a commit leaves its outcome to be looked up",
    Effect.gen(function*() {
      const { positions } = yield* riding((row) => ({ ...row, sorts: [incompressible] }))
      positions.push = () => {
        throw new Error("a projection at fault")
      }
      const { reason } = yield* Effect.flip(append("a", 0))
      if (reason._tag !== "OutcomeUnknown") {
        return expect.fail(`expected an outcome that is not known, got ${reason._tag}`)
      }
      const found = yield* EventStore.EventStore.use(({ findCommit }) => findCommit(reason.commitId))
      expect(Option.map(found, ({ last }) => last)).toEqual(Option.some(1))
      // The next commit is not kept waiting.
      expect((yield* Effect.flip(append("a", 1))).reason._tag).toBe("OutcomeUnknown")
    }),
    Logger.layer([Logger.make(() => {
      throw new Error("a logger at fault")
    })])
  )

  test(
    "rows that cannot be read keep no commit away",
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const rider = yield* riding()
      yield* sql`ALTER TABLE varve.rows RENAME TO rows_elsewhere`
      yield* append("a", 0)
      yield* sql.withTransaction(append("a", 1))
      expect(rider.positions).toEqual([1, 2])
      yield* sql`ALTER TABLE varve.rows_elsewhere RENAME TO rows`
      expect(yield* catchUp).toBe("Committed")
      yield* append("a", 2)
      expect(rider.positions).toEqual([1, 2])
      yield* isLevel
    })
  )

  test(
    "rows ride with an append in a transaction, are seen in it, and roll back with it",
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const rider = yield* ridingOn()
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* append("a", 0)
        yield* append("a", 1)
        expect((yield* counts).rows).toEqual([["a", 2]])
        yield* Effect.exit(sql.withTransaction(Effect.andThen(append("a", 2), Effect.fail("no"))))
        expect((yield* counts).rows).toEqual([["a", 2]])
        yield* append("b", 0)
      }))
      yield* isLevel
      yield* Effect.exit(sql.withTransaction(Effect.andThen(append("a", 2), Effect.fail("no"))))
      expect((yield* counts).rows).toEqual([["a", 2], ["b", 1]])
      expect(rider.positions).toEqual([])
      yield* append("a", 2)
      yield* isLevel
    })
  )

  test(
    "what was missed in a transaction is told when it is committed, and not before",
    Effect.gen(function*() {
      const [sql, rows] = [yield* PgClient.PgClient, yield* RowStore.RowStore]
      const rider = yield* riding()
      yield* rows.setState(target, "paused")
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* append("a", 0)
        expect(rider.positions).toEqual([])
      }))
      expect(rider.positions).toEqual([1])
      yield* Effect.exit(sql.withTransaction(Effect.andThen(append("a", 1), Effect.fail("no"))))
      expect(rider.positions).toEqual([1])
    })
  )

  test(
    "what a batch does within is undone when it is not taken, and so are its rows when that fails",
    Effect.gen(function*() {
      const [sql, rows] = [yield* PgClient.PgClient, yield* RowStore.RowStore]
      yield* riding()
      yield* rows.open({ target: { ...target, name: "Other" }, mode: "async" })
      const batch: RowStore.Batch = {
        target: { ...target, name: "Other" },
        partition: 0,
        fence: undefined,
        from: 0,
        to: 1,
        rows: [{ tenant: "", key: "k", value: "{}", position: 1, index: 0, sorts: [] }],
        park: [],
        unpark: [],
        rate: 0,
        lease: Duration.minutes(1)
      }
      const found = Effect.map(rows.load(batch.target, [{ tenant: "", key: "k" }]), ({ rows }) => rows.length)
      const failed = yield* Effect.exit(rows.commit(batch, Effect.andThen(append("a"), Effect.fail("no"))))
      expect(Exit.isFailure(failed)).toBe(true)
      expect([yield* found, (yield* counts).events]).toEqual([0, []])
      expect(yield* rows.commit({ ...batch, from: 5, to: 6 }, append("a"))).toBe("Moved")
      expect((yield* counts).events).toEqual([])
      // Who moves the checkpoint within is found out afterwards.
      const within = Effect.andThen(append("a"), rows.commit(batch))
      expect(yield* rows.commit(batch, Effect.asVoid(within))).toBe("Moved")
      expect([yield* found, (yield* counts).events]).toEqual([0, []])
      const idle = sql<{ idle_in_transaction_session_timeout: string }>`SHOW idle_in_transaction_session_timeout`
      expect(
        yield* rows.commit(
          batch,
          Effect.gen(function*() {
            yield* append("a")
            expect(yield* idle).toEqual([{ idle_in_transaction_session_timeout: "1min" }])
          })
        )
      ).toBe("Committed")
      expect([yield* found, (yield* counts).events]).toEqual([1, [["a", 1]]])
      yield* isLevel
    })
  )
}

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  suite((self) =>
    Effect.scoped(Effect.provide(self, TestServer.layer())).pipe(Effect.timeout("15 seconds"), Effect.orDie)
  )

  /** Another process, as far as the database can tell. */
  const process = (url: string) => Layer.build(Postgres.layerPool({ url: Redacted.make(url), maxConnections: 4 }))

  it.live("nobody waits for a projection under the lock of the writers", () =>
    Effect.scoped(
      Effect.gen(function*() {
        const url = yield* TestServer.database
        const context = yield* process(url)
        const other = Context.get(yield* process(url), PgClient.PgClient)
        yield* Effect.gen(function*() {
          const rider = yield* ridingOn()
          yield* append("a", 0)
          const [held, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const holding = yield* Effect.forkScoped(other.withTransaction(Effect.gen(function*() {
            yield* other`SELECT 1 FROM varve.checkpoints FOR UPDATE`
            yield* Deferred.succeed(held, undefined)
            yield* Deferred.await(release)
          })))
          yield* Deferred.await(held)
          const receipt = yield* append("a", 1).pipe(Effect.timeout("5 seconds"))
          expect(rider.positions).toEqual([receipt.last])
          expect((yield* counts).rows).toEqual([["a", 1]])
          yield* Deferred.succeed(release, undefined)
          yield* Fiber.join(holding)
          yield* append("b", 0)
          expect(rider.positions).toEqual([receipt.last])
          yield* isLevel
        }).pipe(Effect.provide(context))
      }).pipe(Effect.timeout("15 seconds"))
    ))

  it.live("rows that somebody else moves between reading and writing are read again", () =>
    Effect.scoped(
      Effect.gen(function*() {
        const url = yield* TestServer.database
        const [one, two] = [yield* process(url), yield* process(url)]
        const rider = yield* Effect.provide(ridingOn(), one)
        yield* Effect.provide(ridingOn(), two)
        const lock = yield* Locks.hold(url)
        // Both have read that there is no row, and wait for the lock.
        const appending = yield* Effect.forEach(
          [one, two],
          (context) => Effect.forkScoped(Effect.provide(append("a"), context))
        )
        yield* lock.waiters(2)
        yield* lock.release
        yield* Effect.forEach(appending, Fiber.join)
        yield* Effect.provide(isLevel, one)
        expect(rider.positions).toEqual([])
      }).pipe(Effect.timeout("15 seconds"))
    ))

  const [processes, rounds, keys] = [3, 80, 5]
  it.live(
    "appends with rows, batches, sweeps and changes of state at once end, and the rows are right",
    () =>
      Effect.scoped(
        Effect.gen(function*() {
          const url = yield* TestServer.database
          const contexts = yield* Effect.forEach(Array.from({ length: processes }, () => url), process)
          const [first] = contexts
          for (const context of contexts) yield* Effect.provide(ridingOn(), context)
          const append4 = (round: number) =>
            Effect.forEach([0, 1, 2, 3], (n) => append(`k${(round * 4 + n) % keys}`), { concurrency: "unbounded" })
          const writing = Effect.forEach(
            contexts,
            (context) =>
              Effect.forEach(Array.from({ length: rounds }, (_, i) => i), append4).pipe(Effect.provide(context)),
            { concurrency: "unbounded", discard: true }
          )
          const meddling = Effect.gen(function*() {
            const rows = yield* RowStore.RowStore
            yield* catchUp
            yield* rows.sweep(target)
            yield* rows.retry({ target, key: { tenant: "", key: "k0" }, skip: false })
            yield* rows.setState(target, "paused")
            yield* rows.setState(target, "running")
            yield* rows.acquire({ target, owner: "somebody", lease: Duration.seconds(1) })
            yield* rows.release(target, "somebody")
          }).pipe(Effect.provide(first!), Effect.forever)
          yield* Effect.raceFirst(writing, meddling)
          // What was interrupted may have left it paused, or move it while it is brought to the head.
          const level = RowStore.RowStore.use((rows) => rows.setState(target, "running")).pipe(
            Effect.andThen(catchUp),
            Effect.repeat({ until: (outcome) => outcome === "Committed" })
          )
          yield* Effect.provide(Effect.andThen(level, isLevel), first!)
          const total = (yield* Effect.provide(counts, first!)).events.reduce((sum, [, n]) => sum + n, 0)
          expect(total).toBe(processes * rounds * 4)
        }).pipe(Effect.timeout("60 seconds"))
      ),
    70_000
  )
})

describe("embedded", () => {
  const embedded = TestServer.sharedEmbedded()
  suite((self) => Effect.scoped(Effect.provide(self, embedded)).pipe(Effect.timeout("15 seconds"), Effect.orDie))
})
