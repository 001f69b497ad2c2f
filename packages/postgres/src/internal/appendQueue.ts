import type * as PgClient from "@effect/sql-pg/PgClient"
import { type Commit, type CommitId, EventStoreError, Limits } from "@varve/core"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"
import * as Tracer from "effect/Tracer"
import type { Attached } from "./attached.ts"
import type { Sender, Sent } from "./sender.ts"
import type { Settings } from "./settings.ts"
import { isAboutData, isKnownCommit, isRolledBack, reasonOf } from "./sqlError.ts"

/** Most batches under way at a time: the second is at the database when the first is on disk. */
const batchesUnderWay = 2

/**
 * From so many commits on, they go in two batches, so that program and database work at the same time. With fewer, a
 * batch more costs more than that gains.
 */
const apartFrom = 32

/** A second batch that is smaller than this share of the first is not worth a call: it waits for more. */
const worthwhile = 0.75

/** Most bytes of JSON text sent in one call. A commit larger than that travels alone. */
const bytesPerBatch = 8_388_608

type Result = Exit.Exit<Commit.Receipt, EventStoreError.EventStoreError>

/** A commit on its way, and its caller. */
interface Entry {
  readonly commit: Commit.Encoded
  readonly resume: (result: Result) => void
  readonly since: number
  /** Withdrawn before it was sent, or answered: nobody waits for it. */
  done: boolean
  sent: boolean
  /** In `pending` still. */
  queued: boolean
  /** What an interrupted caller waits with. */
  onDone: (() => void) | undefined
}

type Entries = ReadonlyArray<Entry>

const fail = (reason: EventStoreError.EventStoreError["reason"]): Result =>
  Exit.fail(new EventStoreError.EventStoreError({ operation: "append", reason }))

const unavailable = (what: string, expected: string, actual: string): Result =>
  fail(new EventStoreError.Unavailable({ what, expected, actual }))

const tell = (entry: Entry, result: Result): void => {
  entry.resume(result)
  entry.onDone?.()
}

const finish = (entry: Entry, result: Result): void => {
  if (entry.done) return
  entry.done = true
  tell(entry, result)
}

/**
 * A result for entries about which nothing else is known: those that were sent may be stored. Nothing was written of
 * the others.
 */
const finishUnknown = (entries: Entries, otherwise: Result): void => {
  for (const entry of entries) {
    finish(entry, entry.sent ? fail(new EventStoreError.OutcomeUnknown({ commitId: entry.commit.id })) : otherwise)
  }
}

/** How many of what waits have nothing in common with what is under way, be it an id or a stream. At most `most`. */
const countApart = (waiting: Entries, underWay: Iterable<Entries>, most: number): number => {
  const ids = new Set<CommitId.CommitId>()
  const streams = new Set<string>()
  for (const batch of underWay) {
    for (const { commit } of batch) {
      ids.add(commit.id)
      for (const { key } of commit.streams) streams.add(key)
    }
  }
  const end = Math.min(waiting.length, most)
  for (let i = 0; i < end; i++) {
    const { commit } = waiting[i]!
    if (ids.has(commit.id) || commit.streams.some(({ key }) => streams.has(key))) return i
  }
  return end
}

/**
 * The one way of a process's commits to the database: what arrived while batches were under way is the next batch.
 *
 * **Details**
 *
 * A batch is a prefix of the queue, and the database judges the commits of a batch in their order. Two that are under way
 * have no id and no stream in common, be it written or checked, so it is all the same which of them the database takes
 * first: every commit is judged behind those before it that it has to do with. A batch ends before a second commit of an
 * id that is in it, which then finds the first one stored. Where what waits has too much in common, all of it goes in one
 * batch, and some callers are answered when the next one is on its way: it takes up what the others have come with again.
 *
 * Every entry is answered: the sending is bounded in time, whatever it ends with is handed to the entries that it has not
 * sent, those that it has sent and not answered are told that their outcome is not known, and closing the scope answers
 * those that wait.
 */
