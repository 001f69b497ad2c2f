/**
 * A writer is held between taking its positions and committing, and readers follow the store meanwhile.
 *
 * With positions from a plain sequence the next writer commits behind the one that is held, a reader takes that for the
 * end of the store, and what the held one commits at last lies behind the reader for ever.
 */
import { Effect, Fiber } from "effect"
import { type Case, define, type Fixture } from "./Case.ts"
import * as Holding from "./Holding.ts"
import { outcomeOf } from "./Protocol.ts"
import * as Readers from "./Readers.ts"
import * as Target from "./Target.ts"

const noSkip = (name: string, hold: Holding.Hold): Case =>
  define(
    name,
    Effect.fnUntraced(function*(t: Fixture) {
      for (const events of [1, 3, 2]) yield* t.home.store.append(t.commit(events))
      const readers = yield* Readers.start(t)
      const held = yield* hold(t, t.commit(2))
      const agent = yield* t.recruit
      const beside = [
        yield* Effect.forkScoped(outcomeOf(t.home.store.append(t.commit(1)))),
        yield* Effect.forkScoped(Effect.map(agent.call("append", { commits: [t.commit(3)] }), ([one]) => one!))
      ]
      // They wait behind the one that is held. Where they do not, they are through: either way it is the moment to read.
      yield* t.until(
        "the other writers at their ends, or at the lock",
        Effect.map(t.waiters, (waiters) => beside.filter((fiber) => fiber.pollUnsafe() === undefined).length <= waiters)
      )
      yield* readers.catchUp
      yield* held.release
      for (const fiber of beside) {
        const { message, tag } = yield* Fiber.join(fiber)
        yield* t.holds("a writer after the one that was held", tag === "Written", "success", `${tag}: ${message}`)
      }
      yield* t.home.store.append(t.commit(1))
      yield* readers.sawEverything
    })
  )

/** How long the writers of the next case are ready to wait, and how much longer an answer may take. */
const patienceMillis = 400
const leewayMillis = 5_000

const bounded = define(
  "while a process stands still with the lock, other writers wait so long and no longer, readers not at all, and all is well after",
  Effect.fnUntraced(function*(t: Fixture) {
    yield* t.home.store.append(t.commit(2))
    const readers = yield* Readers.start(t)
    const impatient = yield* Target.open(t.target, { lockTimeout: `${patienceMillis} millis` })
    const agent = yield* t.recruit
    const held = yield* Holding.frozen(t, t.commit(2))
    const refused = [t.commit(1), t.commit(2), t.commit(1)] as const
    const here = Effect.all([
      outcomeOf(impatient.store.append(refused[0])),
      outcomeOf(
        impatient.sql.withTransaction(impatient.store.append(refused[2])).pipe(Effect.catchTag("SqlError", Effect.die))
      )
    ])
    const there = agent.call("append", { commits: [refused[1]], lockMillis: patienceMillis })
    const outcomes = (yield* Effect.all([here, there], { concurrency: "unbounded" })).flat()
    for (const { message, millis, tag } of outcomes) {
      const got = `${tag} after ${millis} ms${message === "" ? "" : `: ${message}`}`
      const expected = `Unavailable after ${patienceMillis} ms`
      yield* t.holds("an append beside a writer that has the lock", tag === "Unavailable", expected, got)
      const inTime = millis >= patienceMillis - 20 && millis <= patienceMillis + leewayMillis
      yield* t.holds("an append beside a writer that has the lock", inTime, expected, got)
    }
    yield* readers.catchUp
    yield* held.release
    for (const commit of refused) {
      const receipt = yield* t.home.store.append(commit)
      yield* t.equal("whether what was Unavailable had been written", receipt.replayed, false)
    }
    yield* readers.sawEverything
  })
)

/** The late-commit suite. */
export const cases: ReadonlyArray<Case> = [
  noSkip("nobody skips what a transaction of this process commits late", Holding.here),
  noSkip("nobody skips what a transaction of another process commits late", Holding.elsewhere),
  noSkip("nobody skips what a process commits late that stood still in its transaction", Holding.frozen),
  noSkip("nobody skips what a session commits late that stood still in its insert", Holding.stuck),
  noSkip("a process that is killed in its transaction leaves no hole", Holding.killed),
  bounded
]
