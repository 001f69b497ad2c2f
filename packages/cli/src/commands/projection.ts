/** `varve projection`: how projections and subscriptions are doing, and what can be done about it. */
import * as Limits from "@varve/core/Limits"
import * as Metadata from "@varve/core/Metadata"
import type { ProjectionError } from "@varve/core/ProjectionError"
import * as Rebuild from "@varve/core/Rebuild"
import { RowStore, type Target } from "@varve/core/RowStore"
import * as Status from "@varve/core/Status"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as consent from "../internal/consent.ts"
import { failed } from "../internal/Failed.ts"
import * as parameters from "../internal/parameters.ts"
import * as print from "../internal/print.ts"
import * as projectFile from "../internal/projectFile.ts"
import * as rebuilding from "../internal/rebuilding.ts"
import * as statusRows from "../internal/statusRows.ts"
import * as targets from "../internal/targets.ts"
import type { Project } from "../Project.ts"

const named = { name: targets.nameArgument, kind: targets.kindFlag }
const keyed = { ...named, key: targets.keyArgument, tenant: parameters.tenantFlag }

const show = ({ name, revision }: Target): string => `${name}, revision ${revision}`

/** Says what was done. */
const done = (target: Target, what: string, people: string) =>
  print.answer({ ...target, [what]: true }, Console.log(people))

const list = Command.make("list", {}, () =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const all = yield* Status.all.pipe(projectFile.withStore(project))
    yield* print.answer(
      all.map(statusRows.jsonOf),
      print.table(statusRows.head, all.map(statusRows.rowOf), "Nothing was run in this store")
    )
  })).pipe(
    Command.withDescription("List what has a checkpoint in the store: projections in all revisions, and subscriptions"),
    Command.withExamples([
      { command: "varve projection list", description: "How everything is doing" },
      {
        command: "varve projection list --json | jq '.[] | select(.lag.events > 1000)'",
        description: "What is far behind"
      }
    ])
  )

const showStatus = Effect.fnUntraced(function*(status: Status.Status) {
  yield* print.table(statusRows.head, [statusRows.rowOf(status)], "")
  const { head, lines, rows } = statusRows.detailsOf(status)
  for (const line of lines) yield* Console.log(line)
  yield* print.table(head, rows, "")
})

const status = Command.make("status", named, ({ kind, name }) =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const found = yield* targets.revisionsOf(name, kind).pipe(projectFile.withStore(project))
    yield* print.answer(
      found.map(statusRows.jsonOf),
      Effect.forEach(found, (one, i) => Effect.andThen(i === 0 ? Effect.void : Console.log(), showStatus(one)), {
        discard: true
      })
    )
  })).pipe(
    Command.withDescription("Show how one is doing, in all its revisions: partitions, owners, the last failure"),
    Command.withExamples([{ command: "varve projection status Balances", description: "All about it" }])
  )