export const make = (
  client: PgClient.PgClient,
  settings: Settings,
  sender: Sender,
  written: Effect.Effect<void>,
  attached: Attached,
  moved: Effect.Effect<void>
): Effect.Effect<
  (commit: Commit.Encoded) => Effect.Effect<Commit.Receipt, EventStoreError.EventStoreError>,
  never,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    const patience = Duration.toMillis(settings.timeout)
    const pending: Array<Entry> = []
    const underWay = new Set<Entries>()
    /** Of the loops that send batches: those that run, and whether one is about to. */
    const lanes = new Set<Fiber.Fiber<void>>()
    let running = 0
    let starting = false
    let waiting = 0
    let closed = false
    /** What waits has to do with what is under way. */
    let blocked = false
    /** So it was the last time that there was enough for two batches. */
    let entangled = false
    /** Answers that are told when the next batch is on its way. */
    let answers: Array<readonly [Entry, Result]> = []

    const tellAll = (): void => {
      const told = answers
      answers = []
      for (const [entry, result] of told) tell(entry, result)
    }

    /** How many commits are under way. */
    const countUnderWay = (): number => {
      let count = 0
      for (const batch of underWay) count += batch.length
      return count
    }

    /** Whether what waits is worth a batch beside one that is under way. */
    const isWorthwhile = (commits: number): boolean => {
      const before = countUnderWay()
      return commits >= worthwhile * before && commits + before >= apartFrom
    }

    /** A database in this process does one thing at a time, and rows that ride are those that the batch before has left. */
    const isAlone = (): boolean => settings.yieldFirst || !attached.isEmpty

    /**
     * How many of a batch are answered at once. Where no batch can go beside another, the others are when the next one is on
     * its way, so that program and database work at the same time.
     */
    const countAtOnce = (batch: Entries): number => {
      if (isAlone() || !entangled || underWay.size > 1 || batch.length + pending.length < apartFrom) return batch.length
      return pending.length > 0 ? 0 : batch.length >> 1
    }

    /** How many of what waits can go beside what is under way. */
    const countBeside = (): number => {
      if (isAlone() || !isWorthwhile(pending.length)) return 0
      const half = Math.ceil((pending.length + countUnderWay()) / 2)
      const end = Math.min(pending.length, half, Limits.commitsPerBatch)
      const apart = countApart(pending, underWay, end)
      blocked = apart < end
      entangled = !isWorthwhile(apart)
      return entangled ? 0 : apart
    }

    /** How many of what waits go where nothing is under way: half of many, if the others can go beside them. */
    const countFirst = (): number => {
      const end = Math.min(pending.length, Limits.commitsPerBatch)
      const half = Math.ceil(pending.length / 2)
      if (isAlone() || pending.length < apartFrom || half >= end) return end
      entangled = countApart(pending.slice(half), [pending.slice(0, half)], half) < worthwhile * half
      return entangled ? end : half
    }

    const cut = (): Entries => {
      const now = performance.now()
      const batch: Array<Entry> = []
      const ids = new Set<CommitId.CommitId>()
      const end = underWay.size === 0 ? countFirst() : countBeside()
      let [taken, events, bytes] = [0, 0, 0]
      for (; taken < end; taken++) {
        const entry = pending[taken]!
        if (entry.done) continue
        const { commit } = entry
        if (now - entry.since > patience) {
          waiting--
          finish(
            entry,
            unavailable("queue of the store", `a turn within ${patience} ms`, "none: the database is too slow")
          )
          continue
        }
        events += commit.events.length
        bytes += commit.size + commit.metadata.length
        if (batch.length > 0 && (events > Limits.eventsPerBatch || bytes > bytesPerBatch || ids.has(commit.id))) break
        ids.add(commit.id)
        entry.queued = false
        batch.push(entry)
      }
      pending.splice(0, taken)
      waiting -= batch.length
      return batch
    }

    /** Whether a batch is under way that was sent before this one: then that one may have the lock of the writers. */
    const isBehind = (batch: Entries): boolean => {
      const [first] = underWay
      return first !== undefined && !first.includes(batch[0]!)
    }

    /** Sends entries, answers each, and fails only where it is not known what became of them. */
    const write = (entries: Entries, check: boolean): Effect.Effect<void, SqlError> => {
      let batch: Entries = []
      const answered = (sent: Sent): Effect.Effect<void> => {
        const { told } = sent
        let wrote = false
        // Before the callers go on: what they read next waits for what is missed.
        told.missed()
        // What is sent once more is in doubt, and its next part may take long.
        const atOnce = check ? batch.length : countAtOnce(batch)
        sent.answers.forEach((answer, i) => {
          if (answer._tag === "Success" && !answer.value.replayed) wrote = true
          const entry = batch[i]!
          if (i < atOnce) return finish(entry, answer)
          if (entry.done) return
          entry.done = true
          answers.push([entry, answer])
        })
        const events = wrote ? written : Effect.void
        return told.moved ? Effect.andThen(events, moved) : events
      }
      const send = sender.send(() => {
        // The connection is here: from now on nobody is withdrawn.
        batch = entries.filter((entry) => !entry.done)
        for (const entry of batch) entry.sent = true
        return batch.map((entry) => entry.commit)
      }, check)
      return Effect.matchEffect(send, {
        onSuccess: answered,
        onFailure: (error): Effect.Effect<void, SqlError> => {
          if (batch.length === 0 || !isRolledBack(error)) return Effect.fail(error)
          if (isKnownCommit(error) && !check) return write(batch, true)
          // Nobody is to fail by the wait for a batch of this process, which takes as long as the database does.
          if (error.reason._tag === "LockTimeoutError" && isBehind(batch)) return write(batch, check)
          if (batch.length > 1 && isAboutData(error)) {
            // One commit that the database cannot hold must not fail its neighbours.
            const half = batch.length >> 1
            return Effect.andThen(write(batch.slice(0, half), true), write(batch.slice(half), true))
          }
          const result = fail(reasonOf("database", error))
          return Effect.sync(() => {
            for (const entry of batch) finish(entry, result)
          })
        }
      })
    }

    const send = (entries: Entries): Effect.Effect<void> =>
      write(entries, false).pipe(
        Effect.catch((error) => Effect.sync(() => finishUnknown(entries, fail(reasonOf("database", error))))),
        Effect.timeoutOrElse({
          duration: settings.timeout,
          orElse: () =>
            Effect.sync(() =>
              finishUnknown(entries, unavailable("database", `a connection within ${patience} ms`, "none was free"))
            )
        })
      )

    /** A span a batch, and only for a tracer that keeps it: it costs as much as several appends. */
    const traced = (entries: Entries): Effect.Effect<void> =>
      Effect.withFiber((fiber) =>
        fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
          ? send(entries)
          : Effect.withSpan(send(entries), "EventStore.appendBatch", {
            attributes: { "varve.commits": entries.length },
            captureStackTrace: false
          })
      )

    /** Sends entries, and answers each, whatever it ends with: tracers and projections are the user's, and may throw. */
    const deliver = (entries: Entries): Effect.Effect<void> =>
      Effect.catchCause(traced(entries), (cause) => {
        const interrupted = Cause.hasInterruptsOnly(cause)
        const inDoubt = entries.some(({ done, sent }) => sent && !done)
        finishUnknown(
          entries,
          interrupted ? unavailable("event store", "to be open", "it was closed") : Exit.die(Cause.squash(cause))
        )
        // Those who are told that the outcome is not known are not told why. A logger is the user's as well.
        return !interrupted && inDoubt
          ? Effect.ignoreCause(Effect.logError("A batch of commits has died after it was sent", cause))
          : Effect.void
      })

    const done = (batch: Entries): Effect.Effect<void> =>
      Effect.sync(() => {
        underWay.delete(batch)
        blocked = false
      })

    /** Sends batches until nothing waits, or what waits is for the other lane to send. */
    const lane = Effect.gen(function*() {
      while (true) {
        // Behind the sending, which comes first as long as a connection is free.
        if (answers.length > 0) queueMicrotask(tellAll)
        // A database in this process answers before its callers have come again: they come first.
        if (settings.yieldFirst) yield* Effect.yieldNow
        // While no connection is held, and what waits may still be withdrawn.
        if (pending.length > 0 && underWay.size === 0 && !attached.isEmpty) yield* attached.catchUp
        const batch = cut()
        if (batch.length === 0) {
          // Nobody waits for the first of the queue, and others are behind them.
          if (pending.length > 0 && underWay.size === 0) continue
          return
        }
        underWay.add(batch)
        start()
        yield* Effect.ensuring(deliver(batch), done(batch))
      }
    })

    /** Starts a lane for what waits, if there is one to start and it has enough to send. */
    const start = (): void => {
      if (starting || pending.length === 0) return
      if (running > 0 && (running === batchesUnderWay || blocked || isAlone() || !isWorthwhile(pending.length))) return
      starting = true
      // After the fibers that are about to run: what they append goes along.
      queueMicrotask(() => {
        starting = false
        running++
        const fiber = runFork(lane)
        lanes.add(fiber)
        fiber.addObserver(() => {
          lanes.delete(fiber)
          running--
          // What has come since it saw nothing to send, however it ended.
          if (running === 0) start()
        })
      })
    }

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        const rest = pending.splice(0)
        waiting = 0
        for (const entry of rest) finish(entry, unavailable("event store", "to be open", "it was closed"))
        // What is under way is answered by the database, within its bound.
        return Fiber.awaitAll(lanes)
      })
    )

    const withdraw = (entry: Entry): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (entry.done) return Effect.void
        if (entry.sent) {
          return Effect.callback<void>((resume) => {
            entry.onDone = () => resume(Effect.void)
          })
        }
        entry.done = true
        // Whether it waits in the queue or in a batch that waits for a connection, it is passed over.
        if (entry.queued) waiting--
        return Effect.void
      })

    return (commit) =>
      Effect.callback<Commit.Receipt, EventStoreError.EventStoreError>((resume) => {
        if (closed) return resume(unavailable("event store", "to be open", "it was closed"))
        if (waiting >= Limits.pendingCommits) {
          return resume(unavailable("queue of the store", `at most ${Limits.pendingCommits} commits`, `${waiting}`))
        }
        const since = performance.now()
        const entry: Entry = { commit, resume, since, done: false, sent: false, queued: true, onDone: undefined }
        pending.push(entry)
        waiting++
        start()
        return withdraw(entry)
      })
  })
