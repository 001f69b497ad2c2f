/** The file that an export goes to, and goes on with when it was interrupted. */
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import { Buffer } from "node:buffer"
import { unusable } from "./eventFile.ts"
import { commitBehind, eventsAt } from "./exportPages.ts"
import { Failed, failed } from "./Failed.ts"
import * as ndjson from "./ndjson.ts"

const blockBytes = 65_536
const newline = 0x0A

const sizeOf = (file: FileSystem.File) => Effect.map(file.stat, ({ size }) => Number(ByteSize.toBigInt(size)))

const bytesAt = Effect.fnUntraced(function*(file: FileSystem.File, from: number, to: number) {
  const bytes = new Uint8Array(to - from)
  let read = 0
  while (read < bytes.length) {
    const count = yield* file.read(bytes.subarray(read), { position: BigInt(from + read) })
    if (count === 0) break
    read += count
  }
  return bytes.subarray(0, read)
})

/** Offset behind the `count`th line end before `end`; 0 when there are fewer. */
const behindLineEnd = Effect.fnUntraced(function*(file: FileSystem.File, end: number, count: number) {
  let left = count
  for (let to = end; to > 0; to -= blockBytes) {
    const from = Math.max(to - blockBytes, 0)
    const block = yield* bytesAt(file, from, to)
    for (let at = block.lastIndexOf(newline); at !== -1; at = at === 0 ? -1 : block.lastIndexOf(newline, at - 1)) {
      if (--left === 0) return from + at + 1
    }
  }
  return 0
})

const lineAt = Effect.fnUntraced(
  function*(path: string, file: FileSystem.File, number: number, from: number, to: number) {
    const length = to - from
    const bytes = length > ndjson.lineBytes ? new Uint8Array() : yield* bytesAt(file, from, to)
    const line = { number, offset: from, length, bytes, ended: true }
    const { event } = yield* Effect.fromResult(ndjson.parse(path, line))
    return { event, text: new TextDecoder().decode(bytes) }
  }
)

const foreign = (path: string, number: number, position: number, expected: string, actual: string): Failed => {
  const short = (line: string) => line.length <= 200 ? line : `${line.slice(0, 200)}…`
  return failed(
    `${ndjson.placeOf(path, number)} does not come from this store as it is today, position ${position}`,
    short(expected),
    short(actual)
  )
}

/** What the store says today at a position. */
const lineToday = (position: number) =>
  Effect.map(
    commitBehind(position - 1),
    (events) => events.length === 0 ? "none" : ndjson.formatAll(events).split("\n")[0]!
  )

/** A line of the file must be what the store says today. */
const checkLine = Effect.fnUntraced(function*(
  path: string,
  number: number,
  { event, text }: { readonly event: StoredEvent; readonly text: string }
) {
  const today = yield* lineToday(event.position)
  if (today !== text) return yield* foreign(path, number, event.position, today, text)
})

/** A file without a whole line is taken for ours only where it begins as the first line does: it is written over. */
const checkStart = Effect.fnUntraced(function*(path: string, file: FileSystem.File, size: number, position: number) {
  if (size === 0) return
  const bytes = yield* bytesAt(file, 0, Math.min(size, ndjson.lineBytes))
  const today = yield* lineToday(position)
  if (bytes.length === size && Buffer.from(today).subarray(0, size).equals(bytes)) return
  return yield* foreign(path, 1, position, today, new TextDecoder().decode(bytes))
})

const firstLine = Effect.fnUntraced(function*(path: string, file: FileSystem.File, end: number) {
  const start = yield* bytesAt(file, 0, Math.min(end, ndjson.lineBytes + 1))
  const at = start.indexOf(newline)
  return yield* lineAt(path, file, 1, 0, at === -1 ? end : at)
})

/** How far a file goes: the position of its last whole commit, and where that ends. */
export interface Standing {
  readonly position: number
  readonly bytes: number
}

