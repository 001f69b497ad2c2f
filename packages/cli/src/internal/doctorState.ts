/** Where a doctor is with a store, so that one that was interrupted goes on. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import { Failed } from "./Failed.ts"
import { messageOf } from "./telling.ts"

/** An event that cannot be read. */
export const Case = Schema.Struct({
  position: Schema.Int,
  tenant: Schema.String,
  category: Schema.String,
  id: Schema.String,
  version: Schema.Int,
  type: Schema.String,
  revision: Schema.Int,
  why: Schema.String,
  reason: Schema.String
})

export type Case = typeof Case.Type

/** What makes two runs the same: of another store, another program or other options nothing is to be gone on with. */
const Run = Schema.Struct({
  storeId: Schema.String,
  /** Events of a type and revision that are looked at; 0 for all. */
  sample: Schema.Int,
  /** `Readings.digest`. */
  program: Schema.String
})

export type Run = typeof Run.Type

const Reached = Schema.Struct({
  /** The head when it began: what comes later is another run's. */
  until: Schema.Int,
  /** Everything is read up to here, where all is read. */
  after: Schema.Int,
  /** The types and revisions that are done, where samples are read. */
  done: Schema.Array(Schema.String),
  events: Schema.Int,
  erased: Schema.Int,
  unreadable: Schema.Int,
  cases: Schema.Array(Case)
})

export type Reached = typeof Reached.Type

const State = Schema.fromJsonString(Schema.Struct({ format: Schema.Literal(1), run: Run, reached: Reached }))

const decode = Schema.decodeUnknownOption(State)
const encode = Schema.encodeSync(State)

const sameRun = (a: Run, b: Run): boolean => a.storeId === b.storeId && a.sample === b.sample && a.program === b.program

const failed = (what: string) => (error: unknown) => new Failed({ message: `${what}: ${messageOf(error)}` })

/** The file of a project, in the folder `.varve` beside its configuration. */
export const open = Effect.fnUntraced(function*(folder: string, run: Run) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = path.join(folder, ".varve")
  const file = path.join(directory, "doctor.json")
  return {
    file,
    /** Where the last run like this one was interrupted, if it was. */
    read: Effect.gen(function*() {
      if (!(yield* fs.exists(file))) return undefined
      const state = decode(yield* fs.readFileString(file))
      return state._tag === "Some" && sameRun(state.value.run, run) ? state.value.reached : undefined
    }).pipe(Effect.mapError(failed(`state of the doctor in ${file}`))),
    /** In two steps, so that there is never half a state. */
    write: (reached: Reached) =>
      Effect.gen(function*() {
        yield* fs.makeDirectory(directory, { recursive: true })
        yield* fs.writeFileString(`${file}.new`, encode({ format: 1, run, reached }))
        yield* fs.rename(`${file}.new`, file)
      }).pipe(Effect.mapError(failed(`state of the doctor in ${file}`))),
    remove: Effect.ignore(fs.remove(file, { force: true }))
  }
})

export type File = Effect.Success<ReturnType<typeof open>>