const rebuild = Command.make("rebuild", {
  name: targets.ownArgument,
  partitions: parameters.intFlag("partitions", "N", 1, `In how many parts, up to ${Limits.partitions} (default: 4)`),
  sample: parameters.intFlag("sample", "N", 1, "Rows to compare on each side (default: all)"),
  compare: Flag.Boolean("compare").pipe(
    Flag.withDescription("Compare the rows with those that serve; --no-compare to leave it out"),
    Flag.withDefault(true)
  ),
  switch: Flag.Boolean("switch").pipe(
    Flag.withDescription("Give readers the new rows, when they are built"),
    Flag.withDefault(false)
  )
}, (flags) =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const projection = yield* rebuilding.definitionOf(project, flags.name)
    const { revision, tag: name } = projection
    yield* Effect.gen(function*() {
      const built = yield* rebuilding.build(project, projection, Option.getOrUndefined(flags.partitions))
      const before = yield* targets.revisionsOf({ name, revision: undefined }, Option.some("projection"))
      const serving = before.find(({ serving }) => serving)
      // A revision that serves is not compared with itself, and what has tables of its own has no rows to compare.
      const comparable = flags.compare && !("~custom" in projection) && serving?.revision !== revision
      const comparison = comparable
        ? yield* Rebuild.compare(projection, { sample: Option.getOrElse(flags.sample, () => "all" as const) })
        : undefined
      if (flags.switch) yield* Rebuild.switchTo(projection)
      const switched = flags.switch || serving?.revision === revision
      yield* print.answer(
        {
          name,
          revision,
          ...built,
          serving: switched,
          comparison: comparison === undefined ? null : rebuilding.comparisonJson(comparison)
        },
        Effect.gen(function*() {
          const { events, millis, position } = built
          yield* Console.log(
            `${name}, revision ${revision}, is built up to position ${print.number(position)}:`
              + ` ${print.count(events, "event")} in ${(millis / 1_000).toFixed(1)} s`
          )
          if (comparison !== undefined) yield* rebuilding.showComparison(comparison)
          yield* Console.log(
            switched ? "Readers have it" : `Readers have it after: varve projection switch ${name}`
          )
        })
      )
    }).pipe(projectFile.withStore(project))
  })).pipe(
    Command.withDescription(
      "Build a projection of the project in its own revision, beside the rows that serve, and compare the two. "
        + "Interrupted, it goes on where it was"
    ),
    Command.withExamples([
      { command: "varve projection rebuild Balances", description: "Build and compare" },
      { command: "varve projection rebuild Balances --switch", description: "… and give it to the readers" }
    ])
  )

const switching = Command.make("switch", { name: targets.ownArgument }, (flags) =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const projection = yield* rebuilding.definitionOf(project, flags.name)
    yield* Rebuild.switchTo(projection).pipe(projectFile.withStore(project))
    const target: Target = { kind: "projection", name: projection.tag, revision: projection.revision }
    yield* done(target, "serving", `Readers have the rows of ${show(target)}`)
  })).pipe(
    Command.withDescription("Give readers the rows of the revision that the project has"),
    Command.withExamples([{ command: "varve projection switch Balances", description: "After a rebuild" }])
  )

const rollback = Command.make("rollback", { name: targets.nameArgument }, (flags) =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const projection = yield* rebuilding.definitionOf(project, { name: flags.name.name, revision: undefined })
    const revision = yield* Rebuild.rollback(projection).pipe(projectFile.withStore(project))
    const target: Target = { kind: "projection", name: projection.tag, revision }
    yield* done(target, "serving", `Readers have the rows of ${show(target)}. The one that served before is paused`)
  })).pipe(
    Command.withDescription("Give readers the rows of the revision before the one that serves, which is paused"),
    Command.withExamples([{ command: "varve projection rollback Balances", description: "After a switch in haste" }])
  )

/** Deletes a revision: with tables of its own where the project says how, else what the store has of it. */
const dropOne = (project: Project, target: Target) => {
  const projection = project.projections.find(({ tag }) => tag === target.name)
  if (target.kind === "subscription" || projection === undefined) {
    return RowStore.use((rows) => rows.drop(target))
  }
  // What custom projections require is provided by the layer of the store: `Project.make` has seen to it.
  return Rebuild.drop(projection, target.revision) as Effect.Effect<void, ProjectionError, RowStore>
}

const drop = Command.make("drop", { ...named, yes: consent.yesFlag }, ({ kind, name, yes }) =>
  Effect.gen(function*() {
    if (name.revision === undefined) return yield* failed("what to drop", `a revision, ${name.name}@1`, name.name)
    const { project } = yield* projectFile.load
    const target = yield* Effect.gen(function*() {
      const target = yield* targets.targetOf(name, kind)
      yield* consent.ask(yes, `${show(target)}, is dropped, with all its rows, checkpoints and parked events`)
      yield* dropOne(project, target)
      return target
    }).pipe(projectFile.withStore(project))
    yield* done(target, "dropped", `${show(target)}, is gone`)
  })).pipe(
    Command.withDescription("Delete a revision for good: rows, checkpoints and parked events, or its own tables"),
    Command.withExamples([
      { command: "varve projection drop Balances@1", description: "After the switch to revision 2" },
      { command: "varve projection drop Mails@1 --kind subscription --yes", description: "Without asking" }
    ])
  )

