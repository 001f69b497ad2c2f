/**
 * Ways in which a writer can be held between taking its positions and committing.
 */
import type { Commit } from "@varve/core"
import { Effect, Fiber, Latch, type Scope } from "effect"
import type { Failure, Fixture } from "./Case.ts"
import type { Outcome } from "./Protocol.ts"
import * as Target from "./Target.ts"

export interface Held {
  /** Lets the writer go on to its end, and waits for that. */
  readonly release: Effect.Effect<void, Failure>
}

export type Hold = (t: Fixture, commit: Commit.Commit) => Effect.Effect<Held, Failure, Scope.Scope>

const written = (t: Fixture, what: string, outcome: Outcome): Effect.Effect<void, Failure> =>
  t.holds(what, outcome.tag === "Written", "success", `${outcome.tag}: ${outcome.message}`)

/** A transaction of the program's own, which goes on after its append. */
export const here: Hold = Effect.fnUntraced(function*(t: Fixture, commit: Commit.Commit) {
  const { sql, store } = yield* Target.open(t.target)
  const inside = Latch.makeUnsafe(false)
  const finish = Latch.makeUnsafe(false)
  const writer = yield* Effect.forkScoped(sql.withTransaction(
    Effect.tap(store.append(commit), Effect.andThen(inside.open, finish.await))
  ))
  yield* Effect.orDie(Effect.raceFirst(inside.await, Effect.andThen(Fiber.join(writer), Effect.never)))
  return { release: Effect.orDie(Effect.andThen(finish.open, Effect.asVoid(Fiber.join(writer)))) }
})

/** The same in another process. */
export const elsewhere: Hold = Effect.fnUntraced(function*(t: Fixture, commit: Commit.Commit) {
  const agent = yield* t.recruit
  yield* written(t, "an append in a transaction", yield* agent.call("hold", { commit }))
  return { release: Effect.asVoid(agent.call("release", null)) }
})

/** A process that stands still in its transaction: no time for it, a debugger, a machine that is moved. */
export const frozen: Hold = Effect.fnUntraced(function*(t: Fixture, commit: Commit.Commit) {
  const agent = yield* t.recruit
  yield* written(t, "an append in a transaction", yield* agent.call("hold", { commit }))
  yield* agent.freeze
  return { release: Effect.andThen(agent.thaw, Effect.asVoid(agent.call("release", null))) }
})

/** A process that is killed in its transaction, so that nothing of it ever was. */
export const killed: Hold = Effect.fnUntraced(function*(t: Fixture, commit: Commit.Commit) {
  const agent = yield* t.recruit
  yield* written(t, "an append in a transaction", yield* agent.call("hold", { commit }))
  return { release: agent.kill }
})

/**
 * A session of the database that stands still in the midst of its insert, positions and lock taken. What it waits for is
 * a row of the same stream and version, of which another session has not said yet whether it stays: it will not.
 */
export const stuck: Hold = Effect.fnUntraced(function*(t: Fixture, commit: Commit.Commit) {
  const { sql } = yield* Target.open(t.target)
  const agent = yield* t.recruit
  const inside = Latch.makeUnsafe(false)
  const finish = Latch.makeUnsafe(false)
  const { category, id, tenant } = commit.writes[0].stream
  const table = `"${t.target.schema}".events`
  let blocker = 0
  const blocking = yield* Effect.forkScoped(Effect.exit(sql.withTransaction(Effect.gen(function*() {
    const [session] = yield* sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`
    blocker = session!.pid
    yield* sql.unsafe(
      `INSERT INTO ${table} (position, occurred_at, recorded_at, commit_id, version, commit_index, revision,
  tenant, category, id, type, metadata) VALUES (-1, now(), now(), gen_random_uuid(), 1, 0, 1, $1, $2, $3, 'Never', '{}')`,
      [tenant, category, id]
    )
    yield* inside.open
    yield* finish.await
    return yield* Effect.fail("not to be")
  }))))
  yield* Effect.raceFirst(
    inside.await,
    Effect.flatMap(Fiber.join(blocking), (exit) => Effect.die(new Error(String(exit))))
  )
  const writer = yield* Effect.forkScoped(agent.call("append", { commits: [commit] }))
  yield* t.until(
    "an append that waits in its insert",
    t.home.sql<{ found: number }>`SELECT count(*)::int AS found FROM pg_locks l
      WHERE NOT l.granted AND ${blocker} = ANY(pg_blocking_pids(l.pid))`.pipe(
      Effect.map(([row]) => row!.found > 0),
      Effect.orDie
    )
  )
  return {
    release: Effect.gen(function*() {
      yield* finish.open
      yield* Fiber.join(blocking)
      const [outcome] = yield* Fiber.join(writer)
      yield* written(t, "the append that had waited in its insert", outcome!)
    })
  }
})
