/** Which projection or subscription a name on the command line means. */
import type { EventStore } from "@varve/core/EventStore"
import type { ProjectionError } from "@varve/core/ProjectionError"
import type { RowStore, Target } from "@varve/core/RowStore"
import * as Status from "@varve/core/Status"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Failed, failed } from "./Failed.ts"
import { type TargetName, targetName } from "./parameters.ts"

const form = "a name, and a revision where there are several, such as Balances or Balances@2"

const named = (description: string) =>
  Argument.String("name").pipe(
    Argument.withMetavar("NAME[@REVISION]"),
    Argument.withDescription(description),
    Argument.filterMap(targetName, () => form)
  )

export const nameArgument = named(
  "A projection or a subscription; of several revisions the one that serves, unless one is named"
)

/** The one that the code has: readers may have another. */
export const ownArgument = named(
  "A projection of the project. The revision is the one that the project has; another one is refused"
)

export const keyArgument = Argument.String("key").pipe(
  Argument.withMetavar("KEY"),
  Argument.withDescription("The key whose events are parked")
)

export const kindFlag = Flag.Literals("kind", ["projection", "subscription"]).pipe(
  Flag.withDescription("Where a projection and a subscription have one name"),
  Flag.optional
)

export type Kind = Option.Option<"projection" | "subscription">

const distinct = (names: ReadonlyArray<string>): string => Array.from(new Set(names)).join(", ")

/** Everything of a name that is in the store. */
export const revisionsOf = (
  wanted: TargetName,
  kind: Kind
): Effect.Effect<ReadonlyArray<Status.Status>, Failed | ProjectionError, EventStore | RowStore> =>
  Effect.gen(function*() {
    const all = yield* Status.all
    const named = all.filter((one) =>
      one.name === wanted.name && Option.match(kind, { onNone: () => true, onSome: (kind) => one.kind === kind })
    )
    if (named.length === 0) {
      const there = distinct(all.map(({ name }) => name))
      const expected = there === "" ? "one that was run in this store: none was" : `one of ${there}`
      return yield* failed("projection or subscription", expected, wanted.name)
    }
    if (new Set(named.map(({ kind }) => kind)).size > 1) {
      return yield* failed(wanted.name, "--kind projection or --kind subscription", "neither: there are both")
    }
    const found = named.filter(({ revision }) => wanted.revision === undefined || revision === wanted.revision)
    if (found.length === 0) {
      const revisions = named.map(({ revision }) => revision).join(", ")
      return yield* failed(
        `revision of ${wanted.name}`,
        `one that is in the store (${revisions})`,
        `${wanted.revision}`
      )
    }
    return found
  })

/** The one that a name means: of several revisions the one that serves. */
export const targetOf = (wanted: TargetName, kind: Kind) =>
  Effect.flatMap(revisionsOf(wanted, kind), (found): Effect.Effect<Target, Failed> => {
    const one = found.length === 1 ? found[0] : found.find(({ serving }) => serving)
    if (one !== undefined) return Effect.succeed({ kind: one.kind, name: one.name, revision: one.revision })
    const revisions = found.map(({ name, revision }) => `${name}@${revision}`).join(", ")
    return Effect.fail(failed(wanted.name, `a revision to be named (${revisions}), for none of them serves`, "none"))
  })
