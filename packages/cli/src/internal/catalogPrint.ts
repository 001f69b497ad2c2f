import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Catalog from "../Catalog.ts"
import { wordsOf } from "./catalogCheck.ts"
import * as shape from "./catalogSchema.ts"
import * as text from "./catalogText.ts"
import * as print from "./print.ts"
import { Style } from "./style.ts"

type Entry = typeof Catalog.Entry.Type
type Golden = typeof Catalog.Golden.Type

const goldenOf = ({ byHand, generated }: Golden): number => byHand.length + generated.length
const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((all, one) => all + one, 0)

/** How much there is in a catalogue. */
export const sizeOf = ({ events }: Catalog.Catalog) => {
  const entries = Object.values(events)
  return {
    events: entries.length,
    revisions: sum(entries.map(({ revisions }) => revisions.length)),
    golden: sum(entries.flatMap(({ revisions }) => revisions.map(({ golden }) => goldenOf(golden))))
  }
}

export const sizeInWords = (catalog: Catalog.Catalog): string => {
  const { events, golden, revisions } = sizeOf(catalog)
  return `${print.count(events, "event")}, ${print.count(revisions, "revision")}, ${
    print.count(golden, "golden payload")
  }`
}

const placeOf = ({ event, revision }: Catalog.Finding): string =>
  revision === undefined ? event : `${event}, revision ${revision}`

const indented = (lines: string): string => lines.split("\n").map((line) => `  ${line}`).join("\n")

/** What was found, and what to do about it. */
export const findings = Effect.fnUntraced(function*(found: ReadonlyArray<Catalog.Finding>, mark: "wrong" | "note") {
  const { bad, strong } = yield* Style
  for (const finding of found) {
    const [first, ...more] = finding.what.split("\n")
    const place = strong(placeOf(finding))
    yield* Console.log(`${mark === "wrong" ? bad("✗") : "·"} ${place}: ${first}`)
    for (const line of more) yield* Console.log(indented(line))
    yield* Console.log(indented(finding.remedy))
  }
})

/** The stored types of a catalogue. */
export const entries = ({ events }: Catalog.Catalog) =>
  print.table(
    ["EVENT", "REVISIONS", "GOLDEN", "READ AS", "CATEGORIES"],
    Object.keys(events).sort().map((type) => {
      const { categories, read, revisions } = events[type]!
      const golden = sum(revisions.map(({ golden }) => goldenOf(golden)))
      return [type, revisions.length, golden, wordsOf(read), categories.join(", ")]
    }),
    "The catalogue has no events"
  )

/** One stored type, revision by revision. */
export const entry = Effect.fnUntraced(function*(type: string, { categories, domains, read, revisions }: Entry) {
  const { faint, strong } = yield* Style
  const where = categories.length === 0 ? "" : `, in streams of ${categories.join(", ")}`
  const words = read._tag === "Itself" ? "read as itself" : wordsOf(read)
  yield* Console.log(`${strong(type)} of ${domains.join(", ") || "no domain"}${where}, ${words}`)
  for (const { downcast, golden, revision, schema, upcast } of revisions) {
    const ways = [...(upcast ? [`from ${revision - 1}`] : []), ...(downcast ? [`back to ${revision - 1}`] : [])]
    yield* Console.log(`\nrevision ${revision}${ways.length === 0 ? "" : faint(` (${ways.join(", ")})`)}`)
    yield* print.table(
      ["FIELD", "TYPE", ""],
      shape.fields(schema).map(({ field, optional, type }) => [field, type, optional ? "optional" : ""]),
      `payload ${shape.summary(schema)}`
    )
    for (const payload of golden.byHand) yield* Console.log(`${text.line(payload)} ${faint("by hand")}`)
    for (const payload of golden.generated) yield* Console.log(text.line(payload))
  }
})
