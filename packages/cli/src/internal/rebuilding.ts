/** Builds a revision of a projection beside the one that serves, with somebody looking. */
import * as Domain from "@varve/core/Domain"
import type { EventStore } from "@varve/core/EventStore"
import type * as Projection from "@varve/core/Projection"
import type { ProjectionError } from "@varve/core/ProjectionError"
import * as Rebuild from "@varve/core/Rebuild"
import type { RowStore } from "@varve/core/RowStore"
import type { Upcaster } from "@varve/core/Upcaster"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Project } from "../Project.ts"
import { type Failed, failed } from "./Failed.ts"
import type { TargetName } from "./parameters.ts"
import * as print from "./print.ts"
import * as progress from "./progress.ts"

/** The projection of the project that a name means. */
export const definitionOf = (
  project: Project,
  { name, revision }: TargetName
): Effect.Effect<Projection.Runnable, Failed> => {
  const found = project.projections.find(({ tag }) => tag === name)
  if (found === undefined) {
    const names = project.projections.map(({ tag }) => tag).join(", ")
    return Effect.fail(failed("projection", names === "" ? "one of the project: it has none" : `one of ${names}`, name))
  }
  return revision === undefined || revision === found.revision
    ? Effect.succeed(found)
    : Effect.fail(failed(`revision of ${name}`, `${found.revision}, which the project has`, `${revision}`))
}

/** The aggregates whose events its domain would read for it. */
const aggregatesOf = (project: Project, projection: Projection.Runnable): ReadonlyArray<{ readonly tag: string }> => {
  const domain = project.domains.find(({ projections }) => projections.some((one) => one === projection))
  if (domain === undefined || "~custom" in projection) return []
  return Domain.sourcesOf(projection, domain.aggregates).map((tag) => ({ tag }))
}

/** Builds it, and tells how far it is. */
export const build = Effect.fnUntraced(function*(
  project: Project,
  projection: Projection.Runnable,
  partitions: number | undefined
) {
  const built = Rebuild.build(projection, { aggregates: aggregatesOf(project, projection), partitions })
  // What custom projections require is provided by the layer of the store: `Project.make` has seen to it.
  const running = built as Stream.Stream<Rebuild.Progress, ProjectionError, EventStore | Upcaster | RowStore>
  let begun: Effect.Success<ReturnType<typeof progress.start>> | undefined
  let last: Rebuild.Progress | undefined
  yield* Stream.runForEach(running, (now) =>
    Effect.gen(function*() {
      begun ??= yield* progress.start("events", now.head, now.position)
      last = now
      yield* begun.done(now.position)
    }))
  const millis = begun === undefined ? 0 : yield* begun.end
  return { position: last?.position ?? 0, events: last?.events ?? 0, millis }
})

const sideOf = ({ position, revision, rows }: Rebuild.Side): string =>
  `revision ${revision}: ${print.count(rows, "row")} at position ${print.number(position)}`

const shown = 10

/** A row that differs, in one line a side. */
const lineOf = (revision: number, row: Option.Option<unknown>): string =>
  `  revision ${revision}: ${
    Option.match(row, { onNone: () => "no row", onSome: (row) => print.plain(JSON.stringify(row)) })
  }`

export const showComparison = Effect.fnUntraced(function*(comparison: Rebuild.Comparison) {
  const { different, differing, examined, left, right, unsettled } = comparison
  yield* Console.log(sideOf(left))
  yield* Console.log(sideOf(right))
  const moving = unsettled === 0 ? "" : `, ${print.number(unsettled)} on the move`
  yield* Console.log(
    `${print.count(examined, "row")} compared: ${print.number(comparison.equal)} equal,`
      + ` ${print.number(different)} different${moving}`
  )
  for (const { key, left: before, right: after, tenant } of differing.slice(0, shown)) {
    yield* Console.log(print.plain(tenant === "" ? key : `${key}@${tenant}`))
    yield* Console.log(lineOf(left.revision, before))
    yield* Console.log(lineOf(right.revision, after))
  }
  if (different > shown) yield* Console.log(`and ${print.number(different - shown)} more`)
})

export const comparisonJson = ({ differing, ...comparison }: Rebuild.Comparison): unknown => ({
  ...comparison,
  differing: differing.map(({ left, right, ...row }) => ({
    ...row,
    left: Option.getOrNull(left),
    right: Option.getOrNull(right)
  }))
})
