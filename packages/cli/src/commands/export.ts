import * as EventStore from "@varve/core/EventStore"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { unusable } from "../internal/eventFile.ts"
import * as exportFile from "../internal/exportFile.ts"
import * as exportPages from "../internal/exportPages.ts"
import { type Failed, failed } from "../internal/Failed.ts"
import * as print from "../internal/print.ts"
import * as Progress from "../internal/progress.ts"
import * as projectFile from "../internal/projectFile.ts"
import { Json } from "../internal/settings.ts"

/** What is exported: up to the head that the store has at the beginning. */
const rangeOf = Effect.fnUntraced(function*(given: { readonly after: number; readonly until: Option.Option<number> }) {
  const head = yield* Effect.mapError(EventStore.EventStore.use((store) => store.head), exportPages.unreadable)
  const until = Math.min(Option.getOrElse(given.until, () => head), head)
  if (given.after < 0 || given.after > head) {
    return yield* failed("--after", `a position from 0 to ${head}, the head of the store`, `${given.after}`)
  }
  if (until < given.after) return yield* failed("--until", `${given.after} or more, as --after is`, `${until}`)
  yield* exportPages.checkBoundary("--after", given.after, head)
  yield* exportPages.checkBoundary("--until", until, head)
  const range: exportFile.Range = { after: given.after, until }
  return range
})

/** What was written, and for how long. */
interface Written {
  readonly events: number
  readonly bytes: number
  readonly millis: number
}

/** Writes the pages of a range, and tells how far that is. */
const writePages = Effect.fnUntraced(function*<E, R>(
  { after, until }: exportFile.Range,
  skipped: number,
  sink: (pages: Stream.Stream<string, Failed, EventStore.EventStore>) => Effect.Effect<void, E, R>
) {
  const progress = yield* Progress.start("events", until - after + skipped, skipped)
  let [events, bytes] = [0, 0]
  yield* sink(
    exportPages.pages({ after, until }).pipe(
      Stream.mapEffect((page) => {
        events += page.events
        bytes += Buffer.byteLength(page.text)
        return Effect.as(progress.done(skipped + events), page.text)
      })
    )
  )
  const written: Written = { events, bytes, millis: yield* progress.end }
  return written
})

/** Who reads from a pipe may have enough of it: `varve export | head`. */
const isClosedPipe = ({ reason }: PlatformError.PlatformError): boolean =>
  "cause" in reason && typeof reason.cause === "object" && reason.cause !== null && "code" in reason.cause
  && reason.cause.code === "EPIPE"

/** Writes to standard output. None when nobody reads on. */
const toStdout = Effect.fnUntraced(function*(range: exportFile.Range) {
  const { stdout } = yield* Stdio.Stdio
  return yield* writePages(range, 0, (pages) => Stream.run(pages, stdout())).pipe(
    Effect.map(Option.some),
    Effect.catchTag(
      "PlatformError",
      (error) => isClosedPipe(error) ? Effect.succeedNone : Effect.fail(unusable("standard output")(error))
    )
  )
})

const words = ({ bytes, events, millis }: Written, { after, until }: exportFile.Range): string =>
  `Exported ${print.count(events, "event")}${
    events === 0 ? "" : `, positions ${print.number(after + 1)} to ${print.number(until)}`
  }, `
  + `${print.number(bytes)} bytes, in ${Progress.seconds(millis)}`

const toFile = Effect.fnUntraced(function*(path: string, range: exportFile.Range) {
  const { cut, position, written } = yield* exportFile.use(
    path,
    range,
    Effect.fnUntraced(function*({ cut, position, resumed, write }) {
      if (resumed || cut > 0) {
        const cutOff = cut === 0 ? "" : `; ${print.number(cut)} bytes behind it, which are no whole commit, are cut off`
        yield* Console.error(`${path} goes up to position ${print.number(position)}${cutOff}`)
      }
      const rest = { after: position, until: range.until }
      const written = yield* writePages(rest, position - range.after, (pages) => Stream.runForEach(pages, write))
      return { cut, position, written }
    })
  )
  yield* print.answer(
    { file: path, ...range, resumedAfter: position, cut, ...written },
    Console.log(`${words(written, { ...range, after: position })}, to ${path}`)
  )
})

const run = Effect.fnUntraced(function*({ after, output, until }: {
  readonly after: number
  readonly until: Option.Option<number>
  readonly output: Option.Option<string>
}) {
  const range = yield* rangeOf({ after, until })
  if (Option.isSome(output)) return yield* toFile(output.value, range)
  const written = yield* toStdout(range)
  if (Option.isNone(written)) return
  // Standard output is the events'.
  const json = yield* Json
  yield* Console.error(json ? JSON.stringify({ ...range, ...written.value }) : words(written.value, range))
})

export const command = Command.make("export", {
  output: Flag.String("output").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("file"),
    Flag.withDescription("Write to a file, and go on with it when it is there; standard output unless given"),
    Flag.optional
  ),
  after: Flag.Int("after").pipe(
    Flag.withMetavar("position"),
    Flag.withDescription("Leave out the events up to this position, the end of a commit"),
    Flag.withDefault(0)
  ),
  until: Flag.Int("until").pipe(
    Flag.withMetavar("position"),
    Flag.withDescription(
      "Stop at this position, the end of a commit; at the head that the store has now, unless given"
    ),
    Flag.optional
  )
}, (settings) => Effect.flatMap(projectFile.load, ({ project }) => projectFile.withStore(project)(run(settings)))).pipe(
  Command.withDescription(
    "Write the events of the store as lines of JSON, just as they are stored.\n\n"
      + "One object an event, in the order of positions. The same events are the same bytes, so that the export of a copy "
      + "is that of the original. With --output an interrupted export is taken up again: while it is under way the file is "
      + "called FILE.partial. What was erased in the store since stays in such a file: write a new one then. --json prints the summary as JSON, on standard error where the events go to standard output."
  ),
  Command.withShortDescription("Write the events of the store as lines of JSON"),
  Command.withExamples([
    { command: "varve export --output events.ndjson", description: "Write all events to a file, or what it lacks" },
    { command: "varve export | gzip > events.ndjson.gz", description: "Pack them on the way" },
    { command: "varve export --after 1000 | head -1", description: "Look at the event at position 1001" }
  ])
)
