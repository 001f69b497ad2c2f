import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CommitId from "../../CommitId.ts"
import * as Limits from "../../Limits.ts"
import type { Entry } from "../../ProgramStore.ts"
import { define, type Definition, type ProgramFixture, shortExpiry } from "./programFixture.ts"

const leaves = define(
  "a program that leaves is forgotten, and nobody else is",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const [a, b] = [t.release("a 1.0", 1), t.release("b 2.0", 2)]
    yield* t.told("a", a, 1)
    yield* t.told("b", b, 1)
    yield* t.programs.leave(CommitId.generateUnsafe())
    yield* t.programs.leave("nobody")
    yield* t.lives("after one left who was never there", a, b)
    yield* t.programs.leave(a.id)
    yield* t.programs.leave(a.id)
    yield* t.lives("after a has left twice", b)
    yield* t.told("b alone", b, 2)
  })
)

const expires = define(
  "a program that is not heard of is forgotten after its time, and nobody else is",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const [old, steady] = [t.release("old 1.0", 1, { expiry: shortExpiry }), t.release("steady 2.0", 2)]
    yield* t.enter(old)
    yield* t.told("the steady program", steady, 1)
    const told = Effect.map(t.enter(steady), ([answer]) => answer!.revision === 2)
    yield* t.eventually("the old program counts no more", told)
    yield* t.lives("in the end", steady)
    yield* t.opens("in the end", t.at("Happened", 2))
  })
)

const unseen = define(
  "programs that are not heard of are told no more, though nobody enters",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const [brief, steady] = [t.release("brief 1.0", 1, { expiry: shortExpiry }), t.release("steady 1.0", 1)]
    yield* t.enter(brief)
    yield* t.told("the steady program", steady, 1)
    yield* t.gone(brief)
    yield* t.lives("after it", steady)
  })
)

const away = define(
  "a silence of all programs is none of each: who was there then is forgotten later",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const old = t.release("old 1.0", 1, { expiry: Duration.seconds(1) })
    const next = t.release("new 2.0", 2, { expiry: shortExpiry })
    yield* t.told("the new program, before", { ...next, writes: [] })
    yield* t.told("the old program", old, 1)
    // The store cannot be reached: nobody is heard of.
    yield* t.gone(old)
    yield* t.told("the new program, which is the first to be heard of again", next, 1)
    yield* t.told("the old program, which is the second", old, 1)
    const onward = Effect.map(t.enter(next), ([answer]) => answer!.revision === 2)
    yield* t.eventually("the old program counts no more, when it alone is not heard of", onward)
  })
)

const heard = define(
  "a program that is heard of again counts from then on",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const brief = Duration.seconds(1)
    const old = t.release("old 1.0", 1, { expiry: brief })
    const seenAt = Effect.map(t.alive, (programs) => programs.find(({ id }) => id === old.id)?.seenAt.epochMilliseconds)
    yield* t.enter(old)
    const first = (yield* seenAt) ?? 0
    const again = { ...old, expiry: Duration.minutes(1) }
    const later = Effect.andThen(t.enter(again), Effect.map(seenAt, (at) => at !== undefined && at > first))
    yield* t.eventually("it is heard of later", later)
    // Its time begins after the first's did, so when it is over that would be, too.
    const probe = t.entry("probe 1.0", { expiry: brief })
    yield* t.enter(probe)
    yield* t.gone(probe)
    yield* t.lives("after the time that it asked for first", again)
    yield* t.told("a new release", t.release("new 2.0", 2), 1)
  })
)

const anew = define(
  "a program that enters again says anew what it reads",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const writer = t.entry("writer 3.0", {
      reads: [t.at("A", 3), t.at("B", 3), t.at("C", 3)],
      writes: [t.at("A", 3), t.at("B", 3), t.at("C", 3)]
    })
    const before = t.entry("reader 1.0", { reads: [t.at("A", 1), t.at("B", 1)] })
    yield* t.told("the reader", before)
    yield* t.told("the writer", writer, 1, 1, 0)
    const after = { ...before, name: `other-${before.name}`, reads: [t.at("B", 2), t.at("A", 1), t.at("C", 1)] }
    yield* t.told("the reader, which reads more", after)
    yield* t.lives("under its new name", after, writer)
    yield* t.told("the writer after that", writer, 1, 2, 1)
    const fewer = { ...after, reads: [t.at("Else", 1, "There")] }
    yield* t.told("the reader, which reads something else", fewer)
    yield* t.lives("when it reads something else", fewer, writer)
    yield* t.told("the writer in the end", writer, 3, 3, 3)
  })
)

