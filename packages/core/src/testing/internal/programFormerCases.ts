import * as Effect from "effect/Effect"
import type { Readable } from "../../ProgramStore.ts"
import { define, type Definition, type ProgramFixture } from "./programFixture.ts"

/** Refuses a program that reads a type of before, and says which, and what it is written as. */
const late = (t: ProgramFixture, what: string, former: string, type: string, reads: ReadonlyArray<Readable> = []) =>
  Effect.gen(function*() {
    const entry = t.entry("late 1.0", { reads: [t.at(former, 1, ""), ...reads] })
    const reason = yield* t.reason(what, t.programs.enter(entry), "Refused")
    for (const part of [entry.name, t.type(former), t.type(type), t.category()]) {
      yield* t.holds(`words that ${what} is refused with`, reason.message.includes(part), part, reason.message)
    }
  })

const renamed = define(
  "who reads a renamed type, whatever its category, is waited for, and refused later",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const [before, after, there] = [t.at("Before", 1), t.at("After", 1), t.at("After", 1, "There")]
    const report = t.entry("report 1.0", { reads: [t.at("Before", 1, "")] })
    const places = [before, after, there]
    const writes = [t.over(after, "Before"), t.over(there, "Before"), before]
    const writer = t.entry("writer 2.0", { reads: places, writes })
    yield* t.told("the report", report)
    yield* t.told("the writer beside it", writer, 0, 0, 1)
    yield* t.told("the writer, which asks again", writer, 0, 0, 1)
    yield* t.told("the report, which asks again", report)
    yield* t.opens("beside the report", before)
    yield* t.programs.leave(report.id)
    yield* t.told("the writer alone", writer, 1, 1, 1)
    yield* t.told("the writer, which asks again", writer, 1, 1, 1)
    yield* t.followed("when it may be written", ["After", ["Before"]], ["Before", []], ["After", ["Before"]])
    yield* late(t, "a report that comes later", "Before", "After")
    yield* t.programs.leave(writer.id)
    yield* late(t, "a report, when nobody is left", "Before", "After")
    yield* t.lives("in the end")
  })
)

const known = define(
  "who reads a renamed type is not waited for where it says what it reads of the new one",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const after = t.at("After", 2)
    const both = t.entry("both 1.0", { reads: [t.at("Before", 1, ""), t.at("After", 2, "")] })
    const whole = t.entry("whole 1.0", { reads: [t.at("Before", 1, ""), after] })
    const elsewhere = t.entry("elsewhere 1.0", { reads: [t.at("Before", 1, "There")] })
    const other = t.entry("other 1.0", { reads: [t.at("Other", 1, "")] })
    const writer = t.entry("writer 2.0", { reads: [after], writes: [t.over(after, "Before")] })
    const all = [both, whole, elsewhere, other]
    for (const reader of all) yield* t.told("a reader", reader)
    yield* t.told("the writer beside them", writer, 2)
    for (const reader of all) yield* t.told("a reader, which asks again", reader)
    const low = t.entry("low 1.0", { reads: [t.at("Before", 1, ""), t.at("After", 1, "")] })
    yield* t.refused("one that reads less of the new one", t.programs.enter(low))
    yield* t.lives("in the end", writer, ...all)
  })
)

const itself = define(
  "a program that would pass over what it writes is not told to write it",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const writes = [t.over(t.at("After", 1), "Before"), t.at("Else", 1)]
    const blind = t.entry("blind 1.0", { reads: [t.at("Before", 1, "")], writes })
    yield* t.told("the program", blind, 0, 1)
    yield* t.told("the program, which reads no more of it", { ...blind, reads: [] }, 1, 1)
  })
)

const split = define(
  "who reads a type that was split is waited for with each part that it does not name",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const [one, two] = [t.at("One", 1), t.at("Two", 1)]
    const writer = t.entry("writer 2.0", {
      reads: [t.at("Whole", 1), one, two],
      writes: [t.over(one, "Whole"), t.over(two, "Whole")]
    })
    const part = t.entry("part 1.0", { reads: [t.at("Whole", 1, ""), t.at("One", 1, "")] })
    yield* t.told("the reader of one part", part)
    yield* t.told("the writer beside it", writer, 1, 0)
    yield* late(t, "a reader of the whole", "Whole", "One")
    yield* t.told("the reader of one part, which asks again", part)
    const knowing = { ...part, reads: [...part.reads, t.at("Two", 9, "")] }
    yield* t.told("the reader of one part, which passes over the other and knows it", knowing)
    yield* t.told("the writer then", writer, 1, 1)
    yield* t.told("the reader, which asks again", knowing)
    yield* late(t, "a reader of one part that does not know the other", "Whole", "Two", [t.at("One", 1, "")])
    yield* t.lives("in the end", writer, knowing)
  })
)

const place = define(
  "who writes a type in place of another waits for its readers, and others write it meanwhile",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const here = t.at("Part", 1)
    const old = t.entry("old 1.0", { reads: [here, t.at("Whole", 1)], writes: [here] })
    const report = t.entry("report 1.0", { reads: [t.at("Whole", 1, "")] })
    const next = t.entry("new 2.0", { reads: [here, t.at("Whole", 1)], writes: [t.over(here, "Whole")] })
    yield* t.told("the old release", old, 1)
    yield* t.told("the report", report)
    yield* t.told("the new release", next, 0)
    yield* t.told("the new release, which asks again", next, 0)
    yield* t.told("the old release, which asks again", old, 1)
    yield* t.followed("beside the report", ["Part", []])
    yield* t.told("the report, which asks again", report)
    yield* t.lives("beside the report", old, report, next)
    yield* t.programs.leave(report.id)
    yield* t.told("the old release, when the report has gone", old, 1)
    yield* t.told("a report in its place", report)
    yield* t.told("the new release beside that", next, 0)
    yield* t.programs.leave(report.id)
    yield* t.told("the new release, when nobody reads it", next, 1)
    yield* t.told("the old release then", old, 1)
    yield* late(t, "the report, which comes back", "Whole", "Part")
    yield* t.lives("in the end", old, next)
  })
)

const kept = define(
  "what a type was stored under before is kept of all who may write it",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const after = t.at("After", 1)
    const writer = t.entry("writer 2.0", { reads: [after], writes: [after] })
    const told = (what: string, ...former: ReadonlyArray<string>) =>
      t.told(what, { ...writer, writes: [t.over(after, ...former)] }, 1)
    yield* told("a writer that says nothing of before")
    yield* t.followed("by it", ["After", []])
    yield* told("the writer, which says so", "M")
    yield* t.followed("by it", ["After", ["M"]])
    yield* told("the writer, which says another and one twice", "Z", "B", "B")
    yield* told("the writer, which says nothing any more")
    yield* t.followed("by all of them", ["After", ["B", "M", "Z"]])
    const later = [t.at("After", 2)]
    yield* t.told("the writer of another revision", { ...writer, reads: later, writes: later }, 2)
    yield* t.followed("in another revision", ["After", ["B", "M", "Z"]])
    yield* t.programs.leave(writer.id)
    for (const former of ["B", "M", "Z"]) yield* late(t, `a reader of ${former}`, former, "After")
  })
)

/** Cases about types that others take the place of. */
export const cases: ReadonlyArray<Definition> = [renamed, known, itself, split, place, kept]
