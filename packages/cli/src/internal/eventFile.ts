/** Reads a file of events, commit by commit. */
import * as NodeStream from "@effect/platform-node/NodeStream"
import type { StoredEvent } from "@varve/core/StoredEvent"
import type * as Arr from "effect/Array"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { createGunzip } from "node:zlib"
import * as exactJson from "./exactJson.ts"
import { Failed, failed } from "./Failed.ts"
import { Cutter, type Line } from "./lines.ts"
import * as ndjson from "./ndjson.ts"

/** Where events are read from. */
export interface Source {
  /** What messages call it. */
  readonly name: string
  readonly bytes: Stream.Stream<Uint8Array, Failed>
  /** How many bytes there are, where that is known. */
  readonly size: number | undefined
  /** Path of a file that can be read at any place, and again. */
  readonly file: string | undefined
}

/** What a person is told of a file that cannot be read or written. */
export const unusable = (path: string) => (error: PlatformError.PlatformError): Failed => {
  switch (error.reason._tag) {
    case "NotFound":
      return failed(path, "a file", "nothing: there is no such file")
    case "PermissionDenied":
      return failed(path, "a file that this user may use", "permission denied")
    case "BadResource":
      return failed(path, "a file", "a directory")
    default:
      return new Failed({ message: `${path}: ${error.message}` })
  }
}

/** How many bytes a file has. */
export const sizeOf = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const { size, type } = yield* Effect.mapError(fs.stat(path), unusable(path))
  if (type === "Directory") return yield* failed(path, "a file", "a directory")
  return Number(ByteSize.toBigInt(size))
})

const isGzip = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const start = yield* fs.stream(path, { bytesToRead: 2 }).pipe(
    Stream.flattenIterable,
    Stream.runCollect,
    Effect.mapError(unusable(path))
  )
  return start[0] === 0x1F && start[1] === 0x8B
})

/** A file that can be read again. */
export const ofFile = Effect.fnUntraced(function*(path: string, name = path) {
  const fs = yield* FileSystem.FileSystem
  const size = yield* sizeOf(path)
  const bytes = Stream.mapError(fs.stream(path), unusable(path))
  const source: Source = { name, bytes, size, file: path }
  return source
})

/** Opens a file, unpacked when it is gzip, or standard input. */
export const open = Effect.fnUntraced(function*(path: Option.Option<string>) {
  const stdio = yield* Stdio.Stdio
  if (Option.isSome(path) && path.value !== "-") {
    const file = path.value
    const plain = yield* ofFile(file)
    if (!(yield* isGzip(file))) return plain
    const bytes = NodeStream.pipeThroughDuplex(plain.bytes, {
      evaluate: () => createGunzip(),
      onError: () => failed(file, "a whole gzip file", "one that is damaged or cut off")
    })
    const packed: Source = { name: file, bytes, size: undefined, file: undefined }
    return packed
  }
  if (Option.isNone(path) && (yield* stdio.stdinIsTerminal)) {
    return yield* failed("events", "a file, or events on standard input", "neither")
  }
  const name = "standard input"
  const source: Source = { name, bytes: Stream.mapError(stdio.stdin, unusable(name)), size: undefined, file: undefined }
  return source
})

/** An event of a file, and where its line stands. */
export interface Entry {
  readonly event: StoredEvent
  readonly line: Line
}

/** The events that were written at once. */
export interface Commit {
  readonly entries: Arr.NonEmptyReadonlyArray<Entry>
  /** Length of its lines. */
  readonly bytes: number
}

const commitOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<Commit> => {
  const [first, ...others] = entries
  if (first === undefined) return []
  return [{ entries: [first, ...others], bytes: entries.reduce((sum, { line }) => sum + line.length, 0) }]
}

/** Puts the events of a file together to whole commits, and refuses what no store can have written. */
class Commits {
  private readonly source: string
  private entries: Array<Entry> = []
  private last: StoredEvent | undefined
  /** How many events the commit has, where its first line says it. */
  private wanted: number | undefined

  constructor(source: string) {
    this.source = source
  }

  /** The commits that end before the last of these lines. */
  push(lines: ReadonlyArray<Line>): Result.Result<ReadonlyArray<Commit>, Failed> {
    const commits: Array<Commit> = []
    for (const line of lines) {
      const parsed = ndjson.parse(this.source, line)
      if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
      const { commitEvents, event } = parsed.success
      const wrong = this.wrong(event, line.number)
      if (wrong !== undefined) return Result.fail(wrong)
      if (event.commitId !== this.last?.commitId) {
        const ended = this.end()
        if (Result.isFailure(ended)) return Result.fail(ended.failure)
        commits.push(...ended.success)
        this.wanted = commitEvents
      }
      this.entries.push({ event, line })
      this.last = event
    }
    return Result.succeed(commits)
  }

  /** The commit that ends with the last of all lines. */
  end(): Result.Result<ReadonlyArray<Commit>, Failed> {
    const { entries, last, source, wanted } = this
    this.entries = []
    const [first] = entries
    if (first !== undefined && wanted !== undefined && entries.length !== wanted) {
      const what = `the commit ${last?.commitId} that begins there`
      return Result.fail(ndjson.badLine(source, first.line.number, what, `${wanted} events`, `${entries.length}`))
    }
    return Result.succeed(commitOf(entries))
  }

  private wrong(event: StoredEvent, line: number): Failed | undefined {
    const { last } = this
    const bad = (what: string, expected: string, actual: string) =>
      ndjson.badLine(this.source, line, what, expected, actual)
    const same = event.commitId === last?.commitId
    const index = same ? last.commitIndex + 1 : 0
    if (event.commitIndex !== index) {
      const expected = same ? `${index}, the next of its commit` : "0, the first of its commit"
      return bad("commitIndex", expected, `${event.commitIndex}`)
    }
    if (last === undefined) return undefined
    if (event.position !== last.position + 1) return bad("position", `${last.position + 1}`, `${event.position}`)
    const [before, now] = [last.recordedAt.epochMilliseconds, event.recordedAt.epochMilliseconds]
    if (same ? now !== before : now < before) {
      const at = new Date(before).toISOString()
      return bad(
        "recordedAt",
        same ? `${at}, as the rest of the commit` : `${at} or later`,
        new Date(now).toISOString()
      )
    }
    return same && exactJson.stringify(event.metadata) !== exactJson.stringify(last.metadata)
      ? bad("metadata", "that of the rest of the commit", "other metadata")
      : undefined
  }
}

/** The commits of a source, in order. `seen` is told how many bytes were read. */
export const commits = (
  source: Source,
  seen: (bytes: number) => Effect.Effect<void> = () => Effect.void
): Stream.Stream<Commit, Failed> =>
  Stream.suspend(() => {
    const cutter = new Cutter(ndjson.lineBytes)
    const commits = new Commits(source.name)
    let bytes = 0
    const take = (lines: ReadonlyArray<Line>) => Effect.fromResult(commits.push(lines))
    return source.bytes.pipe(
      Stream.mapEffect((chunk) => {
        bytes += chunk.length
        return Effect.andThen(seen(bytes), take(cutter.push(chunk)))
      }),
      Stream.concat(Stream.fromEffect(Effect.suspend(() => take(cutter.end())))),
      Stream.concat(Stream.fromEffect(Effect.suspend(() => Effect.fromResult(commits.end())))),
      Stream.flattenIterable
    )
  })
