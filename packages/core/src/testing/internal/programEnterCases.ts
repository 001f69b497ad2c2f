import * as Effect from "effect/Effect"
import type { Entry } from "../../ProgramStore.ts"
import { define, type Definition, type ProgramFixture } from "./programFixture.ts"

const alone = define(
  "a program that is alone may write what it can read, in the order in which it asks",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const [a, b, c] = [t.at("A", 3), t.at("B", 1, "Other"), t.at("C", 2)]
    const program = t.entry("only 1.0", { reads: [a, b, c], writes: [c, a, b] })
    yield* t.told("the only program", program, 2, 3, 1)
    yield* t.lives("while it is alone", program)
    yield* t.opens("after it has asked", a, b, c)
    const nobody = t.entry("nobody 1.0")
    yield* t.told("a program that reads and writes nothing", nobody)
    yield* t.lives("with one that reads nothing", program, nobody)
    yield* t.opens("after nothing was asked for", a, b, c)
  })
)

const oldest = define(
  "a revision may be written once every program alive can read it",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const [one, two, three] = [t.release("old 1.0", 1), t.release("mid 2.0", 2), t.release("new 3.0", 3)]
    yield* t.told("the old release", one, 1)
    yield* t.told("the new one beside it", three, 1)
    yield* t.told("the middle one", two, 1)
    yield* t.opens("beside the old release", t.at("Happened", 1))
    yield* t.programs.leave(one.id)
    yield* t.lives("without the old release", two, three)
    yield* t.opens("before anybody asks", t.at("Happened", 1))
    yield* t.told("the new release beside the middle one", three, 2)
    yield* t.told("the middle one", two, 2)
    yield* t.programs.leave(two.id)
    yield* t.told("the new release alone", three, 3)
    yield* t.told("the new release, which asks again", three, 3)
    yield* t.opens("in the end", t.at("Happened", 3))
  })
)

const itself = define(
  "a program counts among those that must be able to read what it writes",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const half = t.entry("half 1.0", { reads: [t.at("Happened", 1)], writes: [t.at("Happened", 2), t.at("Else", 1)] })
    yield* t.told("a program that cannot read what it wants to write", half, 1, 0)
    yield* t.opens("for it", t.at("Happened", 1))
    yield* t.told("the same program, which asks again", half, 1, 0)
    const blind = t.entry("blind 1.0", { writes: [t.at("Sent", 7, "Outbox")] })
    yield* t.told("a program that reads nothing", blind, 7)
  })
)

const wanted = define(
  "no more than what is wanted may be written",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const careful = t.entry("careful 3.0", { reads: [t.at("Happened", 3)], writes: [t.at("Happened", 2)] })
    yield* t.told("a program that wants less than it can read", careful, 2)
    yield* t.opens("for it", t.at("Happened", 2))
    const late = t.release("late 2.0", 2)
    yield* t.told("an older one, which comes later", late, 2)
  })
)

const rises = define(
  "what may be written never falls",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const first = t.release("first 3.0", 3)
    yield* t.told("the first program", first, 3)
    const modest = t.entry("modest 3.0", { reads: [t.at("Happened", 3)], writes: [t.at("Happened", 1)] })
    yield* t.told("one that wants less", modest, 3)
    yield* t.opens("after one wanted less", t.at("Happened", 3))
    yield* t.programs.leave(first.id)
    yield* t.programs.leave(modest.id)
    yield* t.opens("when nobody is left", t.at("Happened", 3))
    const again = t.entry("again 3.0", { reads: [t.at("Happened", 5)], writes: [t.at("Happened", 2)] })
    yield* t.told("one that comes later", again, 3)
  })
)

const refusedLater = define(
  "a program that cannot read what may be written is refused, and is not there",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const first = t.release("new 2.0", 2)
    yield* t.told("the new release", first, 2)
    const old = t.release("old 1.0", 1)
    const reason = yield* t.reason("an old release, which comes later", t.programs.enter(old), "Refused")
    const told = [old.name, first.name, t.type("Happened"), t.category(), "revision 2", "revision 1"]
    for (const part of told) {
      yield* t.holds("words that the old release is refused with", reason.message.includes(part), part, reason.message)
    }
    yield* t.lives("after it", first)
    const next = t.release("next 3.0", 3)
    yield* t.told("the release after", next, 2)
    yield* t.programs.leave(first.id)
    yield* t.programs.leave(next.id)
    yield* t.refused("the old release, when nobody is left", t.programs.enter(old))
    yield* t.refused("another program that writes nothing", t.programs.enter({ ...old, writes: [] }))
    yield* t.opens("in the end", t.at("Happened", 2))
  })
)

const unknown = define(
  "a type that a program does not know, in a category that it reads, waits for it",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const old = t.release("old 1.0", 1)
    yield* t.told("the old release", old, 1)
    const places = [t.at("Happened", 1), t.at("Ended", 1)]
    const next = t.entry("new 2.0", { reads: places, writes: [t.at("Ended", 1), t.at("Happened", 1)] })
    yield* t.told("the new release beside it", next, 0, 1)
    yield* t.opens("beside the old release", t.at("Happened", 1))
    yield* t.programs.leave(old.id)
    yield* t.told("the new release alone", next, 1, 1)
    const reason = yield* t.reason("the old release, which comes back", t.programs.enter(old), "Refused")
    for (const part of [t.type("Ended"), t.category()]) {
      yield* t.holds("words that it is refused with", reason.message.includes(part), part, reason.message)
    }
    yield* t.lives("after it", next)
  })
)

