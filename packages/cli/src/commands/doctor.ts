/** `varve doctor`: tells what is in a store, and whether the program can read it. */
import * as ProgramStore from "@varve/core/ProgramStore"
import * as StoreAdmin from "@varve/core/StoreAdmin"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as decode from "../internal/doctorDecode.ts"
import * as hints from "../internal/doctorHints.ts"
import { readings } from "../internal/doctorReading.ts"
import * as report from "../internal/doctorReport.ts"
import * as state from "../internal/doctorState.ts"
import { Failed, Found } from "../internal/Failed.ts"
import * as print from "../internal/print.ts"
import * as projectFile from "../internal/projectFile.ts"
import { Json } from "../internal/settings.ts"

/** Most events of a type and revision that a sample holds: with more, all is quicker. */
const mostSampled = 10_000

interface Flags {
  readonly sample: Option.Option<number>
  readonly all: boolean
  readonly restart: boolean
}

/** Events of a type and revision to read: 0 for all, nothing for none. */
const sampleOf = ({ all, sample }: Flags): Effect.Effect<number | undefined, Failed> =>
  all && Option.isSome(sample)
    ? Effect.fail(new Failed({ message: "--sample and --all: expected one of them, got both" }))
    : Effect.succeed(all ? 0 : Option.getOrUndefined(sample))

const examine = Effect.fnUntraced(function*({ folder, project }: projectFile.Found, flags: Flags) {
  const sample = yield* sampleOf(flags)
  const people = !(yield* Json)
  const admin = yield* StoreAdmin.StoreAdmin
  const store = yield* admin.status
  const reading = yield* readings(project)
  const inventory = (yield* admin.inventory).map((entry) => ({ ...entry, reading: reading.of(entry) }))
  // What takes long comes after what does not.
  if (people) yield* report.inventory(inventory, store)
  const file = yield* state.open(folder, {
    storeId: store.storeId,
    sample: sample ?? 0,
    program: reading.digest
  })
  if (flags.restart) yield* file.remove
  const decoded = sample === undefined
    ? undefined
    : yield* sample === 0 ? decode.all(reading, file) : decode.sample(reading, file, inventory, sample)
  if (people && decoded !== undefined) yield* report.decoded(decoded, sample ?? 0)
  const findings = yield* admin.verify
  if (people) yield* report.findings(findings)
  const programs = yield* ProgramStore.ProgramStore.use(({ programs }) => programs)
  const told = hints.of(inventory, reading, programs)
  if (people) yield* report.hints(told)
  const all: report.Report = { store, inventory, sample, decoded, findings, hints: told }
  // The next run looks anew: this one has come to its end.
  if (decoded !== undefined) yield* file.remove
  yield* print.answer(report.json(all), report.end(all))
  if (!report.isWell(all)) return yield* new Found({ message: "something is wrong with the store" })
})

export const command = Command.make("doctor", {
  sample: Flag.Int("sample").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Read N events of each type and revision, spread over the store"),
    Flag.filter((n) => n >= 1 && n <= mostSampled, () => `a whole number from 1 to ${mostSampled}`),
    Flag.optional
  ),
  all: Flag.Boolean("all").pipe(Flag.withDescription("Read every event"), Flag.withDefault(false)),
  restart: Flag.Boolean("restart").pipe(
    Flag.withDescription("Begin anew where an earlier run was interrupted"),
    Flag.withDefault(false)
  )
}, (flags) =>
  Effect.flatMap(
    projectFile.load,
    (found) => projectFile.withStore(found.project)(examine(found, flags))
  )).pipe(
    Command.withDescription(
      "Tell which events are in the store, and whether this program can read them: their types and revisions at first, with"
        + " --sample or --all the events themselves, as the program reads them but with nothing passed over. Then what must"
        + " hold of every store: positions and versions without gaps, whole commits, times that do not go back, checkpoints"
        + " that are not ahead, protection against changes. Changes nothing in the store.\n\n"
        + "The exit code is 1 when something cannot be read or does not hold. Erased events are counted, and no fault.\n\n"
        + "A run with --sample or --all that is interrupted keeps where it was in .varve/doctor.json beside the configuration."
        + " The same command then goes on from there, for the same store and a program that reads the same types and"
        + " revisions; after a change of an upcast say --restart."
    ),
    Command.withShortDescription("Tell what is in the store, and whether this program can read it"),
    Command.withExamples([
      { command: "varve doctor", description: "What is stored, and what must hold: a few seconds" },
      { command: "varve doctor --sample 100", description: "Also read 100 events of each type and revision" },
      { command: "varve doctor --all --json > report.json", description: "Read every event, for a program" }
    ])
  )
