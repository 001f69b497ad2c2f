/**
 * Writers that are killed at random moments, and others that go on where they were.
 */
import type { StoredEvent } from "@varve/core"
import { Effect, Fiber } from "effect"
import { random } from "../support/random.ts"
import type { Agent } from "./Agent.ts"
import { type Case, define, type Failure, type Fixture } from "./Case.ts"
import type { Note } from "./Protocol.ts"
import * as Readers from "./Readers.ts"
import * as Writer from "./Writer.ts"

/** Writers at once. */
const writers = 2

/** A life ends after so many acknowledged commits at the most, and a while. */
const lifeCommits = 60
const lifeMillis = 15

/** What a kill may take on a machine that has much else to do: another process has to start. */
const secondsPerKill = 20

/** What a writer may write between two kills: more than a life takes, so that it is busy when it is killed. */
const granted = 250

/** So many commits that were acknowledged are sent again by the next life, beside those that were not. */
const overlap = 3

/** One writer over all of its lives: what it has sent, and what it was told. */
class Log {
  readonly writer: number
  readonly sent = new Set<number>()
  /** First and last position that each acknowledgement told. */
  readonly acknowledged = new Map<number, ReadonlyArray<readonly [number, number]>>()
  readonly failed: Array<string> = []
  acknowledgements = 0

  constructor(writer: number) {
    this.writer = writer
  }

  readonly hear = (note: Note): void => {
    if (note.tag === "Sent") this.sent.add(note.n)
    else if (note.tag === "Failed") this.failed.push(`commit ${note.n}: ${note.message}`)
    else {
      this.acknowledgements++
      this.acknowledged.set(note.n, [...this.acknowledged.get(note.n) ?? [], [note.first, note.last]])
    }
  }

  /** Where the next life begins: before whatever has no acknowledgement yet. */
  get resume(): number {
    let n = 0
    while (this.acknowledged.has(n)) n++
    return Math.max(0, n - overlap)
  }
}

interface Life {
  readonly agent: Agent
  readonly ended: Fiber.Fiber<unknown>
}

const live = Effect.fnUntraced(function*(t: Fixture, log: Log) {
  const agent = yield* t.recruit
  yield* agent.listen(log.hear)
  const writing = { run: t.run, writer: log.writer, from: log.resume, granted }
  // It dies with its process.
  const ended = yield* Effect.forkScoped(Effect.exit(agent.call("write", writing)))
  return { agent, ended } satisfies Life
})

/** Waits until a writer has been told of so many more commits. */
const more = (t: Fixture, log: Log, count: number): Effect.Effect<void, Failure> => {
  const wanted = log.acknowledgements + count
  const what = `acknowledgements of writer ${log.writer}, at least ${wanted}`
  return t.until(what, Effect.sync(() => log.acknowledgements >= wanted))
}

const killAtRandom = Effect.fnUntraced(function*(t: Fixture, logs: ReadonlyArray<Log>) {
  const chance = random(t.crew.seed)
  const lives: Array<Life> = yield* Effect.forEach(logs, (log) => live(t, log), { concurrency: "unbounded" })
  for (let kill = 0; kill < t.crew.kills; kill++) {
    const victim = kill % writers
    yield* lives[victim]!.agent.call("grant", { commits: granted })
    yield* more(t, logs[victim]!, 1 + Math.floor(chance() * lifeCommits))
    // The moment itself: acknowledgements come in groups, and it is not to be always right behind one.
    yield* Effect.sleep(`${Math.floor(chance() * lifeMillis)} millis`)
    yield* lives[victim]!.agent.kill
    lives[victim] = yield* live(t, logs[victim]!)
  }
  for (const [i, { agent, ended }] of lives.entries()) {
    yield* agent.call("grant", { commits: granted })
    yield* more(t, logs[i]!, lifeCommits)
    yield* agent.call("finish", null)
    yield* Fiber.join(ended)
  }
})

type Stored = ReadonlyMap<string, ReadonlyArray<StoredEvent.StoredEvent>>

/** Fails unless everything sent is there once, whole, and where its sender was told. */
const checkLog = Effect.fnUntraced(function*(t: Fixture, log: Log, stored: Stored, known: Set<string>) {
  yield* t.equal(`appends that failed for writer ${log.writer}`, log.failed, [])
  for (const n of log.sent) {
    const commit = yield* Writer.commitOf(t.run, log.writer, n)
    known.add(commit.id)
    const told = log.acknowledged.get(n) ?? []
    const what = `commit ${n} of writer ${log.writer}`
    // The last life has sent again whatever was not acknowledged, and has come to its end.
    yield* t.holds(`acknowledgements of ${what}`, told.length > 0, "at least one", "none")
    const events = stored.get(commit.id) ?? []
    const wanted = commit.writes.flatMap(({ events, stream }) =>
      events.map(({ payload }) => [stream.id, payload] as const)
    )
    yield* t.equal(
      `${what}, acknowledged at position ${told[0]![0]}`,
      events.map(({ payload, stream }) => [stream.id, payload]),
      wanted
    )
    const [first, last] = [events[0]!.position, events.at(-1)!.position]
    yield* t.equal(`positions that the acknowledgements of ${what} told`, told, told.map(() => [first, last]))
    yield* t.equal(`positions of ${what}`, events.map(({ position }) => position - first), wanted.map((_, i) => i))
    yield* t.equal(`places in ${what}`, events.map(({ commitIndex }) => commitIndex), wanted.map((_, i) => i))
  }
})

const checkVersions = Effect.fnUntraced(function*(t: Fixture, events: ReadonlyArray<StoredEvent.StoredEvent>) {
  const versions = new Map<string, number>()
  for (const { position, stream, version } of events) {
    const next = (versions.get(stream.id) ?? 0) + 1
    yield* t.equal(`version of ${stream.id} at position ${position}`, version, next)
    versions.set(stream.id, next)
  }
})

const kills = define(
  "writers are killed at random moments: what was acknowledged is there, once and whole, and nobody skips any of it",
  Effect.fnUntraced(function*(t: Fixture) {
    const readers = yield* Readers.start(t, [3, 50, 500])
    const logs = Array.from({ length: writers }, (_, writer) => new Log(writer))
    yield* killAtRandom(t, logs)
    const events = yield* readers.sawEverything
    const stored = new Map<string, Array<StoredEvent.StoredEvent>>()
    for (const event of events) {
      const commit = stored.get(event.commitId)
      if (commit === undefined) stored.set(event.commitId, [event])
      else commit.push(event)
    }
    const known = new Set<string>()
    for (const log of logs) yield* checkLog(t, log, stored, known)
    const unknown = [...stored.keys()].filter((id) => !known.has(id))
    yield* t.equal("commits that nobody sent", unknown, [])
    yield* checkVersions(t, events)
    yield* t.equal("what the store finds wrong with itself", yield* t.home.admin.verify, [])
  }),
  ({ kills }) => kills * secondsPerKill
)

/** The suite of random kills. */
export const cases: ReadonlyArray<Case> = [kills]
