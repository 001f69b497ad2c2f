import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Catalog from "../Catalog.ts"
import { catalogUnits } from "./catalogText.ts"
import { Failed, failed } from "./Failed.ts"

const platform = Effect.mapError(({ message }: { readonly message: string }) => new Failed({ message }))

/** The catalogue of a file, and its text. `remedy` says what to do when there is none. */
export const read = Effect.fnUntraced(function*(file: string, remedy: string) {
  const fs = yield* FileSystem.FileSystem
  if (!(yield* platform(fs.exists(file)))) return yield* failed("catalogue", `a file (${remedy})`, `none at ${file}`)
  const { size } = yield* platform(fs.stat(file))
  // A character takes at most four bytes.
  if (size > BigInt(catalogUnits) * 4n) {
    return yield* failed(file, `at most ${catalogUnits} characters`, `${size} bytes`)
  }
  const text = yield* platform(fs.readFileString(file))
  const parsed = Catalog.parse(text)
  if (Result.isFailure(parsed)) return yield* new Failed({ message: `${file}: ${parsed.failure.message}` })
  return { catalog: parsed.success, text }
})

/** Writes the text of a catalogue whole, or not at all. */
export const write = Effect.fnUntraced(function*(file: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const next = path.join(path.dirname(file), `.${path.basename(file)}.next`)
  yield* platform(fs.writeFileString(next, text))
  yield* platform(fs.rename(next, file))
})

export const exists = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* platform(fs.exists(file))
})