const setting = (name: "pause" | "resume", word: "paused" | "running", description: string, example: string) =>
  Command.make(name, named, (flags) =>
    Effect.gen(function*() {
      const { project } = yield* projectFile.load
      const target = yield* targets.targetOf(flags.name, flags.kind).pipe(
        Effect.tap((target) => name === "pause" ? Status.pause(target) : Status.resume(target)),
        projectFile.withStore(project)
      )
      yield* done(target, word, `${show(target)}, is ${word}`)
    })).pipe(
      Command.withDescription(description),
      Command.withExamples([{ command: `varve projection ${name} Balances`, description: example }])
    )

const pause = setting("pause", "paused", "Pause it, wherever it is run, until it is resumed", "Stop, and keep the rows")
const resume = setting("resume", "running", "Let it go on that was paused, or has halted", "Go on")

const withTenant = (tenant: Option.Option<string>) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Metadata.provide({ tenant: Option.getOrElse(tenant, () => "") })(effect)

const retry = Command.make("retry", keyed, ({ key, kind, name, tenant }) =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const target = yield* targets.targetOf(name, kind).pipe(
      Effect.tap((target) => Status.retry(target, key)),
      withTenant(tenant),
      projectFile.withStore(project)
    )
    yield* done(target, "due", `Key ${print.plain(key)} of ${show(target)}, is tried again by whoever runs it`)
  })).pipe(
    Command.withDescription("Have the parked events of a key tried again, in order, by whoever runs it"),
    Command.withExamples([{ command: "varve projection retry Balances ada", description: "The cause is mended" }])
  )

const skip = Command.make(
  "skip",
  { ...keyed, yes: consent.yesFlag },
  ({ key, kind, name, tenant, yes }) =>
    Effect.gen(function*() {
      const { project } = yield* projectFile.load
      const target = yield* Effect.gen(function*() {
        const target = yield* targets.targetOf(name, kind)
        const [first] = yield* Status.parked(target, { key, limit: 1 })
        if (first !== undefined) {
          const event = `${print.plain(first.type)} at position ${print.number(first.position)}`
          yield* consent.ask(yes, `${show(target)}, gives up ${event} of key ${print.plain(key)}`)
        }
        yield* Status.skip(target, key)
        return target
      }).pipe(withTenant(tenant), projectFile.withStore(project))
      yield* done(target, "skipped", `The first parked event of key ${print.plain(key)} is given up`)
    })
).pipe(
  Command.withDescription("Give up the first parked event of a key, for good, and have the others tried again"),
  Command.withExamples([{ command: "varve projection skip Balances ada", description: "It will never do" }])
)

const parked = Command.make("parked", {
  ...named,
  key: Flag.String("key").pipe(Flag.withMetavar("KEY"), Flag.withDescription("Events of one key"), Flag.optional),
  tenant: parameters.tenantFlag,
  limit: parameters.intFlag("limit", "N", 1, `Events at the most (default: ${Limits.rowsPerPageDefault})`)
}, (flags) =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const found = yield* targets.targetOf(flags.name, flags.kind).pipe(
      Effect.flatMap((target) =>
        Status.parked(target, { key: Option.getOrUndefined(flags.key), limit: Option.getOrUndefined(flags.limit) })
      ),
      withTenant(flags.tenant),
      projectFile.withStore(project)
    )
    yield* print.answer(
      found.map(statusRows.parkedJson),
      print.table(statusRows.parkedHead, found.map(statusRows.parkedRow), "Nothing is parked")
    )
  })).pipe(
    Command.withDescription("List the events that are parked, by key and in order"),
    Command.withExamples([
      { command: "varve projection parked Balances", description: "What failed, and what waits behind it" },
      { command: "varve projection parked Balances --key ada --json", description: "Of one key, for a program" }
    ])
  )

export const command = Command.make("projection").pipe(
  Command.withDescription("Look after projections and subscriptions"),
  Command.withSubcommands([
    list,
    status,
    rebuild,
    switching,
    rollback,
    drop,
    pause,
    resume,
    retry,
    skip,
    parked
  ])
)