const backAndForth = define(
  "a program that goes back to what it read before reads that",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const one = t.entry("one 1.0", { reads: [t.at("A", 1)] })
    const other = { ...one, reads: [t.at("B", 1)] }
    const writer = t.entry("writer 2.0", { reads: [t.at("A", 2), t.at("B", 2)], writes: [t.at("A", 2), t.at("B", 2)] })
    yield* t.told("the program", one)
    yield* t.told("the program, which reads something else", other)
    yield* t.told("the program, which reads what it read first", one)
    yield* t.lives("then", one)
    yield* t.told("a writer", writer, 1, 0)
    const renamed = { ...one, name: `other-${one.name}` }
    yield* t.told("the program, under another name", renamed)
    yield* t.lives("under another name", renamed, writer)
    const third = { ...one, name: `third-${one.name}` }
    yield* t.told("the program, under a third name", third)
    yield* t.lives("in the end", third, writer)
  })
)

const refusedInside = define(
  "a program that is refused changes nothing, and stays as it was",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const first = t.release("first 2.0", 2)
    const second = t.release("second 2.0", 2)
    yield* t.told("the first program", first, 2)
    yield* t.told("the second program", second, 2)
    const worse = { ...second, reads: [t.at("Happened", 1)], writes: [t.at("Else", 9, "There")] }
    yield* t.refused("the second, which reads less now", t.programs.enter(worse))
    yield* t.lives("after it", first, second)
    yield* t.opens("after it", t.at("Happened", 2))
  })
)

const comesBack = define(
  "a program that was forgotten comes back, unless others went on without it",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const old = t.release("old 1.0", 1, { expiry: shortExpiry })
    yield* t.told("the old program", old, 1)
    yield* t.gone(old)
    yield* t.told("the old program, which comes back", { ...old, expiry: Duration.minutes(1) }, 1)
    const next = t.release("new 2.0", 2)
    yield* t.told("a new release beside it", next, 1)
    yield* t.programs.leave(old.id)
    yield* t.enter(old).pipe(Effect.andThen(t.gone(old)))
    yield* t.told("the new release, when the old one is forgotten", next, 2)
    yield* t.refused("the old program, which comes back too late", t.programs.enter(old))
    yield* t.lives("in the end", next)
  })
)

const order = define(
  "programs are told by their names and ids, and what they read by category and type",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const reads = [t.at("b", 1, "Z"), t.at("a", 2, "Z"), t.at("C", 3, "Z"), t.at("x", 4, ""), t.at("x", 5, "a")]
    const names = ["b", "a", "B", "a", "aa"]
    const entries = names.map((name) => t.entry(name, { reads }))
    for (const entry of entries) yield* t.told("a program", entry)
    yield* t.lives("in their order", ...entries)
  })
)

const many = define(
  `a program reads ${Limits.readsPerProgram} types and no more`,
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const reads = Array.from({ length: Limits.readsPerProgram }, (_, i) => t.at(`T${i}`, i % 5 + 1))
    const program = t.entry("wide 1.0", { reads })
    yield* t.told("the program", program)
    const other = t.entry("narrow 1.0", { writes: [t.at("T3", 9), t.at(`T${Limits.readsPerProgram - 1}`, 9)] })
    yield* t.told("a program beside it", other, 4, 5)
    yield* t.refused("one type more", t.programs.enter({ ...program, reads: [...reads, t.at("More", 1)] }))
    yield* t.refused("one type more to write", t.programs.enter({ ...other, writes: [...reads, t.at("More", 1)] }))
    const former = reads.map(({ type }) => type)
    const writes = [{ ...t.at("After", 1, "There"), formerly: former }]
    const after = t.entry("after 1.0", { writes })
    yield* t.told("one that writes what was stored under as many types", after, 1)
    yield* t.told("the same, which asks again", after, 1)
    const more = [...writes, t.over(t.at("AndAfter", 1, "There"), "More")]
    yield* t.refused("one former type more", t.programs.enter({ ...after, writes: more }))
    const [seen] = (yield* t.alive).filter(({ id }) => id === program.id)
    yield* t.equal("types that it reads", seen?.reads.length, Limits.readsPerProgram)
  })
)

