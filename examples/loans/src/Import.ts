/**
 * Appends the history that a log tells, once and for all, however often it is interrupted.
 *
 * It appends events and executes no commands: a command is decided by today's rules, and what happened in 2011 was
 * decided by people then. `EventStore.append` takes the events of many applications in one commit, which no
 * `execute` does. Everything else is as if it had been decided: encoded by the schemas of the events, at the versions
 * that follow, and read back through `LoanApplication.load`.
 */
import { type Commit, CommitId, EventStore, type EventStoreError, StreamName, Upcaster } from "@varve/core"
import { Effect, Option, Result, Schedule, Stream } from "effect"
import { Failed, failed } from "./Failed.ts"
import type { BadLine } from "./Lines.ts"
import { LoanApplication } from "./LoanApplication.ts"
import * as LogFile from "./LogFile.ts"
import * as LogLine from "./LogLine.ts"
import * as Progress from "./Progress.ts"

/** Commits prepared while one is under way. */
const commitsAhead = 2

/** A lost connection, or a lock held by another writer, has passed by then; or it is for a person to look. */
const patiently = {
  schedule: Schedule.exponential("200 millis").pipe(Schedule.upTo({ times: 4 })),
  while: ({ reason }: EventStoreError.EventStoreError) =>
    reason._tag === "Unavailable" || reason._tag === "OutcomeUnknown"
}

/** What has become of a file. */
export interface Summary {
  readonly added: number
  /** Stored by an earlier import. */
  readonly alreadyThere: number
  /** How long it took to add what was added. */
  readonly millis: number
}

/** The lines of one commit. */
interface Chunk {
  /** Lines of the file, 1-based. */
  readonly from: number
  readonly to: number
  readonly lines: ReadonlyArray<LogLine.LogLine>
}

/** Cuts lines into chunks where the check has said. */
class Chunks {
  private next = 1
  private lines: Array<LogLine.LogLine> = []
  private readonly starts: ReadonlyArray<number>
  readonly digest = new LogFile.Digest()

  constructor(starts: ReadonlyArray<number>) {
    this.starts = starts
  }

  /** Adds a line, and returns the chunk that ended before it. */
  add({ line, number }: LogFile.Entry): ReadonlyArray<Chunk> {
    const ended = number === this.starts[this.next] ? this.end() : []
    this.lines.push(line)
    this.digest.add(line)
    return ended
  }

  /** The chunk that has begun, if any. */
  end(): ReadonlyArray<Chunk> {
    const { lines } = this
    const from = this.starts[this.next++ - 1]!
    this.lines = []
    return lines.length === 0 ? [] : [{ from, to: from + lines.length - 1, lines }]
  }
}

/** The lines of a chunk as a store takes them, in the order of the file. */
const writesOf = (category: string, { lines }: Chunk): Commit.Commit["writes"] => {
  const writes: Array<{ stream: StreamName.StreamName; expected: number; events: [Commit.NewEvent] }> = []
  for (const line of lines) {
    const { application, seq } = line
    const last = writes.at(-1)
    const event = LogLine.toNewEvent(line)
    // Lines side by side are one write. Others are not put together: the store keeps the order of the file.
    if (last?.stream.id === application) last.events.push(event)
    else {
      // The log numbers the events of an application as a stream does. Anybody else's event there is a conflict.
      writes.push({ stream: StreamName.make(category, application), expected: seq - 1, events: [event] })
    }
  }
  // A chunk has a line at least.
  return writes as unknown as Commit.Commit["writes"]
}

const changed = (actual: string) =>
  failed("the file", "the same lines as when it was checked", `${actual}: it has changed meanwhile`)

const explain = (lines: string) => ({ reason }: EventStoreError.EventStoreError): Failed => {
  switch (reason._tag) {
    case "Conflict": {
      const what = `${lines}: application ${reason.stream.id}`
      return failed(what, `version ${String(reason.expected)}`, `${reason.actual}: somebody else has written to it`)
    }
    case "Unavailable":
    case "OutcomeUnknown":
      return new Failed({ message: `${lines}: stopped, ${reason.message}. Import again: nothing is stored twice` })
    case "Refused":
      return new Failed({ message: `${lines}: ${reason.message}` })
  }
}

const commitId = (digest: string, from: number) => CommitId.derive("loan applications", digest, String(from))

/** Whether an import of the file of this digest has begun, here or elsewhere. */
export const begun = Effect.fnUntraced(function*(digest: string) {
  const { findCommit } = yield* EventStore.EventStore
  return Option.isSome(yield* findCommit(yield* commitId(digest, 1)))
})

/** The line where an earlier import of the file was interrupted: the first that is in no commit. */
const firstMissing = Effect.fnUntraced(function*({ digest, starts, tally }: LogFile.Checked) {
  const store = yield* EventStore.EventStore
  // Commits are stored in the order of the file, so the place is found by halving.
  let [low, high] = [0, starts.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const known = yield* Effect.retry(store.findCommit(yield* commitId(digest, starts[middle]!)), patiently)
    if (Option.isSome(known)) low = middle + 1
    else high = middle
  }
  return starts[low] ?? tally.events + 1
})

/** Imports the lines of a file that was checked. Goes on where an earlier import of it was interrupted. */
export const run = Effect.fnUntraced(function*<E, R>(bytes: Stream.Stream<Uint8Array, E, R>, checked: LogFile.Checked) {
  const { digest, starts, tally } = checked
  const store = yield* EventStore.EventStore
  const category = (yield* Upcaster.Upcaster).category(LoanApplication.name)
  const chunks = new Chunks(starts)
  const progress = yield* Progress.start("lines", tally.events)
  const missing = yield* Effect.mapError(firstMissing(checked), explain("looking for where to go on"))
  let [added, alreadyThere] = [0, missing - 1]
  const importChunk = Effect.fnUntraced(function*(chunk: Chunk) {
    if (chunk.from < missing) return yield* progress.skip(chunk.to)
    // Under its id it is stored once, however often it is sent: by this process, by another, or in years to come.
    const id = yield* commitId(digest, chunk.from)
    const commit = { id, writes: writesOf(category, chunk), metadata: { actor: "import" } }
    const { replayed } = yield* Effect.retry(store.append(commit), patiently)
    if (replayed) alreadyThere += chunk.lines.length
    else added += chunk.lines.length
    yield* progress.done(chunk.to)
  }, (effect, { from, to }) => Effect.mapError(effect, explain(`lines ${from} to ${to}`)))
  yield* LogFile.entries(bytes).pipe(
    Stream.mapAccumArray(
      () => chunks,
      (chunks, results) => [
        chunks,
        results.flatMap((result): ReadonlyArray<Result.Result<Chunk, BadLine>> =>
          Result.isFailure(result) ? [Result.fail(result.failure)] : chunks.add(result.success).map(Result.succeed)
        )
      ],
      { onHalt: (chunks) => chunks.end().map(Result.succeed) }
    ),
    Stream.buffer({ capacity: commitsAhead }),
    Stream.runForEach((chunk) =>
      Result.isSuccess(chunk) ? importChunk(chunk.success) : Effect.fail(changed(chunk.failure.message))
    )
  )
  const millis = yield* progress.end
  if (chunks.digest.end() !== digest) return yield* changed("others")
  const summary: Summary = { added, alreadyThere, millis }
  return summary
})
