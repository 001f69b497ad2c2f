import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Catalog from "../Catalog.ts"
import * as catalogFile from "../internal/catalogFile.ts"
import { byPlace, entryOf } from "../internal/catalogModel.ts"
import * as catalogPrint from "../internal/catalogPrint.ts"
import * as catalogProject from "../internal/catalogProject.ts"
import { failed, Found } from "../internal/Failed.ts"
import * as print from "../internal/print.ts"
import { Style } from "../internal/style.ts"

/** Most payloads that are generated of each revision. */
const runsMost = 1_000_000

const runs = Flag.Int("runs").pipe(
  Flag.withDescription("Payloads to generate of each old revision (default: 100)"),
  Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: runsMost }))),
  Flag.withDefault(100)
)
/** Seeds that a run takes one of: few enough to be typed. */
const seeds = 1_000_000_000

const seed = Flag.String("seed").pipe(
  Flag.withDescription("Generate the same payloads as a run that named this seed (default: others each time)"),
  Flag.optional
)

interface Tries {
  readonly runs: number
  readonly seed: Option.Option<string>
}

/** Two events of one tag keep everything else from being tried. */
const isAmbiguous = ({ kind }: Catalog.Finding): boolean => kind === "TwoEvents" || kind === "StillUsed"

const findingsOf = Effect.fnUntraced(function*(
  catalog: Catalog.Catalog,
  code: Catalog.Code,
  base: Catalog.Catalog | undefined,
  tries: { readonly runs: number; readonly seed: string }
) {
  const found = yield* catalogProject.attempt(() => Catalog.check(catalog, code, { base }))
  if (found.some(isAmbiguous)) return found
  return [...found, ...yield* Catalog.checkUpcasts(code, tries)].sort(byPlace)
})

const seedOf = ({ seed }: Tries) =>
  Option.match(seed, { onNone: () => Effect.map(Random.nextIntBetween(0, seeds), String), onSome: Effect.succeed })

/** Ends with 1 when something is wrong. */
const tell = Effect.fnUntraced(function*(
  about: { readonly [key: string]: Schema.Json },
  found: ReadonlyArray<Catalog.Finding>,
  isWrong: (finding: Catalog.Finding) => boolean,
  end: string
) {
  const wrong = found.filter(isWrong)
  const notes = found.filter((finding) => !isWrong(finding))
  const { bad, good } = yield* Style
  yield* print.answer(
    { ...about, findings: wrong, notes },
    Effect.gen(function*() {
      yield* catalogPrint.findings(wrong, "wrong")
      yield* catalogPrint.findings(notes, "note")
      yield* Console.log(wrong.length === 0 ? good(end) : bad(`${print.count(wrong.length, "finding")}. ${end}`))
    })
  )
  if (wrong.length > 0) return yield* new Found({ message: print.count(wrong.length, "finding") })
})

/** A configuration that does not load for what is wrong with an event. */
const tellBroken = ({ finding }: catalogProject.Broken) =>
  tell({}, [finding], Catalog.isBreaking, "The configuration does not load, so nothing else was looked at")

const check = Command.make(
  "check",
  {
    base: Flag.String("base").pipe(
      Flag.withMetavar("file"),
      Flag.withDescription("The catalogue of the branch that a change goes to: what it has must be here unchanged"),
      Flag.optional
    ),
    strict: Flag.Boolean("strict").pipe(
      Flag.withDescription("Fail on what the catalogue does not have yet, too: for CI"),
      Flag.withDefault(false)
    ),
    runs,
    seed
  },
  Effect.fnUntraced(
    function*({ base: baseFile, runs, seed: given, strict }) {
      const path = yield* Path.Path
      const { catalog: file, code } = yield* catalogProject.load
      const seed = yield* seedOf({ runs, seed: given })
      const { catalog } = yield* catalogFile.read(file, "run `varve catalog update` once, and commit what it writes")
      const base = Option.isNone(baseFile)
        ? undefined
        : (yield* catalogFile.read(path.resolve(baseFile.value), "that of the base branch")).catalog
      const found = yield* findingsOf(catalog, code, base, { runs, seed })
      const isWrong = (finding: Catalog.Finding) =>
        Catalog.isBreaking(finding) || (strict && finding.kind === "NotRecorded")
      yield* tell(
        { catalog: file, ...catalogPrint.sizeOf(catalog), runs, seed },
        found,
        isWrong,
        `${found.some(isWrong) ? "" : "All is well. "}${catalogPrint.sizeInWords(catalog)}; upcasts tried with ${
          print.count(runs, "payload")
        } of each revision,`
          + ` seed ${seed}`
      )
    },
    Effect.catchTag("Broken", tellBroken)
  )
).pipe(
  Command.withDescription(
    "Compare the code with the catalogue, and fail when a change would make a stored event unreadable. Ends with 0 when all"
      + " is well, 1 when something is wrong, 2 when it could not be looked at"
  ),
  Command.withShortDescription("Fail when a change would make a stored event unreadable"),
  Command.withExamples([
    { command: "varve catalog check", description: "Before a commit" },
    {
      command: "git show origin/main:varve.catalog.json > base.json && varve catalog check --strict --base base.json",
      description: "In CI: nothing is unrecorded, and nobody has edited the catalogue to suit a change"
    },
    { command: "varve catalog check --seed 42 --runs 10000", description: "Try upcasts harder, or as a run before did" }
  ])
)

