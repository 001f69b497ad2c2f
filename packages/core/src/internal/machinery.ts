import * as Effect from "effect/Effect"
import { defect } from "./definition.ts"
import type * as instances from "./instances.ts"
import type * as modes from "./modes.ts"
import type * as run from "./run.ts"
import { Upcaster } from "./upcaster.ts"

/**
 * What runs definitions in a process that has a store. A definition reaches it through the `Upcaster`, which every such
 * layer requires, and imports none of it: a program that only asks a server loads a tenth.
 */
export interface Machinery {
  readonly run: typeof instances.run
  readonly loadAlone: typeof instances.loadAlone
  readonly live: typeof modes.live
  readonly stored: typeof modes.stored
  readonly async: typeof modes.async
  readonly inline: typeof modes.inline
  readonly runAll: typeof run.runAll
}

/** Does something with what runs definitions. An upcaster without it was not made from one that `Upcaster.make` has made. */
export const use = <A, E, R>(f: (machinery: Machinery) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Upcaster> =>
  Effect.flatMap(Upcaster, ({ "~machinery": machinery }) =>
    machinery === undefined
      ? Effect.die(defect("Upcaster: expected one of Upcaster.make, or one that is spread from it, got another object"))
      // `Upcaster.make` has put it there: the modules that its type is of stand on the one of the service.
      : f(machinery as Machinery))
