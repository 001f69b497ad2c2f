/**
 * The file of the log: read in bounded memory, and checked whole before anything is made of it.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Console, Effect, FileSystem, type PlatformError, Result, Stream } from "effect"
import { createHash } from "node:crypto"
import { createGunzip } from "node:zlib"
import { type Failed, failed } from "./Failed.ts"
import { BadLine, lines } from "./Lines.ts"
import * as LogLine from "./LogLine.ts"
import { Tally } from "./Tally.ts"

/** Bad lines that are named, before the rest is only counted. */
const namedLimit = 10

/** A line of the log, and where it stands. */
export interface Entry {
  /** 1-based. */
  readonly number: number
  readonly line: LogLine.LogLine
}

// --- Bytes -------------------------------------------------------------------

const readable = (path: string) => (error: PlatformError.PlatformError): Failed => {
  switch (error.reason._tag) {
    case "NotFound":
      return failed(path, "a file", "nothing: there is no such file")
    case "PermissionDenied":
      return failed(path, "a file that this user may read", "permission denied")
    case "BadResource":
      return failed(path, "a file", "a directory")
    default:
      return failed(path, "a file that can be read", error.reason._tag)
  }
}

/** The bytes of a file, unpacked when it is gzip. Fails at once when it cannot be read. Can be run several times. */
export const open = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const { type } = yield* Effect.mapError(fs.stat(path), readable(path))
  if (type === "Directory") return yield* failed(path, "a file", "a directory")
  const start = yield* fs.stream(path, { bytesToRead: 2 }).pipe(
    Stream.flattenIterable,
    Stream.runCollect,
    Effect.mapError(readable(path))
  )
  const bytes = Stream.mapError(fs.stream(path), readable(path))
  if (start[0] !== 0x1F || start[1] !== 0x8B) return bytes
  return NodeStream.pipeThroughDuplex(bytes, {
    evaluate: () => createGunzip(),
    onError: () => failed(path, "a whole gzip file", "one that is damaged or cut off")
  })
})

// --- Lines -------------------------------------------------------------------

/** The lines of the log, parsed; a bad one is named in its place. */
export const entries = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>
): Stream.Stream<Result.Result<Entry, BadLine>, E, R> =>
  Stream.map(
    lines(bytes),
    (line) =>
      Result.flatMap(
        line,
        (line) => Result.map(LogLine.parse(line), (parsed) => ({ number: line.number, line: parsed }))
      )
  )

/** What a file must be beyond its single lines: each application in its order, from its submission on. */
class Order {
  private readonly applications = new Map<string, { seq: number; readonly amountRequested: number }>()

  /** Why the line cannot be the next of its application. */
  wrong({ activity, amountRequested, application, seq }: LogLine.LogLine): string | undefined {
    const known = this.applications.get(application)
    const expected = (known?.seq ?? 0) + 1
    if (seq !== expected) return `seq: expected ${expected}, the next of application ${application}, got ${seq}`
    if ((activity === "A_SUBMITTED") !== (seq === 1)) {
      return `activity: expected ${seq === 1 ? "A_SUBMITTED first" : "A_SUBMITTED only once"}, got ${activity}`
    }
    if (known === undefined) this.applications.set(application, { seq, amountRequested })
    else if (known.amountRequested === amountRequested) known.seq = seq
    else return `amountRequested: expected ${known.amountRequested} as before, got ${amountRequested}`
    return undefined
  }
}

/** Names the content of a file: SHA-256 of its lines as the log writes them, however they were packed or spaced. */
export class Digest {
  private readonly hash = createHash("sha256")

  add(line: LogLine.LogLine): void {
    this.hash.update(`${LogLine.format(line)}\n`)
  }

  end(): string {
    return this.hash.digest("hex")
  }
}

// Where the commits are cut decides on their ids. These numbers stay, or a file imported before is no longer known.
/** The most that a commit takes. */
const linesPerCommit = 1_000
/** The most streams that a commit takes. */
const applicationsPerCommit = 256

/** Finds where commits begin: by a rule that depends on the file alone, so that every import cuts the same. */
class Commits {
  readonly starts: Array<number> = []
  private readonly applications = new Set<string>()

  add(number: number, { application }: LogLine.LogLine): void {
    const start = this.starts.at(-1)
    const full = start === undefined || number - start === linesPerCommit
      || (this.applications.size === applicationsPerCommit && !this.applications.has(application))
    if (full) {
      this.starts.push(number)
      this.applications.clear()
    }
    this.applications.add(application)
  }
}

/** A file that is well. */
export interface Checked {
  /** Lines that begin a commit, 1-based. */
  readonly starts: ReadonlyArray<number>
  readonly digest: string
  readonly tally: Tally
}

/** Reads a file to its end. Names its bad lines and fails, or tells what is in it. Memory grows with applications only. */
export const check = Effect.fnUntraced(function*<E, R>(bytes: Stream.Stream<Uint8Array, E, R>) {
  const order = new Order()
  const digest = new Digest()
  const tally = new Tally()
  const commits = new Commits()
  const named: Array<BadLine> = []
  let [read, bad] = [0, 0]
  yield* entries(bytes).pipe(Stream.runForEachArray((results) => {
    for (const result of results) {
      read++
      const reason = Result.isSuccess(result) ? order.wrong(result.success.line) : result.failure.reason
      if (reason !== undefined) {
        if (++bad <= namedLimit) named.push(new BadLine({ number: read, reason }))
      } else if (Result.isSuccess(result)) {
        commits.add(read, result.success.line)
        digest.add(result.success.line)
        tally.add(result.success.line, result.success.line.seq)
      }
    }
    return Effect.void
  }))
  // Not before the end: in a packed file that is damaged, the lines are what is wrong last.
  for (const { message } of named) yield* Console.error(message)
  if (bad > 0) {
    const which = bad > namedLimit ? `the first ${namedLimit} named above` : "named above"
    return yield* failed("the file", "no bad lines", `${bad} of ${read}, ${which}; nothing was written`)
  }
  if (read === 0) return yield* failed("the file", "lines of the log", "an empty file; nothing was written")
  const checked: Checked = { digest: digest.end(), tally, starts: commits.starts }
  return checked
})