const update = Command.make(
  "update",
  { runs, seed },
  Effect.fnUntraced(
    function*({ runs, seed: given }) {
      const { catalog: file, code } = yield* catalogProject.load
      const seed = yield* seedOf({ runs, seed: given })
      const before = (yield* catalogFile.exists(file)) ? yield* catalogFile.read(file, "") : undefined
      // What is not recorded yet is what the update is for.
      const derived = yield* catalogProject.attempt(() => Catalog.derive(code))
      const empty = before?.catalog ?? { ...derived, events: {} }
      const found = (yield* findingsOf(empty, code, undefined, { runs, seed })).filter((one) =>
        one.kind !== "NotRecorded"
      )
      if (found.some(Catalog.isBreaking)) {
        return yield* tell(
          { catalog: file, written: false, seed },
          found,
          Catalog.isBreaking,
          `Nothing was written to ${file}`
        )
      }
      const catalog = yield* Catalog.update(before?.catalog, code)
      const text = Catalog.stringify(catalog)
      // Git may have given it the line ends of Windows.
      const written = text !== before?.text.replaceAll("\r\n", "\n")
      if (written) yield* catalogFile.write(file, text)
      const [was, is] = [catalogPrint.sizeOf(before?.catalog ?? empty), catalogPrint.sizeOf(catalog)]
      const added = {
        events: is.events - was.events,
        revisions: is.revisions - was.revisions,
        golden: is.golden - was.golden
      }
      yield* tell(
        { catalog: file, written, added },
        found,
        Catalog.isBreaking,
        !written
          ? `${file} has it all already`
          : Object.values(added).every((n) => n === 0)
          ? `Nothing is new; ${file} says of the rest what the code says now`
          : `Added ${print.count(added.events, "event")}, ${print.count(added.revisions, "revision")} and ${
            print.count(added.golden, "golden payload")
          } to ${file}`
      )
    },
    Effect.catchTag("Broken", tellBroken)
  )
).pipe(
  Command.withDescription(
    "Write to the catalogue what the code has beyond it, with golden payloads. What the catalogue has is never edited: a"
      + " change that would need it is refused"
  ),
  Command.withShortDescription("Add new events and revisions to the catalogue"),
  Command.withExamples([
    { command: "varve catalog update", description: "After a new event or revision; commit the file with the change" }
  ])
)

const show = Command.make(
  "show",
  {
    event: Argument.String("event").pipe(
      Argument.withDescription("A stored type, to be shown revision by revision"),
      Argument.optional
    )
  },
  Effect.fnUntraced(function*({ event }) {
    const { catalog: file } = yield* catalogProject.load.pipe(
      Effect.catchTag("Broken", ({ finding: { what } }) => Effect.fail(failed("configuration", "one that loads", what)))
    )
    const { catalog } = yield* catalogFile.read(file, "run `varve catalog update`")
    if (Option.isNone(event)) return yield* print.answer(catalog, catalogPrint.entries(catalog))
    const entry = entryOf(catalog, event.value)
    if (entry === undefined) {
      const expected = `one of the ${
        print.count(Object.keys(catalog.events).length, "type")
      } that \`varve catalog show\` lists`
      return yield* failed("event", expected, event.value)
    }
    yield* print.answer({ [event.value]: entry }, catalogPrint.entry(event.value, entry))
  })
).pipe(
  Command.withDescription(
    "Show the stored types of the catalogue, or one of them with its revisions and golden payloads"
  ),
  Command.withShortDescription("Show the catalogue, or one event of it"),
  Command.withExamples([
    { command: "varve catalog show", description: "All stored types, and what they are read as" },
    { command: "varve catalog show MoneyDeposited", description: "Its revisions, fields and golden payloads" }
  ])
)

export const command = Command.make("catalog").pipe(
  Command.withDescription("Keep a record of what events look like, and compare the code with it"),
  Command.withSubcommands([check, update, show])
)
