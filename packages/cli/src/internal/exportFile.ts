/** The file that an export goes to, and goes on with when it was interrupted. */
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import { unusable } from "./eventFile.ts"
import { eventsAt } from "./exportPages.ts"
import { Failed, failed } from "./Failed.ts"
import * as ndjson from "./ndjson.ts"

const blockBytes = 65_536
const newline = 0x0A

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
    const event = yield* Effect.fromResult(ndjson.parse(path, line))
    return { event, text: new TextDecoder().decode(bytes) }
  }
)

/** A line of the file must be what the store says today. */
const checkLine = Effect.fnUntraced(function*(
  path: string,
  number: number,
  { event, text }: { readonly event: StoredEvent; readonly text: string }
) {
  const [stored] = yield* eventsAt(event.position, event.position)
  const actual = stored === undefined ? "none" : ndjson.format(stored)
  if (actual === text) return
  const short = (line: string) => line.length <= 200 ? line : `${line.slice(0, 200)}…`
  return yield* failed(
    `${ndjson.placeOf(path, number)} does not come from this store as it is today, position ${event.position}`,
    short(actual),
    short(text)
  )
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
  const { size } = yield* file.stat
  const end = yield* behindLineEnd(file, Number(ByteSize.toBigInt(size)), 1)
  if (end === 0) return { position: after, bytes: 0 } satisfies Standing
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

const openRegular = Effect.fnUntraced(function*(path: string, after: number) {
  const fs = yield* FileSystem.FileSystem
  const file = yield* fs.open(path, { flag: (yield* fs.exists(path)) ? "r+" : "wx+" })
  const size = Number(ByteSize.toBigInt((yield* file.stat).size))
  const { bytes, position } = yield* standing(path, file, after)
  yield* file.truncate(bytes)
  yield* file.seek(BigInt(bytes), "start")
  const output: Output & { readonly sync: Effect.Effect<void, PlatformError.PlatformError> } = {
    position,
    bytes,
    resumed: bytes > 0,
    cut: size - bytes,
    write: (text) => Effect.mapError(file.writeAll(encoder.encode(text)), unusable(path)),
    sync: file.sync
  }
  return output
})

/**
 * Writes to a file that begins behind `after`, from where it ends. While that is under way the file is called
 * `FILE.partial`, so that nobody takes half of an export for the whole.
 */
export const use = Effect.fnUntraced(
  function*<A, E, R>(path: string, after: number, write: (output: Output) => Effect.Effect<A, E, R>) {
    const fs = yield* FileSystem.FileSystem
    const known = yield* Effect.option(fs.stat(path))
    if (Option.isSome(known) && known.value.type !== "File") {
      if (known.value.type === "Directory") return yield* failed(path, "a file", "a directory")
      // A pipe, or a device: nothing of it can be read again.
      const file = yield* fs.open(path, { flag: "w" })
      const to = (text: string) => Effect.mapError(file.writeAll(encoder.encode(text)), unusable(path))
      return yield* write({ position: after, bytes: 0, resumed: false, cut: 0, write: to })
    }
    const partial = `${path}.partial`
    if (Option.isSome(known) && !(yield* fs.exists(partial))) yield* fs.rename(path, partial)
    const { sync, ...output } = yield* openRegular(partial, after)
    const answer = yield* write(output)
    yield* sync
    yield* fs.rename(partial, path)
    return answer
  },
  (effect, path) =>
    Effect.scoped(
      Effect.mapError(effect, (error) => PlatformError.isPlatformError(error) ? unusable(path)(error) : error)
    )
)
