import type * as Upcaster from "@varve/core/Upcaster"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { isProject, type Opening, type Project, type Services } from "../Project.ts"
import { Failed, failed } from "./Failed.ts"
import { ConfigFile } from "./settings.ts"
import { messageOf } from "./telling.ts"

/** A project and where it was found. */
export interface Found {
  readonly project: Project
  /** Absolute path of its configuration. */
  readonly file: string
  /** Absolute path of the folder that its paths start from. */
  readonly folder: string
  /** Absolute path of its catalogue. */
  readonly catalog: string
}

const names = ["varve.config.ts", "varve.config.mts", "varve.config.js", "varve.config.mjs"]

/** The configuration here, or in the nearest folder above. */
const search = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const here = path.resolve(".")
  let folder = here
  while (true) {
    for (const name of names) {
      const file = path.join(folder, name)
      if (yield* fs.exists(file)) return file
    }
    const above = path.dirname(folder)
    if (above === folder) return yield* failed("configuration", `${names[0]} in ${here} or above`, "none")
    folder = above
  }
})

/** Where the packages are: what they are called with comes from further up in a stack. */
const packages = new URL("../../..", import.meta.url).href

/** A line of a stack, and the first one of an error of syntax: a file as a URL or as a path, and the line in it. */
const place = /^(?:\s+at (?:async )?(?:.* \()?)?((?:file:\/\/)?\/[^()]+?):(\d+)(?::\d+)?\)?$/

/** The place in the code of the project that an error comes from, as far as it tells. */
const placeOf = (path: Path.Path, error: unknown): Effect.Effect<string> =>
  Effect.gen(function*() {
    const stack = error instanceof Error ? error.stack ?? "" : ""
    for (const frame of stack.split("\n")) {
      const [, where = "", line] = place.exec(frame) ?? []
      const url = where.startsWith("/") ? yield* path.toFileUrl(where) : new URL(where || packages)
      if (url.href.startsWith(packages) || url.href.includes("/node_modules/")) continue
      return ` (at ${yield* path.fromFileUrl(url)}:${line})`
    }
    return ""
  }).pipe(Effect.orElseSucceed(() => ""))

/** Loads the project that the command is about. */
export const load: Effect.Effect<
  Found,
  Failed,
  FileSystem.FileSystem | Path.Path | typeof ConfigFile["Identifier"]
> = Effect.gen(function*() {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const given = yield* ConfigFile
  const file = Option.isSome(given) ? path.resolve(given.value) : yield* search
  if (!(yield* fs.exists(file))) return yield* failed("configuration", "a file", `none at ${file}`)
  const { type } = yield* fs.stat(file)
  if (type === "Directory") return yield* failed("configuration", "a file", `a directory, ${file}`)
  const url = yield* path.toFileUrl(file)
  const loaded: { readonly default?: unknown } = yield* Effect.tryPromise({
    // Node runs TypeScript itself.
    try: () => import(url.href),
    catch: (error) => error
  }).pipe(
    Effect.catch(Effect.fnUntraced(function*(error) {
      const place = yield* placeOf(path, error)
      return yield* new Failed({ message: `${file} cannot be loaded: ${messageOf(error)}${place}`, cause: error })
    }))
  )
  const project = loaded.default
  if (!isProject(project)) {
    const actual = project === undefined ? "no default export" : "something else"
    return yield* failed(file, "a default export made with Project.make", actual)
  }
  const folder = path.dirname(file)
  return { project, file, folder, catalog: path.resolve(folder, project.catalog) }
}).pipe(
  Effect.catchTags({
    PlatformError: (error) => Effect.fail(new Failed({ message: error.message })),
    BadArgument: (error) => Effect.fail(new Failed({ message: error.message }))
  })
)

/** Runs with the store of a project, and with its upcaster. */
export const withStore = (project: Project, opening: Opening = { migrate: false }) =>
<A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Failed, Exclude<R, Services | Upcaster.Upcaster>> =>
  Effect.scoped(Effect.gen(function*() {
    const closed = (error: unknown) => {
      const message = messageOf(error)
      const remedy = message.endsWith("no leave to migrate") ? ": run varve migrate up" : ""
      return Effect.fail(new Failed({ message: `the store does not open: ${message}${remedy}` }))
    }
    // Built apart from its use, so that only what the layer fails with is taken for a store that does not open. The code
    // of the project is in it: what it throws is told like what it fails with.
    const services = yield* Effect.suspend(() => Layer.build(Layer.merge(project.store(opening), project.upcaster)))
      .pipe(
        Effect.catch(closed),
        Effect.catchDefect(closed)
      )
    return yield* Effect.provideContext(effect, services)
  }))
