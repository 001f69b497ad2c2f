/** Where the events of the old store are in the new one: a line for each of them. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { From } from "./copyMerge.ts"
import { unusable } from "./eventFile.ts"

/** Characters after which lines are written out. */
const bufferedLength = 65_536

/**
 * Writes a map: `{ "from": old position, "to": [new positions] }` for every old event, as soon as it is known: in the order
 * of the old positions, but for those that were merged into a later event. Until it is whole its file is called
 * `FILE.partial`.
 */
export const make = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const { dirname } = yield* Path.Path
  const partial = `${path}.partial`
  yield* fs.makeDirectory(dirname(path), { recursive: true })
  const file = yield* fs.open(partial, { flag: "w" })
  const encoder = new TextEncoder()
  const open = new Map<number, Array<number>>()
  let text = ""
  const write = (from: number, to: ReadonlyArray<number>) => {
    text += `${JSON.stringify({ from, to })}\n`
  }
  const flush = Effect.suspend(() => {
    const bytes = encoder.encode(text)
    text = ""
    return Effect.mapError(file.writeAll(bytes), unusable(partial))
  })
  return {
    /** An old event that nothing comes from. */
    gone: (position: number) => write(position, []),
    placed: (from: ReadonlyArray<From>, to: number) => {
      for (const { count, position } of from) {
        const positions = [...(open.get(position) ?? []), to]
        if (positions.length < count) open.set(position, positions)
        else {
          open.delete(position)
          write(position, positions)
        }
      }
    },
    settle: Effect.suspend(() => text.length < bufferedLength ? Effect.void : flush),
    end: Effect.gen(function*() {
      yield* flush
      yield* Effect.mapError(Effect.andThen(file.sync, fs.rename(partial, path)), unusable(path))
    })
  }
}, (effect, path) => Effect.catchTag(effect, "PlatformError", (error) => Effect.fail(unusable(path)(error))))
