import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { type Commit, CommitId, EventStore, StreamName } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Cause, Context, Effect, Exit, Fiber, Layer, Redacted, Scope, Tracer } from "effect"
import * as Locks from "../support/Locks.ts"
import * as TestServer from "../support/TestServer.ts"

const event = { type: "Changed", revision: 1, payload: {} } as const

const stream = (name: string) => StreamName.make("Account", name)

const commitTo = (name: string, expected: Commit.Expected, rest?: Partial<Commit.Commit>): Commit.Commit => ({
  writes: [{ stream: stream(name), expected, events: [event] }],
  ...rest
})

/** Commits that have to do with nobody. */
const apart = (name: string, count: number) => Array.from({ length: count }, (_, i) => commitTo(`${name}-${i}`, 0))

/**
 * Many commits at a time, while somebody else has the lock of the writers, and how they end. The store has a scope of its
 * own within that of its pool.
 */
const behindLock = (
  commits: ReadonlyArray<Commit.Commit>,
  options: { readonly waiters: number; readonly maxConnections?: number }
) =>
  Effect.gen(function*() {
    const url = yield* TestServer.database
    const scope = yield* Scope.fork(yield* Effect.scope)
    const { maxConnections = 10, waiters } = options
    const pool = yield* Layer.build(PgClient.layer({ url: Redacted.make(url), maxConnections }))
    const opened = Layer.buildWithScope(Postgres.layer(), scope)
    const store = Context.get(yield* Effect.provideContext(opened, pool), EventStore.EventStore)
    const lock = yield* Locks.hold(url)
    const appends = yield* Effect.forEach(commits, (commit) =>
      Effect.forkScoped(
        Effect.match(store.append(commit), {
          onSuccess: ({ replayed }) => replayed ? "replayed" : "written",
          onFailure: ({ reason }) => reason._tag
        }),
        { startImmediately: true }
      ))
    yield* lock.waiters(waiters)
    const results = Fiber.joinAll(appends)
    const transactions = Effect.scoped(
      Effect.flatMap(PgClient.PgClient, (sql) =>
        sql.unsafe("SELECT count(DISTINCT xmin::text)::integer FROM varve.events").values)
    ).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })))
    return { lock, scope, appends, results, transactions }
  })

/** What makes a batch go to the database twice, so that a batch beside it is judged in between. */
const late = commitTo("late", 5)

describe("batches", () => {
  it.live("many commits go in two, the second of which waits at the database", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lock, results, transactions } = yield* behindLock(apart("a", 64), { waiters: 2 })
      yield* lock.release
      expect(new Set(yield* results)).toEqual(new Set(["written"]))
      expect(yield* transactions).toEqual([[2]])
    })))

  it.live("few go in one", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lock, results, transactions } = yield* behindLock(apart("a", 31), { waiters: 1 })
      yield* lock.release
      expect(new Set(yield* results)).toEqual(new Set(["written"]))
      expect(yield* transactions).toEqual([[1]])
    })))

  it.live("two go over a pool of one connection", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lock, results } = yield* behindLock(apart("a", 64), { waiters: 1, maxConnections: 1 })
      yield* lock.release
      expect(new Set(yield* results)).toEqual(new Set(["written"]))
    })))

  const first = commitTo("shared", 0)
  const id = CommitId.generateUnsafe()
  it.live.each(
    [
      ["writes a stream", [first, commitTo("shared", 1)], ["written", "written"]],
      [
        "checks a stream",
        [first, commitTo("other", 0, { checks: [{ _tag: "Stream", stream: stream("shared"), expected: 1 }] })],
        ["written", "written"]
      ],
      [
        "writes a stream that is checked",
        [commitTo("other", 0, { checks: [{ _tag: "Stream", stream: stream("shared"), expected: 0 }] }), first],
        ["written", "written"]
      ],
      ["has the id of a commit", [commitTo("one", 0, { id }), commitTo("two", 0, { id })], ["written", "Refused"]]
    ] as const
  )(
    "what %s that is under way waits for it",
    ([, [before, after], [one, two]]) =>
      Effect.scoped(Effect.gen(function*() {
        // The first batch is judged behind a second one, if there is one, which goes the long way at once.
        const commits = [before, late, ...apart("a", 18), commitTo("any", "any"), ...apart("b", 18), after]
        const { lock, results } = yield* behindLock(commits, { waiters: 2 })
        yield* lock.release
        const all = yield* results
        expect([all[0], all[1], all.at(-1)]).toEqual([one, "Conflict", two])
        expect(new Set(all.slice(2, -1))).toEqual(new Set(["written"]))
      }))
  )

  it.live("the second waits for the first for longer than for another writer", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      const pool = Postgres.layerPool({ url: Redacted.make(url), lockTimeout: "100 millis" })
      const context = yield* Layer.build(pool)
      const sql = Context.get(context, PgClient.PgClient)
      // A database whose disk is slow, once.
      yield* sql.unsafe(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$`)
      yield* sql.unsafe("CREATE TRIGGER slow AFTER INSERT ON varve.events FOR EACH STATEMENT EXECUTE FUNCTION slow()")
      const { append } = Context.get(context, EventStore.EventStore)
      const receipts = yield* Effect.forEach(apart("a", 64), (commit) => append(commit), { concurrency: "unbounded" })
      expect(receipts.length).toBe(64)
      expect(yield* sql.unsafe("SELECT count(DISTINCT xmin::text)::integer FROM varve.events").values).toEqual([[2]])
    })))

  it.live("many to one stream go in one", () =>
    Effect.scoped(Effect.gen(function*() {
      const { lock, results, transactions } = yield* behindLock(
        Array.from({ length: 64 }, (_, i) => commitTo("one", i)),
        { waiters: 1 }
      )
      yield* lock.release
      expect(new Set(yield* results)).toEqual(new Set(["written"]))
      expect(yield* transactions).toEqual([[1]])
    })))

  it.live("one that dies of a defect answers its callers, and lets the next ones pass", () => {
    let spans = 0
    const tracer = Tracer.make({
      span: (options) => {
        if (options.name === "EventStore.appendBatch" && spans++ < 2) throw new Error("a tracer at fault")
        return new Tracer.NativeSpan(options)
      }
    })
    return Effect.gen(function*() {
      const { append } = yield* EventStore.EventStore
      const appendAll = (name: string) =>
        Effect.forEach(apart(name, 8), (commit) => Effect.exit(append(commit)), { concurrency: "unbounded" })
      const outcomes = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) =>
        new Set(exits.map((exit) => Exit.isSuccess(exit) ? "written" : String(Cause.squash(exit.cause))))
      // As often as there are lanes.
      expect(outcomes(yield* appendAll("a"))).toEqual(new Set(["Error: a tracer at fault"]))
      expect(outcomes(yield* appendAll("b"))).toEqual(new Set(["Error: a tracer at fault"]))
      expect(outcomes(yield* appendAll("c"))).toEqual(new Set(["written"]))
    }).pipe(Effect.provide(TestServer.layer().pipe(Layer.provide(Layer.succeed(Tracer.Tracer, tracer)))))
  })

  it.live("a store that is closed answers both", () =>
    Effect.scoped(Effect.gen(function*() {
      const { appends, lock, results, scope } = yield* behindLock(apart("a", 64), { waiters: 2 })
      const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* lock.release
      yield* Fiber.join(closing)
      expect(appends.filter((append) => append.pollUnsafe() === undefined).length).toBe(0)
      expect(new Set(yield* results)).toEqual(new Set(["written"]))
    })))
})