const crowd = define(
  `a store takes ${Limits.programs} programs at a time and no more, and who is there is heard`,
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const before = (yield* t.programs.programs).length
    const entries = Array.from({ length: Limits.programs - before }, (_, i) => t.entry(`crowd ${i}`))
    yield* Effect.forEach(entries, (entry) => t.enter(entry), { concurrency: 16, discard: true })
    yield* t.equal("programs alive", (yield* t.alive).length, entries.length)
    const [first] = entries
    const more = t.entry("one more")
    yield* t.refused("one program more", t.programs.enter(more))
    yield* t.told("one that is there", first!)
    yield* t.programs.leave(first!.id)
    yield* t.told("one more, when one has left", more)
  })
)

const bad = (t: ProgramFixture): ReadonlyArray<readonly [what: string, parts: Partial<Entry>]> => {
  const here = t.at("Happened", 1)
  const places: ReadonlyArray<readonly [string, Entry["writes"]]> = [
    ["a type that is no name", [{ ...here, type: "no name" }]],
    ["a type without a name", [{ ...here, type: "" }]],
    ["a category that is no name", [{ ...here, category: "no name" }]],
    ["revision 0", [{ ...here, revision: 0 }]],
    ["half a revision", [{ ...here, revision: 1.5 }]],
    ["a revision beyond the highest", [{ ...here, revision: Limits.revisions + 1 }]],
    ["a type of a category twice", [here, { ...here, revision: 2 }]]
  ]
  return [
    ["an id that is no UUID", { id: "program" }],
    ["an id in upper case", { id: CommitId.generateUnsafe().toUpperCase() }],
    ["no name", { name: "" }],
    ["a name that is too long", { name: "n".repeat(Limits.idBytes + 1) }],
    ["a name with a control character", { name: "a\u0000b" }],
    ["no time", { expiry: Duration.zero }],
    ["more time than a day", { expiry: Duration.hours(25) }],
    ["time without an end", { expiry: Duration.infinity }],
    ["no category to write to", { writes: [{ ...here, category: "" }] }],
    ["a former type that is no name", { writes: [{ ...here, formerly: ["no name"] }] }],
    ...places.flatMap(([what, list]) => [
      [`${what} to read`, { reads: list }] as const,
      [`${what} to write`, { writes: list }] as const
    ])
  ]
}

const checks = define(
  "what is out of bounds is refused, and nothing is entered",
  Effect.fnUntraced(function*(t: ProgramFixture) {
    const places = [t.at("Happened", 1)]
    for (const [what, parts] of bad(t)) {
      yield* t.refused(what, t.programs.enter({ ...t.entry("bad 1.0", { reads: places, writes: places }), ...parts }))
    }
    yield* t.lives("after all of it")
    yield* t.opens("after all of it")
    const longest = t.entry("n", {
      reads: [t.at("Happened", Limits.revisions)],
      writes: [t.at("Happened", Limits.revisions)],
      expiry: Duration.days(1)
    })
    const name = `${"ü".repeat(10)}${"n".repeat(Limits.idBytes - 20 - longest.name.length)}${longest.name}`
    yield* t.told("a program at the bounds", { ...longest, name }, Limits.revisions)
    yield* t.lives("at the bounds", { ...longest, name })
  })
)

/** Cases about programs that come, are heard of and go. */
export const cases: ReadonlyArray<Definition> = [
  leaves,
  anew,
  backAndForth,
  refusedInside,
  order,
  checks,
  many,
  crowd,
  comesBack,
  unseen,
  expires,
  away,
  heard
]
