/** Copies a store into a new one, everything in it as the program of today writes it. */
import * as StoreAdmin from "@varve/core/StoreAdmin"
import * as Upcaster from "@varve/core/Upcaster"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import type { Project } from "../Project.ts"
import * as copyMap from "./copyMap.ts"
import * as copyRead from "./copyRead.ts"
import * as copyStreams from "./copyStreams.ts"
import * as copyTransform from "./copyTransform.ts"
import * as copyVerify from "./copyVerify.ts"
import * as eventFile from "./eventFile.ts"
import { Failed, Found } from "./Failed.ts"
import * as importPlain from "./importPlain.ts"
import * as target from "./importTarget.ts"

export interface Settings {
  readonly project: Project
  /** Whether everything that is there already is compared before more is written. */
  readonly all: boolean
  readonly skip: boolean
  /** Path of the map. */
  readonly map: string
}

/** What became of the old store. */
export interface Summary extends copyTransform.Tally {
  readonly alreadyThere: number
  /** Head of the new store. */
  readonly head: number
  /** Position of the last event that comes from the old store. */
  readonly end: number
  /** Instances whose states were folded from both stores, and are equal. */
  readonly equalStates: number
  /** Stored categories to the names of their aggregates, where those differ: the new store has the latter. */
  readonly categories: { readonly [category: string]: string }
  readonly map: string
  readonly millis: number
}

/** A source that can be read again, and at any place. */
const settled = Effect.fnUntraced(function*(source: eventFile.Source) {
  if (source.file !== undefined) return source
  const fs = yield* FileSystem.FileSystem
  const fail = eventFile.unusable("a temporary file")
  const path = yield* Effect.mapError(fs.makeTempFileScoped({ prefix: "varve-import-" }), fail)
  const file = yield* Effect.mapError(fs.open(path, { flag: "w" }), fail)
  yield* Stream.runForEach(source.bytes, (bytes) => Effect.mapError(file.writeAll(bytes), fail))
  return yield* eventFile.ofFile(path, source.name)
})

/** Works through the source from its beginning. */
const pass = Effect.fnUntraced(function*<E, R>(
  copying: copyTransform.Copying,
  seen: (bytes: number) => Effect.Effect<void>,
  each: (transformed: copyTransform.Transformed) => Effect.Effect<void, E, R>
) {
  const { apply, tally } = yield* copyTransform.make(copying)
  yield* eventFile.commits(copying.source, seen).pipe(
    Stream.runForEach((commit) => Effect.flatMap(apply(commit), each))
  )
  return tally
}, Effect.scoped)

const write = Effect.fnUntraced(function*(
  copying: copyTransform.Copying,
  { all, map: path }: Settings,
  seen: (bytes: number) => Effect.Effect<void>
) {
  const { end, put } = yield* target.make({ all, write: true })
  const map = yield* copyMap.make(path)
  const tally = yield* pass(copying, seen, ({ copied, gone, wanted }) => {
    for (const { event, from } of copied) map.placed(from, event.position)
    for (const position of gone) map.gone(position)
    return Effect.andThen(map.settle, wanted === undefined ? Effect.void : put(wanted))
  })
  const counts = yield* end
  yield* map.end
  return { tally, counts }
}, Effect.scoped)

/** Works it all out again, compares it with the new store, and reads that as the program of today does. */
const verify = Effect.fnUntraced(function*(
  copying: copyTransform.Copying,
  seen: (bytes: number) => Effect.Effect<void>
) {
  const { put } = yield* target.make({ all: true, write: false })
  const looking = copyVerify.make(copying.known)
  yield* pass(copying, seen, (transformed) =>
    Effect.andThen(
      transformed.wanted === undefined ? Effect.void : put(transformed.wanted),
      looking.commit(transformed)
    ))
  const findings = yield* StoreAdmin.StoreAdmin.use((admin) => admin.verify).pipe(
    Effect.mapError((error) => new Failed({ message: `verifying the store: ${error.message}` }))
  )
  for (const { actual, expected, what } of findings) {
    yield* Console.error(`${what}: expected ${expected}, got ${actual}`)
  }
  if (findings.length > 0) return yield* new Found({ message: `the new store has ${findings.length} findings` })
  return yield* looking.end
})

const renamedCategories = (known: copyRead.Categories): Summary["categories"] =>
  Object.fromEntries(
    Array.from(known, ([category, { aggregate }]) => [category, aggregate.tag] as const)
      .filter(([category, tag]) => category !== tag)
  )

/** Copies, from where an earlier copy was interrupted, and verifies what came of it. */
export const run = Effect.fnUntraced(function*(given: eventFile.Source, settings: Settings) {
  const source = yield* settled(given)
  const { options } = yield* Upcaster.Upcaster
  const known = yield* copyRead.categories(settings.project, options)
  const merging = settings.project.copy.length > 0
  const progress = yield* importPlain.reading(source, merging ? 3 : 2)
  const size = source.size ?? 0
  const index = merging ? yield* copyStreams.index(source, known, progress.seen) : new Map()
  // `settled` has made it a file.
  const copying = { source, file: source.file!, known, options, index, skip: settings.skip }
  const before = merging ? size : 0
  const { counts, tally } = yield* write(copying, settings, (bytes) => progress.seen(before + bytes))
  const equalStates = yield* verify(copying, (bytes) => progress.seen(before + size + bytes))
  const summary: Summary = {
    ...tally,
    alreadyThere: counts.alreadyThere,
    head: counts.head,
    end: tally.written,
    equalStates,
    categories: renamedCategories(known),
    map: settings.map,
    millis: yield* progress.end
  }
  return summary
}, Effect.scoped)