/** Finds how far a file that begins behind `after` goes. */
const standing = Effect.fnUntraced(function*(path: string, file: FileSystem.File, after: number) {
  const size = yield* sizeOf(file)
  const end = yield* behindLineEnd(file, size, 1)
  if (end === 0) {
    yield* checkStart(path, file, size, after + 1)
    return { position: after, bytes: 0 } satisfies Standing
  }
  const first = yield* firstLine(path, file, end)
  if (first.event.position !== after + 1) {
    return yield* failed(`${ndjson.placeOf(path, 1)}, position`, `${after + 1}`, `${first.event.position}`)
  }
  yield* checkLine(path, 1, first)
  const last = yield* lineAt(path, file, 0, yield* behindLineEnd(file, end - 1, 1), end - 1)
  yield* checkLine(path, 0, last)
  const { commitId, commitIndex, position } = last.event
  const [next] = yield* eventsAt(position + 1, position + 1)
  if (next?.commitId !== commitId) return { position, bytes: end } satisfies Standing
  // The commit goes on in the store: it is written again, whole.
  const bytes = yield* behindLineEnd(file, end - 1, commitIndex + 1)
  return { position: position - commitIndex - 1, bytes } satisfies Standing
})

/** A file that is written to. */
export interface Output extends Standing {
  readonly write: (text: string) => Effect.Effect<void, Failed>
  /** Whether there was something before. */
  readonly resumed: boolean
  /** Bytes that were cut off: a line that was torn, a commit that was not whole. */
  readonly cut: number
}

const encoder = new TextEncoder()

/** What an export is to hold. */
export interface Range {
  readonly after: number
  readonly until: number
}

/** Writes behind what is there, as long as nobody else does. */
const appender = (path: string, file: FileSystem.File, from: number) => {
  let end = from
  const check = Effect.flatMap(sizeOf(file), (size) =>
    size === end
      ? Effect.void
      : Effect.fail(failed(path, `${end} bytes, as this export has left it`, `${size}: somebody else writes to it`)))
  return {
    check,
    write: (text: string) => {
      const bytes = encoder.encode(text)
      return Effect.andThen(check, file.writeAll(bytes)).pipe(
        Effect.mapError((error) => error instanceof Failed ? error : unusable(path)(error)),
        Effect.andThen(Effect.sync(() => void (end += bytes.length)))
      )
    }
  }
}

/** Opens a file, and finds how far it goes. One that is refused stays as it is. */
const openRegular = Effect.fnUntraced(function*(path: string, flag: "r" | "r+" | "wx+", { after, until }: Range) {
  const fs = yield* FileSystem.FileSystem
  const file = yield* fs.open(path, { flag })
  const found = yield* standing(path, file, after)
  if (found.position > until) {
    return yield* failed(path, `events up to position ${until} at most`, `some up to ${found.position}`)
  }
  return { file, ...found, cut: (yield* sizeOf(file)) - found.bytes }
})

/**
 * Writes to a file that begins behind `range.after`, from where it ends. While that is under way the file is called
 * `FILE.partial`, so that nobody takes half of an export for the whole.
 */
export const use = Effect.fnUntraced(
  function*<A, E, R>(path: string, range: Range, write: (output: Output) => Effect.Effect<A, E, R>) {
    const fs = yield* FileSystem.FileSystem
    const known = yield* Effect.option(fs.stat(path))
    if (Option.isSome(known) && known.value.type !== "File") {
      if (known.value.type === "Directory") return yield* failed(path, "a file", "a directory")
      // A pipe, or a device: nothing of it can be read again.
      const file = yield* fs.open(path, { flag: "w" })
      const to = (text: string) => Effect.mapError(file.writeAll(encoder.encode(text)), unusable(path))
      return yield* write({ position: range.after, bytes: 0, resumed: false, cut: 0, write: to })
    }
    const partial = `${path}.partial`
    const isBegun = yield* fs.exists(partial)
    const isThere = Option.isSome(known)
    // What stands beside an export that was begun is going to be replaced, so it must come from this store as well.
    if (isBegun && isThere) yield* Effect.scoped(openRegular(path, "r", range))
    const { bytes, cut, file, position } = isThere && !isBegun
      ? yield* Effect.tap(openRegular(path, "r+", range), fs.rename(path, partial))
      : yield* openRegular(partial, isBegun ? "r+" : "wx+", range)
    yield* file.truncate(bytes)
    yield* file.seek(BigInt(bytes), "start")
    const appending = appender(partial, file, bytes)
    const answer = yield* write({ position, bytes, resumed: bytes > 0, cut, write: appending.write })
    yield* file.sync
    yield* appending.check
    yield* fs.rename(partial, path)
    return answer
  },
  (effect, path) =>
    Effect.scoped(
      Effect.mapError(effect, (error) => PlatformError.isPlatformError(error) ? unusable(path)(error) : error)
    )
)
