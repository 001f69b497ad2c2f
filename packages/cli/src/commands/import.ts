import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as copyRun from "../internal/copyRun.ts"
import * as eventFile from "../internal/eventFile.ts"
import { failed } from "../internal/Failed.ts"
import * as importPlain from "../internal/importPlain.ts"
import * as print from "../internal/print.ts"
import * as Progress from "../internal/progress.ts"
import * as projectFile from "../internal/projectFile.ts"

interface Settings {
  readonly file: Option.Option<string>
  readonly verify: boolean
  readonly upcast: boolean
  readonly map: Option.Option<string>
  readonly skipUnreadable: boolean
}

/** A sentence of what there was any of. */
const list = (counts: ReadonlyArray<readonly [number, string]>): string =>
  counts.filter(([count]) => count > 0).map(([count, what]) => `${print.number(count)} ${what}`).join(", ")

const plainly = Effect.fnUntraced(function*(source: eventFile.Source, all: boolean) {
  const imported = yield* importPlain.run(source, all)
  const { alreadyThere, compared, erasedSince, head, millis, written } = imported
  const there = list([
    [alreadyThere, "were there already"],
    [compared, "of them compared"],
    [erasedSince, "of those erased since"]
  ])
  yield* print.answer(
    { source: source.name, ...imported },
    Console.log(
      `Imported ${print.count(written, "event")} in ${Progress.seconds(millis)}${there === "" ? "" : `; ${there}`}. `
        + `The store ends at position ${print.number(head)}`
    )
  )
})

const linesOf = (summary: copyRun.Summary): ReadonlyArray<string> => {
  const { alreadyThere, categories, end, equalStates, head, map, millis, read, written } = summary
  const fates = list([
    [summary.upcast, "upcast"],
    [summary.renamed, "renamed"],
    [summary.split, "split"],
    [summary.merged, "merged of several"],
    [summary.gone, "left out"],
    [summary.unreadable, "of those unreadable"],
    [summary.erased, "erased, and as they were"]
  ])
  // None are compared where events are merged: states may differ there.
  const states = equalStates === 0
    ? ""
    : `, ${print.count(equalStates, "instance")} of both stores ${equalStates === 1 ? "has" : "have"} equal states`
  const isNew = alreadyThere < written || written === 0
  return [
    `${isNew ? "Copied" : "The copy of"} ${print.count(read, "event")} as ${print.number(written)} `
    + `${isNew ? "in" : "is there already, compared in"} ${Progress.seconds(millis)}${
      fates === "" ? "" : `: ${fates}`
    }`,
    ...(isNew && alreadyThere > 0 ? [`${print.number(alreadyThere)} were there already`] : []),
    "Verified: the store holds what the copy comes to when it is worked out again, every event is read in its newest "
    + `revision${states}`,
    ...(head > end ? [`The store goes on behind the copy, which ends at position ${print.number(end)}`] : []),
    `Old to new positions: ${map}`,
    ...Object.entries(categories).map(([category, aggregate]) =>
      `${aggregate} was stored as ${category} and is stored under its own name now: take it out of the upcaster's `
      + "categories for programs that read the copy"
    )
  ]
}

/** Beside the file; in the folder of the configuration where there is none. */
const mapOf = (path: Path.Path, folder: string, { file, map }: Settings): string =>
  Option.getOrElse(map, () =>
    Option.match(Option.filter(file, (name) => name !== "-"), {
      onNone: () => path.join(folder, ".varve", "import.map"),
      onSome: (name) => `${name}.map`
    }))

const upcasting = Effect.fnUntraced(
  function*(source: eventFile.Source, { folder, project }: projectFile.Found, settings: Settings) {
    const path = yield* Path.Path
    const map = mapOf(path, folder, settings)
    if (source.file !== undefined && path.resolve(map) === path.resolve(source.file)) {
      return yield* failed("--map", "another file than that of the events", map)
    }
    const summary = yield* copyRun.run(source, { project, all: settings.verify, skip: settings.skipUnreadable, map })
    yield* print.answer(
      { source: source.name, ...summary },
      Effect.forEach(linesOf(summary), (line) => Console.log(line), { discard: true })
    )
  }
)

const run = Effect.fnUntraced(function*(settings: Settings) {
  if (!settings.upcast && (settings.skipUnreadable || Option.isSome(settings.map))) {
    return yield* failed(
      settings.skipUnreadable ? "--skip-unreadable" : "--map",
      "--upcast",
      "an import of events as they are"
    )
  }
  const found = yield* projectFile.load
  const source = yield* eventFile.open(settings.file)
  yield* projectFile.withStore(found.project)(
    settings.upcast ? upcasting(source, found, settings) : plainly(source, settings.verify)
  )
})

export const command = Command.make("import", {
  file: Argument.String("file").pipe(
    Argument.withDescription("What varve export has written, also packed by gzip; - or nothing for standard input"),
    Argument.optional
  ),
  verify: Flag.Boolean("verify").pipe(
    Flag.withDescription("Compare every event that the store has already, not some of them"),
    Flag.withDefault(false)
  ),
  upcast: Flag.Boolean("upcast").pipe(
    Flag.withDescription("Write what the upcaster of the project makes of the events, in their newest revisions"),
    Flag.withDefault(false)
  ),
  map: Flag.String("map").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("With --upcast: where old positions are mapped to new ones; FILE.map unless given"),
    Flag.optional
  ),
  skipUnreadable: Flag.Boolean("skip-unreadable").pipe(
    Flag.withDescription("With --upcast: leave out what cannot be read, where that ends the import otherwise"),
    Flag.withDefault(false)
  )
}, run).pipe(
  Command.withDescription(
    "Write events of another store into the store of the project, which goes on where that left off.\n\n"
      + "The events are written just as they are: ids, positions, versions, times, erased payloads. What the store has "
      + "already is compared, so an import that was interrupted is run again. The store must exist: varve migrate up.\n\n"
      + "With --upcast the store becomes a clean copy: types and categories by their names of today, newest revisions, "
      + "splits and drops carried out, events merged as Project.make({ copy }) says. A commit stays a commit, positions and "
      + "versions are counted anew, and every line of the map tells { from, to } of an old event. An event whose payload "
      + "was erased stays erased, in the revision it had. At the end everything is worked out again and compared."
  ),
  Command.withShortDescription("Write events of another store into this one"),
  Command.withExamples([
    { command: "varve import events.ndjson", description: "Write what the store lacks of a file" },
    { command: "varve import --verify events.ndjson", description: "Compare every event that is there" },
    { command: "varve import --upcast events.ndjson", description: "Make a copy with a clean history" },
    { command: "gunzip -c events.ndjson.gz | varve import", description: "Read standard input" }
  ])
)
