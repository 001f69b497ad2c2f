import { Upcaster } from "@varve/core/Upcaster"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Code, Finding } from "../Catalog.ts"
import { messageOf } from "./catalogModel.ts"
import { Failed } from "./Failed.ts"
import * as projectFile from "./projectFile.ts"

/** What definitions of core say of a mistake that would make stored events unreadable. */
const Trouble = Schema.Struct({
  kind: Schema.Literals(["TwoEvents", "MissingRevision"]),
  event: Schema.String,
  revision: Schema.optional(Schema.Int),
  what: Schema.String,
  remedy: Schema.String
})

const isTrouble = Schema.is(Trouble)

/** What the catalogue can tell of a configuration that does not load, where it is about events. */
const troubleOf = ({ cause }: Failed): Finding | undefined => {
  if (!Predicate.hasProperty(cause, "~@varve/core/EventTrouble")) return undefined
  const trouble = cause["~@varve/core/EventTrouble"]
  return isTrouble(trouble) ? trouble : undefined
}

/** A mistake that kept the project from loading, told as a finding. */
export class Broken extends Schema.TaggedError<Broken>("@varve/cli/Broken")("Broken", {
  finding: Schema.Struct({ ...Trouble.fields })
}) {}

/** The project, and what a catalogue is compared with. */
export const load = Effect.gen(function*() {
  const found = yield* Effect.catch(projectFile.load, (failed) => {
    const finding = troubleOf(failed)
    // `troubleOf` gives what a definition has said, which is of this kind.
    return Effect.fail(finding === undefined ? failed : new Broken({ finding: finding as typeof Trouble.Type }))
  })
  const { domains, upcaster } = found.project
  const context = yield* Effect.scoped(Layer.build(upcaster)).pipe(
    // Contradictions in its options are defects.
    Effect.catchDefect((defect) =>
      Effect.fail(new Failed({ message: `the upcaster cannot be made: ${messageOf(defect)}` }))
    )
  )
  const { options } = Context.get(context, Upcaster)
  const code: Code = { domains, upcaster: options }
  return { ...found, code }
})

/** Turns what a definition or an option throws, such as a payload that JSON cannot hold, into words. */
export const attempt = <A>(f: () => A): Effect.Effect<A, Failed> =>
  Effect.try({ try: f, catch: (error) => new Failed({ message: messageOf(error) }) })