const others = define(
  "what a program reads in one category says nothing of another",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const there = t.entry("there 1.0", { reads: [t.at("Happened", 1, "There"), t.at("Else", 2, "There")] })
    yield* t.told("a program that reads another category", there)
    const here = t.release("here 5.0", 5)
    yield* t.told("a program of this one", here, 5)
    yield* t.told("the first, which asks again", there)
    yield* t.lives("in the end", there, here)
  })
)

const everywhere = define(
  "a reader of types minds those that it names, in every category, and no others",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const foreign = t.entry("report 1.0", { reads: [t.at("Happened", 1, "")] })
    yield* t.told("the reader of a type", foreign)
    const [a, b] = [t.at("Happened", 2, "Here"), t.at("Happened", 3, "There")]
    const c = t.at("Else", 2, "Here")
    const writer = t.entry("writer 2.0", { reads: [a, b, c], writes: [a, b, c] })
    yield* t.told("a writer of it and of another", writer, 1, 1, 2)
    yield* t.told("the reader, which asks again", foreign)
    yield* t.programs.leave(foreign.id)
    yield* t.told("the writer alone", writer, 2, 3, 2)
    yield* t.refused("the reader, which comes back", t.programs.enter(foreign))
    yield* t.refused(
      "one that reads as far as one category needs",
      t.programs.enter({ ...foreign, reads: [t.at("Happened", 2, "")] })
    )
    yield* t.told("one that reads both", { ...foreign, reads: [t.at("Happened", 3, "")] })
  })
)

const both = define(
  "of what a program says of a type and of its category, the lower counts",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const reads = [t.at("A", 3), t.at("A", 1, ""), t.at("B", 1), t.at("B", 3, ""), t.at("C", 2, "")]
    const program = t.entry("both 1.0", { reads })
    yield* t.told("the program", program)
    const writes = [t.at("A", 3), t.at("B", 3), t.at("C", 3), t.at("C", 3, "Other")]
    const writer = t.entry("writer 3.0", { reads: writes, writes })
    yield* t.told("a writer beside it", writer, 1, 1, 0, 2)
    yield* t.programs.leave(program.id)
    yield* t.told("the writer alone", writer, 3, 3, 3, 3)
    yield* t.refused("the program, which comes back", t.programs.enter(program))
  })
)

const who = define(
  "what may be written tells who opened it and when, and that stays while the revision does",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const first = t.release("first 1.0", 1)
    const second = t.release("second 2.0", 2)
    yield* t.told("the first program", first, 1)
    const [before] = yield* t.opened
    yield* t.equal("who opened revision 1", before?.by, first.name)
    const [seen] = yield* t.alive
    yield* t.equal("when it was opened", before?.at.epochMilliseconds, seen?.seenAt.epochMilliseconds)
    yield* t.told("the second program", second, 1)
    const [kept] = yield* t.opened
    yield* t.equal("who opened revision 1, when another asks", kept?.by, first.name)
    yield* t.equal("when, when another asks", kept?.at.epochMilliseconds, before?.at.epochMilliseconds)
    yield* t.programs.leave(first.id)
    yield* t.told("the second program alone", second, 2)
    const [after] = yield* t.opened
    yield* t.equal("who opened revision 2", after?.by, second.name)
    const later = (after?.at.epochMilliseconds ?? 0) >= (before?.at.epochMilliseconds ?? 0)
    yield* t.holds("when revision 2 was opened", later, "no earlier than revision 1", after?.at.epochMilliseconds)
  })
)

/** Of two releases that start at once, the old one is at work and everybody writes revision 1, or it is refused. */
const startTogether = (t: ProgramFixture, type: string, olds: number, news: number) =>
  Effect.gen(function*() {
    const releases = (name: string, count: number, revision: number): ReadonlyArray<Entry> =>
      Array.from({ length: count }, (_, i) => {
        const places = [t.at(type, revision, type)]
        return t.entry(`${name} ${i}`, { reads: places, writes: places })
      })
    const enter = (entry: Entry) =>
      t.enter(entry).pipe(
        Effect.map(([answer]) => answer!.revision),
        Effect.catch((error) =>
          error.reason._tag === "Refused" ? Effect.succeed("refused" as const) : Effect.fail(error)
        )
      )
    const all = [...releases("old", olds, 1), ...releases("new", news, 2)]
    // In another order every time: neither side is always the first to be sent.
    const turned = type.length % 2 === 0 ? all : all.toReversed()
    const answers = new Map(
      yield* Effect.forEach(turned, (entry) => Effect.map(enter(entry), (answer) => [entry, answer] as const), {
        concurrency: "unbounded"
      })
    )
    const told = all.map((entry) => answers.get(entry))
    const [ofOld, ofNew] = [told.slice(0, olds), told.slice(olds)]
    const inside = ofOld.filter((answer) => answer !== "refused").length
    const opened = ofNew.filter((answer) => answer === 2).length
    const shown = `old: ${ofOld.join(", ")}; new: ${ofNew.join(", ")}`
    yield* t.holds("old releases beside a revision that they cannot read", inside === 0 || opened === 0, "none", shown)
    yield* t.holds("answers", inside > 0 || opened > 0, "some", shown)
  })

const race = define(
  "of programs that enter at once, none is beside a revision that it cannot read",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    for (let round = 1; round <= 24; round++) {
      yield* startTogether(t, `R${"x".repeat(round)}`, round % 3 + 1, round % 2 + 1)
    }
  })
)

/** Cases about what a program is told, and whether it may enter. */
export const cases: ReadonlyArray<Definition> = [
  alone,
  oldest,
  itself,
  wanted,
  rises,
  refusedLater,
  unknown,
  others,
  everywhere,
  both,
  who,
  race
]
